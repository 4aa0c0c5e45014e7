//! TLS for both sides: 1.3 only, the post-quantum key exchange first.
//!
//! TLS is an extra layer around bytes that are sealed already; what is trusted in the end is the server key
//! inside. Neither side resumes sessions: a ticket is a name tag that a client would carry from one network to
//! the next.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

/// The certificate chain and private key that a listener shows. Clones stand for the same one, so that it can be
/// renewed while the listener runs.
#[derive(Clone)]
pub struct ServerIdentity {
    pub(crate) config: Arc<ServerConfig>,
    current: Arc<Current>,
}

impl ServerIdentity {
    /// Reads a certificate chain (own certificate first) and its private key from PEM files.
    ///
    /// # Errors
    ///
    /// Tells which of the two files could not be used, or that they do not belong together.
    pub fn from_pem_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::new(certified_from_files(certificates, key)?)
    }

    /// Reads the same from PEM text in memory.
    ///
    /// # Errors
    ///
    /// As [`ServerIdentity::from_pem_files`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::new(certified_from_text(certificates, key)?)
    }

    /// Shows other certificates from now on. Connections that stand are not touched; on an error, nothing changes.
    ///
    /// # Errors
    ///
    /// As [`ServerIdentity::from_pem_files`].
    pub fn renew_from_pem_files(&self, certificates: &Path, key: &Path) -> Result<(), TlsError> {
        self.current.set(certified_from_files(certificates, key)?);
        Ok(())
    }

    /// The same from PEM text in memory.
    ///
    /// # Errors
    ///
    /// As [`ServerIdentity::from_pem_files`].
    pub fn renew_from_pem(&self, certificates: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.current.set(certified_from_text(certificates, key)?);
        Ok(())
    }

    fn new(certified: CertifiedKey) -> Result<Self, TlsError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(certified))));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| TlsError::Unsupported)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), current })
    }
}

/// What is shown right now.
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn set(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Current(…)")
    }
}

fn certified_from_files(certificates: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let certificates = CertificateDer::pem_file_iter(certificates).map_err(TlsError::certificate_file)?;
    certified(certificates, PrivateKeyDer::from_pem_file(key).map_err(TlsError::key_file)?)
}

fn certified_from_text(certificates: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::key_file)?;
    certified(CertificateDer::pem_slice_iter(certificates), key)
}

fn certified(
    certificates: impl Iterator<Item = Result<CertificateDer<'static>, PemError>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates.collect::<Result<Vec<_>, _>>().map_err(TlsError::certificate_file)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    CertifiedKey::from_der(chain, key, &provider()).map_err(|_| TlsError::Mismatch)
}

/// Which certificate authorities a carrier believes.
#[derive(Clone)]
pub struct TrustAnchors {
    roots: RootCertStore,
}

impl TrustAnchors {
    /// The authorities that Mozilla's programme accepts, compiled in: the same everywhere, also where a system
    /// has no store of its own.
    #[must_use]
    pub fn web() -> Self {
        Self { roots: RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() } }
    }

    /// Adds an authority of one's own from PEM text, for a home server behind a private one.
    ///
    /// # Errors
    ///
    /// Fails when the text holds no certificate that can be an authority.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        let mut added = 0_usize;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(TlsError::certificate_file)?;
            self.roots.add(certificate).map_err(|_| TlsError::NoCertificate)?;
            added += 1;
        }
        if added == 0 { Err(TlsError::NoCertificate) } else { Ok(self) }
    }

    pub(crate) fn into_config(self) -> Result<ClientConfig, TlsError> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| TlsError::Unsupported)?
            .with_root_certificates(self.roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(config)
    }
}

/// Why certificates, keys or authorities could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate file cannot be read or is no PEM.
    #[error("the certificate file cannot be used: {reason}")]
    CertificateFile {
        /// What was wrong with it.
        reason: PemError,
    },
    /// The key file cannot be read or is no PEM private key.
    #[error("the private key file cannot be used: {reason}")]
    KeyFile {
        /// What was wrong with it.
        reason: PemError,
    },
    /// There was no certificate where one is needed.
    #[error("no usable certificate was found")]
    NoCertificate,
    /// Certificate and private key do not belong together, or are of an unknown kind.
    #[error("the certificate and the private key do not belong together")]
    Mismatch,
    /// The cryptographic library lacks TLS 1.3.
    #[error("this build cannot speak TLS 1.3")]
    Unsupported,
}

impl TlsError {
    fn certificate_file(reason: PemError) -> Self {
        Self::CertificateFile { reason }
    }

    fn key_file(reason: PemError) -> Self {
        Self::KeyFile { reason }
    }
}

/// Named here so that nothing depends on a process-wide default that a program may or may not have set.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

const ALPN: &[u8] = b"http/1.1";
