//! What the app shows: plain data, made from the engine's views.

use serde::{Deserialize, Serialize};

use super::devices::JoinStep;

/// How things stand on this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum State {
    /// Another tab of this browser has the person: shown with a way to take over.
    Elsewhere,
    /// There is nobody here yet.
    Nobody,
    /// There is a person, and the password opens.
    Locked,
    /// The person is here.
    Open {
        /// Their own name.
        name: Option<String>,
        /// Their home server's address.
        server: String,
        /// Its key, as its owner knows it.
        server_key: String,
        /// Whether the home server has taken the account.
        registered: bool,
        /// Whether the connection is up. While it is down it is tried again by itself.
        online: bool,
        /// Pieces of messages that wait here for the connection.
        waiting: u64,
        /// Whether the person has revoked this device, or left it behind: it does nothing any more.
        revoked: bool,
        /// Whether the person goes on from a backup that did not know of this device.
        left_behind: bool,
        /// Hours between two rotations of this device's keys towards one contact.
        rotation_hours: u32,
    },
    /// This device was made to become another one of a person, and is not yet.
    Joining {
        /// Its home server's address.
        server: String,
        /// Whether the connection is up.
        online: bool,
        /// How far it is.
        step: JoinStep,
    },
}

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// A card was made, nobody has answered.
    Invited,
    /// A card was answered; both sides have not confirmed yet. What is written waits.
    Answered,
    /// Both sides have confirmed.
    Established,
    /// The person does not want to hear from them.
    Blocked,
}

/// Why what is written waits, although contact and person have met; in each case it goes out by itself when that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// This device is not named to the contact yet: the next password entry here does it.
    NotNamed,
    /// This device has not met the contact's devices yet.
    NotMet,
    /// Another device of the person has to tell this one something first.
    UnknownOwnList,
    /// The contact has to enter the password on one of their devices.
    ListRanOut,
    /// What is known of the contact's devices contradicts itself: only a new card helps.
    ListsContradict,
    /// A card was answered, and nobody has confirmed it: another card helps.
    Unanswered,
    /// For another reason.
    Other,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// The id.
    pub id: u64,
    /// What the person calls them. Any text at all.
    pub name: String,
    /// Where it stands.
    pub state: ContactState,
    /// Whether the digits were compared.
    pub verified: bool,
    /// Messages not yet seen.
    pub unread: u64,
    /// What was typed and not sent.
    pub draft: String,
    /// Seconds that messages live; none means for ever.
    pub disappearing: Option<u32>,
    /// Whether they are told what the person has read.
    pub receipts: bool,
    /// When the person chose the picture that they have for the contact, if they did.
    pub picture: Option<u64>,
    /// Whether the conversation stands above all others.
    pub pinned: bool,
    /// Whether what comes notifies nobody.
    pub muted: bool,
    /// Whether the conversation was put away.
    pub archived: bool,
    /// Their home server's address, once known.
    pub server: Option<String>,
    /// Whether the conversation cannot go on without a new card.
    pub needs_card: bool,
    /// Own messages that wait: a new card decides who gets them.
    pub waiting: u64,
    /// Why what is written waits, although both have met.
    pub held: Option<Held>,
    /// Whether they go on from a backup, or somebody else tried to; until the digits are compared again.
    pub restored: Option<Restored>,
    /// Since when they say that somebody else came as this person, from a backup or an old device, and was refused; until the digits are
    /// compared again.
    pub refused_another: Option<u64>,
    /// When this device was restored from a backup at a home server, which somebody else may have put there; until the digits
    /// are compared.
    pub from_home: Option<u64>,
    /// How far this device, which was restored from a backup, has come with them; none when the two have met.
    pub restoring: Option<Restoring>,
    /// When the last exchange that quantum computers cannot open was finished.
    pub pq_since: Option<u64>,
    /// The newest message.
    pub last: Option<LastMessage>,
}

/// A contact who has lost all devices and goes on from a backup, or for whom somebody else tried to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Since when; none when only somebody else tried.
    pub since: Option<u64>,
    /// Whether a second device has answered, and was refused: somebody else has a copy of the backup, perhaps.
    pub twice: bool,
}

/// How far this device, which was restored from a backup, has come with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Restoring {
    /// They can be told at the next password entry.
    NeedsPassword,
    /// They are told, within six hours, or at once when the person writes.
    Told,
    /// They were told days ago and do not answer: they are away, or somebody else came back from the same backup before.
    Unanswered,
    /// They have to be given a new card.
    NeedsCard,
}

