//! How somebody arrives: choosing a home server, a folder and a password, and everything that goes wrong there.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Outcome, PASSWORD, Person, Server, World, eventually};

#[test]
fn a_server_by_invite_takes_whoever_has_a_good_code_and_a_refusal_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(&folder.path().join("server"), &[("KITHD_REGISTRATION", "invite")]);
    let (ana, bela) = (Person::new(&folder.path().join("ana")), Person::new(&folder.path().join("bela")));
    let init = ["init", "--server", &server.url, "--server-key", &server.key];

    assert_refused(&ana.run(&init), 1, "invite_needed");
    assert!(!ana.home.exists(), "the folder is free for the next attempt");
    let wrong = "a".repeat(26);
    assert_refused(&ana.run(&[&init[..], &["--invite", &wrong]].concat()), 1, "invite_needed");
    assert_refused(&ana.run(&[&init[..], &["--invite", "none"]].concat()), 2, "usage");

    let code = server.invite();
    ana.succeed(&[&init[..], &["--invite", &code]].concat());
    ana.succeed(&["card", "new"]);
    assert_refused(&bela.run(&[&init[..], &["--invite", &code]].concat()), 1, "invite_needed");
}

#[test]
fn somebody_whom_no_server_has_taken_yet_tries_again_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(&folder.path().join("server"), &[("KITHD_REGISTRATION", "invite")]);
    let ana = Person::new(&folder.path().join("ana"));
    ana.succeed(&["init", "--server", &shows_its_papers_and_goes(&server)]);
    assert_eq!(ana.succeed(&["status"]).lines[0]["registered"], false);

    assert_refused(&ana.run(&["init", "--server", &server.url]), 1, "invite_needed");
    assert!(ana.home.exists(), "only what the attempt itself made is removed");
    assert_refused(&ana.with_password("a guess").run(&["init", "--server", &server.url]), 3, "wrong_password");
    ana.succeed(&["init", "--server", &server.url, "--invite", &server.invite()]);
    assert_eq!(ana.succeed(&["status"]).lines[0]["registered"], true);
    assert_refused(&ana.run(&["init", "--server", &server.url]), 1, "already_initialised");
}

/// Returns the address of something that gives the server's descriptor once and is not there any more.
fn shows_its_papers_and_goes(server: &Server) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut asked = TcpStream::connect(address).unwrap();
    write!(asked, "GET /kith/v1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut papers = Vec::new();
    asked.read_to_end(&mut papers).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut asking, _) = listener.accept().unwrap();
        drop(listener);
        assert!(asking.read(&mut [0; 1024]).unwrap() > 0);
        asking.write_all(&papers).unwrap();
    });
    url
}

#[test]
fn init_prints_the_key_that_it_finds_and_refuses_another_one_than_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("server"));
    let other = Server::start(&folder.path().join("other"));
    let ana = Person::new(&folder.path().join("ana"));

    let named = ana.run(&["init", "--server", &server.url, "--server-key", &other.key]);
    assert_refused(&named, 1, "server_key_mismatch");
    assert_refused(&ana.run(&["init", "--server", "http://kith.example.org"]), 1, "plain_http");
    assert_refused(&ana.run(&["init", "--server", "ftp://kith.example.org"]), 2, "usage");
    assert_refused(&ana.run(&["init", "--server", "http://127.0.0.1:1"]), 4, "offline");
    assert!(!ana.home.exists());

    let made = ana.succeed(&["init", "--server", &server.url]);
    assert!(made.said.contains(&server.key), "{}", made.said);
    assert_eq!((made.text("server_key"), made.text("server")), (server.key.clone(), server.url.clone()));
    let again = ana.run(&["init", "--server", &server.url]);
    assert_refused(&again, 1, "already_initialised");
    let says = format!("is somebody without a name already, at home at {}", server.url);
    assert!(again.said.contains(&says) && again.said.contains("kith status"), "{}", again.said);
}

