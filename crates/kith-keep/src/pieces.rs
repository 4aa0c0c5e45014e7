//! Pieces of a backup file at a home server: cut off the file, sent, fetched, deleted. Each is a blob whose name and keys come from what is in it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use kith_crypto::attachment::{NewBlob, open_chunk, seal_chunk};
use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_crypto::hash::Hasher;
use kith_crypto::home_backup::HomeBackupSecret;
use kith_crypto::label::Label;
use kith_wire::backup::{BackupPiece, MAX_PIECE_BYTES};
use kith_wire::blob::BlobShape;
use kith_wire::id::{BlobId, Hash};
use kith_wire::limits::{CHUNK_BYTES, MAX_KEPT_AT_ONCE};
use kith_wire::operation::{Answer, Operation, Refusal};

use crate::error::KeepError;
use crate::home_server::Asked;

/// The pieces of one file.
pub(crate) struct Pieces<'a> {
    pub(crate) secret: &'a HomeBackupSecret,
    pub(crate) label: [u8; 16],
}

/// A piece and where it begins in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) start: u64,
    pub(crate) piece: BackupPiece,
}

/// Whether what was asked for is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    Missing,
}

/// Cuts a file of this length: as it was cut before, as far as it is the same, and the rest into long pieces.
pub(crate) async fn cut(
    server: &mut impl Asked,
    file: &mut (impl Read + Seek),
    length: u64,
    before: &[BackupPiece],
) -> io::Result<Vec<Cut>> {
    let (mut cuts, mut start) = (Vec::new(), 0_u64);
    for piece in before.iter().take_while(|piece| piece.bytes <= MAX_PIECE_BYTES) {
        if start.saturating_add(piece.bytes) > length || hash_of(file, start, piece.bytes)? != piece.hash {
            break;
        }
        cuts.push(Cut { start, piece: *piece });
        start = start.saturating_add(piece.bytes);
        server.breathe().await;
    }
    while start < length {
        let bytes = MAX_PIECE_BYTES.min(length - start);
        cuts.push(Cut { start, piece: BackupPiece { bytes, hash: hash_of(file, start, bytes)? } });
        start = start.saturating_add(bytes);
        server.breathe().await;
    }
    Ok(cuts)
}

/// Returns the hash of a piece of a file.
pub(crate) fn hash_of(file: &mut (impl Read + Seek), start: u64, bytes: u64) -> io::Result<Hash> {
    file.seek(SeekFrom::Start(start))?;
    let (mut hasher, mut rest) = (Hasher::new(Label::HOME_BACKUP_PIECE), bytes);
    while rest > 0 {
        let part = read_part(file, rest)?;
        if part.is_empty() {
            break;
        }
        hasher.update(&part);
        rest = rest.saturating_sub(part.len() as u64);
    }
    Ok(hasher.finish())
}

