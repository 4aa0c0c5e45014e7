//! Attachments: files on their way into a message, chunks between engine and vault, and pieces for the app to show or save.
//!
//! One chunk is in memory at a time, whatever the file's size; only a picture is there whole for a moment, while what is written in it is
//! taken out.

use std::rc::Rc;

use js_sys::futures::JsFuture;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use kith_crypto::attachment::{open_chunk, seal_chunk};
use kith_crypto::hash::{Hasher, hash};
use kith_crypto::label::Label;
use kith_engine::{Arrival, AttachmentId, AttachmentKeys, Command, NewAttachment};
use kith_picture::{CleanError, Cleaned, START_BYTES, Sort};
use kith_vault::{AttachmentSecret, GetError, PutError};
use kith_wire::blob::BlobShape;
use kith_wire::limits::{CHUNK_BYTES, MAX_ATTACHMENT_BYTES, MAX_BLOB_CHUNKS};
use wasm_bindgen::JsCast as _;
use web_sys::Blob;
use zeroize::Zeroizing;

use crate::contract::{Failure, FailureCode, Metadata, Notice, Reply, Written};
use crate::convert;
use crate::failures::{chain, failure};
use crate::worker::Answer;
use crate::worker::clock::{now, rng};
use crate::worker::person::Person;

/// An attachment that the app reads from its first piece to its last; the whole is checked at the end.
pub(crate) struct Reading {
    next: u32,
    hasher: Hasher,
}

/// Attachments that are read at the same time; the one that began first gives way.
const MOST_READINGS: usize = 32;

impl Person {
    /// Prepares a file for sending.
    pub(crate) async fn attach(
        self: &Rc<Self>,
        name: String,
        media_type: String,
        metadata: Metadata,
        file: &Blob,
    ) -> Result<Reply, Failure> {
        let chosen = Chosen { size: length(file)?, name };
        let (file, removed) = match metadata {
            Metadata::Kept => (file.clone(), Vec::new()),
            Metadata::Removed => cleaned(file, chosen.size).await?,
        };
        let file = &file;
        let size = length(file)?;
        let mut hasher = Hasher::new(Label::ATTACHMENT);
        for index in 0..size.div_ceil(CHUNK_BYTES as u64) {
            hasher.update(&slice(file, index).await?);
        }
        let hash = hasher.finish();
        let media_type = if media_type.is_empty() { "application/octet-stream".to_owned() } else { media_type };
        let new = NewAttachment { name: chosen.name.clone(), media_type, size, hash };
        let prepared = self.engine.borrow_mut().prepare_attachment(now(), &mut rng(), &new);
        let (id, keys) = prepared?;
        if let Err(failure) = self.pour_in(id, &keys, file, &chosen).await {
            // A full disk must not keep the beginning of a file that nobody sends. When even that fails, the next start does it.
            let _ = self.engine.borrow_mut().discard_attachment(now(), &mut rng(), id);
            self.turn();
            return Err(failure);
        }
        let view = self.ask(|engine| engine.attachment(id))?;
        Ok(Reply::Attached { attachment: convert::attachment(view), removed })
    }

    /// Seals a file into the vault.
    async fn pour_in(
        &self,
        id: AttachmentId,
        keys: &AttachmentKeys,
        file: &Blob,
        chosen: &Chosen,
    ) -> Result<(), Failure> {
        let shape = BlobShape::of(keys.size).ok_or_else(|| failure(FailureCode::BadFile, "the file is too large"))?;
        let mut hasher = Hasher::new(Label::ATTACHMENT);
        let mut done: u64 = 0;
        for index in 0..shape.chunks {
            let plain = slice(file, u64::from(index)).await?;
            hasher.update(&plain);
            done = done.saturating_add(plain.len() as u64);
            let sealed =
                seal_chunk(&keys.key, shape, index, &plain).map_err(|error| failure(FailureCode::Internal, error))?;
            self.put_chunk(id, index, &sealed).map_err(|error| put_failure(&error))?;
            if index % 16 == 15 {
                self.teller.tell(&Notice::Preparing { name: chosen.name.clone(), done, size: chosen.size });
            }
        }
        if done == keys.size && hasher.finish() == keys.hash {
            return Ok(());
        }
        Err(failure(FailureCode::FileUnreadable, "the file changed while it was read"))
    }

    /// Returns a piece of an attachment that is here. Pieces are read in order; with the last one comes the certainty that the
    /// whole is what its sender promised, to the byte.
    pub(crate) fn chunk(self: &Rc<Self>, attachment: AttachmentId, index: u32) -> Result<Answer, Failure> {
        let gone = || failure(FailureCode::UnknownAttachment, "this is not what was promised, or it is not all here");
        let keys = self.ask(|engine| engine.attachment_keys(attachment))?;
        let shape = BlobShape::of(keys.size).ok_or_else(gone)?;
        let mut readings = self.readings.borrow_mut();
        let reading = match index {
            0 => Reading { next: 0, hasher: Hasher::new(Label::ATTACHMENT) },
            _ => readings.remove(&attachment).filter(|reading| reading.next == index).ok_or_else(gone)?,
        };
        let sealed = self.chunks.get(&place(attachment), index).map_err(|_| gone())?;
        let padded = open_chunk(&keys.key, shape, index, &sealed).map_err(|_| gone())?;
        let before = u64::from(index).saturating_mul(CHUNK_BYTES as u64);
        let left = usize::try_from(keys.size.saturating_sub(before)).unwrap_or(usize::MAX);
        let plain = padded.get(..left.min(padded.len())).unwrap_or_default();
        let mut hasher = reading.hasher;
        hasher.update(plain);
        if index.saturating_add(1) < shape.chunks {
            if readings.len() >= MOST_READINGS {
                readings.pop_first();
            }
            readings.insert(attachment, Reading { next: index.saturating_add(1), hasher });
        } else if hasher.finish() != keys.hash {
            drop(readings);
            // KE-123: so that it can be had from elsewhere.
            self.command(Command::AttachmentDamaged { attachment })?;
            return Err(gone());
        }
        Ok(Answer { reply: Reply::Chunk { index }, bytes: Some(plain.to_vec()) })
    }

