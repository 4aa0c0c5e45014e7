//! A device's place at a home server, and its backup there: heads, and the pieces that they name.
//!
//! The backup of before stays what counts until the new one is whole (KE-100). An interruption at any point is made good by the next one.

use std::io::{Read, Seek};

use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_crypto::home_backup::{HomeBackupSecret, Side};
use kith_wire::backup::{BackupHead, BackupPiece};
use kith_wire::id::BlobId;
use kith_wire::limits::SEALED_CHUNK_BYTES;
use kith_wire::operation::{Answer, Operation};
use kith_wire::{Timestamp, Wire};
use rand_core::CryptoRng;

use crate::error::{AskError, KeepError};
use crate::home_server::Asked;
use crate::pieces::{Cut, Pieces, Presence, accepted, cut, keep};

/// Both heads of a place, as far as they open.
#[derive(Default)]
pub(crate) struct Heads {
    /// What counts: the one with the higher number.
    pub(crate) newest: Option<BackupHead>,
    /// What was not deleted yet when that was written.
    pub(crate) older: Option<BackupHead>,
    /// Whether something lies there that does not open.
    pub(crate) is_damaged: bool,
    /// The sides on which anything lies.
    sides: Vec<Side>,
}

/// Reads what lies in a place.
pub(crate) async fn heads(server: &mut impl Asked, secret: &HomeBackupSecret, place: u8) -> Result<Heads, AskError> {
    let mut heads = Heads::default();
    for side in [Side::Even, Side::Odd] {
        let at = secret.place(place, side);
        let get = Operation::BlobGet { blob: at.id, index: 0, capability: at.read };
        let Answer::BlobChunk { chunk } = server.ask(get).await? else { continue };
        heads.sides.push(side);
        let opened = secret.open_head(&at.id, &chunk).ok().and_then(|bytes| BackupHead::from_bytes(&bytes).ok());
        // KE-102: a head that lies on the other side than its number says was moved there.
        let head = opened.filter(|head| head.file_bytes().is_some() && Side::of(head.number) == side);
        heads.is_damaged |= head.is_none();
        let (one, other) = (heads.newest.take(), head);
        (heads.older, heads.newest) = match (one, other) {
            (Some(one), Some(other)) if one.number > other.number => (Some(other), Some(one)),
            (Some(one), Some(other)) => (Some(one), Some(other)),
            (one, other) => (None, one.or(other)),
        };
    }
    Ok(heads)
}

/// What is left in a place of what lay there, before the next backup is put.
enum Left {
    /// Nothing lay there.
    Nothing,
    /// Something of it is lost, or the server does not keep it.
    Broken(BackupHead),
    /// All of it is there and kept.
    Whole(BackupHead),
}

impl Left {
    const fn head(&self) -> Option<&BackupHead> {
        match self {
            Self::Nothing => None,
            Self::Broken(head) | Self::Whole(head) => Some(head),
        }
    }

    const fn whole(&self) -> Option<&BackupHead> {
        if let Self::Whole(head) = self { Some(head) } else { None }
    }
}

/// A place at a server, and what may be done there.
struct Place<'a, S> {
    server: &'a mut S,
    secret: &'a HomeBackupSecret,
    place: u8,
}

