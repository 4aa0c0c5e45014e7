//! Queues in slots, found by each of their three names, and where their entries lie.
//!
//! A slot has 208 bytes and each of the three indices 9 to 20 a queue, so that an empty queue stays below 300. Slots come in
//! blocks: a table that grows never copies them.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use kith_home::store::{Overflow, Queue};
use kith_wire::id::{AccountKey, LookupKey, ReaderId, SenderId, Verifier};
use kith_wire::time::Hour;

use super::window::Window;
use super::{Live, Place};
use crate::journal::op::{QueueState, Span};

/// Bytes of an entry in the log besides its frame.
const ENTRY_BYTES: u64 = 45;
/// Bytes of a queue and of its state in the log.
const QUEUE_BYTES: u64 = 158;
const STATE_BYTES: u64 = 38;
/// Slots in a block.
const BLOCK: usize = 256;

/// Where a queue lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Slot(u32);

/// One entry: its number, when it came, and where its frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryPlace {
    pub(crate) seq: u64,
    pub(crate) arrived: Hour,
    pub(crate) place: Place,
}

/// One queue. The segments say where its last full row and its last state lie.
pub(crate) struct QueueRow {
    pub(crate) reader: ReaderId,
    pub(crate) queue: Queue,
    /// 0 while recovery has seen only entries of it.
    pub(crate) base: u32,
    pub(crate) state: u32,
    pub(crate) oldest: u32,
    pub(crate) entries: VecDeque<EntryPlace>,
}

impl QueueRow {
    pub(crate) fn span(&self) -> Span {
        Span { first: self.oldest.min(self.base), last: self.state.max(self.base) }
    }

    pub(crate) fn entry(&self, seq: u64) -> Option<&EntryPlace> {
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok().and_then(|idx| self.entries.get(idx))
    }

    /// Returns entries from a number on.
    pub(crate) fn entries_from(&self, from: u64) -> impl Iterator<Item = &EntryPlace> {
        let start = self.entries.partition_point(|entry| entry.seq < from);
        self.entries.iter().skip(start)
    }
}

/// The part of a row that an update changes.
#[derive(Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) verifier: Verifier,
    pub(crate) state: QueueState,
    pub(crate) base: u32,
    pub(crate) last: u32,
}

/// By which name an index finds a queue.
#[derive(Clone, Copy)]
struct Indexed {
    hash: u32,
    slot: Slot,
}

/// How many entries of an hour a queue has.
#[derive(Clone, Copy)]
struct OfHour {
    slot: Slot,
    n: u32,
}

/// All queues.
#[derive(Default)]
pub(crate) struct Queues {
    blocks: Vec<Vec<Option<QueueRow>>>,
    free: Vec<Slot>,
    by_reader: HashTable<Indexed>,
    by_sender: HashTable<Indexed>,
    by_lookup: HashTable<Indexed>,
    hasher: RandomState,
    n_entries: u64,
    /// Queues with entries of an hour.
    by_hour: BTreeMap<Hour, HashTable<OfHour>>,
    /// The queue that was found last by its reader: operations on one often follow each other.
    recent: Cell<Slot>,
    /// Readers in order, while somebody lists them.
    window: RefCell<Option<Window>>,
}

impl Queues {
    pub(crate) fn len(&self) -> usize {
        self.by_reader.len()
    }

    /// Returns readers in order, a few after one.
    pub(crate) fn readers_after(&self, after: Option<ReaderId>, limit: usize) -> Vec<ReaderId> {
        let mut window = self.window.borrow_mut();
        if let Some(page) = window.as_ref().and_then(|window| window.page(after, limit)) {
            // Whoever gets less than a page is at the end.
            if page.len() < limit {
                *window = None;
            }
            return page;
        }
        let all = self.blocks.iter().flatten().flatten().map(|row| row.reader);
        let found = Window::find(all, after, limit);
        let page = found.page(after, limit).unwrap_or_default();
        *window = (page.len() == limit).then_some(found);
        page
    }

    pub(crate) fn n_entries(&self) -> u64 {
        self.n_entries
    }

    pub(crate) fn row(&self, slot: Slot) -> Option<&QueueRow> {
        let (block, idx) = slot.split();
        self.blocks.get(block)?.get(idx)?.as_ref()
    }

    fn row_mut(&mut self, slot: Slot) -> Option<&mut QueueRow> {
        let (block, idx) = slot.split();
        self.blocks.get_mut(block)?.get_mut(idx)?.as_mut()
    }

    pub(crate) fn by_reader(&self, reader: &ReaderId) -> Option<Slot> {
        let recent = self.recent.get();
        if self.row(recent).is_some_and(|row| row.reader == *reader) {
            return Some(recent);
        }
        let found = self.find(&self.by_reader, self.hash(&reader.0), |row| row.reader == *reader);
        if let Some(slot) = found {
            self.recent.set(slot);
        }
        found
    }

