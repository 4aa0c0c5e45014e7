//! The suite that every store passes: scenarios for each promise, and random histories against [`Memory`].
//!
//! A store's tests implement [`Fixture`] and invoke [`store_conformance!`](crate::store_conformance).

use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{
    AccountKey, BlobId, DedupId, Hash, LookupKey, Nonce, ReaderId, RelayId, SenderId, ServerKey, Signature, Verifier,
};
use kith_wire::time::{Day, EpochId, Hour, Timestamp};

use super::memory::Memory;
use super::records::{
    Account, Blob, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Overflow, Queue, Returned, RowKey,
    Secret, Stay,
};
use super::{SCHEMA_VERSION, Store, StoreError, Txn};

mod history;

pub use history::{Action, actions, agrees_with_memory};

/// Makes stores, and makes them again from what they left.
pub trait Fixture {
    /// The store under test.
    type Store: Store;

    /// Opens an empty store.
    ///
    /// # Errors
    /// When storage is not usable.
    fn create(&mut self) -> Result<Self::Store, StoreError>;

    /// Closes a store and opens what it left, as the next process would.
    ///
    /// # Errors
    /// When storage is not usable.
    fn reopen(&mut self, store: Self::Store) -> Result<Self::Store, StoreError>;

    /// Closes a store, writes another schema version into what it left, and opens it.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] when that version is newer than this code.
    fn reopen_as(&mut self, store: Self::Store, schema: u32) -> Result<Self::Store, StoreError>;
}

/// Writes the conformance tests of a store. The argument is an expression that makes a fresh [`Fixture`].
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr; $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() -> Result<(), $crate::store::StoreError> {
                $crate::store::conformance::$name($fixture)
            }
        )*
    };
    ($fixture:expr) => {
        $crate::store_conformance! {
            $fixture;
            committed_rows_survive_a_reopen,
            an_uncommitted_transaction_leaves_no_trace,
            a_newer_schema_is_refused,
            a_queue_is_found_by_each_of_its_names,
            taken_names_of_a_queue_conflict,
            entries_come_in_order_from_a_number_on,
            removing_a_queue_removes_its_entries,
            old_entries_are_listed_by_hour,
            dedup_rows_are_forgotten_after_their_hour,
            nonces_of_different_keys_never_meet,
            invites_expire,
            due_relays_are_listed_by_destination,
            notices_belong_to_their_account,
            a_blob_is_removed_with_its_chunks,
            epoch_keys_are_erased,
            every_row_is_listed_once_whatever_the_size_of_the_page,
        }
    };
}

fn reader(n: u8) -> ReaderId {
    ReaderId([n; 24])
}

fn account(n: u8) -> AccountKey {
    AccountKey([n; 32])
}

fn queue(n: u8) -> Queue {
    Queue {
        sender: SenderId([n; 24]),
        account: account(n),
        lookup: LookupKey([n; 32]),
        verifier: Verifier([n; 32]),
        next_seq: 1,
        length: 0,
        overflow: Overflow::Complete,
    }
}

fn entry(hour: u32, byte: u8) -> Entry {
    Entry { arrived: Hour(hour), frame: vec![byte; 4096] }
}

fn relay(account_byte: u8, relay: u8) -> OutgoingKey {
    OutgoingKey { account: account(account_byte), relay: RelayId([relay; 16]) }
}

/// Host names of the suite.
const HOSTS: [&str; 3] = ["https://a.example", "https://b.example", "https://c.example"];

fn server(n: u8) -> Option<ServerAddress> {
    let url = ServerUrl::parse(HOSTS.get(usize::from(n % 3))?).ok()?;
    Some(ServerAddress { url, key: ServerKey([n % 3; 32]) })
}

fn outgoing(to: &ServerAddress, hour: u32, next_attempt: u64) -> Outgoing {
    Outgoing {
        to: to.clone(),
        sealed: vec![7; 64],
        accepted: Hour(hour),
        next_attempt: Timestamp(next_attempt),
        attempts: 0,
    }
}

