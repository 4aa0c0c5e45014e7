//! Giving room back: what is still needed of a segment is written again at the end of the log, then the segment is removed.
//!
//! One segment at a time, a bounded piece with each commit, in the same record: cleaning costs no wait for the disk of
//! its own. Until the segment is gone, some rows lie in the log twice; the later ones count, as anywhere.
//!
//! A removal must be kept while a version of its row lies anywhere. It names the segments where that may be (its
//! [`Span`]) and is written again as long as one of them exists. Only the segment that is being emptied can hold stale copies of rows
//! that lie elsewhere, so the one that was begun is always finished first, also after a restart.
//!
//! Content that the disk has lost is moved as no bytes: its row stays until its time is over, and takes next to no room.

use kith_home::store::{OutgoingKey, Queue, StoreError, Txn};
use kith_wire::id::ReaderId;
use kith_wire::time::{Hour, Timestamp};

use super::damage::is_loss;
use super::error::JournalError;
use super::files::Files;
use super::op::{Op, QueueState, Span};
use super::print::Print;
use super::record::{Kind, SEGMENT_HEAD};
use super::scan::{Record, Scan, Stop, read_head};
use super::tables::{Changed, EntryPlace, Floor, OutgoingRow, QueueRow, Row, Stored};
use super::txn::JournalTxn;
use super::undo::Undo;
use super::{Journal, names};

mod pick;

/// How far the segment that is being emptied has been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) segment: u32,
    salt: u64,
    length: u64,
    /// Where the next record begins, and how many of its operations are done.
    record: u64,
    n_done: usize,
}

/// What a commit has cleaned; it counts when the commit is durable.
pub(crate) enum Cleaned {
    Nothing,
    UpTo(Cursor),
    All { segment: u32 },
}

/// What is left to do in this commit.
struct Budget {
    bytes: u64,
    n_ops: usize,
}

/// What becomes of a removal whose segment is emptied.
enum Removal {
    Void,
    Keep,
    /// A newer row with the same name lies in one of its segments; that row is the one to remember the older ones.
    Absorb,
}

/// Operations looked at in one commit.
const OPS: usize = 4096;
/// Bytes written again with each commit while cleaning is needed, besides twice what the commit itself writes: more than
/// comes in, so that cleaning wins.
const BYTES: u64 = 64 << 10;

