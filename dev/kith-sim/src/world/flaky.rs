//! A home server's disk: a store in memory that fails or is full when it is told to.
//!
//! It fails as disks do: at the beginning of a transaction, at any statement in it, or at the commit. A commit that fails has
//! left no trace, or, which is worse, has happened although its caller is told that it failed.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;

use kith_home::store::memory::{Memory, MemoryTxn};
use kith_home::store::records::{
    Account, Blob, Counts, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Queue, Returned, RowKey, Secret,
};
use kith_home::store::{Store, StoreError, Txn};
use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId};
use kith_wire::time::{EpochId, Hour, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};

/// How a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// It works.
    Works,
    /// Now and then something fails.
    Fails,
    /// Nothing more can be written; reading goes on.
    Full,
}

/// Statements of a failing disk that succeed in a transaction, at most, before one fails.
const PATIENCE: u32 = 40;

/// A store whose disk may fail.
pub(super) struct Flaky {
    /// What is really stored: for operators, backups and checkers, who are never failed.
    pub(super) inner: Memory,
    pub(super) disk: Disk,
    /// Transactions of which nothing happened.
    pub(super) n_failed: Cell<u64>,
    /// Transactions that happened and whose caller was told that they failed, since somebody counted.
    pub(super) n_hidden: Cell<u64>,
    /// What transactions wrote, since somebody looked: all that a server ever keeps of what it opened.
    pub(super) written: RefCell<Vec<u8>>,
    rng: StdRng,
}

/// What the disk says.
#[derive(Debug)]
struct DiskError(Disk);

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the simulated disk: {:?}", self.0)
    }
}

impl Error for DiskError {}

impl Flaky {
    /// Makes an empty store on a disk that works. The seed says what fails once it does not.
    pub(super) fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            inner: Memory::new(),
            disk: Disk::Works,
            n_failed: Cell::default(),
            n_hidden: Cell::default(),
            written: RefCell::default(),
            rng,
        }
    }
}

impl Store for Flaky {
    type Txn<'a> = FlakyTxn<'a>;

    fn begin(&mut self) -> Result<FlakyTxn<'_>, StoreError> {
        let (mut left, mut end) = (u32::MAX, End::Durable);
        if self.disk == Disk::Fails {
            if self.rng.random_ratio(1, 8) {
                return Err(fails(self.disk, &self.n_failed));
            }
            left = self.rng.random_range(0..PATIENCE);
            end = [End::Durable, End::Lost, End::Hidden][self.rng.random_range(0..3)];
        }
        let inner = self.inner.begin()?;
        let (n_failed, n_hidden, written) = (&self.n_failed, &self.n_hidden, &self.written);
        let left = Cell::new(left);
        Ok(FlakyTxn { inner, disk: self.disk, left, end, has_written: false, n_failed, n_hidden, written })
    }
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Durable,
    Lost,
    /// It happens, and its caller is told that it failed.
    Hidden,
}

/// A transaction that may fail at any statement.
pub(super) struct FlakyTxn<'a> {
    inner: MemoryTxn<'a>,
    disk: Disk,
    /// Statements until one fails, and all after it.
    left: Cell<u32>,
    end: End,
    has_written: bool,
    n_failed: &'a Cell<u64>,
    n_hidden: &'a Cell<u64>,
    written: &'a RefCell<Vec<u8>>,
}

impl FlakyTxn<'_> {
    fn reads(&self) -> Result<(), StoreError> {
        match self.left.get() {
            u32::MAX => Ok(()),
            0 => Err(fails(self.disk, self.n_failed)),
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }

    fn writes(&mut self) -> Result<(), StoreError> {
        self.has_written = true;
        self.reads()
    }

    /// Notes what is written, piece by piece.
    fn notes(&self, pieces: &[&[u8]]) {
        pieces.iter().for_each(|piece| self.written.borrow_mut().extend_from_slice(piece));
    }
}

fn fails(disk: Disk, n: &Cell<u64>) -> StoreError {
    n.set(n.get() + 1);
    StoreError::Backend(Box::new(DiskError(disk)))
}

