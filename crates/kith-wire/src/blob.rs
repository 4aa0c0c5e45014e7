//! Attachments: the manifest that travels end to end, and the sizes of the blob that the home server sees.

use minicbor::{Decode, Encode};

use crate::address::ServerAddress;
use crate::id::{AttachmentKey, BlobId, Hash, ReadCapability};
use crate::limits::{CHUNK_BYTES, MAX_ATTACHMENT_BYTES};
use crate::padding::padme;

/// What the receiver of an attachment needs in order to fetch and open it.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub struct Manifest {
    /// The file name without folders, at most 255 bytes.
    #[n(0)]
    pub name: String,
    /// The media type, at most 127 bytes.
    #[n(1)]
    pub media_type: String,
    /// The size in bytes, without padding.
    #[n(2)]
    pub size: u64,
    /// SHA-256 of the content.
    #[n(3)]
    pub hash: Hash,
    /// Where the blob is.
    #[n(4)]
    pub server: ServerAddress,
    /// Its name there.
    #[n(5)]
    pub blob: BlobId,
    /// The right to read it there.
    #[n(6)]
    pub capability: ReadCapability,
    /// Opens its chunks.
    #[n(7)]
    pub key: AttachmentKey,
}

/// Names of files say as much as messages do.
impl std::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Manifest({:?}, …)", self.blob)
    }
}

impl Manifest {
    /// Returns whether name, media type and size are within bounds (KW-15).
    pub fn is_well_formed(&self) -> bool {
        let plain = |text: &str| !text.chars().any(|c| c.is_control());
        let name_is_fine = !self.name.is_empty()
            && self.name.len() <= 255
            && plain(&self.name)
            && !self.name.contains(['/', '\\'])
            && self.name != "."
            && self.name != "..";
        name_is_fine && self.media_type.len() <= 127 && plain(&self.media_type) && self.size <= MAX_ATTACHMENT_BYTES
    }
}

/// How an attachment of some size is cut and padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobShape {
    /// Bytes of plaintext, padding included.
    pub padded_bytes: u64,
    /// Chunks: 65,536 bytes of plaintext in each but the last.
    pub chunks: u32,
}

impl BlobShape {
    /// Returns the shape for an attachment of `size` bytes; `None` above 100 MiB (KW-15).
    pub fn of(size: u64) -> Option<Self> {
        if size > MAX_ATTACHMENT_BYTES {
            return None;
        }
        let padded_bytes = padme(size.max(1));
        let chunks = u32::try_from(padded_bytes.div_ceil(CHUNK_BYTES as u64)).ok()?;
        Some(Self { padded_bytes, chunks })
    }

    /// Returns the plaintext bytes of chunk `index`, padding included; `None` beyond the last.
    pub fn chunk_bytes(&self, index: u32) -> Option<usize> {
        if index >= self.chunks {
            return None;
        }
        let before = u64::from(index) * CHUNK_BYTES as u64;
        usize::try_from((self.padded_bytes - before).min(CHUNK_BYTES as u64)).ok()
    }

    /// Returns the bytes of all sealed chunks together: 16 bytes of tag for each.
    pub fn sealed_bytes(&self) -> u64 {
        self.padded_bytes + u64::from(self.chunks) * 16
    }
}
