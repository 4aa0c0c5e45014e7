//! Random histories: a store and [`Memory`] see the same actions and must answer alike, through commits, crashes and
//! reopens.

use kith_wire::id::{BlobId, DedupId, Hash, LookupKey, Nonce, SenderId};
use kith_wire::time::{Hour, Timestamp};
use proptest::prelude::*;

use super::{Fixture, account, blob, entry, outgoing, queue, reader, relay, server};
use crate::store::memory::Memory;
use crate::store::records::{Invite, NonceScope, Overflow, Queue, Returned};
use crate::store::{Store, StoreError, Txn};

/// One thing done to both stores. Names are small numbers, so that actions meet.
#[derive(Debug, Clone)]
pub enum Action {
    /// Inserts a queue.
    QueueInsert(u8),
    /// Changes a queue.
    QueueUpdate(u8, u8),
    /// Removes a queue.
    QueueRemove(u8),
    /// Inserts an entry.
    EntryInsert(u8, u8),
    /// Removes an entry.
    EntryRemove(u8, u8),
    /// Remembers a deposit.
    Dedup(u8, u8),
    /// Forgets deposits.
    PurgeDedup(u8),
    /// Remembers a nonce.
    Nonce(u8, u8),
    /// Forgets nonces.
    PurgeNonces(u8),
    /// Writes an invite.
    Invite(u8, u8),
    /// Purges invites.
    PurgeInvites(u8),
    /// Writes a relay.
    Outgoing(u8, u8),
    /// Removes a relay.
    OutgoingRemove(u8),
    /// Writes a notice.
    Returned(u8, u8),
    /// Purges notices.
    PurgeReturned(u8),
    /// Writes a blob record.
    Blob(u8, u8),
    /// Writes a chunk.
    Chunk(u8, u8),
    /// Removes a blob.
    BlobRemove(u8),
    /// Commits and begins anew.
    Commit,
    /// Drops the transaction and begins anew.
    Crash,
    /// Drops the transaction, closes the store and opens it again.
    Reopen,
}

/// Returns a strategy for histories.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    let n = 0_u8..4;
    let pair = (0_u8..4, 0_u8..6);
    let action = prop_oneof![
        n.clone().prop_map(Action::QueueInsert),
        pair.clone().prop_map(|(a, b)| Action::QueueUpdate(a, b)),
        n.clone().prop_map(Action::QueueRemove),
        pair.clone().prop_map(|(a, b)| Action::EntryInsert(a, b)),
        pair.clone().prop_map(|(a, b)| Action::EntryRemove(a, b)),
        pair.clone().prop_map(|(a, b)| Action::Dedup(a, b)),
        n.clone().prop_map(Action::PurgeDedup),
        pair.clone().prop_map(|(a, b)| Action::Nonce(a, b)),
        n.clone().prop_map(Action::PurgeNonces),
        pair.clone().prop_map(|(a, b)| Action::Invite(a, b)),
        n.clone().prop_map(Action::PurgeInvites),
        pair.clone().prop_map(|(a, b)| Action::Outgoing(a, b)),
        n.clone().prop_map(Action::OutgoingRemove),
        pair.clone().prop_map(|(a, b)| Action::Returned(a, b)),
        n.clone().prop_map(Action::PurgeReturned),
        pair.clone().prop_map(|(a, b)| Action::Blob(a, b)),
        pair.prop_map(|(a, b)| Action::Chunk(a, b)),
        n.prop_map(Action::BlobRemove),
        Just(Action::Commit),
        Just(Action::Crash),
        Just(Action::Reopen),
    ];
    prop::collection::vec(action, 1..60)
}

/// Runs a history on a store and on memory and compares everything that can be read, after each action.
///
/// # Errors
/// When the store fails in a way that memory does not.
pub fn agrees_with_memory<F: Fixture>(mut fixture: F, history: &[Action]) -> Result<(), StoreError> {
    let mut model = Memory::new();
    let mut store = fixture.create()?;
    let mut rest = history.iter();
    loop {
        match one_transaction(&mut model, &mut store, &mut rest)? {
            Next::Begin => {}
            Next::Reopen => store = fixture.reopen(store)?,
            Next::Finish => return Ok(()),
        }
    }
}

/// What follows a transaction.
enum Next {
    Begin,
    Reopen,
    Finish,
}

fn one_transaction<S: Store>(
    model: &mut Memory,
    store: &mut S,
    rest: &mut std::slice::Iter<'_, Action>,
) -> Result<Next, StoreError> {
    let mut model_txn = model.begin()?;
    let mut txn = store.begin()?;
    for action in rest {
        match action {
            Action::Commit => {
                model_txn.commit()?;
                txn.commit()?;
                return Ok(Next::Begin);
            }
            Action::Crash => return Ok(Next::Begin),
            Action::Reopen => return Ok(Next::Reopen),
            action => {
                let (expected, got) = (apply(&mut model_txn, action), apply(&mut txn, action));
                assert_eq!(format!("{expected:?}"), format!("{got:?}"), "{action:?}");
                if expected.is_err() {
                    return Ok(Next::Begin);
                }
                assert_eq!(observe(&model_txn)?, observe(&txn)?, "after {action:?}");
            }
        }
    }
    Ok(Next::Finish)
}

