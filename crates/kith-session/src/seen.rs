//! Which frames came lately: a second frame under one number betrays that a state was copied.

use kith_wire::frame::{Frame, NONCE_BYTES};
use minicbor::{Decode, Encode};

/// How many of the newest frames are remembered (KS-46): more than two epochs carry in a talk of both sides.
pub(crate) const SEEN_FRAMES: usize = 128;

/// Bytes of a remembered frame: its number and its nonce.
const ENTRY_BYTES: usize = 4 + NONCE_BYTES;

/// Numbers and nonces of the newest frames, oldest first.
#[derive(Debug, Default, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct Seen(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>);

impl Seen {
    /// Remembers a frame that was received.
    pub(crate) fn note(&mut self, seq: u32, frame: &Frame) {
        let Some((nonce, ..)) = frame.split() else { return };
        self.0.extend_from_slice(&seq.to_be_bytes());
        self.0.extend_from_slice(nonce);
        let excess = self.0.len().saturating_sub(SEEN_FRAMES * ENTRY_BYTES);
        self.0.drain(..excess);
    }

    /// Returns whether another frame was received under this number. One that was skipped, or is long past, is not known.
    pub(crate) fn contradicts(&self, seq: u32, frame: &Frame) -> bool {
        let Some((nonce, ..)) = frame.split() else { return false };
        let known = self.0.chunks_exact(ENTRY_BYTES).find_map(|entry| entry.strip_prefix(&seq.to_be_bytes()));
        known.is_some_and(|known| known != nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(nonce: u8) -> Frame {
        Frame::new([nonce; Frame::SIZE])
    }

    #[test]
    fn the_newest_frames_are_remembered_and_older_ones_forgotten() {
        let mut seen = Seen::default();
        for seq in 0..=128 {
            seen.note(seq, &frame(1));
        }
        assert!(!seen.contradicts(0, &frame(2)), "it is long past");
        assert!(seen.contradicts(1, &frame(2)) && seen.contradicts(128, &frame(2)));
        assert!(!seen.contradicts(1, &frame(1)) && !seen.contradicts(129, &frame(2)));
    }
}
