//! Live connections: one handshake, then numbered records in both directions.
//!
//! Keys are `KDF(export ‖ ss ; "live" ‖ H(opening) ‖ H(ciphertext) ‖ random ‖ direction)`: the server proves its epoch
//! key, and the ephemeral key gives forward secrecy against it.

use kith_wire::Wire;
use kith_wire::descriptor::EpochKeys;
use kith_wire::id::ServerKey;
use kith_wire::limits::MAX_SEALED_BYTES;
use kith_wire::live::{LiveAccept, LiveOpening};
use kith_wire::padding::{LENGTH_BYTES, pad_into, padme};
use kith_wire::sealed::{SealKind, SealedParts};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::aead::{AeadKey, NONCE_BYTES, OpenError, TAG_BYTES};
use crate::hash::{hash, hash_kem_ciphertext};
use crate::kem::{KemSecret, encapsulate};
use crate::label::Label;
use crate::sealed::{EpochSecret, PendingAnswer, SealError, open, seal};
use crate::secret_bytes::SecretBytes;
use crate::{kdf, random};

/// Bytes of plaintext in every small record to the server: a durable relay with the longest URL fits, so that a
/// network cannot tell a message from an ack.
const UP_BYTES: usize = 5760;
/// Bytes of plaintext in every small record to the device: a pushed frame fits.
const DOWN_BYTES: usize = 4352;

/// Bytes of a record's number.
const COUNTER_BYTES: usize = 8;

/// What account and readers sign on a connection.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LiveBinding([u8; 32]);

impl LiveBinding {
    /// Shows the bytes to the signing and verifying functions.
    pub(crate) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a record is not accepted. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// KC-8: the counter is not the next one.
    #[error("a record is missing or repeated")]
    OutOfOrder,
    /// KC-7: the record does not open.
    #[error("the record does not open")]
    DoesNotOpen,
    /// The message is longer than a record can be.
    #[error("the message is too long for a record")]
    TooLong,
}

/// A client's live connection before the server has answered.
pub struct ClientOpening {
    /// The bytes for the carrier: the first message.
    pub bytes: Vec<u8>,
    state: OpeningState,
}

struct OpeningState {
    ephemeral: KemSecret,
    pending: PendingAnswer,
    export: Zeroizing<[u8; 32]>,
    opening_hash: [u8; 32],
}

/// An established live connection, either side.
pub struct LiveChannel {
    /// What account and readers sign.
    pub binding: LiveBinding,
    send: Direction,
    receive: Direction,
}

struct Direction {
    key: AeadKey,
    next: u64,
    small: usize,
}

impl ClientOpening {
    /// Starts a connection to one epoch of a home server.
    ///
    /// # Errors
    /// [`SealError`] when the epoch key is not valid.
    pub fn new(server: &ServerKey, epoch: &EpochKeys, rng: &mut dyn CryptoRng) -> Result<Self, SealError> {
        let ephemeral = KemSecret::generate(rng);
        let content = LiveOpening { ephemeral: ephemeral.public() }.to_bytes();
        let sealed = seal(server, epoch, SealKind::LiveOpening, &content, rng)?;
        let opening_hash = hash(Label::LIVE_HASH, &sealed.bytes).0;
        let state = OpeningState { ephemeral, pending: sealed.pending, export: sealed.export, opening_hash };
        Ok(Self { bytes: sealed.bytes, state })
    }

    /// Takes the server's sealed answer and returns the channel.
    ///
    /// # Errors
    /// [`OpenError`] when the answer is not by the server that was meant.
    pub fn accept(self, answer: &[u8]) -> Result<LiveChannel, OpenError> {
        let content = self.state.pending.open(answer)?;
        let accept = LiveAccept::from_bytes(&content).map_err(|_| OpenError)?;
        let shared = self.state.ephemeral.decapsulate(&accept.ciphertext).map_err(|_| OpenError)?;
        let secret = kdf::join(&[self.state.export.as_slice(), shared.as_slice()]);
        Ok(LiveChannel::new(&secret, &self.state.opening_hash, &accept, Side::Client))
    }
}