impl Pieces<'_> {
    pub(crate) fn blob(&self, piece: &BackupPiece) -> NewBlob {
        self.secret.piece(&self.label, piece.bytes, &piece.hash)
    }

    /// Sends what is missing of a piece. `sent` is told the bytes that are there.
    pub(crate) async fn send(
        &self,
        server: &mut impl Asked,
        file: &mut (impl Read + Seek),
        cut: &Cut,
        mut sent: impl FnMut(u64),
    ) -> Result<(), KeepError> {
        let (blob, shape) = (self.blob(&cut.piece), shape(&cut.piece)?);
        let (read, delete) = (read_verifier(&blob.read), delete_verifier(&blob.delete));
        let (chunks, bytes) = (shape.chunks, shape.sealed_bytes());
        accepted(server.ask(Operation::BlobCreate { blob: blob.id, chunks, bytes, read, delete }).await?)?;
        let Answer::BlobStatus { present } = server.ask(Operation::BlobStatus { blob: blob.id }).await? else {
            return Err(KeepError::Lost);
        };
        file.seek(SeekFrom::Start(cut.start)).map_err(KeepError::File)?;
        let mut rest = cut.piece.bytes;
        for index in 0..shape.chunks {
            let plain = read_part(file, rest).map_err(KeepError::File)?;
            rest = rest.saturating_sub(plain.len() as u64);
            if !is_set(&present, index) {
                let chunk = seal_chunk(&blob.key, shape, index, &plain).map_err(|_| KeepError::Changed)?;
                accepted(server.ask(Operation::BlobPut { blob: blob.id, index, chunk }).await?)?;
            }
            sent(plain.len() as u64);
        }
        Ok(())
    }

    /// Fetches a piece and writes it behind what is there. It counts when it is the one that the head names.
    pub(crate) async fn fetch(
        &self,
        server: &mut impl Asked,
        file: &mut impl Write,
        piece: &BackupPiece,
        mut got: impl FnMut(u64),
    ) -> Result<Presence, KeepError> {
        let (blob, shape) = (self.blob(piece), shape(piece)?);
        let (mut hasher, mut rest) = (Hasher::new(Label::HOME_BACKUP_PIECE), piece.bytes);
        for index in 0..shape.chunks {
            let get = Operation::BlobGet { blob: blob.id, index, capability: blob.read.clone() };
            let Answer::BlobChunk { chunk } = server.ask(get).await? else { return Ok(Presence::Missing) };
            let Ok(plain) = open_chunk(&blob.key, shape, index, &chunk) else { return Ok(Presence::Missing) };
            let length = usize::try_from(rest).unwrap_or(usize::MAX).min(plain.len());
            let plain = plain.get(..length).unwrap_or_default();
            hasher.update(plain);
            file.write_all(plain).map_err(KeepError::File)?;
            rest = rest.saturating_sub(plain.len() as u64);
            got(plain.len() as u64);
        }
        let is_it = rest == 0 && hasher.finish() == piece.hash;
        Ok(if is_it { Presence::There } else { Presence::Missing })
    }

    /// Deletes a piece.
    pub(crate) async fn delete(&self, server: &mut impl Asked, piece: &BackupPiece) -> Result<(), KeepError> {
        let blob = self.blob(piece);
        accepted(server.ask(Operation::BlobDelete { blob: blob.id, capability: blob.delete }).await?)
    }
}

/// Asks the server to keep blobs for long, or for as long again.
pub(crate) async fn keep(server: &mut impl Asked, blobs: &[BlobId]) -> Result<Presence, KeepError> {
    for some in blobs.chunks(MAX_KEPT_AT_ONCE) {
        match server.ask(Operation::BlobKeep { blobs: some.to_vec() }).await? {
            Answer::Refused { reason: Refusal::NotFound } => return Ok(Presence::Missing),
            answer => accepted(answer)?,
        }
    }
    Ok(Presence::There)
}

/// Takes an answer for what it means to somebody who wanted something done.
pub(crate) fn accepted(answer: Answer) -> Result<(), KeepError> {
    match answer {
        Answer::Accepted => Ok(()),
        Answer::Refused { reason: Refusal::QuotaExceeded } => Err(KeepError::NoRoom),
        Answer::Refused { reason: Refusal::UnknownAccount } => Err(KeepError::NotRegistered),
        Answer::Refused { reason: Refusal::Invalid } => Err(KeepError::Taken),
        _ => Err(KeepError::Lost),
    }
}

fn shape(piece: &BackupPiece) -> Result<BlobShape, KeepError> {
    BlobShape::of(piece.bytes).ok_or(KeepError::Changed)
}

fn read_part(file: &mut impl Read, at_most: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(CHUNK_BYTES);
    file.take(at_most.min(CHUNK_BYTES as u64)).read_to_end(&mut part)?;
    Ok(part)
}

fn is_set(bits: &[u8], index: u32) -> bool {
    let byte = usize::try_from(index / 8).ok().and_then(|at| bits.get(at));
    byte.is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}
