//! The plaintext of Olm messages: what one session says to the other.

use minicbor::{Decode, Encode};

use crate::card::Confirm;
use crate::codec::Wire;
use crate::devices::DeviceList;
use crate::id::{Hash, KemCiphertext, KemKey, MessageId};
use crate::limits::{MAX_PARTS, PART_BYTES};
use crate::signed::Signed;

/// Which version of a device list somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ListState {
    /// The version.
    #[n(0)]
    pub version: u32,
    /// The hash.
    #[n(1)]
    pub hash: Hash,
}

/// A piece of an encoded content.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Part {
    /// Joins the pieces: the content's message id.
    #[n(0)]
    pub message: MessageId,
    /// Which piece, from 0.
    #[n(1)]
    pub index: u8,
    /// How many pieces there are.
    #[n(2)]
    pub count: u8,
    /// The bytes: 1,800 in every piece but the last.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// The bytes are what a person says, and are not printed.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({:?}, {} of {})", self.message, self.index, self.count)
    }
}

impl Part {
    /// Returns whether index, count and size fit together (KW-14).
    pub fn is_well_formed(&self) -> bool {
        let is_last = self.index.checked_add(1) == Some(self.count);
        (1..=MAX_PARTS).contains(&self.count)
            && self.index < self.count
            && !self.bytes.is_empty()
            && self.bytes.len() <= PART_BYTES
            && (is_last || self.bytes.len() == PART_BYTES)
    }
}

/// One thing that a session says. The numbers are wire values.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum Item {
    /// A piece of content.
    #[n(0)]
    Part(#[n(0)] Part),
    /// Starts a KEM epoch: an X-Wing key.
    #[n(1)]
    EpochKey {
        /// The epoch that it starts.
        #[n(0)]
        epoch: u32,
        /// The key.
        #[n(1)]
        key: KemKey,
    },
    /// Answers an [`EpochKey`](Item::EpochKey).
    #[n(2)]
    EpochCiphertext {
        /// The epoch that it starts.
        #[n(0)]
        epoch: u32,
        /// Hash of the key that it answers.
        #[n(1)]
        key: Hash,
        /// Encapsulated to that key.
        #[n(2)]
        ciphertext: KemCiphertext,
    },
    /// A device list.
    #[n(3)]
    Devices(#[n(0)] Signed<DeviceList>),
    /// The card giver's confirmation.
    #[n(4)]
    Confirm(#[n(0)] Box<Confirm>),
    /// A list of the receiver's person: why the session with a device that it leaves out has ended.
    #[n(5)]
    Yours(#[n(0)] Signed<DeviceList>),
}

/// The plaintext of an Olm message.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct Payload {
    /// The sender's own newest device list.
    #[n(0)]
    pub mine: ListState,
    /// The newest list of the receiver that the sender has; absent until one was received.
    #[n(1)]
    pub yours: Option<ListState>,
    /// What is said.
    #[n(2)]
    pub items: Vec<Item>,
}

impl Wire for Payload {
    const NAME: &'static str = "payload";
    const MAX_BYTES: usize = 3400;
}
