//! What the devices of one person say to each other, inside their sessions.
//!
//! A contact is named by its conversation: the id that all devices of both persons know, and nobody else.

use minicbor::{Decode, Encode};

use crate::address::ServerAddress;
use crate::blob::Manifest;
use crate::card::CardOffer;
use crate::codec::Wire;
use crate::content::Content;
use crate::devices::DeviceList;
use crate::id::{AccountKey, ConversationId, DeviceId, KemKey, MessageId, Signature};
use crate::limits::MAX_CONTENT_BYTES;
use crate::own::OwnDevices;
use crate::rotation::Rotation;
use crate::signed::Signed;
use crate::time::Timestamp;

/// One thing that a device tells another one of its person. The numbers are wire values.
#[derive(Clone, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum SyncItem {
    /// From a device that was linked to the one that links it: who it is.
    #[n(0)]
    Hello {
        /// Its id among the person's devices.
        #[n(0)]
        device: DeviceId,
        /// What the person calls it.
        #[n(1)]
        name: String,
        /// The public half of its own user key, to which the person's is sealed.
        #[n(2)]
        user: KemKey,
    },
    /// To a device that was linked, after the codes were compared and the password entered: it is one of the person's now.
    #[n(1)]
    Welcome {
        /// The user key's seed, sealed to the user key that the new device has so far.
        #[cbor(n(0), with = "minicbor::bytes")]
        user: Vec<u8>,
        /// The person's devices, the new one among them.
        #[n(1)]
        devices: Signed<OwnDevices>,
        /// How many contacts follow.
        #[n(2)]
        contacts: u32,
        /// How many messages of before follow.
        #[n(3)]
        messages: u64,
        /// The person's own name.
        #[n(4)]
        name: Option<String>,
    },
    /// A contact, whole: it is made or changed.
    #[n(2)]
    Contact(#[n(0)] Box<ContactCopy>),
    /// All contacts were told.
    #[n(3)]
    ContactsTold,
    /// The person has forgotten a contact.
    #[n(4)]
    Forgotten {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
    },
    /// The person's newest device list towards a contact.
    #[n(5)]
    List {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The list.
        #[n(1)]
        list: Signed<DeviceList>,
        /// Which of the person's devices is which of the list's, as far as it is known: own id, id towards the contact.
        #[n(2)]
        owners: Vec<(DeviceId, DeviceId)>,
    },
    /// A device card for a device of a contact, to be passed on to it, with the list that names the device that gives it.
    #[n(6)]
    Introduction {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The contact's device.
        #[n(1)]
        to: DeviceId,
        /// The list.
        #[n(2)]
        list: Signed<DeviceList>,
        /// The card.
        #[n(3)]
        offer: Box<CardOffer>,
    },
    /// A device card that a device of a contact gave for the device that is told so.
    #[n(7)]
    CardForYou {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The contact's newest list.
        #[n(1)]
        list: Signed<DeviceList>,
        /// The card.
        #[n(2)]
        offer: Box<CardOffer>,
    },
    /// What the person said to a contact, as it was sent.
    #[n(8)]
    Said {
        /// The content; its conversation names the contact.
        #[n(0)]
        content: Box<Content>,
    },
    /// Messages of before.
    #[n(9)]
    History {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The messages.
        #[n(1)]
        messages: Vec<PastMessage>,
        /// How many messages were told with this one, of all conversations.
        #[n(2)]
        told: u64,
        /// How many there are in all.
        #[n(3)]
        total: u64,
    },
    /// The person has seen messages of a contact.
    #[n(10)]
    Seen {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The messages.
        #[n(1)]
        messages: Vec<MessageId>,
    },
    /// How far messages have come that the telling device sent.
    #[n(11)]
    States {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The messages with their states: 1 accepted, 2 delivered, 3 read, 4 expired.
        #[n(1)]
        states: Vec<(MessageId, u8)>,
    },
    /// The person's devices have changed.
    #[n(12)]
    Devices {
        /// The list.
        #[n(0)]
        devices: Signed<OwnDevices>,
    },
    /// A card that one device of the person gives another: the two have not met.
    #[n(13)]
    Meet {
        /// For which device.
        #[n(0)]
        to: DeviceId,
        /// From which device.
        #[n(1)]
        from: DeviceId,
        /// The card.
        #[n(2)]
        offer: Box<CardOffer>,
    },
    /// What a contact said to the telling device when the contact did not know of the other one yet.
    #[n(14)]
    Heard {
        /// The content; its conversation names the contact.
        #[n(0)]
        content: Box<Content>,
    },
    /// A device has another device key towards a contact: the telling one, or one of which it heard, the person's or the contact's.
    #[n(15)]
    Rotation {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The rotation, which names the device.
        #[n(1)]
        rotation: Rotation,
    },
    /// A contact has lost all devices and goes on from a backup, on a new one: it answered the telling device's spare card.
    #[n(16)]
    Restored {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The list that replaces all devices of before.
        #[n(1)]
        list: Signed<DeviceList>,
        /// When the telling device heard of it.
        #[n(2)]
        at: Timestamp,
    },
    /// Messages of before the other device was linked, as they are now: it takes those that it has.
    #[n(20)]
    Changed {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The messages.
        #[n(1)]
        messages: Vec<PastMessage>,
    },
    /// All contacts that the person has forgotten.
    #[n(21)]
    AllForgotten {
        /// The contacts.
        #[n(0)]
        contacts: Vec<ConversationId>,
    },
    /// What the person has typed for a contact and not sent; empty when nothing.
    #[n(23)]
    Draft {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The text, and when it was typed.
        #[n(1)]
        draft: Setting<String>,
    },
    /// What closes the account of one of the person's devices, when it is revoked.
    #[n(24)]
    Closing {
        /// The device.
        #[n(0)]
        device: DeviceId,
        /// Its home server.
        #[n(1)]
        server: ServerAddress,
        /// Device, server key, account key and statement, sealed to the user key: only the password opens them.
        #[cbor(n(2), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// A device was revoked: its account is to be closed.
    #[n(25)]
    Close {
        /// The device.
        #[n(0)]
        device: DeviceId,
        /// Its home server.
        #[n(1)]
        server: ServerAddress,
        /// Its account.
        #[n(2)]
        account: AccountKey,
        /// The statement.
        #[n(3)]
        signature: Signature,
    },
    /// A file that came with a message is wanted, because it is no more where the message says, or is not wanted any more.
    #[n(26)]
    FileWanted {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The message.
        #[n(1)]
        message: MessageId,
        /// Whether it is wanted.
        #[n(2)]
        wanted: bool,
    },
    /// The file that was wanted, put where the other device can fetch it.
    #[n(27)]
    FileLent {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The message.
        #[n(1)]
        message: MessageId,
        /// Where it is now, under which name and key.
        #[n(2)]
        file: Manifest,
    },
    /// The picture that the person has chosen for a contact; empty when there is none any more.
    #[n(28)]
    Picture {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// When it was chosen.
        #[n(1)]
        at: Timestamp,
        /// A small JPEG.
        #[cbor(n(2), with = "minicbor::bytes")]
        picture: Vec<u8>,
    },
}

/// A contact, as one device tells another.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub struct ContactCopy {
    /// The conversation.
    #[n(0)]
    pub contact: ConversationId,
    /// The contact key's secret, sealed to the user key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub secret: Vec<u8>,
    /// The person's newest device list towards the contact.
    #[n(2)]
    pub own_list: Signed<DeviceList>,
    /// The contact's newest device list.
    #[n(3)]
    pub peer_list: Signed<DeviceList>,
    /// The sixty digits, in groups of five with spaces between.
    #[n(4)]
    pub digits: String,
    /// What the person has set, with the time of each setting, so that the latest counts whatever comes first.
    #[n(5)]
    pub settings: ContactSettings,
    /// The highest Lamport number of the conversation.
    #[n(6)]
    pub lamport: u64,
    /// When the two met: after a new card the keys are those of the later meeting.
    #[n(7)]
    pub met: Timestamp,
    /// Which of the person's devices is which of the own list's, as far as it is known: own id, id towards the contact.
    #[n(8)]
    pub owners: Vec<(DeviceId, DeviceId)>,
    /// What the conversation was called before: a contact that starts anew gives it another id, and siblings know it by one of these.
    #[n(9)]
    pub before: Option<Vec<ConversationId>>,
}

