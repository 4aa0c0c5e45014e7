//! The backup that a device keeps at its home server: the same file as elsewhere, kept beside the vault and sent in sealed pieces, with a head that says
//! of which (spec/backup.md).
//!
//! The backup of before stays what counts until the new one is whole (KE-100). An interruption at any point is made good by the next one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kith_crypto::capability::{delete_verifier, read_verifier};
use kith_crypto::home_backup::{HomeBackupSecret, Side};
use kith_crypto::user::UserSecret;
use kith_engine::QueryError;
use kith_vault::{BackupFileError, Params, Password};
use kith_wire::backup::{BackupHead, BackupPiece};
use kith_wire::id::BlobId;
use kith_wire::limits::SEALED_CHUNK_BYTES;
use kith_wire::operation::{Answer, Operation};
use kith_wire::{Timestamp, Wire};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::backup::{BackUpError, BackedUp, Growth, Written};
use crate::client::{Client, now, rng};
use crate::home_server::{Asked, HomeServer, HomeServerError};
use crate::pieces::{Cut, Pieces, Presence, accepted, cut, keep};

/// What became of a backup at the home server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeBackedUp {
    /// What was written.
    pub written: BackedUp,
    /// Bytes that had to be sent.
    pub sent: u64,
    /// What the home server still had of the backup before.
    pub before: Before,
}

/// What the home server had of the backup that this device made last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Nothing,
    /// All of it.
    Whole,
    /// Less than it was given, or an older one: it loses things, or it lies.
    Lost,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HomeStep {
    /// Messages are written, so many of so many.
    Writing,
    /// Bytes are sent or fetched, so many of so many.
    Moving,
}

