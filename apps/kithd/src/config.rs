//! The configuration: defaults, file, environment and flags, laid over each other.
//!
//! Every layer is the same [`Layer`] of optional values, so that precedence is one function. A key that nobody
//! knows is refused in every layer: a misspelt quota that silently does nothing is worse than no start.

mod agreement;
mod effective;
mod environment;
mod layer;
mod limits;
mod nearest;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kith_wire::address::{DEFAULT_PORT, ServerUrl, UrlError};
use thiserror::Error;

use crate::certificates;
use crate::cli::Cli;
use crate::duration::Span;
use crate::sandbox;
use crate::store;

pub(crate) use effective::{Setting, Sources, as_file};
pub(crate) use layer::{Layer, LogLevel, Registration};
pub(crate) use limits::Limits;

/// What the server runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The folder of keys and data.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How others reach the server; guessed when nobody said.
    pub(crate) public_url: Option<ServerUrl>,
    /// Who may register.
    pub(crate) registration: Registration,
    /// Whether servers in private networks are delivered to.
    pub(crate) allow_private_peers: bool,
    /// Where Prometheus may ask; nowhere unless said.
    pub(crate) metrics: Option<SocketAddr>,
    /// How much is logged.
    pub(crate) log: LogLevel,
    /// Whether the process gives up what it does not need.
    pub(crate) sandbox: sandbox::Mode,
    /// Whether it runs as root without complaint.
    pub(crate) allow_root: bool,
    /// The folder of the web app; without one, none is served.
    pub(crate) web: Option<PathBuf>,
    /// Where the certificate comes from; without one, plain HTTP is spoken.
    pub(crate) tls: Option<Tls>,
    /// What strangers may take up, and for how long.
    pub(crate) limits: Limits,
    /// What one account may use.
    pub(crate) quotas: Quotas,
    /// How long things are kept.
    pub(crate) retention: Retention,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    /// PEM files of the operator.
    Files {
        /// The chain, own certificate first.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// An ACME authority.
    Acme(Acme),
}

/// How to get a certificate from an ACME authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acme {
    /// The name that the certificate is for.
    pub(crate) name: String,
    /// Where the authority may warn of trouble.
    pub(crate) contact: Option<String>,
    /// The authority's directory.
    pub(crate) directory: String,
    /// Certificates (PEM) that are believed there beside those of the web's authorities: for an authority of one's own.
    pub(crate) ca: Option<PathBuf>,
    /// Where its challenges arrive; port 80 from outside.
    pub(crate) listen: SocketAddr,
}

/// What one account may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quotas {
    /// Queues of one account (one per contact and device).
    pub(crate) queues: u32,
    /// Frames waiting in one queue.
    pub(crate) queue_frames: u32,
    /// Blob bytes of one account.
    pub(crate) blob_bytes: u64,
    pub(crate) kept_bytes: u64,
    /// Deposits of one account that wait for other servers.
    pub(crate) outgoing: u32,
    /// Live connections of one account.
    pub(crate) connections: usize,
    /// Exchanges with other servers for which one account waits.
    pub(crate) exchanges: usize,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Frames in queues.
    pub(crate) frames: Span,
    /// Blobs.
    pub(crate) blobs: Span,
    /// Blobs that are kept for long: backups, from when their person was last here.
    pub(crate) kept: Span,
}

impl Config {
    /// Lays flags over environment over file over defaults; tells also where each setting comes from.
    ///
    /// # Errors
    /// [`ConfigError`] names the first thing that is wrong.
    pub(crate) fn load(
        cli: &Cli,
        environment: impl IntoIterator<Item = (String, String)>,
        home: &Home,
    ) -> Result<(Self, Sources), ConfigError> {
        let from_environment = environment::layer(environment)?;
        let flags = Layer::of_flags(cli);
        let over_file = flags.clone().over(from_environment.layer.clone());
        let data = over_file.data.clone().or_else(|| home.data_folder());
        let named = cli.common.config.clone().or(from_environment.config_file);
        let file = match (&named, &data) {
            (Some(path), _) => Layer::of_file(path)?,
            (None, Some(data)) => Layer::of_file_if_any(&data.join(CONFIG_FILE))?,
            (None, None) => Layer::default(),
        };
        let merged = over_file.over(file.clone());
        let data = merged.data.clone().or(data).ok_or(ConfigError::NoDataFolder)?;
        let path = named.unwrap_or_else(|| data.join(CONFIG_FILE));
        refuse_in_own_folder(&path, &data)?;
        let config = merged.into_config(data)?;
        agreement::check(&config)?;
        Ok((config, Sources { flags, environment: from_environment.layer, file, path }))
    }
}

