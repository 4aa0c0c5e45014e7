//! What waits to be sent to other servers; the sealed bytes stay in the log.

use std::collections::{BTreeMap, BTreeSet};

use kith_home::store::OutgoingKey;
use kith_wire::address::ServerAddress;
use kith_wire::time::{Hour, Timestamp};

use super::super::op::{Relay, Span};
use super::{Live, Place, Row, Table, Value};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutgoingRow {
    pub(crate) relay: Relay,
    pub(crate) place: Place,
    /// The segment that knows of the last attempt.
    pub(crate) state: u32,
}

impl Row<OutgoingRow> {
    /// Returns the segments that a removal makes void.
    pub(crate) fn whole_span(&self) -> Span {
        Span { first: self.oldest.min(self.segment), last: self.segment.max(self.value.state) }
    }
}

impl Value for OutgoingRow {
    const HAS_CONTENT: bool = true;
    type Order = Hour;

    fn weight(&self) -> u64 {
        160 + u64::from(self.place.length)
    }

    fn order(&self) -> Option<Hour> {
        Some(self.relay.accepted)
    }
}

/// All of them, by key, by age, by destination and by time.
#[derive(Default)]
pub(crate) struct OutgoingTable {
    table: Table<OutgoingKey, OutgoingRow>,
    by_destination: BTreeMap<ServerAddress, BTreeSet<(Timestamp, OutgoingKey)>>,
    by_due: BTreeSet<(Timestamp, OutgoingKey)>,
}

impl OutgoingTable {
    pub(crate) fn get(&self, key: &OutgoingKey) -> Option<&Row<OutgoingRow>> {
        self.table.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &OutgoingKey) -> Option<&mut Row<OutgoingRow>> {
        self.table.get_mut(key)
    }

    pub(crate) fn rows(&self) -> &BTreeMap<OutgoingKey, Row<OutgoingRow>> {
        self.table.rows()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Puts a row in place of any that is there, or removes it; returns what was there.
    pub(crate) fn set(
        &mut self,
        key: OutgoingKey,
        row: Option<Row<OutgoingRow>>,
        live: &mut Live,
    ) -> Option<Row<OutgoingRow>> {
        if let Some(before) = self.table.get(&key) {
            let due = (before.value.relay.next_attempt, key);
            self.by_due.remove(&due);
            if let Some(dues) = self.by_destination.get_mut(&before.value.relay.to) {
                dues.remove(&due);
                if dues.is_empty() {
                    self.by_destination.remove(&before.value.relay.to);
                }
            }
        }
        if let Some(row) = &row {
            let due = (row.value.relay.next_attempt, key);
            self.by_due.insert(due);
            self.by_destination.entry(row.value.relay.to.clone()).or_default().insert(due);
        }
        self.table.set(key, row, live)
    }

    /// Returns destinations after a given one for which something is due, in their order.
    pub(crate) fn destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
    ) -> impl Iterator<Item = &ServerAddress> {
        let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let all = self.by_destination.range::<ServerAddress, _>((start, std::ops::Bound::Unbounded));
        all.filter(move |(_, dues)| dues.first().is_some_and(|(due, _)| *due <= now)).map(|(to, _)| to)
    }

    /// Returns what is due for one destination, longest due first.
    pub(crate) fn due(&self, to: &ServerAddress, now: Timestamp) -> impl Iterator<Item = OutgoingKey> {
        let dues = self.by_destination.get(to).into_iter().flatten();
        dues.take_while(move |(due, _)| *due <= now).map(|(_, key)| *key)
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Returns what is due after a moment only, latest first.
    pub(crate) fn due_after(&self, beyond: Timestamp) -> impl Iterator<Item = OutgoingKey> {
        self.by_due.iter().rev().take_while(move |(due, _)| *due > beyond).map(|(_, key)| *key)
    }

    /// Returns what was accepted before an hour.
    pub(crate) fn accepted_before(&self, hour: Hour) -> impl Iterator<Item = OutgoingKey> {
        self.table.before(hour)
    }
}
