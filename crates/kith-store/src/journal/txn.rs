//! A transaction: changes the tables at once, remembers the way back, and notes what the log will say.

use std::cell::Cell;

use kith_home::store::StoreError;
use kith_wire::id::ReaderId;

use super::Journal;
use super::clean::Cleaned;
use super::error::JournalError;
use super::files::{Disk, Files, LogFile};
use super::op::{Op, Span};
use super::record::push_payload;
use super::secrets::{self, Secrets};
use super::tables::{Changed, EntryPlace, Place, QueueRow, Row, Slot, Tables};
use super::undo::Undo;

mod listing;
mod rows;

/// An open transaction. Dropped without a commit it takes its steps back.
pub struct JournalTxn<'a, F: Files = Disk> {
    pub(crate) journal: &'a mut Journal<F>,
    undo: Vec<Undo>,
    /// The next generation, once something in it has changed.
    secrets: Option<Secrets>,
    /// Bytes that cleaning may write again in this commit at least, as housekeeping asked.
    pub(crate) tidies: u64,
    /// Rows that were read without their content.
    n_lost: Cell<u64>,
    /// Whether nothing of it can be committed.
    only_looks: bool,
}

impl<F: Files> Drop for JournalTxn<'_, F> {
    fn drop(&mut self) {
        while let Some(step) = self.undo.pop() {
            step.apply(&mut self.journal.tables);
        }
    }
}

impl<'a, F: Files> JournalTxn<'a, F> {
    pub(crate) fn new(journal: &'a mut Journal<F>) -> Self {
        let only_looks = journal.is_read_only;
        Self { journal, undo: Vec::new(), secrets: None, tidies: 0, n_lost: Cell::new(0), only_looks }
    }

    /// A transaction of which nothing can be committed.
    pub(crate) fn only_looking(journal: &'a mut Journal<F>) -> Self {
        let mut txn = Self::new(journal);
        txn.only_looks = true;
        txn
    }

    /// Returns the segment into which this transaction writes.
    pub(crate) fn segment(&self) -> u32 {
        self.journal.head.segment
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.journal.tables
    }

    /// Notes what the log will say.
    pub(crate) fn say(&mut self, op: &Op) {
        op.encode(&mut self.journal.pending.ops);
    }

    /// Notes the way back from a step.
    pub(crate) fn stepped(&mut self, undo: Undo) {
        self.undo.push(undo);
    }

    /// Adds bytes to the payload, in the order of their operations.
    pub(crate) fn payload(&mut self, bytes: &[u8]) -> Result<Place, StoreError> {
        let place = self.next_place(bytes.len())?;
        push_payload(&mut self.journal.pending.record, bytes);
        Ok(place)
    }

    /// Adds a part of a payload that lies elsewhere in the log. What is lost becomes nothing at all: with a checksum that is
    /// wrong it would make this record look torn.
    pub(crate) fn payload_again(&mut self, from: &Place) -> Result<Place, StoreError> {
        let content = if from.length > 0 { self.journal.read(from)? } else { None };
        let place = self.payload(content.as_deref().unwrap_or_default())?;
        self.journal.damage.take_along(from, &place);
        Ok(place)
    }

    /// Reads content; `None`, and it is counted, when the disk has lost it.
    pub(crate) fn content(&self, place: &Place) -> Result<Option<Vec<u8>>, StoreError> {
        let content = self.journal.read(place)?;
        if content.is_none() {
            self.n_lost.set(self.n_lost.get().saturating_add(1));
        }
        Ok(content)
    }

    fn next_place(&self, length: usize) -> Result<Place, StoreError> {
        let length = u32::try_from(length).map_err(|_| JournalError::TooLarge)?;
        Ok(Place { segment: self.segment(), offset: self.journal.next_offset()?, length })
    }

    /// Returns a row as it is written now: in this segment, perhaps with older versions in others.
    pub(crate) fn row<V>(&self, value: V, before: Option<u32>) -> Row<V> {
        let segment = self.segment();
        Row { value, segment, oldest: before.map_or(segment, |oldest| oldest.min(segment)) }
    }

