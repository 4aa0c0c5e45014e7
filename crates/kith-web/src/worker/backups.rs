//! Backups: made into bytes that the app writes where the person wants them, and the recovery phrase.
//!
//! A run is in memory whole; what lay there before is read piece by piece. The file is the person's: whether it was written is
//! for the app to say, and until it has said so nothing counts as backed up.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use kith_engine::{BackupReach, BackupStart, BackupView};
use kith_vault::{BackupFileError, BackupKey, BackupReader, BackupSealer, Next, Params, Password, Phrase};
use kith_wire::backup::{end_of, pack};
use kith_wire::id::BackupMark;
use web_sys::Blob;
use zeroize::Zeroizing;

use crate::contract::{Backups, Failure, FailureCode, Notice, Reply};
use crate::failures::{chain, failure};
use crate::worker::Answer;
use crate::worker::blob::BlobReader;
use crate::worker::clock::{now, pause, rng};
use crate::worker::gate::checked;
use crate::worker::person::Person;

impl Person {
    /// Returns how well the person is prepared.
    pub(crate) fn backups(&self) -> Result<Reply, Failure> {
        let BackupView { phrase_checked, made, behind } = self.ask(|engine| engine.backups())?;
        let at = |time: kith_wire::Timestamp| time.0;
        let (phrase_checked, made, home) = (phrase_checked.map(at), made.map(at), self.home_backup()?);
        let BackupReach { contacts, missing, missing_in_last } = self.ask(|engine| engine.backup_reach(now()))?;
        let backups = Backups { phrase_checked, made, behind, contacts, missing, missing_in_last, home };
        Ok(Reply::Backups { backups })
    }

    /// Returns the recovery phrase.
    pub(crate) fn phrase(&self, password: String) -> Result<Reply, Failure> {
        let seed = self.keeper.borrow().user_seed(&checked(password)?)?;
        Ok(Reply::Phrase { words: Phrase::of_seed(&seed).words().into_iter().map(str::to_owned).collect() })
    }

    /// Remembers that the person has shown that the phrase is written down.
    pub(crate) fn phrase_checked(self: &Rc<Self>) -> Result<Reply, Failure> {
        let kept = self.engine.borrow_mut().phrase_checked(now(), &mut rng());
        kept.map_err(|error| failure(FailureCode::Storage, chain(&error)))?;
        self.turn();
        Ok(Reply::Done)
    }

    /// Makes a backup: what is new since `file` was written, when it is one of this device, else everything.
    pub(crate) async fn back_up(self: &Rc<Self>, password: String, file: Option<Blob>) -> Result<Answer, Failure> {
        let _alone = self.alone()?;
        let password = checked(password)?;
        let seed = self.keeper.borrow().user_seed(&password)?;
        let lying = file.map(|file| self.look(&file, &seed, &password)).transpose()?;
        let (sealer, start, mut bytes) = self.begin(lying.flatten(), &seed, (&password, Params::PHONE))?;
        let keep = if bytes.is_empty() { sealer.end() } else { 0 };
        let (contacts, mark) = (start.contacts, start.run.mark());
        let put = |sealed: &[u8]| {
            bytes.extend_from_slice(sealed);
            Ok(())
        };
        let messages = self.seal_run(start, sealer, put).await?;
        self.backup_made.set(Some(mark));
        Ok(Answer { reply: Reply::BackedUp { keep, contacts, messages }, bytes: Some(bytes) })
    }

    /// The bytes of the last backup are where the person wants them.
    pub(crate) fn backup_kept(self: &Rc<Self>) -> Result<Reply, Failure> {
        if let Some(mark) = self.backup_made.take() {
            let done = self.engine.borrow_mut().backup_done(mark, now(), &mut rng());
            done.map_err(|error| failure(FailureCode::Storage, chain(&error)))?;
            self.turn();
        }
        Ok(Reply::Done)
    }

