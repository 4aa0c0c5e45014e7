//! What can stop the program, told with a hint what to do about it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use kith_home::OpenError;
use kith_home::store::StoreError;
use kith_store::JournalError;
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
    /// No kithd has used the folder, and it holds what none has made.
    #[error("the folder {} holds `{found}`, which is none of kithd's", path.display())]
    Foreign { path: PathBuf, found: String },
    /// No kithd has used the folder, so there is nothing in it to save or to look at.
    #[error("no kithd has ever used the data folder {}", path.display())]
    NeverUsed { path: PathBuf },
    /// What shall be checked is not there.
    #[error("there is neither a data folder nor a backup at {}", path.display())]
    NothingThere { path: PathBuf },
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
    /// Nobody has registered with that key.
    #[error("there is no such account")]
    NoAccount,
    /// Nobody has said that something is to go for good.
    #[error("nothing was removed: nobody has confirmed it")]
    NotConfirmed,
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
    /// The web app cannot be read.
    #[error(transparent)]
    Web(#[from] kith_site::ReadError),
    /// The sandbox that was asked for cannot be had.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// A release before the log wrote the data folder.
    #[error("the data folder {} is of an early release, whose store this one does not read", path.display())]
    OldStore { path: PathBuf },
    /// The rules cannot start on it.
    #[error("the server cannot start: {0}")]
    Open(#[from] OpenError),
    /// The address cannot be listened on.
    #[error("{address}, which {setting} says, cannot be listened on: {reason}")]
    Bind { setting: &'static str, address: SocketAddr, reason: std::io::Error },
    /// A file of certificates or of their key cannot be used.
    #[error("{}, which {setting} names: {reason}", path.display())]
    TlsFile { setting: &'static str, path: PathBuf, reason: kith_net::TlsError },
    /// The certificate or its key is wrong.
    #[error(transparent)]
    Tls(#[from] kith_net::TlsError),
    /// The certificates of an authority cannot be read.
    #[error("{}, which tls.acme_ca names, cannot be read: {reason}", path.display())]
    CaFile { path: PathBuf, reason: std::io::Error },
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
            Self::Foreign { .. } => "foreign_folder",
            Self::NeverUsed { .. } => "never_used",
            Self::NothingThere { .. } => "nothing_there",
            Self::InUse { .. } => "in_use",
            Self::HalfRestored { .. } => "half_restored",
            Self::NotEmpty { .. } => "not_empty",
            Self::NotRunning { .. } => "not_running",
            Self::NoAnswer { .. } => "no_answer",
            Self::Refused(_) => "refused",
            Self::NoAccount => "no_account",
            Self::NotConfirmed => "not_confirmed",
            Self::Backup { .. } | Self::NoBackup { .. } => "backup",
            Self::Exists { .. } => "exists",
            Self::Write { .. } => "write",
            Self::NotInOrder { .. } => "not_in_order",
            Self::Web(_) => "web",
            Self::Sandbox(_) => "sandbox",
            Self::OldStore { .. } => "old_store",
            Self::Store(_) | Self::Open(_) | Self::Invite(_) => "store",
            Self::Bind { .. } => "listen",
            Self::TlsFile { .. } | Self::CaFile { .. } | Self::Tls(_) => "tls",
            Self::System(_) | Self::NoRandomness => "system",
            Self::KeeperEnded => "store_failed",
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Config(error) => error.hint(),
            Self::Data { reason, .. } if reason.kind() == ErrorKind::PermissionDenied => AS_ITS_USER.into(),
            Self::Data { .. } => {
                "choose another folder with --data DIR, or give this user the right to write there".into()
            }
            Self::Foreign { .. } => "give kithd a folder of its own with --data DIR: an empty one, or one that holds no more than \
                                     config.toml and certificates before the first start"
                .into(),
            Self::NeverUsed { .. } => {
                "say with --data DIR, or KITHD_DATA, where the data of the server is; one begins when `kithd` starts there"
                    .into()
            }
            Self::NothingThere { .. } => "see that the path is right".into(),
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
            Self::NoAccount | Self::Refused(Refused::Account) => "`kithd account list` shows which there are".into(),
            Self::NotConfirmed => "give the command at a terminal and answer y, or with --yes".into(),
            Self::Refused(Refused::Store) => "its store fails; see its log".into(),
            Self::Refused(Refused::Busy) => "it is stopping or has too much to do: try again in a moment".into(),
            Self::Backup { reason: BackupError::Newer(_), .. } => "use the newest kithd".into(),
            Self::Backup { reason: BackupError::Read(reason), .. } if reason.kind() == ErrorKind::PermissionDenied => {
                AS_ITS_USER.into()
            }
            Self::Backup { reason: BackupError::Read(reason), .. } if reason.kind() == ErrorKind::NotFound => {
                "see that the path is right".into()
            }
            Self::Backup { reason: BackupError::NoBackup, .. } => "name a file that `kithd backup` made".into(),
            Self::Backup { .. } => "use another backup; nothing was changed but the folder to restore into".into(),
            Self::NoBackup { .. } => "see the log of the server, and whether the disk is full; no file was left".into(),
            Self::Exists { .. } => "name another file: backups are never overwritten".into(),
            Self::Write { reason, .. } if reason.kind() == ErrorKind::NotFound => {
                "make the folder first, or name another one".into()
            }
            Self::Write { .. } => "see that the disk has room and this user may write there".into(),
            Self::NotInOrder { .. } => {
                "restore the last backup that is; keep this one for whoever finds out why".into()
            }
            Self::Web(_) => {
                "check web in the configuration (--web DIR, KITHD_WEB): it names the folder that `cargo xtask web` has built".into()
            }
            Self::Sandbox(_) => "set sandbox = \"on\" to go on with what there is".into(),
            Self::OldStore { .. } => "run the release that wrote it, or choose another folder with --data DIR".into(),
            Self::Store(error) | Self::Open(OpenError::Store(error)) => about_the_store(error).into(),
            Self::Open(_) | Self::Invite(_) => ABOUT_THE_DISK.into(),
            Self::Bind { setting, reason, .. } => about_listening(setting, reason.kind()),
            Self::TlsFile { setting, .. } => format!(
                "check {setting} in the configuration, and that this user may read the file; the unit shows how systemd hands \
                 it over"
            ),
            Self::CaFile { .. } => "check tls.acme_ca in the configuration, and that this user may read the file".into(),
            Self::Tls(_) => "check tls.cert and tls.key in the configuration".into(),
            Self::System(_) | Self::NoRandomness => "see the message of the system, and `ulimit -a`".into(),
            Self::KeeperEnded => "see the log; most often the disk is full. Nothing that was answered is lost".into(),
        }
    }

    /// Returns the exit code: 2 for wrong usage, 3 where no server runs, 1 for everything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NeverUsed { .. } | Self::NothingThere { .. } | Self::NotConfirmed => 2,
            Self::NotRunning { .. } => 3,
            _ => 1,
        }
    }
}