/// A setting and when it was made: the later one counts, and of two made at once the greater one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Setting<T> {
    /// When.
    #[n(0)]
    pub at: Timestamp,
    /// What.
    #[n(1)]
    pub value: T,
}

/// What a person has set for a contact.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ContactSettings {
    /// The contact's name.
    #[n(0)]
    pub name: Setting<String>,
    /// Whether the digits were compared.
    #[n(1)]
    pub verified: Setting<bool>,
    /// Whether nothing of the contact is received.
    #[n(2)]
    pub blocked: Setting<bool>,
    /// Whether the contact is told what was read.
    #[n(3)]
    pub receipts: Setting<bool>,
    /// How long messages live, with the Lamport number of the setting.
    #[n(4)]
    pub disappearing: (u64, Option<u32>),
    /// Whether the conversation stands above all others in the person's list.
    #[n(5)]
    pub pinned: Setting<bool>,
    /// Whether what comes notifies nobody.
    #[n(6)]
    pub muted: Setting<bool>,
    /// Whether the conversation was put away.
    #[n(7)]
    pub archived: Setting<bool>,
}

/// A message of before, as it is shown.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub struct PastMessage {
    /// The message.
    #[n(0)]
    pub message: MessageId,
    /// Whether the person wrote it.
    #[n(1)]
    pub is_own: bool,
    /// The device that sent it.
    #[n(2)]
    pub device: DeviceId,
    /// Its Lamport number.
    #[n(3)]
    pub lamport: u64,
    /// When it was sent, by its sender's clock.
    #[n(4)]
    pub sent: Timestamp,
    /// The content as it was sent; an edited text in its newest form. Absent when it was taken back.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
    /// The Lamport number of the newest edit, or 0.
    #[n(6)]
    pub edited: u64,
    /// How far it has come: 0 waiting, 1 accepted, 2 delivered, 3 read, 4 expired.
    #[n(7)]
    pub state: u8,
    /// Reactions: of the person's own or not, Lamport number, emoji.
    #[n(8)]
    pub reactions: Vec<(bool, u64, String)>,
    /// When it disappears, by the clock; and after how many seconds.
    #[n(9)]
    pub disappears: Option<(u32, Option<Timestamp>)>,
}