    pub(crate) fn load_chunk(&self, attachment: AttachmentId, from: AttachmentId, index: u32) {
        let sealed = match self.chunks.get(&place(from), index) {
            Ok(sealed) => Some(sealed.to_vec()),
            Err(GetError::Absent { .. } | GetError::Damaged { .. }) => None,
            Err(error) => return self.chunk_failed(attachment, index, &error),
        };
        self.arrivals.borrow_mut().push_back(Arrival::ChunkLoaded { attachment, index, sealed });
    }

    pub(crate) fn store_chunk(&self, attachment: AttachmentId, index: u32, sealed: &[u8]) {
        match self.put_chunk(attachment, index, sealed) {
            Ok(()) => self.arrivals.borrow_mut().push_back(Arrival::ChunkStored { attachment, index }),
            Err(error) => self.chunk_failed(attachment, index, &error),
        }
    }

    fn chunk_failed(&self, attachment: AttachmentId, index: u32, error: &dyn std::error::Error) {
        self.tell_storage(error);
        self.arrivals.borrow_mut().push_back(Arrival::ChunkFailed { attachment, index });
    }

    fn put_chunk(&self, attachment: AttachmentId, index: u32, sealed: &[u8]) -> Result<(), PutError> {
        self.chunks.put(&place(attachment), index, sealed, &mut rng())
    }

    /// Removes what a crash has left in the vault for attachments that are no more.
    pub(crate) fn sweep_chunks(&self) {
        let known = self.ask(|engine| engine.attachments()).unwrap_or_default();
        let views = known.iter().filter_map(|id| self.ask(|engine| engine.attachment(*id)).ok());
        let places: Vec<_> = views.map(|view| (place(view.id), view.total)).collect();
        if let Err(error) = self.chunks.keep_only(places.iter().map(|(place, total)| (place, *total))) {
            self.tell_storage(&error);
        }
    }

    pub(crate) fn drop_chunks(&self, attachment: AttachmentId) {
        if let Err(error) = self.chunks.remove(&place(attachment), 0..MAX_BLOB_CHUNKS) {
            self.tell_storage(&error);
        }
    }
}

/// Names an attachment's place in the vault. The chunks themselves are sealed under a key that the engine forgets with
/// the attachment, so the place need not be a secret; a contact who chooses keys cannot choose it.
fn place(attachment: AttachmentId) -> AttachmentSecret {
    AttachmentSecret::from_bytes(hash(Label::AT_REST, &[b"place".as_slice(), &attachment.0.to_be_bytes()].concat()).0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked on the line before")]
fn length(file: &Blob) -> Result<u64, Failure> {
    let size = file.size();
    if size.is_finite() && size >= 0.0 && size <= MAX_ATTACHMENT_BYTES as f64 {
        return Ok(size as u64);
    }
    Err(failure(FailureCode::BadFile, "the file is larger than 100 MiB"))
}

/// A file as the person has chosen it, before anything was taken out: the app knows it by these.
struct Chosen {
    name: String,
    size: u64,
}

/// Takes out of a picture what is written in it, and says what that was. Of what is no picture only the beginning is read.
async fn cleaned(file: &Blob, size: u64) -> Result<(Blob, Vec<Written>), Failure> {
    match kith_picture::sort(&read(file, 0, START_BYTES as u64).await?) {
        Sort::Other => return Ok((file.clone(), Vec::new())),
        Sort::Known(_) | Sort::Unknown => {}
    }
    let Cleaned { bytes, removed } = kith_picture::clean(&read(file, 0, size).await?).map_err(|error| match error {
        CleanError::Damaged => failure(FailureCode::PictureDamaged, error),
        _ => failure(FailureCode::PictureUnknown, error),
    })?;
    let bytes = Zeroizing::new(bytes);
    let parts = Array::of1(&Uint8Array::from(bytes.as_slice()));
    let blob = Blob::new_with_u8_array_sequence(&parts);
    let blob = blob.map_err(|_| failure(FailureCode::FileUnreadable, "the picture could not be put together"))?;
    Ok((blob, removed.into_iter().map(convert::written).collect()))
}

/// Reads the piece of a file that becomes one chunk; nothing beyond its end.
async fn slice(file: &Blob, index: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let chunk = CHUNK_BYTES as u64;
    read(file, index.saturating_mul(chunk), index.saturating_add(1).saturating_mul(chunk)).await
}

/// Reads a file from one place to another; nothing beyond its end.
async fn read(file: &Blob, from: u64, to: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unreadable = |_| failure(FailureCode::FileUnreadable, "the file could not be read");
    let piece = file.slice_with_f64_and_f64(from as f64, to as f64).map_err(unreadable)?;
    let buffer: ArrayBuffer =
        JsFuture::from(piece.array_buffer()).await.map_err(unreadable)?.dyn_into().map_err(unreadable)?;
    Ok(Zeroizing::new(Uint8Array::new(&buffer).to_vec()))
}

fn put_failure(error: &PutError) -> Failure {
    match error {
        PutError::Folder(folder) if folder.kind() == std::io::ErrorKind::StorageFull => {
            failure(FailureCode::StorageFull, chain(error))
        }
        _ => failure(FailureCode::Storage, chain(error)),
    }
}
