//! A store in an append-only log, with its tables in memory.
//!
//! A committed transaction is one record at the end of the log: one write and one wait for the disk, whatever it did.
//! The log lies in segments; those of which little is needed are emptied by writing that again, a bounded piece with each
//! commit. `docs/decisions/0007-log-store.md` says why, and what it costs.
//!
//! | room | what is in it |
//! |---|---|
//! | [`files`] | the few things asked of a file system; real files |
//! | `record`, `op` | the bytes of segments and operations |
//! | `scan`, `recover` | reading them back |
//! | `tables`, `print` | what is in memory |
//! | `secrets` | seeds, outside the log, so that they can be erased |
//! | `txn`, `undo` | the trait's transactions |
//! | `clean` | giving room back |
//! | `damage` | content that the disk has lost |

mod bytes;
mod clean;
mod damage;
mod error;
pub mod files;
#[cfg(any(test, feature = "testing"))]
pub mod forge;
mod names;
mod op;
mod print;
mod record;
mod recover;
mod scan;
mod secrets;
mod shelf;
mod tables;
mod txn;
mod undo;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use kith_home::store::{Health, Store, StoreError};
use kith_wire::time::Hour;

pub use error::JournalError;
pub use txn::JournalTxn;

use clean::Cursor;
use damage::{Damage, is_loss};
use files::{Disk, Files, LogFile};
use op::{Op, Roster, Sealed};
use record::{CHECKSUM, Kind, RECORD_HEAD, RecordHead, SegmentHead, open_payload};
use scan::Scan;
use secrets::Secrets;
use shelf::Shelf;
use tables::{Place, Tables};

/// A home server's store: an append-only log on the disk, tables in memory. One process owns it.
pub struct Journal<F: Files = Disk> {
    files: F,
    tables: Tables,
    secrets: Secrets,
    head: Head<F::File>,
    /// Older segments that are needed, and their lengths.
    sealed: BTreeMap<u32, u32>,
    shelf: Shelf<F>,
    damage: Damage,
    pending: Pending,
    owed: Owed,
    cleaning: Option<Cursor>,
    upkeep: Upkeep,
    /// Whether the store was opened to be read: then no file is touched.
    is_read_only: bool,
}

/// The segment that grows.
struct Head<T> {
    segment: u32,
    salt: u64,
    file: T,
    /// Bytes that are committed. What lies behind them counts for nothing.
    length: u64,
    /// The number of the next record.
    number: u64,
    /// Up to here the file is known to hold zeros behind what is committed.
    zeroed: u64,
}

/// What the open transaction will write.
#[derive(Default)]
struct Pending {
    /// Room for the head, then the payload.
    record: Vec<u8>,
    ops: Vec<u8>,
}

/// What must be done before the next transaction may begin.
#[derive(Default)]
struct Owed {
    /// A failed commit may have left bytes behind the last good one.
    cut: bool,
    /// From here on the log was read from a file of which the disk may have lost what an earlier process wrote, though it can be read.
    rewrite: Option<u64>,
    /// The file of this generation of secrets does not count and may hold some.
    wipe: Option<u64>,
    /// The next segment must be begun.
    roll: bool,
    /// Segments that nobody needs any more; these may wait.
    removals: Vec<u32>,
}

/// Bytes that are written again at once: no more is skipped where one of them cannot be read.
const REWRITE_BYTES: usize = 4096;

/// What decides when to clean.
#[derive(Default)]
struct Upkeep {
    /// Length at which a segment is sealed.
    segment_bytes: u64,
    /// Bytes committed since the shares were last looked at.
    since_look: u64,
    /// The hour, as the rules last told it.
    hour: Hour,
    /// Since when segments are known to hold content that nobody needs.
    voids: BTreeMap<u32, Hour>,
    /// Set when a segment to be emptied turned out to be damaged. It is kept as it is, and nothing is emptied any more.
    is_off: bool,
}

