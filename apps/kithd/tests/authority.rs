//! The real server and Pebble, the test authority of Let's Encrypt, where it is installed (Debian's `pebble`): a certificate comes, is
//! shown, kept, and not ordered again by the next start. Elsewhere this shows nothing, and says so; `tls.rs` has what needs no Pebble.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

#[path = "../../kith/tests/journey/eventually.rs"]
mod eventually;
#[path = "../../../crates/kith-net/tests/support/pebble.rs"]
mod pebble;
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use eventually::eventually;
use pebble::{Pebble, free_ports};
use serde_json::Value;
use support::{Kithd, kithd};

fn start(data: &Path, authority: &Pebble, challenged: u16) -> Kithd {
    Kithd::start_with(data, |command| {
        command
            .args(["--public-url", "https://kith.example"])
            .env("KITHD_TLS_ACME_NAME", "kith.example")
            .env("KITHD_TLS_ACME_DIRECTORY", &authority.directory)
            .env("KITHD_TLS_ACME_CA", &authority.ca)
            .env("KITHD_TLS_ACME_LISTEN", format!("127.0.0.1:{challenged}"))
    })
}

fn status(data: &Path) -> (Option<i32>, Value) {
    let output = kithd(data).args(["status", "--json"]).output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_certificate_comes_from_an_authority_of_ones_own_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let [challenged] = free_ports();
    // A server that finds nobody there asks again in a quarter of an hour: it listens before.
    let Some(authority) = Pebble::start(folder.path(), challenged) else { return };
    let server = start(&data, &authority, challenged);
    let report = eventually("a certificate comes", || {
        let (code, report) = status(&data);
        (code == Some(0)).then_some(report)
    });
    assert_eq!(report["attention"], serde_json::json!([]));
    assert!(report["certificate_ends"].as_u64() > report["now"].as_u64(), "{report}");
    let kept = ["certificate.pem", "account.json"].map(|name| data.join("acme").join(name));
    // It is shown before it is written.
    eventually("both are kept", || kept.iter().all(|path| path.exists()).then_some(()));
    for path in &kept {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let before = kept.each_ref().map(|path| std::fs::read(path).unwrap());
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the authority gave a certificate"), "{log}");

    let server = start(&data, &authority, challenged);
    let (code, again) = status(&data);
    assert_eq!((code, &again["certificate_ends"]), (Some(0), &report["certificate_ends"]), "at once");
    let (_, log) = server.stop();
    assert!(!log.contains("the authority gave a certificate"), "ordered again: {log}");
    assert_eq!(kept.each_ref().map(|path| std::fs::read(path).unwrap()), before);
}