fn blob(n: u8, expires: u32) -> Blob {
    Blob {
        account: account(n),
        size: 3,
        n_chunks: 3,
        n_present: 0,
        read: Verifier([n; 32]),
        delete: Verifier([n; 32]),
        expires: Hour(expires),
        stay: if n.is_multiple_of(2) { Stay::Passing } else { Stay::Kept },
    }
}

/// Every kind of row is there after a commit and a reopen.
///
/// # Errors
/// When the store fails.
pub fn committed_rows_survive_a_reopen<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    let opened = Account {
        created: Day(9),
        n_queues: 1,
        blob_bytes: u64::from(u32::MAX) + 5,
        kept_bytes: u64::from(u32::MAX) + 6,
        n_outgoing: 2,
        closed: None,
    };
    for key in MetaKey::ALL {
        txn.set_meta(key, &Secret::new(key.name().as_bytes()))?;
    }
    txn.put_account(&account(1), &opened)?;
    let closed = Account { closed: Some(Signature([7; 64])), ..opened.clone() };
    txn.put_account(&account(2), &closed)?;
    txn.insert_queue(&reader(1), &queue(1))?;
    txn.insert_entry(&reader(1), 1, &entry(5, 1))?;
    txn.put_blob(&BlobId([1; 24]), &blob(1, 3))?;
    txn.insert_chunk(&BlobId([1; 24]), 2, b"chunk")?;
    txn.commit()?;
    let mut store = fixture.reopen(store)?;
    let txn = store.begin()?;
    for key in MetaKey::ALL {
        assert_eq!(txn.meta(key)?, Some(Secret::new(key.name().as_bytes())), "{}", key.name());
    }
    assert_eq!(txn.account(&account(1))?, Some(opened));
    assert_eq!(txn.account(&account(2))?, Some(closed));
    assert_eq!(txn.queue(&reader(1))?, Some(queue(1)));
    assert_eq!(txn.entries(&reader(1), 0, 9)?, [(1, entry(5, 1))]);
    assert_eq!(txn.blob(&BlobId([1; 24]))?, Some(blob(1, 3)));
    assert_eq!(txn.chunk(&BlobId([1; 24]), 2)?.as_deref(), Some(&b"chunk"[..]));
    let counts = txn.counts()?;
    assert_eq!((counts.accounts, counts.queues, counts.entries, counts.blobs), (2, 1, 1, 1));
    Ok(())
}

/// What was written and not committed is gone, at once and after a reopen.
///
/// # Errors
/// When the store fails.
pub fn an_uncommitted_transaction_leaves_no_trace<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    txn.insert_queue(&reader(1), &queue(1))?;
    txn.commit()?;
    let mut txn = store.begin()?;
    txn.insert_queue(&reader(2), &queue(2))?;
    txn.insert_entry(&reader(1), 1, &entry(5, 1))?;
    txn.update_queue(&reader(1), &Queue { length: 1, next_seq: 2, ..queue(1) })?;
    assert_eq!(txn.entries(&reader(1), 0, 9)?.len(), 1, "a transaction sees its own writes");
    drop(txn);
    for _ in 0..2 {
        let txn = store.begin()?;
        assert_eq!(txn.queue(&reader(1))?, Some(queue(1)));
        assert_eq!(txn.queue(&reader(2))?, None);
        assert!(txn.entries(&reader(1), 0, 9)?.is_empty());
        drop(txn);
        store = fixture.reopen(store)?;
    }
    Ok(())
}

/// A store of a newer release is refused and left alone.
///
/// # Errors
/// When the store fails.
pub fn a_newer_schema_is_refused<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let store = fixture.create()?;
    let store = fixture.reopen_as(store, SCHEMA_VERSION)?;
    let refused = fixture.reopen_as(store, SCHEMA_VERSION + 1).err();
    assert!(matches!(refused, Some(StoreError::NewerSchema { found, known }) if found == known + 1));
    Ok(())
}