/// Long enough that there are few segments, short enough that a small server's disk holds little that is not needed.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Zeros written ahead of small records: enough for some hundred commits, little on a disk.
const AHEAD: u64 = 1 << 20;
/// Capacity that buffers keep between transactions.
const KEPT_CAPACITY: usize = 2 << 20;

impl Journal<Disk> {
    /// Opens the store in a folder, or creates it there, and owns it until dropped.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a store of a newer release, [`StoreError::Backend`] with a [`JournalError`] when
    /// another process has it, when it is damaged, or when the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let files = Disk::own(folder).map_err(JournalError::Disk)?.ok_or(JournalError::InUse)?;
        Self::open_in(files)
    }

    /// Opens the store in a folder to read it, and changes nothing there: no byte, no name, no time. What the next start
    /// would clean up is left as it is, and nothing can be committed. Works on a disk that cannot be written, too.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and a [`JournalError::Missing`] where there is no store.
    pub fn open_to_read(folder: &Path) -> Result<Self, StoreError> {
        let files = Disk::look_at(folder).map_err(JournalError::Disk)?.ok_or(JournalError::InUse)?;
        Self::read_in(files)
    }
}

impl<F: Files> Journal<F> {
    /// Opens the store in a folder, or creates it there.
    ///
    /// # Errors
    /// As for [`open`](Journal::open).
    pub fn open_in(files: F) -> Result<Self, StoreError> {
        Self::open_with(files, SEGMENT_BYTES)
    }

    /// Brings the files in order after whatever went wrong before.
    fn settle(&mut self) -> Result<(), JournalError> {
        if self.is_read_only {
            return Ok(());
        }
        if self.owed.cut {
            self.rewrite()?;
            self.head.file.set_length(self.head.length)?;
            self.head.file.sync()?;
            self.head.zeroed = self.head.length;
            (self.owed.cut, self.owed.rewrite) = (false, None);
        }
        if let Some(generation) = self.owed.wipe {
            secrets::wipe(&self.files, generation)?;
            self.owed.wipe = None;
        }
        if self.owed.roll || self.head.length >= self.upkeep.segment_bytes {
            self.roll()?;
        }
        self.remove_gone();
        Ok(())
    }

    /// Writes again what need not be durable. After a sync that failed, the pages of a file can be read as if they were on the disk, and
    /// another sync succeeds without writing them: only writing them does.
    fn rewrite(&mut self) -> Result<(), JournalError> {
        let Some(mut from) = self.owed.rewrite else { return Ok(()) };
        // The same bytes in the same place: nothing can be torn by it.
        secrets::write(&self.files, &self.secrets)?;
        self.files.sync_folder()?;
        let mut bytes = vec![0; REWRITE_BYTES];
        while from < self.head.length {
            let left = usize::try_from(self.head.length - from).unwrap_or(usize::MAX);
            bytes.truncate(left);
            match self.head.file.read_at(&mut bytes, from) {
                Ok(()) => self.head.file.write_at(&bytes, from)?,
                // What the disk has lost stays as it is.
                Err(problem) if is_loss(&problem) => {}
                Err(problem) => return Err(problem.into()),
            }
            from += bytes.len() as u64;
        }
        Ok(())
    }

    /// Seals the segment and begins the next one. When it fails it must be done again before anything is committed: the
    /// next segment may be in the folder already.
    fn roll(&mut self) -> Result<(), JournalError> {
        self.owed.roll = true;
        // Without a summary the next start takes longer, nothing else.
        let _ = self.summarise();
        let length = u32::try_from(self.head.length).map_err(|_| JournalError::TooLarge)?;
        let mut sealed = self.sealed.clone();
        sealed.insert(self.head.segment, length);
        let roster = Roster {
            sealed: sealed.iter().map(|(segment, length)| Sealed { segment: *segment, length: *length }).collect(),
            secrets: self.secrets.generation,
            cleaning: self.cleaning.map_or(0, |cursor| cursor.segment),
        };
        let segment = self.head.segment.checked_add(1).ok_or(JournalError::TooLarge)?;
        let next = Head::begin(&self.files, segment, self.head.number, roster)?;
        // The zeros at the end are not needed any more; no harm if they stay.
        let _ = self.head.file.set_length(self.head.length);
        self.head = next;
        self.sealed = sealed;
        self.owed.roll = false;
        Ok(())
    }

