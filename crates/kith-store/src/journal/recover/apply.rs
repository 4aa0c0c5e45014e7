//! What an operation of the log does to the tables.
//!
//! Operations are applied in the order of the log. Because cleaning moves rows to its end, an entry can come before its queue, and the
//! state of a row before the row; the row says it all again when it comes.

use super::super::op::Op;
use super::super::tables::{Changed, EntryPlace, Floor, OutgoingRow, Place, Row, Stored, Tables};

impl Tables {
    /// Applies an operation that lies in a segment; its part of the payload, if any, lies at an offset.
    pub(crate) fn apply(&mut self, op: &Op, segment: u32, offset: u32) {
        if let Some(span) = op.removes_in() {
            self.live.add_removal(segment, span.last);
        }
        match op {
            Op::Touch | Op::Roster(_) | Op::Secrets { .. } | Op::Cleaning { .. } | Op::SegmentGone { .. } => {}
            Op::Queue { .. }
            | Op::QueueState { .. }
            | Op::QueueGone { .. }
            | Op::Entry { .. }
            | Op::EntryGone { .. } => self.apply_to_queues(op, segment, offset),
            Op::Outgoing { .. }
            | Op::OutgoingState { .. }
            | Op::OutgoingGone { .. }
            | Op::Returned { .. }
            | Op::ReturnedGone { .. } => self.apply_to_relays(op, segment, offset),
            Op::Account { key, account } => {
                let row = row(account.clone(), segment, self.accounts.get(key));
                self.accounts.set(*key, Some(row), &mut self.live);
            }
            Op::Invite { code, invite } => {
                let row = row(invite.clone(), segment, self.invites.get(code));
                self.invites.set(*code, Some(row), &mut self.live);
            }
            Op::InviteGone { code, span } => {
                if self.invites.get(code).is_some_and(|row| span.holds(row.segment)) {
                    self.invites.set(*code, None, &mut self.live);
                }
            }
            Op::Blob { id, blob } => {
                let row = row(blob.clone(), segment, self.blobs.get(id));
                self.blobs.set(*id, Some(row), &mut self.live);
            }
            Op::BlobGone { id, span } => {
                if self.blobs.get(id).is_some_and(|row| span.holds(row.segment)) {
                    self.blobs.set(*id, None, &mut self.live);
                }
            }
            Op::Chunk { id, number, length } => {
                let place = Place { segment, offset, length: *length };
                self.chunks.set((*id, *number), Some(row(place, segment, None)), &mut self.live);
            }
            Op::ChunkGone { id, number, segment } => {
                if self.chunks.get(&(*id, *number)).is_some_and(|row| row.segment == *segment) {
                    self.chunks.set((*id, *number), None, &mut self.live);
                }
            }
            Op::Dedup { print, last_hour } => {
                if self.dedup.replace(*print, *last_hour) {
                    self.live.add_dedup(segment, *last_hour);
                }
            }
            Op::DedupBefore { hour, since } => {
                while self.dedup.pop_before(*hour).is_some() {}
                self.dedup.floors.add(Floor { before: *hour, since: *since, segment });
            }
            Op::Nonce { print, expires } => self.nonces.add(*print, *expires),
            Op::NoncesBefore { time, since } => {
                while self.nonces.pop_before(*time).is_some() {}
                self.nonces.floors.add(Floor { before: *time, since: *since, segment });
            }
        }
    }

    fn apply_to_queues(&mut self, op: &Op, segment: u32, offset: u32) {
        match op {
            Op::Queue { reader, queue } => self.queues.restore(*reader, queue.clone(), segment, &mut self.live),
            Op::QueueState { reader, state } => {
                let Some(slot) = self.queues.by_reader(reader) else { return };
                let Some(row) = self.queues.row(slot).filter(|row| row.base != 0) else { return };
                let verifier = row.queue.verifier;
                let changed = Changed { verifier, state: *state, base: row.base, last: segment };
                self.queues.change(slot, &changed, &mut self.live);
            }
            Op::QueueGone { reader, span } => self.queues.restore_gone(reader, *span, &mut self.live),
            Op::Entry { reader, seq, arrived, length } => {
                let slot = self.queues.slot_for_entries(reader, &mut self.live);
                let place = Place { segment, offset, length: *length };
                self.queues.add_entry(slot, EntryPlace { seq: *seq, arrived: *arrived, place }, &mut self.live);
            }
            Op::EntryGone { reader, seq, segment } => {
                let Some(slot) = self.queues.by_reader(reader) else { return };
                let entry = self.queues.row(slot).and_then(|row| row.entry(*seq));
                if entry.is_some_and(|entry| entry.place.segment == *segment) {
                    self.queues.remove_entry(slot, *seq, &mut self.live);
                }
            }
            _ => {}
        }
    }

    fn apply_to_relays(&mut self, op: &Op, segment: u32, offset: u32) {
        match op {
            Op::Outgoing { key, relay, length } => {
                let place = Place { segment, offset, length: *length };
                let value = OutgoingRow { relay: relay.clone(), place, state: segment };
                let row = row(value, segment, self.outgoing.get(key));
                self.outgoing.set(*key, Some(row), &mut self.live);
            }
            Op::OutgoingState { key, next_attempt, attempts } => {
                let Some(mut row) = self.outgoing.get(key).cloned() else { return };
                (row.value.relay.next_attempt, row.value.relay.attempts) = (*next_attempt, *attempts);
                row.value.state = segment;
                self.outgoing.set(*key, Some(row), &mut self.live);
            }
            Op::OutgoingGone { key, span }
                if self.outgoing.get(key).is_some_and(|row| span.holds(row.whole_span().last)) =>
            {
                self.outgoing.set(*key, None, &mut self.live);
            }
            Op::Returned { key, stored, length } => {
                let place = Place { segment, offset, length: *length };
                let row = row(Stored { hour: *stored, place }, segment, self.returned.get(key));
                self.returned.set(*key, Some(row), &mut self.live);
            }
            Op::ReturnedGone { key, span } if self.returned.get(key).is_some_and(|row| span.holds(row.segment)) => {
                self.returned.set(*key, None, &mut self.live);
            }
            _ => {}
        }
    }
}

/// Returns a row that lies in a segment and perhaps, in older versions, in others.
fn row<V>(value: V, segment: u32, before: Option<&Row<V>>) -> Row<V> {
    Row { value, segment, oldest: before.map_or(segment, |before| before.oldest.min(segment)) }
}