impl<F: Files> JournalTxn<'_, F> {
    /// Cleans a bounded piece, if there is need.
    pub(crate) fn clean(&mut self) -> Cleaned {
        let written = self.said() as u64;
        let is_asked = self.tidies > 0;
        if self.journal.upkeep.is_off || (self.journal.pending.is_empty() && self.has_no_secrets() && !is_asked) {
            return Cleaned::Nothing;
        }
        let Some(cursor) = self.journal.cleaning.or_else(|| self.begin_cleaning(is_asked)) else {
            return Cleaned::Nothing;
        };
        let bytes = (2 * written).saturating_add(BYTES).max(self.tidies);
        let n_ops = if is_asked { 4 * OPS } else { OPS };
        self.clean_from(cursor, Budget { bytes, n_ops })
    }

    /// Picks a segment and says that it will be emptied.
    fn begin_cleaning(&mut self, is_asked: bool) -> Option<Cursor> {
        let segment = if is_asked { self.journal.pick_when_idle() } else { self.journal.pick_when_full() }?;
        let cursor = self.journal.cursor(segment)?;
        self.say(&Op::Cleaning { segment });
        Some(cursor)
    }

    fn clean_from(&mut self, mut cursor: Cursor, mut budget: Budget) -> Cleaned {
        loop {
            let record = match self.journal.record_at(&cursor) {
                Ok(Some(record)) => record,
                Ok(None) => {
                    self.say(&Op::SegmentGone { segment: cursor.segment });
                    return Cleaned::All { segment: cursor.segment };
                }
                Err(()) => return Cleaned::UpTo(cursor),
            };
            for (op, offset) in record.placed().skip(cursor.n_done) {
                if budget.bytes == 0 || budget.n_ops == 0 {
                    return Cleaned::UpTo(cursor);
                }
                let before = self.said();
                if let Err(problem) = self.write_again(op, offset, cursor.segment) {
                    // The next commit tries again from here.
                    tracing::warn!(error = &problem as &dyn std::error::Error, "cleaning was interrupted");
                    return Cleaned::UpTo(cursor);
                }
                budget.bytes = budget.bytes.saturating_sub(self.said().saturating_sub(before) as u64);
                budget.n_ops = budget.n_ops.saturating_sub(1);
                cursor.n_done += 1;
            }
            (cursor.record, cursor.n_done) = (record.end(), 0);
        }
    }

    /// Returns how many bytes the record has by now.
    fn said(&self) -> usize {
        self.journal.pending.record.len() + self.journal.pending.ops.len()
    }

    /// Writes again what an operation in a segment that is being emptied says, if it still counts.
    fn write_again(&mut self, op: &Op, offset: u32, victim: u32) -> Result<(), StoreError> {
        match op {
            // These stand in the newest segment already.
            Op::Touch | Op::Roster(_) | Op::Secrets { .. } | Op::Cleaning { .. } | Op::SegmentGone { .. } => Ok(()),
            Op::Account { key, .. } => {
                let row = self.tables().accounts.get(key).filter(|row| row.segment == victim);
                row.map(|row| row.value.clone()).map_or(Ok(()), |account| self.put_account(key, &account))
            }
            Op::Invite { code, .. } => {
                let row = self.tables().invites.get(code).filter(|row| row.segment == victim);
                row.map(|row| row.value.clone()).map_or(Ok(()), |invite| self.put_invite(code, &invite))
            }
            Op::Blob { id, .. } => {
                let row = self.tables().blobs.get(id).filter(|row| row.segment == victim);
                row.map(|row| row.value.clone()).map_or(Ok(()), |blob| self.put_blob(id, &blob))
            }
            Op::Queue { reader, .. } => {
                self.write_queue_again(reader, victim);
                Ok(())
            }
            Op::QueueState { reader, .. } => {
                self.write_queue_state_again(reader, victim);
                Ok(())
            }
            Op::Entry { reader, seq, .. } => self.write_entry_again(reader, *seq, victim, offset),
            Op::Outgoing { key, .. } => self.write_outgoing_again(key, victim, offset),
            Op::OutgoingState { key, .. } => {
                let row = self.tables().outgoing.get(key);
                let row = row.filter(|row| row.value.state == victim && row.segment != victim).cloned();
                if let Some(row) = row {
                    let (next_attempt, attempts) = (row.value.relay.next_attempt, row.value.relay.attempts);
                    self.put_outgoing_state(key, row, next_attempt, attempts);
                }
                Ok(())
            }
            Op::Returned { key, .. } => self.write_returned_again(key, victim, offset),
            Op::Chunk { id, number, .. } => {
                let row = self.tables().chunks.get(&(*id, *number)).cloned();
                let Some(row) = row.filter(|row| (row.segment, row.value.offset) == (victim, offset)) else {
                    return Ok(());
                };
                let place = self.payload_again(&row.value)?;
                self.say(&Op::Chunk { id: *id, number: *number, length: place.length });
                let row = self.row(place, None);
                self.set_chunk(id, *number, Some(row));
                Ok(())
            }
            Op::Dedup { print, last_hour } => {
                if self.tables().dedup.last_hour(print) == Some(*last_hour) {
                    self.say_dedup(*print, *last_hour);
                }
                Ok(())
            }
            Op::DedupBefore { hour, since } => {
                let floor = Floor { before: *hour, since: *since, segment: victim };
                if self.tables().dedup.floors.has(&floor) {
                    let before = self.tables().dedup.floors.clone();
                    self.journal.tables.dedup.floors.remove(&floor);
                    self.stepped(Undo::DedupFloors(before));
                    if self.journal.older_than(*since, victim) {
                        self.say_dedup_floor(*hour, *since);
                    }
                }
                Ok(())
            }
            Op::Nonce { print, expires } => {
                if self.tables().nonces.expiry(print) == Some(*expires) {
                    self.say(&Op::Nonce { print: *print, expires: *expires });
                }
                Ok(())
            }
            Op::NoncesBefore { time, since } => {
                let floor = Floor { before: *time, since: *since, segment: victim };
                if self.tables().nonces.floors.has(&floor) {
                    let before = self.tables().nonces.floors.clone();
                    self.journal.tables.nonces.floors.remove(&floor);
                    self.stepped(Undo::NonceFloors(before));
                    if self.journal.older_than(*since, victim) {
                        self.say_nonce_floor(*time, *since);
                    }
                }
                Ok(())
            }
            removal => {
                self.write_removal_again(removal, victim);
                Ok(())
            }
        }
    }

    fn write_queue_again(&mut self, reader: &ReaderId, victim: u32) {
        let Some((slot, row)) = self.slot(reader).filter(|(_, row)| row.base == victim) else { return };
        let (queue, segment) = (row.queue.clone(), self.segment());
        let Queue { verifier, next_seq, length, overflow, .. } = queue;
        self.say(&Op::Queue { reader: *reader, queue });
        let state = QueueState { next_seq, length, overflow };
        self.change_queue(slot, &Changed { verifier, state, base: segment, last: segment });
    }

    fn write_queue_state_again(&mut self, reader: &ReaderId, victim: u32) {
        // With the whole row in the same segment, it takes the state along.
        let is_alone = |row: &QueueRow| row.state == victim && row.base != victim;
        let Some((slot, row)) = self.slot(reader).filter(|(_, row)| is_alone(row)) else { return };
        let Queue { verifier, next_seq, length, overflow, .. } = row.queue;
        let (base, state) = (row.base, QueueState { next_seq, length, overflow });
        self.say(&Op::QueueState { reader: *reader, state });
        let last = self.segment();
        self.change_queue(slot, &Changed { verifier, state, base, last });
    }

    fn write_entry_again(&mut self, reader: &ReaderId, seq: u64, victim: u32, offset: u32) -> Result<(), StoreError> {
        let Some((slot, row)) = self.slot(reader) else { return Ok(()) };
        let here = |entry: &&EntryPlace| (entry.place.segment, entry.place.offset) == (victim, offset);
        let Some(entry) = row.entry(seq).filter(here).copied() else { return Ok(()) };
        let place = self.payload_again(&entry.place)?;
        self.say(&Op::Entry { reader: *reader, seq, arrived: entry.arrived, length: place.length });
        self.put_entry(slot, EntryPlace { place, ..entry });
        Ok(())
    }

    fn write_outgoing_again(&mut self, key: &OutgoingKey, victim: u32, offset: u32) -> Result<(), StoreError> {
        let row = self.tables().outgoing.get(key).cloned();
        let here = |row: &Row<OutgoingRow>| (row.segment, row.value.place.offset) == (victim, offset);
        let Some(Row { value, oldest, .. }) = row.filter(here) else { return Ok(()) };
        let place = self.payload_again(&value.place)?;
        self.say(&Op::Outgoing { key: *key, relay: value.relay.clone(), length: place.length });
        let row = self.row(OutgoingRow { place, state: place.segment, ..value }, Some(oldest));
        self.set_outgoing(key, Some(row));
        Ok(())
    }

    fn write_returned_again(&mut self, key: &OutgoingKey, victim: u32, offset: u32) -> Result<(), StoreError> {
        let row = self.tables().returned.get(key).cloned();
        let here = |row: &Row<Stored>| (row.segment, row.value.place.offset) == (victim, offset);
        let Some(Row { value, oldest, .. }) = row.filter(here) else { return Ok(()) };
        let place = self.payload_again(&value.place)?;
        self.say(&Op::Returned { key: *key, stored: value.hour, length: place.length });
        let row = self.row(Stored { place, ..value }, Some(oldest));
        self.set_returned(key, Some(row));
        Ok(())
    }

    fn say_dedup(&mut self, print: Print, last_hour: Hour) {
        let segment = self.segment();
        self.say(&Op::Dedup { print, last_hour });
        self.journal.tables.live.add_dedup(segment, last_hour);
        self.stepped(Undo::DedupCounted(last_hour, segment));
    }

    /// Says which deposits are forgotten, and once more which are remembered in spite of it: none, unless a clock
    /// was ahead.
    pub(crate) fn say_dedup_floor(&mut self, hour: Hour, since: u32) {
        let segment = self.segment();
        self.say(&Op::DedupBefore { hour, since });
        let exempt: Vec<(Print, Hour)> = self.tables().dedup.before(hour).collect();
        for (print, last_hour) in exempt {
            self.say_dedup(print, last_hour);
        }
        let dedup = &mut self.journal.tables.dedup;
        let before = dedup.floors.clone();
        dedup.floors.add(Floor { before: hour, since, segment });
        dedup.owes_floor = false;
        self.stepped(Undo::DedupFloors(before));
    }

    /// Says which nonces are forgotten, and once more which are remembered in spite of it: none, unless a clock
    /// was ahead.
    pub(crate) fn say_nonce_floor(&mut self, time: Timestamp, since: u32) {
        let segment = self.segment();
        self.say(&Op::NoncesBefore { time, since });
        let exempt: Vec<(Print, Timestamp)> = self.tables().nonces.before(time).collect();
        for (print, expires) in exempt {
            self.say(&Op::Nonce { print, expires });
        }
        let nonces = &mut self.journal.tables.nonces;
        let before = nonces.floors.clone();
        nonces.floors.add(Floor { before: time, since, segment });
        nonces.owes_floor = false;
        self.stepped(Undo::NonceFloors(before));
    }

    /// Writes a removal again, while older versions of its row lie somewhere.
    fn write_removal_again(&mut self, op: &Op, victim: u32) {
        let Some(span) = op.removes_in() else { return };
        let newer = self.newer_row(op);
        match self.journal.removal(span, victim, newer) {
            Removal::Void => {}
            Removal::Keep => self.say_removal(op, span),
            Removal::Absorb => self.lower_oldest(op, span.first),
        }
    }

    /// Says that a row is gone, and counts that as something that is needed.
    pub(crate) fn say_removal(&mut self, op: &Op, span: Span) {
        self.say(op);
        let segment = self.segment();
        self.journal.tables.live.add_removal(segment, span.last);
        self.stepped(Undo::RemovalCounted(segment, span.last));
    }

    /// Returns the segment of the row that has a removed one's name now.
    fn newer_row(&self, op: &Op) -> Option<u32> {
        let tables = self.tables();
        match op {
            Op::InviteGone { code, .. } => tables.invites.get(code).map(|row| row.segment),
            Op::QueueGone { reader, .. } => self.slot(reader).map(|(_, row)| row.span().last),
            Op::EntryGone { reader, seq, .. } => {
                let entry = self.slot(reader).and_then(|(_, row)| row.entry(*seq));
                entry.map(|entry| entry.place.segment)
            }
            Op::OutgoingGone { key, .. } => tables.outgoing.get(key).map(|row| row.whole_span().last),
            Op::ReturnedGone { key, .. } => tables.returned.get(key).map(|row| row.segment),
            Op::BlobGone { id, .. } => tables.blobs.get(id).map(|row| row.segment),
            Op::ChunkGone { id, number, .. } => tables.chunks.get(&(*id, *number)).map(|row| row.segment),
            _ => None,
        }
    }

    /// Notes that a row has older versions from before an earlier removal. Entries and chunks have none: their removals name one segment, and that is the row's own.
    fn lower_oldest(&mut self, op: &Op, first: u32) {
        let slot = if let Op::QueueGone { reader, .. } = op { self.slot(reader).map(|(slot, _)| slot) } else { None };
        let tables = &mut self.journal.tables;
        let oldest = match op {
            Op::InviteGone { code, .. } => tables.invites.get_mut(code).map(|row| &mut row.oldest),
            Op::OutgoingGone { key, .. } => tables.outgoing.get_mut(key).map(|row| &mut row.oldest),
            Op::ReturnedGone { key, .. } => tables.returned.get_mut(key).map(|row| &mut row.oldest),
            Op::BlobGone { id, .. } => tables.blobs.get_mut(id).map(|row| &mut row.oldest),
            _ => None,
        };
        if let Some(oldest) = oldest {
            *oldest = first.min(*oldest);
        }
        if let Some(slot) = slot {
            tables.queues.lower_oldest(slot, first);
        }
    }
}

