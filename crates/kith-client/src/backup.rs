//! Backups of a person's folder: written to a file, or to a file in a folder, run behind run, and never over what another device has
//! written.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use kith_engine::{BackupError, BackupStart, QueryError, WakeError};
use kith_vault::{
    BackupFileError, BackupKey, BackupPlace, BackupReader, BackupWriter, MAX_SEGMENT_CONTENT, Next, Params, Password,
    Phrase, ProveError,
};
use kith_wire::backup::{end_of, pack};
use kith_wire::id::BackupMark;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::client::{Client, now, rng};
use crate::save::Overwrite;

/// What was backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The file.
    pub file: PathBuf,
    /// Contacts that were written, new or changed.
    pub contacts: u64,
    /// Messages that were written, new or changed.
    pub messages: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// How the file came to be as it is.
    pub kind: BackupKind,
}

/// How a backup file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupKind {
    /// There was none.
    New,
    /// What changed since was added.
    Grown,
    /// Everything was written anew: what was superseded took more room than the rest, or the person wished so.
    Anew,
    /// Everything was written anew, because what lay there was damaged.
    Mended,
    /// Everything was written anew under the folder's new password.
    NewPassword,
    /// Everything was written anew in the place of what another device, or somebody else, had written.
    Replaced,
}

/// Whether a backup may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// What changed is added, where that is possible.
    Usual,
    /// Everything is written anew: what was taken back or edited is in the file no more.
    Anew,
}