/// Opens a live opening at the server and returns the sealed answer with the channel.
///
/// # Errors
/// [`OpenError`] when anything is wrong (KC-7).
pub fn accept_opening(
    server: &ServerKey,
    secret: &EpochSecret,
    bytes: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<(Vec<u8>, LiveChannel), OpenError> {
    let parts = SealedParts::split(bytes).map_err(|_| OpenError)?;
    let opened = open(server, secret, SealKind::LiveOpening, &parts)?;
    let opening = LiveOpening::from_bytes(&opened.content).map_err(|_| OpenError)?;
    let (ciphertext, shared) = encapsulate(&opening.ephemeral, rng).map_err(|_| OpenError)?;
    let accept = LiveAccept { ciphertext, random: random::bytes(rng) };
    let secret = kdf::join(&[opened.export.as_slice(), shared.as_slice()]);
    let channel = LiveChannel::new(&secret, &hash(Label::LIVE_HASH, bytes).0, &accept, Side::Server);
    Ok((opened.answer.seal(&accept.to_bytes(), rng), channel))
}

#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

impl LiveChannel {
    fn new(secret: &[u8], opening_hash: &[u8; 32], accept: &LiveAccept, side: Side) -> Self {
        let ciphertext_hash = hash_kem_ciphertext(&accept.ciphertext);
        let derive = |label: Label, purpose: &[u8]| {
            *kdf::derive::<32>(secret, label, &[opening_hash, &ciphertext_hash.0, &accept.random, purpose])
        };
        let up = Direction { key: AeadKey::new(derive(Label::LIVE, b"up")), next: 0, small: UP_BYTES };
        let down = Direction { key: AeadKey::new(derive(Label::LIVE, b"down")), next: 0, small: DOWN_BYTES };
        let binding = LiveBinding(derive(Label::LIVE_BIND, b"bind"));
        let (send, receive) = match side {
            Side::Client => (up, down),
            Side::Server => (down, up),
        };
        Self { binding, send, receive }
    }

    /// Seals the next record.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] when the message cannot be padded into a record.
    pub fn seal(&mut self, message: &[u8]) -> Result<Vec<u8>, RecordError> {
        let needed = message.len() + LENGTH_BYTES;
        let size = if needed <= self.send.small {
            self.send.small
        } else {
            usize::try_from(padme(needed as u64)).map_err(|_| RecordError::TooLong)?
        };
        if size + 64 > MAX_SEALED_BYTES {
            return Err(RecordError::TooLong);
        }
        let counter = self.send.next;
        let next = counter.checked_add(1).ok_or(RecordError::TooLong)?;
        // Padded and sealed where it leaves: a server does this for each frame that it pushes.
        let mut out = Vec::with_capacity(COUNTER_BYTES + size + TAG_BYTES);
        out.extend_from_slice(&counter.to_be_bytes());
        pad_into(&mut out, message, size).map_err(|_| RecordError::TooLong)?;
        self.send.key.seal_behind(&nonce(counter), &aad(counter), &mut out, COUNTER_BYTES);
        self.send.next = next;
        Ok(out)
    }

    /// Opens the next record.
    ///
    /// # Errors
    /// [`RecordError`] when the record is not the next one (KC-8) or does not open (KC-7); the state is unchanged.
    pub fn open(&mut self, record: &[u8]) -> Result<SecretBytes, RecordError> {
        let (counter, sealed) = record.split_first_chunk::<COUNTER_BYTES>().ok_or(RecordError::DoesNotOpen)?;
        let counter = u64::from_be_bytes(*counter);
        if counter != self.receive.next {
            return Err(RecordError::OutOfOrder);
        }
        let opened = self.receive.key.open(&nonce(counter), &aad(counter), sealed);
        let padded = opened.map_err(|_| RecordError::DoesNotOpen)?;
        let content = padded.unpadded().map_err(|_| RecordError::DoesNotOpen)?;
        self.receive.next = counter.checked_add(1).ok_or(RecordError::OutOfOrder)?;
        Ok(content)
    }
}

fn nonce(counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for (slot, byte) in nonce.iter_mut().skip(4).zip(counter.to_be_bytes()) {
        *slot = byte;
    }
    nonce
}

fn aad(counter: u64) -> Vec<u8> {
    let mut aad = Label::LIVE_RECORD.prefix();
    aad.extend_from_slice(&counter.to_be_bytes());
    aad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kc_8_every_counter_has_its_own_nonce_and_associated_data() {
        assert_eq!(nonce(0), [0; NONCE_BYTES]);
        assert_eq!(nonce(0x0102_0304_0506_0708), [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(aad(0x0102_0304_0506_0708), b"\x12kith/1/live-record\x01\x02\x03\x04\x05\x06\x07\x08");
    }
}
