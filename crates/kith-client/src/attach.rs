//! A file on its way into a message: read, hashed, sealed chunk by chunk into the vault.
//!
//! One chunk is in memory at a time, except for a picture, from which is taken out what cameras and programs write into it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use kith_crypto::attachment::{ChunkError, seal_chunk};
use kith_crypto::hash::Hasher;
use kith_crypto::label::Label;
use kith_engine::{AttachmentId, AttachmentKeys, CommandError, NewAttachment};
use kith_picture::{CleanError, START_BYTES, Sort, Written};
use kith_wire::blob::BlobShape;
use kith_wire::id::Hash;
use kith_wire::limits::{CHUNK_BYTES, MAX_ATTACHMENT_BYTES};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::client::{Client, now, rng};

/// A file that goes with a message.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Where it lies.
    pub path: PathBuf,
    /// What happens to what is written in a picture beside the picture.
    pub metadata: Metadata,
}

/// What happens to what cameras and programs write into pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// It is sent with the file.
    Kept,
    /// It is taken out; a picture of a kind from which it cannot be taken out is refused. What is no picture goes as it is.
    Removed,
}

/// A file that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// How [`kith_engine::Command::Send`] names it.
    pub id: AttachmentId,
    /// What was taken out of it.
    pub removed: BTreeSet<Written>,
}

