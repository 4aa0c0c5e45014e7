//! The trait's methods, table by table.

use kith_home::store::{
    Account, Blob, Counts, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Queue, Returned, RowKey, Secret,
    StoreError, Txn,
};
use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId};
use kith_wire::time::{EpochId, Hour, Timestamp};

use super::super::files::Files;
use super::super::op::{Op, QueueState, Relay, Span};
use super::super::print::Print;
use super::super::tables::{Changed, EntryPlace, OutgoingRow, QueueRow, Row, Slot, Stored};
use super::super::undo::Undo;
use super::JournalTxn;

/// Bytes of a page, as housekeeping counts what it gives back.
const PAGE: u64 = 4096;

impl<F: Files> JournalTxn<'_, F> {
    fn found(&self, slot: Option<Slot>) -> Option<(ReaderId, Queue)> {
        let row = self.tables().queues.row(slot?)?;
        Some((row.reader, row.queue.clone()))
    }

    fn dedup_print(&self, sender: &SenderId, id: &DedupId) -> Print {
        self.journal.secrets.print_key.print(&sender.0, &id.0)
    }

    fn nonce_print(&self, scope: &NonceScope, nonce: &Nonce) -> Print {
        self.journal.secrets.print_key.print(&scope.0, &nonce.0)
    }

    fn whole_outgoing(&self, row: &OutgoingRow) -> Result<Outgoing, StoreError> {
        let Relay { to, accepted, next_attempt, attempts, .. } = row.relay.clone();
        let sealed = self.content(&row.place)?.unwrap_or_default();
        Ok(Outgoing { to, sealed, accepted, next_attempt, attempts })
    }

    pub(crate) fn set_outgoing(&mut self, key: &OutgoingKey, row: Option<Row<OutgoingRow>>) -> Option<()> {
        let tables = &mut self.journal.tables;
        let before = tables.outgoing.set(*key, row, &mut tables.live).map(Box::new);
        let was_there = before.as_ref().map(|_| ());
        self.stepped(Undo::Outgoing(*key, before));
        was_there
    }

    /// Notes another time for a relay whose sealed bytes stay where they are.
    pub(crate) fn put_outgoing_state(
        &mut self,
        key: &OutgoingKey,
        before: Row<OutgoingRow>,
        next_attempt: Timestamp,
        attempts: u32,
    ) {
        let relay = Relay { next_attempt, attempts, ..before.value.relay };
        let value = OutgoingRow { relay, state: self.segment(), ..before.value };
        self.set_outgoing(key, Some(Row { value, ..before }));
        self.say(&Op::OutgoingState { key: *key, next_attempt, attempts });
    }

    pub(crate) fn set_returned(&mut self, key: &OutgoingKey, row: Option<Row<Stored>>) {
        let tables = &mut self.journal.tables;
        let before = tables.returned.set(*key, row, &mut tables.live);
        self.stepped(Undo::Returned(*key, before));
    }

    pub(crate) fn set_chunk(&mut self, id: &BlobId, number: u32, row: Option<Row<super::Place>>) {
        let tables = &mut self.journal.tables;
        let before = tables.chunks.set((*id, number), row, &mut tables.live);
        self.stepped(Undo::Chunk((*id, number), before));
    }

    fn drop_chunk(&mut self, id: &BlobId, number: u32, segment: u32) {
        self.set_chunk(id, number, None);
        self.say_removal(&Op::ChunkGone { id: *id, number, segment }, Span::only(segment));
    }

    /// Returns the keys of an account's notices.
    fn returned_keys(&self, account: &AccountKey) -> impl Iterator<Item = OutgoingKey> {
        let first = OutgoingKey { account: *account, relay: RelayId([0; 16]) };
        let last = OutgoingKey { account: *account, relay: RelayId([u8::MAX; 16]) };
        self.tables().returned.rows().range(first..=last).map(|(key, _)| *key)
    }
}

