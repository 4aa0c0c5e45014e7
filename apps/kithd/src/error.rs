//! What can stop the program, told with a hint what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;

/// Why the program ends without having done what was asked.
#[derive(Debug, Error)]
pub(crate) enum AppError {
    /// The configuration is wrong; nothing was touched.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be made or used.
    #[error("the data folder {} cannot be used: {reason}", path.display())]
    Data { path: PathBuf, reason: std::io::Error },
    /// Another process owns the data folder.
    #[error("another kithd is using the data folder {}", path.display())]
    InUse { path: PathBuf },
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] kith_home::store::StoreError),
    /// The rules cannot start on it.
    #[error("the server cannot start: {0}")]
    Open(#[from] kith_home::OpenError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] kith_net::BindError),
    /// The certificate or its key is wrong.
    #[error(transparent)]
    Tls(#[from] kith_net::TlsError),
    /// An invite cannot be made.
    #[error(transparent)]
    Invite(#[from] kith_home::InviteError),
    /// The system gives no randomness.
    #[error("this system gives no randomness")]
    NoRandomness,
    /// The operating system refused something basic: a thread, a signal handler, the clock.
    #[error("the operating system does not cooperate: {0}")]
    System(#[from] std::io::Error),
    /// The thread that owns the store has ended because the store failed.
    #[error("the store failed while the server was running")]
    KeeperEnded,
}

impl AppError {
    /// Returns a name for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Data { .. } => "data_folder",
            Self::InUse { .. } => "in_use",
            Self::Store(_) | Self::Open(_) | Self::Invite(_) => "store",
            Self::Bind(_) => "listen",
            Self::Tls(_) => "tls",
            Self::System(_) | Self::NoRandomness => "system",
            Self::KeeperEnded => "store_failed",
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Config(error) => error.hint(),
            Self::Data { .. } => {
                "choose another folder with --data DIR, or give this user the right to write there".into()
            }
            Self::InUse { .. } => "stop the other one, or choose another folder with --data DIR".into(),
            Self::Store(_) | Self::Open(_) | Self::Invite(_) => {
                "see that the disk is neither full nor read-only and that this is the newest kithd".into()
            }
            Self::Bind(_) => {
                "choose another address with --listen ADDR:PORT; something may use this one already".into()
            }
            Self::Tls(_) => "check tls.cert and tls.key in the configuration".into(),
            Self::System(_) | Self::NoRandomness => "see the message of the system, and `ulimit -a`".into(),
            Self::KeeperEnded => "see the log; most often the disk is full. Nothing that was answered is lost".into(),
        }
    }

    /// Returns the exit code: 2 for wrong usage, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Self::Config(_)) { 2 } else { 1 }
    }
}