/// Returns what to do about a store that cannot be opened.
fn about_the_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Damaged { .. } => DAMAGED,
        StoreError::NewerSchema { .. } => "use the newest kithd: a newer one than this has used the folder",
        StoreError::Backend(reason) => match reason.downcast_ref::<JournalError>() {
            Some(JournalError::Damaged { .. } | JournalError::Missing { .. }) => DAMAGED,
            Some(JournalError::Format { found, known, .. }) if found > known => {
                "use the newest kithd: a newer one than this has used the folder"
            }
            Some(JournalError::Format { .. }) => {
                "run the release that wrote it, or choose another folder with --data DIR"
            }
            Some(JournalError::Disk(reason)) if reason.kind() == ErrorKind::PermissionDenied => AS_ITS_USER,
            _ => ABOUT_THE_DISK,
        },
        _ => ABOUT_THE_DISK,
    }
}

/// Returns what to do about an address that cannot be listened on.
fn about_listening(setting: &str, kind: ErrorKind) -> String {
    let elsewhere = match setting {
        "listen" => "with --listen ADDR:PORT".to_owned(),
        _ => format!("with {setting} in the configuration"),
    };
    match kind {
        ErrorKind::AddrInUse => {
            format!(
                "another program listens there (`ss -ltnp` shows which): stop it, or choose another address {elsewhere}"
            )
        }
        ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a right that the unit shows how to give; or choose another one {elsewhere}")
        }
        ErrorKind::AddrNotAvailable => {
            format!("this machine has no such address: 0.0.0.0 and [::] stand for all; choose another one {elsewhere}")
        }
        _ => format!("choose another address {elsewhere}"),
    }
}

const AS_ITS_USER: &str = "do it as the user that kithd runs as, or as root (sudo)";
const ABOUT_THE_DISK: &str = "see that the disk is neither full nor read-only, that this user may write there, and that this is the newest kithd";
/// The store stops at what it cannot read rather than go on with half of what it knew.
const DAMAGED: &str = "keep the folder as it is; `kithd check` tells what can be read, `kithd restore BACKUP FOLDER` makes a new folder from the last \
                       good backup, best on another disk";

impl From<kith_home::RemoveError> for AppError {
    fn from(error: kith_home::RemoveError) -> Self {
        match error {
            kith_home::RemoveError::Store(error) => Self::Store(error),
            _ => Self::NoAccount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(reason: JournalError) -> AppError {
        AppError::Store(reason.into())
    }

    #[test]
    fn hints_say_what_to_do_about_what_happened() {
        let denied = || std::io::Error::from(ErrorKind::PermissionDenied);
        let bind = |setting, kind: ErrorKind| AppError::Bind {
            setting,
            address: "127.0.0.1:80".parse().unwrap(),
            reason: kind.into(),
        };
        let damaged = |offset| store(JournalError::Damaged { file: "0000000001.log".to_owned(), offset });
        let format = |found| store(JournalError::Format { file: String::new(), found, known: 2 });
        for (error, hint) in [
            (damaged(7), "kithd restore"),
            (store(JournalError::Missing { file: String::new() }), "kithd restore"),
            (AppError::Open(OpenError::Store(StoreError::Damaged { table: "meta" })), "kithd restore"),
            (format(3), "newest kithd"),
            (format(1), "the release that wrote it"),
            (store(JournalError::Disk(denied())), "as root (sudo)"),
            (store(JournalError::Disk(ErrorKind::StorageFull.into())), "neither full"),
            (AppError::Data { path: "/x".into(), reason: denied() }, "as root (sudo)"),
            (AppError::Backup { path: "/x".into(), reason: BackupError::Read(denied()) }, "as root (sudo)"),
            (AppError::Backup { path: "/x".into(), reason: BackupError::NoBackup }, "`kithd backup` made"),
            (AppError::Write { path: "/x".into(), reason: ErrorKind::NotFound.into() }, "make the folder first"),
            (bind("listen", ErrorKind::AddrInUse), "--listen ADDR:PORT"),
            (bind("metrics", ErrorKind::AddrInUse), "with metrics in the configuration"),
            (bind("tls.acme_listen", ErrorKind::PermissionDenied), "ports below 1024"),
            (bind("listen", ErrorKind::AddrNotAvailable), "no such address"),
        ] {
            assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        }
    }
}
