//! The real server with certificates: from files, renewed on SIGHUP, and a stand-in until an authority answers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::path::Path;

use kith_net::{AddressPolicy, Carrier, CarrierError, TrustAnchors};
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
    let server = Kithd::start_with(data.path(), |command| {
        command
            .env("KITHD_TLS_ACME_NAME", "kith.example")
            .env("KITHD_TLS_ACME_DIRECTORY", "http://127.0.0.1:1/directory")
            .env("KITHD_TLS_ACME_LISTEN", "127.0.0.1:0")
    });
    assert!(url(&server).as_str().starts_with("https://kith.example:"));
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).build().unwrap();
    let here = server.url.as_str().replace("http://", "https://");
    let outcome = carrier.descriptor(&ServerUrl::parse(&here).unwrap()).await;
    assert_eq!(outcome, Err(CarrierError::Certificate));
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
