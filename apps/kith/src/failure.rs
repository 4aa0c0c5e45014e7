//! What can stop a command: told to people with what it means and what to do, to programs with a code.

use std::path::Path;

use kith_client::{AttachError, CleanError, ClientError, CreateError, DeviceActionError, SaveError, SyncError};
use kith_engine::{CommandError, DescriptorError, DeviceError, QueryError};

/// Why a command ended without having done what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// For programs; part of the contract.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// What the machine found, in its own words: told to programs, for whoever looks for the cause.
    pub(crate) detail: Option<String>,
    /// The exit code.
    pub(crate) exit: Exit,
}

/// The exit codes of `kith`. The numbers are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused or failed.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Wrong password.
    Password = 3,
    /// The network was needed and not reachable.
    Offline = 4,
    /// What was waited for has not happened yet, and goes on by itself.
    Later = 5,
}

impl Failure {
    /// Refused or failed.
    pub(crate) fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.into(), detail: None, exit: Exit::Failed }
    }

    /// Adds what the machine found.
    pub(crate) fn with_detail(self, detail: impl std::fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..self }
    }

    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new("usage", message, hint) }
    }

    /// The network was needed.
    pub(crate) fn offline(message: impl Into<String>) -> Self {
        let hint = "check your connection and the address of your home server (`kith status`), then try again";
        Self { exit: Exit::Offline, ..Self::new("offline", message, hint) }
    }

    /// The password does not open the folder.
    pub(crate) fn password() -> Self {
        Self::password_of("this folder")
    }

    /// The password does not open something.
    pub(crate) fn password_of(what: &str) -> Self {
        let hint = "type it again; nobody can reset a password, not even the people who made Kith";
        Self {
            exit: Exit::Password,
            ..Self::new("wrong_password", format!("this is not the password of {what}"), hint)
        }
    }

    /// A file could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Self::not_there(doing, path);
        }
        let message = format!("{} could not be {doing}: {error}", path.display());
        let hint = match doing {
            "read" => "check the path and its permissions",
            _ => "check the path, its permissions, and that the disk has room",
        };
        Self::new("file", message, hint)
    }

    /// There is no such file, or no folder for it.
    fn not_there(doing: &str, path: &Path) -> Self {
        let folder = path.parent().filter(|folder| doing != "read" && !folder.as_os_str().is_empty());
        match folder {
            Some(folder) => Self::no_folder(folder),
            None => {
                let hint = "check its name; a path that does not begin with / counts from the folder that you are in";
                Self::new("file", format!("there is no file {}", path.display()), hint)
            }
        }
    }

    /// There is no folder for what shall be written.
    pub(crate) fn no_folder(folder: &Path) -> Self {
        let folder = folder.display();
        Self::new("file", format!("there is no folder {folder}"), format!("make it first: mkdir '{folder}'"))
    }

    /// Puts another code or hint in place of the general one.
    fn told(code: &str, message: impl std::fmt::Display, hint: &str) -> Self {
        Self::new(code, message.to_string(), hint)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        let (code, hint) = match &error {
            E::Storage(_) => ("storage", STORAGE_HINT),
            E::NotInitialised => ("not_initialised", "start with `kith init --server URL`"),
            E::AlreadyInitialised => {
                ("already_initialised", "one folder is one person; choose another with --home DIR")
            }
            E::Descriptor(error) => return server_refused(error),
            E::NoSpareQueue => {
                ("no_spare_queue", "run `kith sync` while your home server can be reached, then try again")
            }
            E::UnknownContact => ("unknown_contact", "`kith contacts` shows whom you know"),
            E::UnknownMessage => ("unknown_message", "`kith log CONTACT --ids` shows the messages with their ids"),
            E::UnknownAttachment => ("unknown_attachment", "`kith log CONTACT` shows which messages carry a file"),
            E::NotTheAuthor => ("not_the_author", "you can change and take back only what you wrote"),
            E::Empty => ("empty", "write a text, or send a file with --file PATH"),
            E::TooLong { .. } => ("too_long", "put it into a file and send that with --file PATH"),
            E::BadReaction => ("bad_reaction", "give one emoji; an empty text takes a reaction back"),
            E::NotDigits => ("not_digits", "give what the code of `kith verify CONTACT --qr`, or of the app, says"),
            E::DigitsDiffer => {
                ("digits_differ", "do not confirm them; meet this contact anew, with a card from hand to hand")
            }
            E::BadName => ("bad_name", "choose a shorter one (at most 200 bytes), without line breaks"),
            E::BadAttachment => {
                ("bad_attachment", "files of up to 100 MiB can be sent; shorten the name if it is very long")
            }
            E::Blocked => ("blocked", "`kith unblock CONTACT` lets you talk again"),
            E::NotEstablished => ("not_established", "wait until the contact was online once, then try again"),
            E::SessionUnusable => {
                ("session_unusable", "give the contact a new card with `kith card new --name CONTACT`")
            }
            E::NothingToRenew => ("nothing_to_renew", "leave --name away, or choose another one, for somebody new"),
            E::Card(_) => ("card_refused", "ask for a new card: each is good for one person and a limited time"),
            E::OwnCard => ("own_card", "give it to the person you want to talk to"),
            E::NotFresh => {
                ("not_fresh", "a device is linked in a folder of its own: choose another one with --home DIR")
            }
            E::Revoked => return revoked(),
            E::Restoring => return restoring(),
            E::AlreadyAnswered => ("already_answered", "`kith contacts` shows the contact that it became"),
            _ => ("refused", "see `kith status`"),
        };
        Self::told(code, &error, hint)
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        use QueryError as E;
        let (code, hint) = match &error {
            E::NotInitialised => ("not_initialised", "start with `kith init --server URL`"),
            E::UnknownContact => ("unknown_contact", "`kith contacts` shows whom you know"),
            E::UnknownMessage => ("unknown_message", "`kith log CONTACT --ids` shows the messages with their ids"),
            E::UnknownAttachment => ("unknown_attachment", "`kith log CONTACT` shows which messages carry a file"),
            E::NoDigits => (
                "no_digits",
                "both of you go online once after the card was answered (`kith sync`, `kith listen`), then try again",
            ),
            _ => ("storage", STORAGE_HINT),
        };
        Self::told(code, &error, hint)
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Unreachable(reason) => {
                Self::offline(format!("your home server does not answer: {reason}. What you wrote waits here"))
            }
            SyncError::TimedOut => Self::told(
                "timeout",
                &error,
                "try again with a longer --timeout; what still waits may be for a home server that does not answer",
            ),
            SyncError::Command(error) => error.into(),
            SyncError::Revoked => revoked(),
            SyncError::Trouble(trouble) => trouble_failure(trouble),
            _ => Self::told("storage", &error, STORAGE_HINT),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::WrongPassword => Self::password(),
            ClientError::Missing => Self::told(
                "not_initialised",
                "there is nobody in this folder yet",
                "start with `kith init --server URL`",
            ),
            ClientError::AlreadyExists => Self::told(
                "already_initialised",
                "there is somebody in this folder already",
                "one folder is one person; choose another with --home DIR",
            ),
            ClientError::Restoring => restoring(),
            ClientError::Create(CreateError::NotEmpty) => Self::told(
                "not_empty",
                "there are other files in this folder",
                "Kith wants a folder of its own: choose a new one with --home DIR",
            ),
            ClientError::InUse => Self::told(
                "in_use",
                "another program is using this folder",
                "let it finish, or stop it, then try again",
            ),
            other => Self::new("storage", with_source(&other), STORAGE_HINT),
        }
    }
}

