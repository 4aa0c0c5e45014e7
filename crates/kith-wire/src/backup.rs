//! What a backup file holds: the same things that a device tells a new one of the same person, item by item.
//!
//! Where the items lie and how they are sealed is not known here. A segment is items one behind the other, each with its
//! length (u32, big endian) in front.

use minicbor::{Decode, Encode};

use crate::address::ServerAddress;
use crate::card::CardOffer;
use crate::codec::{DecodeError, Wire};
use crate::id::{BackupMark, ConversationId, DeviceId, Hash};
use crate::limits::MAX_BACKUP_PIECES;
use crate::own::OwnDevices;
use crate::rotation::Rotation;
use crate::signed::Signed;
use crate::sync::{ContactCopy, ContactSettings, PastMessage, Setting};
use crate::time::Timestamp;

/// One thing that a backup says. Of two that say something about the same, the later one counts. The numbers are wire values.
///
/// KE-76: none of them has room for a key by which a device talks. So whoever restores one becomes a new device.
#[derive(Clone, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum BackupItem {
    /// The person.
    #[n(0)]
    Person {
        /// The person's own name.
        #[n(0)]
        name: Option<String>,
        /// The home server of the device that made the backup.
        #[n(1)]
        server: ServerAddress,
        /// The person's devices; absent when there was never another one.
        #[n(2)]
        devices: Option<Signed<OwnDevices>>,
        /// Hours between two rotations of a device key, when the person has chosen them.
        #[n(3)]
        hours: Option<u32>,
    },
    /// A contact, whole.
    #[n(1)]
    Contact(#[n(0)] Box<ContactCopy>),
    /// The person has forgotten a contact, with everything that was said.
    #[n(2)]
    Forgotten {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
    },
    /// Messages.
    #[n(3)]
    Messages {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The messages.
        #[n(1)]
        messages: Vec<PastMessage>,
    },
    /// A device has another device key towards a contact: one of the person's, or one of the contact's.
    #[n(4)]
    Rotation {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The rotation, which names the device.
        #[n(1)]
        rotation: Rotation,
    },
    /// A card that a device of a contact left for the day on which every device of the person is lost.
    #[n(5)]
    SpareCard {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The contact's device.
        #[n(1)]
        device: DeviceId,
        /// The card.
        #[n(2)]
        offer: Box<CardOffer>,
    },
    /// A contact whose keys are not settled: the two have not met yet, or meet again. What was said is kept; the person gives it a
    /// new card.
    #[n(7)]
    Unmet {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// What the person has set.
        #[n(1)]
        settings: ContactSettings,
        /// The highest Lamport number of the conversation.
        #[n(2)]
        lamport: u64,
    },
    /// What the person was writing to a contact and has not sent, or that nothing is left of it.
    #[n(8)]
    Draft {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// The text, and when it was typed.
        #[n(1)]
        draft: Setting<String>,
    },
    /// What closes the account of one of the person's devices, when it is revoked (KE-88).
    #[n(9)]
    Closing {
        /// The device.
        #[n(0)]
        device: DeviceId,
        /// Its home server.
        #[n(1)]
        server: ServerAddress,
        /// Device, server key, account key and statement, sealed to the user key.
        #[cbor(n(2), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// The picture that the person has chosen for a contact, or that there is none any more.
    #[n(10)]
    Picture {
        /// The contact.
        #[n(0)]
        contact: ConversationId,
        /// When it was chosen.
        #[n(1)]
        at: Timestamp,
        /// A small JPEG, or nothing.
        #[cbor(n(2), with = "minicbor::bytes")]
        picture: Vec<u8>,
    },
    /// The end of a run.
    #[n(6)]
    End {
        /// Names what the device had said up to here; the next run begins where this one ends.
        #[n(0)]
        mark: BackupMark,
        /// When.
        #[n(1)]
        made: Timestamp,
    },
}

impl Wire for BackupItem {
    const NAME: &'static str = "backup-item";
    /// The longest is a few messages, of which one may be as long as a content can be.
    const MAX_BYTES: usize = 65_536;
}

/// What lies at a home server in the place of a backup: of which pieces the file is made. Sealed, and one whole chunk there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BackupHead {
    /// Rises with each head of the place: of two, the one with the higher number counts.
    #[n(0)]
    pub number: u64,
    /// The device that made the backup.
    #[n(1)]
    pub device: String,
    /// When its last run was made.
    #[n(2)]
    pub made: Timestamp,
    /// Hours after which the device makes the next one by itself; absent when it does not.
    #[n(3)]
    pub every: Option<u32>,
    /// The label of the file.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub label: [u8; 16],
    /// The pieces of the file, in their order.
    #[n(5)]
    pub pieces: Vec<BackupPiece>,
}

