//! What goes into the engine and what comes out: the whole surface between it and the programs around it.
//!
//! A program gives commands and arrivals, and drains outputs. Every call is one transaction; outputs become
//! visible only after it committed, and what must not be lost among them is made again after a crash.

mod debug;
mod io;
mod views;

use kith_wire::address::ServerUrl;
use kith_wire::card::CardOffer;
use kith_wire::id::{CardId, DeviceId, Hash, InviteCode, LinkSecret, MessageId, ServerKey};
use kith_wire::preview::Preview;

pub use self::io::{Arrival, LinkFailure, Output};
pub use self::views::{
    AttachmentKeys, AttachmentState, AttachmentView, BackupFrom, BackupPortion, BackupReach, BackupRun, BackupStart,
    BackupView, ContactState, ContactView, DeviceState, DeviceView, Direction, Exported, Held, HomeBackupView,
    LinkInWords, LogQuery, MessageBody, MessageView, RestoredView, Restoring, RevokedDevice, Status, Window, WindowAt,
};

/// A contact, towards the programs of this device: a number that is never reused. Never leaves the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(pub u64);

/// An attachment, incoming or outgoing. Never leaves the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentId(pub u64);

/// One attempt at a live connection; a later attempt has a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Names one command, so that it can be said again without being done again. Random; never leaves the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub [u8; 16]);