/// Refuses a file that lies, or that a link leads to, where the server may write while it runs: it says at the next start
/// what the sandbox is.
fn refuse_in_own_folder(path: &Path, data: &Path) -> Result<(), ConfigError> {
    let Ok(file) = path.canonicalize() else { return Ok(()) };
    let own = [store::folder_in(data), certificates::folder_in(data)];
    let is_own = own.iter().filter_map(|folder| folder.canonicalize().ok()).any(|folder| file.starts_with(folder));
    if is_own { Err(ConfigError::InOwnFolder { path: path.to_owned() }) } else { Ok(()) }
}

/// Where the user's folders are.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// `$XDG_DATA_HOME`.
    pub(crate) xdg_data: Option<PathBuf>,
    /// `$HOME`.
    pub(crate) home: Option<PathBuf>,
}

impl Home {
    /// Reads them from the environment.
    pub(crate) fn from_environment() -> Self {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self { xdg_data: folder("XDG_DATA_HOME"), home: folder("HOME") }
    }

    fn data_folder(&self) -> Option<PathBuf> {
        let base = self.xdg_data.clone().or_else(|| Some(self.home.as_deref()?.join(".local/share")))?;
        Some(base.join("kithd"))
    }
}

/// What is wrong with the configuration.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: std::io::Error },
    /// The file is no configuration.
    #[error("the configuration file {} is wrong: {reason}", path.display())]
    Wrong { path: PathBuf, reason: String, meant: Option<String> },
    /// An environment variable is not known.
    #[error("the environment variable {name} is not one that kithd knows")]
    UnknownVariable { name: String, nearest: Option<String> },
    /// An environment variable has a value that does not fit.
    #[error("the environment variable {name} is wrong: {reason}")]
    WrongVariable { name: String, reason: String },
    /// The listening address is none.
    #[error("`{text}` is not an address and port to listen on")]
    Listen { text: String },
    /// The public URL is none.
    #[error("the public URL is wrong: {reason}")]
    PublicUrl { reason: UrlError },
    /// Only one of the two TLS files is given.
    #[error("TLS needs both a certificate and a key")]
    HalfTls,
    /// Certificates from files and from an authority at once, or settings of an authority without a name.
    #[error("it is not clear where the TLS certificate shall come from")]
    UnclearTls,
    /// A value lies outside of what makes sense.
    #[error("{key} must be {wanted}")]
    OutOfRange { key: &'static str, wanted: &'static str },
    /// A text has not the form that it must have.
    #[error("{key} is `{text}`, which is not {wanted}")]
    Malformed { key: &'static str, text: String, wanted: &'static str },
    /// Two settings are right alone and wrong together.
    #[error("{one} and {other} do not go together: {why}")]
    Apart { one: &'static str, other: &'static str, why: &'static str },
    /// What the server writes could become its next configuration.
    #[error("the configuration file {} lies where the server itself writes", path.display())]
    InOwnFolder { path: PathBuf },
    /// Nobody said where the data is, and the user has no home.
    #[error("there is no folder for the data")]
    NoDataFolder,
}

impl ConfigError {
    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unreadable { reason, .. } if reason.kind() == std::io::ErrorKind::PermissionDenied => {
                "do it as the user that kithd runs as, or as root (sudo); the file must be readable for that user"
                    .into()
            }
            Self::Unreadable { .. } => "see that the path is right and the file may be read".into(),
            Self::Apart { .. } => "`kithd config --check` shows every setting with where it comes from".into(),
            Self::Wrong { meant: Some(meant), .. } => {
                format!("did you mean {meant}? `kithd config` shows every key with its default")
            }
            Self::Wrong { .. } | Self::OutOfRange { .. } | Self::Malformed { .. } => {
                "`kithd config` shows every key with its default".into()
            }
            Self::UnknownVariable { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            Self::UnknownVariable { .. } => {
                "unset it; variables are KITHD_ and the key of the configuration file".into()
            }
            Self::WrongVariable { .. } => "give it the form it has in the configuration file".into(),
            Self::Listen { .. } => format!("write it like 127.0.0.1:{DEFAULT_PORT} or [::]:{DEFAULT_PORT}"),
            Self::PublicUrl { .. } => "write it like https://kith.example.org or http://127.0.0.1:5484".into(),
            Self::HalfTls => "set both tls.cert and tls.key, or neither".into(),
            Self::UnclearTls => "set either tls.cert and tls.key, or tls.acme_name (and what belongs to it)".into(),
            Self::InOwnFolder { .. } => "keep it in the data folder itself, or anywhere else".into(),
            Self::NoDataFolder => "say where with --data DIR".into(),
        }
    }
}

/// The name of the configuration file inside the data folder.
pub(crate) const CONFIG_FILE: &str = "config.toml";

/// Reads a file, telling which one could not be read.
fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable { path: path.to_owned(), reason })
}
