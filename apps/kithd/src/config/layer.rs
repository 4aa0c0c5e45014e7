//! One layer of the configuration: every value optional, every unknown key refused.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use kith_net::acme::LETS_ENCRYPT;
use kith_wire::address::{DEFAULT_PORT, ServerUrl};
use serde::{Deserialize, Serialize};

use crate::cli::Cli;
use crate::config::environment::meant_in_file;
use crate::config::limits::LimitLayer;
use crate::config::{Acme, Config, ConfigError, Quotas, Retention, Tls, read};
use crate::duration::Span;
use crate::sandbox;

/// What one source says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<String>,
    pub(crate) public_url: Option<String>,
    pub(crate) registration: Option<Registration>,
    pub(crate) allow_private_peers: Option<bool>,
    pub(crate) metrics: Option<String>,
    pub(crate) log: Option<LogLevel>,
    pub(crate) sandbox: Option<sandbox::Mode>,
    pub(crate) allow_root: Option<bool>,
    pub(crate) web: Option<PathBuf>,
    #[serde(default)]
    pub(crate) tls: TlsLayer,
    #[serde(default)]
    pub(crate) limits: LimitLayer,
    #[serde(default)]
    pub(crate) quotas: QuotaLayer,
    #[serde(default)]
    pub(crate) retention: RetentionLayer,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsLayer {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) acme_name: Option<String>,
    pub(crate) acme_contact: Option<String>,
    pub(crate) acme_directory: Option<String>,
    pub(crate) acme_ca: Option<PathBuf>,
    pub(crate) acme_listen: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaLayer {
    pub(crate) queues: Option<u32>,
    pub(crate) queue_frames: Option<u32>,
    pub(crate) blob_bytes: Option<u64>,
    pub(crate) kept_bytes: Option<u64>,
    pub(crate) outgoing: Option<u32>,
    pub(crate) connections: Option<usize>,
    pub(crate) exchanges: Option<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionLayer {
    pub(crate) frames: Option<Span>,
    pub(crate) blobs: Option<Span>,
    pub(crate) kept: Option<Span>,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Registration {
    /// Everybody.
    Open,
    /// Whoever has an invite code.
    Invite,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// Bugs.
    Error,
    /// What an operator should look at.
    Warn,
    /// Start, stop, and what is out of the ordinary.
    Info,
    /// Also what helps to find a fault. No more about persons than the others.
    Debug,
}

impl Layer {
    /// What the command line says.
    pub(crate) fn of_flags(cli: &Cli) -> Self {
        Self {
            data: cli.common.data.clone(),
            listen: cli.serve.listen.clone(),
            public_url: cli.serve.public_url.clone(),
            allow_private_peers: cli.serve.allow_private_peers.then_some(true),
            sandbox: cli.serve.sandbox,
            allow_root: cli.serve.allow_root.then_some(true),
            web: cli.serve.web.clone(),
            ..Self::default()
        }
    }

    /// What a file says that has to be there.
    pub(crate) fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        toml::from_str(&text).map_err(|error| ConfigError::Wrong {
            path: path.to_owned(),
            reason: error.to_string(),
            meant: meant_in_file(&text),
        })
    }

    /// What a file says that may be missing.
    pub(crate) fn of_file_if_any(path: &Path) -> Result<Self, ConfigError> {
        match Self::of_file(path) {
            Err(ConfigError::Unreadable { reason, .. }) if reason.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            outcome => outcome,
        }
    }

    /// Returns this layer, with `below` showing through where it says nothing.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            data: self.data.or(below.data),
            listen: self.listen.or(below.listen),
            public_url: self.public_url.or(below.public_url),
            registration: self.registration.or(below.registration),
            allow_private_peers: self.allow_private_peers.or(below.allow_private_peers),
            metrics: self.metrics.or(below.metrics),
            log: self.log.or(below.log),
            sandbox: self.sandbox.or(below.sandbox),
            allow_root: self.allow_root.or(below.allow_root),
            web: self.web.or(below.web),
            tls: TlsLayer {
                cert: self.tls.cert.or(below.tls.cert),
                key: self.tls.key.or(below.tls.key),
                acme_name: self.tls.acme_name.or(below.tls.acme_name),
                acme_contact: self.tls.acme_contact.or(below.tls.acme_contact),
                acme_directory: self.tls.acme_directory.or(below.tls.acme_directory),
                acme_ca: self.tls.acme_ca.or(below.tls.acme_ca),
                acme_listen: self.tls.acme_listen.or(below.tls.acme_listen),
            },
            limits: self.limits.over(below.limits),
            quotas: QuotaLayer {
                queues: self.quotas.queues.or(below.quotas.queues),
                queue_frames: self.quotas.queue_frames.or(below.quotas.queue_frames),
                blob_bytes: self.quotas.blob_bytes.or(below.quotas.blob_bytes),
                kept_bytes: self.quotas.kept_bytes.or(below.quotas.kept_bytes),
                outgoing: self.quotas.outgoing.or(below.quotas.outgoing),
                connections: self.quotas.connections.or(below.quotas.connections),
                exchanges: self.quotas.exchanges.or(below.quotas.exchanges),
            },
            retention: RetentionLayer {
                frames: self.retention.frames.or(below.retention.frames),
                blobs: self.retention.blobs.or(below.retention.blobs),
                kept: self.retention.kept.or(below.retention.kept),
            },
        }
    }

    /// Checks what is said and fills the rest with the defaults.
    pub(crate) fn into_config(self, data: PathBuf) -> Result<Config, ConfigError> {
        let listen = match self.listen {
            Some(text) => address(&text)?,
            None => SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT)),
        };
        let public_url = self.public_url.map(|text| ServerUrl::parse_lenient(&text)).transpose();
        Ok(Config {
            data,
            listen,
            public_url: public_url.map_err(|reason| ConfigError::PublicUrl { reason })?,
            registration: self.registration.unwrap_or(Registration::Open),
            allow_private_peers: self.allow_private_peers.unwrap_or(false),
            metrics: self.metrics.as_deref().map(address).transpose()?,
            log: self.log.unwrap_or(LogLevel::Info),
            sandbox: self.sandbox.unwrap_or(sandbox::Mode::On),
            allow_root: self.allow_root.unwrap_or(false),
            web: self.web,
            tls: self.tls.into_tls()?,
            limits: self.limits.into_limits()?,
            quotas: self.quotas.into_quotas(self.registration.unwrap_or(Registration::Open))?,
            retention: self.retention.into_retention()?,
        })
    }
}

