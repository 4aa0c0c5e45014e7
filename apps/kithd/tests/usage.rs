//! What the program says on the command line: versions, refusals, hints and exit codes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::process::Output;

use support::{Kithd, kithd};

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_version_is_told() {
    let data = tempfile::tempdir().unwrap();
    let output = kithd(data.path()).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("kithd ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_exits_with_2_and_a_hint() {
    let data = tempfile::tempdir().unwrap();
    let unknown_flag = kithd(data.path()).arg("--lisen").output().unwrap();
    assert_eq!(code(&unknown_flag), 2);
    let bad_address = kithd(data.path()).args(["--listen", "here"]).output().unwrap();
    assert_eq!(code(&bad_address), 2);
    assert!(stderr(&bad_address).contains("hint: write it like 127.0.0.1:5484"), "{}", stderr(&bad_address));
    let bad_variable = kithd(data.path()).env("KITHD_PUBLICURL", "x").arg("--json").output().unwrap();
    assert_eq!(code(&bad_variable), 2);
    let line: serde_json::Value = serde_json::from_slice(&bad_variable.stdout).unwrap();
    assert_eq!(line["error"]["code"], "config");
    assert_eq!(line["error"]["hint"], "did you mean KITHD_PUBLIC_URL?");
}

#[test]
fn a_folder_has_one_server() {
    let data = tempfile::tempdir().unwrap();
    let _server = Kithd::start(data.path());
    let second = kithd(data.path()).args(["--listen", "127.0.0.1:0", "--json"]).output().unwrap();
    assert_eq!(code(&second), 1);
    let line: serde_json::Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!(line["error"]["code"], "in_use");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Kithd::start(one.path());
    let taken = server.ready["listen"].as_str().unwrap();
    let second = kithd(two.path()).args(["--listen", taken]).output().unwrap();
    assert_eq!(code(&second), 1);
    let told = stderr(&second);
    assert!(told.contains(&format!("kithd: {taken}, which listen says,")), "{told}");
    assert!(told.contains("another program listens there") && told.contains("--listen ADDR:PORT"), "{told}");
    // Each setting that says an address is named.
    let metrics = kithd(two.path()).args(["--listen", "127.0.0.1:0"]).env("KITHD_METRICS", taken).output().unwrap();
    let told = stderr(&metrics);
    assert!(told.contains(&format!("{taken}, which metrics says,")) && told.contains("with metrics in the"), "{told}");
    let challenges = kithd(two.path())
        .args(["--listen", "127.0.0.1:0"])
        .envs([("KITHD_TLS_ACME_NAME", "kith.example"), ("KITHD_TLS_ACME_LISTEN", taken)])
        .output()
        .unwrap();
    assert!(stderr(&challenges).contains(&format!("{taken}, which tls.acme_listen says,")), "{}", stderr(&challenges));
}

#[test]
fn a_folder_with_files_of_others_is_refused_and_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("build.log"), b"theirs").unwrap();
    for command in [&["--listen", "127.0.0.1:0"][..], &["invite"]] {
        let refused = kithd(data.path()).args(command).output().unwrap();
        assert_eq!(code(&refused), 1);
        let told = stderr(&refused);
        assert!(told.contains("holds `build.log`, which is none of kithd's"), "{told}");
        assert!(told.contains("hint: give kithd a folder of its own"), "{told}");
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_there_is_told_as_what_it_is() {
    let parent = tempfile::tempdir().unwrap();
    let (missing, empty) = (parent.path().join("missing"), parent.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    for (data, command) in [
        (&missing, &["check"][..]),
        (&missing, &["backup", "-"]),
        (&missing, &["invite"]),
        (&missing, &["account", "list"]),
        (&missing, &["account", "remove", &"a".repeat(52), "--yes"]),
        (&empty, &["check"]),
        (&empty, &["backup", "-"]),
        (&empty, &["invite"]),
        (&missing, &["check", empty.to_str().unwrap()]),
    ] {
        let output = kithd(data).args(command).output().unwrap();
        assert_eq!(code(&output), 2, "{command:?}");
        let told = stderr(&output);
        assert!(told.contains("no kithd has ever used the data folder") && told.contains("--data DIR"), "{told}");
    }
    let output = kithd(&missing).args(["check", "/nowhere/at.all"]).output().unwrap();
    assert!(stderr(&output).contains("neither a data folder nor a backup at /nowhere/at.all"), "{}", stderr(&output));
    assert!(!missing.exists() && std::fs::read_dir(&empty).unwrap().next().is_none(), "nothing is made");
}

#[test]
fn a_damaged_store_is_told_with_the_ways_out() {
    let data = tempfile::tempdir().unwrap();
    drop(Kithd::start(data.path()));
    let files = std::fs::read_dir(data.path().join("store")).unwrap().map(|file| file.unwrap().path());
    for log in files.filter(|path| path.extension().is_some_and(|kind| kind == "log")) {
        let mut bytes = std::fs::read(&log).unwrap();
        // The head of a part that is on the disk since long.
        bytes[..64].fill(0x55);
        std::fs::write(&log, bytes).unwrap();
    }
    for command in [&["--listen", "127.0.0.1:0"][..], &["check"]] {
        let told = stderr(&kithd(data.path()).args(command).output().unwrap());
        assert!(told.contains("is damaged at byte"), "{told}");
        assert!(told.contains("keep the folder as it is") && told.contains("kithd restore"), "{told}");
    }
}

#[test]
fn a_configuration_that_may_not_be_read_is_told_with_who_may() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("config.toml");
    std::fs::write(&file, b"").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&file).is_ok() {
        return println!("root may read everything: nothing was tested");
    }
    let output = kithd(data.path()).arg("status").output().unwrap();
    assert_eq!(code(&output), 2);
    let told = stderr(&output);
    assert!(told.contains("config.toml cannot be read") && told.contains("hint: do it as the user"), "{told}");
}

