//! Everything that the server remembers, except bytes that only pass through: those stay in the log, and a [`Place`] says
//! where.
//!
//! Tables change at once and return what was there, so that a transaction can take its steps back. Nothing in here knows
//! transactions or files.

use std::collections::{BTreeMap, BTreeSet};

use kith_home::store::{Account, Blob, Invite, OutgoingKey};
use kith_wire::id::{AccountKey, BlobId, Hash};
use kith_wire::time::{Hour, Timestamp};

use super::op::Span;

mod dedup;
mod floors;
mod live;
mod nonces;
mod outgoing;
mod queues;
mod window;

pub(crate) use dedup::Dedup;
pub(crate) use floors::{Floor, Floors};
pub(crate) use live::Live;
pub(crate) use nonces::Nonces;
pub(crate) use outgoing::{OutgoingRow, OutgoingTable};
pub(crate) use queues::{Changed, EntryPlace, QueueRow, Queues, Slot};

/// Where a part of a payload lies: its checksum at the offset, then its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    /// Without the checksum.
    pub(crate) length: u32,
}

/// A row and where it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<V> {
    pub(crate) value: V,
    /// The segment with its last version.
    pub(crate) segment: u32,
    /// No version lies in an older one.
    pub(crate) oldest: u32,
}

impl<V> Row<V> {
    /// Returns the segments that a removal makes void.
    pub(crate) fn span(&self) -> Span {
        Span { first: self.oldest.min(self.segment), last: self.segment }
    }
}

/// What a table needs to know of its rows.
pub(crate) trait Value {
    /// By what rows are looked for when they grow old.
    type Order: Ord + Copy;

    /// Whether the row has something in the log that people wrote.
    const HAS_CONTENT: bool = false;

    /// Returns about how many bytes the row takes in the log.
    fn weight(&self) -> u64;

    /// Returns its place in the order; `None` when nobody looks for such rows.
    fn order(&self) -> Option<Self::Order>;
}

/// Rows by key, and by age where that is needed.
pub(crate) struct Table<K, V: Value> {
    rows: BTreeMap<K, Row<V>>,
    by_order: BTreeSet<(V::Order, K)>,
}

impl<K, V: Value> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), by_order: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, V: Value> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&Row<V>> {
        self.rows.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut Row<V>> {
        self.rows.get_mut(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> &BTreeMap<K, Row<V>> {
        &self.rows
    }

    /// Returns the keys that come before a point of the order, in that order.
    pub(crate) fn before(&self, end: V::Order) -> impl Iterator<Item = K> {
        self.by_order.iter().take_while(move |(order, _)| *order < end).map(|(_, key)| *key)
    }

    /// Puts a row in place of any that is there, or removes it; returns what was there.
    pub(crate) fn set(&mut self, key: K, row: Option<Row<V>>, live: &mut Live) -> Option<Row<V>> {
        if let Some(row) = &row {
            live.add(row.segment, row.value.weight());
            self.by_order.extend(row.value.order().map(|order| (order, key)));
        }
        let after = row.as_ref().and_then(|row| row.value.order());
        let before = match row {
            Some(row) => self.rows.insert(key, row),
            None => self.rows.remove(&key),
        };
        if let Some(before) = &before {
            live.sub(before.segment, before.value.weight());
            if V::HAS_CONTENT {
                live.note_void(before.segment);
            }
            let order = before.value.order();
            if let Some(order) = order.filter(|order| after != Some(*order)) {
                self.by_order.remove(&(order, key));
            }
        }
        before
    }
}

/// Something in the log with the hour in which it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) hour: Hour,
    pub(crate) place: Place,
}

/// All tables.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) accounts: Table<AccountKey, Account>,
    pub(crate) invites: Table<Hash, Invite>,
    pub(crate) queues: Queues,
    pub(crate) dedup: Dedup,
    pub(crate) nonces: Nonces,
    pub(crate) outgoing: OutgoingTable,
    pub(crate) returned: Table<OutgoingKey, Stored>,
    pub(crate) blobs: Table<BlobId, Blob>,
    pub(crate) chunks: Table<(BlobId, u32), Place>,
    pub(crate) live: Live,
}

impl Value for Account {
    type Order = ();

    fn weight(&self) -> u64 {
        if self.closed.is_some() { 117 } else { 53 }
    }

    fn order(&self) -> Option<()> {
        None
    }
}

impl Value for Invite {
    type Order = Timestamp;

    fn weight(&self) -> u64 {
        45
    }

    fn order(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}

impl Value for Stored {
    const HAS_CONTENT: bool = true;
    type Order = Hour;

    fn weight(&self) -> u64 {
        61 + u64::from(self.place.length)
    }

    fn order(&self) -> Option<Hour> {
        Some(self.hour)
    }
}

impl Value for Blob {
    type Order = Hour;

    fn weight(&self) -> u64 {
        141
    }

    fn order(&self) -> Option<Hour> {
        Some(self.expires)
    }
}

impl Value for Place {
    const HAS_CONTENT: bool = true;
    type Order = ();

    fn weight(&self) -> u64 {
        37 + u64::from(self.length)
    }

    fn order(&self) -> Option<()> {
        None
    }
}