/// Why there is no new backup at the home server. The one before is as good as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeBackupError {
    /// The file beside the vault could not be made.
    #[error(transparent)]
    Backup(#[from] BackUpError),
    /// The file beside the vault could not be read or written.
    #[error("the backup could not be read or written: {0}")]
    File(#[source] io::Error),
    /// It changed while it was sent.
    #[error("the backup changed while it was sent")]
    Changed,
    /// The home server gave no answer.
    #[error(transparent)]
    Server(#[from] HomeServerError),
    /// The home server has not taken the account yet.
    #[error("the home server has not taken you yet")]
    NotRegistered,
    /// It is more than the home server keeps for one account.
    #[error("the home server keeps no more for you")]
    NoRoom,
    /// Another account has the place.
    #[error("another device of yours was faster")]
    Taken,
    /// The home server does not have what it took a moment ago.
    #[error("the home server has lost what it was given")]
    Lost,
    /// There is no backup of this person at this home server, or it does not show it.
    #[error("there is no backup of yours at this home server")]
    Nothing,
    /// The folder could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The folder could not be written.
    #[error(transparent)]
    Remember(#[from] kith_engine::WakeError),
}

/// Both heads of a place, as far as they open.
#[derive(Default)]
pub(crate) struct Heads {
    /// What counts: the one with the higher number.
    pub(crate) newest: Option<BackupHead>,
    /// What was not deleted yet when that was written.
    pub(crate) older: Option<BackupHead>,
    /// Whether something lies there that does not open.
    is_damaged: bool,
    /// The sides on which anything lies.
    sides: Vec<Side>,
}

/// Reads what lies in a place.
pub(crate) async fn heads(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    place: u8,
) -> Result<Heads, HomeServerError> {
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
    async fn is_own(&mut self, heads: &Heads) -> Result<(), HomeBackupError> {
        for head in heads.older.iter().chain(&heads.newest) {
            let blob = self.secret.place(self.place, Side::of(head.number)).id;
            let Answer::BlobStatus { .. } = self.server.ask(Operation::BlobStatus { blob }).await? else {
                return Err(HomeBackupError::Taken);
            };
        }
        Ok(())
    }

    /// Leaves one head in the place: the newest that is whole and kept. When none is, the newest stays all the same until the next one is whole: most of
    /// it may be there, and nothing else may be left to restore from.
    async fn settle(&mut self, heads: Heads) -> Result<Left, HomeBackupError> {
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
    async fn is_whole(&mut self, head: &BackupHead) -> Result<bool, HomeBackupError> {
        match keep(self.server, &self.blobs(head)).await {
            Ok(presence) => Ok(presence == Presence::There),
            Err(HomeBackupError::NoRoom) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a head and its pieces, but for those that another one needs. The head goes last: what it names is found as long as it is there.
    async fn drop_head(&mut self, head: &BackupHead, but: Option<&BackupHead>) -> Result<(), HomeBackupError> {
        let is_needed =
            |piece: &BackupPiece| but.is_some_and(|other| other.label == head.label && other.pieces.contains(piece));
        let pieces = Pieces { secret: self.secret, label: head.label };
        for piece in head.pieces.iter().filter(|piece| !is_needed(piece)) {
            pieces.delete(self.server, piece).await?;
        }
        self.drop_side(Side::of(head.number)).await
    }

    async fn drop_side(&mut self, side: Side) -> Result<(), HomeBackupError> {
        let at = self.secret.place(self.place, side);
        accepted(self.server.ask(Operation::BlobDelete { blob: at.id, capability: at.delete }).await?)
    }

    /// Deletes all that lies in the place.
    async fn empty(&mut self, heads: &Heads) -> Result<(), HomeBackupError> {
        for head in heads.older.iter().chain(&heads.newest) {
            self.drop_head(head, None).await?;
        }
        self.drop_side(Side::Even).await?;
        self.drop_side(Side::Odd).await
    }

    /// Sends what is new of a file and makes it what lies here (KE-100). Returns how many bytes were sent.
    async fn put(
        &mut self,
        file: &mut File,
        (cuts, left): (&[Cut], &Left),
        (head, lies): (&BackupHead, bool),
        progress: &impl Fn(HomeStep, u64, u64),
    ) -> Result<u64, HomeBackupError> {
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
                progress(HomeStep::Moving, done, total);
            };
            Pieces { secret: self.secret, label: head.label }.send(self.server, file, cut, sent).await?;
        }
        self.put_head(head, lies).await?;
        match keep(self.server, &self.blobs(head)).await {
            Ok(Presence::There) => {}
            Ok(Presence::Missing) => return Err(HomeBackupError::Lost),
            Err(HomeBackupError::NoRoom) => {
                // Too much for this server: what was there stays what counts.
                self.drop_head(head, left.head()).await?;
                return Err(HomeBackupError::NoRoom);
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
    async fn put_head(&mut self, head: &BackupHead, lies: bool) -> Result<(), HomeBackupError> {
        let side = Side::of(head.number);
        if lies {
            self.drop_side(side).await?;
        }
        let at = self.secret.place(self.place, side);
        let sealed = self.secret.seal_head(&at.id, &head.to_bytes(), &mut rng()).ok_or(HomeBackupError::Changed)?;
        let (read, delete) = (read_verifier(&at.read), delete_verifier(&at.delete));
        let bytes = SEALED_CHUNK_BYTES as u64;
        accepted(self.server.ask(Operation::BlobCreate { blob: at.id, chunks: 1, bytes, read, delete }).await?)?;
        accepted(self.server.ask(Operation::BlobPut { blob: at.id, index: 0, chunk: sealed }).await?)
    }
}

/// KE-101: finds a place in which nothing lies; if there is none, the one whose backup is the oldest is emptied. What does not open is older than all.
pub(crate) async fn free_place(server: &mut impl Asked, secret: &HomeBackupSecret) -> Result<u8, HomeBackupError> {
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
    let (_, place, found) = oldest.ok_or(HomeBackupError::Nothing)?;
    Place { server, secret, place }.empty(&found).await?;
    Ok(place)
}

/// What a backup is put there as.
pub(crate) struct Sending<'a> {
    pub(crate) path: &'a Path,
    pub(crate) label: [u8; 16],
    pub(crate) length: u64,
    pub(crate) device: String,
    pub(crate) made: Timestamp,
    pub(crate) every: Option<u32>,
}

/// Makes a file what lies in a place: only what is new of it travels. Returns what was sent, and the head that lay there before if all of it was there.
pub(crate) async fn send(
    server: &mut impl Asked,
    secret: &HomeBackupSecret,
    place: u8,
    sending: Sending<'_>,
    progress: &impl Fn(HomeStep, u64, u64),
) -> Result<(u64, Option<BackupHead>), HomeBackupError> {
    let found = heads(server, secret, place).await?;
    let mut place = Place { server, secret, place };
    let numbers = [&found.newest, &found.older].into_iter().flatten().map(|head| head.number);
    let highest = numbers.max().unwrap_or(0);
    let sides = found.sides.clone();
    place.is_own(&found).await?;
    let left = place.settle(found).await?;
    let before = left.head();
    let Sending { path, label, length, device, made, every } = sending;
    let mut file = File::open(path).map_err(HomeBackupError::File)?;
    let known = before.filter(|head| head.label == label && head.pieces.len() < MANY_PIECES);
    let known = known.map(|head| head.pieces.as_slice()).unwrap_or_default();
    let cuts = cut(&mut file, length, known).await.map_err(HomeBackupError::File)?;
    // Above all, and on the other side than what lies there, whose number need not be the highest.
    let next = highest.saturating_add(1);
    let is_taken = before.is_some_and(|head| Side::of(head.number) == Side::of(next));
    let number = next.saturating_add(u64::from(is_taken));
    let pieces = cuts.iter().map(|cut| cut.piece).collect();
    let head = BackupHead { number, device, made, every, label, pieces };
    if head.file_bytes().is_none() {
        return Err(HomeBackupError::NoRoom);
    }
    let lies = sides.contains(&Side::of(number));
    let sent = place.put(&mut file, (&cuts, &left), (&head, lies), progress).await?;
    Ok((sent, left.whole().cloned()))
}

impl Client {
    /// Makes a backup at the home server, or brings the one that is there up to date. `progress` is told what is being done, and how far it is.
    ///
    /// # Errors
    /// [`HomeBackupError`]; the backup before is as good as it was.
    pub async fn back_up_home(
        &self,
        password: &Password,
        growth: Growth,
        progress: impl Fn(HomeStep, u64, u64),
    ) -> Result<HomeBackedUp, HomeBackupError> {
        self.unlock_home(&self.seed(password)?)?;
        self.make_home_backup(growth, progress).await
    }

    /// Makes a backup at the home server if the person wishes that this device does so by itself, and one is due. Since the folder was opened with the
    /// password, the program has what is needed for it. Returns nothing when none is due. Where there was no room it is not due again for a day: each
    /// attempt sends all that is new.
    ///
    /// # Errors
    /// [`HomeBackupError`]; the backup before is as good as it was.
    pub async fn keep_home_backup(&self) -> Result<Option<HomeBackedUp>, HomeBackupError> {
        let is_due = self.ask(|engine| engine.home_backup())?.is_due(now());
        if !is_due || self.inner.home_secret.borrow().is_none() {
            return Ok(None);
        }
        self.make_home_backup(Growth::Usual, |_, _, _| {}).await.map(Some)
    }

    /// Sets after how many hours this device makes the next backup at the home server by itself; `None` for never.
    ///
    /// # Errors
    /// [`HomeBackupError`] when the folder cannot be written.
    pub fn set_home_backup(&self, every: Option<u32>) -> Result<(), HomeBackupError> {
        self.inner.engine.borrow_mut().set_home_backup(every, now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Deletes all backups of the person at the home server, those of other devices too, and makes none by itself any more. Returns how many there were.
    ///
    /// # Errors
    /// [`HomeBackupError`]; what was deleted stays deleted.
    pub async fn remove_home_backups(&self, password: &Password) -> Result<u64, HomeBackupError> {
        let seed = self.seed(password)?;
        let mut server = HomeServer::of(self).await?;
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(*seed), &server.key());
        self.set_home_backup(None)?;
        let mut n_removed = 0;
        for place in 0..PLACES {
            let found = heads(&mut server, &secret, place).await?;
            n_removed += u64::from(found.newest.is_some());
            Place { server: &mut server, secret: &secret, place }.empty(&found).await?;
        }
        self.inner.engine.borrow_mut().set_home_place(None, now(), &mut rng())?;
        self.turn();
        // The next one begins with everything.
        match std::fs::remove_file(self.home_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HomeBackupError::File(error)),
            _ => Ok(n_removed),
        }
    }

    /// Takes what backups at the home server are made with out of the person's secret, for as long as the folder is open.
    pub(crate) fn unlock_home(&self, seed: &Zeroizing<[u8; 32]>) -> Result<(), QueryError> {
        let key = self.ask(|engine| engine.status(now()))?.server_key;
        let secret = HomeBackupSecret::new(&UserSecret::from_seed(**seed), &key);
        *self.inner.home_secret.borrow_mut() = Some(std::rc::Rc::new(secret));
        Ok(())
    }

    async fn make_home_backup(
        &self,
        growth: Growth,
        progress: impl Fn(HomeStep, u64, u64),
    ) -> Result<HomeBackedUp, HomeBackupError> {
        let _alone = self.alone()?;
        let secret = self.inner.home_secret.borrow().clone().ok_or(HomeBackupError::Nothing)?;
        if !self.ask(|engine| engine.status(now()))?.registered {
            return Err(HomeBackupError::NotRegistered);
        }
        let mut server = HomeServer::of(self).await?;
        let view = self.ask(|engine| engine.home_backup())?;
        let place = match view.place {
            Some((key, place)) if key == server.key() => place,
            _ => self.take_place(&mut server, &secret).await?,
        };
        let path = self.home_file();
        let writing = |done, total| progress(HomeStep::Writing, done, total);
        let written = self.write_home_file(&path, &secret, growth, writing).await?;
        let device = self.ask(|engine| engine.own_name())?.unwrap_or_default();
        let (label, made) = (written.label, now());
        let sending = Sending { path: &path, label, length: written.made.bytes, device, made, every: view.every };
        let (sent, before) = match send(&mut server, &secret, place, sending, &progress).await {
            Err(HomeBackupError::Taken) => {
                // Somebody else of the person has the place since: another one is looked for next time.
                self.inner.engine.borrow_mut().set_home_place(None, now(), &mut rng())?;
                return Err(HomeBackupError::Taken);
            }
            Err(HomeBackupError::NoRoom) => {
                self.inner.engine.borrow_mut().home_backup_refused(now(), &mut rng())?;
                return Err(HomeBackupError::NoRoom);
            }
            other => other?,
        };
        let mut engine = self.inner.engine.borrow_mut();
        engine.home_backup_done((made, written.made.bytes), now(), &mut rng())?;
        engine.backup_done(written.mark, now(), &mut rng())?;
        drop(engine);
        self.turn();
        let before = match (view.made, before) {
            (None, _) => Before::Nothing,
            (Some(made), Some(head)) if head.made >= made => Before::Whole,
            (Some(_), _) => Before::Lost,
        };
        Ok(HomeBackedUp { written: written.made, sent, before })
    }

    async fn take_place(&self, server: &mut HomeServer, secret: &HomeBackupSecret) -> Result<u8, HomeBackupError> {
        let place = free_place(server, secret).await?;
        self.inner.engine.borrow_mut().set_home_place(Some((server.key(), place)), now(), &mut rng())?;
        Ok(place)
    }

    /// Writes the file beside the vault. No password opens it: one is drawn for its head and forgotten.
    async fn write_home_file(
        &self,
        path: &Path,
        secret: &HomeBackupSecret,
        growth: Growth,
        progress: impl Fn(u64, u64),
    ) -> Result<Written, HomeBackupError> {
        let user = secret.file_secret();
        let drawn: [u8; 32] = kith_crypto::random::bytes(&mut rng());
        let text = drawn.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let unknown = Password::new(text).map_err(|_| HomeBackupError::Changed)?;
        let params = Params::new(19 * 1024, 2, 1).map_err(BackupFileError::from).map_err(BackUpError::from)?;
        Ok(self.write_file(path, user.expose(), (&unknown, params), growth, progress).await?)
    }

    fn home_file(&self) -> PathBuf {
        self.inner.folder.join(HOME_FILE)
    }
}

/// Places at one home server: as many as a person has devices. Each device has one of its own.
pub(crate) const PLACES: u8 = 8;
/// The backup as it lies beside the vault, and in pieces at the home server.
const HOME_FILE: &str = "home-backup.kith";
/// Pieces at which a file is cut anew, into few long ones: each of them is looked at each time.
const MANY_PIECES: usize = 128;

#[cfg(test)]
mod tests;