/// Why a file was not prepared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttachError {
    /// It could not be read.
    #[error("{} could not be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no file.
    #[error("{} is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It is larger than 100 MiB.
    #[error("the file is larger than 100 MiB")]
    TooLarge,
    /// It was written to while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// Nothing can be taken out of it.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// The engine refuses.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A chunk could not be kept.
    #[error("the file could not be kept in your folder: {0}")]
    Keep(#[from] kith_vault::PutError),
    /// A chunk could not be sealed.
    #[error("the file could not be encrypted: {0}")]
    Seal(#[from] ChunkError),
}

impl Client {
    /// Prepares a file for [`kith_engine::Command::Send`]. `progress` is told the bytes done and the bytes in all.
    ///
    /// # Errors
    /// [`AttachError`]; nothing was sent.
    pub async fn attach(
        &self,
        attachment: &Attachment,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Attached, AttachError> {
        let mut source = Source::open(attachment)?;
        let (size, hash) = source.measure().await?;
        let name = attachment.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let media_type = media_type(&name).to_owned();
        let new = NewAttachment { name, media_type, size, hash };
        let (id, keys) = self.inner.engine.borrow_mut().prepare_attachment(now(), &mut rng(), &new)?;
        let poured = self.pour_in(&mut source, id, &keys, &mut progress).await;
        if poured.is_err() {
            // A full disk must not keep the beginning of a file that nobody sends. When even that fails, the next start does it.
            let _ = self.inner.engine.borrow_mut().discard_attachment(now(), &mut rng(), id);
            self.turn();
        }
        poured.map(|()| Attached { id, removed: source.removed })
    }

    /// Seals what a source gives into the vault.
    async fn pour_in(
        &self,
        source: &mut Source,
        id: AttachmentId,
        keys: &AttachmentKeys,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<(), AttachError> {
        let (size, shape) = (keys.size, BlobShape::of(keys.size).ok_or(AttachError::TooLarge)?);
        let mut hasher = Hasher::new(Label::ATTACHMENT);
        let mut done: u64 = 0;
        for index in 0..shape.chunks {
            let plain = source.read_chunk()?;
            hasher.update(&plain);
            done = done.saturating_add(plain.len() as u64);
            let sealed = seal_chunk(&keys.key, shape, index, &plain)?;
            self.put_chunk(id, index, &sealed)?;
            progress(done, size);
            // A live connection on this thread goes on meanwhile.
            tokio::task::yield_now().await;
        }
        if done == size && hasher.finish() == keys.hash { Ok(()) } else { Err(AttachError::Changed) }
    }
}

/// Where the bytes come from.
struct Source {
    path: PathBuf,
    reader: Reader,
    removed: BTreeSet<Written>,
}

enum Reader {
    File(File),
    Memory(Cursor<Zeroizing<Vec<u8>>>),
}

impl Source {
    fn open(attachment: &Attachment) -> Result<Self, AttachError> {
        let path = attachment.path.clone();
        let failed = |source| AttachError::Read { path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(AttachError::NotAFile(path));
        }
        if about.len() > MAX_ATTACHMENT_BYTES {
            return Err(AttachError::TooLarge);
        }
        let (reader, removed) = match attachment.metadata {
            Metadata::Kept => (Reader::File(file), BTreeSet::new()),
            Metadata::Removed => cleaned(file, failed)?,
        };
        Ok(Self { path, reader, removed })
    }

    /// Reads everything once, for size and hash, and goes back to the start.
    async fn measure(&mut self) -> Result<(u64, Hash), AttachError> {
        let mut hasher = Hasher::new(Label::ATTACHMENT);
        let mut size: u64 = 0;
        loop {
            let plain = self.read_chunk()?;
            if plain.is_empty() {
                break;
            }
            size = size.saturating_add(plain.len() as u64);
            if size > MAX_ATTACHMENT_BYTES {
                return Err(AttachError::TooLarge);
            }
            hasher.update(&plain);
            tokio::task::yield_now().await;
        }
        let rewound = match &mut self.reader {
            Reader::File(file) => file.seek(SeekFrom::Start(0)),
            Reader::Memory(bytes) => bytes.seek(SeekFrom::Start(0)),
        };
        rewound.map_err(|source| AttachError::Read { path: self.path.clone(), source })?;
        Ok((size, hasher.finish()))
    }

    fn read_chunk(&mut self) -> Result<Zeroizing<Vec<u8>>, AttachError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
        let read = match &mut self.reader {
            Reader::File(file) => file.take(CHUNK_BYTES as u64).read_to_end(&mut plain),
            Reader::Memory(bytes) => bytes.take(CHUNK_BYTES as u64).read_to_end(&mut plain),
        };
        match read {
            Ok(_) => Ok(plain),
            Err(source) => Err(AttachError::Read { path: self.path.clone(), source }),
        }
    }
}

/// Reads a picture and takes out what is written in it. Of what is no picture only the beginning is read.
fn cleaned(
    mut file: File,
    failed: impl Fn(std::io::Error) -> AttachError,
) -> Result<(Reader, BTreeSet<Written>), AttachError> {
    let mut bytes = Zeroizing::new(Vec::new());
    (&file).take(START_BYTES as u64).read_to_end(&mut bytes).map_err(&failed)?;
    match kith_picture::sort(&bytes) {
        Sort::Other => {
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            Ok((Reader::File(file), BTreeSet::new()))
        }
        Sort::Known(_) | Sort::Unknown => {
            file.take(MAX_ATTACHMENT_BYTES).read_to_end(&mut bytes).map_err(failed)?;
            let cleaned = kith_picture::clean(&bytes)?;
            Ok((Reader::Memory(Cursor::new(Zeroizing::new(cleaned.bytes))), cleaned.removed))
        }
    }
}

/// Says by its name what a file is. It only helps the receiver's program to choose how to show it.
fn media_type(name: &str) -> &'static str {
    let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let known = MEDIA_TYPES.iter().find(|(known, _)| *known == ending);
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}

const MEDIA_TYPES: &[(&str, &str)] = &[
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("png", "image/png"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("heic", "image/heic"),
    ("svg", "image/svg+xml"),
    ("mp4", "video/mp4"),
    ("webm", "video/webm"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("m4a", "audio/mp4"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("json", "application/json"),
    ("zip", "application/zip"),
    ("kith", "application/x-kith-card"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_come_from_endings_in_any_case() {
        assert_eq!(media_type("Holiday.JPG"), "image/jpeg");
        assert_eq!(media_type("notes"), "application/octet-stream");
        assert_eq!(media_type(".png"), "application/octet-stream");
    }
}
