//! Which certificate is shown, and how it stays fresh: read again on SIGHUP, or ordered anew before it ends.
//!
//! A server whose certificate is late still runs: clients trust the server key in the cards, and a wrong certificate
//! is their error to see, not a reason for silence.

use std::fs::OpenOptions;
use std::io::{Error, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kith_net::acme::{self, Challenges, Issued, Wanted};
use kith_net::{Carrier, ServerIdentity, TlsError, TrustAnchors};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::clock::now;
use crate::config::{Acme, Tls};
use crate::data_dir;
use crate::error::AppError;

/// The certificate of this server and where it comes from.
pub(crate) struct Certificates {
    pub(crate) identity: ServerIdentity,
    pub(crate) expiry: Expiry,
    /// Who is believed to be the authority that is asked for certificates.
    pub(crate) anchors: TrustAnchors,
    source: Source,
}

/// When the certificate that is shown ends, and whose business the next one is.
#[derive(Clone)]
pub(crate) struct Expiry {
    ends: Arc<AtomicU64>,
    pub(crate) origin: Origin,
}

/// Where the next certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From the operator, who puts it in the old one's place.
    Operator,
    /// From an authority, which this program asks.
    Authority,
}

impl Expiry {
    fn new(origin: Origin) -> Self {
        Self { ends: Arc::default(), origin }
    }

    /// Returns the end in seconds; 0 while there is only a stand-in.
    pub(crate) fn seconds(&self) -> u64 {
        self.ends.load(Ordering::Relaxed)
    }

    /// Notes the end of the certificate in a PEM text.
    fn note(&self, pem: &str) {
        self.ends.store(acme::validity(pem).map_or(0, |(_, ends)| ends), Ordering::Relaxed);
    }

    /// Notes the end of the certificate in a PEM file.
    fn note_file(&self, path: &Path) {
        self.note(&std::fs::read_to_string(path).unwrap_or_default());
    }
}

/// Returns where what an authority gives is kept in a data folder.
pub(crate) fn folder_in(data: &Path) -> PathBuf {
    data.join("acme")
}

enum Source {
    Files { cert: PathBuf, key: PathBuf, told: Signal },
    Acme { acme: Acme, folder: PathBuf },
}

impl Certificates {
    /// Reads what is there. For an authority that has given nothing yet, a stand-in is shown.
    ///
    /// # Errors
    /// A file that the operator named cannot be used.
    pub(crate) fn load(tls: Tls, data: &Path) -> Result<Self, AppError> {
        let anchors = anchors(&tls)?;
        match tls {
            Tls::Files { cert, key } => {
                let expiry = Expiry::new(Origin::Operator);
                let identity = identity(&cert, &key)?;
                // Listened to from here on: unheard, the signal would end the process.
                let told = signal(SignalKind::hangup())?;
                expiry.note_file(&cert);
                Ok(Self { identity, expiry, anchors, source: Source::Files { cert, key, told } })
            }
            Tls::Acme(acme) => {
                let expiry = Expiry::new(Origin::Authority);
                let folder = folder_in(data);
                data_dir::make(&folder)?;
                let kept = std::fs::read(folder.join(CERTIFICATE)).ok();
                let kept = kept.and_then(|both| ServerIdentity::from_pem(&both, &both).ok());
                if kept.is_some() {
                    expiry.note_file(&folder.join(CERTIFICATE));
                }
                let identity = kept.map_or_else(|| stand_in(&acme.name), Ok)?;
                Ok(Self { identity, expiry, anchors, source: Source::Acme { acme, folder } })
            }
        }
    }

    /// Keeps the certificate fresh for as long as the server runs.
    pub(crate) async fn keep_fresh(self, carrier: Carrier, challenges: Challenges) {
        let Self { identity, expiry, source, .. } = self;
        match source {
            Source::Files { cert, key, told } => {
                read_again_when_told(&identity, &expiry, &cert, &key, told).await;
            }
            Source::Acme { acme, folder } => {
                Renewal { identity, expiry, acme, folder, carrier, challenges }.order_in_time().await;
            }
        }
    }
}

/// Sees that the files that the operator named can be used, and does nothing with them.
///
/// # Errors
/// Names the first that cannot.
pub(crate) fn check(tls: &Tls) -> Result<(), AppError> {
    anchors(tls)?;
    match tls {
        Tls::Files { cert, key } => identity(cert, key).map(drop),
        Tls::Acme(_) => Ok(()),
    }
}

fn identity(cert: &Path, key: &Path) -> Result<ServerIdentity, AppError> {
    ServerIdentity::from_pem_files(cert, key).map_err(|reason| match reason {
        TlsError::KeyFile { .. } => AppError::TlsFile { setting: "tls.key", path: key.to_owned(), reason },
        TlsError::CertificateFile { .. } | TlsError::NoCertificate => {
            AppError::TlsFile { setting: "tls.cert", path: cert.to_owned(), reason }
        }
        reason => AppError::Tls(reason),
    })
}

/// Returns who is believed: the authorities of the web, and the operator's own.
fn anchors(tls: &Tls) -> Result<TrustAnchors, AppError> {
    let web = TrustAnchors::web();
    let Tls::Acme(Acme { ca: Some(path), .. }) = tls else { return Ok(web) };
    let unusable = |reason| AppError::TlsFile { setting: "tls.acme_ca", path: path.clone(), reason };
    let pem = std::fs::read(path).map_err(|reason| AppError::CaFile { path: path.clone(), reason })?;
    web.with_pem(&pem).map_err(unusable)
}

