//! Frames: 4,096 bytes, one size for everything that two devices say to each other.
//!
//! `nonce 12 ‖ AEAD_hk{epoch, seq, base} 28 ‖ AEAD_mk{inner} 4,056`, where
//! `inner = u16 length ‖ Olm message ‖ u16 length ‖ control ‖ zeros`.

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::codec::Wire;
use crate::id::large_bytes;
use crate::limits::SESSION_WINDOW;

use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};

large_bytes! {
    /// A frame: 4,096 bytes that look random.
    Frame, 4096
}

/// Bytes of the nonce in front.
pub const NONCE_BYTES: usize = 12;
/// Bytes of the sealed header.
pub const SEALED_HEADER_BYTES: usize = 28;
/// Bytes of the inner plaintext.
pub const INNER_BYTES: usize = 4040;
/// Bytes of the longest encoded control fields; what is left is for the Olm message.
pub const MAX_CONTROL_BYTES: usize = 512;
/// Bytes of the longest Olm message.
pub const MAX_OLM_BYTES: usize = INNER_BYTES - 4 - MAX_CONTROL_BYTES;
/// Ranges in one session ack, and in one list of skips.
pub const MAX_RANGES: usize = 20;

impl Frame {
    /// Splits the frame into nonce, sealed header and sealed inner text.
    pub fn split(&self) -> Option<(&[u8; NONCE_BYTES], &[u8; SEALED_HEADER_BYTES], &[u8])> {
        let (nonce, rest) = self.as_bytes().split_first_chunk::<NONCE_BYTES>()?;
        let (header, inner) = rest.split_first_chunk::<SEALED_HEADER_BYTES>()?;
        Some((nonce, header, inner))
    }
}

/// The header of a frame, sealed under the header key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The KEM epoch.
    pub epoch: u32,
    /// The frame's number in its direction; never restarts.
    pub seq: u32,
    /// The direction's first number in this epoch.
    pub base: u32,
}

impl FrameHeader {
    /// Bytes of the plain header.
    pub const BYTES: usize = 12;

    /// Returns the plain bytes: three big-endian u32.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        let fields = [self.epoch, self.seq, self.base];
        for (slot, field) in out.chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_be_bytes());
        }
        out
    }

    /// Reads the plain bytes.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
        Self {
            epoch: u32::from_be_bytes([a, b, c, d]),
            seq: u32::from_be_bytes([e, f, g, h]),
            base: u32::from_be_bytes([i, j, k, l]),
        }
    }
}

/// An inclusive range of frame numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct SeqRange {
    /// The first number.
    #[n(0)]
    pub first: u32,
    /// The last number.
    #[n(1)]
    pub last: u32,
}

/// The session ack: everything below `next`, and these ranges above it, was received or skipped.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SessionAck {
    /// The lowest number neither received nor skipped.
    #[n(0)]
    pub next: u32,
    /// Received above `next`, ascending, not touching.
    #[n(1)]
    pub ranges: Vec<SeqRange>,
}

/// The control fields of a frame: the only ones that act before the frame's turn comes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Control {
    /// What the sender of this frame has received.
    #[n(0)]
    pub ack: SessionAck,
    /// Numbers that the sender of this frame will never send again.
    #[n(1)]
    pub skips: Vec<SeqRange>,
    /// The sender's session has stopped: nothing follows, and nothing is read any more.
    #[n(2)]
    pub end: Option<EndReason>,
}

/// Why a session stopped. A number that a reader does not know ends the session all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct EndReason(#[n(0)] pub u8);

impl EndReason {
    /// The inner layer refused what the outer one let through.
    pub const UNREADABLE: Self = Self(1);
    /// The device lists contradict each other.
    pub const DEVICES: Self = Self(2);
    /// Two states of one device have sent: one was copied, or restored from a backup.
    pub const COPIED: Self = Self(3);
}

impl Wire for Control {
    const NAME: &'static str = "control";
    const MAX_BYTES: usize = MAX_CONTROL_BYTES;
}

impl Control {
    /// Returns whether the ranges are ascending, do not touch, are few, and stay within the window (KW-11).
    pub fn is_well_formed(&self) -> bool {
        ranges_are_well_formed(&self.ack.ranges, Some(self.ack.next)) && ranges_are_well_formed(&self.skips, None)
    }
}

fn ranges_are_well_formed(ranges: &[SeqRange], above: Option<u32>) -> bool {
    if ranges.len() > MAX_RANGES {
        return false;
    }
    let mut floor = above;
    ranges.iter().all(|range| {
        let gap = floor.is_none_or(|floor| range.first > floor);
        floor = Some(range.last.saturating_add(1));
        gap && range.first <= range.last && range.last - range.first < SESSION_WINDOW && range.last < u32::MAX
    })
}

/// KW-12: the inner text of a frame is not `u16 ‖ Olm ‖ u16 ‖ control ‖ zeros`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the inside of the frame is malformed")]
pub struct InnerError;

/// The inner text of a frame, open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// The Olm message; empty in an ack-only frame.
    pub olm: Vec<u8>,
    /// The control fields.
    pub control: Control,
}

impl Inner {
    /// Lays out the inner text; `None` when the Olm message or the control fields are too long.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let control = self.control.to_bytes();
        if self.olm.len() > MAX_OLM_BYTES || control.len() > MAX_CONTROL_BYTES {
            return None;
        }
        let mut out = Vec::with_capacity(INNER_BYTES);
        for part in [&self.olm, &control] {
            out.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
            out.extend_from_slice(part);
        }
        out.resize(INNER_BYTES, 0);
        Some(out)
    }

    /// Reads the inner text.
    ///
    /// # Errors
    /// [`InnerError`] when lengths, control fields (KW-11) or zeros are wrong (KW-12).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InnerError> {
        if bytes.len() != INNER_BYTES {
            return Err(InnerError);
        }
        let (olm, rest) = split_part(bytes, MAX_OLM_BYTES)?;
        let (control, zeros) = split_part(rest, MAX_CONTROL_BYTES)?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(InnerError);
        }
        let control = Control::from_bytes(control).map_err(|_| InnerError)?;
        if !control.is_well_formed() {
            return Err(InnerError);
        }
        Ok(Self { olm: olm.to_vec(), control })
    }
}

fn split_part(bytes: &[u8], limit: usize) -> Result<(&[u8], &[u8]), InnerError> {
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(InnerError)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > limit {
        return Err(InnerError);
    }
    rest.split_at_checked(length).ok_or(InnerError)
}