/// Reader, sender and lookup key lead to the same queue.
///
/// # Errors
/// When the store fails.
pub fn a_queue_is_found_by_each_of_its_names<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    for n in 1..4 {
        txn.insert_queue(&reader(n), &queue(n))?;
    }
    let moved = Queue { verifier: Verifier([9; 32]), overflow: Overflow::Dropped, next_seq: u64::MAX >> 2, ..queue(2) };
    txn.update_queue(&reader(2), &moved)?;
    assert_eq!(txn.queue(&reader(2))?, Some(moved.clone()));
    assert_eq!(txn.queue_by_sender(&SenderId([2; 24]))?, Some((reader(2), moved.clone())));
    assert_eq!(txn.queue_by_lookup(&LookupKey([2; 32]))?, Some((reader(2), moved)));
    assert_eq!(txn.queue_by_sender(&SenderId([8; 24]))?, None);
    let missing = txn.update_queue(&reader(8), &queue(8));
    assert!(matches!(missing, Err(StoreError::Conflict { table: "queues" })));
    Ok(())
}

/// No two queues share a name.
///
/// # Errors
/// When the store fails.
pub fn taken_names_of_a_queue_conflict<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    txn.insert_queue(&reader(1), &queue(1))?;
    txn.commit()?;
    let clashes = [
        (reader(1), queue(2)),
        (reader(2), Queue { sender: SenderId([1; 24]), ..queue(2) }),
        (reader(2), Queue { lookup: LookupKey([1; 32]), ..queue(2) }),
    ];
    for (name, clash) in clashes {
        let mut txn = store.begin()?;
        let refused = txn.insert_queue(&name, &clash);
        assert!(matches!(refused, Err(StoreError::Conflict { table: "queues" })), "{refused:?}");
    }
    let txn = store.begin()?;
    assert_eq!(txn.counts()?.queues, 1);
    Ok(())
}

/// Entries are ascending, start at the asked number, and removing one twice is fine.
///
/// # Errors
/// When the store fails.
pub fn entries_come_in_order_from_a_number_on<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    for n in 1..3 {
        txn.insert_queue(&reader(n), &queue(n))?;
        for seq in [300, 1, 2, 256, 255] {
            txn.insert_entry(&reader(n), seq, &entry(1, n))?;
        }
    }
    assert!(txn.remove_entry(&reader(1), 2)?);
    assert!(!txn.remove_entry(&reader(1), 2)?);
    let seqs = |rows: Vec<(u64, Entry)>| rows.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(seqs(txn.entries(&reader(1), 0, 9)?), [1, 255, 256, 300]);
    assert_eq!(seqs(txn.entries(&reader(1), 2, 2)?), [255, 256]);
    assert_eq!(seqs(txn.entries(&reader(2), 2, 2)?), [2, 255]);
    let again = txn.insert_entry(&reader(1), 1, &entry(1, 1));
    assert!(matches!(again, Err(StoreError::Conflict { table: "entries" })));
    Ok(())
}

/// A queue takes its entries along and leaves those of others.
///
/// # Errors
/// When the store fails.
pub fn removing_a_queue_removes_its_entries<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    for n in 1..3 {
        txn.insert_queue(&reader(n), &queue(n))?;
        txn.insert_entry(&reader(n), 1, &entry(1, n))?;
    }
    txn.remove_queue(&reader(1))?;
    txn.remove_queue(&reader(1))?;
    assert_eq!(txn.queue_by_sender(&SenderId([1; 24]))?, None);
    assert!(txn.entries(&reader(1), 0, 9)?.is_empty());
    assert_eq!(txn.entries_before(Hour(2), 9)?, [(reader(2), 1)]);
    txn.insert_queue(&reader(1), &queue(1))?;
    txn.commit()
}

