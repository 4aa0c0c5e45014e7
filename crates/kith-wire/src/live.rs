//! Messages of a live connection between a device and its home server.
//!
//! The opening is a sealed request of its own kind; everything after it travels in records
//! `counter (u64, big endian) ‖ AEAD`, in which these objects are padded.

use minicbor::{Decode, Encode};

use crate::codec::Wire;
use crate::frame::Frame;
use crate::id::{KemCiphertext, KemKey, ReaderId, RelayId};
use crate::limits::MAX_SEALED_BYTES;
use crate::operation::{Answer, EntryId, Operation};

/// The inside of a live opening.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LiveOpening {
    /// The client's ephemeral X-Wing key.
    #[n(0)]
    pub ephemeral: KemKey,
}

impl Wire for LiveOpening {
    const NAME: &'static str = "live-opening";
    const MAX_BYTES: usize = 1300;
}

/// The inside of the answer to a live opening.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LiveAccept {
    /// Encapsulated to the client's ephemeral key.
    #[n(0)]
    pub ciphertext: KemCiphertext,
    /// 32 fresh random bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub random: [u8; 32],
}

impl Wire for LiveAccept {
    const NAME: &'static str = "live-accept";
    const MAX_BYTES: usize = 1200;
}

/// Pairs a live request with its answer; chosen by the client, unique within the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct RequestNumber(#[n(0)] pub u32);

/// From the device to the home server.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct LiveRequest {
    /// Its number.
    #[n(0)]
    pub number: RequestNumber,
    /// What is asked.
    #[n(1)]
    pub operation: Operation,
}

impl Wire for LiveRequest {
    const NAME: &'static str = "live-request";
    const MAX_BYTES: usize = MAX_SEALED_BYTES;
}

/// From the home server to the device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum LiveEvent {
    /// The answer to a request.
    #[n(0)]
    Answer {
        /// The request.
        #[n(0)]
        number: RequestNumber,
        /// The answer.
        #[n(1)]
        answer: Answer,
    },
    /// A frame from a queue.
    #[n(1)]
    Push {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
        /// For the ack.
        #[n(1)]
        entry: EntryId,
        /// The frame.
        #[n(2)]
        frame: Frame,
    },
    /// Newer frames of a queue were dropped because it was full.
    #[n(2)]
    Overflow {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
    },
    /// A durable relay came back; acknowledged with `return-ack`.
    #[n(3)]
    Returned {
        /// The relay.
        #[n(0)]
        relay_id: RelayId,
        /// The other server's descriptor when the epoch was unknown there, empty when it expired.
        #[cbor(n(1), with = "minicbor::bytes")]
        descriptor: Vec<u8>,
    },
}

impl Wire for LiveEvent {
    const NAME: &'static str = "live-event";
    const MAX_BYTES: usize = MAX_SEALED_BYTES;
}