impl<S: Asked> Place<'_, S> {
    fn pieces(&self, head: &BackupHead) -> Pieces<'_> {
        Pieces { secret: self.secret, label: head.label }
    }

    fn blobs(&self, head: &BackupHead) -> Vec<BlobId> {
        let pieces = self.pieces(head);
        let at = self.secret.place(self.place, Side::of(head.number)).id;
        head.pieces.iter().map(|piece| pieces.blob(piece).id).chain([at]).collect()
    }

    /// KE-101: what lies here was put by this device's own account. What another device of the person has put here meanwhile is left alone.
    async fn is_own(&mut self, heads: &Heads) -> Result<(), KeepError> {
        for head in heads.older.iter().chain(&heads.newest) {
            let blob = self.secret.place(self.place, Side::of(head.number)).id;
            let Answer::BlobStatus { .. } = self.server.ask(Operation::BlobStatus { blob }).await? else {
                return Err(KeepError::Taken);
            };
        }
        Ok(())
    }

    /// Leaves one head in the place: the newest that is whole and kept. When none is, the newest stays all the same until the next one is whole: most of
    /// it may be there, and nothing else may be left to restore from.
    async fn settle(&mut self, heads: Heads) -> Result<Left, KeepError> {
        let Heads { newest, older, .. } = heads;
        let Some(newest) = newest else { return Ok(Left::Nothing) };
        let is_whole = self.is_whole(&newest).await?;
        let Some(older) = older else {
            return Ok(if is_whole { Left::Whole(newest) } else { Left::Broken(newest) });
        };
        let is_older_whole = !is_whole && self.is_whole(&older).await?;
        let (stays, goes) = if is_older_whole { (older, newest) } else { (newest, older) };
        self.drop_head(&goes, Some(&stays)).await?;
        Ok(if is_whole || is_older_whole { Left::Whole(stays) } else { Left::Broken(stays) })
    }

    /// Asks to keep a backup for as long again. Returns whether all of it is there and is kept.
    async fn is_whole(&mut self, head: &BackupHead) -> Result<bool, KeepError> {
        match keep(self.server, &self.blobs(head)).await {
            Ok(presence) => Ok(presence == Presence::There),
            Err(KeepError::NoRoom) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a head and its pieces, but for those that another one needs. The head goes last: what it names is found as long as it is there.
    async fn drop_head(&mut self, head: &BackupHead, but: Option<&BackupHead>) -> Result<(), KeepError> {
        let is_needed =
            |piece: &BackupPiece| but.is_some_and(|other| other.label == head.label && other.pieces.contains(piece));
        let pieces = Pieces { secret: self.secret, label: head.label };
        for piece in head.pieces.iter().filter(|piece| !is_needed(piece)) {
            pieces.delete(self.server, piece).await?;
        }
        self.drop_side(Side::of(head.number)).await
    }

    async fn drop_side(&mut self, side: Side) -> Result<(), KeepError> {
        let at = self.secret.place(self.place, side);
        accepted(self.server.ask(Operation::BlobDelete { blob: at.id, capability: at.delete }).await?)
    }

    /// Deletes all that lies in the place.
    async fn empty(&mut self, heads: &Heads) -> Result<(), KeepError> {
        for head in heads.older.iter().chain(&heads.newest) {
            self.drop_head(head, None).await?;
        }
        self.drop_side(Side::Even).await?;
        self.drop_side(Side::Odd).await
    }

    /// Sends what is new of a file and makes it what lies here (KE-100). Returns how many bytes were sent.
    async fn put(
        &mut self,
        file: &mut (impl Read + Seek),
        (cuts, left): (&[Cut], &Left),
        (head, lies): (&BackupHead, bool),
        (rng, progress): (&mut dyn CryptoRng, &impl Fn(u64, u64)),
    ) -> Result<u64, KeepError> {
        // Of a broken one no piece is taken for there: each is looked at, and what is missing of it is sent.
        let is_there = |piece: &BackupPiece| {
            left.whole().is_some_and(|before| before.label == head.label && before.pieces.contains(piece))
        };
        let new: Vec<&Cut> = cuts.iter().filter(|cut| !is_there(&cut.piece)).collect();
        let total = new.iter().map(|cut| cut.piece.bytes).sum();
        let mut done = 0_u64;
        for cut in new {
            let sent = |bytes: u64| {
                done = done.saturating_add(bytes);
                progress(done, total);
            };
            Pieces { secret: self.secret, label: head.label }.send(self.server, file, cut, sent).await?;
        }
        self.put_head(head, lies, rng).await?;
        match keep(self.server, &self.blobs(head)).await {
            Ok(Presence::There) => {}
            Ok(Presence::Missing) => return Err(KeepError::Lost),
            Err(KeepError::NoRoom) => {
                // Too much for this server: what was there stays what counts.
                self.drop_head(head, left.head()).await?;
                return Err(KeepError::NoRoom);
            }
            // Whether it is kept is not known: the next attempt asks.
            Err(error) => return Err(error),
        }
        if let Some(before) = left.head() {
            self.drop_head(before, Some(head)).await?;
        }
        Ok(total)
    }

    /// Writes a head to its side, on which nothing lies that is still needed. Where nothing lay at all nothing is deleted: if another device
    /// was faster, the server says so.
    async fn put_head(&mut self, head: &BackupHead, lies: bool, rng: &mut dyn CryptoRng) -> Result<(), KeepError> {
        let side = Side::of(head.number);
        if lies {
            self.drop_side(side).await?;
        }
        let at = self.secret.place(self.place, side);
        let sealed = self.secret.seal_head(&at.id, &head.to_bytes(), rng).ok_or(KeepError::Changed)?;
        let (read, delete) = (read_verifier(&at.read), delete_verifier(&at.delete));
        let bytes = SEALED_CHUNK_BYTES as u64;
        accepted(self.server.ask(Operation::BlobCreate { blob: at.id, chunks: 1, bytes, read, delete }).await?)?;
        accepted(self.server.ask(Operation::BlobPut { blob: at.id, index: 0, chunk: sealed }).await?)
    }
}

/// KE-101: finds a place in which nothing lies; if there is none, the one whose backup is the oldest is emptied. What does not open is older than all.
///
/// # Errors
/// [`KeepError`] when the server gives no answer.
pub async fn free_place(server: &mut impl Asked, secret: &HomeBackupSecret) -> Result<u8, KeepError> {
    let mut oldest: Option<(Timestamp, u8, Heads)> = None;
    for place in 0..PLACES {
        let found = heads(server, secret, place).await?;
        let made = match &found.newest {
            None if !found.is_damaged => return Ok(place),
            None => Timestamp(0),
            Some(head) => head.made,
        };
        if oldest.as_ref().is_none_or(|(other, ..)| made < *other) {
            oldest = Some((made, place, found));
        }
    }
    let (_, place, found) = oldest.ok_or(KeepError::Nothing)?;
    Place { server, secret, place }.empty(&found).await?;
    Ok(place)
}

/// What a backup is put there as.
pub struct Sending {
    /// The label of the file.
    pub label: [u8; 16],
    /// Its length.
    pub length: u64,
    /// The device that made it, as the person calls it.
    pub device: String,
    /// When.
    pub made: Timestamp,
    /// After how many hours the device makes the next one by itself.
    pub every: Option<u32>,
}

/// What became of it.
#[derive(Debug)]
pub struct Sent {
    /// Bytes that had to be sent.
    pub bytes: u64,
    /// When the backup was made that lay there before, if all of it was there.
    pub before: Option<Timestamp>,
}

/// Makes a file what lies in a place: only what is new of it travels. `progress` is told bytes sent, of how many.
///
/// # Errors
/// [`KeepError`]; the backup before is as good as it was.
pub async fn send(
    server: &mut impl Asked,
    (secret, place): (&HomeBackupSecret, u8),
    file: &mut (impl Read + Seek),
    sending: Sending,
    rng: &mut dyn CryptoRng,
    progress: &impl Fn(u64, u64),
) -> Result<Sent, KeepError> {
    let found = heads(server, secret, place).await?;
    let mut place = Place { server, secret, place };
    let numbers = [&found.newest, &found.older].into_iter().flatten().map(|head| head.number);
    let highest = numbers.max().unwrap_or(0);
    let sides = found.sides.clone();
    place.is_own(&found).await?;
    let left = place.settle(found).await?;
    let before = left.head();
    let Sending { label, length, device, made, every } = sending;
    let known = before.filter(|head| head.label == label && head.pieces.len() < MANY_PIECES);
    let known = known.map(|head| head.pieces.as_slice()).unwrap_or_default();
    let cuts = cut(place.server, file, length, known).await.map_err(KeepError::File)?;
    // Above all, and on the other side than what lies there, whose number need not be the highest.
    let next = highest.saturating_add(1);
    let is_taken = before.is_some_and(|head| Side::of(head.number) == Side::of(next));
    let number = next.saturating_add(u64::from(is_taken));
    let pieces = cuts.iter().map(|cut| cut.piece).collect();
    let head = BackupHead { number, device, made, every, label, pieces };
    if head.file_bytes().is_none() {
        return Err(KeepError::NoRoom);
    }
    let lies = sides.contains(&Side::of(number));
    let bytes = place.put(file, (&cuts, &left), (&head, lies), (rng, progress)).await?;
    Ok(Sent { bytes, before: left.whole().map(|head| head.made) })
}

/// Deletes the backups of all the person's devices at a server. Returns how many there were.
///
/// # Errors
/// [`KeepError`]; what was deleted stays deleted.
pub async fn remove_all(server: &mut impl Asked, secret: &HomeBackupSecret) -> Result<u64, KeepError> {
    let mut n_removed = 0_u64;
    for place in 0..PLACES {
        let found = heads(server, secret, place).await?;
        n_removed = n_removed.saturating_add(u64::from(found.newest.is_some()));
        Place { server, secret, place }.empty(&found).await?;
    }
    Ok(n_removed)
}

/// Places at one home server: as many as a person has devices. Each device has one of its own.
pub(crate) const PLACES: u8 = 8;
/// Pieces at which a file is cut anew, into few long ones: each of them is looked at each time.
const MANY_PIECES: usize = 128;