impl TlsLayer {
    fn into_tls(self) -> Result<Option<Tls>, ConfigError> {
        let speaks_of_acme = self.acme_contact.is_some()
            || self.acme_directory.is_some()
            || self.acme_ca.is_some()
            || self.acme_listen.is_some();
        match (self.cert, self.key, self.acme_name) {
            (Some(cert), Some(key), None) if !speaks_of_acme => Ok(Some(Tls::Files { cert, key })),
            (None, None, None) if !speaks_of_acme => Ok(None),
            (None, None, Some(name)) => {
                let listen = self.acme_listen.as_deref().unwrap_or(ACME_LISTEN);
                Ok(Some(Tls::Acme(Acme {
                    name,
                    contact: self.acme_contact,
                    directory: self.acme_directory.unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
                    ca: self.acme_ca,
                    listen: address(listen)?,
                })))
            }
            (Some(_), None, None) | (None, Some(_), None) => Err(ConfigError::HalfTls),
            _ => Err(ConfigError::UnclearTls),
        }
    }
}

impl QuotaLayer {
    fn into_quotas(self, registration: Registration) -> Result<Quotas, ConfigError> {
        let default = kith_home::Quotas::default();
        // What is kept stays for a year: where anybody makes accounts, each of them is worth less of the disk.
        let kept_bytes = match registration {
            Registration::Open => OPEN_KEPT_BYTES,
            Registration::Invite => default.kept_bytes,
        };
        let quotas = Quotas {
            queues: self.queues.unwrap_or(default.queues),
            queue_frames: self.queue_frames.unwrap_or(default.queue_frames),
            blob_bytes: self.blob_bytes.unwrap_or(default.blob_bytes),
            kept_bytes: self.kept_bytes.unwrap_or(kept_bytes),
            outgoing: self.outgoing.unwrap_or(default.outgoing),
            connections: self.connections.unwrap_or(default.connections),
            exchanges: self.exchanges.unwrap_or(default.exchanges),
        };
        // Without queues nobody could be written to; blobs and relays may be switched off.
        for (key, value) in [("quotas.queues", quotas.queues), ("quotas.queue_frames", quotas.queue_frames)] {
            if value == 0 {
                return Err(ConfigError::OutOfRange { key, wanted: "at least 1" });
            }
        }
        // A device that comes again before its last connection is known to be dead has two.
        if !(2..=1_000_000).contains(&quotas.connections) {
            return Err(ConfigError::OutOfRange { key: "quotas.connections", wanted: "from 2 to 1000000" });
        }
        Ok(quotas)
    }
}

/// Bytes that are kept for long for an account that nobody invited: a backup of half of that, which is some hundred thousand messages.
const OPEN_KEPT_BYTES: u64 = 64 << 20;

impl RetentionLayer {
    fn into_retention(self) -> Result<Retention, ConfigError> {
        let default = Span::days(21);
        let retention = Retention {
            frames: self.frames.unwrap_or(default),
            blobs: self.blobs.unwrap_or(default),
            kept: self.kept.unwrap_or(Span::days(400)),
        };
        for (key, span) in [("retention.frames", retention.frames), ("retention.blobs", retention.blobs)] {
            if span < Span::days(1) || span > Span::days(365) {
                return Err(ConfigError::OutOfRange { key, wanted: "from 1d to 365d" });
            }
        }
        // Shorter than a blob lives anyhow it would keep nothing.
        if retention.kept < retention.blobs || retention.kept > Span::days(3650) {
            return Err(ConfigError::OutOfRange { key: "retention.kept", wanted: "from retention.blobs to 3650d" });
        }
        Ok(retention)
    }
}

fn address(text: &str) -> Result<SocketAddr, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::Listen { text: text.to_owned() })
}

/// Where challenges arrive: authorities ask on port 80 and nowhere else.
const ACME_LISTEN: &str = "0.0.0.0:80";