#[test]
fn a_wrong_address_or_folder_is_told_with_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("server"));
    let ana = Person::new(&folder.path().join("ana"));
    let secure = server.url.replace("http", "https");
    let refused = ana.run(&["init", "--server", &secure]);
    assert_refused(&refused, 4, "offline");
    let says = format!("a server on this machine that has no certificate is at {}\n", server.url);
    assert!(refused.said.contains(&says), "{}", refused.said);
    let with_certificate = with_a_certificate_of_its_own(folder.path());
    let secure = &with_certificate.url;
    let refused = ana.run(&["init", "--server", &secure.replace("https", "http")]);
    assert_refused(&refused, 1, "not_a_home_server");
    assert!(refused.said.contains(&format!("if it has a certificate, it is at {secure}\n")), "{}", refused.said);
    let refused = ana.run(&["init", "--server", secure]);
    assert_refused(&refused, 4, "offline");
    assert!(refused.said.contains("answers, and") && refused.said.contains("from an authority"), "{}", refused.said);
    let refused = ana.run(&["init", "--server", "http://kith.example.org"]);
    assert!(refused.said.contains("write https://kith.example.org in its place"), "{}", refused.said);
    std::fs::create_dir(&ana.home).unwrap();
    std::fs::write(ana.home.join("notes.txt"), "mine").unwrap();
    assert_refused(&ana.run(&["init", "--server", &server.url]), 1, "not_empty");
    assert_eq!(std::fs::read_dir(&ana.home).unwrap().count(), 1, "nothing of it was touched");
}

/// Starts a server whose certificate nobody vouches for.
fn with_a_certificate_of_its_own(folder: &Path) -> Server {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let [certificate_file, key_file] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let [certificate_file, key_file] = [&certificate_file, &key_file].map(|file| file.to_str().unwrap());
    let settings = [("KITHD_TLS_CERT", certificate_file), ("KITHD_TLS_KEY", key_file)];
    Server::start_with(&folder.join("with-certificate"), &settings)
}

#[test]
fn nobody_is_asked_for_a_password_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Person::new(&folder.path().join("nobody"));
    let output = nobody.bare(&["contacts", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "not_initialised");
    let output = nobody.bare(&["init", "--server", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "the server is looked for first");
}

#[test]
fn passwords_come_from_a_file_the_environment_or_a_person_and_a_folder_from_its_variable() {
    let world = World::of_strangers();
    let file = world.folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\nsomething else\n")).unwrap();
    let run = |args: &[&str]| world.ana.bare(args).output().unwrap().status.code();
    assert_eq!(run(&["status", "--password-file", file.to_str().unwrap()]), Some(0));
    assert_eq!(run(&["status", "--password-file", "/nowhere"]), Some(1));
    assert_eq!(run(&["status"]), Some(2), "nobody is there to type it");
    std::fs::write(&file, "not this one").unwrap();
    assert_eq!(run(&["status", "--password-file", file.to_str().unwrap()]), Some(3));

    let kith = env!("CARGO_BIN_EXE_kith");
    let output = std::process::Command::new(kith)
        .args(["status", "--json"])
        .env("KITH_HOME", &world.bela.home)
        .env("KITH_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["name"], "Belarmino");
}

#[test]
fn beside_a_listener_the_password_is_asked_for_and_can_be_changed() {
    let world = World::of_friends();
    let hears = world.ana.listen();
    eventually("the listener owns the folder", || world.ana.home.join("owner.sock").exists().then_some(()));
    let mode = std::fs::metadata(world.ana.home.join("owner.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_refused(&world.ana.with_password("a guess").run(&["contacts"]), 3, "wrong_password");

    let changed = world.ana.succeed_with(&["password"], &[("KITH_NEW_PASSWORD", "another kitchen")]);
    assert_eq!(changed.text("password"), "changed");
    assert_refused(&world.ana.run(&["contacts"]), 3, "wrong_password");
    let ana = world.ana.with_password("another kitchen");
    assert_eq!(ana.succeed(&["contacts"]).lines.len(), 1);
    drop(hears);
    assert_eq!(ana.succeed(&["contacts"]).lines.len(), 1, "the change outlives the listener");
}

fn assert_refused(outcome: &Outcome, code: i32, name: &str) {
    let error = &outcome.lines.last().unwrap_or_else(|| panic!("nothing was told: {}", outcome.said))["error"];
    assert_eq!((outcome.code, error["code"].as_str()), (code, Some(name)), "{error} {}", outcome.said);
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
}
