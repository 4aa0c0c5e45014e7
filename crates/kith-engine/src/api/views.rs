//! What a program shows: contacts, messages, attachments, status.

use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::backup::BackupItem;
use kith_wire::devices::RevocationReason;
use kith_wire::id::{AttachmentKey, BackupMark, DeviceId, Hash, MessageId, ServerKey};
use kith_wire::preview::Preview;
use kith_wire::time::Day;

use crate::api::{AttachmentId, ContactId, LinkState, MessageState, Receipts};

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactState {
    /// A card was made, nobody has answered.
    Invited,
    /// Their card was answered, or our card was; keys are not confirmed by both sides.
    Answered,
    /// Both sides have confirmed the keys.
    Established,
    /// The person does not want to hear from them.
    Blocked,
}

/// A contact as shown to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// The contact.
    pub id: ContactId,
    /// The name.
    pub name: String,
    /// Where it stands.
    pub state: ContactState,
    /// Whether the digits were compared.
    pub verified: bool,
    /// When the last post-quantum exchange was finished.
    pub pq_since: Option<Timestamp>,
    /// Messages not yet seen.
    pub unread: u64,
    /// Own messages that wait here, or at the own home server at most.
    pub waiting: u64,
    /// The draft.
    pub draft: String,
    /// Seconds that messages live, or for ever.
    pub disappearing: Option<u32>,
    /// Whether read receipts are sent.
    pub receipts: Receipts,
    /// When the person chose the picture that they have for the contact, if they did; [`crate::Engine::picture`] returns it.
    pub picture: Option<Timestamp>,
    /// Whether the conversation stands above all others.
    pub pinned: bool,
    /// Whether what comes notifies nobody.
    pub muted: bool,
    /// Whether the conversation was put away.
    pub archived: bool,
    /// The contact's home server.
    pub server: Option<ServerUrl>,
    /// Whether a new card is needed: the session has stopped, or the card expired before anybody answered it.
    pub needs_card: bool,
    /// Since when it has other keys than before, by a new card, and nobody has compared them (KE-105).
    pub new_keys: Option<Timestamp>,
    /// Since when it is known from a backup that lay at a home server, and nobody has compared digits since: that they were compared before does
    /// not count (KE-106).
    pub from_home: Option<Timestamp>,
    /// Why what is written waits, although the contact is established.
    pub held: Option<Held>,
    /// Whether the contact goes on from a backup, or somebody else tried to: shown until the digits are compared again.
    pub restored: Option<RestoredView>,
    /// Since when the contact says that somebody else came as this person, from a backup or an old device, and was refused (KE-124): shown until
    /// the digits are compared again. A contact may lie about it, and whoever has an unlocked device can cause it.
    pub refused_another: Option<Timestamp>,
    /// How far this device, which was restored from a backup, has come with the contact; nothing when it was not, or when the two
    /// have met.
    pub restoring: Option<Restoring>,
}

/// Why nothing is sealed for a contact: what is written waits, and goes when that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held {
    /// The person's list of devices for the contact does not name this one: the next password entry does.
    NotNamed,
    /// This device has met none of the contact's devices that its newest list names.
    NotMet,
    /// The contact has heard of a list of the person's devices that this device does not know (KS-38): a sibling has to tell it.
    UnknownOwnList,
    /// The contact's list of devices has run out (KE-32): somebody has to enter the password there.
    ListRanOut,
    /// Lists of devices contradict each other, or no longer name the device that was talked to (KS-36, KS-38, KS-39): only a new card helps.
    ListsContradict,
    /// A card was answered, and nobody has confirmed it for as long as that could be expected (KE-110): another card helps.
    Unanswered,
}

/// A contact that has lost all devices and goes on from a backup, on a new one. When its digits were compared, that was before. Or one for whom
/// somebody else tried to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoredView {
    /// Since when; nothing when only somebody else tried.
    pub since: Option<Timestamp>,
    /// Whether another device has answered, and was refused: somebody has restored a backup twice, or has a copy of it, or an old device.
    pub twice: bool,
}

/// How far a device that was restored from a backup has come with a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restoring {
    /// The contact can be told at the next password entry at which the home server has made a queue.
    NeedsPassword,
    /// The contact is told, within six hours, or at once when the person writes; it has not answered yet.
    Told,
    /// The contact was told three days ago or more, and has not answered: it is away, or somebody else came back from the same backup before
    /// this device and was taken for the person (KE-125).
    Unanswered,
    /// The backup has no spare card of the contact that is still good: the person needs to give it a new card.
    NeedsCard,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The contact.
    In,
    /// This person.
    Out,
}

