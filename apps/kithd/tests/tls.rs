//! The real server with certificates: from files, renewed on SIGHUP, and a stand-in until an authority answers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use kith_net::{AddressPolicy, Carrier, CarrierError, Listener, ListenerLimits, Pages, ServerIdentity, TrustAnchors};
use kith_wire::address::ServerUrl;

use support::{Kithd, kithd};

/// Writes a fresh certificate for loopback with its key and returns a carrier that trusts it alone.
fn certify(folder: &Path) -> Carrier {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let anchors = TrustAnchors::web().with_pem(made.cert.pem().as_bytes()).unwrap();
    Carrier::builder(AddressPolicy::AllowPrivate).trust(anchors).build().unwrap()
}

fn url(server: &Kithd) -> ServerUrl {
    ServerUrl::parse(server.ready["url"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn certificates_from_files_are_shown_and_read_again_on_sighup() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = certify(files.path());
    let server = Kithd::start_with(data.path(), |command| {
        command.env("KITHD_TLS_CERT", files.path().join("cert.pem")).env("KITHD_TLS_KEY", files.path().join("key.pem"))
    });
    let url = url(&server);
    assert!(url.as_str().starts_with("https://127.0.0.1:"), "{url}");
    assert!(first.descriptor(&url).await.is_ok());

    let second = certify(files.path());
    assert_eq!(second.descriptor(&url).await, Err(CarrierError::Certificate));
    server.signal("HUP");
    // The signal is handled when it is; until then the old certificate is shown.
    while second.descriptor(&url).await == Err(CarrierError::Certificate) {}
    assert!(second.descriptor(&url).await.is_ok());
}

#[tokio::test]
async fn until_an_authority_answers_a_stand_in_is_shown() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| with_authority(command, "http://127.0.0.1:1/directory"));
    assert!(url(&server).as_str().starts_with("https://kith.example:"));
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).build().unwrap();
    let here = server.url.as_str().replace("http://", "https://");
    let outcome = carrier.descriptor(&ServerUrl::parse(&here).unwrap()).await;
    assert_eq!(outcome, Err(CarrierError::Certificate));
}

#[tokio::test]
async fn a_server_that_waits_for_its_authority_says_so_and_survives_a_hangup() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| with_authority(command, "http://127.0.0.1:1/directory"));
    server.signal("HUP");
    let status = kithd(data.path()).args(["status", "--json"]).output().unwrap();
    assert_eq!(status.status.code(), Some(4));
    let report: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(report["attention"], serde_json::json!(["certificate_awaited"]));
    let told = kithd(data.path()).arg("status").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Needs attention (exit code 4):") && told.contains("port 80 of tls.acme_name"), "{told}");
    assert!(!told.contains("SIGHUP"), "there is no file to put in its place: {told}");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

fn with_authority<'a>(command: &'a mut Command, directory: &str) -> &'a mut Command {
    command.envs([
        ("KITHD_TLS_ACME_NAME", "kith.example"),
        ("KITHD_TLS_ACME_DIRECTORY", directory),
        ("KITHD_TLS_ACME_LISTEN", "127.0.0.1:0"),
    ])
}

#[tokio::test]
async fn an_authority_of_ones_own_is_believed_when_its_certificate_is_named() {
    let (believing, doubting, files) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify(files.path());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| files.path().join(name));
    let identity = ServerIdentity::from_pem_files(&cert, &key).unwrap();
    let limits = ListenerLimits::default();
    let authority = Listener::bind("127.0.0.1:0".parse().unwrap(), Some(identity), limits).await.unwrap();
    let directory = format!("https://{}/directory", authority.local_address());
    let (asked, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let pages = Pages::new("application/json", move |path| {
        let _ = asked.send(path.to_owned());
        None
    });
    tokio::spawn(authority.serve_pages(pages, std::future::pending()));

    let mut command = kithd(doubting.path());
    let command = with_authority(&mut command, &directory).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::null());
    let mut doubter = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(doubter.stderr.take().unwrap());
    let given_up = tokio::task::spawn_blocking(move || {
        log.lines().map_while(Result::ok).any(|line| line.contains("no certificate came"))
    });
    assert!(given_up.await.unwrap());
    doubter.kill().unwrap();
    doubter.wait().unwrap();
    assert!(heard.try_recv().is_err(), "nothing is said to whoever is not believed");

    let _server = Kithd::start_with(believing.path(), |command| {
        with_authority(command, &directory).env("KITHD_TLS_ACME_CA", &cert)
    });
    assert_eq!(heard.recv().await.as_deref(), Some("/directory"));
}

#[test]
fn a_certificate_that_is_missing_is_told_with_a_hint() {
    let data = tempfile::tempdir().unwrap();
    let output = kithd(data.path())
        .env("KITHD_LISTEN", "127.0.0.1:0")
        .env("KITHD_TLS_CERT", "/nowhere/cert.pem")
        .env("KITHD_TLS_KEY", "/nowhere/key.pem")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("/nowhere/cert.pem, which tls.cert names") && told.contains("hint: check tls.cert"),
        "{told}"
    );
}
