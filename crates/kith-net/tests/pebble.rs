//! A whole order against Pebble, the test authority of Let's Encrypt, where it is installed (Debian's `pebble`): it refuses
//! nonces at random, looks at the challenge over the network and signs with a chain of its own. Elsewhere this shows nothing,
//! and says so; the authority in `acme.rs` is always there.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kith_net::acme::{self, AcmeError, Challenges, Wanted};
use kith_net::{AddressPolicy, Carrier, Listener, ListenerLimits, Pages, ServerIdentity, TrustAnchors};

const NAME: &str = "kith.example";

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
    listens: SocketAddr,
    directory: String,
    carrier: Carrier,
    _programs: [Running; 2],
}

/// Starts both; `None` where they are not installed.
fn authority(folder: &Path, challenged: SocketAddr) -> Option<Authority> {
    std::fs::create_dir_all(folder).unwrap();
    let [own, management, names] = free_ports();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [cert, key, config] = ["cert.pem", "key.pem", "pebble.json"].map(|name| folder.join(name));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings = serde_json::json!({"pebble": {
        "listenAddress": format!("127.0.0.1:{own}"),
        "managementListenAddress": format!("127.0.0.1:{management}"),
        "certificate": cert,
        "privateKey": key,
        "httpPort": challenged.port(),
        "tlsPort": 1,
    }});
    std::fs::write(&config, settings.to_string()).unwrap();
    let names_at = format!("127.0.0.1:{names}");
    let mut leads = Command::new("pebble-challtestsrv");
    leads.args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", "127.0.0.1:0"]);
    let leads = run(leads.args(["-dns01", &names_at]))?;
    let mut pebble = Command::new("pebble");
    pebble.arg("-config").arg(&config).args(["-dnsserver", &names_at]);
    // It waits for seconds before it looks at a challenge, as real ones do; one refused nonce of twenty is more than theirs.
    let pebble = run(pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5"))?;
    let anchors = TrustAnchors::web().with_pem(made.cert.pem().as_bytes()).unwrap();
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).trust(anchors).build().unwrap();
    let (listens, directory) = (([127, 0, 0, 1], own).into(), format!("https://localhost:{own}/dir"));
    Some(Authority { listens, directory, carrier, _programs: [leads, pebble] })
}

fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

impl Authority {
    fn wants(&self, account: Option<String>) -> Wanted {
        let contact = Some("mailto:someone@kith.example".to_owned());
        Wanted { directory: self.directory.clone(), name: NAME.to_owned(), contact, account }
    }

    /// Orders as soon as the programs listen.
    async fn order(&self, account: Option<String>, challenges: &Challenges) -> Result<acme::Issued, AcmeError> {
        let patience = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(self.listens).await.is_err() {
            assert!(Instant::now() < patience, "pebble does not listen");
            // Not busily: it needs the processor to come up.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acme::order(&self.carrier, &self.wants(account), challenges).await
    }
}

/// Shows challenges on a "port 80".
async fn show(challenges: Challenges) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, ListenerLimits::default()).await.unwrap();
    let address = listener.local_address();
    tokio::spawn(
        listener.serve_pages(Pages::new("text/plain", move |path| challenges.page(path)), std::future::pending()),
    );
    address
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[tokio::test]
async fn a_real_authority_gives_a_certificate_and_the_next_one_to_the_same_account() {
    let challenges = Challenges::default();
    let Some(authority) = authority(&folder("pebble-gives"), show(challenges.clone()).await) else {
        return println!("pebble is not installed: nothing was tested");
    };
    let issued = authority.order(None, &challenges).await.unwrap();
    assert!(ServerIdentity::from_pem(issued.certificates.as_bytes(), issued.key.as_bytes()).is_ok());
    let (begins, ends) = acme::validity(&issued.certificates).unwrap();
    assert!(begins < ends);
    let again = authority.order(Some(issued.account.clone()), &challenges).await.unwrap();
    assert_ne!(again.key, issued.key);
    assert_eq!(again.account, issued.account);
}

#[tokio::test]
async fn a_real_authority_that_sees_another_answer_gives_nothing() {
    let Some(authority) = authority(&folder("pebble-refuses"), show(Challenges::default()).await) else {
        return println!("pebble is not installed: nothing was tested");
    };
    let outcome = authority.order(None, &Challenges::default()).await;
    let error = outcome.err().unwrap().to_string();
    assert!(error.contains("unauthorized") || error.contains("404"), "it says why: {error}");
}