/// What a person wants. Printed without what is in it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Command {
    /// Makes the person: user key, account at a home server. Once per folder; until a home server has taken the account
    /// ([`Status::registered`]) it may be said again, with another invite or for another server.
    Init {
        /// Where the home server was found.
        url: ServerUrl,
        /// The signed descriptor that was fetched there.
        descriptor: Vec<u8>,
        /// The key that the person was told to expect.
        expect: Option<ServerKey>,
        /// For servers that ask for one.
        invite: Option<InviteCode>,
        /// The person's own name, for their own eyes.
        name: Option<String>,
    },
    /// Makes a one-time card. Needs a spare queue: see [`CommandError::NoSpareQueue`](crate::CommandError::NoSpareQueue).
    CardNew {
        /// For whom.
        whom: Whom,
        /// Seconds until the card expires.
        expires: u64,
    },
    /// Answers somebody's card. Needs a spare queue.
    CardAccept {
        /// The card, from a file or link.
        offer: Box<CardOffer>,
        /// Whose it is.
        whom: Whom,
    },
    /// Puts the X-Wing key of a card at the home server, so that the card can be shown as a QR code: without its key.
    CardPublish {
        /// The contact that waits for the answer.
        contact: ContactId,
    },
    /// Gives a contact another name.
    Rename {
        /// The contact.
        contact: ContactId,
        /// The new name.
        name: String,
    },
    /// Says that the comparison digits were the same.
    ConfirmVerified {
        /// The contact.
        contact: ContactId,
    },
    /// Compares what a code said that the contact has shown with the comparison digits, and remembers it when they are the same.
    CompareDigits {
        /// The contact.
        contact: ContactId,
        /// What the code said.
        read: String,
    },
    /// Writes a message.
    Send {
        /// To whom.
        contact: ContactId,
        /// The text; may be empty beside an attachment.
        text: String,
        /// The message that it answers.
        reply_to: Option<MessageId>,
        /// A file that the program has prepared with [`prepare`](crate::Engine::prepare_attachment).
        attachment: Option<AttachmentId>,
    },
    /// Writes a text with what a page is about that it names, as the program of the person has found out (KE-117). What of it fits beside no text
    /// is left out.
    SendPreviewed {
        /// To whom.
        contact: ContactId,
        /// The text.
        text: String,
        /// The message that it answers.
        reply_to: Option<MessageId>,
        /// What the page is about.
        preview: Preview,
    },
    /// Reacts to a message; an empty emoji takes the reaction back.
    React {
        /// In whose conversation.
        contact: ContactId,
        /// The message.
        message: MessageId,
        /// One emoji.
        emoji: String,
    },
    /// Gives one of the person's own messages a new text.
    Edit {
        /// In whose conversation.
        contact: ContactId,
        /// The message.
        message: MessageId,
        /// The new text.
        text: String,
    },
    /// Takes one of the person's own messages back, on both sides.
    Delete {
        /// In whose conversation.
        contact: ContactId,
        /// The message.
        message: MessageId,
    },
    /// The person has seen everything in the conversation up to now.
    MarkRead {
        /// The contact.
        contact: ContactId,
    },
    /// Keeps what the person has typed but not sent; empty forgets it.
    SaveDraft {
        /// The contact.
        contact: ContactId,
        /// The text.
        text: String,
    },
    /// Moves the contact to a fresh queue and lookup key.
    Rotate {
        /// The contact.
        contact: ContactId,
    },
    /// Stops receiving from a contact; they cannot tell.
    Block {
        /// The contact.
        contact: ContactId,
    },
    /// Receives from a contact again.
    Unblock {
        /// The contact.
        contact: ContactId,
    },
    /// Gives up the keys of a contact, whose devices are told, to go on with it by a new card (KE-105).
    EndSessions {
        /// The contact.
        contact: ContactId,
        /// The card that is to be answered then: one that cannot be answered ends nothing.
        offer: Box<CardOffer>,
    },
    /// Deletes a contact with keys, queue and conversation.
    Forget {
        /// The contact.
        contact: ContactId,
    },
    /// Changes how long messages of a conversation live, on both sides.
    SetDisappearing {
        /// The contact.
        contact: ContactId,
        /// Seconds, or for ever.
        seconds: Option<u32>,
    },
    /// Whether this contact is told what the person has read.
    SetReadReceipts {
        /// The contact.
        contact: ContactId,
        /// Whether they are told.
        receipts: Receipts,
    },
    /// Pins, mutes or archives a conversation, or undoes that, on all devices of the person.
    SetShown {
        /// The contact.
        contact: ContactId,
        /// Which of the three.
        shown: Shown,
        /// Whether it is so from now on.
        on: bool,
    },
    /// Chooses a picture for a contact, or takes it away, on all devices of the person.
    SetPicture {
        /// The contact.
        contact: ContactId,
        /// A JPEG of at most 16 KiB and 512 pixels a side.
        picture: Option<Vec<u8>>,
    },
    /// How often this device replaces its device keys: a week without it.
    SetKeyRotation {
        /// Hours between two rotations towards one contact, from 1 to 744.
        hours: u32,
    },
    /// Starts, or goes on, fetching an attachment.
    FetchAttachment {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// Stops transferring an attachment; what is there stays.
    PauseAttachment {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// An attachment that is all here is not what its message promised (KE-123): the program that read it says so.
    AttachmentDamaged {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// Does a command unless it was done under this name within the last day; then its reply is that of the first time. A
    /// card is told once: afterwards the reply is its contact. For programs whose process may die before the answer.
    Once {
        /// The name.
        id: CommandId,
        /// The command.
        command: Box<Command>,
    },
    /// Makes a card for a new device of this person.
    LinkDevice {
        /// What this device is called, when it has no name yet.
        name: String,
        /// Seconds until the card expires.
        expires: u64,
    },
    /// Becomes another device of the person whose device gave the card. Needs an account, and no contacts.
    JoinDevice {
        /// The card.
        offer: Box<CardOffer>,
        /// What this device is called.
        name: String,
    },
    /// Makes a card by which a device of the person makes this one another of theirs: the other way round. Needs an account, and no
    /// contacts.
    AskToJoin {
        /// What this device is called.
        name: String,
        /// Seconds until the card expires.
        expires: u64,
    },
    /// Answers the card of a new device.
    AnswerNewDevice {
        /// The card.
        offer: Box<CardOffer>,
        /// What this device is called, when it has no name yet.
        name: String,
    },
    /// Puts the card of a link at the home server, for a new device on which the person types words: the reply is
    /// [`Reply::Words`]. Once for each link. Nobody is shown the words before [`LinkInWords::is_there`] (KE-137).
    LinkWords {
        /// The device that is being linked.
        contact: ContactId,
        /// The card, as [`Reply::Card`] gave it.
        offer: Box<CardOffer>,
    },
    /// Becomes another device of the person on whose other device the words were shown. Needs an account, and no contacts.
    JoinByWords {
        /// Where the home server of the other device was found.
        url: ServerUrl,
        /// The signed descriptor that was fetched there.
        descriptor: Vec<u8>,
        /// What the words say.
        secret: LinkSecret,
        /// What this device is called.
        name: String,
    },
    /// Says, on a new device that gave the card, that both show the same code (KE-83).
    ConfirmCode {
        /// The other device, as [`DeviceView::contact`] names it.
        contact: ContactId,
    },
    /// Takes a link back that has not led to a welcome (KE-85).
    UnlinkDevice {
        /// The other device, as [`DeviceView::contact`] names it.
        contact: ContactId,
    },
    /// The program wants a live connection to the home server, or none.
    Connect(Connection),
}

/// Which messages of before a new device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryWish {
    /// None.
    None,
    /// Those of the last days.
    Days(u32),
    /// All.
    All,
}

/// How a conversation stands in the person's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Above all others.
    Pinned,
    /// What comes notifies nobody.
    Muted,
    /// Put away.
    Archived,
}