async fn read_again_when_told(identity: &ServerIdentity, expiry: &Expiry, cert: &Path, key: &Path, mut told: Signal) {
    while told.recv().await.is_some() {
        match identity.renew_from_pem_files(cert, key) {
            Ok(()) => {
                expiry.note_file(cert);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::warn!(%error, "the certificate could not be read again; the old one stays"),
        }
    }
}

/// A certificate that an authority gives, and all that is needed to ask for the next.
struct Renewal {
    identity: ServerIdentity,
    expiry: Expiry,
    acme: Acme,
    folder: PathBuf,
    carrier: Carrier,
    challenges: Challenges,
}

impl Renewal {
    async fn order_in_time(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            sleep(due_in(&self.folder)).await;
            match self.order().await {
                Ok(()) => {
                    tracing::info!("the authority gave a certificate");
                    pause = FIRST_PAUSE;
                }
                Err(error) => {
                    tracing::warn!(%error, again_in = ?pause, "no certificate came");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn order(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Self { identity, expiry, acme, folder, carrier, challenges } = self;
        // An account with another authority is of no use with this one.
        let kept = std::fs::read_to_string(folder.join(ACCOUNT)).ok();
        let account = kept.filter(|account| is_with(account, &acme.directory));
        let wanted = Wanted {
            directory: acme.directory.clone(),
            name: acme.name.clone(),
            contact: acme.contact.clone(),
            account,
        };
        let Issued { certificates, key, account } = acme::order(carrier, &wanted, challenges).await?;
        identity.renew_from_pem(certificates.as_bytes(), key.as_bytes())?;
        expiry.note(&certificates);
        write_private(&folder.join(ACCOUNT), account.as_bytes())?;
        // One file for both, so that they can never be from two different orders.
        write_private(&folder.join(CERTIFICATE), format!("{certificates}\n{key}").as_bytes())?;
        Ok(())
    }
}

fn is_with(account: &str, directory: &str) -> bool {
    let account = serde_json::from_str::<serde_json::Value>(account).ok();
    account.is_some_and(|account| account.get("directory").and_then(serde_json::Value::as_str) == Some(directory))
}

fn stand_in(name: &str) -> Result<ServerIdentity, AppError> {
    let (certificates, key) = acme::stand_in(name).ok_or(kith_net::TlsError::NoCertificate)?;
    Ok(ServerIdentity::from_pem(certificates.as_bytes(), key.as_bytes())?)
}

/// Returns how long until a new certificate is due: when two thirds of the old one's time are over.
fn due_in(folder: &Path) -> Duration {
    let kept = std::fs::read_to_string(folder.join(CERTIFICATE)).ok();
    let due = kept
        .and_then(|both| acme::validity(&both))
        .map_or(0, |(begins, ends)| begins + ends.saturating_sub(begins) / 3 * 2);
    Duration::from_secs(due.saturating_sub(now().seconds()))
}

/// Writes a file that nobody else may read, so that after a crash there is the old one or the new one.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

const CERTIFICATE: &str = "certificate.pem";
const ACCOUNT: &str = "account.json";
/// Authorities count failures by the hour: five are too many.
const FIRST_PAUSE: Duration = Duration::from_secs(900);
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Tls {
        Tls::Acme(Acme {
            name: "kith.example".to_owned(),
            contact: None,
            directory: "https://127.0.0.1:1/directory".to_owned(),
            ca: None,
            listen: "127.0.0.1:0".parse().unwrap(),
        })
    }

    #[test]
    fn without_a_certificate_a_stand_in_is_shown_and_a_real_one_is_due_at_once() {
        let data = tempfile::tempdir().unwrap();
        assert!(Certificates::load(acme(), data.path()).is_ok());
        assert_eq!(due_in(&folder_in(data.path())), Duration::ZERO);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let data = tempfile::tempdir().unwrap();
        data_dir::make(&folder_in(data.path())).unwrap();
        write_private(&folder_in(data.path()).join(CERTIFICATE), b"half a cert").unwrap();
        assert!(Certificates::load(acme(), data.path()).is_ok());
    }

    #[test]
    fn an_authority_of_ones_own_is_a_file_of_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let with_ca = || match acme() {
            Tls::Acme(acme) => Tls::Acme(Acme { ca: Some(path.clone()), ..acme }),
            files => files,
        };
        let told = |tls: &Tls| check(tls).unwrap_err().to_string();
        assert!(told(&with_ca()).contains("ca.pem"), "missing");
        std::fs::write(&path, b"no certificate").unwrap();
        assert!(told(&with_ca()).contains("ca.pem, which tls.acme_ca names"), "{}", told(&with_ca()));
        let (certificate, _) = acme::stand_in("authority.example").unwrap();
        std::fs::write(&path, certificate).unwrap();
        assert!(check(&with_ca()).is_ok());
        assert!(Certificates::load(with_ca(), folder.path()).is_ok());
    }

    #[test]
    fn an_account_belongs_to_one_authority() {
        let account = r#"{"id":"x","directory":"https://one.example/directory"}"#;
        assert!(is_with(account, "https://one.example/directory"));
        assert!(!is_with(account, "https://other.example/directory"));
        assert!(!is_with("no account", "https://one.example/directory"));
    }

    #[test]
    fn a_kept_certificate_is_shown_again_and_due_when_two_thirds_are_over() {
        let data = tempfile::tempdir().unwrap();
        let folder = folder_in(data.path());
        data_dir::make(&folder).unwrap();
        let (certificates, key) = acme::stand_in("kith.example").unwrap();
        write_private(&folder.join(CERTIFICATE), format!("{certificates}\n{key}").as_bytes()).unwrap();
        assert!(Certificates::load(acme(), data.path()).is_ok());
        // A stand-in is good for two thousand years.
        assert!(due_in(&folder) > Duration::from_secs(365 * 24 * 3600));
    }
}
