//! What the app asks for.

use serde::Deserialize;

use super::devices::{BackupKey, HistoryWish};
use super::views::{Metadata, Shown};

#[cfg(doc)]
use super::{Attachment, Reply};

/// What the app wants. Printed by nobody: passwords and texts are in here.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Request {
    /// How things stand. Answered with [`Reply::State`].
    State,
    /// Takes the person over from another tab, which locks itself. Answered with [`Reply::State`] when that is done.
    TakeOver,
    /// Makes a person on this device, opens it, and registers it at a home server. Answered with [`Reply::State`]. When the
    /// home server refuses or does not answer nothing stays, and it may be said again.
    Create {
        /// The person's own name, for their own eyes. None on a device that is to become another one of a person: what it
        /// is then is [`State::Joining`](super::State::Joining).
        name: Option<String>,
        /// What opens this device's storage from now on. It cannot be recovered.
        password: String,
        /// The home server's address as people type it; none means the server that this app comes from.
        server: Option<String>,
        /// For home servers that ask for one.
        invite: Option<String>,
    },
    /// Opens the person of this device. Answered with [`Reply::State`].
    Unlock {
        /// The password.
        password: String,
    },
    /// Removes everything from this device for good. Only of a person who is joining, or of a device that was taken out.
    /// Answered with [`Reply::State`].
    Erase,
    /// Closes everything; afterwards nothing readable is left in this worker. Answered with [`Reply::State`].
    Lock,
    /// Looks through a backup, which comes beside this request as a file. Answered with [`Reply::Backup`].
    LookAtBackup {
        /// What opens it.
        with: BackupKey,
    },
    /// Takes a backup, the file beside this request, into this device, where nobody is yet: a new device in the place of all
    /// others. Answered with [`Reply::State`]; how far it is, [`Notice::Restoring`](super::Notice::Restoring) tells. When it
    /// fails, or is interrupted, nothing of it stays, and it may be said again.
    Restore {
        /// What opens it.
        with: BackupKey,
        /// What opens this device's storage from now on.
        password: String,
        /// The home server's address as people type it; none means the one that is named in the backup.
        server: Option<String>,
        /// For home servers that ask for one.
        invite: Option<String>,
        /// What this device is called.
        device_name: String,
    },
    /// Looks for backups of whoever has the recovery phrase at a home server, where nobody is here yet. Answered with
    /// [`Reply::FoundAtHome`].
    FindAtHome {
        /// The words of the phrase, as people type them.
        words: String,
        /// The home server's address as people type it; none means the server that this app comes from.
        server: Option<String>,
    },
    /// Fetches one of the backups that were found, and looks through it; what an interruption left is not fetched again.
    /// Answered with [`Reply::Backup`]; how far it is, [`Notice::Moving`](super::Notice::Moving) tells.
    FetchFromHome {
        /// Its place in what was found, from 0.
        number: u32,
    },
    /// Says whether this is the password, as slowly as opening does. Answered with [`Reply::Done`].
    CheckPassword {
        /// The password.
        password: String,
    },
    /// Makes another password the one that opens. Answered with [`Reply::Done`].
    ChangePassword {
        /// The one so far.
        old: String,
        /// The one from now on.
        new: String,
    },

    /// All contacts, those with the newest messages first. Answered with [`Reply::Contacts`].
    Contacts,
    /// One contact. Answered with [`Reply::Contact`].
    Contact {
        /// Which.
        contact: u64,
    },
    /// Makes a card for somebody, to be answered once. Answered with [`Reply::Card`].
    NewCard {
        /// What the person calls whoever gets it; a name is made up when absent.
        name: Option<String>,
        /// A contact that needs a new card; its conversation goes on.
        again: Option<u64>,
        /// Seconds until it expires.
        expires: u32,
    },
    /// Answers a card. Answered with [`Reply::ContactMade`].
    AcceptCard {
        /// The link as people copy it.
        link: String,
        /// What the person calls whoever gave it.
        name: Option<String>,
        /// A contact that needs a new card; its conversation goes on.
        again: Option<u64>,
    },
    /// The twelve groups of five digits that two people compare. Answered with [`Reply::Digits`].
    Digits {
        /// With whom.
        contact: u64,
    },
    /// Compares the digits with what the contact's code says, and remembers it when they are the same. Answered with [`Reply::Done`].
    CompareDigits {
        /// The contact.
        contact: u64,
        /// What the code says.
        read: String,
    },
    /// Says that the digits were the same on both sides. Answered with [`Reply::Done`].
    ConfirmVerified {
        /// With whom.
        contact: u64,
    },
    /// Gives a contact another name. Answered with [`Reply::Done`].
    Rename {
        /// The contact.
        contact: u64,
        /// The name.
        name: String,
    },
    /// Stops or starts receiving from a contact, who cannot tell. Answered with [`Reply::Done`].
    Block {
        /// The contact.
        contact: u64,
        /// Whether they are blocked from now on.
        blocked: bool,
    },
    /// Deletes a contact with the whole conversation. Answered with [`Reply::Done`].
    Forget {
        /// The contact.
        contact: u64,
    },
    /// Changes how long messages live, on both sides. Answered with [`Reply::Done`].
    SetDisappearing {
        /// The contact.
        contact: u64,
        /// Seconds; none means for ever.
        seconds: Option<u32>,
    },
    /// Whether a contact is told what the person has read. Answered with [`Reply::Done`].
    SetReceipts {
        /// The contact.
        contact: u64,
        /// Whether they are told.
        sent: bool,
    },
    /// Pins, mutes or archives a conversation, or undoes that, on all devices of the person. Answered with [`Reply::Done`].
    SetShown {
        /// The contact.
        contact: u64,
        /// Which of the three.
        shown: Shown,
        /// Whether it is so from now on.
        on: bool,
    },
    /// Chooses a picture for a contact, or takes it away, on all devices of the person; the contact does not learn of it. Answered with
    /// [`Reply::Done`].
    SetPicture {
        /// The contact.
        contact: u64,
        /// A JPEG of at most 16 KiB and 512 pixels a side, in base64.
        picture: Option<String>,
    },
    /// The picture that the person has chosen for a contact. Answered with [`Reply::Picture`].
    Picture {
        /// The contact.
        contact: u64,
    },
    /// Moves the conversation with a contact to a fresh mailbox. Answered with [`Reply::Done`].
    Rotate {
        /// The contact.
        contact: u64,
    },

    /// A window of a conversation. Answered with [`Reply::Page`].
    Page {
        /// With whom.
        contact: u64,
        /// Where it begins.
        at: PageAt,
        /// At most so many messages; never more than 200.
        count: u32,
    },
    /// Messages of a conversation that carry files, newest first: their number and places are those among them. Answered with [`Reply::Page`].
    Files {
        /// With whom.
        contact: u64,
        /// The place of the first one; the newest is at place 0.
        position: u32,
        /// At most so many messages; never more than 200.
        count: u32,
    },
    /// One message. Answered with [`Reply::Message`].
    Message {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
    },
    /// Messages with all these words, or beginnings of words, newest first. Answered with [`Reply::Found`].
    Search {
        /// In whose conversation; none means in all.
        contact: Option<u64>,
        /// What was typed.
        words: String,
        /// At most so many; never more than 200.
        count: u32,
    },
    /// Writes a message. It is stored when the answer comes, and goes out as soon as that is possible. Answered with
    /// [`Reply::Message`].
    Send {
        /// To whom.
        contact: u64,
        /// The text; may be empty beside an attachment.
        text: String,
        /// The message that it answers.
        reply_to: Option<String>,
        /// A file that was prepared with [`Request::Attach`].
        attachment: Option<u64>,
    },
    /// Gives one of the person's own messages another text. Answered with [`Reply::Message`].
    Edit {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
        /// The text.
        text: String,
    },
    /// Takes one of the person's own messages back, on both sides. Answered with [`Reply::Message`].
    Delete {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
    },
    /// Reacts to a message; an empty emoji takes the reaction back. Answered with [`Reply::Message`].
    React {
        /// In whose conversation.
        contact: u64,
        /// Which.
        message: String,
        /// One emoji.
        emoji: String,
    },
    /// Keeps what was typed and not sent; empty forgets it. Answered with [`Reply::Done`].
    SaveDraft {
        /// To whom.
        contact: u64,
        /// The text.
        text: String,
    },
    /// The person has seen everything in a conversation up to now. Answered with [`Reply::Done`].
    MarkRead {
        /// The contact.
        contact: u64,
    },

    /// Prepares the file that comes beside this request for [`Request::Send`]. Answered with [`Reply::Attached`]; how far it
    /// is, [`Notice::Preparing`](super::Notice::Preparing) tells.
    Attach {
        /// The file's name.
        name: String,
        /// Its media type; worked out from the name when empty.
        media_type: String,
        /// What happens to what is written in a picture.
        metadata: Metadata,
    },
    /// Starts, or goes on, fetching an attachment. Answered with [`Reply::Done`].
    FetchAttachment {
        /// Which.
        attachment: u64,
    },
    /// Stops transferring an attachment; what is there stays. Answered with [`Reply::Done`].
    PauseAttachment {
        /// Which.
        attachment: u64,
    },
    /// A piece of an attachment that is here; its bytes come beside the reply. Answered with [`Reply::Chunk`].
    AttachmentChunk {
        /// Which.
        attachment: u64,
        /// Which piece, from 0; there are [`Attachment::total`] of them.
        index: u32,
    },

    /// The person's devices; none when there was never another one than this. Answered with [`Reply::Devices`].
    Devices,
    /// On a device that is joining: makes a link for a device that the person has. Answered with [`Reply::Link`].
    AskToJoin {
        /// What this device is called.
        device_name: String,
        /// Seconds until the link expires.
        expires: u32,
    },
    /// On a device that is joining: uses the link that a device of the person shows. Answered with [`Reply::Done`].
    JoinDevice {
        /// The link as people copy it.
        link: String,
        /// What this device is called.
        device_name: String,
    },
    /// On a device that is joining: looks for the link that a device of the person shows as twelve words, and uses it. Answered
    /// with [`Reply::Done`] when it was found; when it is not, it is looked for no more.
    JoinByWords {
        /// The words as people type them.
        words: String,
        /// The address of the home server that the other device shows, as people type it; none means that of this device.
        server: Option<String>,
        /// What this device is called.
        device_name: String,
    },
    /// On a device that is joining and made the link: both show the same code. Answered with [`Reply::Done`].
    ConfirmCode,
    /// On a device that the person has: makes a link for a new one. Answered with [`Reply::Link`].
    LinkDevice {
        /// What this device is called, when it has no name yet.
        device_name: String,
        /// Seconds until the link expires.
        expires: u32,
    },
    /// On a device that the person has: makes a link in words for a new one, in the place of any that was made before. Answered
    /// with [`Reply::LinkWords`] when the home server has it; with [`FailureCode::LinkUsed`](super::FailureCode) when it was taken back
    /// meanwhile.
    LinkInWords {
        /// What this device is called, when it has no name yet.
        device_name: String,
        /// Seconds until the link expires.
        expires: u32,
    },
    /// On a device that the person has: uses the link that a new one shows. Answered with [`Reply::Done`].
    AnswerNewDevice {
        /// The link as people copy it.
        link: String,
        /// What this device is called, when it has no name yet.
        device_name: String,
    },
    /// Takes back a link that nobody was welcomed by, on either side, and whoever has used it. Answered with [`Reply::Done`].
    WithdrawLink,
    /// Takes back links in words that nobody has used yet: nobody sees them any more. Answered with [`Reply::Done`].
    WithdrawWords,
    /// Makes a device that shows the same code one of the person's. Answered with [`Reply::Done`].
    WelcomeDevice {
        /// The device, by [`Device::link`](super::Device::link).
        device: u64,
        /// The password.
        password: String,
        /// How much of what was said before it gets.
        history: HistoryWish,
    },
    /// Gives one of the person's devices another name, everywhere. Answered with [`Reply::Done`].
    RenameDevice {
        /// Its id.
        device: String,
        /// The password.
        password: String,
        /// The name.
        name: String,
    },
    /// Takes one of the person's other devices out for good, everywhere. Answered with [`Reply::Done`].
    RevokeDevice {
        /// Its id.
        device: String,
        /// The password.
        password: String,
        /// Whether it was lost, or somebody else has got at it.
        lost: bool,
    },
    /// Names this device to contacts that other devices of the person have met: what only the password can do. Answered
    /// with [`Reply::Done`].
    NameDevice {
        /// The password.
        password: String,
    },
    /// How often this device replaces its keys. Answered with [`Reply::Done`].
    SetKeyRotation {
        /// Hours between two times, from 1 to 744.
        hours: u32,
    },

    /// How well the person is prepared for losing every device. Answered with [`Reply::Backups`].
    Backups,
    /// The recovery phrase. Answered with [`Reply::Phrase`].
    Phrase {
        /// The password.
        password: String,
    },
    /// The person has shown that the phrase is written down. Answered with [`Reply::Done`].
    PhraseChecked,
    /// Makes a backup. When a backup file comes beside this request, and is one of this device, only what is new is made.
    /// Answered with [`Reply::BackedUp`], beside which the bytes come; how far it is,
    /// [`Notice::BackingUp`](super::Notice::BackingUp) tells.
    BackUp {
        /// The password, which also opens the backup.
        password: String,
    },
    /// The bytes of the last backup are where the person wants them. Answered with [`Reply::Done`].
    BackupKept,
    /// Sets how often this device makes a backup at its home server by itself; the first one follows at once. Answered with
    /// [`Reply::Done`].
    SetHomeBackup {
        /// The password.
        password: String,
        /// Hours between two of them; none for never.
        hours: Option<u32>,
    },
    /// Makes a backup at the home server, or brings the one that is there up to date. Answered with [`Reply::BackedUpHome`];
    /// how far it is, [`Notice::BackingUp`](super::Notice::BackingUp) and then [`Notice::Moving`](super::Notice::Moving) tell.
    BackUpHome {
        /// The password.
        password: String,
    },
    /// Removes the backups of all the person's devices at this home server; this one makes none by itself any more. Answered
    /// with [`Reply::Removed`].
    RemoveHomeBackups {
        /// The password.
        password: String,
    },

    /// Whether a live connection is wanted: a hidden page may do without. Answered with [`Reply::Done`].
    Connect {
        /// Whether it is.
        wanted: bool,
    },
}

/// Where a window of a conversation begins.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum PageAt {
    /// The newest messages.
    Newest,
    /// From this place on; the oldest message is at place 0.
    Position {
        /// The place.
        position: u32,
    },
    /// With this message in the middle.
    Around {
        /// The message.
        message: String,
    },
    /// With the oldest message that was not seen in the middle; the newest messages when all were.
    Unseen,
}
