//! A page of the web on loopback, over TLS, that answers each path with what the test says, honest or not.

use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is answered: bytes, and whether more of the last one follow without end.
pub(crate) type Answers = fn(path: &str) -> (Vec<u8>, bool);

/// A running page.
pub(crate) struct Web {
    pub(crate) port: u16,
    /// The authority that signed its certificate.
    pub(crate) authority: String,
    /// The heads of all requests.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
}

impl Web {
    pub(crate) async fn start(answers: Answers) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (authority, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()];
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, said) = (acceptor.clone(), Arc::clone(&said));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 8192];
                    let n_read = stream.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..n_read]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    said.lock().unwrap().push(head);
                    let (answer, is_endless) = answers(&path);
                    let mut is_open = stream.write_all(&answer).await.is_ok();
                    while is_endless && is_open {
                        is_open = stream.write_all(&[b' '; 4096]).await.is_ok();
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { port, authority, heads }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }
}

/// An answer with a head.
pub(crate) fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes(), body].concat()
}