/// Why nothing was backed up. What lay there is still as good as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackUpError {
    /// The password does not open the folder.
    #[error("the password does not open this folder")]
    WrongPassword,
    /// The password could not be tried.
    #[error(transparent)]
    Prove(ProveError),
    /// This device waits to become one of a person's others, and has their words only then.
    #[error("this device is not linked yet")]
    Joining,
    /// What lies there is no backup of this person.
    #[error("{} is something else: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        why: BackupFileError,
    },
    /// KE-74: what lies there was written by another device of the person, which may know more.
    #[error("{} is a backup by another device of yours", .0.display())]
    OtherDevice(PathBuf),
    /// What lies there is neither a file nor a folder, but a device, say: nothing of the kind is ever replaced.
    #[error("{} is neither a file nor a folder", .0.display())]
    NotAFile(PathBuf),
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// Another backup of this folder is being made.
    #[error("another backup is being made")]
    Busy,
    /// Something is longer than any backup takes.
    #[error("something in this folder is too long for a backup")]
    TooLong,
    /// The folder could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The engine refuses.
    #[error(transparent)]
    Engine(#[from] BackupError),
    /// The backup is whole, and the folder could not remember it.
    #[error(transparent)]
    Remember(#[from] WakeError),
}

/// A run that is whole in its file, and that the device has not remembered yet.
pub(crate) struct Written {
    pub(crate) made: BackedUp,
    pub(crate) mark: BackupMark,
    pub(crate) label: [u8; 16],
}

/// What was found where a backup is to be written.
enum Found {
    /// Nothing that anybody could miss.
    Nothing,
    /// A backup of this person.
    Backup(Lying),
    /// Something else.
    Foreign(BackupFileError),
}

/// A backup of this person, read as far as it can be read.
struct Lying {
    /// Where the last whole run ends, and how many bytes that is.
    at: BackupPlace,
    /// The runs, the latest last; only as many as a device remembers.
    marks: Vec<BackupMark>,
    /// Why it cannot be read to its end.
    damage: Option<BackupFileError>,
    /// Whether the folder's password opens it.
    is_current: bool,
}

/// What is done with what lies there.
enum Plan {
    /// It grows behind this run.
    Grow { at: BackupPlace, mark: BackupMark },
    /// Everything is written anew.
    Anew(BackupKind),
}

impl Client {
    /// Writes a backup: what changed since the file was written last, or everything. `target` is a file, or a folder in which
    /// a file of its own is kept. `progress` is told messages done, of how many.
    ///
    /// # Errors
    /// [`BackUpError`]; what lay there is still as good as it was.
    pub async fn back_up(
        &self,
        password: &Password,
        target: &Path,
        (overwrite, growth): (Overwrite, Growth),
        progress: impl Fn(u64, u64),
    ) -> Result<BackedUp, BackUpError> {
        let _alone = self.alone()?;
        let seed = self.seed(password)?;
        let path = self.place(target, &seed).await?;
        if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(BackUpError::NotAFile(path));
        }
        let found = look(&path, &seed, Some(password)).await?;
        let plan = self.plan(&path, found, overwrite, growth)?;
        let written = self.carry_out_plan(&path, &seed, (password, self.inner.params), plan, progress).await?;
        self.inner.engine.borrow_mut().backup_done(written.mark, now(), &mut rng())?;
        self.turn();
        Ok(written.made)
    }

    /// Writes the file that is sent to the home server; whatever else lies in its place is replaced. The device remembers the run when it is there.
    pub(crate) async fn write_file(
        &self,
        path: &Path,
        seed: &[u8; 32],
        sealing: (&Password, Params),
        growth: Growth,
        progress: impl Fn(u64, u64),
    ) -> Result<Written, BackUpError> {
        let found = look(path, seed, None).await?;
        let plan = self.plan(path, found, Overwrite::Allowed, growth)?;
        self.carry_out_plan(path, seed, sealing, plan, progress).await
    }

    async fn carry_out_plan(
        &self,
        path: &Path,
        seed: &[u8; 32],
        (password, params): (&Password, Params),
        plan: Plan,
        progress: impl Fn(u64, u64),
    ) -> Result<Written, BackUpError> {
        let (start, at, kind) = match plan {
            Plan::Anew(kind) => (self.begin_backup(None)?, None, kind),
            Plan::Grow { at, mark } => match self.begin_backup(Some(mark))? {
                start if is_worth_anew(at.end(), &start) => (self.begin_backup(None)?, None, BackupKind::Anew),
                start => (start, Some(at), BackupKind::Grown),
            },
        };
        let writer = match at {
            Some(at) => BackupWriter::append(path, &BackupKey::Seed(seed), at)?,
            None => BackupWriter::create(path, seed, password, params, &mut rng())?,
        };
        let (contacts, mark, label) = (start.contacts, start.run.mark(), *writer.label());
        let (messages, bytes) = self.write(start, writer, progress).await?;
        Ok(Written { made: BackedUp { file: path.to_owned(), contacts, messages, bytes, kind }, mark, label })
    }

    /// One backup at a time.
    pub(crate) fn alone(&self) -> Result<Alone<'_>, BackUpError> {
        Alone::of(&self.inner.is_backing_up).ok_or(BackUpError::Busy)
    }

    /// Returns the recovery phrase.
    ///
    /// # Errors
    /// [`BackUpError::WrongPassword`] when the password does not open the folder.
    pub fn phrase(&self, password: &Password) -> Result<Phrase, BackUpError> {
        Ok(Phrase::of_seed(&*self.seed(password)?))
    }

    /// Remembers that the person has shown that the recovery phrase is written down.
    ///
    /// # Errors
    /// [`BackUpError`] when the folder cannot be written.
    pub fn phrase_checked(&self) -> Result<(), BackUpError> {
        self.inner.engine.borrow_mut().phrase_checked(now(), &mut rng())?;
        self.turn();
        Ok(())
    }

    /// Returns what the words stand for; what a device has before it is linked, it gives up for that of the others.
    pub(crate) fn seed(&self, password: &Password) -> Result<Zeroizing<[u8; 32]>, BackUpError> {
        if self.inner.engine.borrow().is_joining().map_err(QueryError::from)? {
            return Err(BackUpError::Joining);
        }
        self.inner.keeper.borrow().user_seed(password).map_err(|error| match error {
            ProveError::WrongPassword => BackUpError::WrongPassword,
            other => BackUpError::Prove(other),
        })
    }

    /// Decides what becomes of what lies there. What another device has written may say more than this one knows: it is replaced only
    /// when the person insists (KE-74), however it looks.
    fn plan(&self, path: &Path, found: Found, overwrite: Overwrite, growth: Growth) -> Result<Plan, BackUpError> {
        let lying = match (found, overwrite) {
            (Found::Nothing, _) => return Ok(Plan::Anew(BackupKind::New)),
            (Found::Foreign(_), Overwrite::Allowed) => return Ok(Plan::Anew(BackupKind::Replaced)),
            (Found::Foreign(why), Overwrite::Refused) => {
                return Err(BackUpError::Foreign { path: path.to_owned(), why });
            }
            (Found::Backup(lying), _) => lying,
        };
        let is_ours = self.ask(|engine| engine.knows_backup(&lying.marks))?;
        match (is_ours, lying.damage, overwrite) {
            (false, _, Overwrite::Allowed) => return Ok(Plan::Anew(BackupKind::Replaced)),
            (false, Some(why), _) if lying.marks.is_empty() => {
                return Err(BackUpError::Foreign { path: path.to_owned(), why });
            }
            (false, ..) => return Err(BackUpError::OtherDevice(path.to_owned())),
            (true, Some(_), _) => return Ok(Plan::Anew(BackupKind::Mended)),
            (true, None, _) => {}
        }
        let last = lying.marks.last().copied();
        let last = match last {
            Some(mark) if self.ask(|engine| engine.knows_backup(&[mark]))? => Some(mark),
            _ => None,
        };
        Ok(match (last, lying.is_current, growth) {
            (_, false, _) => Plan::Anew(BackupKind::NewPassword),
            (Some(mark), true, Growth::Usual) => Plan::Grow { at: lying.at, mark },
            _ => Plan::Anew(BackupKind::Anew),
        })
    }

    /// Returns where the backup lies, or will lie: in a folder, the file that this device has written there, or a new one.
    async fn place(&self, target: &Path, seed: &[u8; 32]) -> Result<PathBuf, BackUpError> {
        if !target.is_dir() {
            return Ok(target.to_owned());
        }
        let names = std::fs::read_dir(target).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_named = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(NAME_BEGIN) && name.ends_with(NAME_END)
        };
        let mut backups: Vec<PathBuf> = names.filter(is_named).collect();
        backups.sort();
        for path in backups {
            if let Found::Backup(lying) = look(&path, seed, None).await?
                && self.ask(|engine| engine.knows_backup(&lying.marks))?
            {
                return Ok(path);
            }
        }
        let name: [u8; 4] = kith_crypto::random::bytes(&mut rng());
        Ok(target.join(format!("{NAME_BEGIN}{:08x}{NAME_END}", u32::from_be_bytes(name))))
    }

    fn begin_backup(&self, since: Option<BackupMark>) -> Result<BackupStart, BackupError> {
        self.inner.engine.borrow_mut().begin_backup(since, now(), &mut rng())
    }

    /// Writes a run to its end. Returns how many messages were written, and the length of the file.
    async fn write(
        &self,
        start: BackupStart,
        mut writer: BackupWriter,
        progress: impl Fn(u64, u64),
    ) -> Result<(u64, u64), BackUpError> {
        let BackupStart { mut run, messages: total, .. } = start;
        let (mut content, mut done) = (Zeroizing::new(Vec::with_capacity(SEGMENT_BYTES)), 0_u64);
        loop {
            let portion = self.ask(|engine| engine.continue_backup(&mut run, now()))?;
            for item in &portion.items {
                let mut packed = Zeroizing::new(Vec::new());
                pack(&mut packed, item).map_err(|_| BackUpError::TooLong)?;
                if !content.is_empty() && content.len().saturating_add(packed.len()) > SEGMENT_BYTES {
                    writer.put(&content, &mut rng())?;
                    content.clear();
                }
                content.extend_from_slice(&packed);
            }
            done = done.saturating_add(portion.messages);
            progress(done, total.max(done));
            if portion.is_last {
                return Ok((done, writer.finish(&content, &mut rng())?));
            }
            // Others on this thread get their turn between two portions.
            tokio::task::yield_now().await;
        }
    }
}

