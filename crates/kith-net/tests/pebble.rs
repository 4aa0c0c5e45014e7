//! A whole order against Pebble, the test authority of Let's Encrypt, where it is installed (Debian's `pebble`): it refuses
//! nonces at random, looks at the challenge over the network and signs with a chain of its own. Elsewhere this shows nothing,
//! and says so; the authority in `acme.rs` is always there.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

#[path = "support/pebble.rs"]
mod authority;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use authority::Pebble;
use kith_net::acme::{self, AcmeError, Challenges, Wanted};
use kith_net::{AddressPolicy, Carrier, Listener, ListenerLimits, Pages, ServerIdentity, TrustAnchors};

const NAME: &str = "kith.example";

/// The authority, and a carrier that believes it.
struct Authority {
    pebble: Pebble,
    carrier: Carrier,
}

impl Authority {
    /// Starts it; `None` where it is not installed.
    fn start(folder: &Path, challenged: SocketAddr) -> Option<Self> {
        let pebble = Pebble::start(folder, challenged.port())?;
        let anchors = TrustAnchors::web().with_pem(&std::fs::read(&pebble.ca).unwrap()).unwrap();
        let carrier = Carrier::builder(AddressPolicy::AllowPrivate).trust(anchors).build().unwrap();
        Some(Self { pebble, carrier })
    }

    async fn order(&self, account: Option<String>, challenges: &Challenges) -> Result<acme::Issued, AcmeError> {
        let contact = Some("mailto:someone@kith.example".to_owned());
        let wanted = Wanted { directory: self.pebble.directory.clone(), name: NAME.to_owned(), contact, account };
        acme::order(&self.carrier, &wanted, challenges).await
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
    let Some(authority) = Authority::start(&folder("pebble-gives"), show(challenges.clone()).await) else {
        return;
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
    let Some(authority) = Authority::start(&folder("pebble-refuses"), show(Challenges::default()).await) else {
        return;
    };
    let outcome = authority.order(None, &Challenges::default()).await;
    let error = outcome.err().unwrap().to_string();
    assert!(error.contains("unauthorized") || error.contains("404"), "it says why: {error}");
}
