//! A transaction on the embedded store: each method is one or two statements.

use kith_home::store::{
    Account, Blob, Counts, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Overflow, Queue, Returned,
    RowKey, Secret, StoreError, Txn,
};
use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId};
use kith_wire::time::{EpochId, Hour, Timestamp};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use zeroize::Zeroizing;

use crate::listing;
use crate::rows::{self, failed, int, limit, unsigned};

/// Free pages that are kept for what comes next, 4 MiB: a queue that fills and empties should not move the end of the
/// file each time.
const KEPT_PAGES: usize = 1024;

/// An open transaction. Dropped without a commit it is rolled back.
///
/// Erasing an epoch key turns on `secure_delete` for the transaction, and after its commit the log is written back
/// and cut to nothing: then neither file holds the key. (What a flash disk keeps below is out of reach; the threat
/// model says so.)
pub struct EmbeddedTxn<'a> {
    db: &'a Connection,
    owes_checkpoint: &'a mut bool,
    erases: bool,
    finished: bool,
}

impl<'a> EmbeddedTxn<'a> {
    pub(crate) fn begin(db: &'a Connection, owes_checkpoint: &'a mut bool) -> Result<Self, StoreError> {
        db.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(failed("transaction"))?;
        Ok(Self { db, owes_checkpoint, erases: false, finished: false })
    }

    /// Reads at most one row.
    fn one<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(failed(table))?;
        statement.query_row(params, read).optional().map_err(failed(table))
    }

    /// Reads all rows.
    pub(crate) fn many<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(failed(table))?;
        let rows = statement.query_map(params, read).map_err(failed(table))?;
        rows.collect::<Result<_, _>>().map_err(failed(table))
    }

    /// Writes, and returns how many rows changed.
    fn write(&self, table: &'static str, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let mut statement = self.db.prepare_cached(sql).map_err(failed(table))?;
        statement.execute(params).map_err(failed(table))
    }

    fn count(&self, table: &'static str, sql: &str) -> Result<u64, StoreError> {
        Ok(self.one(table, sql, [], |row| unsigned(row, 0))?.unwrap_or(0))
    }

    fn queue_where(&self, condition: &str, key: &[u8]) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        let sql = format!("SELECT {} FROM queues WHERE {condition} = ?1", rows::QUEUE);
        let found = self.one("queues", &sql, [key], rows::queue)?;
        Ok(found.map(|(reader, queue)| (ReaderId(reader), queue)))
    }

    fn pragma(&self, sql: &str) -> Result<(), StoreError> {
        self.db.execute_batch(sql).map_err(failed("pragma"))
    }
}

impl Drop for EmbeddedTxn<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // When even this fails the connection is unusable and the next `begin` says so.
            let _ = self.db.execute_batch("ROLLBACK");
        }
        if self.erases {
            let _ = self.db.execute_batch("PRAGMA secure_delete = FAST");
        }
    }
}