    /// Writes the summary of the segment that is about to be sealed, unless it would not be much shorter.
    fn summarise(&self) -> Result<(), scan::Stop> {
        let mut scan = Scan::new(&self.head.file, Kind::Segment, self.head.salt, self.head.length);
        let mut out = SegmentHead { segment: self.head.segment, salt: self.head.salt }.encode(Kind::Summary);
        while let Some(record) = scan.next()? {
            out.extend_from_slice(&record.head.encode());
            out.extend_from_slice(&record.raw);
            if out.len() as u64 > self.head.length / 2 {
                return Ok(());
            }
        }
        self.files.create(&names::summary(self.head.segment))?.write_at(&out, 0)?;
        Ok(())
    }

    /// Removes files of segments that are gone; what cannot be removed now can be later.
    fn remove_gone(&mut self) {
        for segment in std::mem::take(&mut self.owed.removals) {
            self.shelf.close(segment);
            // There need not be a summary.
            let _ = self.files.remove(&names::summary(segment));
            if let Err(problem) = self.files.remove(&names::segment(segment)) {
                tracing::warn!(error = &problem as &dyn std::error::Error, "an emptied segment could not be removed");
                if problem.kind() != std::io::ErrorKind::NotFound {
                    self.owed.removals.push(segment);
                }
            }
        }
    }

    /// Returns where the next part of the payload would lie.
    fn next_offset(&self) -> Result<u32, JournalError> {
        let written = self.pending.record.len() + self.pending.ops.len();
        let offset = u32::try_from(self.head.length + self.pending.record.len() as u64);
        offset.ok().filter(|_| written <= MAX_TRANSACTION).ok_or(JournalError::TooLarge)
    }

    /// Reads a part of a payload with its checksum, which is not looked at.
    fn read_raw(&self, place: &Place) -> Result<Vec<u8>, JournalError> {
        let mut part = vec![0; CHECKSUM + usize::try_from(place.length).unwrap_or(usize::MAX - CHECKSUM)];
        let offset = u64::from(place.offset);
        if place.segment != self.head.segment {
            self.shelf.with(&self.files, place.segment, |file| file.read_at(&mut part, offset))??;
        } else if offset < self.head.length {
            self.head.file.read_at(&mut part, offset)?;
        } else {
            let start = usize::try_from(offset - self.head.length).unwrap_or(usize::MAX);
            let found = start.checked_add(part.len()).and_then(|end| self.pending.record.get(start..end));
            part.copy_from_slice(found.ok_or_else(|| damaged(place))?);
        }
        Ok(part)
    }

    /// Reads a part of a payload; `None` when the disk has lost it, also when it was moved since: then it is no bytes.
    fn read(&self, place: &Place) -> Result<Option<Vec<u8>>, JournalError> {
        if self.damage.knows(place) {
            return Ok(None);
        }
        if place.length == 0 {
            self.damage.meet(place);
            return Ok(None);
        }
        let mut part = match self.read_raw(place) {
            Err(JournalError::Disk(problem)) if is_loss(&problem) => Vec::new(),
            part => part?,
        };
        if open_payload(&part).is_none() {
            self.damage.meet(place);
            return Ok(None);
        }
        part.drain(..CHECKSUM);
        Ok(Some(part))
    }
}

fn damaged(place: &Place) -> JournalError {
    JournalError::Damaged { file: names::segment(place.segment), offset: place.offset.into() }
}