/// Retention finds what came before an hour, and no more than asked.
///
/// # Errors
/// When the store fails.
pub fn old_entries_are_listed_by_hour<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    txn.insert_queue(&reader(1), &queue(1))?;
    for (seq, hour) in [(1, 30), (2, 10), (3, 20)] {
        txn.insert_entry(&reader(1), seq, &entry(hour, 1))?;
    }
    assert_eq!(txn.entries_before(Hour(10), 9)?, []);
    assert_eq!(txn.entries_before(Hour(30), 9)?, [(reader(1), 2), (reader(1), 3)]);
    assert_eq!(txn.entries_before(Hour(31), 1)?, [(reader(1), 2)]);
    Ok(())
}

/// Deposits are remembered through their last hour and then forgotten.
///
/// # Errors
/// When the store fails.
pub fn dedup_rows_are_forgotten_after_their_hour<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    let (sender, other) = (SenderId([1; 24]), SenderId([2; 24]));
    for n in 0..5 {
        txn.insert_dedup(&sender, &DedupId([n; 16]), Hour(u32::from(n)))?;
    }
    assert!(txn.dedup_seen(&sender, &DedupId([4; 16]))?);
    assert!(!txn.dedup_seen(&other, &DedupId([4; 16]))?);
    assert_eq!(txn.purge_dedup(Hour(3), 2)?, 2);
    assert_eq!(txn.purge_dedup(Hour(3), 9)?, 1);
    assert_eq!(txn.purge_dedup(Hour(3), 9)?, 0);
    assert!(!txn.dedup_seen(&sender, &DedupId([2; 16]))?);
    assert!(txn.dedup_seen(&sender, &DedupId([3; 16]))?);
    txn.commit()
}

/// A nonce is known under its own key only, until it expires.
///
/// # Errors
/// When the store fails.
pub fn nonces_of_different_keys_never_meet<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    let (one, two) = (NonceScope([1; 32]), NonceScope([2; 32]));
    let nonce = Nonce([7; 16]);
    txn.insert_nonce(&one, &nonce, Timestamp(100))?;
    assert!(txn.nonce_seen(&one, &nonce)?);
    assert!(!txn.nonce_seen(&two, &nonce)?);
    txn.insert_nonce(&two, &nonce, Timestamp(200))?;
    assert_eq!(txn.purge_nonces(Timestamp(100), 9)?, 0);
    assert_eq!(txn.purge_nonces(Timestamp(101), 9)?, 1);
    assert!(!txn.nonce_seen(&one, &nonce)?);
    assert!(txn.nonce_seen(&two, &nonce)?);
    Ok(())
}

/// Invites are replaced, removed and purged.
///
/// # Errors
/// When the store fails.
pub fn invites_expire<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    for n in 1..4 {
        txn.put_invite(&Hash([n; 32]), &Invite { uses_left: 3, expires: Timestamp(u64::from(n) * 10) })?;
    }
    txn.put_invite(&Hash([3; 32]), &Invite { uses_left: 2, expires: Timestamp(30) })?;
    txn.remove_invite(&Hash([2; 32]))?;
    assert_eq!(txn.purge_invites(Timestamp(11), 9)?, 1);
    assert_eq!(txn.invite(&Hash([1; 32]))?, None);
    assert_eq!(txn.invite(&Hash([2; 32]))?, None);
    assert_eq!(txn.invite(&Hash([3; 32]))?.map(|invite| invite.uses_left), Some(2));
    Ok(())
}

