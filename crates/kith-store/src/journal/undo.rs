//! One step back, for each step that a transaction makes in the tables.

use kith_home::store::{Account, Blob, Invite, OutgoingKey};
use kith_wire::id::{AccountKey, BlobId, Hash};
use kith_wire::time::{Hour, Timestamp};

use super::print::Print;
use super::tables::{Changed, EntryPlace, Floors, OutgoingRow, Place, QueueRow, Row, Slot, Stored, Tables};

/// What was there before a step.
pub(crate) enum Undo {
    Account(AccountKey, Option<Row<Account>>),
    Invite(Hash, Option<Row<Invite>>),
    Returned(OutgoingKey, Option<Row<Stored>>),
    Outgoing(OutgoingKey, Option<Box<Row<OutgoingRow>>>),
    Blob(BlobId, Option<Box<Row<Blob>>>),
    Chunk((BlobId, u32), Option<Row<Place>>),
    QueueAdded(Slot),
    QueueRemoved(Slot, Box<QueueRow>),
    QueueChanged(Slot, Changed),
    EntryAdded(Slot, u64),
    /// Removed, or moved by cleaning.
    Entry(Slot, EntryPlace),
    /// Remembered, with the segment for which it counts.
    DedupAdded(Print, Hour, u32),
    /// Written again, with the segment for which it counts.
    DedupCounted(Hour, u32),
    /// Counted for the first segment, while the second one is there.
    RemovalCounted(u32, u32),
    DedupForgotten(Print, Hour),
    DedupFloors(Floors<Hour>),
    NonceAdded(Print),
    NonceForgotten(Print, Timestamp),
    NonceFloors(Floors<Timestamp>),
}

impl Undo {
    /// Takes the step back. Steps go back in reverse order.
    pub(crate) fn apply(self, tables: &mut Tables) {
        let live = &mut tables.live;
        match self {
            Self::Account(key, row) => drop(tables.accounts.set(key, row, live)),
            Self::Invite(code, row) => drop(tables.invites.set(code, row, live)),
            Self::Returned(key, row) => drop(tables.returned.set(key, row, live)),
            Self::Outgoing(key, row) => drop(tables.outgoing.set(key, row.map(|row| *row), live)),
            Self::Blob(id, row) => drop(tables.blobs.set(id, row.map(|row| *row), live)),
            Self::Chunk(key, row) => drop(tables.chunks.set(key, row, live)),
            Self::QueueAdded(slot) => drop(tables.queues.remove(slot, live)),
            Self::QueueRemoved(slot, row) => tables.queues.put_back(slot, *row, live),
            Self::QueueChanged(slot, before) => drop(tables.queues.change(slot, &before, live)),
            Self::EntryAdded(slot, seq) => drop(tables.queues.remove_entry(slot, seq, live)),
            Self::Entry(slot, entry) => drop(tables.queues.add_entry(slot, entry, live)),
            Self::DedupAdded(print, hour, segment) => {
                tables.dedup.take_back(&print, hour);
                live.sub_dedup(segment, hour);
            }
            Self::DedupCounted(hour, segment) => live.sub_dedup(segment, hour),
            Self::RemovalCounted(segment, void) => live.sub_removal(segment, void),
            Self::DedupForgotten(print, hour) => tables.dedup.add(print, hour),
            Self::DedupFloors(before) => {
                tables.dedup.floors = before;
                tables.dedup.owes_floor = true;
            }
            Self::NonceAdded(print) => tables.nonces.remove(&print),
            Self::NonceForgotten(print, expires) => tables.nonces.add(print, expires),
            Self::NonceFloors(before) => {
                tables.nonces.floors = before;
                tables.nonces.owes_floor = true;
            }
        }
    }
}
