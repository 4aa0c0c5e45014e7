//! What the app asks for, and what it gets.

use serde::{Deserialize, Serialize};

use super::views::{Attachment, Card, Contact, Device, Found, Message, Page, State};

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
        /// The person's own name, for their own eyes.
        name: String,
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
    /// Closes everything; afterwards nothing readable is left in this worker. Answered with [`Reply::State`].
    Lock,
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
}

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
        /// Whether the person has said before that they were the same.
        verified: bool,
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
    /// The file changed while it was read, or could not be read.
    FileUnreadable,
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
    /// The request was not understood: app and worker are of different versions.
    BadRequest,
    /// Something that cannot happen.
    Internal,
}
