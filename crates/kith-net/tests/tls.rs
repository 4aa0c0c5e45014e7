//! TLS over real sockets, with a certificate authority made for the test.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kith_net::{AddressPolicy, Carrier, CarrierError, ListenerLimits, ServerIdentity, TlsError, TrustAnchors};
use kith_wire::address::ServerUrl;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use support::Server;

struct Certified {
    identity: ServerIdentity,
    authority: String,
}

fn certified(names: &[&str]) -> Certified {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let authority = made.cert.pem();
    let identity = ServerIdentity::from_pem(authority.as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    Certified { identity, authority }
}

fn trusting(authority: &str) -> Carrier {
    let anchors = TrustAnchors::web().with_pem(authority.as_bytes()).unwrap();
    Carrier::builder(AddressPolicy::AllowPrivate).trust(anchors).build().unwrap()
}

fn https(server: &Server, host: &str) -> ServerUrl {
    ServerUrl::parse(&format!("https://{host}:{}", server.address.port())).unwrap()
}

#[tokio::test]
async fn a_certificate_under_an_own_authority_carries_both_kinds_of_exchange() {
    let Certified { identity, authority } = certified(&["localhost", "127.0.0.1"]);
    let server = Server::start_with(ListenerLimits::default(), Some(identity)).await;
    let carrier = trusting(&authority);
    for host in ["localhost", "127.0.0.1"] {
        let url = https(&server, host);
        assert_eq!(&*carrier.one_shot(&url, Bytes::from_static(b"hello")).await.unwrap(), b"hello");
        let (sender, mut receiver) = carrier.live(&url).await.unwrap();
        sender.send(Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(&*receiver.next().await.unwrap(), b"hello");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_connection() {
    let old = certified(&["localhost"]);
    let new = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let server = Server::start_with(ListenerLimits::default(), Some(old.identity.clone())).await;
    let url = https(&server, "localhost");
    assert!(old.identity.renew_from_pem(b"no certificate", b"no key").is_err());
    assert!(trusting(&old.authority).descriptor(&url).await.is_ok());

    let key = new.signing_key.serialize_pem();
    old.identity.renew_from_pem(new.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(trusting(&old.authority).descriptor(&url).await, Err(CarrierError::Certificate));
    assert!(trusting(&new.cert.pem()).descriptor(&url).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = Server::start_with(ListenerLimits::default(), Some(certified(&["localhost"]).identity)).await;
    let carrier = support::carrier();
    assert_eq!(carrier.descriptor(&https(&server, "localhost")).await, Err(CarrierError::Certificate));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let Certified { identity, authority } = certified(&["other.example"]);
    let server = Server::start_with(ListenerLimits::default(), Some(identity)).await;
    let outcome = trusting(&authority).descriptor(&https(&server, "localhost")).await;
    assert_eq!(outcome, Err(CarrierError::Certificate));
}

#[tokio::test]
async fn tls_and_plain_do_not_mix() {
    let Certified { identity, authority } = certified(&["localhost"]);
    let secure = Server::start_with(ListenerLimits::default(), Some(identity)).await;
    assert!(support::carrier().descriptor(&secure.url()).await.is_err());
    let plain = Server::start(ListenerLimits::default()).await;
    assert!(trusting(&authority).descriptor(&https(&plain, "localhost")).await.is_err());
}

#[tokio::test]
async fn a_silent_handshake_is_cut() {
    let limits = ListenerLimits { tls_handshake: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start_with(limits, Some(certified(&["localhost"]).identity)).await;
    assert_eq!(server.raw(b"\x16\x03\x01").await, "");
}

/// Shakes hands offering these protocols; returns the one that was agreed on.
async fn agreed(server: &Server, authority: &str, offers: &[&[u8]]) -> std::io::Result<Option<Vec<u8>>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
    let tcp = tokio::net::TcpStream::connect(server.address).await?;
    let name = "localhost".try_into().unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    // In TLS 1.3 a client is done before it has heard what the server thinks of it.
    stream.write_all(b"GET /kith/v1 HTTP/1.0\r\n\r\n").await?;
    stream.read_u8().await?;
    Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
}

#[tokio::test]
async fn http_2_is_not_agreed_on_and_who_speaks_nothing_else_is_refused() {
    let Certified { identity, authority } = certified(&["localhost"]);
    let server = Server::start_with(ListenerLimits::default(), Some(identity)).await;
    let both = agreed(&server, &authority, &[b"h2", b"http/1.1"]).await;
    assert_eq!(both.unwrap().as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(agreed(&server, &authority, &[]).await.unwrap(), None);
    assert!(agreed(&server, &authority, &[b"h2"]).await.is_err());
    assert!(agreed(&server, &authority, &[b"h2", b"h3"]).await.is_err());
}

#[test]
fn a_key_that_does_not_belong_to_the_certificate_is_refused() {
    let one = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let outcome = ServerIdentity::from_pem(one.cert.pem().as_bytes(), other.serialize_pem().as_bytes());
    assert!(matches!(outcome.err(), Some(TlsError::Mismatch)));
}

#[test]
fn files_that_are_no_pem_are_refused_by_name() {
    let outcome = ServerIdentity::from_pem(b"", b"");
    assert!(matches!(outcome.err(), Some(TlsError::KeyFile { .. })));
    assert!(matches!(TrustAnchors::web().with_pem(b"no certificate").err(), Some(TlsError::NoCertificate)));
}