    pub(crate) fn by_sender(&self, sender: &SenderId) -> Option<Slot> {
        self.find(&self.by_sender, self.hash(&sender.0), |row| row.queue.sender == *sender)
    }

    pub(crate) fn by_lookup(&self, lookup: &LookupKey) -> Option<Slot> {
        self.find(&self.by_lookup, self.hash(&lookup.0), |row| row.queue.lookup == *lookup)
    }

    /// Adds a queue and returns its slot. A queue without a base is known by its reader only.
    pub(crate) fn add(&mut self, row: QueueRow, live: &mut Live) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.new_slot());
        self.put(slot, row, live);
        slot
    }

    /// Puts a row that was removed back into the slot that it had, as the last removal undone.
    pub(crate) fn put_back(&mut self, slot: Slot, row: QueueRow, live: &mut Live) {
        self.free.pop();
        self.put(slot, row, live);
    }

    fn put(&mut self, slot: Slot, row: QueueRow, live: &mut Live) {
        let hash = self.hash(&row.reader.0);
        self.by_reader.insert_unique(spread(hash), Indexed { hash, slot }, |other| spread(other.hash));
        if let Some(window) = self.window.get_mut() {
            window.add(row.reader);
        }
        let is_complete = row.base != 0;
        let (sender, lookup) = (row.queue.sender, row.queue.lookup);
        if is_complete {
            live.add(row.base, QUEUE_BYTES);
            live.add(row.state, STATE_BYTES);
        }
        let (block, idx) = slot.split();
        if let Some(place) = self.blocks.get_mut(block).and_then(|block| block.get_mut(idx)) {
            *place = Some(row);
        }
        if is_complete {
            self.index_names(slot, &sender, &lookup);
        }
    }

    fn index_names(&mut self, slot: Slot, sender: &SenderId, lookup: &LookupKey) {
        let hash = self.hash(&sender.0);
        self.by_sender.insert_unique(spread(hash), Indexed { hash, slot }, |other| spread(other.hash));
        let hash = self.hash(&lookup.0);
        self.by_lookup.insert_unique(spread(hash), Indexed { hash, slot }, |other| spread(other.hash));
    }

    fn unindex_names(&mut self, slot: Slot, sender: &SenderId, lookup: &LookupKey) {
        let hash = self.hash(&sender.0);
        unindex(&mut self.by_sender, hash, slot);
        let hash = self.hash(&lookup.0);
        unindex(&mut self.by_lookup, hash, slot);
    }

    /// Removes a queue, which has no entries any more.
    pub(crate) fn remove(&mut self, slot: Slot, live: &mut Live) -> Option<QueueRow> {
        let (block, idx) = slot.split();
        let row = self.blocks.get_mut(block)?.get_mut(idx)?.take()?;
        if row.base != 0 {
            live.sub(row.base, QUEUE_BYTES);
            live.sub(row.state, STATE_BYTES);
            self.unindex_names(slot, &row.queue.sender, &row.queue.lookup);
        }
        if let Some(window) = self.window.get_mut() {
            window.remove(&row.reader);
        }
        let hash = self.hash(&row.reader.0);
        unindex(&mut self.by_reader, hash, slot);
        self.free.push(slot);
        Some(row)
    }

    /// Changes what may change of a queue and returns what was there.
    pub(crate) fn change(&mut self, slot: Slot, to: &Changed, live: &mut Live) -> Option<Changed> {
        let row = self.row_mut(slot)?;
        let QueueRow { queue, base, state, .. } = row;
        let now = QueueState { next_seq: queue.next_seq, length: queue.length, overflow: queue.overflow };
        let before = Changed { verifier: queue.verifier, state: now, base: *base, last: *state };
        queue.verifier = to.verifier;
        (queue.next_seq, queue.length, queue.overflow) = (to.state.next_seq, to.state.length, to.state.overflow);
        (*base, *state) = (to.base, to.last);
        live.sub(before.base, QUEUE_BYTES);
        live.sub(before.last, STATE_BYTES);
        live.add(to.base, QUEUE_BYTES);
        live.add(to.last, STATE_BYTES);
        Some(before)
    }

    /// Notes that older segments hold versions of a queue.
    pub(crate) fn lower_oldest(&mut self, slot: Slot, segment: u32) {
        if let Some(row) = self.row_mut(slot) {
            row.oldest = row.oldest.min(segment);
        }
    }

    /// Adds or replaces a queue as the log tells it, keeping its entries. For recovery.
    pub(crate) fn restore(&mut self, reader: ReaderId, queue: Queue, segment: u32, live: &mut Live) {
        let (mut oldest, mut entries) = (segment, VecDeque::new());
        if let Some(before) = self.by_reader(&reader).and_then(|slot| self.take_whole(slot, live)) {
            if before.base != 0 {
                oldest = oldest.min(before.oldest);
            }
            entries = before.entries;
        }
        let row = QueueRow { reader, queue, base: segment, state: segment, oldest, entries };
        let slot = self.add(row, live);
        self.count_hours(slot, Count::In);
    }

    /// Removes a queue as the log tells it; its entries, if the log has not told of them yet, stay. For recovery.
    pub(crate) fn restore_gone(&mut self, reader: &ReaderId, span: Span, live: &mut Live) {
        let Some(slot) = self.by_reader(reader) else { return };
        let dies = |row: &QueueRow| row.base != 0 && span.holds(row.state.max(row.base));
        if !self.row(slot).is_some_and(dies) {
            return;
        }
        if let Some(row) = self.take_whole(slot, live).filter(|row| !row.entries.is_empty()) {
            let slot = self.add(QueueRow { entries: row.entries, ..nameless(row.reader) }, live);
            self.count_hours(slot, Count::In);
        }
    }

    /// Returns the slot of a reader's queue, making one that has only entries if there is none. For recovery.
    pub(crate) fn slot_for_entries(&mut self, reader: &ReaderId, live: &mut Live) -> Slot {
        self.by_reader(reader).unwrap_or_else(|| self.add(nameless(*reader), live))
    }

    /// Removes queues of which recovery has seen only the names in entries that are gone; returns whether nothing else
    /// of that kind is left.
    pub(crate) fn drop_nameless(&mut self, live: &mut Live) -> bool {
        let nameless: Vec<Slot> =
            self.by_reader.iter().map(|index| index.slot).filter(|slot| self.is_nameless(*slot)).collect();
        let mut all_empty = true;
        for slot in nameless {
            let is_empty = self.row(slot).is_some_and(|row| row.entries.is_empty());
            all_empty &= is_empty;
            self.remove(slot, live);
        }
        all_empty
    }

    fn is_nameless(&self, slot: Slot) -> bool {
        self.row(slot).is_some_and(|row| row.base == 0)
    }

    /// Removes a queue with its entries still in it; they no longer count.
    fn take_whole(&mut self, slot: Slot, live: &mut Live) -> Option<QueueRow> {
        self.count_hours(slot, Count::Out);
        self.remove(slot, live)
    }

    /// Counts all entries of a queue in or out of their hours.
    fn count_hours(&mut self, slot: Slot, count: Count) {
        let hours: Vec<Hour> =
            self.row(slot).map_or_else(Vec::new, |row| row.entries.iter().map(|entry| entry.arrived).collect());
        for hour in hours {
            match count {
                Count::In => self.count_in(slot, hour),
                Count::Out => self.count_out(slot, hour),
            }
        }
    }

    fn count_in(&mut self, slot: Slot, hour: Hour) {
        let slots = self.by_hour.entry(hour).or_default();
        match slots.entry(slot.spread(), |of| of.slot == slot, |of| of.slot.spread()) {
            Entry::Occupied(mut found) => found.get_mut().n = found.get().n.saturating_add(1),
            Entry::Vacant(place) => drop(place.insert(OfHour { slot, n: 1 })),
        }
    }

    fn count_out(&mut self, slot: Slot, hour: Hour) {
        let Some(slots) = self.by_hour.get_mut(&hour) else { return };
        if let Ok(mut found) = slots.find_entry(slot.spread(), |of| of.slot == slot) {
            let of = found.get_mut();
            of.n = of.n.saturating_sub(1);
            if of.n == 0 {
                found.remove();
            }
        }
        if slots.is_empty() {
            self.by_hour.remove(&hour);
        }
    }

    /// Adds an entry; one with its number is replaced and returned.
    pub(crate) fn add_entry(&mut self, slot: Slot, entry: EntryPlace, live: &mut Live) -> Option<EntryPlace> {
        let row = self.row_mut(slot)?;
        // Most queues hold little: room for one more, then for half as many again, not for four at once.
        if row.entries.len() == row.entries.capacity() {
            row.entries.reserve_exact((row.entries.len() / 2).max(1));
        }
        let replaced = match row.entries.back() {
            Some(last) if last.seq >= entry.seq => {
                match row.entries.binary_search_by_key(&entry.seq, |other| other.seq) {
                    Ok(idx) => row.entries.get_mut(idx).map(|place| std::mem::replace(place, entry)),
                    Err(idx) => {
                        row.entries.insert(idx, entry);
                        None
                    }
                }
            }
            _ => {
                row.entries.push_back(entry);
                None
            }
        };
        live.add(entry.place.segment, ENTRY_BYTES + u64::from(entry.place.length));
        self.count_in(slot, entry.arrived);
        match &replaced {
            Some(before) => {
                live.sub(before.place.segment, ENTRY_BYTES + u64::from(before.place.length));
                self.count_out(slot, before.arrived);
            }
            None => self.n_entries += 1,
        }
        replaced
    }

    /// Removes an entry and returns it.
    pub(crate) fn remove_entry(&mut self, slot: Slot, seq: u64, live: &mut Live) -> Option<EntryPlace> {
        let row = self.row_mut(slot)?;
        let idx = row.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()?;
        let entry = row.entries.remove(idx)?;
        // A queue that was drained, and one that once was full, give memory back.
        if row.entries.is_empty() {
            row.entries = VecDeque::new();
        } else if row.entries.capacity() > 64 && row.entries.len() < row.entries.capacity() / 4 {
            row.entries.shrink_to(row.entries.len() * 2);
        }
        live.sub(entry.place.segment, ENTRY_BYTES + u64::from(entry.place.length));
        live.note_void(entry.place.segment);
        self.n_entries = self.n_entries.saturating_sub(1);
        self.count_out(slot, entry.arrived);
        Some(entry)
    }

    /// Returns names of entries that came before an hour, oldest hour first; within an hour by name.
    pub(crate) fn entries_before(&self, end: Hour, limit: usize) -> Vec<(ReaderId, u64)> {
        let mut found = Vec::new();
        for (hour, slots) in self.by_hour.range(..end) {
            let rows = slots.iter().filter_map(|of| self.row(of.slot));
            let entries = rows.flat_map(|row| row.entries.iter().map(|entry| (row.reader, entry)));
            let names = entries.filter(|(_, entry)| entry.arrived == *hour).map(|(reader, entry)| (reader, entry.seq));
            let start = found.len();
            found.extend(names.take(limit.saturating_sub(start)));
            if let Some(of_hour) = found.get_mut(start..) {
                of_hour.sort_unstable();
            }
            if found.len() >= limit {
                break;
            }
        }
        found
    }

    fn new_slot(&mut self) -> Slot {
        if self.blocks.last().is_none_or(|block| block.len() >= BLOCK) {
            self.blocks.push(Vec::with_capacity(if self.blocks.is_empty() { 0 } else { BLOCK }));
        }
        let n_before = self.blocks.len().saturating_sub(1) * BLOCK;
        let idx = self.blocks.last_mut().map_or(0, |block| {
            block.push(None);
            block.len() - 1
        });
        // Four thousand million queues do not fit into any memory.
        Slot(u32::try_from(n_before + idx).unwrap_or(u32::MAX))
    }

    fn hash(&self, name: &[u8]) -> u32 {
        let [a, b, c, d, ..] = self.hasher.hash_one(name).to_le_bytes();
        u32::from_le_bytes([a, b, c, d])
    }

    fn find(&self, index: &HashTable<Indexed>, hash: u32, is_it: impl Fn(&QueueRow) -> bool) -> Option<Slot> {
        let fits = |other: &Indexed| other.hash == hash && self.row(other.slot).is_some_and(&is_it);
        index.find(spread(hash), fits).map(|found| found.slot)
    }
}

