//! What the rules ask of storage: typed tables in one durable transaction.
//!
//! A [`Store`] remembers and decides nothing: quotas, expiry and proofs are the business of the rules above it. One
//! transaction is open at a time, reads see the transaction's own writes, and a transaction that is dropped without
//! [`Txn::commit`] leaves no trace. `commit` returns only after the writes survive a power cut, unless [`Store::owed`] says
//! what is left to do.
//!
//! Two implementations pass the same suite (`conformance`, a feature): [`memory`] for tests and simulation, and the log
//! in `kith-store`.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod memory;
pub mod records;

use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId};
use kith_wire::time::{EpochId, Hour, Timestamp};
use thiserror::Error;

pub use records::{
    Account, Blob, Counts, Entry, Health, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Overflow, Queue,
    Returned, RowKey, Secret, Stay, Upkeep,
};

/// The layout of the tables that this code writes. A store that says more was written by a newer release.
pub const SCHEMA_VERSION: u32 = 1;

/// Why storage could not do what was asked. The transaction is lost; what was committed before is not.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A newer release wrote this store; opening it could destroy what that release knows.
    #[error("the store has layout {found}, this release knows up to {known}")]
    NewerSchema {
        /// Version in the store.
        found: u32,
        /// Highest version that this code reads.
        known: u32,
    },
    /// The store holds something that this code cannot have written.
    #[error("the store is damaged: a row of {table} cannot be read")]
    Damaged {
        /// The table with the unreadable row.
        table: &'static str,
    },
    /// A row with this key exists already, or a row that must exist does not: a broken rule above.
    #[error("a row of {table} is not in the state that the rules assume")]
    Conflict {
        /// The table with the row.
        table: &'static str,
    },
    /// The storage below failed: disk full, input or output error, locked by another process.
    #[error("the storage below failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What is left to do until a commit is durable.
pub type Debt = Box<dyn FnOnce() -> Result<(), StoreError> + Send>;

/// A place where a home server remembers.
pub trait Store {
    /// An open transaction.
    type Txn<'a>: Txn
    where
        Self: 'a;

    /// Opens the one transaction.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when storage is not usable.
    fn begin(&mut self) -> Result<Self::Txn<'_>, StoreError>;