impl Txn for FlakyTxn<'_> {
    fn commit(self) -> Result<(), StoreError> {
        let end = if self.disk == Disk::Full && self.has_written { End::Lost } else { self.end };
        match end {
            End::Durable => self.inner.commit(),
            End::Lost => Err(fails(self.disk, self.n_failed)),
            End::Hidden => {
                self.inner.commit()?;
                Err(fails(self.disk, self.n_hidden))
            }
        }
    }

    fn touch(&mut self) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.touch()
    }

    fn meta(&self, key: MetaKey) -> Result<Option<Secret>, StoreError> {
        self.reads()?;
        self.inner.meta(key)
    }

    fn set_meta(&mut self, key: MetaKey, value: &Secret) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.set_meta(key, value)
    }

    fn epoch_keys(&self) -> Result<Vec<(EpochId, Secret)>, StoreError> {
        self.reads()?;
        self.inner.epoch_keys()
    }

    fn insert_epoch_key(&mut self, epoch: EpochId, seed: &Secret) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.insert_epoch_key(epoch, seed)
    }

    fn erase_epoch_key(&mut self, epoch: EpochId) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.erase_epoch_key(epoch)
    }

    fn account(&self, key: &AccountKey) -> Result<Option<Account>, StoreError> {
        self.reads()?;
        self.inner.account(key)
    }

    fn put_account(&mut self, key: &AccountKey, account: &Account) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&key.0]);
        self.inner.put_account(key, account)
    }

    fn invite(&self, code: &Hash) -> Result<Option<Invite>, StoreError> {
        self.reads()?;
        self.inner.invite(code)
    }

    fn put_invite(&mut self, code: &Hash, invite: &Invite) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.put_invite(code, invite)
    }

    fn remove_invite(&mut self, code: &Hash) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.remove_invite(code)
    }

    fn purge_invites(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.purge_invites(now, limit)
    }

    fn queue(&self, reader: &ReaderId) -> Result<Option<Queue>, StoreError> {
        self.reads()?;
        self.inner.queue(reader)
    }

    fn queue_by_sender(&self, sender: &SenderId) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        self.reads()?;
        self.inner.queue_by_sender(sender)
    }

    fn queue_by_lookup(&self, lookup: &LookupKey) -> Result<Option<(ReaderId, Queue)>, StoreError> {
        self.reads()?;
        self.inner.queue_by_lookup(lookup)
    }

    fn insert_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&reader.0, &queue.sender.0, &queue.account.0, &queue.lookup.0, &queue.verifier.0]);
        self.inner.insert_queue(reader, queue)
    }

    fn update_queue(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.update_queue(reader, queue)
    }

    fn remove_queue(&mut self, reader: &ReaderId) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.remove_queue(reader)
    }

    fn insert_entry(&mut self, reader: &ReaderId, seq: u64, entry: &Entry) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&entry.frame]);
        self.inner.insert_entry(reader, seq, entry)
    }

    fn entries(&self, reader: &ReaderId, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>, StoreError> {
        self.reads()?;
        self.inner.entries(reader, from, limit)
    }

    fn remove_entry(&mut self, reader: &ReaderId, seq: u64) -> Result<bool, StoreError> {
        self.writes()?;
        self.inner.remove_entry(reader, seq)
    }

    fn entries_before(&self, hour: Hour, limit: usize) -> Result<Vec<(ReaderId, u64)>, StoreError> {
        self.reads()?;
        self.inner.entries_before(hour, limit)
    }

    fn dedup_seen(&self, sender: &SenderId, id: &DedupId) -> Result<bool, StoreError> {
        self.reads()?;
        self.inner.dedup_seen(sender, id)
    }

    fn insert_dedup(&mut self, sender: &SenderId, id: &DedupId, last_hour: Hour) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&id.0]);
        self.inner.insert_dedup(sender, id, last_hour)
    }

    fn purge_dedup(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.purge_dedup(hour, limit)
    }

    fn nonce_seen(&self, scope: &NonceScope, nonce: &Nonce) -> Result<bool, StoreError> {
        self.reads()?;
        self.inner.nonce_seen(scope, nonce)
    }

    fn insert_nonce(&mut self, scope: &NonceScope, nonce: &Nonce, expires: Timestamp) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.insert_nonce(scope, nonce, expires)
    }

    fn purge_nonces(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.purge_nonces(now, limit)
    }

    fn outgoing(&self, key: &OutgoingKey) -> Result<Option<Outgoing>, StoreError> {
        self.reads()?;
        self.inner.outgoing(key)
    }

    fn put_outgoing(&mut self, key: &OutgoingKey, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&key.relay.0, outgoing.to.url.as_str().as_bytes(), &outgoing.to.key.0, &outgoing.sealed]);
        self.inner.put_outgoing(key, outgoing)
    }

    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.remove_outgoing(key)
    }

    fn due_destinations(
        &self,
        now: Timestamp,
        after: Option<&ServerAddress>,
        limit: usize,
    ) -> Result<Vec<ServerAddress>, StoreError> {
        self.reads()?;
        self.inner.due_destinations(now, after, limit)
    }

    fn due_outgoing(
        &self,
        to: &ServerAddress,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(OutgoingKey, Outgoing)>, StoreError> {
        self.reads()?;
        self.inner.due_outgoing(to, now, limit)
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.reads()?;
        self.inner.next_due()
    }

    fn pull_due(&mut self, beyond: Timestamp, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.pull_due(beyond, now, limit)
    }

    fn outgoing_before(&self, hour: Hour, limit: usize) -> Result<Vec<OutgoingKey>, StoreError> {
        self.reads()?;
        self.inner.outgoing_before(hour, limit)
    }

    fn put_returned(&mut self, key: &OutgoingKey, returned: &Returned) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&returned.notice]);
        self.inner.put_returned(key, returned)
    }

    fn returned(&self, account: &AccountKey, limit: usize) -> Result<Vec<(RelayId, Returned)>, StoreError> {
        self.reads()?;
        self.inner.returned(account, limit)
    }

    fn n_returned(&self, account: &AccountKey, limit: u32) -> Result<u32, StoreError> {
        self.reads()?;
        self.inner.n_returned(account, limit)
    }

    fn remove_returned(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.remove_returned(key)
    }

    fn purge_returned(&mut self, hour: Hour, limit: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.purge_returned(hour, limit)
    }

    fn blob(&self, id: &BlobId) -> Result<Option<Blob>, StoreError> {
        self.reads()?;
        self.inner.blob(id)
    }

    fn put_blob(&mut self, id: &BlobId, blob: &Blob) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[&id.0, &blob.read.0, &blob.delete.0]);
        self.inner.put_blob(id, blob)
    }

    fn remove_blob(&mut self, id: &BlobId) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.remove_blob(id)
    }

    fn blobs_before(&self, hour: Hour, limit: usize) -> Result<Vec<BlobId>, StoreError> {
        self.reads()?;
        self.inner.blobs_before(hour, limit)
    }

    fn insert_chunk(&mut self, id: &BlobId, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.writes()?;
        self.notes(&[bytes]);
        self.inner.insert_chunk(id, number, bytes)
    }

    fn chunk(&self, id: &BlobId, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads()?;
        self.inner.chunk(id, number)
    }

    fn lost_chunks(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        self.inner.lost_chunks(id)
    }

    fn chunk_numbers(&self, id: &BlobId) -> Result<Vec<u32>, StoreError> {
        self.reads()?;
        self.inner.chunk_numbers(id)
    }

    fn shrink(&mut self, pages: usize) -> Result<usize, StoreError> {
        self.writes()?;
        self.inner.shrink(pages)
    }

    fn keys_after(&self, after: Option<&RowKey>, limit: usize) -> Result<Vec<RowKey>, StoreError> {
        self.reads()?;
        self.inner.keys_after(after, limit)
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        self.reads()?;
        self.inner.counts()
    }
}