/// A message as shown to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// The message.
    pub id: MessageId,
    /// Who wrote it.
    pub direction: Direction,
    /// The writer's clock.
    pub sent: Timestamp,
    /// What it says.
    pub body: MessageBody,
    /// How far it has come; for incoming ones, `Delivered` or `Read`.
    pub state: MessageState,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Whether the text was changed.
    pub edited: bool,
    /// Reactions, with who gave them.
    pub reactions: Vec<(Direction, String)>,
    /// The attachment.
    pub attachment: Option<AttachmentView>,
    /// What a page is about that the text names, as its sender told.
    pub preview: Option<Preview>,
    /// When it disappears.
    pub disappears: Option<Timestamp>,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// A text.
    Text(String),
    /// It was taken back.
    Deleted,
    /// It needs a newer version of Kith.
    NewerVersion,
}

/// How far an attachment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentState {
    /// Outgoing, chunks are on their way; or incoming, chunks are being fetched.
    Moving,
    /// Incoming and not asked for, or stopped.
    Paused,
    /// All chunks are there.
    Complete,
    /// The blob is gone, or not what was promised.
    Failed,
    /// The blob is gone, and the person's other devices were asked for the file.
    Asked,
}

/// An attachment as shown to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentView {
    /// The attachment.
    pub id: AttachmentId,
    /// The file name.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// The size in bytes.
    pub size: u64,
    /// How far it has come.
    pub state: AttachmentState,
    /// Chunks that are there.
    pub done: u32,
    /// Chunks in all.
    pub total: u32,
}

/// What a program needs in order to seal or open the chunks of an attachment with `kith_crypto::attachment`.
#[derive(Debug, Clone)]
pub struct AttachmentKeys {
    /// Seals or opens the chunks.
    pub key: AttachmentKey,
    /// The size in bytes, without padding.
    pub size: u64,
    /// SHA-256 of the content, with its label.
    pub hash: Hash,
}

/// How this device and its person are doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The person's own name.
    pub name: Option<String>,
    /// The home server.
    pub server: ServerUrl,
    /// Its pinned key.
    pub server_key: ServerKey,
    /// Whether it has the account. Until then [`Command::Init`](crate::Command::Init) may be said again.
    pub registered: bool,
    /// Whether the live connection is up.
    pub link: LinkState,
    /// Frames not yet accepted by the own home server.
    pub waiting: u64,
    /// Queues that are ready for new cards.
    pub spare_queues: u32,
    /// Contacts.
    pub contacts: u64,
    /// Hours between two rotations of this device's keys towards one contact.
    pub rotation_hours: u32,
    /// Whether the person has revoked this device, or left it behind: it does nothing any more.
    pub revoked: bool,
    /// Whether the person goes on from a backup that did not know of this device, as contacts have shown it.
    pub left_behind: bool,
}

/// One of the person's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    /// Its id; absent while it has not said who it is.
    pub id: Option<DeviceId>,
    /// What the engine calls the device that is being linked, for [`Engine::welcome_device`](crate::Engine::welcome_device).
    pub contact: Option<ContactId>,
    /// What the person calls it.
    pub name: String,
    /// Whether it is this one.
    pub is_this: bool,
    /// The day on which it was linked.
    pub since: Option<Day>,
    /// When this device heard of it; absent for this one and for those that were there before.
    pub heard: Option<Timestamp>,
    /// Where it stands.
    pub state: DeviceState,
    /// Contacts that it has told this new device, of how many.
    pub contacts: Option<(u64, u64)>,
    /// Messages of before: told, of how many.
    pub history: Option<(u64, u64)>,
    /// Whether this device and it tell each other nothing any more, because their session has stopped (KE-99): it is taken out and linked
    /// again.
    pub stopped: bool,
}

impl DeviceView {
    /// Returns this device as it is when there never was another one, and no list names it.
    pub const fn alone(name: String) -> Self {
        Self {
            id: None,
            contact: None,
            name,
            is_this: true,
            since: None,
            heard: None,
            state: DeviceState::Linked,
            contacts: None,
            history: None,
            stopped: false,
        }
    }
}

/// A link of this device in words that nobody has used yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkInWords {
    /// The device that is being linked, as [`DeviceView::contact`] names it.
    pub contact: ContactId,
    /// Whether the home server has what the words lead to: before, nobody is shown them (KE-137).
    pub is_there: bool,
}

/// A device that is none of the person's any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedDevice {
    /// Its id.
    pub id: DeviceId,
    /// What the person called it; nothing when no list that is known here named it.
    pub name: String,
    /// The day on which it was taken out.
    pub since: Day,
    /// Why.
    pub reason: RevocationReason,
}