/// Whether read receipts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// The contact is told.
    Sent,
    /// The contact is not told.
    Withheld,
}

/// What the program wants of the live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Open it, and open it again with back-off when it breaks.
    Wanted,
    /// Close it.
    Unwanted,
}

/// What a command gives back.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reply {
    /// Done.
    Done,
    /// A card was made.
    Card {
        /// Its name.
        card: CardId,
        /// The contact that waits for its answer.
        contact: ContactId,
        /// The card itself, X-Wing key included.
        offer: Box<CardOffer>,
    },
    /// A contact was made.
    Contact(ContactId),
    /// A message, reaction, edit or deletion was stored and will be sent.
    Message(MessageId),
    /// A link is about to wait under words.
    Words(LinkSecret),
}

/// Whom a card is for, or whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// A new contact under this name; made up when absent.
    New(Option<String>),
    /// A contact that needs a new card ([`ContactView::needs_card`]): the conversation goes on.
    Again(ContactId),
}

/// Why a conversation cannot go on without a new card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// What came could not be read, though it was the contact's.
    Unreadable,
    /// The contact's device lists contradict each other, or no longer name the device that was talked to.
    Devices,
    /// This device went on from an old copy of its data, or somebody uses a copy of it.
    OwnCopy,
    /// The contact's device went on from an old copy of its data, or somebody uses a copy of it.
    ContactsCopy,
    /// The contact's device says that one of the two went on from a copy.
    ByContactForCopy,
    /// The contact's device has ended it.
    ByContact,
    /// The key that belongs to the contact's card could not be fetched.
    CardKey,
}

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A message came in, or a reaction, edit or deletion changed one.
    Message {
        /// From whom.
        contact: ContactId,
        /// The message.
        message: MessageId,
        /// What happened to it.
        change: MessageChange,
    },
    /// A message of ours moved on.
    State {
        /// To whom.
        contact: ContactId,
        /// The message.
        message: MessageId,
        /// Its new state.
        state: MessageState,
    },
    /// A contact changed: answered, established, verified, blocked, renamed.
    Contact {
        /// The contact.
        contact: ContactId,
    },
    /// What is written to a contact waits from now on, for another reason than before, or waits no more.
    Held {
        /// The contact.
        contact: ContactId,
        /// Why.
        why: Option<Held>,
    },
    /// Somebody else answered a card that was already answered.
    CardAnsweredTwice {
        /// The contact that the card was for.
        contact: ContactId,
    },
    /// The session with a contact cannot go on: a new card is needed.
    SessionUnusable {
        /// The contact.
        contact: ContactId,
        /// Why.
        why: Ended,
    },
    /// The session with one device of a contact cannot go on; the contact has others, and the conversation goes on with them.
    DeviceStopped {
        /// The contact.
        contact: ContactId,
        /// Why.
        why: Ended,
    },
    /// A device key has two successors (KS-54), of a device of the contact or of the person's towards it: somebody has stolen it. The
    /// device is not met any more until a list says anew which key it has.
    DeviceKeyForked {
        /// The contact.
        contact: ContactId,
    },
    /// An attachment moved on: chunks done of chunks in all.
    Attachment {
        /// In whose conversation.
        contact: ContactId,
        /// The message that carries it.
        message: MessageId,
        /// The attachment.
        attachment: AttachmentId,
        /// Chunks that are there.
        done: u32,
        /// Chunks in all.
        total: u32,
    },
    /// The person's home server does not talk to the contact's: its operator forbids the address.
    ForbiddenServer {
        /// The contact.
        contact: ContactId,
    },
    /// The contact has lost all devices and goes on from a backup, on a new one ([`ContactView::restored`]).
    ContactRestored {
        /// The contact.
        contact: ContactId,
    },
    /// A second device has answered the spare card of a contact that goes on from a backup: somebody has restored the backup twice,
    /// or has a copy of it. The first one stays.
    ContactRestoredTwice {
        /// The contact.
        contact: ContactId,
    },
    /// The contact says that somebody else came as this person, from a backup or an old device, and was refused
    /// ([`ContactView::refused_another`]).
    ContactRefusedAnother {
        /// The contact.
        contact: ContactId,
    },
    /// Many frames in a row from a contact could not be opened: perhaps one of the two went on from an old copy of its
    /// data. A new card mends it.
    Unopened {
        /// The contact.
        contact: ContactId,
    },
    /// The contact's home server dropped frames because the queue was full.
    Overflow {
        /// The contact.
        contact: ContactId,
    },
    /// The connection to the home server came up or went down.
    Link(LinkState),
    /// Something about the person's devices changed.
    Devices,
    /// The person has another device, of which this one hears for the first time.
    DeviceAdded {
        /// The device.
        device: DeviceId,
        /// What the person calls it.
        name: String,
    },
    /// The session with another device of the person cannot go on (KE-99): the two tell each other nothing any more, until the person takes it
    /// out and links it again.
    SiblingStopped {
        /// The device.
        device: DeviceId,
        /// What the person calls it.
        name: String,
        /// Why.
        why: Ended,
    },
    /// The home server refuses something that only a person can mend.
    Trouble(Trouble),
    /// Nothing waits any more: everything written was accepted, everything fetched processed.
    Quiet,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageChange {
    /// It is new.
    New,
    /// It has a new text.
    Edited,
    /// It was taken back.
    Deleted,
    /// It has other reactions.
    Reacted,
    /// It disappeared because its time was over.
    Disappeared,
    /// It came from another device of the person: written there, or a message of before.
    Synced,
}

/// How far a message of ours has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageState {
    /// Stored here, not yet at the own home server.
    Waiting,
    /// The own home server has it.
    Accepted,
    /// The contact's device has it.
    Delivered,
    /// The contact has seen it.
    Read,
    /// It could not be delivered in time.
    Expired,
}

/// The connection to the home server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Up, and the account is proven.
    Up,
    /// Down; it is tried again by itself.
    Down,
}

/// What only a person can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The server wants an invite.
    InviteNeeded,
    /// The account's quota is used up.
    QuotaExceeded,
    /// The server proves another key than the one pinned.
    ServerKeyChanged,
    /// This device's clock is more than five minutes off the server's.
    ClockOff {
        /// Seconds by which it is ahead; negative when it is behind.
        ahead: i64,
    },
    /// The server has a descriptor older than one already seen, or none that is valid.
    BadDescriptor,
}

/// A file that is about to be sent.
#[derive(Debug, Clone)]
pub struct NewAttachment {
    /// The file name without folders.
    pub name: String,
    /// The media type.
    pub media_type: String,
    /// The size in bytes.
    pub size: u64,
    /// Hash of the content (`kith_crypto::hash::Hasher` with `Label::ATTACHMENT`).
    pub hash: Hash,
}