#[test]
fn an_invite_is_good_for_some_time_and_not_for_ever() {
    let data = tempfile::tempdir().unwrap();
    for expires in ["0d", "0s", "59s", "99999d", "tomorrow"] {
        let output = kithd(data.path()).args(["invite", "--expires", expires]).output().unwrap();
        assert_eq!(code(&output), 2, "{expires}");
        assert!(stderr(&output).contains("--expires"), "{}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "no code was made");
}

#[test]
fn a_configuration_is_checked_without_a_start() {
    let data = tempfile::tempdir().unwrap();
    let check = |file: &str| {
        std::fs::write(data.path().join("config.toml"), file).unwrap();
        kithd(data.path()).args(["config", "--check"]).env("KITHD_LOG", "warn").output().unwrap()
    };
    let good = check("listen = '127.0.0.1:9'");
    assert_eq!(code(&good), 0, "{}", stderr(&good));
    let told = String::from_utf8(good.stdout).unwrap();
    let line = |key: &str| told.lines().find(|line| line.starts_with(key)).unwrap().split_once("# ").unwrap();
    assert_eq!(line("listen = \"127.0.0.1:9\"").1, "file");
    assert_eq!(line("log = \"warn\"").1, "KITHD_LOG");
    assert_eq!(line("registration = \"open\"").1, "default");
    let bad = check("[tls]\nacme_name = 'kith.example'\nacme_directory = 'foo'");
    assert_eq!(code(&bad), 2);
    assert!(stderr(&bad).contains("tls.acme_directory is `foo`"), "{}", stderr(&bad));
    let missing = check("[tls]\ncert = '/nowhere/cert.pem'\nkey = '/nowhere/key.pem'");
    assert_eq!(code(&missing), 1);
    assert!(stderr(&missing).contains("/nowhere/cert.pem, which tls.cert names"), "{}", stderr(&missing));
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1, "nothing is made");
}

#[test]
fn the_first_line_tells_programs_what_they_need() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| {
        command.args(["--public-url", "https://kith.example"]).env("KITHD_METRICS", "127.0.0.1:0")
    });
    assert_eq!(server.ready["ready"], true);
    assert_eq!(server.ready["url"], "https://kith.example");
    assert_eq!(server.ready["server_key"].as_str().unwrap().len(), 52);
    assert!(server.ready["metrics"].as_str().unwrap().ends_with("/metrics"));
}

#[test]
fn people_are_told_what_to_do_next() {
    use std::io::{BufRead as _, BufReader};
    let data = tempfile::tempdir().unwrap();
    let mut command = kithd(data.path());
    command.args(["--listen", "127.0.0.1:0"]).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = lines.take_while(|line| !line.starts_with("Start it with")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let told = told.join("\n");
    assert!(told.contains("server key") && told.contains("kith init --server http://127.0.0.1:"), "{told}");
    assert!(told.contains("good on this machine only"), "{told}");
}

#[test]
fn operators_are_told_what_is_missing_before_others_reach_the_server() {
    for (url, missing) in [
        ("https://kith.example", "at port 5484 of kith.example"),
        ("https://kith.example:443", "at port 443 of kith.example"),
        ("http://kith.example", "use https"),
        ("http://127.0.0.1:5484", "--allow-private-peers only"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let mut command = kithd(data.path());
        command.args(["--listen", "127.0.0.1:0", "--public-url", url]).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        let told = std::io::BufRead::lines(&mut out).map(Result::unwrap).find(|line| line.contains(missing));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(told.is_some(), "{url}");
    }
}

#[test]
fn operators_are_told_when_others_come_to_another_port_than_the_server_listens_on() {
    use std::io::{BufRead as _, BufReader};
    let data = tempfile::tempdir().unwrap();
    let mut command = kithd(data.path());
    command.args(["--listen", "127.0.0.1:0", "--public-url", "https://kith.example"]);
    command.envs([
        ("KITHD_TLS_ACME_NAME", "kith.example"),
        ("KITHD_TLS_ACME_DIRECTORY", "http://127.0.0.1:1/directory"),
        ("KITHD_TLS_ACME_LISTEN", "127.0.0.1:0"),
    ]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("That address means port 5484 and this server listens on"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.is_some());
}

#[test]
fn a_configuration_with_every_key_is_printed_and_changes_nothing_when_used() {
    let data = tempfile::tempdir().unwrap();
    let printed = kithd(data.path()).arg("config").output().unwrap();
    assert_eq!(code(&printed), 0);
    std::fs::write(data.path().join("config.toml"), &printed.stdout).unwrap();
    let server = Kithd::start(data.path());
    assert_eq!(server.ready["ready"], true);
}
