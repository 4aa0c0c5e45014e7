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
use kith_net::{Carrier, ServerIdentity};
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
    source: Source,
}

/// When the certificate that is shown ends.
#[derive(Clone, Default)]
pub(crate) struct Expiry(Arc<AtomicU64>);

impl Expiry {
    /// Returns the end in seconds; 0 while there is only a stand-in.
    pub(crate) fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes the end of the certificate in a PEM text.
    fn note(&self, pem: &str) {
        self.0.store(acme::validity(pem).map_or(0, |(_, ends)| ends), Ordering::Relaxed);
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
    pub(crate) fn load(tls: Tls, data: &Path) -> Result<Self, AppError> {
        let expiry = Expiry::default();
        match tls {
            Tls::Files { cert, key } => {
                let identity = ServerIdentity::from_pem_files(&cert, &key)?;
                // Listened to from here on: unheard, the signal would end the process.
                let told = signal(SignalKind::hangup())?;
                expiry.note_file(&cert);
                Ok(Self { identity, expiry, source: Source::Files { cert, key, told } })
            }
            Tls::Acme(acme) => {
                let folder = folder_in(data);
                data_dir::make(&folder)?;
                let kept = std::fs::read(folder.join(CERTIFICATE)).ok();
                let kept = kept.and_then(|both| ServerIdentity::from_pem(&both, &both).ok());
                if kept.is_some() {
                    expiry.note_file(&folder.join(CERTIFICATE));
                }
                let identity = kept.map_or_else(|| stand_in(&acme.name), Ok)?;
                Ok(Self { identity, expiry, source: Source::Acme { acme, folder } })
            }
        }
    }

    /// Keeps the certificate fresh for as long as the server runs.
    pub(crate) async fn keep_fresh(self, carrier: Carrier, challenges: Challenges) {
        let Self { identity, expiry, source } = self;
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