/// A piece of a backup file. Its names and keys come from these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BackupPiece {
    /// Its size.
    #[n(0)]
    pub bytes: u64,
    /// Its hash under the label of pieces.
    #[n(1)]
    pub hash: Hash,
}

impl BackupHead {
    /// Returns the bytes of the whole file; nothing when the head is not one that any device makes.
    pub fn file_bytes(&self) -> Option<u64> {
        let is_piece = |piece: &BackupPiece| (1..=MAX_PIECE_BYTES).contains(&piece.bytes);
        let is_good = (1..=MAX_BACKUP_PIECES).contains(&self.pieces.len()) && self.pieces.iter().all(is_piece);
        is_good.then(|| self.pieces.iter().map(|piece| piece.bytes).sum())
    }
}

impl Wire for BackupHead {
    const NAME: &'static str = "backup-head";
    const MAX_BYTES: usize = 65_516;
}

/// Bytes of a piece at most: what is sent again when one is lost.
pub const MAX_PIECE_BYTES: u64 = 16 * 1024 * 1024;

/// Adds an item to the content of a segment.
///
/// # Errors
/// [`DecodeError::TooLong`] when no reader would take it; nothing is added then.
pub fn pack(content: &mut Vec<u8>, item: &BackupItem) -> Result<(), DecodeError> {
    let bytes = item.to_bytes();
    let (length, limit) = (bytes.len(), BackupItem::MAX_BYTES);
    let too_long = DecodeError::TooLong { object: BackupItem::NAME, length, limit };
    let Some(length) = u32::try_from(length).ok().filter(|_| length <= limit) else { return Err(too_long) };
    content.extend_from_slice(&length.to_be_bytes());
    content.extend_from_slice(&bytes);
    Ok(())
}

/// What a segment says.
#[derive(Debug, Clone, Default)]
pub struct Unpacked {
    /// The items, in their order.
    pub items: Vec<BackupItem>,
    /// How many more there are that this version does not know: they are passed over, and cost nobody the rest.
    pub n_unknown: u64,
}

/// Takes the content of a segment apart.
///
/// # Errors
/// [`DecodeError`] when it is cut off.
pub fn unpack(content: &[u8]) -> Result<Unpacked, DecodeError> {
    let cut_off = || DecodeError::Malformed { object: BackupItem::NAME };
    let (mut unpacked, mut rest) = (Unpacked::default(), content);
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut_off())?;
        let (item, behind) = behind.split_at_checked(length).ok_or_else(cut_off)?;
        match BackupItem::from_bytes(item) {
            Ok(item) => unpacked.items.push(item),
            Err(_) => unpacked.n_unknown = unpacked.n_unknown.saturating_add(1),
        }
        rest = behind;
    }
    Ok(unpacked)
}

/// Returns what the last segment of a run ends with: its mark, and when it was made.
pub fn end_of(content: &[u8]) -> Option<(BackupMark, Timestamp)> {
    unpack(content).ok()?.items.into_iter().rev().find_map(|item| match item {
        BackupItem::End { mark, made } => Some((mark, made)),
        _ => None,
    })
}

/// Names and what people say are never printed: only which kind of thing it is.
impl std::fmt::Debug for BackupItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Person { .. } => "Person(…)",
            Self::Contact(_) => "Contact(…)",
            Self::Forgotten { .. } => "Forgotten(…)",
            Self::Messages { .. } => "Messages(…)",
            Self::Rotation { .. } => "Rotation(…)",
            Self::SpareCard { .. } => "SpareCard(…)",
            Self::End { .. } => "End(…)",
            Self::Unmet { .. } => "Unmet(…)",
            Self::Draft { .. } => "Draft(…)",
            Self::Closing { .. } => "Closing(…)",
            Self::Picture { .. } => "Picture(…)",
        })
    }
}