    fn secrets(&self) -> &Secrets {
        self.secrets.as_ref().unwrap_or(&self.journal.secrets)
    }

    pub(crate) fn has_no_secrets(&self) -> bool {
        self.secrets.is_none()
    }

    /// Returns the next generation of secrets, to be changed.
    fn new_secrets(&mut self) -> &mut Secrets {
        let now = &self.journal.secrets;
        self.secrets.get_or_insert_with(|| Secrets { generation: now.generation.saturating_add(1), ..now.clone() })
    }

    pub(crate) fn slot(&self, reader: &ReaderId) -> Option<(Slot, &QueueRow)> {
        let slot = self.tables().queues.by_reader(reader)?;
        Some((slot, self.tables().queues.row(slot)?))
    }

    pub(crate) fn change_queue(&mut self, slot: Slot, to: &Changed) {
        let tables = &mut self.journal.tables;
        if let Some(before) = tables.queues.change(slot, to, &mut tables.live) {
            self.undo.push(Undo::QueueChanged(slot, before));
        }
    }

    /// Puts an entry where the log has it now.
    pub(crate) fn put_entry(&mut self, slot: Slot, entry: EntryPlace) {
        let tables = &mut self.journal.tables;
        let before = tables.queues.add_entry(slot, entry, &mut tables.live);
        self.undo.push(before.map_or(Undo::EntryAdded(slot, entry.seq), |before| Undo::Entry(slot, before)));
    }

    fn drop_entry(&mut self, reader: &ReaderId, slot: Slot, seq: u64) -> bool {
        let tables = &mut self.journal.tables;
        let Some(entry) = tables.queues.remove_entry(slot, seq, &mut tables.live) else { return false };
        self.undo.push(Undo::Entry(slot, entry));
        let segment = entry.place.segment;
        self.say_removal(&Op::EntryGone { reader: *reader, seq, segment }, Span::only(segment));
        true
    }

    /// Makes everything durable: cleans a little, writes the secrets if they changed, then the record.
    fn write(&mut self) -> Result<(), StoreError> {
        if self.only_looks {
            return Err(JournalError::ReadOnly.into());
        }
        let cleaned = self.clean();
        if self.journal.pending.is_empty() && self.secrets.is_none() {
            // What was forgotten in pieces is forgotten, though the record that says so is still owed.
            self.undo.clear();
            return Ok(());
        }
        if let Some(secrets) = &self.secrets {
            let generation = secrets.generation;
            // Until the record says that it counts, this file holds something that must not stay.
            self.journal.owed.wipe = Some(generation);
            secrets::write(&self.journal.files, secrets)?;
            self.say(&Op::Secrets { generation });
        }
        self.append()?;
        self.undo.clear();
        self.written(&cleaned);
        Ok(())
    }

    /// Writes the record and waits for the disk.
    fn append(&mut self) -> Result<(), JournalError> {
        let Journal { head, pending, owed, upkeep, .. } = &mut *self.journal;
        pending.seal(head.number, head.file.certain(head.length), head.salt);
        let n_bytes = pending.record.len() as u64;
        owed.cut = true;
        head.append(&pending.record, upkeep.segment_bytes)?;
        owed.cut = false;
        upkeep.since_look = upkeep.since_look.saturating_add(n_bytes);
        Ok(())
    }

    /// Notes what a commit changed besides the tables. Nothing in here may fail: the transaction is written.
    fn written(&mut self, cleaned: &Cleaned) {
        self.journal.cleaned(cleaned);
        let Some(secrets) = self.secrets.take() else { return };
        let before = std::mem::replace(&mut self.journal.secrets, secrets).generation;
        self.journal.owed.wipe = Some(before);
        match secrets::wipe(&self.journal.files, before) {
            Ok(()) => self.journal.owed.wipe = None,
            // The next transaction does not begin before it is done.
            Err(problem) => {
                let file = Secrets::name(before);
                tracing::error!(
                    error = &problem as &dyn std::error::Error,
                    file,
                    "old secrets could not be erased yet"
                );
            }
        }
    }
}
