//! A store in memory, for tests and for the simulated world.
//!
//! It keeps the promises of a real one: writes of a transaction that is dropped vanish, which is also how a crash is
//! simulated. It does not survive its process and is not meant for a server.

use std::collections::{BTreeMap, BTreeSet};

use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId};
use kith_wire::time::{EpochId, Hour, Timestamp};

use super::records::{
    Account, Blob, Counts, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Queue, Returned, RowKey, Secret,
};
use super::{SCHEMA_VERSION, Store, StoreError, Txn};

/// All tables.
#[derive(Clone, Default)]
struct Tables {
    meta: BTreeMap<MetaKey, Secret>,
    epoch_keys: BTreeMap<EpochId, Secret>,
    accounts: BTreeMap<AccountKey, Account>,
    invites: BTreeMap<Hash, Invite>,
    queues: BTreeMap<ReaderId, Queue>,
    by_sender: BTreeMap<SenderId, ReaderId>,
    by_lookup: BTreeMap<LookupKey, ReaderId>,
    entries: BTreeMap<(ReaderId, u64), Entry>,
    entries_by_hour: BTreeMap<(Hour, ReaderId, u64), ()>,
    dedup: BTreeMap<(SenderId, DedupId), Hour>,
    dedup_by_hour: BTreeMap<(Hour, SenderId, DedupId), ()>,
    nonces: BTreeMap<(NonceScope, Nonce), Timestamp>,
    outgoing: BTreeMap<OutgoingKey, Outgoing>,
    due: BTreeMap<(ServerAddress, Timestamp, OutgoingKey), ()>,
    returned: BTreeMap<OutgoingKey, Returned>,
    blobs: BTreeMap<BlobId, Blob>,
    chunks: BTreeMap<(BlobId, u32), Vec<u8>>,
    n_touches: u64,
}

/// A store that forgets when its process ends. A clone is what a backup would be.
#[derive(Clone, Default)]
pub struct Memory {
    tables: Tables,
}

impl Memory {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how often a transaction was made to wait for the disk.
    #[cfg(test)]
    pub(crate) fn n_touches(&self) -> u64 {
        self.tables.n_touches
    }

    /// Loses the content of a chunk.
    #[cfg(test)]
    pub(crate) fn lose_chunk(&mut self, id: &BlobId, number: u32) {
        self.tables.chunks.insert((*id, number), Vec::new());
    }

    /// Returns the store as the next process would find it, had `schema` been written into it.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when a newer release would have written it.
    pub fn reopened(self, schema: u32) -> Result<Self, StoreError> {
        if schema > SCHEMA_VERSION {
            return Err(StoreError::NewerSchema { found: schema, known: SCHEMA_VERSION });
        }
        Ok(self)
    }
}

impl Store for Memory {
    type Txn<'a> = MemoryTxn<'a>;

    fn begin(&mut self) -> Result<MemoryTxn<'_>, StoreError> {
        Ok(MemoryTxn { tables: &mut self.tables, undo: Vec::new() })
    }
}

/// One step back.
type Undo = Box<dyn FnOnce(&mut Tables) + Send>;

/// A transaction on a [`Memory`]: writes at once and remembers how to take it back.
pub struct MemoryTxn<'a> {
    tables: &'a mut Tables,
    undo: Vec<Undo>,
}

impl Drop for MemoryTxn<'_> {
    fn drop(&mut self) {
        while let Some(step) = self.undo.pop() {
            step(self.tables);
        }
    }
}

impl MemoryTxn<'_> {
    /// Sets or removes one row and returns what was there.
    fn set<K, V>(&mut self, table: fn(&mut Tables) -> &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let rows = table(self.tables);
        let before = match value {
            Some(value) => rows.insert(key.clone(), value),
            None => rows.remove(&key),
        };
        let restored = before.clone();
        self.undo.push(Box::new(move |tables| {
            let rows = table(tables);
            match restored {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }));
        before
    }

    /// Adds a row whose key must be new.
    fn add<K, V>(
        &mut self,
        table: fn(&mut Tables) -> &mut BTreeMap<K, V>,
        name: &'static str,
        key: K,
        value: V,
    ) -> Result<(), StoreError>
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        match self.set(table, key, Some(value)) {
            None => Ok(()),
            Some(_) => Err(StoreError::Conflict { table: name }),
        }
    }

    fn drop_entry(&mut self, reader: &ReaderId, seq: u64) -> bool {
        let Some(entry) = self.set(|tables| &mut tables.entries, (*reader, seq), None) else { return false };
        self.set(|tables| &mut tables.entries_by_hour, (entry.arrived, *reader, seq), None);
        true
    }
}