impl<F: Files> Journal<F> {
    /// Returns where to begin with a segment; `None` when it cannot be read.
    pub(crate) fn cursor(&mut self, segment: u32) -> Option<Cursor> {
        let length = u64::from(*self.sealed.get(&segment)?);
        let head = self.shelf.with(&self.files, segment, |file| read_head(file, Kind::Segment)).ok().flatten()?;
        Some(Cursor { segment, salt: head.salt, length, record: SEGMENT_HEAD as u64, n_done: 0 })
    }

    /// Reads the record that is to be emptied next; `Ok(None)` at the end of the segment.
    fn record_at(&mut self, cursor: &Cursor) -> Result<Option<Record>, ()> {
        let read = |file: &F::File| Scan::at(file, cursor.salt, cursor.length, cursor.record).next();
        let stop = match self.shelf.with(&self.files, cursor.segment, read) {
            Ok(Ok(record)) => return Ok(record),
            Ok(Err(Stop::Damaged(offset))) => {
                self.upkeep.is_off = true;
                JournalError::Damaged { file: names::segment(cursor.segment), offset }
            }
            Ok(Err(Stop::Io(problem))) => {
                // Bytes that the disk has lost are not found by asking for them with every commit.
                self.upkeep.is_off = is_loss(&problem);
                problem.into()
            }
            Err(problem) => problem,
        };
        tracing::error!(error = &stop as &dyn std::error::Error, "a segment cannot be emptied");
        Err(())
    }

    /// Returns whether a segment up to `last` is there besides the one that is being emptied.
    fn older_than(&self, last: u32, victim: u32) -> bool {
        self.sealed.range(..=last).any(|(segment, _)| *segment != victim)
    }

    /// Decides about a removal in a segment that is being emptied.
    fn removal(&self, span: Span, victim: u32, newer: Option<u32>) -> Removal {
        let is_needed = self.sealed.range(span.range()).any(|(segment, _)| *segment != victim);
        match newer {
            _ if !is_needed => Removal::Void,
            Some(segment) if span.holds(segment) => Removal::Absorb,
            _ => Removal::Keep,
        }
    }

    /// Notes what a durable commit has cleaned.
    pub(crate) fn cleaned(&mut self, cleaned: &Cleaned) {
        match *cleaned {
            Cleaned::Nothing => {}
            Cleaned::UpTo(cursor) => self.cleaning = Some(cursor),
            Cleaned::All { segment } => {
                self.cleaning = None;
                self.sealed.remove(&segment);
                self.tables.live.forget(segment);
                self.upkeep.voids.remove(&segment);
                self.damage.forget(segment);
                self.owed.removals.push(segment);
                self.remove_gone();
            }
        }
    }
}
