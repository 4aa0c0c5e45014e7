//! The person's devices, and what is prepared for losing all of them.

use serde::{Deserialize, Serialize};

use super::replies::FailureCode;
use super::views::QrCode;

/// Where a device stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum DeviceState {
    /// The two have not met yet.
    Waiting,
    /// Both show this code: the person compares.
    Compare {
        /// Twenty digits in four groups.
        code: String,
        /// Whether the person is to say on this device that the codes are the same.
        asks: bool,
    },
    /// One of the person's devices.
    Linked,
    /// It was revoked.
    Revoked,
}

/// One of the person's devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Its id; absent while it has not said who it is.
    pub id: Option<String>,
    /// What it is called in [`Request::WelcomeDevice`](super::Request::WelcomeDevice).
    pub link: Option<u64>,
    /// What the person calls it.
    pub name: String,
    /// Whether it is this one.
    pub is_this: bool,
    /// The day on which it was linked, as midnight in Greenwich.
    pub since: Option<u64>,
    /// When this device heard of it; absent for this one and for those that were there before.
    pub heard: Option<u64>,
    /// Contacts that it has told this new device.
    pub contacts: Option<Progress>,
    /// Messages of before: told by it, or to it.
    pub history: Option<Progress>,
    /// Where it stands.
    pub state: DeviceState,
    /// Whether this device and it can tell each other nothing any more: it is taken out and linked again.
    pub stopped: bool,
}

/// How far something has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Told.
    pub told: u64,
    /// In all.
    pub total: u64,
}

/// How far a device is that is to become another one of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum JoinStep {
    /// No link was made or used, or it was taken back, or its time is over.
    Idle,
    /// Words were typed, and what they stand for is looked for.
    Looking,
    /// A link was made or used, and the two have not met yet.
    Waiting,
    /// Both show this code.
    Compare {
        /// Twenty digits in four groups.
        code: String,
        /// Whether the person is to say here that the codes are the same; afterwards, and otherwise, it is said on the other
        /// device.
        asks: bool,
    },
}

/// A link between two devices of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The link, whole.
    pub link: String,
    /// The link as a QR code, without what has no room in it: that lies at the home server.
    pub qr: QrCode,
    /// The last moment at which it can be used.
    pub expires: u64,
}

/// A link between two devices of one person, for a new device on which the person types words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LinkWords {
    /// Twelve words, in their order.
    pub words: Vec<String>,
    /// The home server at which the new device finds what they stand for.
    pub server: String,
    /// The last moment at which it can be used.
    pub expires: u64,
}

/// Which messages of before a new device gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum HistoryWish {
    /// None.
    None,
    /// Those of the last days.
    Days {
        /// How many days.
        days: u32,
    },
    /// All.
    All,
}

/// How well the person is prepared for losing every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Backups {
    /// When the person last showed that the recovery phrase is written down.
    pub phrase_checked: Option<u64>,
    /// When this device last made a backup.
    pub made: Option<u64>,
    /// Messages that are new or have changed since.
    pub behind: u64,
    /// Contacts with whom the person can talk.
    pub contacts: u64,
    /// Those to whom a backup made now brings nobody back.
    pub missing: u64,
    /// Those to whom the last backup brings nobody back; none before the first.
    pub missing_in_last: Option<u64>,
    /// The backup that this device keeps at its home server.
    pub home: HomeBackup,
}

/// The backup that a device keeps at its home server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct HomeBackup {
    /// Hours after which the device makes the next one by itself; none when it does not.
    pub every: Option<u32>,
    /// When it was made last; none when none is whole there.
    pub made: Option<u64>,
    /// Bytes that it has there.
    pub bytes: u64,
    /// Whether one is just being made.
    pub running: bool,
    /// Whether the home server had lost something of the one before when the last one was made.
    pub lost: bool,
    /// Why the last one was not made, since Kith was opened.
    pub trouble: Option<FailureCode>,
}

/// A backup that was found at a home server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FoundAtHome {
    /// The device that made it, as the person called it; empty when it had no name.
    pub device: String,
    /// When it says that it was made.
    pub made: u64,
    /// Its size.
    pub bytes: u64,
    /// Whether that is more than a day from now: a clock was wrong, or somebody wants it to be taken.
    pub ahead: bool,
}

/// What opens a backup. Printed by nobody.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum BackupKey {
    /// The recovery phrase, as people type it.
    Phrase {
        /// Its words.
        words: String,
    },
    /// The password that the device had when the backup was made.
    Password {
        /// That.
        password: String,
    },
    /// None is needed any more: it is the one that was fetched last with [`Request::FetchFromHome`](super::Request::FetchFromHome).
    Fetched,
}

/// What a backup is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// The person's own name.
    pub name: Option<String>,
    /// The home server of the device that made it.
    pub server: String,
    /// When it was made.
    pub made: u64,
    /// People that the person knew.
    pub contacts: u64,
    /// Messages in it, some perhaps counted several times.
    pub messages: u64,
    /// Whether the file ends in the middle of something: what was whole is taken.
    pub torn: bool,
}