impl Txn for MemoryTxn<'_> {
    fn commit(mut self) -> Result<(), StoreError> {
        self.undo.clear();
        Ok(())
    }

    fn touch(&mut self) -> Result<(), StoreError> {
        self.tables.n_touches = self.tables.n_touches.wrapping_add(1);
        Ok(())
    }

    fn meta(&self, key: MetaKey) -> Result<Option<Secret>, StoreError> {
        Ok(self.tables.meta.get(&key).cloned())
    }

    fn set_meta(&mut self, key: MetaKey, value: &Secret) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.meta, key, Some(value.clone()));
        Ok(())
    }

    fn epoch_keys(&self) -> Result<Vec<(EpochId, Secret)>, StoreError> {
        Ok(self.tables.epoch_keys.iter().map(|(epoch, seed)| (*epoch, seed.clone())).collect())
    }

    fn insert_epoch_key(&mut self, epoch: EpochId, seed: &Secret) -> Result<(), StoreError> {
        self.add(|tables| &mut tables.epoch_keys, "epoch keys", epoch, seed.clone())
    }

    fn erase_epoch_key(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.epoch_keys, epoch, None);
        Ok(())
    }

    fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        Ok(self.tables.accounts.get(key).cloned())
    }

    fn put_account(&mut self, key: &AccountKey, account: &Account) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.accounts, *key, Some(account.clone()));
        Ok(())
    }

    fn invite(&self, code: &Hash) -> Result<Option<Invite>, StoreError> {
        Ok(self.tables.invites.get(code).cloned())
    }

    fn put_invite(&mut self, code: &Hash, invite: &Invite) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.invites, *code, Some(invite.clone()));
        Ok(())
    }

    fn remove_invite(&mut self, code: &Hash) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.invites, *code, None);
        Ok(())
    }

    fn purge_invites(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let gone: Vec<Hash> = self
            .tables
            .invites
            .iter()
            .filter(|(_, invite)| invite.expires < now)
            .map(|(code, _)| *code)
            .take(limit)
            .collect();
        for code in &gone {
            self.remove_invite(code)?;
        }
        Ok(gone.len())
    }

    fn queue(&self, reader: &ReaderId) -> Result<Option<Queue>, StoreError> {
        Ok(self.tables.queues.get(reader).cloned())
    }

    fn queue_by_sender(&self, sender: &SenderId) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        let Some(reader) = self.tables.by_sender.get(sender) else { return Ok(None) };
        Ok(self.queue(reader)?.map(|queue| (*reader, queue)))
    }

    fn queue_by_lookup(&self, lookup: &LookupKey) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        let Some(reader) = self.tables.by_lookup.get(lookup) else { return Ok(None) };
        Ok(self.queue(reader)?.map(|queue| (*reader, queue)))
    }

    fn insert_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        self.add(|tables| &mut tables.queues, "queues", *reader, queue.clone())?;
        self.add(|tables| &mut tables.by_sender, "queues", queue.sender, *reader)?;
        self.add(|tables| &mut tables.by_lookup, "queues", queue.lookup, *reader)
    }

    fn update_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        match self.set(|tables| &mut tables.queues, *reader, Some(queue.clone())) {
            Some(_) => Ok(()),
            None => Err(StoreError::Conflict { table: "queues" }),
        }
    }

    fn remove_queue(&mut self, reader: &ReaderId) -> Result<(), StoreError> {
        let Some(queue) = self.set(|tables| &mut tables.queues, *reader, None) else { return Ok(()) };
        self.set(|tables| &mut tables.by_sender, queue.sender, None);
        self.set(|tables| &mut tables.by_lookup, queue.lookup, None);
        let seqs: Vec<u64> =
            self.tables.entries.range((*reader, 0)..=(*reader, u64::MAX)).map(|((_, seq), _)| *seq).collect();
        for seq in seqs {
            self.drop_entry(reader, seq);
        }
        Ok(())
    }

    fn insert_entry(&mut self, reader: &ReaderId, seq: u64, entry: &Entry) -> Result<(), StoreError> {
        self.add(|tables| &mut tables.entries, "entries", (*reader, seq), entry.clone())?;
        self.add(|tables| &mut tables.entries_by_hour, "entries", (entry.arrived, *reader, seq), ())
    }

    fn entries(&self, reader: &ReaderId, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>, StoreError> {
        let rows = self.tables.entries.range((*reader, from)..=(*reader, u64::MAX));
        Ok(rows.take(limit).map(|((_, seq), entry)| (*seq, entry.clone())).collect())
    }

    fn remove_entry(&mut self, reader: &ReaderId, seq: u64) -> Result<bool, StoreError> {
        Ok(self.drop_entry(reader, seq))
    }

    fn entries_before(&self, hour: Hour, limit: usize) -> Result<Vec<(ReaderId, u64)>, StoreError> {
        let rows = self.tables.entries_by_hour.keys().take_while(|(arrived, _, _)| *arrived < hour);
        Ok(rows.take(limit).map(|(_, reader, seq)| (*reader, *seq)).collect())
    }

    fn dedup_seen(&self, sender: &SenderId, id: &DedupId) -> Result<bool, StoreError> {
        Ok(self.tables.dedup.contains_key(&(*sender, *id)))
    }

    fn insert_dedup(&mut self, sender: &SenderId, id: &DedupId, last_hour: Hour) -> Result<(), StoreError> {
        self.add(|tables| &mut tables.dedup, "dedup", (*sender, *id), last_hour)?;
        self.add(|tables| &mut tables.dedup_by_hour, "dedup", (last_hour, *sender, *id), ())
    }

    fn purge_dedup(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        let rows = self.tables.dedup_by_hour.keys().take_while(|(last, _, _)| *last < hour).take(limit);
        let gone: Vec<(Hour, SenderId, DedupId)> = rows.copied().collect();
        for (last, sender, id) in &gone {
            self.set(|tables| &mut tables.dedup_by_hour, (*last, *sender, *id), None);
            self.set(|tables| &mut tables.dedup, (*sender, *id), None);
        }
        Ok(gone.len())
    }

    fn nonce_seen(&self, scope: &NonceScope, nonce: &Nonce) -> Result<bool, StoreError> {
        Ok(self.tables.nonces.contains_key(&(*scope, *nonce)))
    }

    fn insert_nonce(&mut self, scope: &NonceScope, nonce: &Nonce, expires: Timestamp) -> Result<(), StoreError> {
        self.add(|tables| &mut tables.nonces, "nonces", (*scope, *nonce), expires)
    }

    fn purge_nonces(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let rows = self.tables.nonces.iter().filter(|(_, expires)| **expires < now);
        let gone: Vec<(NonceScope, Nonce)> = rows.map(|(key, _)| *key).take(limit).collect();
        for key in &gone {
            self.set(|tables| &mut tables.nonces, *key, None);
        }
        Ok(gone.len())
    }

    fn outgoing(&self, key: &OutgoingKey) -> Result<Option<Outgoing>, StoreError> {
        Ok(self.tables.outgoing.get(key).cloned())
    }

    fn put_outgoing(&mut self, key: &OutgoingKey, outgoing: &Outgoing) -> Result<(), StoreError> {
        let before = self.set(|tables| &mut tables.outgoing, *key, Some(outgoing.clone()));
        if let Some(before) = before {
            self.set(|tables| &mut tables.due, (before.to, before.next_attempt, *key), None);
        }
        self.set(|tables| &mut tables.due, (outgoing.to.clone(), outgoing.next_attempt, *key), Some(()));
        Ok(())
    }

    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let Some(before) = self.set(|tables| &mut tables.outgoing, *key, None) else { return Ok(()) };
        self.set(|tables| &mut tables.due, (before.to, before.next_attempt, *key), None);
        Ok(())
    }

    fn due_destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
        limit: usize,
    ) -> Result<Vec<ServerAddress>, StoreError> {
        let due = self.tables.due.keys().filter(|(_, at, _)| *at <= now).map(|(to, _, _)| to);
        let mut found: BTreeSet<&ServerAddress> = due.collect();
        found.retain(|to| after.is_none_or(|after| *to > after));
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    fn due_outgoing(
        &self,
        to: &ServerAddress,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(OutgoingKey, Outgoing)>, StoreError> {
        let keys = self.tables.due.keys().filter(|(other, at, _)| other == to && *at <= now).take(limit);
        Ok(keys.filter_map(|(_, _, key)| Some((*key, self.tables.outgoing.get(key)?.clone()))).collect())
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables.due.keys().map(|(_, at, _)| *at).min())
    }

    fn pull_due(&mut self, beyond: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let late = self.tables.outgoing.iter().filter(|(_, outgoing)| outgoing.next_attempt > beyond);
        let late: Vec<(OutgoingKey, Outgoing)> = late.map(|(key, row)| (*key, row.clone())).take(limit).collect();
        for (key, outgoing) in &late {
            self.put_outgoing(key, &Outgoing { next_attempt: now, ..outgoing.clone() })?;
        }
        Ok(late.len())
    }

    fn outgoing_before(&self, hour: Hour, limit: usize) -> Result<Vec<OutgoingKey>, StoreError> {
        let rows = self.tables.outgoing.iter().filter(|(_, outgoing)| outgoing.accepted < hour);
        Ok(rows.map(|(key, _)| *key).take(limit).collect())
    }

    fn put_returned(&mut self, key: &OutgoingKey, returned: &Returned) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.returned, *key, Some(returned.clone()));
        Ok(())
    }

    fn returned(&self, account: &AccountKey, limit: usize) -> Result<Vec<(RelayId, Returned)>, StoreError> {
        let first = OutgoingKey { account: *account, relay: RelayId([0; 16]) };
        let rows = self.tables.returned.range(first..).take_while(|(key, _)| key.account == *account);
        Ok(rows.take(limit).map(|(key, returned)| (key.relay, returned.clone())).collect())
    }

    fn n_returned(&self, account: &AccountKey, limit: u32) -> Result<u32, StoreError> {
        let first = OutgoingKey { account: *account, relay: RelayId([0; 16]) };
        let rows = self.tables.returned.range(first..).take_while(|(key, _)| key.account == *account);
        Ok(rows.zip(0..limit).map(|(_, before)| before + 1).last().unwrap_or(0))
    }

    fn remove_returned(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.returned, *key, None);
        Ok(())
    }

    fn purge_returned(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        let rows = self.tables.returned.iter().filter(|(_, returned)| returned.stored < hour);
        let gone: Vec<OutgoingKey> = rows.map(|(key, _)| *key).take(limit).collect();
        for key in &gone {
            self.remove_returned(key)?;
        }
        Ok(gone.len())
    }

    fn blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError> {
        Ok(self.tables.blobs.get(id).cloned())
    }

    fn put_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.blobs, *id, Some(blob.clone()));
        Ok(())
    }

    fn remove_blob(&mut self, id: &BlobId) -> Result<(), StoreError> {
        self.set(|tables| &mut tables.blobs, *id, None);
        for number in self.chunk_numbers(id)? {
            self.set(|tables| &mut tables.chunks, (*id, number), None);
        }
        Ok(())
    }

    fn blobs_before(&self, hour: Hour, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        let rows = self.tables.blobs.iter().filter(|(_, blob)| blob.expires < hour);
        Ok(rows.map(|(id, _)| *id).take(limit).collect())
    }

    fn insert_chunk(&mut self, id: &BlobId, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        if self.lost_chunks(id)?.contains(&number) {
            self.set(|tables| &mut tables.chunks, (*id, number), None);
        }
        self.add(|tables| &mut tables.chunks, "chunks", (*id, number), bytes.to_vec())
    }

    fn chunk(&self, id: &BlobId, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables.chunks.get(&(*id, number)).filter(|bytes| !bytes.is_empty()).cloned())
    }

    fn chunk_numbers(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        let rows = self.tables.chunks.range((*id, 0)..=(*id, u32::MAX));
        Ok(rows.map(|((_, number), _)| *number).collect())
    }

    /// No chunk is empty: so tests say what was lost.
    fn lost_chunks(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        let rows = self.tables.chunks.range((*id, 0)..=(*id, u32::MAX));
        Ok(rows.filter(|(_, bytes)| bytes.is_empty()).map(|((_, number), _)| *number).collect())
    }

    fn shrink(&mut self, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn keys_after(&self, after: Option<&RowKey>, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        let tables = &*self.tables;
        let mut holders: Vec<AccountKey> = tables.returned.keys().map(|key| key.account).collect();
        holders.dedup();
        let queues = tables.queues.keys().map(|reader| RowKey::Queue(*reader));
        let blobs = tables.blobs.keys().map(|id| RowKey::Blob(*id));
        let outgoing = tables.outgoing.keys().map(|key| RowKey::Outgoing(*key));
        let returned = holders.into_iter().map(RowKey::Returned);
        let invites = tables.invites.keys().map(|code| RowKey::Invite(*code));
        let accounts = tables.accounts.keys().map(|key| RowKey::Account(*key));
        let all = queues.chain(blobs).chain(outgoing).chain(returned).chain(invites).chain(accounts);
        Ok(all.skip_while(|key| after.is_some_and(|after| key <= after)).take(limit).collect())
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let n = |length: usize| length as u64;
        Ok(Counts {
            accounts: n(self.tables.accounts.len()),
            queues: n(self.tables.queues.len()),
            entries: n(self.tables.entries.len()),
            dedup: n(self.tables.dedup.len()),
            outgoing: n(self.tables.outgoing.len()),
            blobs: n(self.tables.blobs.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::store::conformance::MemoryFixture;

    crate::store_conformance!(MemoryFixture);
}
