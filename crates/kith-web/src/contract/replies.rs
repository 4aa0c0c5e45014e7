//! What the app gets: replies, and why something was not done.

use serde::Serialize;

use super::devices::{Backup, Backups, Device, FoundAtHome, Link, LinkWords};
use super::views::{Attachment, Card, Contact, Found, Message, Page, QrCode, State, Written};

/// What the app gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Reply {
    /// It is done.
    Done,
    /// How things stand now.
    State {
        /// That.
        state: State,
    },
    /// All contacts.
    Contacts {
        /// Those with the newest messages first.
        contacts: Vec<Contact>,
    },
    /// One contact.
    Contact {
        /// That.
        contact: Contact,
    },
    /// A contact was made.
    ContactMade {
        /// Its id.
        contact: u64,
    },
    /// A card was made.
    Card {
        /// That.
        card: Card,
    },
    /// What two people compare.
    Digits {
        /// Twelve groups of five digits.
        groups: Vec<String>,
        /// The same for the contact's camera.
        qr: QrCode,
        /// Whether the person has said before that they were the same.
        verified: bool,
    },
    /// The picture that the person has chosen for a contact.
    Picture {
        /// A small JPEG, in base64.
        picture: Option<String>,
    },
    /// A window of a conversation.
    Page {
        /// That.
        page: Page,
    },
    /// One message, as it is now.
    Message {
        /// That.
        message: Message,
    },
    /// What a search found.
    Found {
        /// Newest first.
        found: Vec<Found>,
    },
    /// A file was prepared.
    Attached {
        /// That.
        attachment: Attachment,
        /// What was taken out of it.
        removed: Vec<Written>,
    },
    /// A piece of an attachment; its bytes come beside this.
    Chunk {
        /// Which piece.
        index: u32,
    },
    /// The person's devices.
    Devices {
        /// Those.
        devices: Vec<Device>,
    },
    /// A link was made.
    Link {
        /// That.
        link: Link,
    },
    /// A link in words was made.
    LinkWords {
        /// That.
        link: LinkWords,
    },
    /// How well the person is prepared for losing every device.
    Backups {
        /// That.
        backups: Backups,
    },
    /// The recovery phrase.
    Phrase {
        /// Its words, in their order.
        words: Vec<String>,
    },
    /// A backup was made; its bytes come beside this.
    BackedUp {
        /// Bytes of the file that was given which stay as they are; the new ones come behind them. 0 when all is new.
        keep: u64,
        /// Contacts that were written, new or changed.
        contacts: u64,
        /// Messages that were written, new or changed.
        messages: u64,
    },
    /// The backup at the home server is up to date.
    BackedUpHome {
        /// Contacts that were written, new or changed.
        contacts: u64,
        /// Messages that were written, new or changed.
        messages: u64,
        /// Bytes that had to be sent.
        sent: u64,
    },
    /// Backups at the home server were removed.
    Removed {
        /// How many there were.
        count: u64,
    },
    /// Backups that were found at a home server.
    FoundAtHome {
        /// The newest first, and last those that are dated ahead.
        found: Vec<FoundAtHome>,
    },
    /// A backup that can be restored.
    Backup {
        /// That.
        backup: Backup,
    },
}