impl From<DeviceActionError> for Failure {
    fn from(error: DeviceActionError) -> Self {
        match error {
            DeviceActionError::WrongPassword => Self::password(),
            DeviceActionError::Device(error) => error.into(),
            other => Self::told("storage", &other, STORAGE_HINT),
        }
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        use DeviceError as E;
        let (code, hint) = match &error {
            E::Storage(_) => ("storage", STORAGE_HINT),
            E::UnknownDevice => ("unknown_device", "`kith device list` shows your devices"),
            E::NotThereYet => ("not_there_yet", "wait until the new device shows its code, then try again"),
            E::TooMany => ("too_many_devices", "revoke one that you no longer use: `kith device revoke DEVICE`"),
            E::BadName => ("bad_name", "choose one of at most 64 bytes, in one line"),
            E::NameTaken => ("name_taken", "choose a name by which you can tell them apart"),
            E::ThisDevice => ("this_device", THIS_DEVICE_HINT),
            E::Revoked => return revoked(),
            _ => ("refused", "see `kith device list`"),
        };
        Self::told(code, &error, hint)
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        match error {
            AttachError::Command(error) => error.into(),
            AttachError::TooLarge => Self::told("bad_attachment", &error, "files of up to 100 MiB can be sent"),
            AttachError::Clean(reason) => {
                let code = match reason {
                    CleanError::Damaged => "damaged_picture",
                    _ => "unknown_picture",
                };
                Self::told(code, reason, "save it as JPEG or PNG first, or send it as it is with --with-metadata")
            }
            AttachError::Read { path, source } => unreadable(&path, &source),
            AttachError::NotAFile(_) => Self::told("file", &error, "pack a folder into one file first, and send that"),
            other => Self::told("file", &other, "see that the disk has room, and try again; nothing was sent"),
        }
    }
}