/// Whether entries begin or cease to count.
#[derive(Clone, Copy)]
enum Count {
    In,
    Out,
}

impl Slot {
    /// Returns a hash. Nobody outside chooses slots.
    fn spread(self) -> u64 {
        spread(self.0)
    }

    fn split(self) -> (usize, usize) {
        let number = usize::try_from(self.0).unwrap_or(usize::MAX);
        (number / BLOCK, number % BLOCK)
    }
}

fn unindex(index: &mut HashTable<Indexed>, hash: u32, slot: Slot) {
    if let Ok(found) = index.find_entry(spread(hash), |other| other.slot == slot) {
        found.remove();
    }
}

/// Makes 64 bits of 32: the hash table takes its position from the low ones and a tag from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Returns a queue of which only the reader's name is known.
fn nameless(reader: ReaderId) -> QueueRow {
    let queue = Queue {
        sender: SenderId([0; 24]),
        account: AccountKey([0; 32]),
        lookup: LookupKey([0; 32]),
        verifier: Verifier([0; 32]),
        next_seq: 0,
        length: 0,
        overflow: Overflow::Complete,
    };
    QueueRow { reader, queue, base: 0, state: 0, oldest: u32::MAX, entries: VecDeque::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_takes_at_most_300_bytes() {
        let slot = size_of::<Option<QueueRow>>();
        // A hash table is at least 7/16 full after it grew; each bucket has a byte of its own.
        let index = (size_of::<Indexed>() + 1) * 16 / 7;
        assert!(slot + 3 * index <= 300, "{slot} + 3 * {index}");
    }
}