impl<F: Files> Txn for JournalTxn<'_, F> {
    fn commit(mut self) -> Result<(), StoreError> {
        self.write()
    }

    fn n_lost(&self) -> u64 {
        self.n_lost.get()
    }

    fn touch(&mut self) -> Result<(), StoreError> {
        if self.journal.pending.is_empty() {
            self.say(&Op::Touch);
        }
        Ok(())
    }

    fn meta(&self, key: MetaKey) -> Result<Option<Secret>, StoreError> {
        Ok(self.secrets().meta.get(&key).cloned())
    }

    fn set_meta(&mut self, key: MetaKey, value: &Secret) -> Result<(), StoreError> {
        self.new_secrets().meta.insert(key, value.clone());
        Ok(())
    }

    fn epoch_keys(&self) -> Result<Vec<(EpochId, Secret)>, StoreError> {
        Ok(self.secrets().epochs.iter().map(|(epoch, seed)| (*epoch, seed.clone())).collect())
    }

    fn insert_epoch_key(&mut self, epoch: EpochId, seed: &Secret) -> Result<(), StoreError> {
        match self.new_secrets().epochs.insert(epoch, seed.clone()) {
            None => Ok(()),
            Some(_) => Err(StoreError::Conflict { table: "epoch keys" }),
        }
    }

    fn erase_epoch_key(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        if self.secrets().epochs.contains_key(&epoch) {
            self.new_secrets().epochs.remove(&epoch);
        }
        Ok(())
    }

    fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        Ok(self.tables().accounts.get(key).map(|row| row.value.clone()))
    }

    fn put_account(&mut self, key: &AccountKey, account: &Account) -> Result<(), StoreError> {
        let row = self.row(account.clone(), self.tables().accounts.get(key).map(|row| row.oldest));
        let tables = &mut self.journal.tables;
        let before = tables.accounts.set(*key, Some(row), &mut tables.live);
        self.stepped(Undo::Account(*key, before));
        self.say(&Op::Account { key: *key, account: account.clone() });
        Ok(())
    }

    fn invite(&self, code: &Hash) -> Result<Option<Invite>, StoreError> {
        Ok(self.tables().invites.get(code).map(|row| row.value.clone()))
    }

    fn put_invite(&mut self, code: &Hash, invite: &Invite) -> Result<(), StoreError> {
        let row = self.row(invite.clone(), self.tables().invites.get(code).map(|row| row.oldest));
        let tables = &mut self.journal.tables;
        let before = tables.invites.set(*code, Some(row), &mut tables.live);
        self.stepped(Undo::Invite(*code, before));
        self.say(&Op::Invite { code: *code, invite: invite.clone() });
        Ok(())
    }

    fn remove_invite(&mut self, code: &Hash) -> Result<(), StoreError> {
        let tables = &mut self.journal.tables;
        let Some(before) = tables.invites.set(*code, None, &mut tables.live) else { return Ok(()) };
        let span = before.span();
        self.say_removal(&Op::InviteGone { code: *code, span }, span);
        self.stepped(Undo::Invite(*code, Some(before)));
        Ok(())
    }

    fn purge_invites(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let gone: Vec<Hash> = self.tables().invites.before(now).take(limit).collect();
        for code in &gone {
            self.remove_invite(code)?;
        }
        Ok(gone.len())
    }

    fn queue(&self, reader: &ReaderId) -> Result<Option<Queue>, StoreError> {
        Ok(self.slot(reader).map(|(_, row)| row.queue.clone()))
    }

    fn queue_by_sender(&self, sender: &SenderId) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        Ok(self.found(self.tables().queues.by_sender(sender)))
    }

    fn queue_by_lookup(&self, lookup: &LookupKey) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        Ok(self.found(self.tables().queues.by_lookup(lookup)))
    }

    fn insert_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        let queues = &self.tables().queues;
        let taken = [queues.by_reader(reader), queues.by_sender(&queue.sender), queues.by_lookup(&queue.lookup)];
        if taken.iter().any(Option::is_some) {
            return Err(StoreError::Conflict { table: "queues" });
        }
        let segment = self.segment();
        let (queue, entries) = (queue.clone(), std::collections::VecDeque::new());
        self.say(&Op::Queue { reader: *reader, queue: queue.clone() });
        let row = QueueRow { reader: *reader, queue, base: segment, state: segment, oldest: segment, entries };
        let tables = &mut self.journal.tables;
        let slot = tables.queues.add(row, &mut tables.live);
        self.stepped(Undo::QueueAdded(slot));
        Ok(())
    }

    fn update_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        let (slot, row) = self.slot(reader).ok_or(StoreError::Conflict { table: "queues" })?;
        let state = QueueState { next_seq: queue.next_seq, length: queue.length, overflow: queue.overflow };
        let last = self.segment();
        let base = if row.queue.verifier == queue.verifier { row.base } else { last };
        let op = if base == row.base && row.queue.verifier == queue.verifier {
            Op::QueueState { reader: *reader, state }
        } else {
            let Queue { verifier, next_seq, length, overflow, .. } = *queue;
            Op::Queue { reader: *reader, queue: Queue { verifier, next_seq, length, overflow, ..row.queue.clone() } }
        };
        self.say(&op);
        self.change_queue(slot, &Changed { verifier: queue.verifier, state, base, last });
        Ok(())
    }

    fn remove_queue(&mut self, reader: &ReaderId) -> Result<(), StoreError> {
        let Some((slot, row)) = self.slot(reader) else { return Ok(()) };
        let span = row.span();
        let seqs: Vec<u64> = row.entries.iter().map(|entry| entry.seq).collect();
        for seq in seqs {
            self.drop_entry(reader, slot, seq);
        }
        self.say_removal(&Op::QueueGone { reader: *reader, span }, span);
        let tables = &mut self.journal.tables;
        if let Some(row) = tables.queues.remove(slot, &mut tables.live) {
            self.stepped(Undo::QueueRemoved(slot, Box::new(row)));
        }
        Ok(())
    }

    fn insert_entry(&mut self, reader: &ReaderId, seq: u64, entry: &Entry) -> Result<(), StoreError> {
        let (slot, row) = self.slot(reader).ok_or(StoreError::Conflict { table: "queues" })?;
        if row.entry(seq).is_some() {
            return Err(StoreError::Conflict { table: "entries" });
        }
        let place = self.payload(&entry.frame)?;
        self.say(&Op::Entry { reader: *reader, seq, arrived: entry.arrived, length: place.length });
        self.put_entry(slot, EntryPlace { seq, arrived: entry.arrived, place });
        Ok(())
    }

    fn entries(&self, reader: &ReaderId, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>, StoreError> {
        let Some((_, row)) = self.slot(reader) else { return Ok(Vec::new()) };
        let readable = row.entries_from(from).filter_map(|EntryPlace { seq, arrived, place }| {
            let entry = |frame| (*seq, Entry { arrived: *arrived, frame });
            self.content(place).map(|frame| frame.map(entry)).transpose()
        });
        readable.take(limit).collect()
    }

    fn remove_entry(&mut self, reader: &ReaderId, seq: u64) -> Result<bool, StoreError> {
        let slot = self.slot(reader).map(|(slot, _)| slot);
        Ok(slot.is_some_and(|slot| self.drop_entry(reader, slot, seq)))
    }

    fn entries_before(&self, hour: Hour, limit: usize) -> Result<Vec<(ReaderId, u64)>, StoreError> {
        Ok(self.tables().queues.entries_before(hour, limit))
    }

    fn dedup_seen(&self, sender: &SenderId, id: &DedupId) -> Result<bool, StoreError> {
        Ok(self.tables().dedup.last_hour(&self.dedup_print(sender, id)).is_some())
    }

    fn insert_dedup(&mut self, sender: &SenderId, id: &DedupId, last_hour: Hour) -> Result<(), StoreError> {
        let (print, segment) = (self.dedup_print(sender, id), self.segment());
        if self.tables().dedup.last_hour(&print).is_some() {
            return Err(StoreError::Conflict { table: "dedup" });
        }
        self.journal.tables.dedup.add(print, last_hour);
        self.journal.tables.live.add_dedup(segment, last_hour);
        self.stepped(Undo::DedupAdded(print, last_hour, segment));
        self.say(&Op::Dedup { print, last_hour });
        Ok(())
    }

    /// What is forgotten only in part is remembered again after a restart; it has expired, so nothing depends on it.
    fn purge_dedup(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        self.journal.upkeep.hour = hour;
        let mut n = 0;
        while n < limit {
            let Some((print, last_hour)) = self.journal.tables.dedup.pop_before(hour) else { break };
            self.stepped(Undo::DedupForgotten(print, last_hour));
            self.journal.tables.dedup.owes_floor = true;
            n += 1;
        }
        if self.tables().dedup.owes_floor && !self.tables().dedup.any_before(hour) {
            self.say_dedup_floor(hour, self.segment());
        }
        Ok(n)
    }

    fn nonce_seen(&self, scope: &NonceScope, nonce: &Nonce) -> Result<bool, StoreError> {
        Ok(self.tables().nonces.expiry(&self.nonce_print(scope, nonce)).is_some())
    }

    fn insert_nonce(&mut self, scope: &NonceScope, nonce: &Nonce, expires: Timestamp) -> Result<(), StoreError> {
        let print = self.nonce_print(scope, nonce);
        if self.tables().nonces.expiry(&print).is_some() {
            return Err(StoreError::Conflict { table: "nonces" });
        }
        self.journal.tables.nonces.add(print, expires);
        self.stepped(Undo::NonceAdded(print));
        self.say(&Op::Nonce { print, expires });
        Ok(())
    }

    fn purge_nonces(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut n = 0;
        while n < limit {
            let Some((print, expires)) = self.journal.tables.nonces.pop_before(now) else { break };
            self.stepped(Undo::NonceForgotten(print, expires));
            self.journal.tables.nonces.owes_floor = true;
            n += 1;
        }
        if self.tables().nonces.owes_floor && self.tables().nonces.before(now).next().is_none() {
            self.say_nonce_floor(now, self.segment());
        }
        Ok(n)
    }

    fn outgoing(&self, key: &OutgoingKey) -> Result<Option<Outgoing>, StoreError> {
        self.tables().outgoing.get(key).map(|row| self.whole_outgoing(&row.value)).transpose()
    }

    fn put_outgoing(&mut self, key: &OutgoingKey, outgoing: &Outgoing) -> Result<(), StoreError> {
        let Outgoing { to, sealed, accepted, next_attempt, attempts } = outgoing.clone();
        let print = self.journal.secrets.print_key.print(b"sealed", &sealed);
        let before = self.tables().outgoing.get(key).cloned();
        let relay = Relay { to, accepted, next_attempt, attempts, print };
        if let Some(before) = &before {
            let same = &before.value.relay;
            let is_there = !self.journal.damage.knows(&before.value.place);
            if is_there && (same.print, same.accepted) == (print, accepted) && same.to == relay.to {
                self.put_outgoing_state(key, before.clone(), next_attempt, attempts);
                return Ok(());
            }
        }
        let place = self.payload(&sealed)?;
        self.say(&Op::Outgoing { key: *key, relay: relay.clone(), length: place.length });
        let row = OutgoingRow { relay, place, state: place.segment };
        let row = self.row(row, before.map(|before| before.oldest));
        self.set_outgoing(key, Some(row));
        Ok(())
    }

    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let Some(span) = self.tables().outgoing.get(key).map(Row::whole_span) else { return Ok(()) };
        self.set_outgoing(key, None);
        self.say_removal(&Op::OutgoingGone { key: *key, span }, span);
        Ok(())
    }

    fn due_destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
        limit: usize,
    ) -> Result<Vec<ServerAddress>, StoreError> {
        Ok(self.tables().outgoing.destinations(now, after).take(limit).cloned().collect())
    }

    fn due_outgoing(
        &self,
        to: &ServerAddress,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(OutgoingKey, Outgoing)>, StoreError> {
        let keys = self.tables().outgoing.due(to, now).take(limit);
        let rows = keys.filter_map(|key| Some((key, self.tables().outgoing.get(&key)?)));
        rows.map(|(key, row)| Ok((key, self.whole_outgoing(&row.value)?))).collect()
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().outgoing.next_due())
    }

    fn pull_due(&mut self, beyond: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let late: Vec<OutgoingKey> = self.tables().outgoing.due_after(beyond).take(limit).collect();
        for key in &late {
            if let Some(row) = self.tables().outgoing.get(key).cloned() {
                let attempts = row.value.relay.attempts;
                self.put_outgoing_state(key, row, now, attempts);
            }
        }
        Ok(late.len())
    }

    fn outgoing_before(&self, hour: Hour, limit: usize) -> Result<Vec<OutgoingKey>, StoreError> {
        let mut keys: Vec<OutgoingKey> = self.tables().outgoing.accepted_before(hour).take(limit).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn put_returned(&mut self, key: &OutgoingKey, returned: &Returned) -> Result<(), StoreError> {
        let place = self.payload(&returned.notice)?;
        self.say(&Op::Returned { key: *key, stored: returned.stored, length: place.length });
        let before = self.tables().returned.get(key).map(|row| row.oldest);
        let row = self.row(Stored { hour: returned.stored, place }, before);
        self.set_returned(key, Some(row));
        Ok(())
    }

    fn returned(&self, account: &AccountKey, limit: usize) -> Result<Vec<(RelayId, Returned)>, StoreError> {
        let keys = self.returned_keys(account).take(limit);
        let rows = keys.filter_map(|key| Some((key.relay, self.tables().returned.get(&key)?.value)));
        let notices = rows.map(|(relay, stored)| {
            // A notice may be no bytes from the beginning.
            let is_something = stored.place.length > 0;
            let notice = if is_something { self.content(&stored.place)?.unwrap_or_default() } else { Vec::new() };
            Ok((relay, Returned { stored: stored.hour, notice }))
        });
        notices.collect()
    }

    fn n_returned(&self, account: &AccountKey, limit: u32) -> Result<u32, StoreError> {
        let n = self.returned_keys(account).take(usize::try_from(limit).unwrap_or(usize::MAX)).count();
        Ok(u32::try_from(n).unwrap_or(limit))
    }

    fn remove_returned(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let Some(span) = self.tables().returned.get(key).map(Row::span) else { return Ok(()) };
        self.set_returned(key, None);
        self.say_removal(&Op::ReturnedGone { key: *key, span }, span);
        Ok(())
    }

    fn purge_returned(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        let gone: Vec<OutgoingKey> = self.tables().returned.before(hour).take(limit).collect();
        for key in &gone {
            self.remove_returned(key)?;
        }
        Ok(gone.len())
    }

    fn blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError> {
        Ok(self.tables().blobs.get(id).map(|row| row.value.clone()))
    }

    fn put_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError> {
        let row = self.row(blob.clone(), self.tables().blobs.get(id).map(|row| row.oldest));
        let tables = &mut self.journal.tables;
        let before = tables.blobs.set(*id, Some(row), &mut tables.live).map(Box::new);
        self.stepped(Undo::Blob(*id, before));
        self.say(&Op::Blob { id: *id, blob: blob.clone() });
        Ok(())
    }

    fn remove_blob(&mut self, id: &BlobId) -> Result<(), StoreError> {
        for number in self.chunk_numbers(id)? {
            if let Some(segment) = self.tables().chunks.get(&(*id, number)).map(|row| row.segment) {
                self.drop_chunk(id, number, segment);
            }
        }
        let tables = &mut self.journal.tables;
        let Some(before) = tables.blobs.set(*id, None, &mut tables.live) else { return Ok(()) };
        let span = before.span();
        self.say_removal(&Op::BlobGone { id: *id, span }, span);
        self.stepped(Undo::Blob(*id, Some(Box::new(before))));
        Ok(())
    }

    fn blobs_before(&self, hour: Hour, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        let mut ids: Vec<BlobId> = self.tables().blobs.before(hour).take(limit).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn insert_chunk(&mut self, id: &BlobId, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let before =
            self.tables().chunks.get(&(*id, number)).map(|row| (row.segment, self.journal.damage.knows(&row.value)));
        match before {
            Some((_, false)) => return Err(StoreError::Conflict { table: "chunks" }),
            // What is lost makes room for the same again; a removal of its own names its segment.
            Some((segment, true)) => self.drop_chunk(id, number, segment),
            None => {}
        }
        let place = self.payload(bytes)?;
        self.say(&Op::Chunk { id: *id, number, length: place.length });
        let row = self.row(place, None);
        self.set_chunk(id, number, Some(row));
        Ok(())
    }

    fn chunk(&self, id: &BlobId, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.tables().chunks.get(&(*id, number));
        row.map_or(Ok(None), |row| self.content(&row.value))
    }

    fn chunk_numbers(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        let rows = self.tables().chunks.rows().range((*id, 0)..=(*id, u32::MAX));
        Ok(rows.map(|((_, number), _)| *number).collect())
    }

    fn lost_chunks(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        let rows = self.tables().chunks.rows().range((*id, 0)..=(*id, u32::MAX));
        let lost = rows.filter(|(_, row)| row.value.length == 0 || self.journal.damage.knows(&row.value));
        Ok(lost.map(|((_, number), _)| *number).collect())
    }

    /// Has the commit clean more than it would, up to so many pages. Says that all of them were needed while there is more to
    /// clean.
    fn shrink(&mut self, pages: usize) -> Result<usize, StoreError> {
        self.journal.tables.dedup.shrink();
        let bytes = u64::try_from(pages).unwrap_or(u64::MAX).saturating_mul(PAGE);
        Ok(if self.tidy(bytes) { pages } else { 0 })
    }

    fn keys_after(&self, after: Option<&RowKey>, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        Ok(self.tables().keys_after(after, limit))
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let n = |length: usize| length as u64;
        let tables = self.tables();
        Ok(Counts {
            accounts: n(tables.accounts.len()),
            queues: n(tables.queues.len()),
            entries: tables.queues.n_entries(),
            dedup: n(tables.dedup.len()),
            outgoing: n(tables.outgoing.len()),
            blobs: n(tables.blobs.len()),
        })
    }
}