/// Names and what people say are never printed: only which kind of thing it is.
impl std::fmt::Debug for SyncItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hello { .. } => "Hello(…)",
            Self::Welcome { .. } => "Welcome(…)",
            Self::Contact(_) => "Contact(…)",
            Self::ContactsTold => "ContactsTold",
            Self::Forgotten { .. } => "Forgotten(…)",
            Self::List { .. } => "List(…)",
            Self::Introduction { .. } => "Introduction(…)",
            Self::CardForYou { .. } => "CardForYou(…)",
            Self::Said { .. } => "Said(…)",
            Self::History { .. } => "History(…)",
            Self::Seen { .. } => "Seen(…)",
            Self::States { .. } => "States(…)",
            Self::Devices { .. } => "Devices(…)",
            Self::Meet { .. } => "Meet(…)",
            Self::Heard { .. } => "Heard(…)",
            Self::Rotation { .. } => "Rotation(…)",
            Self::Restored { .. } => "Restored(…)",
            Self::Changed { .. } => "Changed(…)",
            Self::AllForgotten { .. } => "AllForgotten(…)",
            Self::Draft { .. } => "Draft(…)",
            Self::Closing { .. } => "Closing(…)",
            Self::Close { .. } => "Close(…)",
            Self::FileWanted { .. } => "FileWanted(…)",
            Self::FileLent { .. } => "FileLent(…)",
            Self::Picture { .. } => "Picture(…)",
        })
    }
}

/// A contact's name is not printed.
impl std::fmt::Debug for ContactCopy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContactCopy({:?})", self.contact)
    }
}

/// What people say is never printed.
impl std::fmt::Debug for PastMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PastMessage({:?})", self.message)
    }
}

impl Wire for SyncItem {
    const NAME: &'static str = "sync-item";
    /// A content is cut into parts; around the item it has a header.
    const MAX_BYTES: usize = MAX_CONTENT_BYTES - 128;
}
