//! Backups of a person's folder: written to a file, or to a file in a folder, run behind run.

use std::path::{Path, PathBuf};

use kith_engine::{BackupError, BackupStart, WakeError};
use kith_vault::{
    BackupFileError, BackupKey, BackupPlace, BackupReader, BackupWriter, MAX_SEGMENT_CONTENT, Next, Password, Phrase,
    ProveError,
};
use kith_wire::Timestamp;
use kith_wire::backup::{BackupItem, pack, unpack};
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
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] BackupFileError),
    /// The engine refuses.
    #[error(transparent)]
    Engine(#[from] BackupError),
    /// The backup is whole, and the folder could not remember it.
    #[error(transparent)]
    Remember(#[from] WakeError),
}

/// What was found where a backup is to be written.
enum Found {
    /// Nothing.
    Nothing,
    /// A backup that can grow here, behind this run.
    Grows { at: BackupPlace, bytes: u64, mark: BackupMark },
    /// Something that is replaced.
    Replaced(BackupKind),
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
        let seed = self.seed(password)?;
        let path = place(target, &seed);
        let found = look(&path, &seed, password, overwrite).await?;
        let (start, at, kind) = match (found, growth) {
            (Found::Nothing, _) => (self.begin_backup(None)?, None, BackupKind::New),
            (Found::Replaced(kind), _) => (self.begin_backup(None)?, None, kind),
            (Found::Grows { .. }, Growth::Anew) => (self.begin_backup(None)?, None, BackupKind::Anew),
            (Found::Grows { at, bytes, mark }, Growth::Usual) => match self.begin_backup(Some(mark)) {
                Ok(start) if is_worth_anew(bytes, &start) => (self.begin_backup(None)?, None, BackupKind::Anew),
                Ok(start) => (start, Some(at), BackupKind::Grown),
                Err(BackupError::UnknownMark) if overwrite == Overwrite::Allowed => {
                    (self.begin_backup(None)?, None, BackupKind::Replaced)
                }
                Err(BackupError::UnknownMark) => return Err(BackUpError::OtherDevice(path)),
                Err(error) => return Err(error.into()),
            },
        };
        let writer = match at {
            Some(at) => BackupWriter::append(&path, &BackupKey::Seed(&seed), at)?,
            None => BackupWriter::create(&path, &seed, password, self.inner.params, &mut rng())?,
        };
        let (contacts, mark) = (start.contacts, start.run.mark());
        let (messages, bytes) = self.write(start, writer, progress).await?;
        self.inner.engine.borrow_mut().backup_done(mark, now(), &mut rng())?;
        self.turn();
        Ok(BackedUp { file: path, contacts, messages, bytes, kind })
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

    fn seed(&self, password: &Password) -> Result<Zeroizing<[u8; 32]>, BackUpError> {
        self.inner.keeper.borrow().user_seed(password).map_err(|error| match error {
            ProveError::WrongPassword => BackUpError::WrongPassword,
            other => BackUpError::Prove(other),
        })
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
                pack(&mut packed, item);
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

/// A file that is more than twice as long as it need be.
fn is_worth_anew(bytes: u64, start: &BackupStart) -> bool {
    bytes > start.whole_bytes.saturating_mul(2).saturating_add(SPARED_BYTES)
}

/// Returns where the backup lies, or will lie: in a folder it has a name of its own.
fn place(target: &Path, seed: &[u8; 32]) -> PathBuf {
    if !target.is_dir() {
        return target.to_owned();
    }
    let names = std::fs::read_dir(target).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(NAME_BEGIN) && name.ends_with(NAME_END)
    };
    let mut backups: Vec<PathBuf> = names.filter(is_named).collect();
    backups.sort();
    let is_ours = |path: &PathBuf| BackupReader::open(path, &BackupKey::Seed(seed)).is_ok();
    backups.into_iter().find(is_ours).unwrap_or_else(|| {
        let name: [u8; 4] = kith_crypto::random::bytes(&mut rng());
        target.join(format!("{NAME_BEGIN}{:08x}{NAME_END}", u32::from_be_bytes(name)))
    })
}

/// Reads what lies there to its end: a backup that would not open on the day it is needed is written anew now.
async fn look(path: &Path, seed: &[u8; 32], password: &Password, overwrite: Overwrite) -> Result<Found, BackUpError> {
    if std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(Found::Nothing);
    }
    let mut reader = match BackupReader::open(path, &BackupKey::Seed(seed)) {
        Ok(reader) => reader,
        Err(error @ BackupFileError::Folder(_)) => return Err(error.into()),
        Err(_) if overwrite == Overwrite::Allowed => return Ok(Found::Replaced(BackupKind::Replaced)),
        Err(why) => return Err(BackUpError::Foreign { path: path.to_owned(), why }),
    };
    let mut last = None;
    loop {
        match reader.read_next() {
            Ok(Next::Segment(segment)) if segment.is_last => match end_of(&segment.content) {
                Some((mark, _)) => last = Some((mark, segment.end)),
                None => return Ok(Found::Replaced(BackupKind::Mended)),
            },
            Ok(Next::Segment(_)) => {}
            Ok(Next::End | Next::Torn) => break,
            Err(BackupFileError::Damaged { .. }) => return Ok(Found::Replaced(BackupKind::Mended)),
            Err(error) => return Err(error.into()),
        }
        tokio::task::yield_now().await;
    }
    let Some((mark, bytes)) = last else { return Ok(Found::Replaced(BackupKind::Mended)) };
    if !reader.is_opened_by(password)? {
        return Ok(Found::Replaced(BackupKind::NewPassword));
    }
    Ok(Found::Grows { at: reader.whole(), bytes, mark })
}

/// Returns what the last segment of a run ends with.
pub(crate) fn end_of(content: &[u8]) -> Option<(BackupMark, Timestamp)> {
    unpack(content).ok()?.into_iter().rev().find_map(|item| match item {
        BackupItem::End { mark, made } => Some((mark, made)),
        _ => None,
    })
}

/// Bytes of items in one segment, about; a longer item has one of its own.
const SEGMENT_BYTES: usize = 256 * 1024;
const _: () = assert!(SEGMENT_BYTES + 65_540 <= MAX_SEGMENT_CONTENT, "one item more still fits");
/// What is not worth writing a file anew for.
const SPARED_BYTES: u64 = 1024 * 1024;
/// What backups in a folder are called.
const NAME_BEGIN: &str = "kith-backup-";
const NAME_END: &str = ".kith";