    /// Opens the transaction to read: nothing that is done in it can be committed. It may work where [`begin`](Self::begin) first needs the disk to
    /// do something, as on one that is full.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when storage is not usable.
    fn look(&mut self) -> Result<Self::Txn<'_>, StoreError> {
        self.begin()
    }

    /// Returns what has to be done until all that was committed is durable; nothing when it is, as in any store whose commits wait for the
    /// disk themselves. In others a commit is seen at once and durable later, and this is what is left of it. It may be done by any
    /// thread, while the next transaction is made.
    ///
    /// When it fails, nothing that was committed since the last one that succeeded is certain, and nothing more can be committed until
    /// [`set_back`](Self::set_back).
    fn owed(&mut self) -> Option<Debt> {
        None
    }

    /// Takes back all that did not become durable.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the disk does not let it; then it is to be tried again.
    fn set_back(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns what an operator should know. Stores that cannot lose anything have nothing to say.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// Typed reads and writes that become durable together, or not at all.
///
/// Every `purge_*` and listing takes a limit, so that housekeeping never holds up deposits for long. Every method
/// fails with [`StoreError`] and then the transaction must be dropped.
///
/// A disk can lose bytes that were safely on it. For what the rules need to go on that is an error. For content that only passes through, it
/// must not stand in the way of everything else: an entry without its frame is left out of [`Txn::entries`], [`Txn::chunk`]
/// has no chunk and [`Txn::insert_chunk`] takes it again, and sealed requests and notices come as empty bytes, which
/// the rules never store as sealed requests. Such rows can be removed like any other.
#[expect(clippy::missing_errors_doc, reason = "every method fails alike; the trait's text says how")]
pub trait Txn {
    /// Makes the writes durable. Returns after they are on the disk.
    fn commit(self) -> Result<(), StoreError>;

    /// Returns how many rows this transaction has read whose content the store has lost. For those who read everything.
    fn n_lost(&self) -> u64 {
        0
    }

    /// Writes something of no meaning, so that this commit waits for the disk whatever else the transaction does.
    fn touch(&mut self) -> Result<(), StoreError>;

    /// Returns a value of the server itself.
    fn meta(&self, key: MetaKey) -> Result<Option<Secret>, StoreError>;
    /// Sets a value of the server itself.
    fn set_meta(&mut self, key: MetaKey, value: &Secret) -> Result<(), StoreError>;

    /// Returns the seeds of all epoch keys, oldest first.
    fn epoch_keys(&self) -> Result<Vec<(EpochId, Secret)>, StoreError>;
    /// Adds the seed of an epoch.
    fn insert_epoch_key(&mut self, epoch: EpochId, seed: &Secret) -> Result<(), StoreError>;
    /// Erases the seed of an epoch so that, after the commit, the store's files do not hold it any more.
    fn erase_epoch_key(&mut self, epoch: EpochId) -> Result<(), StoreError>;

    /// Returns an account.
    fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError>;
    /// Adds or replaces an account.
    fn put_account(&mut self, key: &AccountKey, account: &Account) -> Result<(), StoreError>;

    /// Returns an invite by the hash of its code.
    fn invite(&self, code: &Hash) -> Result<Option<Invite>, StoreError>;
    /// Adds or replaces an invite.
    fn put_invite(&mut self, code: &Hash, invite: &Invite) -> Result<(), StoreError>;
    /// Removes an invite; unknown ones are fine.
    fn remove_invite(&mut self, code: &Hash) -> Result<(), StoreError>;
    /// Removes invites that expired before `now`; returns how many.
    fn purge_invites(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Returns a queue by its reader's name.
    fn queue(&self, reader: &ReaderId) -> Result<Option<Queue>, StoreError>;
    /// Returns a queue by its sender's name.
    fn queue_by_sender(&self, sender: &SenderId) -> Result<Option<(ReaderId, Queue)>, StoreError>;
    /// Returns a queue by its lookup key.
    fn queue_by_lookup(&self, lookup: &LookupKey) -> Result<Option<(ReaderId, Queue)>, StoreError>;
    /// Adds a queue; its three names must be new.
    fn insert_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError>;
    /// Replaces what is known of a queue. Sender, lookup key and account never change.
    fn update_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError>;
    /// Removes a queue with all its entries; an unknown one is fine.
    fn remove_queue(&mut self, reader: &ReaderId) -> Result<(), StoreError>;

    /// Adds an entry under a new sequence number.
    fn insert_entry(&mut self, reader: &ReaderId, seq: u64, entry: &Entry) -> Result<(), StoreError>;
    /// Returns entries with a sequence number of at least `from`, ascending.
    fn entries(&self, reader: &ReaderId, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>, StoreError>;
    /// Removes an entry; returns whether it was there.
    fn remove_entry(&mut self, reader: &ReaderId, seq: u64) -> Result<bool, StoreError>;
    /// Returns the names of entries that arrived before an hour, oldest hour first.
    fn entries_before(&self, hour: Hour, limit: usize) -> Result<Vec<(ReaderId, u64)>, StoreError>;

    /// Returns whether a deposit is remembered.
    fn dedup_seen(&self, sender: &SenderId, id: &DedupId) -> Result<bool, StoreError>;
    /// Remembers a deposit until its last hour is over.
    fn insert_dedup(&mut self, sender: &SenderId, id: &DedupId, last_hour: Hour) -> Result<(), StoreError>;
    /// Forgets deposits whose last hour lies before `hour`; returns how many.
    fn purge_dedup(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError>;

    /// Returns whether a nonce is remembered under a key.
    fn nonce_seen(&self, scope: &NonceScope, nonce: &Nonce) -> Result<bool, StoreError>;
    /// Remembers a nonce under a key.
    fn insert_nonce(&mut self, scope: &NonceScope, nonce: &Nonce, expires: Timestamp) -> Result<(), StoreError>;
    /// Forgets nonces that expired before `now`; returns how many.
    fn purge_nonces(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Returns something that waits to be sent to another server.
    fn outgoing(&self, key: &OutgoingKey) -> Result<Option<Outgoing>, StoreError>;
    /// Adds or replaces something that waits to be sent. The destination of a key never changes.
    fn put_outgoing(&mut self, key: &OutgoingKey, outgoing: &Outgoing) -> Result<(), StoreError>;
    /// Removes it; an unknown one is fine.
    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError>;
    /// Returns the destinations for which something is due, in ascending order after `after`.
    fn due_destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
        limit: usize,
    ) -> Result<Vec<ServerAddress>, StoreError>;
    /// Returns what is due for one destination, longest due first.
    fn due_outgoing(
        &self,
        to: &ServerAddress,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(OutgoingKey, Outgoing)>, StoreError>;
    /// Returns the next time at which anything is due.
    fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;
    /// Makes due now what is due after `beyond` only; returns how many. A clock that was wrong can leave such rows.
    fn pull_due(&mut self, beyond: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
    /// Returns what was accepted before an hour.
    fn outgoing_before(&self, hour: Hour, limit: usize) -> Result<Vec<OutgoingKey>, StoreError>;

    /// Stores a notice for the account that asked for a relay; replaces an earlier one for the same relay.
    fn put_returned(&mut self, key: &OutgoingKey, returned: &Returned) -> Result<(), StoreError>;
    /// Returns the notices that wait for an account.
    fn returned(&self, account: &AccountKey, limit: usize) -> Result<Vec<(RelayId, Returned)>, StoreError>;
    /// Returns how many notices wait for an account, counting no further than `limit`.
    fn n_returned(&self, account: &AccountKey, limit: u32) -> Result<u32, StoreError>;
    /// Removes a notice; an unknown one is fine.
    fn remove_returned(&mut self, key: &OutgoingKey) -> Result<(), StoreError>;
    /// Removes notices stored before an hour; returns how many.
    fn purge_returned(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError>;

    /// Returns a blob's record.
    fn blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError>;
    /// Adds or replaces a blob's record.
    fn put_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError>;
    /// Removes a blob with all its chunks; an unknown one is fine.
    fn remove_blob(&mut self, id: &BlobId) -> Result<(), StoreError>;
    /// Returns blobs that expired before an hour.
    fn blobs_before(&self, hour: Hour, limit: usize) -> Result<Vec<BlobId>, StoreError>;
    /// Adds a chunk; its number must be new.
    fn insert_chunk(&mut self, id: &BlobId, number: u32, bytes: &[u8]) -> Result<(), StoreError>;
    /// Returns a chunk.
    fn chunk(&self, id: &BlobId, number: u32) -> Result<Option<Vec<u8>>, StoreError>;
    /// Returns the numbers of the chunks that were stored, ascending, also of those that the store has lost.
    fn chunk_numbers(&self, id: &BlobId) -> Result<Vec<u32>, StoreError>;
    /// Returns the numbers of those chunks of which it is known that the store has lost them, ascending.
    fn lost_chunks(&self, id: &BlobId) -> Result<Vec<u32>, StoreError>;

    /// Gives up to `pages` pages that nothing needs any more back to the disk; returns how many. Some are kept for what
    /// comes next.
    fn shrink(&mut self, pages: usize) -> Result<usize, StoreError>;

    /// Returns the names of rows after `after`, in the order of [`RowKey`]. For backups and checks, which read everything
    /// a few rows at a time: this may cost as much as looking at every name once.
    fn keys_after(&self, after: Option<&RowKey>, limit: usize) -> Result<Vec<RowKey>, StoreError>;

    /// Returns how many rows there are. For operators; slow on large stores.
    fn counts(&self) -> Result<Counts, StoreError>;
}