/// Destinations with something due are listed once, in order; their relays by due time.
///
/// # Errors
/// When the store fails.
pub fn due_relays_are_listed_by_destination<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    let (Some(a), Some(b), Some(c)) = (server(0), server(1), server(2)) else {
        return Err(StoreError::Damaged { table: "fixture" });
    };
    assert_eq!(txn.next_due()?, None);
    txn.put_outgoing(&relay(1, 1), &outgoing(&b, 1, 50))?;
    txn.put_outgoing(&relay(1, 2), &outgoing(&b, 2, 40))?;
    txn.put_outgoing(&relay(2, 1), &outgoing(&a, 3, 60))?;
    txn.put_outgoing(&relay(2, 2), &outgoing(&c, 4, 999))?;
    let keys = |rows: Vec<(OutgoingKey, Outgoing)>| rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(txn.next_due()?, Some(Timestamp(40)));
    assert_eq!(txn.due_destinations(Timestamp(60), None, 9)?, [a.clone(), b.clone()]);
    assert_eq!(txn.due_destinations(Timestamp(60), Some(&a), 9)?, std::slice::from_ref(&b));
    assert_eq!(txn.due_destinations(Timestamp(60), None, 1)?, [a]);
    assert_eq!(keys(txn.due_outgoing(&b, Timestamp(60), 9)?), [relay(1, 2), relay(1, 1)]);
    txn.put_outgoing(&relay(1, 2), &Outgoing { attempts: 1, ..outgoing(&b, 2, 70) })?;
    assert_eq!(keys(txn.due_outgoing(&b, Timestamp(60), 9)?), [relay(1, 1)]);
    assert_eq!(txn.outgoing(&relay(1, 2))?.map(|outgoing| outgoing.attempts), Some(1));
    txn.remove_outgoing(&relay(1, 1))?;
    assert!(txn.due_outgoing(&b, Timestamp(60), 9)?.is_empty());
    assert_eq!(txn.pull_due(Timestamp(70), Timestamp(30), 9)?, 1);
    assert_eq!(txn.pull_due(Timestamp(70), Timestamp(30), 9)?, 0);
    assert_eq!(txn.next_due()?, Some(Timestamp(30)));
    assert_eq!(txn.outgoing_before(Hour(3), 9)?, [relay(1, 2)]);
    Ok(())
}

/// Notices are listed for one account, replaced, removed and purged.
///
/// # Errors
/// When the store fails.
pub fn notices_belong_to_their_account<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    let notice = |hour, byte: u8| Returned { stored: Hour(hour), notice: vec![byte; 3] };
    txn.put_returned(&relay(1, 1), &notice(1, 1))?;
    txn.put_returned(&relay(1, 1), &notice(2, 2))?;
    txn.put_returned(&relay(1, 2), &notice(3, 3))?;
    txn.put_returned(&relay(2, 1), &notice(4, 4))?;
    let mine = [(RelayId([1; 16]), notice(2, 2)), (RelayId([2; 16]), notice(3, 3))];
    assert_eq!(txn.returned(&account(1), 9)?, mine);
    assert_eq!(txn.returned(&account(1), 1)?.len(), 1);
    assert_eq!([txn.n_returned(&account(1), 9)?, txn.n_returned(&account(1), 1)?], [2, 1]);
    assert_eq!(txn.n_returned(&account(3), 9)?, 0);
    txn.remove_returned(&relay(1, 1))?;
    assert_eq!(txn.purge_returned(Hour(4), 9)?, 1);
    assert!(txn.returned(&account(1), 9)?.is_empty());
    assert_eq!(txn.returned(&account(2), 9)?.len(), 1);
    Ok(())
}

/// Chunks are numbered, new, and go with their blob.
///
/// # Errors
/// When the store fails.
pub fn a_blob_is_removed_with_its_chunks<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let (one, two) = (BlobId([1; 24]), BlobId([2; 24]));
    let mut txn = store.begin()?;
    for id in [&one, &two] {
        txn.put_blob(id, &blob(id.0[0], 5))?;
        for number in [2, 0] {
            txn.insert_chunk(id, number, &vec![u8::try_from(number).unwrap_or(0); 70_000])?;
        }
    }
    txn.put_blob(&two, &Blob { n_present: 2, ..blob(2, 6) })?;
    assert_eq!(txn.chunk_numbers(&one)?, [0, 2]);
    assert_eq!(txn.chunk(&one, 1)?, None);
    assert_eq!(txn.chunk(&one, 2)?, Some(vec![2; 70_000]));
    assert_eq!(txn.blobs_before(Hour(6), 9)?, [one]);
    txn.remove_blob(&one)?;
    txn.remove_blob(&one)?;
    assert_eq!(txn.blob(&one)?, None);
    assert!(txn.chunk_numbers(&one)?.is_empty());
    assert_eq!(txn.chunk_numbers(&two)?, [0, 2], "replacing the record keeps the chunks");
    txn.commit()?;
    let mut txn = store.begin()?;
    let again = txn.insert_chunk(&two, 0, b"other");
    assert!(matches!(again, Err(StoreError::Conflict { table: "chunks" })));
    Ok(())
}

