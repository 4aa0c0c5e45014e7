//! What can stop the program, told with a hint what to do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::backup::BackupError;
use crate::config::ConfigError;
use crate::control::Refused;
use crate::sandbox::SandboxError;

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
    /// A restore into the data folder did not come to its end.
    #[error("the data folder {} was restored in part only", path.display())]
    HalfRestored { path: PathBuf },
    /// A folder that a backup shall be restored into has something in it.
    #[error("the folder {} is not empty", path.display())]
    NotEmpty { path: PathBuf },
    /// There is no server to ask.
    #[error("no kithd is running on the data folder {}", path.display())]
    NotRunning { path: PathBuf },
    /// Somebody has the data folder and does not listen.
    #[error("the kithd that uses {} does not answer: {reason}", path.display())]
    NoAnswer { path: PathBuf, reason: std::io::Error },
    /// The server that runs does not do what was asked.
    #[error("the running server did not do it")]
    Refused(Refused),
    /// A backup cannot be read.
    #[error("the backup {} cannot be used: {reason}", path.display())]
    Backup { path: PathBuf, reason: BackupError },
    /// A backup did not come to its end.
    #[error("the backup was not made: {reason}")]
    NoBackup { reason: BackupError },
    /// A file of that name is there already.
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    /// A backup cannot be written.
    #[error("{} cannot be written: {reason}", path.display())]
    Write { path: PathBuf, reason: std::io::Error },
    /// A data folder or a backup is not as it should be.
    #[error("{} is not in order", path.display())]
    NotInOrder { path: PathBuf },
    /// The sandbox that was asked for cannot be had.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] kith_home::store::StoreError),
    /// A release before the log wrote the data folder.
    #[error("the data folder {} is of an early release, whose store this one does not read", path.display())]
    OldStore { path: PathBuf },
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
            Self::HalfRestored { .. } => "half_restored",
            Self::NotEmpty { .. } => "not_empty",
            Self::NotRunning { .. } => "not_running",
            Self::NoAnswer { .. } => "no_answer",
            Self::Refused(_) => "refused",
            Self::Backup { .. } | Self::NoBackup { .. } => "backup",
            Self::Exists { .. } => "exists",
            Self::Write { .. } => "write",
            Self::NotInOrder { .. } => "not_in_order",
            Self::Sandbox(_) => "sandbox",
            Self::OldStore { .. } => "old_store",
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
            Self::HalfRestored { .. } => "remove the folder and restore the backup again".into(),
            Self::NotEmpty { .. } => {
                "name a folder that is empty or not there; move what is in this one away first".into()
            }
            Self::NotRunning { .. } => "start it with `kithd`, or say with --data DIR where its data is".into(),
            Self::NoAnswer { .. } => {
                "it may be starting, or be a command that ends soon: try again in a moment, as its user or as root"
                    .into()
            }
            Self::Refused(Refused::Unknown) => "it may be of another version: restart it with this one".into(),
            Self::Refused(Refused::Store) => "its store fails; see its log".into(),
            Self::Refused(Refused::Busy) => "it is stopping or has too much to do: try again in a moment".into(),
            Self::Backup { reason: BackupError::Newer(_), .. } => "use the newest kithd".into(),
            Self::Backup { .. } => "use another backup; nothing was changed but the folder to restore into".into(),
            Self::NoBackup { .. } => "see the log of the server, and whether the disk is full; no file was left".into(),
            Self::Exists { .. } => "name another file: backups are never overwritten".into(),
            Self::Write { .. } => "see that the disk has room and this user may write there".into(),
            Self::NotInOrder { .. } => {
                "restore the last backup that is; keep this one for whoever finds out why".into()
            }
            Self::Sandbox(_) => "set sandbox = \"on\" to go on with what there is".into(),
            Self::OldStore { .. } => "run the release that wrote it, or choose another folder with --data DIR".into(),
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

    /// Returns the exit code: 2 for wrong usage, 3 where no server runs, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::NotRunning { .. } => 3,
            _ => 1,
        }
    }
}