fn apply<T: Txn>(txn: &mut T, action: &Action) -> Result<usize, StoreError> {
    match *action {
        Action::QueueInsert(a) => txn.insert_queue(&reader(a), &queue(a)).map(|()| 0),
        Action::QueueUpdate(a, b) => {
            let overflow = if b % 2 == 0 { Overflow::Complete } else { Overflow::Dropped };
            let changed = Queue { next_seq: u64::from(b), length: u32::from(b), overflow, ..queue(a) };
            txn.update_queue(&reader(a), &changed).map(|()| 0)
        }
        Action::QueueRemove(a) => txn.remove_queue(&reader(a)).map(|()| 0),
        // Entries belong to queues that exist; the rules never insert others.
        Action::EntryInsert(a, _) if txn.queue(&reader(a))?.is_none() => Ok(0),
        Action::EntryInsert(a, b) => txn.insert_entry(&reader(a), u64::from(b), &entry(u32::from(b), a)).map(|()| 0),
        Action::EntryRemove(a, b) => txn.remove_entry(&reader(a), u64::from(b)).map(usize::from),
        Action::Dedup(a, b) => txn.insert_dedup(&SenderId([a; 24]), &DedupId([b; 16]), Hour(u32::from(b))).map(|()| 0),
        Action::PurgeDedup(a) => txn.purge_dedup(Hour(u32::from(a)), 99),
        Action::Nonce(a, b) => {
            txn.insert_nonce(&NonceScope([a; 32]), &Nonce([b; 16]), Timestamp(u64::from(a + b))).map(|()| 0)
        }
        Action::PurgeNonces(a) => txn.purge_nonces(Timestamp(u64::from(a)), 99),
        Action::Invite(a, b) => {
            let invite = Invite { uses_left: u32::from(b), expires: Timestamp(u64::from(b)) };
            txn.put_invite(&Hash([a; 32]), &invite).map(|()| 0)
        }
        Action::PurgeInvites(a) => txn.purge_invites(Timestamp(u64::from(a)), 99),
        Action::Outgoing(a, b) => {
            let Some(to) = server(a) else { return Ok(0) };
            txn.put_outgoing(&relay(a, a), &outgoing(&to, u32::from(b), u64::from(b))).map(|()| 0)
        }
        Action::OutgoingRemove(a) => txn.remove_outgoing(&relay(a, a)).map(|()| 0),
        Action::Returned(a, b) => {
            txn.put_returned(&relay(a % 2, a), &Returned { stored: Hour(u32::from(b)), notice: vec![b] }).map(|()| 0)
        }
        Action::PurgeReturned(a) => txn.purge_returned(Hour(u32::from(a)), 99),
        Action::Blob(a, b) => txn.put_blob(&BlobId([a; 24]), &blob(a, u32::from(b))).map(|()| 0),
        Action::Chunk(a, _) if txn.blob(&BlobId([a; 24]))?.is_none() => Ok(0),
        Action::Chunk(a, b) => txn.insert_chunk(&BlobId([a; 24]), u32::from(b), &[a, b]).map(|()| 0),
        Action::BlobRemove(a) => txn.remove_blob(&BlobId([a; 24])).map(|()| 0),
        Action::Commit | Action::Crash | Action::Reopen => Ok(0),
    }
}

/// Reads everything that the names of a history can lead to.
fn observe<T: Txn>(txn: &T) -> Result<Vec<String>, StoreError> {
    let mut seen = Vec::new();
    let mut note = |what: &dyn std::fmt::Debug| seen.push(format!("{what:?}"));
    note(&txn.counts()?);
    note(&txn.entries_before(Hour(5), 99)?);
    note(&txn.outgoing_before(Hour(3), 99)?);
    note(&txn.blobs_before(Hour(3), 99)?);
    note(&txn.next_due()?);
    note(&txn.due_destinations(Timestamp(3), None, 99)?);
    for a in 0..4 {
        note(&txn.queue(&reader(a))?);
        note(&txn.queue_by_sender(&SenderId([a; 24]))?);
        note(&txn.queue_by_lookup(&LookupKey([a; 32]))?);
        let entries = txn.entries(&reader(a), 2, 3)?;
        note(&entries.iter().map(|(seq, entry)| (*seq, entry.arrived, entry.frame.first())).collect::<Vec<_>>());
        note(&txn.invite(&Hash([a; 32]))?);
        note(&txn.outgoing(&relay(a, a))?);
        if let Some(to) = server(a) {
            note(&txn.due_outgoing(&to, Timestamp(3), 99)?);
        }
        note(&txn.returned(&account(a), 99)?);
        note(&txn.blob(&BlobId([a; 24]))?);
        note(&txn.chunk_numbers(&BlobId([a; 24]))?);
        for b in 0..6 {
            note(&txn.dedup_seen(&SenderId([a; 24]), &DedupId([b; 16]))?);
            note(&txn.nonce_seen(&NonceScope([a; 32]), &Nonce([b; 16]))?);
        }
    }
    Ok(seen)
}