/// Epoch keys are listed oldest first and gone after erasure.
///
/// # Errors
/// When the store fails.
pub fn epoch_keys_are_erased<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    txn.insert_epoch_key(EpochId(9), &Secret::new(&[9; 32]))?;
    txn.insert_epoch_key(EpochId(8), &Secret::new(&[8; 32]))?;
    txn.commit()?;
    let mut txn = store.begin()?;
    txn.erase_epoch_key(EpochId(8))?;
    txn.commit()?;
    let mut store = fixture.reopen(store)?;
    let mut txn = store.begin()?;
    assert_eq!(txn.epoch_keys()?, [(EpochId(9), Secret::new(&[9; 32]))]);
    let again = txn.insert_epoch_key(EpochId(9), &Secret::new(&[1; 32]));
    assert!(matches!(again, Err(StoreError::Conflict { table: "epoch keys" })));
    Ok(())
}

/// Names come in order and once, in pages of any size.
///
/// # Errors
/// When the store fails.
pub fn every_row_is_listed_once_whatever_the_size_of_the_page<F: Fixture>(mut fixture: F) -> Result<(), StoreError> {
    let mut store = fixture.create()?;
    let mut txn = store.begin()?;
    assert_eq!(txn.keys_after(None, 9)?, []);
    let Some(somewhere) = server(0) else { return Err(StoreError::Damaged { table: "fixture" }) };
    let mut wanted = Vec::new();
    for n in [3, 1, 2] {
        txn.insert_queue(&reader(n), &queue(n))?;
        txn.insert_entry(&reader(n), 1, &entry(5, n))?;
        txn.put_blob(&BlobId([n; 24]), &blob(n, 5))?;
        txn.put_outgoing(&relay(n, 4 - n), &outgoing(&somewhere, n.into(), 50))?;
        for relay_byte in [1, 2] {
            txn.put_returned(&relay(n, relay_byte), &Returned { stored: Hour(1), notice: vec![n] })?;
        }
        txn.put_invite(&Hash([n; 32]), &Invite { uses_left: 1, expires: Timestamp(10) })?;
        txn.put_account(
            &account(n),
            &Account { created: Day(1), n_queues: 1, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None },
        )?;
        wanted.extend([
            RowKey::Queue(reader(n)),
            RowKey::Blob(BlobId([n; 24])),
            RowKey::Outgoing(relay(n, 4 - n)),
            RowKey::Returned(account(n)),
            RowKey::Invite(Hash([n; 32])),
            RowKey::Account(account(n)),
        ]);
    }
    txn.commit()?;
    wanted.sort_unstable();
    let txn = store.begin()?;
    for page in [1, 2, 7, 18, 99] {
        let mut listed: Vec<RowKey> = Vec::new();
        loop {
            let more = txn.keys_after(listed.last(), page)?;
            if more.is_empty() {
                break;
            }
            assert!(more.len() <= page);
            listed.extend(more);
        }
        assert_eq!(listed, wanted, "in pages of {page}");
    }
    Ok(())
}

/// The memory store as its own fixture.
pub struct MemoryFixture;

impl Fixture for MemoryFixture {
    type Store = Memory;

    fn create(&mut self) -> Result<Memory, StoreError> {
        Ok(Memory::new())
    }

    fn reopen(&mut self, store: Memory) -> Result<Memory, StoreError> {
        store.reopened(SCHEMA_VERSION)
    }

    fn reopen_as(&mut self, store: Memory, schema: u32) -> Result<Memory, StoreError> {
        store.reopened(schema)
    }
}
