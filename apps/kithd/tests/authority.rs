//! The real server and Pebble, the test authority of Let's Encrypt, where it is installed (Debian's `pebble`): a certificate comes, is
//! shown, kept, and not ordered again by the next start. Elsewhere this shows nothing, and says so; `tls.rs` has what needs no Pebble.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Kithd, kithd};

/// A program that runs until the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) -> Option<Running> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok().map(Running)
}

/// Pebble, and the name server that it asks, which leads every name to this machine.
struct Authority {
    directory: String,
    /// The certificate that it shows to those who order.
    ca: PathBuf,
    /// Where it looks for proofs, as others do at port 80.
    challenged: u16,
    _programs: [Running; 2],
}

/// Starts both, and waits until they listen; `None` where they are not installed.
fn authority(folder: &Path) -> Option<Authority> {
    let held = [(); 4].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [own, management, names, challenged] = held.map(|listener| listener.local_addr().unwrap().port());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [ca, key, config] = ["ca.pem", "key.pem", "pebble.json"].map(|name| folder.join(name));
    std::fs::write(&ca, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = serde_json::json!({"pebble": {
        "listenAddress": format!("127.0.0.1:{own}"),
        "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": ca,
        "privateKey": key,
        "httpPort": challenged,
        "tlsPort": 1,
    }});
    std::fs::write(&config, settings.to_string()).unwrap();
    let names = format!("127.0.0.1:{names}");
    let mut leads = Command::new("pebble-challtestsrv");
    leads.args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:0"]);
    let leads = run(leads.args(["-dns01", &names]))?;
    let mut pebble = Command::new("pebble");
    pebble.arg("-config").arg(&config).args(["-dnsserver", &names]);
    // It waits for seconds before it looks at a proof, as real ones do, and refuses some nonces.
    let pebble = run(pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5"))?;
    // A server that finds nobody there asks again in a quarter of an hour.
    until("pebble listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, own)).ok());
    let directory = format!("https://localhost:{own}/dir");
    Some(Authority { directory, ca, challenged, _programs: [leads, pebble] })
}

/// Looks again and again, not busily, until there is what is waited for.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < patience, "{what}: not in a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn start(data: &Path, authority: &Authority) -> Kithd {
    Kithd::start_with(data, |command| {
        command
            .args(["--public-url", "https://kith.example"])
            .env("KITHD_TLS_ACME_NAME", "kith.example")
            .env("KITHD_TLS_ACME_DIRECTORY", &authority.directory)
            .env("KITHD_TLS_ACME_CA", &authority.ca)
            .env("KITHD_TLS_ACME_LISTEN", format!("127.0.0.1:{}", authority.challenged))
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
    let Some(authority) = authority(folder.path()) else {
        return println!("pebble is not installed: nothing was tested");
    };
    let server = start(&data, &authority);
    let report = until("a certificate comes", || {
        let (code, report) = status(&data);
        (code == Some(0)).then_some(report)
    });
    assert_eq!(report["attention"], serde_json::json!([]));
    assert!(report["certificate_ends"].as_u64() > report["now"].as_u64(), "{report}");
    let kept = ["certificate.pem", "account.json"].map(|name| data.join("acme").join(name));
    // It is shown before it is written.
    until("both are kept", || kept.iter().all(|path| path.exists()).then_some(()));
    for path in &kept {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let before = kept.each_ref().map(|path| std::fs::read(path).unwrap());
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("the authority gave a certificate"), "{log}");

    let server = start(&data, &authority);
    let (code, again) = status(&data);
    assert_eq!((code, &again["certificate_ends"]), (Some(0), &report["certificate_ends"]), "at once");
    let (_, log) = server.stop();
    assert!(!log.contains("the authority gave a certificate"), "ordered again: {log}");
    assert_eq!(kept.each_ref().map(|path| std::fs::read(path).unwrap()), before);
}