/// Says that a file that was to be sent is not there, or not for this user to read.
fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::new(
            "file",
            format!("there is no file {path}; nothing was sent"),
            "check its name; a path that does not begin with / counts from the folder that you are in",
        ),
        std::io::ErrorKind::PermissionDenied => Failure::new(
            "file",
            format!("{path} is not yours to read; nothing was sent"),
            "give yourself the right to read it, or send a copy",
        ),
        _ => Failure::new(
            "file",
            format!("{path} could not be read: {error}; nothing was sent"),
            "see that the disk that it is on is still there, and try again",
        ),
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Query(error) => error.into(),
            SaveError::Command(error) => error.into(),
            SaveError::Exists(_) => {
                Self::told("exists", &error, "choose another name with --out FILE, or overwrite it with --force")
            }
            SaveError::Gone => Self::told("attachment_gone", &error, "ask the contact to send it again"),
            SaveError::Asked => Self::told(
                "asked",
                &error,
                "bring one of them online that has the file (`kith sync`, or `kith listen`), then try again",
            ),
            SaveError::Unreachable(_) | SaveError::Stalled => Self::offline(error.to_string()),
            other => Self::told("file", &other, "check the path, its permissions, and that the disk has room"),
        }
    }
}

/// Says what is wrong with a home server that answers.
fn server_refused(error: &DescriptorError) -> Failure {
    use DescriptorError as E;
    let (message, hint) = match error {
        E::Storage(_) => return Failure::told("storage", error, STORAGE_HINT),
        E::NotSigned => (
            "what answers at this address has another key than the home server should have; nothing was sent",
            "ask whoever runs the home server for its address and its key; if both are right, somebody may sit between",
        ),
        E::Older { .. } => (
            "the home server shows papers that are older than those that it has shown before; nothing was sent",
            "ask whoever runs it whether it was put back from an old copy; if not, somebody may sit between",
        ),
        E::NoEpoch => (
            "the home server's papers are not for today; nothing was sent",
            "look at the date of this machine, and set it if it is wrong; if it is right, tell whoever runs the home server",
        ),
        // No version in common, or what a later engine finds.
        _ => (
            "the home server and this program have no version of Kith in common",
            "install the newest release of Kith here; if you have it, the home server is out of date: tell whoever runs it",
        ),
    };
    Failure::new("server_refused", message, hint).with_detail(error)
}