/// One backup at a time: what changes under a second one is said in the wrong file.
pub(crate) struct Alone<'a>(&'a Cell<bool>);

impl<'a> Alone<'a> {
    fn of(is_busy: &'a Cell<bool>) -> Option<Self> {
        if is_busy.replace(true) { None } else { Some(Self(is_busy)) }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A file that is more than twice as long as it need be.
fn is_worth_anew(bytes: u64, start: &BackupStart) -> bool {
    bytes > start.whole_bytes.saturating_mul(2).saturating_add(SPARED_BYTES)
}

/// Reads what lies there to its end: a backup that would not open on the day it is needed is written anew now.
async fn look(path: &Path, seed: &[u8; 32], password: Option<&Password>) -> Result<Found, BackUpError> {
    if std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(Found::Nothing);
    }
    let mut reader = match BackupReader::open(path, &BackupKey::Seed(seed)) {
        Ok(reader) => reader,
        Err(error @ BackupFileError::Folder(_)) => return Err(error.into()),
        Err(why) => return Ok(Found::Foreign(why)),
    };
    let mut marks = Vec::new();
    let damage = loop {
        match reader.read_next() {
            Ok(Next::Segment(segment)) if segment.is_last => {
                marks.extend(end_of(&segment.content).map(|(mark, _)| mark))
            }
            Ok(Next::Segment(_)) => {}
            Ok(Next::End | Next::Torn) => break None,
            Err(why @ BackupFileError::Damaged { .. }) => break Some(why),
            Err(error) => return Err(error.into()),
        }
        tokio::task::yield_now().await;
    };
    if marks.is_empty() && damage.is_none() {
        // Its first run has not come to an end.
        return Ok(Found::Nothing);
    }
    let forgotten = marks.len().saturating_sub(MARKS_REMEMBERED);
    marks.drain(..forgotten);
    let is_current = password.map_or(Ok(true), |password| reader.is_opened_by(password))?;
    Ok(Found::Backup(Lying { at: reader.whole(), marks, damage, is_current }))
}

/// Bytes of items in one segment, about; a longer item has one of its own.
const SEGMENT_BYTES: usize = 256 * 1024;
const _: () = assert!(SEGMENT_BYTES + 65_540 <= MAX_SEGMENT_CONTENT, "one item more still fits");
/// What is not worth writing a file anew for.
const SPARED_BYTES: u64 = 1024 * 1024;
/// Runs of a file that are looked at: as many as a device remembers.
const MARKS_REMEMBERED: usize = 64;
/// What backups in a folder are called.
const NAME_BEGIN: &str = "kith-backup-";
const NAME_END: &str = ".kith";