/// Why something was not done. Nothing has changed then, unless the request says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What a text is chosen by.
    pub code: FailureCode,
    /// What the library said, in English, for the curious; never needed for understanding.
    pub detail: String,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureCode {
    /// The password does not open this device's storage.
    WrongPassword,
    /// An empty password protects nothing.
    EmptyPassword,
    /// Nothing is open: unlock first.
    Locked,
    /// There is a person here already.
    AlreadyHere,
    /// There is nobody here yet.
    NobodyHere,
    /// Another tab has the person.
    Elsewhere,
    /// This browser lacks something: the origin private file system, say, or it is in a mode without storage.
    Unsupported,
    /// The browser's storage is full.
    StorageFull,
    /// The browser's storage failed or was damaged.
    Storage,
    /// A newer version of Kith has used this storage.
    NewerVersion,
    /// The address is none.
    BadAddress,
    /// Nobody answers at the home server's address.
    ServerUnreachable,
    /// What answers there is no home server.
    NotAHomeServer,
    /// The home server asks for an invite, or does not take this one.
    InviteNeeded,
    /// The home server refuses for another reason.
    ServerRefuses,
    /// The home server must be reached first.
    Offline,
    /// A name is empty, too long, or has control characters.
    BadName,
    /// This is no whole contact card.
    BadCard,
    /// The card is the person's own.
    OwnCard,
    /// The card was answered here already.
    CardUsed,
    /// The card's time is over.
    CardExpired,
    /// The card is for something else: linking a device, say.
    CardOtherPurpose,
    /// There is no such contact.
    UnknownContact,
    /// There is no such message.
    UnknownMessage,
    /// There is no such attachment, or it is not all here.
    UnknownAttachment,
    /// Only the author edits and takes back.
    NotTheAuthor,
    /// There is nothing to send.
    NothingToSend,
    /// The text is too long.
    TooLong,
    /// A reaction is one emoji.
    BadReaction,
    /// The file is too large, or its name cannot be sent.
    BadFile,
    /// A code that was read says something else than digits to compare.
    NotDigits,
    /// A code that was read says other digits.
    DigitsDiffer,
    /// The file changed while it was read, or could not be read.
    FileUnreadable,
    /// Place and time cannot be taken out of this kind of picture.
    PictureUnknown,
    /// What was chosen for a contact is no small JPEG.
    BadPicture,
    /// The picture is damaged, so nothing can be taken out of it.
    PictureDamaged,
    /// The contact is blocked.
    Blocked,
    /// The contact has not answered yet.
    NotAnsweredYet,
    /// The conversation cannot go on without a new card.
    NeedsCard,
    /// The conversation goes on and needs no new card.
    NeedsNoCard,
    /// The person has revoked this device.
    Revoked,
    /// This is no whole link for a device.
    BadLink,
    /// A word is none that links are made of; the detail is the word.
    UnknownLinkWord,
    /// A link in words has twelve of them; the detail says how many these are.
    LinkWordsCount,
    /// Each is a word that links are made of, and they do not belong together.
    BadLinkWords,
    /// There is no link under these words at this home server, or not any more.
    NoSuchLink,
    /// The link's time is over.
    LinkExpired,
    /// The link was used here already.
    LinkUsed,
    /// The link is for a new device, and this one is in use.
    LinkForNew,
    /// The link is for a device that is in use, and this one is new.
    LinkForOld,
    /// The link is a contact card.
    LinkIsCard,
    /// This device has contacts of its own, or is linked already.
    NotFresh,
    /// A person has at most eight devices.
    TooManyDevices,
    /// There is no such device, or it is none of the person's any more.
    UnknownDevice,
    /// A device cannot take itself out.
    ThisDevice,
    /// The new device is not that far: its person has not compared the codes there.
    NotComparedThere,
    /// A name for a device is empty or too long.
    BadDeviceName,
    /// Another device of the person is called so.
    DeviceNameTaken,
    /// These are not the words of a recovery phrase; the detail says which of them is not in the list.
    BadPhrase,
    /// The words are those of another person.
    WrongPhrase,
    /// The password does not open the backup.
    WrongBackupPassword,
    /// The file is no backup.
    NotABackup,
    /// The file is damaged, or not one whole backup is in it.
    BackupDamaged,
    /// The file is a backup by another device of the person, which may know more than this one.
    BackupOfOther,
    /// Another backup is being made.
    BackupRunning,
    /// The home server keeps no more for this person.
    NoRoom,
    /// There is no backup of this person at this home server, or it does not show it.
    NoHomeBackup,
    /// The home server does not have all of a backup.
    HomeBackupLost,
    /// Something came between; said again it goes on.
    HomeBackupAgain,
    /// Making the person, or taking a backup in, did not come to its end; nothing of it stayed.
    RestoreUnfinished,
    /// The request was not understood: app and worker are of different versions.
    BadRequest,
    /// Something that cannot happen.
    Internal,
}