    /// One backup at a time: what changes under a second one is said in the wrong file.
    pub(crate) fn alone(&self) -> Result<Alone<'_>, Failure> {
        let alone = Alone::of(&self.is_backing_up);
        alone.ok_or_else(|| failure(FailureCode::BackupRunning, "another backup is being made"))
    }

    /// Returns the last run of a file that the person has chosen, if this one may go behind it.
    fn look(
        &self,
        file: &Blob,
        seed: &[u8; 32],
        password: &Password,
    ) -> Result<Option<(BackupReader, BackupMark)>, Failure> {
        if crate::worker::blob::length(file) == 0 {
            return Ok(None);
        }
        let Some((reader, last)) = self.last_run(open(file, &BackupKey::Seed(seed))?)? else { return Ok(None) };
        let is_current = reader.is_opened_by(password)?;
        Ok(is_current.then_some((reader, last)))
    }

    /// Reads what lies there to its end: a backup that would not open on the day it is needed is made anew now. Returns the
    /// last run behind which this one may go.
    pub(crate) fn last_run(&self, mut reader: BackupReader) -> Result<Option<(BackupReader, BackupMark)>, Failure> {
        let (mut marks, mut is_damaged) = (Vec::new(), false);
        loop {
            match reader.read_next() {
                Ok(Next::Segment(segment)) if segment.is_last => {
                    marks.extend(end_of(&segment.content).map(|(mark, _)| mark));
                }
                Ok(Next::Segment(_)) => {}
                Ok(Next::End | Next::Torn) => break,
                Err(BackupFileError::Damaged { .. }) => {
                    is_damaged = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        // KE-74: what another device has written may say more than this one knows.
        if !marks.is_empty() && !self.ask(|engine| engine.knows_backup(&marks))? {
            return Err(failure(FailureCode::BackupOfOther, "this is a backup by another device of yours"));
        }
        let Some(last) = marks.last().copied() else { return Ok(None) };
        let is_ours = self.ask(|engine| engine.knows_backup(&[last]))?;
        Ok((is_ours && !is_damaged).then_some((reader, last)))
    }

    /// Begins a run, behind what lies there or as a new backup, and returns the bytes that come first.
    pub(crate) fn begin(
        &self,
        lying: Option<(BackupReader, BackupMark)>,
        seed: &[u8; 32],
        (password, params): (&Password, Params),
    ) -> Result<(BackupSealer, BackupStart, Vec<u8>), Failure> {
        let begin = |since| self.engine.borrow_mut().begin_backup(since, now(), &mut rng());
        if let Some((reader, mark)) = lying {
            let start = begin(Some(mark))?;
            // A file that is more than twice as long as it need be is made anew.
            let worth = start.whole_bytes.saturating_mul(2).saturating_add(SPARED_BYTES);
            if reader.whole().end() <= worth {
                return Ok((BackupSealer::behind(&reader), start, Vec::new()));
            }
        }
        let start = begin(None)?;
        let (sealer, head) = BackupSealer::begin(seed, password, params, &mut rng())?;
        Ok((sealer, start, head))
    }

    /// Seals a run to its end, and puts it piece by piece. Returns how many messages are in it.
    pub(crate) async fn seal_run(
        &self,
        start: BackupStart,
        mut sealer: BackupSealer,
        mut put: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let BackupStart { mut run, messages: total, .. } = start;
        let (mut content, mut done) = (Zeroizing::new(Vec::with_capacity(SEGMENT_BYTES)), 0_u64);
        loop {
            let portion = self.ask(|engine| engine.continue_backup(&mut run, now()))?;
            for item in &portion.items {
                let mut packed = Zeroizing::new(Vec::new());
                pack(&mut packed, item).map_err(|error| failure(FailureCode::Internal, error))?;
                if !content.is_empty() && content.len().saturating_add(packed.len()) > SEGMENT_BYTES {
                    put(&sealer.put(&content, &mut rng())?)?;
                    content.clear();
                }
                content.extend_from_slice(&packed);
            }
            done = done.saturating_add(portion.messages);
            self.teller.tell(&Notice::BackingUp { done, total: total.max(done) });
            if portion.is_last {
                put(&sealer.finish(&content, &mut rng())?)?;
                return Ok(done);
            }
            // What arrives meanwhile gets its turn between two portions.
            pause(0).await;
        }
    }
}

/// Opens a backup that the person has chosen.
pub(crate) fn open(file: &Blob, key: &BackupKey<'_>) -> Result<BackupReader, Failure> {
    let unreadable = |error: std::io::Error| failure(FailureCode::FileUnreadable, error);
    Ok(BackupReader::of(Path::new("the backup"), BlobReader::new(file).map_err(unreadable)?, key)?)
}

/// Held while a backup is being made.
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

/// Bytes of items in one segment, about; a longer item has one of its own.
const SEGMENT_BYTES: usize = 256 * 1024;
/// What is not worth making a file anew for.
const SPARED_BYTES: u64 = 1024 * 1024;
