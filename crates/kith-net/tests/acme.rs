//! A whole order against an authority that lives in this file: it looks at our challenge over HTTP, reads our
//! request and signs it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kith_net::acme::{self, AcmeError, Challenges, Wanted};
use kith_net::{Listener, ListenerLimits, Pages, ServerIdentity};
use kith_wire::address::ServerUrl;
use rcgen::{CertificateSigningRequestParams, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

const NAME: &str = "kith.example";

/// An authority that believes what it sees on `challenged`.
struct Authority {
    base: String,
    challenged: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    accounts: usize,
    proven: bool,
    refused: bool,
    certificate: Option<String>,
}

impl Authority {
    async fn start(challenged: SocketAddr) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let authority = Arc::new(Self { base, challenged, state: Mutex::default() });
        let shared = Arc::clone(&authority);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let authority = Arc::clone(&shared);
                let service = service_fn(move |request| {
                    let authority = Arc::clone(&authority);
                    async move { Ok::<_, Infallible>(authority.respond(request).await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        authority
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let jose: Option<Value> = serde_json::from_slice(&body).ok();
        let part = |name: &str| -> Option<Value> {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(jose.as_ref()?[name].as_str()?.as_bytes()).ok()?).ok()
        };
        let base = &self.base;
        let (location, answer) = match path.as_str() {
            "/directory" => (None, self.directory()),
            "/nonce" => (None, json!({})),
            "/account" => {
                self.state.lock().unwrap().accounts += 1;
                (Some(format!("{base}/account/1")), json!({"status": "valid"}))
            }
            "/order" | "/order/1" => (Some(format!("{base}/order/1")), self.order()),
            "/authorization" => (None, self.authorization()),
            "/challenge" => {
                self.look(&part("protected").unwrap()).await;
                (None, self.challenge())
            }
            "/finalize" => {
                self.sign(&part("payload").unwrap());
                (None, self.order())
            }
            "/certificate" => return text(self.state.lock().unwrap().certificate.clone().unwrap()),
            other => unreachable!("{other}"),
        };
        let mut response = text(answer.to_string());
        response.headers_mut().insert("replay-nonce", "bm9uY2U".parse().unwrap());
        if let Some(location) = location {
            response.headers_mut().insert("location", location.parse().unwrap());
        }
        response
    }

    fn directory(&self) -> Value {
        let base = &self.base;
        json!({
            "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/account"),
            "newOrder": format!("{base}/order"), "revokeCert": format!("{base}/revoke"),
        })
    }

    fn order(&self) -> Value {
        let base = &self.base;
        let state = self.state.lock().unwrap();
        let status = match &*state {
            State { certificate: Some(_), .. } => "valid",
            State { proven: true, .. } => "ready",
            State { refused: true, .. } => "invalid",
            _ => "pending",
        };
        let mut order = json!({
            "status": status, "identifiers": [{"type": "dns", "value": NAME}],
            "authorizations": [format!("{base}/authorization")], "finalize": format!("{base}/finalize"),
        });
        if status == "valid" {
            order["certificate"] = json!(format!("{base}/certificate"));
        }
        order
    }

    fn authorization(&self) -> Value {
        json!({
            "status": if self.state.lock().unwrap().proven { "valid" } else { "pending" },
            "identifier": {"type": "dns", "value": NAME}, "challenges": [self.challenge()],
        })
    }

    fn challenge(&self) -> Value {
        json!({"type": "http-01", "status": "pending", "token": "token-1", "url": format!("{}/challenge", self.base)})
    }

    /// Fetches the answer to the challenge, the way an authority does.
    async fn look(&self, _: &Value) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = TcpStream::connect(self.challenged).await.unwrap();
        stream.write_all(b"GET /.well-known/acme-challenge/token-1 HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let mut state = self.state.lock().unwrap();
        state.proven = answer.starts_with("HTTP/1.0 200 ") && answer.contains("\r\n\r\ntoken-1.");
        state.refused = !state.proven;
    }

    fn sign(&self, payload: &Value) {
        let request = BASE64URL_NOPAD.decode(payload["csr"].as_str().unwrap().as_bytes()).unwrap();
        let request = CertificateSigningRequestParams::from_der(&request.into()).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(rcgen::CertificateParams::new(vec!["authority.example".to_owned()]).unwrap(), key);
        self.state.lock().unwrap().certificate = Some(request.signed_by(&issuer).unwrap().pem());
    }
}

fn text(text: String) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(text)))
}

/// The listener on "port 80" that shows challenges.
async fn show(challenges: &Challenges) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None, ListenerLimits::default()).await.unwrap();
    let address = listener.local_address();
    let challenges = challenges.clone();
    let pages = Pages::new("text/plain", move |path| challenges.page(path));
    tokio::spawn(listener.serve_pages(pages, std::future::pending()));
    address
}

fn wanted(authority: &Authority, account: Option<String>) -> Wanted {
    let contact = Some("mailto:someone@kith.example".to_owned());
    Wanted { directory: format!("{}/directory", authority.base), name: NAME.to_owned(), contact, account }
}

#[tokio::test]
async fn an_order_proves_the_name_and_brings_a_certificate_with_its_key() {
    let challenges = Challenges::default();
    let authority = Authority::start(show(&challenges).await).await;
    let carrier = support::carrier();
    let issued = acme::order(&carrier, &wanted(&authority, None), &challenges).await.unwrap();
    assert!(ServerIdentity::from_pem(issued.certificates.as_bytes(), issued.key.as_bytes()).is_ok());
    let (begins, ends) = acme::validity(&issued.certificates).unwrap();
    assert!(begins < ends);
    assert_eq!(challenges.page("/.well-known/acme-challenge/token-1"), None);

    // The second time, the account is the one from before.
    *authority.state.lock().unwrap() = State { accounts: 1, ..State::default() };
    let again = acme::order(&carrier, &wanted(&authority, Some(issued.account)), &challenges).await.unwrap();
    assert_ne!(again.key, issued.key);
    assert_eq!(authority.state.lock().unwrap().accounts, 1);
}

#[tokio::test]
async fn a_name_that_cannot_be_proven_brings_nothing() {
    let challenges = Challenges::default();
    // Shows the answers of somebody else.
    let authority = Authority::start(show(&Challenges::default()).await).await;
    let outcome = acme::order(&support::carrier(), &wanted(&authority, None), &challenges).await;
    assert!(matches!(outcome.err(), Some(AcmeError::NotProven)));
}

#[tokio::test]
async fn an_authority_that_is_away_is_an_error() {
    let nowhere = Authority {
        base: "http://127.0.0.1:1".to_owned(),
        challenged: ([127, 0, 0, 1], 1).into(),
        state: Mutex::default(),
    };
    let outcome = acme::order(&support::carrier(), &wanted(&nowhere, None), &Challenges::default()).await;
    assert!(matches!(outcome.err(), Some(AcmeError::Authority(_))));
}

#[tokio::test]
async fn a_stand_in_can_be_shown_at_once() {
    let (certificates, key) = acme::stand_in("localhost").unwrap();
    let identity = ServerIdentity::from_pem(certificates.as_bytes(), key.as_bytes()).unwrap();
    let server = support::Server::start_with(ListenerLimits::default(), Some(identity)).await;
    let anchors = kith_net::TrustAnchors::web().with_pem(certificates.as_bytes()).unwrap();
    let carrier = kith_net::Carrier::builder(kith_net::AddressPolicy::AllowPrivate).trust(anchors).build().unwrap();
    let url = ServerUrl::parse(&format!("https://localhost:{}", server.address.port())).unwrap();
    assert!(carrier.descriptor(&url).await.is_ok());
}