impl Txn for EmbeddedTxn<'_> {
    fn commit(mut self) -> Result<(), StoreError> {
        self.write("transaction", "COMMIT", [])?;
        self.finished = true;
        *self.owes_checkpoint |= self.erases;
        if *self.owes_checkpoint {
            // Another process that reads at this moment makes the first column 1; then the next commit tries again.
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            let busy = self.one("log", sql, [], |row| row.get::<_, i64>(0))?;
            *self.owes_checkpoint = busy != Some(0);
        }
        Ok(())
    }

    fn touch(&mut self) -> Result<(), StoreError> {
        self.write("meta", "INSERT OR REPLACE INTO meta VALUES ('touched', randomblob(8))", [])?;
        Ok(())
    }

    fn meta(&self, key: MetaKey) -> Result<Option<Secret>, StoreError> {
        let sql = "SELECT value FROM meta WHERE name = ?1";
        let value = self.one("meta", sql, [key.name()], |row| row.get::<_, Vec<u8>>(0))?;
        Ok(value.map(Zeroizing::new).map(|value| Secret::new(&value)))
    }

    fn set_meta(&mut self, key: MetaKey, value: &Secret) -> Result<(), StoreError> {
        self.write("meta", "INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![key.name(), value.expose()])?;
        Ok(())
    }

    fn epoch_keys(&self) -> Result<Vec<(EpochId, Secret)>, StoreError> {
        self.many("epoch keys", "SELECT epoch, seed FROM epoch_keys ORDER BY epoch", [], |row| {
            let seed = Zeroizing::new(row.get::<_, Vec<u8>>(1)?);
            Ok((EpochId(row.get(0)?), Secret::new(&seed)))
        })
    }

    fn insert_epoch_key(&mut self, epoch: EpochId, seed: &Secret) -> Result<(), StoreError> {
        self.write("epoch keys", "INSERT INTO epoch_keys VALUES (?1, ?2)", params![epoch.0, seed.expose()])?;
        Ok(())
    }

    fn erase_epoch_key(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        self.erases = true;
        self.pragma("PRAGMA secure_delete = ON")?;
        self.write("epoch keys", "DELETE FROM epoch_keys WHERE epoch = ?1", [epoch.0])?;
        Ok(())
    }

    fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        let sql = "SELECT created, n_queues, blob_bytes, n_outgoing FROM accounts WHERE key = ?1";
        self.one("accounts", sql, [&key.0], rows::account)
    }

    fn put_account(&mut self, key: &AccountKey, account: &Account) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO accounts VALUES (?1, ?2, ?3, ?4, ?5)";
        let Account { created, n_queues, blob_bytes, n_outgoing } = account;
        self.write("accounts", sql, params![key.0, created.0, n_queues, int(*blob_bytes), n_outgoing])?;
        Ok(())
    }

    fn invite(&self, code: &Hash) -> Result<Option<Invite>, StoreError> {
        self.one("invites", "SELECT uses_left, expires FROM invites WHERE code = ?1", [&code.0], rows::invite)
    }

    fn put_invite(&mut self, code: &Hash, invite: &Invite) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO invites VALUES (?1, ?2, ?3)";
        self.write("invites", sql, params![code.0, invite.uses_left, int(invite.expires.0)])?;
        Ok(())
    }

    fn remove_invite(&mut self, code: &Hash) -> Result<(), StoreError> {
        self.write("invites", "DELETE FROM invites WHERE code = ?1", [&code.0])?;
        Ok(())
    }

    fn purge_invites(&mut self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM invites WHERE code IN (SELECT code FROM invites WHERE expires < ?1 LIMIT ?2)";
        self.write("invites", sql, params![int(now.0), limit(most)])
    }

    fn queue(&self, reader: &ReaderId) -> Result<Option<Queue>, StoreError> {
        Ok(self.queue_where("reader", &reader.0)?.map(|(_, queue)| queue))
    }

    fn queue_by_sender(&self, sender: &SenderId) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        self.queue_where("sender", &sender.0)
    }

    fn queue_by_lookup(&self, lookup: &LookupKey) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        self.queue_where("lookup", &lookup.0)
    }

    fn insert_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO queues ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", rows::QUEUE);
        let (seq, dropped) = (int(queue.next_seq), queue.overflow == Overflow::Dropped);
        let (sender, account, lookup, verifier) = (queue.sender.0, queue.account.0, queue.lookup.0, queue.verifier.0);
        let values = params![reader.0, sender, account, lookup, verifier, seq, queue.length, dropped];
        self.write("queues", &sql, values)?;
        Ok(())
    }

    fn update_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        let sql = "UPDATE queues SET verifier = ?2, next_seq = ?3, length = ?4, overflow = ?5 WHERE reader = ?1";
        let dropped = queue.overflow == Overflow::Dropped;
        let values = params![reader.0, queue.verifier.0, int(queue.next_seq), queue.length, dropped];
        match self.write("queues", sql, values)? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict { table: "queues" }),
        }
    }

    fn remove_queue(&mut self, reader: &ReaderId) -> Result<(), StoreError> {
        self.write("entries", "DELETE FROM entries WHERE reader = ?1", [&reader.0])?;
        self.write("queues", "DELETE FROM queues WHERE reader = ?1", [&reader.0])?;
        Ok(())
    }

    fn insert_entry(&mut self, reader: &ReaderId, seq: u64, entry: &Entry) -> Result<(), StoreError> {
        let sql = "INSERT INTO entries (reader, seq, arrived, frame) VALUES (?1, ?2, ?3, ?4)";
        self.write("entries", sql, params![reader.0, int(seq), entry.arrived.0, entry.frame])?;
        Ok(())
    }

    fn entries(&self, reader: &ReaderId, from: u64, most: usize) -> Result<Vec<(u64, Entry)>, StoreError> {
        let sql = "SELECT seq, arrived, frame FROM entries WHERE reader = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3";
        self.many("entries", sql, params![reader.0, int(from), limit(most)], rows::entry)
    }

    fn remove_entry(&mut self, reader: &ReaderId, seq: u64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM entries WHERE reader = ?1 AND seq = ?2";
        Ok(self.write("entries", sql, params![reader.0, int(seq)])? > 0)
    }

    fn entries_before(&self, hour: Hour, most: usize) -> Result<Vec<(ReaderId, u64)>, StoreError> {
        let sql = "SELECT reader, seq FROM entries WHERE arrived < ?1 ORDER BY arrived, reader, seq LIMIT ?2";
        self.many("entries", sql, params![hour.0, limit(most)], |row| Ok((ReaderId(row.get(0)?), unsigned(row, 1)?)))
    }

    fn dedup_seen(&self, sender: &SenderId, id: &DedupId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM dedup WHERE sender = ?1 AND id = ?2";
        Ok(self.one("dedup", sql, params![sender.0, id.0], |_| Ok(()))?.is_some())
    }

    fn insert_dedup(&mut self, sender: &SenderId, id: &DedupId, last_hour: Hour) -> Result<(), StoreError> {
        self.write("dedup", "INSERT INTO dedup VALUES (?1, ?2, ?3)", params![sender.0, id.0, last_hour.0])?;
        Ok(())
    }

    fn purge_dedup(&mut self, hour: Hour, most: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM dedup WHERE (sender, id) IN
          (SELECT sender, id FROM dedup WHERE last_hour < ?1 ORDER BY last_hour, sender, id LIMIT ?2)";
        self.write("dedup", sql, params![hour.0, limit(most)])
    }

    fn nonce_seen(&self, scope: &NonceScope, nonce: &Nonce) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM nonces WHERE scope = ?1 AND nonce = ?2";
        Ok(self.one("nonces", sql, params![scope.0, nonce.0], |_| Ok(()))?.is_some())
    }

    fn insert_nonce(&mut self, scope: &NonceScope, nonce: &Nonce, expires: Timestamp) -> Result<(), StoreError> {
        self.write("nonces", "INSERT INTO nonces VALUES (?1, ?2, ?3)", params![scope.0, nonce.0, int(expires.0)])?;
        Ok(())
    }

    fn purge_nonces(&mut self, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM nonces WHERE (scope, nonce) IN
          (SELECT scope, nonce FROM nonces WHERE expires < ?1 LIMIT ?2)";
        self.write("nonces", sql, params![int(now.0), limit(most)])
    }

    fn outgoing(&self, key: &OutgoingKey) -> Result<Option<Outgoing>, StoreError> {
        let sql = format!("SELECT {} FROM outgoing WHERE account = ?1 AND relay = ?2", rows::OUTGOING);
        let found = self.one("outgoing", &sql, params![key.account.0, key.relay.0], rows::outgoing)?;
        Ok(found.map(|(_, outgoing)| outgoing))
    }

    fn put_outgoing(&mut self, key: &OutgoingKey, outgoing: &Outgoing) -> Result<(), StoreError> {
        let columns = rows::OUTGOING;
        let sql = format!("INSERT OR REPLACE INTO outgoing ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
        let values = params![
            key.account.0,
            key.relay.0,
            outgoing.to.url.as_str(),
            outgoing.to.key.0,
            outgoing.sealed,
            outgoing.accepted.0,
            int(outgoing.next_attempt.0),
            outgoing.attempts
        ];
        self.write("outgoing", &sql, values)?;
        Ok(())
    }

    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let sql = "DELETE FROM outgoing WHERE account = ?1 AND relay = ?2";
        self.write("outgoing", sql, params![key.account.0, key.relay.0])?;
        Ok(())
    }

    fn due_destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
        most: usize,
    ) -> Result<Vec<ServerAddress>, StoreError> {
        let sql = "SELECT DISTINCT url, server_key FROM outgoing
          WHERE next_attempt <= ?1 AND (url, server_key) > (?2, ?3) ORDER BY url, server_key LIMIT ?4";
        // No URL is empty: the empty one comes before all.
        let (url, key) = after.map_or(("", [0; 32]), |after| (after.url.as_str(), after.key.0));
        self.many("outgoing", sql, params![int(now.0), url, key, limit(most)], |row| rows::address(row, 0))
    }

    fn due_outgoing(
        &self,
        to: &ServerAddress,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<(OutgoingKey, Outgoing)>, StoreError> {
        let sql = format!(
            "SELECT {} FROM outgoing WHERE url = ?1 AND server_key = ?2 AND next_attempt <= ?3
             ORDER BY next_attempt, account, relay LIMIT ?4",
            rows::OUTGOING
        );
        let values = params![to.url.as_str(), to.key.0, int(now.0), limit(most)];
        self.many("outgoing", &sql, values, rows::outgoing)
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT next_attempt FROM outgoing ORDER BY next_attempt LIMIT 1";
        self.one("outgoing", sql, [], |row| Ok(Timestamp(unsigned(row, 0)?)))
    }

    fn pull_due(&mut self, beyond: Timestamp, now: Timestamp, most: usize) -> Result<usize, StoreError> {
        let sql = "UPDATE outgoing SET next_attempt = ?2 WHERE rowid IN
          (SELECT rowid FROM outgoing WHERE next_attempt > ?1 LIMIT ?3)";
        self.write("outgoing", sql, params![int(beyond.0), int(now.0), limit(most)])
    }

    fn outgoing_before(&self, hour: Hour, most: usize) -> Result<Vec<OutgoingKey>, StoreError> {
        let sql = "SELECT account, relay FROM outgoing WHERE accepted < ?1 ORDER BY account, relay LIMIT ?2";
        self.many("outgoing", sql, params![hour.0, limit(most)], rows::outgoing_key)
    }

    fn put_returned(&mut self, key: &OutgoingKey, returned: &Returned) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO returned VALUES (?1, ?2, ?3, ?4)";
        self.write("returned", sql, params![key.account.0, key.relay.0, returned.stored.0, returned.notice])?;
        Ok(())
    }

    fn returned(&self, account: &AccountKey, most: usize) -> Result<Vec<(RelayId, Returned)>, StoreError> {
        let sql = "SELECT relay, stored, notice FROM returned WHERE account = ?1 ORDER BY relay LIMIT ?2";
        self.many("returned", sql, params![account.0, limit(most)], rows::returned)
    }

    fn n_returned(&self, account: &AccountKey, most: u32) -> Result<u32, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM returned WHERE account = ?1 LIMIT ?2)";
        Ok(self.one("returned", sql, params![account.0, most], |row| row.get(0))?.unwrap_or(0))
    }

    fn remove_returned(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let sql = "DELETE FROM returned WHERE account = ?1 AND relay = ?2";
        self.write("returned", sql, params![key.account.0, key.relay.0])?;
        Ok(())
    }

    fn purge_returned(&mut self, hour: Hour, most: usize) -> Result<usize, StoreError> {
        let sql = "DELETE FROM returned WHERE (account, relay) IN
          (SELECT account, relay FROM returned WHERE stored < ?1 LIMIT ?2)";
        self.write("returned", sql, params![hour.0, limit(most)])
    }

    fn blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError> {
        let sql = "SELECT account, size, n_chunks, n_present, read, del, expires FROM blobs WHERE id = ?1";
        self.one("blobs", sql, [&id.0], rows::blob)
    }

    fn put_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO blobs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            id.0,
            blob.account.0,
            int(blob.size),
            blob.n_chunks,
            blob.n_present,
            blob.read.0,
            blob.delete.0,
            blob.expires.0
        ];
        self.write("blobs", sql, values)?;
        Ok(())
    }

    fn remove_blob(&mut self, id: &BlobId) -> Result<(), StoreError> {
        self.write("chunks", "DELETE FROM chunks WHERE blob = ?1", [&id.0])?;
        self.write("blobs", "DELETE FROM blobs WHERE id = ?1", [&id.0])?;
        Ok(())
    }

    fn blobs_before(&self, hour: Hour, most: usize) -> Result<Vec<BlobId>, StoreError> {
        let sql = "SELECT id FROM blobs WHERE expires < ?1 ORDER BY id LIMIT ?2";
        self.many("blobs", sql, params![hour.0, limit(most)], |row| Ok(BlobId(row.get(0)?)))
    }

    fn insert_chunk(&mut self, id: &BlobId, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO chunks (blob, number, bytes) VALUES (?1, ?2, ?3)";
        self.write("chunks", sql, params![id.0, number, bytes])?;
        Ok(())
    }

    fn chunk(&self, id: &BlobId, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT bytes FROM chunks WHERE blob = ?1 AND number = ?2";
        self.one("chunks", sql, params![id.0, number], |row| row.get(0))
    }

    fn chunk_numbers(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        self.many("chunks", "SELECT number FROM chunks WHERE blob = ?1 ORDER BY number", [&id.0], |row| row.get(0))
    }

    fn shrink(&mut self, pages: usize) -> Result<usize, StoreError> {
        let free = self.count("free pages", "PRAGMA freelist_count")?;
        let spare = usize::try_from(free).unwrap_or(usize::MAX).saturating_sub(KEPT_PAGES).min(pages);
        if spare == 0 {
            return Ok(0);
        }
        // Each step gives one page back, so the statement has to be stepped to its end.
        self.many("free pages", &format!("PRAGMA incremental_vacuum({spare})"), [], |_| Ok(()))?;
        Ok(spare)
    }

    fn keys_after(&self, after: Option<&RowKey>, most: usize) -> Result<Vec<RowKey>, StoreError> {
        listing::keys_after(self, after, most)
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        Ok(Counts {
            accounts: self.count("accounts", "SELECT count(*) FROM accounts")?,
            queues: self.count("queues", "SELECT count(*) FROM queues")?,
            entries: self.count("entries", "SELECT count(*) FROM entries")?,
            dedup: self.count("dedup", "SELECT count(*) FROM dedup")?,
            outgoing: self.count("outgoing", "SELECT count(*) FROM outgoing")?,
            blobs: self.count("blobs", "SELECT count(*) FROM blobs")?,
        })
    }
}
