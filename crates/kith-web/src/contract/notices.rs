//! What the worker tells by itself.

use serde::Serialize;

use super::views::{MessageState, State};

/// What happened. Whoever shows something asks anew for what a notice names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Notice {
    /// Things stand otherwise than before: locked, taken over by another tab, connected, registered.
    State {
        /// How.
        state: State,
    },
    /// A message is new or was changed.
    Message {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
        /// What happened to it.
        change: MessageChange,
    },
    /// One of the person's messages moved on.
    MessageState {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
        /// Where it is now.
        state: MessageState,
    },
    /// A contact is new or was changed: answered, established, verified, renamed, read, forgotten.
    Contact {
        /// Which.
        contact: u64,
    },
    /// Something about a contact that the person should know.
    ContactTrouble {
        /// Which.
        contact: u64,
        /// What.
        trouble: ContactTrouble,
    },
    /// A file is being prepared for sending.
    Preparing {
        /// Its name.
        name: String,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        size: u64,
    },
    /// An attachment moved on.
    Attachment {
        /// In whose conversation.
        contact: u64,
        /// The message that carries it.
        message: String,
        /// Which.
        attachment: u64,
        /// Pieces that are there.
        done: u32,
        /// Pieces in all.
        total: u32,
    },
    /// Something about the person's devices changed.
    Devices,
    /// The person has another device, of which this one hears for the first time.
    DeviceAdded {
        /// What the person calls it.
        name: String,
    },
    /// A backup is being made.
    BackingUp {
        /// Messages done.
        done: u64,
        /// Messages in all.
        total: u64,
    },
    /// The backup at the home server is being made, was made, or was not: [`Backups`](super::Backups) says how it stands.
    HomeBackup,
    /// Bytes of a backup go to the home server, or come from there.
    Moving {
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A backup is being taken in.
    Restoring {
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The home server refuses something that only a person can mend.
    Trouble {
        /// What.
        trouble: Trouble,
    },
    /// The browser's storage could not be read or written; what it was about comes again.
    StorageTrouble {
        /// What the library said.
        detail: String,
    },
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MessageChange {
    /// It is new, from the contact: worth a sound.
    New,
    /// It is new here, from another device of the person or from before.
    Synced,
    /// It is the person's own and was written here, perhaps in another tab.
    Written,
    /// It has another text.
    Edited,
    /// It was taken back.
    Deleted,
    /// It has other reactions.
    Reacted,
    /// Its time was over, and it is gone.
    Disappeared,
}

/// Something about a contact that the person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ContactTrouble {
    /// Somebody else answered the card, too.
    CardAnsweredTwice,
    /// The conversation cannot go on without a new card.
    NeedsCard,
    /// The conversation with one of their devices cannot go on; with the others it does.
    DeviceStopped,
    /// Somebody has stolen the key of a device.
    DeviceKeyStolen,
    /// They have lost all devices and go on from a backup.
    Restored,
    /// A second device says that it is theirs, from the same backup.
    RestoredTwice,
    /// They say that somebody else came as this person, from a backup or an old device, and was refused.
    RefusedAnother,
    /// The person's home server does not talk to theirs.
    ForbiddenServer,
    /// Much of what came could not be read.
    Unreadable,
    /// Their mailbox was full, and something was dropped.
    Overflow,
}

/// What only a person can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The home server wants an invite.
    InviteNeeded,
    /// The account's quota is used up.
    QuotaExceeded,
    /// The home server proves another key than before.
    ServerKeyChanged,
    /// This device's clock is more than five minutes off.
    ClockOff,
    /// What the home server says about itself is old or not valid.
    BadDescriptor,
}