impl<T: LogFile> Head<T> {
    /// Makes a segment whose first record says how the log stands. It counts once its name is durable.
    fn begin<F: Files<File = T>>(files: &F, segment: u32, number: u64, roster: Roster) -> Result<Self, JournalError> {
        let salt = random();
        let mut ops = Vec::new();
        Op::Roster(roster).encode(&mut ops);
        let mut bytes = SegmentHead { segment, salt }.encode(Kind::Segment);
        bytes.extend_from_slice(&RecordHead::new(0, &ops, number, 0, salt).encode());
        bytes.extend_from_slice(&ops);
        let unfinished = names::unfinished(segment);
        let file = files.create(&unfinished)?;
        file.write_at(&bytes, 0)?;
        file.sync()?;
        files.rename(&unfinished, &names::segment(segment))?;
        files.sync_folder()?;
        Ok(Self { segment, salt, file, length: bytes.len() as u64, number: number.saturating_add(1), zeroed: 0 })
    }
}

impl<T: LogFile> Head<T> {
    /// Writes a record behind what is committed and waits for the disk. Until it returns, what lies there counts for nothing.
    ///
    /// Where a file grows, waiting for the disk includes what the file system writes of its own, and takes many times as long. So zeros are written
    /// ahead of small records: those that follow find their place in the file.
    fn append(&mut self, record: &[u8], segment_bytes: u64) -> std::io::Result<()> {
        self.file.write_at(record, self.length)?;
        let n_bytes = record.len() as u64;
        let end = self.length.saturating_add(n_bytes);
        if end > self.zeroed && n_bytes <= AHEAD / 4 {
            self.zeroed = self.write_zeros(end, end.saturating_add(AHEAD).min(segment_bytes));
        }
        self.file.sync()?;
        (self.length, self.number) = (end, self.number.saturating_add(1));
        Ok(())
    }

    /// Writes zeros as far as there is room, and returns how far that was.
    fn write_zeros(&self, start: u64, end: u64) -> u64 {
        const ZEROS: [u8; 16 << 10] = [0; 16 << 10];
        let mut at = start;
        while at < end {
            let n_bytes = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS.len());
            let some = ZEROS.get(..n_bytes).unwrap_or_default();
            if self.file.write_at(some, at).is_err() {
                break;
            }
            at += some.len() as u64;
        }
        at
    }
}

impl Pending {
    fn clear(&mut self) {
        self.record.clear();
        self.ops.clear();
        self.record.shrink_to(KEPT_CAPACITY);
        self.ops.shrink_to(KEPT_CAPACITY);
        self.record.resize(RECORD_HEAD, 0);
    }

    /// Makes the record whole.
    fn seal(&mut self, number: u64, certain: u64, salt: u64) {
        let payload = u32::try_from(self.record.len().saturating_sub(RECORD_HEAD)).unwrap_or(u32::MAX);
        let certain = u32::try_from(certain).unwrap_or_default();
        let head = RecordHead::new(payload, &self.ops, number, certain, salt).encode();
        if let Some(room) = self.record.first_chunk_mut::<RECORD_HEAD>() {
            *room = head;
        }
        self.record.append(&mut self.ops);
    }

    fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

impl<F: Files> Store for Journal<F> {
    type Txn<'a>
        = JournalTxn<'a, F>
    where
        F: 'a;

    fn begin(&mut self) -> Result<JournalTxn<'_, F>, StoreError> {
        self.settle()?;
        self.pending.clear();
        // What an undone transaction took along to places that it did not keep.
        self.damage.forget_from(self.head.segment, u32::try_from(self.head.length).unwrap_or(u32::MAX));
        Ok(JournalTxn::new(self))
    }

    fn look(&mut self) -> Result<JournalTxn<'_, F>, StoreError> {
        self.pending.clear();
        Ok(JournalTxn::only_looking(self))
    }

    fn health(&self) -> Health {
        let upkeep =
            if self.upkeep.is_off { kith_home::store::Upkeep::Stopped } else { kith_home::store::Upkeep::Works };
        Health { damaged_rows: self.damage.n_met(), upkeep }
    }
}

/// Bytes of a transaction at most.
const MAX_TRANSACTION: usize = 1 << 30;

/// Returns a number that nobody outside can guess: the keys of a fresh `RandomState` come from the operating system.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