/// Says what only a person can mend.
pub(crate) fn trouble_failure(trouble: kith_engine::Trouble) -> Failure {
    use kith_engine::Trouble as T;
    if let T::ClockOff { ahead } = trouble {
        return clock_off(ahead);
    }
    let (code, message, hint) = match trouble {
        T::InviteNeeded => (
            "invite_needed",
            "your home server takes new people only with an invite that is still good",
            "ask whoever runs it for a code, and start with `kith init --server URL --invite CODE`",
        ),
        T::QuotaExceeded => (
            "quota_exceeded",
            "your home server keeps no more for you",
            "forget contacts that you no longer need, or ask whoever runs it for more room",
        ),
        T::ServerKeyChanged => (
            "server_key_changed",
            "what answers at your home server's address is not your home server; nothing was sent",
            "ask whoever runs it; do not go on before you know why",
        ),
        T::BadDescriptor => (
            "bad_descriptor",
            "your home server shows papers that are out of date or not valid; nothing was sent",
            "try again later; if it stays like this, ask whoever runs it",
        ),
        _ => ("server_trouble", "your home server refuses something", "see `kith status`, or ask whoever runs it"),
    };
    Failure::new(code, message, hint)
}

/// Says by how much the clock of this machine is wrong, or the home server's.
fn clock_off(ahead: i64) -> Failure {
    let by = match ahead.unsigned_abs() {
        seconds if seconds >= 36 * 3600 => format!("{} days", (seconds + 12 * 3600) / (24 * 3600)),
        seconds if seconds >= 23 * 3600 => "a day".to_owned(),
        seconds if seconds >= 90 * 60 => format!("{} hours", (seconds + 30 * 60) / 3600),
        seconds => format!("{} minutes", (seconds + 30) / 60),
    };
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let hint = "set the clock, unless it is your home server's that is wrong; messages are delivered all the same, but their times may be wrong";
    Failure::new("clock_off", format!("this machine's clock is {by} {which} your home server's"), hint)
}

/// Says also what the operating system said.
pub(crate) fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) if source.to_string() != error.to_string() => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

/// Says that a folder holds half a person.
fn restoring() -> Failure {
    Failure::new(
        "restore_unfinished",
        "a backup is being restored in this folder, and not all of it is there",
        "give the same `kith restore` again: it goes on; or delete the folder and restore into a new one",
    )
}

/// Says that this device is none of the person's any more.
pub(crate) fn revoked() -> Failure {
    Failure::new(
        "revoked",
        "this device was revoked on another one of yours: it sends and receives nothing any more",
        REVOKED_HINT,
    )
}

/// Says the same of a device that a backup did not know from which the person went on.
pub(crate) fn left_behind() -> Failure {
    let message = "you went on from a backup that did not know of this device: it sends and receives nothing any more";
    Failure::new("revoked", message, "if it was not you, tell your people another way; `kith status` says more")
}

const REVOKED_HINT: &str = "what it had is still here (`kith log`); to use it again, link it anew in a new folder: \
                            `kith device link` there, `kith device join LINK --home DIR` here";
const THIS_DEVICE_HINT: &str = "revoke it on another one; to stop using this one alone, delete its folder";
const STORAGE_HINT: &str =
    "see that you may write there, that the disk has room, and that nobody else changes the folder";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_home_server_is_said_without_the_words_of_the_protocol() {
        let all = [
            DescriptorError::NotSigned,
            DescriptorError::Older { found: 3, seen: 4 },
            DescriptorError::NoEpoch,
            DescriptorError::NoVersion,
        ];
        for error in all {
            let detail = error.to_string();
            let told = Failure::from(CommandError::Descriptor(error));
            assert_eq!((told.code.as_str(), &told.detail), ("server_refused", &Some(detail)));
            for word in ["descriptor", "serial", "epoch", "pinned"] {
                assert!(!told.message.contains(word) && !told.hint.contains(word), "{told:?}");
            }
            assert!(told.hint.contains("whoever runs"), "who can mend it is named: {told:?}");
        }
    }

    #[test]
    fn a_wrong_clock_is_told_with_its_direction_in_the_words_of_people() {
        let day = 24 * 3600;
        for (ahead, says) in [
            (301, "5 minutes ahead of"),
            (-301, "5 minutes behind"),
            (2 * 3600, "2 hours ahead of"),
            (day, "a day ahead of"),
            (-day - 60, "a day behind"),
            (30 * day, "30 days ahead of"),
            (i64::MIN, "days behind"),
        ] {
            let told = trouble_failure(kith_engine::Trouble::ClockOff { ahead });
            assert!(told.message.contains(says) && told.code == "clock_off", "{ahead}: {}", told.message);
        }
    }
}