/// How a conversation stands in the person's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// Above all others.
    Pinned,
    /// What comes notifies nobody.
    Muted,
    /// Put away.
    Archived,
}

/// What happens to what cameras and programs write into pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// It is taken out; a picture of a kind from which it cannot be taken out is refused.
    Removed,
    /// It is sent with the picture.
    Kept,
}

/// Something that was taken out of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Where it was taken.
    Place,
    /// What the camera wrote.
    Camera,
    /// What programs and people wrote.
    Words,
    /// Other parts that are not needed to show it.
    More,
}

/// The newest message of a conversation, for the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LastMessage {
    /// Which.
    pub id: String,
    /// Whether the person wrote it.
    pub mine: bool,
    /// When, by its writer's clock.
    pub sent: u64,
    /// How far it has come.
    pub state: MessageState,
    /// What it says.
    pub body: MessageBody,
    /// The name of the file that it carries.
    pub file: Option<String>,
}

/// A card for one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The contact that waits for its answer.
    pub contact: u64,
    /// The link, whole.
    pub link: String,
    /// The link as a QR code, without what has no room in it: that lies at the home server.
    pub qr: QrCode,
    /// The last moment at which it can be answered.
    pub expires: u64,
}

/// A QR code as rows of dark and light squares, without the quiet zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct QrCode {
    /// Squares in a row, and rows.
    pub size: u32,
    /// A `1` for each dark square and a `0` for each light one, row after row.
    pub modules: String,
}

/// How far a message of the person's own has come; those of others are delivered, or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It waits on this device.
    Waiting,
    /// The person's home server has it.
    Accepted,
    /// The contact's device has it.
    Delivered,
    /// The contact has seen it.
    Read,
    /// It could not be delivered in time.
    Expired,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum MessageBody {
    /// A text. Any text at all: never markup.
    Text {
        /// That.
        text: String,
    },
    /// It was taken back.
    Deleted,
    /// It needs a newer version of Kith.
    NewerVersion,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The id.
    pub id: String,
    /// Whether the person wrote it.
    pub mine: bool,
    /// When, by its writer's clock.
    pub sent: u64,
    /// What it says.
    pub body: MessageBody,
    /// How far it has come.
    pub state: MessageState,
    /// The message that it answers.
    pub reply_to: Option<Quote>,
    /// Whether the text was changed.
    pub edited: bool,
    /// What people felt about it.
    pub reactions: Vec<Reaction>,
    /// The file that it carries.
    pub attachment: Option<Attachment>,
    /// What a page is about that the text names, as its sender told.
    pub preview: Option<Preview>,
    /// When it disappears.
    pub disappears: Option<u64>,
}

/// What a page is about whose address stands in a text. Any text at all: never markup, and nothing of it is loaded from anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The address, as it stands in the text.
    pub address: String,
    /// What the page is called.
    pub title: String,
    /// What it says about itself; may be empty.
    pub description: String,
    /// A small JPEG, in base64.
    pub picture: Option<String>,
}

/// A message that another one answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Which.
    pub id: String,
    /// Whether the person wrote it.
    pub mine: bool,
    /// What it says now; none when it is not here.
    pub body: Option<MessageBody>,
}

/// One reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// Whether it is the person's own.
    pub mine: bool,
    /// One emoji, as whoever gave it says: any short text.
    pub emoji: String,
}

/// A window of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Messages in the whole conversation.
    pub total: u32,
    /// The place of the first message in here; the oldest of the conversation is at place 0.
    pub position: u32,
    /// Oldest first.
    pub messages: Vec<Message>,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// In whose conversation.
    pub contact: u64,
    /// The message.
    pub message: Message,
}

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum AttachmentState {
    /// On its way, in either direction.
    Moving,
    /// Not asked for yet, or stopped.
    Paused,
    /// All here.
    Complete,
    /// Gone, or not what was promised.
    Failed,
    /// Gone, and asked of the person's other devices.
    Asked,
}

/// A file that a message carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The id.
    pub id: u64,
    /// The file's name, as its sender says: any text at all, never a path.
    pub name: String,
    /// Its media type, as its sender says.
    pub media_type: String,
    /// Its size in bytes.
    pub size: u64,
    /// How far it has come.
    pub state: AttachmentState,
    /// Pieces that are there.
    pub done: u32,
    /// Pieces in all.
    pub total: u32,
}
