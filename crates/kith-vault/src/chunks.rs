//! `chunks/`: attachments in sealed pieces, one file each, all of one length, under names that say nothing.
//!
//! The name of a piece comes from the attachment's secret and the piece's place, so an interrupted transfer is
//! resumed by asking which pieces are missing; no list is kept anywhere. The store knows no manifest, no message and
//! no network. What a thief of the folder learns is how many pieces there are and when they were written.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use kith_crypto::random;
use kith_crypto::secret_bytes::SecretBytes;
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::folder::{Folder, FolderError};
use crate::keys::{AttachmentKeys, CHUNK_OVERHEAD, ChunkSeed};

/// The sub-folder of the chunks.
pub(crate) const CHUNKS: &str = "chunks";
/// The ending of a chunk whose writing did not finish. No finished one has an ending.
const UNFINISHED: &str = ".part";

/// The length of every file in the store: 17 blocks of 4 KiB, so that a piece of 64 KiB fits whether or not the
/// network's own seal is still around it, and a file system wastes nothing.
pub(crate) const SEALED_LEN: usize = 17 * 4096;
/// What the seal goes around: the length of the content, the content, zeros.
const PADDED_LEN: usize = SEALED_LEN - CHUNK_OVERHEAD;

/// The most that one chunk may hold, in bytes: 64 KiB and a margin of nearly 4 KiB.
pub const MAX_CHUNK_LEN: usize = PADDED_LEN - 4;

/// The secret of one attachment: whoever has it and the open vault can name and open the attachment's chunks.
///
/// It lives in the encrypted database only. Forgetting it there makes the chunks unreadable for good, even on a disk
/// that does not really erase, and even for somebody who has the password.
#[derive(ZeroizeOnDrop)]
pub struct AttachmentSecret([u8; 32]);

impl AttachmentSecret {
    /// Draws the secret of a new attachment.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(random::bytes(rng))
    }

    /// Takes a secret that was kept in the database.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to keep in the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The sealed chunks of a vault's attachments. One chunk at a time is in memory.
pub struct ChunkStore {
    folder: Arc<Folder>,
    seed: ChunkSeed,
}

impl ChunkStore {
    /// Opens the store of a folder, and removes what an interrupted write left.
    pub(crate) fn open(folder: Arc<Folder>, seed: ChunkSeed) -> Result<Self, FolderError> {
        for entry in folder.list(CHUNKS)? {
            let name = entry?.name;
            if name.ends_with(UNFINISHED) {
                folder.remove(&format!("{CHUNKS}/{name}"))?;
            }
        }
        Ok(Self { folder, seed })
    }