/// Where a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceState {
    /// A card was made or answered, and the two have not met yet.
    Waiting,
    /// The card of the link is looked for under the words that were typed here.
    Looking,
    /// Both show this code: the person compares.
    Compare {
        /// Twenty digits in four groups.
        code: String,
        /// Whether the person is to say on this device that the codes are the same.
        asks: bool,
    },
    /// One of the person's devices.
    Linked,
    /// This device was revoked.
    Revoked,
}

/// Which messages of a conversation to show.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// At most so many, the newest.
    pub limit: Option<u32>,
    /// Only those with all these words, or beginnings of words.
    pub search: Option<String>,
    /// Only those before this one.
    pub before: Option<MessageId>,
}

/// Where a window of a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowAt {
    /// So that it ends with the newest message.
    Newest,
    /// At this place; the oldest message is at place 0.
    Position(u64),
    /// So that this message is in its middle.
    Around(MessageId),
    /// So that the oldest message that the person has not seen is in its middle; when there is none, as with the newest.
    Unseen,
}

/// A few messages of a conversation, by their place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Messages in the whole conversation.
    pub total: u64,
    /// The place of the first message in here.
    pub position: u64,
    /// Oldest first.
    pub messages: Vec<MessageView>,
}

/// A conversation, whole, for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The contact.
    pub contact: ContactView,
    /// Every message, oldest first.
    pub messages: Vec<MessageView>,
}

/// A backup that is being made: how far it has come. It is worth nothing in another call of the program.
#[derive(Debug, Clone)]
pub struct BackupRun(pub(crate) crate::recovery::backup::Run);

impl BackupRun {
    /// Returns the name of the run, with which it ends and the next one begins.
    pub const fn mark(&self) -> BackupMark {
        self.0.mark()
    }
}

/// A backup that begins.
#[derive(Debug, Clone)]
pub struct BackupStart {
    /// How far it has come: nowhere.
    pub run: BackupRun,
    /// Messages that it will say, about.
    pub messages: u64,
    /// Contacts that it will say, about.
    pub contacts: u64,
    /// Bytes that everything takes, about: a file that is more than twice as long is worth writing anew.
    pub whole_bytes: u64,
}

/// A part of a backup.
#[derive(Debug, Clone)]
pub struct BackupPortion {
    /// What it says: some 200 KiB.
    pub items: Vec<BackupItem>,
    /// Messages in it.
    pub messages: u64,
    /// Whether the run is whole with it.
    pub is_last: bool,
}

/// Where a backup comes from that is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupFrom {
    /// A file that the person has kept.
    File,
    /// A home server.
    HomeServer,
}

/// The backup that this device keeps at its home server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeBackupView {
    /// Hours after which the device makes the next one by itself; `None` when it does not.
    pub every: Option<u32>,
    /// In which place of which server it lies; `None` before the first.
    pub place: Option<(kith_wire::id::ServerKey, u8)>,
    /// When it was made last; `None` when none is whole there.
    pub made: Option<Timestamp>,
    /// Bytes that it has there.
    pub bytes: u64,
    /// When the home server had no room for the last one that was tried; `None` when it took it.
    pub refused: Option<Timestamp>,
}

impl HomeBackupView {
    /// Returns whether the next one is due. A clock that was set back makes it due too. Where there was no room nothing is due for a day.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let Some(hours) = self.every else { return false };
        let is_past = |at: Timestamp, hours: u64| now >= at.plus_seconds(hours * 3600) || now < at;
        self.refused.is_none_or(|at| is_past(at, HOURS_AFTER_NO_ROOM))
            && self.made.is_none_or(|made| is_past(made, u64::from(hours)))
    }
}

/// Hours for which a home server that had no room is left alone: each attempt sends all that is new, and room comes by a person's doing.
const HOURS_AFTER_NO_ROOM: u64 = 24;

/// To how many contacts a backup brings its owner back (KE-109).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReach {
    /// Contacts with whom the person can talk.
    pub contacts: u64,
    /// Those of whom this device has no spare card that is good: a backup made now brings nobody back to them.
    pub missing: u64,
    /// Those to whom the last backup of this device brings nobody back; `None` before the first.
    pub missing_in_last: Option<u64>,
}

/// How well a person is prepared for losing every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupView {
    /// When the person last showed that the recovery phrase is written down.
    pub phrase_checked: Option<Timestamp>,
    /// When this device last made a backup.
    pub made: Option<Timestamp>,
    /// Messages that are new or have changed since; none when there was never a backup.
    pub behind: u64,
}
