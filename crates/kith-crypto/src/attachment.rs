//! Attachment chunks: 64 KiB of plaintext each, sealed under a key that is used for one attachment and one contact.

use kith_wire::Wire;
use kith_wire::blob::BlobShape;
use kith_wire::card::CardOffer;
use kith_wire::id::{AttachmentKey, BlobId, DeleteCapability, LinkSecret, ReadCapability, ReplySecret};
use kith_wire::padding::LENGTH_BYTES;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::aead::{AeadKey, NONCE_BYTES, OpenError};
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::{kdf, random};

/// Why a chunk cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// There is no chunk with this index in a blob of this shape.
    #[error("the attachment has no chunk {0}")]
    NoSuchChunk(u32),
    /// The plaintext of a chunk is longer than its place.
    #[error("the chunk is too long")]
    TooLong,
    /// KC-9: the chunk is not the one that was sealed for this place.
    #[error("the chunk is damaged")]
    Damaged(#[from] OpenError),
}

/// The names and secrets of a new blob.
pub struct NewBlob {
    /// Its name.
    pub id: BlobId,
    /// Encrypts its chunks.
    pub key: AttachmentKey,
    /// The right to read, which goes to the contact.
    pub read: ReadCapability,
    /// The right to delete, which stays here.
    pub delete: DeleteCapability,
}

impl NewBlob {
    /// Draws names and secrets.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self {
            id: BlobId(random::bytes(rng)),
            key: AttachmentKey::new(random::bytes(rng)),
            read: ReadCapability::new(random::bytes(rng)),
            delete: DeleteCapability::new(random::bytes(rng)),
        }
    }

    /// Derives the blob that holds the X-Wing key of a card shown as a QR code.
    pub fn of_card(secret: &ReplySecret, rng: &mut dyn CryptoRng) -> Self {
        Self {
            id: BlobId(*kdf::derive(secret.expose(), Label::CARD_BLOB_ID, &[])),
            key: AttachmentKey::new(*kdf::derive(secret.expose(), Label::CARD_BLOB_KEY, &[])),
            read: ReadCapability::new(*kdf::derive(secret.expose(), Label::CARD_BLOB_READ, &[])),
            delete: DeleteCapability::new(random::bytes(rng)),
        }
    }

    /// Derives the blob that holds the card of a link, for whoever types the words.
    pub fn of_words(secret: &LinkSecret, rng: &mut dyn CryptoRng) -> Self {
        Self {
            id: BlobId(*kdf::derive(secret.expose(), Label::WORDS_BLOB_ID, &[])),
            key: AttachmentKey::new(*kdf::derive(secret.expose(), Label::WORDS_BLOB_KEY, &[])),
            read: ReadCapability::new(*kdf::derive(secret.expose(), Label::WORDS_BLOB_READ, &[])),
            delete: DeleteCapability::new(random::bytes(rng)),
        }
    }
}

/// Returns the shape of the blob that holds the card of a link in words: always the same, so that it tells nothing of the card.
pub fn words_shape() -> Option<BlobShape> {
    BlobShape::of((CardOffer::MAX_BYTES + LENGTH_BYTES) as u64)
}

/// Seals one chunk: the plaintext is filled with zeros to its place in the padded blob.
///
/// # Errors
/// [`ChunkError`] when the index or length does not fit the shape.
pub fn seal_chunk(key: &AttachmentKey, shape: BlobShape, index: u32, plaintext: &[u8]) -> Result<Vec<u8>, ChunkError> {
    let size = shape.chunk_bytes(index).ok_or(ChunkError::NoSuchChunk(index))?;
    if plaintext.len() > size {
        return Err(ChunkError::TooLong);
    }
    let mut padded = Vec::with_capacity(size);
    padded.extend_from_slice(plaintext);
    padded.resize(size, 0);
    let padded = SecretBytes::new(padded);
    Ok(chunk_key(key, shape).seal(&chunk_nonce(index), &[], &padded))
}

/// Opens one chunk; padding zeros at the end of the blob are still there.
///
/// # Errors
/// [`ChunkError`] when the chunk is not what was sealed for this place (KC-9).
pub fn open_chunk(key: &AttachmentKey, shape: BlobShape, index: u32, sealed: &[u8]) -> Result<SecretBytes, ChunkError> {
    let size = shape.chunk_bytes(index).ok_or(ChunkError::NoSuchChunk(index))?;
    let plaintext = chunk_key(key, shape).open(&chunk_nonce(index), &[], sealed)?;
    if plaintext.len() == size { Ok(plaintext) } else { Err(ChunkError::Damaged(OpenError)) }
}

/// The size is bound into the key, so that a blob cannot be cut or lengthened.
fn chunk_key(key: &AttachmentKey, shape: BlobShape) -> AeadKey {
    AeadKey::new(*kdf::derive(key.expose(), Label::CHUNK, &[&shape.padded_bytes.to_be_bytes()]))
}

fn chunk_nonce(index: u32) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for (slot, byte) in nonce.iter_mut().skip(8).zip(index.to_be_bytes()) {
        *slot = byte;
    }
    nonce
}