    /// Puts a chunk at its place, durably when this returns; what was there is replaced.
    pub fn put(
        &self,
        attachment: &AttachmentSecret,
        index: u32,
        content: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<(), PutError> {
        let keys = self.seed.attachment(&attachment.0);
        let sealed = seal(&keys, index, content, rng)?;
        let file = file(&keys, index);
        self.folder.replace(&file, &format!("{file}{UNFINISHED}"), &sealed, &mut |_| ())?;
        Ok(())
    }

    /// Returns the content of a chunk.
    pub fn get(&self, attachment: &AttachmentSecret, index: u32) -> Result<SecretBytes, GetError> {
        let keys = self.seed.attachment(&attachment.0);
        let sealed = self.folder.read(&file(&keys, index), SEALED_LEN)?.ok_or(GetError::Absent { index })?;
        unseal(&keys, index, &sealed).ok_or(GetError::Damaged { index })
    }

    /// Returns which places have no chunk yet, in order: what is left to do after an interruption.
    ///
    /// A chunk counts as present when its file is there; whether it is intact shows in [`ChunkStore::get`].
    pub fn missing(&self, attachment: &AttachmentSecret, places: Range<u32>) -> Result<Vec<u32>, FolderError> {
        let keys = self.seed.attachment(&attachment.0);
        let mut missing = Vec::new();
        for index in places {
            if !self.folder.has(&file(&keys, index))? {
                missing.push(index);
            }
        }
        Ok(missing)
    }

    /// Cuts what a reader gives into chunks and puts them from place `first` on; returns how many there were.
    ///
    /// Every chunk but the last is `chunk_len` long. To resume, skip the reader to `first * chunk_len`.
    pub fn fill(
        &self,
        attachment: &AttachmentSecret,
        first: u32,
        chunk_len: usize,
        reader: &mut impl Read,
        rng: &mut dyn CryptoRng,
    ) -> Result<u32, FillError> {
        if chunk_len == 0 || chunk_len > MAX_CHUNK_LEN {
            return Err(PutError::TooLong { length: chunk_len, most: MAX_CHUNK_LEN }.into());
        }
        let most = u64::try_from(chunk_len).unwrap_or(u64::MAX);
        let mut content = Zeroizing::new(Vec::with_capacity(chunk_len));
        let mut n_chunks: u32 = 0;
        loop {
            content.clear();
            reader.by_ref().take(most).read_to_end(&mut content).map_err(FillError::Source)?;
            if content.is_empty() {
                return Ok(n_chunks);
            }
            let index = first.checked_add(n_chunks).ok_or(FillError::TooMany)?;
            self.put(attachment, index, &content, rng)?;
            n_chunks = n_chunks.checked_add(1).ok_or(FillError::TooMany)?;
        }
    }

    /// Writes the contents of consecutive chunks to a writer; returns how many bytes went out.
    pub fn pour(
        &self,
        attachment: &AttachmentSecret,
        places: Range<u32>,
        writer: &mut impl Write,
    ) -> Result<u64, PourError> {
        let mut n_bytes: u64 = 0;
        for index in places {
            let content = self.get(attachment, index)?;
            writer.write_all(&content).map_err(PourError::Target)?;
            n_bytes = n_bytes.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
        }
        Ok(n_bytes)
    }

    /// Removes the chunks at some places; places without one are as good.
    pub fn remove(&self, attachment: &AttachmentSecret, places: Range<u32>) -> Result<(), FolderError> {
        let keys = self.seed.attachment(&attachment.0);
        places.into_iter().try_for_each(|index| self.folder.remove(&file(&keys, index)))
    }

    /// Removes every chunk that belongs to none of the given attachments (each with its number of chunks); returns
    /// how many went.
    ///
    /// This is how chunks leave whose attachment the database forgot just before a crash. Call it before transfers
    /// start: a chunk that is being put meanwhile, of an attachment that is not in the list, goes too.
    pub fn keep_only<'a>(
        &self,
        living: impl IntoIterator<Item = (&'a AttachmentSecret, u32)>,
    ) -> Result<u64, FolderError> {
        let mut names = BTreeSet::new();
        for (attachment, n_chunks) in living {
            let keys = self.seed.attachment(&attachment.0);
            names.extend((0..n_chunks).map(|index| name(&keys, index)));
        }
        let mut n_removed: u64 = 0;
        for entry in self.folder.list(CHUNKS)? {
            let entry = entry?;
            if !names.contains(&entry.name) {
                self.folder.remove(&format!("{CHUNKS}/{}", entry.name))?;
                n_removed = n_removed.saturating_add(1);
            }
        }
        Ok(n_removed)
    }

    /// Counts the store's files and bytes, and those whose name or length no chunk has.
    pub fn usage(&self) -> Result<Usage, FolderError> {
        let mut usage = Usage::default();
        for entry in self.folder.list(CHUNKS)? {
            let entry = entry?;
            usage.n_chunks = usage.n_chunks.saturating_add(1);
            usage.n_bytes = usage.n_bytes.saturating_add(entry.length);
            let named = entry.name.len() == 32 && entry.name.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !named || usize::try_from(entry.length) != Ok(SEALED_LEN) {
                usage.n_misshapen = usage.n_misshapen.saturating_add(1);
            }
        }
        Ok(usage)
    }
}

/// What the chunk store takes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many files there are.
    pub n_chunks: u64,
    /// Their bytes together.
    pub n_bytes: u64,
    /// How many of them cannot be chunks, by name or by length.
    pub n_misshapen: u64,
}

/// Why a chunk was not put.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PutError {
    /// The content does not fit, or has no length that chunks can have.
    #[error("a chunk of {length} bytes; chunks hold 1 to {most}")]
    TooLong {
        /// The length of the content.
        length: usize,
        /// The most a chunk may hold.
        most: usize,
    },
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why a chunk was not returned.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GetError {
    /// There is none at this place.
    #[error("chunk {index} is not there")]
    Absent {
        /// The place.
        index: u32,
    },
    /// Its bytes were changed or cut, or they belong to another place. It can be fetched again.
    #[error("chunk {index} is damaged")]
    Damaged {
        /// The place.
        index: u32,
    },
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Why a reader was not cut into chunks to its end. The chunks before stay.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FillError {
    /// The reader failed.
    #[error("could not read the attachment")]
    Source(#[source] io::Error),
    /// A chunk could not be put.
    #[error(transparent)]
    Put(#[from] PutError),
    /// There are more chunks than places.
    #[error("the attachment has too many chunks")]
    TooMany,
}

/// Why chunks were not written out to their end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PourError {
    /// A chunk could not be returned.
    #[error(transparent)]
    Get(#[from] GetError),
    /// The writer failed.
    #[error("could not write the attachment")]
    Target(#[source] io::Error),
}

fn seal(keys: &AttachmentKeys, index: u32, content: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, PutError> {
    let too_long = || PutError::TooLong { length: content.len(), most: MAX_CHUNK_LEN };
    if content.is_empty() || content.len() > MAX_CHUNK_LEN {
        return Err(too_long());
    }
    let padded = SecretBytes::padded(content, PADDED_LEN).ok_or_else(too_long)?;
    Ok(keys.seal(index, &padded, rng))
}

fn unseal(keys: &AttachmentKeys, index: u32, sealed: &[u8]) -> Option<SecretBytes> {
    if sealed.len() != SEALED_LEN {
        return None;
    }
    keys.open(index, sealed)?.unpadded().ok()
}

fn name(keys: &AttachmentKeys, index: u32) -> String {
    keys.name(index).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(keys: &AttachmentKeys, index: u32) -> String {
    format!("{CHUNKS}/{}", name(keys, index))
}

#[cfg(test)]
mod tests;
