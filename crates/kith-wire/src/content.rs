//! What people say to each other, and what their devices say on their behalf, end to end.

use minicbor::data::Type;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

use crate::address::QueueAddress;
use crate::blob::Manifest;
use crate::card::CardOffer;
use crate::codec::Wire;
use crate::devices::DeviceList;
use crate::id::{ConversationId, DeviceId, MessageId, SenderId};
use crate::limits::MAX_CONTENT_BYTES;
use crate::preview::Preview;
use crate::rotation::Rotation;
use crate::signed::Signed;
use crate::time::Timestamp;

/// A content with its header.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct Content {
    /// Names the content in every copy.
    #[n(0)]
    pub message: MessageId,
    /// The conversation.
    #[n(1)]
    pub conversation: ConversationId,
    /// Lamport counter: display order is (Lamport, device, message).
    #[n(2)]
    pub lamport: u64,
    /// The sending device.
    #[n(3)]
    pub device: DeviceId,
    /// The sender's clock; shown, never used for order.
    #[n(4)]
    pub sent: Timestamp,
    /// Seconds after which both sides delete it, counted from sending here and from reading there.
    #[n(5)]
    pub disappears: Option<u32>,
    /// What is said.
    #[n(6)]
    pub body: Body,
    /// The other devices of the reader that the sending device has met, and for which it seals this, too (KE-55). Absent where there are none.
    #[n(7)]
    pub also_for: Option<Vec<DeviceId>>,
}

impl Wire for Content {
    const NAME: &'static str = "content";
    const MAX_BYTES: usize = MAX_CONTENT_BYTES;
}

/// What a content says.
#[derive(Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly every body is a known one, and few are alive at once")]
pub enum Body {
    /// A body that this version knows.
    Known(KnownBody),
    /// A body from a newer version: kept, shown as "needs a newer version".
    Unknown(Vec<u8>),
}

/// The receipts there are. The numbers are wire values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ReceiptKind {
    /// Stored by the receiving device.
    #[n(0)]
    Delivered,
    /// Seen by the person.
    #[n(1)]
    Read,
}

/// The bodies of version 1. The numbers are wire values.
#[derive(Clone, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "most bodies are texts, and few are alive at once; where addresses are short it is not large"
)]
pub enum KnownBody {
    /// A text, with or without an attachment.
    #[n(0)]
    Text {
        /// The text; may be empty beside an attachment.
        #[n(0)]
        text: String,
        /// The message that it answers.
        #[n(1)]
        reply_to: Option<MessageId>,
        /// The attachment.
        #[n(2)]
        attachment: Option<Manifest>,
        /// What a page that the text names is about (KE-117).
        #[n(3)]
        preview: Option<Preview>,
    },
    /// A reaction; an empty one takes the last one back.
    #[n(1)]
    Reaction {
        /// The message.
        #[n(0)]
        target: MessageId,
        /// One emoji, at most 64 bytes.
        #[n(1)]
        emoji: String,
    },
    /// A new text for one of the sender's own messages.
    #[n(2)]
    Edit {
        /// The message.
        #[n(0)]
        target: MessageId,
        /// The new text.
        #[n(1)]
        text: String,
    },
    /// Takes one of the sender's own messages back, everywhere.
    #[n(3)]
    Delete {
        /// The message.
        #[n(0)]
        target: MessageId,
    },
    /// Receipts, several at once.
    #[n(4)]
    Receipt {
        /// Of which kind.
        #[n(0)]
        kind: ReceiptKind,
        /// The messages, at most 256.
        #[n(1)]
        messages: Vec<MessageId>,
    },
    /// From now on, write into this queue; the old one is read until this is acknowledged.
    #[n(5)]
    QueueMove {
        /// The new queue.
        #[n(0)]
        queue: QueueAddress,
    },
    /// The new queue is in use.
    #[n(6)]
    QueueMoved {
        /// The new queue's name towards its sender.
        #[n(0)]
        sender_id: SenderId,
    },
    /// Changes how long messages of the conversation live.
    #[n(7)]
    Disappearing {
        /// Seconds, or for ever.
        #[n(0)]
        seconds: Option<u32>,
    },
    /// Nothing to say: answers an epoch or a list at once.
    #[n(8)]
    Nothing,
    /// A device card, from a device of the sender's for a device of the receiver's: the two have not met.
    #[n(9)]
    DeviceCard {
        /// The receiver's device that the card is for.
        #[n(0)]
        to: DeviceId,
        /// The sender's newest list, which names the device that gives the card.
        #[n(1)]
        list: Signed<DeviceList>,
        /// The card.
        #[n(2)]
        offer: Box<CardOffer>,
    },
    /// What a device of the same person says: an encoded [`SyncItem`](crate::sync::SyncItem).
    #[n(10)]
    Sync {
        /// Its bytes: a newer version's items can be passed over.
        #[cbor(n(0), with = "minicbor::bytes")]
        item: Vec<u8>,
    },
    /// The sending device has another device key from now on.
    #[n(11)]
    Rotation {
        /// The rotation, signed by both keys.
        #[n(0)]
        rotation: Rotation,
    },
    /// A spare card of the sending device: kept for the day on which the receiver has lost all devices.
    #[n(12)]
    SpareCard {
        /// The card.
        #[n(0)]
        offer: Box<CardOffer>,
    },
    /// Somebody else came as the receiver, from a backup or an old device, and the sending device refused them.
    #[n(13)]
    RefusedAnother,
}

/// The highest body number of version 1.
const LAST_KNOWN: u32 = 13;

/// What people say is never printed: only which kind of thing it is.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(body) => body.fmt(f),
            Self::Unknown(bytes) => write!(f, "Unknown({} bytes)", bytes.len()),
        }
    }
}

impl std::fmt::Debug for KnownBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "Text(…)",
            Self::Reaction { .. } => "Reaction(…)",
            Self::Edit { .. } => "Edit(…)",
            Self::Delete { .. } => "Delete(…)",
            Self::Receipt { .. } => "Receipt(…)",
            Self::QueueMove { .. } => "QueueMove(…)",
            Self::QueueMoved { .. } => "QueueMoved(…)",
            Self::Disappearing { .. } => "Disappearing(…)",
            Self::Nothing => "Nothing",
            Self::DeviceCard { .. } => "DeviceCard(…)",
            Self::Sync { .. } => "Sync(…)",
            Self::Rotation { .. } => "Rotation(…)",
            Self::SpareCard { .. } => "SpareCard(…)",
            Self::RefusedAnother => "RefusedAnother",
        })
    }
}

impl<C> Encode<C> for Body {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Known(body) => body.encode(e, ctx),
            Self::Unknown(bytes) => e.writer_mut().write_all(bytes).map_err(encode::Error::write),
        }
    }
}

impl<'b, C> Decode<'b, C> for Body {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let start = d.position();
        let mut ahead = d.probe();
        let is_numbered = ahead.datatype()? == Type::Array && ahead.array()?.is_some_and(|items| items > 0);
        if !is_numbered {
            return Err(decode::Error::message("a body is an array that starts with its number"));
        }
        if ahead.u32()? <= LAST_KNOWN {
            return KnownBody::decode(d, ctx).map(Self::Known);
        }
        d.skip()?;
        let bytes = d.input().get(start..d.position()).unwrap_or_default();
        Ok(Self::Unknown(bytes.to_vec()))
    }
}
