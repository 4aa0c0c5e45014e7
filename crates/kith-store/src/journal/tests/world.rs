//! A small world for random histories: what can be done to a store, and all that can be seen of it.

use std::collections::BTreeMap;

use kith_home::store::memory::Memory;
use kith_home::store::{
    Account, Blob, Entry, Invite, MetaKey, NonceScope, Outgoing, OutgoingKey, Queue, Returned, RowKey, Secret, Stay,
    Store, StoreError, Txn,
};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, BlobId, DedupId, Hash, Nonce, ReaderId, RelayId, SenderId, ServerKey, Verifier};
use kith_wire::time::{Day, EpochId, Hour, Timestamp};
use proptest::prelude::*;

use super::super::files::simulated::Simulated;
use super::super::{Journal, JournalTxn};
use super::queue;

/// Bytes after which a segment is sealed: a few transactions.
pub(super) const SEGMENT_BYTES: u64 = 900;

/// One transaction: what it does, and whether it is committed.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) acts: Vec<u32>,
    pub(super) end: End,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Drop,
}

/// Returns a strategy for histories.
pub(super) fn history(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![7 => Just(End::Commit), 1 => Just(End::Drop)];
    let step = (prop::collection::vec(any::<u32>(), 1..8), end).prop_map(|(acts, end)| Step { acts, end });
    prop::collection::vec(step, 1..longest)
}

fn relay(a: u8) -> OutgoingKey {
    OutgoingKey { account: AccountKey([a % 2; 32]), relay: RelayId([a; 16]) }
}

fn server(n: u8) -> ServerAddress {
    ServerAddress { url: ServerUrl::parse(&format!("https://{n}.example")).unwrap(), key: ServerKey([n; 32]) }
}

/// Does one thing; names are small numbers, so that things meet.
pub(super) fn act<T: Txn>(txn: &mut T, n: u32) -> Result<(), StoreError> {
    let [kind, a, b, c] = n.to_le_bytes();
    let (a, b) = (a % 4, b % 6);
    let reader = ReaderId([a; 24]);
    match kind % 24 {
        0 if txn.queue(&reader)?.is_none() => txn.insert_queue(&reader, &queue(a).1),
        1 | 2 if txn.queue(&reader)?.is_some() => {
            let Some(old) = txn.queue(&reader)? else { return Ok(()) };
            let verifier = if c % 4 == 0 { Verifier([b; 32]) } else { old.verifier };
            txn.update_queue(&reader, &Queue { verifier, next_seq: u64::from(b), length: u32::from(c), ..old })
        }
        3 if c % 4 == 0 => txn.remove_queue(&reader),
        4..=7
            if txn.queue(&reader)?.is_some()
                && txn.entries(&reader, b.into(), 1)?.first().map(|(seq, _)| *seq) != Some(b.into()) =>
        {
            txn.insert_entry(&reader, b.into(), &Entry { arrived: Hour(u32::from(c % 5)), frame: vec![c; 40] })
        }
        8 | 9 => txn.remove_entry(&reader, b.into()).map(drop),
        10 if !txn.dedup_seen(&SenderId([a; 24]), &DedupId([b; 16]))? => {
            txn.insert_dedup(&SenderId([a; 24]), &DedupId([b; 16]), Hour(u32::from(c % 6)))
        }
        11 => txn.purge_dedup(Hour(u32::from(c % 6)), 99).map(drop),
        12 if !txn.nonce_seen(&NonceScope([a; 32]), &Nonce([b; 16]))? => {
            txn.insert_nonce(&NonceScope([a; 32]), &Nonce([b; 16]), Timestamp(u64::from(c % 6)))
        }
        13 => txn.purge_nonces(Timestamp(u64::from(c % 6)), 99).map(drop),
        14 => txn.put_invite(&Hash([a; 32]), &Invite { uses_left: u32::from(b), expires: Timestamp(u64::from(c)) }),
        15 => txn.purge_invites(Timestamp(u64::from(c)), 99).map(drop),
        16 => {
            let (sealed, accepted) = (vec![c % 3; 30], Hour(u32::from(c % 3)));
            let next_attempt = Timestamp(u64::from(b));
            txn.put_outgoing(
                &relay(a),
                &Outgoing { to: server(a), sealed, accepted, next_attempt, attempts: u32::from(c) },
            )
        }
        17 => txn.remove_outgoing(&relay(a)),
        18 => txn.put_returned(&relay(a), &Returned { stored: Hour(b.into()), notice: vec![c; 20] }),
        19 => txn.purge_returned(Hour(u32::from(c % 6)), 99).map(drop),
        20 => {
            let (read, delete) = (Verifier([a; 32]), Verifier([b; 32]));
            let account = AccountKey([a; 32]);
            let (expires, stay) = (Hour(c.into()), if c % 2 == 0 { Stay::Passing } else { Stay::Kept });
            let blob = Blob { account, size: 9, n_chunks: 6, n_present: b.into(), read, delete, expires, stay };
            txn.put_blob(&BlobId([a; 24]), &blob)
        }
        21 if txn.blob(&BlobId([a; 24]))?.is_some() && txn.chunk(&BlobId([a; 24]), b.into())?.is_none() => {
            txn.insert_chunk(&BlobId([a; 24]), b.into(), &[c; 60])
        }
        22 if c % 2 == 0 => txn.remove_blob(&BlobId([a; 24])),
        22 => {
            let created = Day(b.into());
            txn.put_account(
                &AccountKey([a; 32]),
                &Account {
                    created,
                    n_queues: c.into(),
                    blob_bytes: 7,
                    kept_bytes: b.into(),
                    n_outgoing: 0,
                    closed: None,
                },
            )
        }
        23 if c % 3 == 0 => txn.set_meta(MetaKey::Descriptor, &Secret::new(&[b; 9])),
        23 if c % 3 == 1 => txn.erase_epoch_key(EpochId(a.into())),
        23 if txn.epoch_keys()?.iter().all(|(epoch, _)| epoch.0 != u32::from(a)) => {
            txn.insert_epoch_key(EpochId(a.into()), &Secret::new(&[c; 64]))
        }
        _ => txn.shrink(1).map(drop),
    }
}

/// All that can be seen of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Content that passes through, by the name of its row. What is lost is not among it.
    pub(super) content: BTreeMap<Passing, String>,
    /// Everything else, and that the rows are there.
    pub(super) rest: Vec<String>,
}

/// Names a row with content that passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Passing {
    Entry(ReaderId, u64),
    Chunk(BlobId, u32),
    Outgoing(OutgoingKey),
    Returned(OutgoingKey),
}

impl Seen {
    fn note(&mut self, what: &dyn std::fmt::Debug) {
        self.rest.push(format!("{what:?}"));
    }

    fn put(&mut self, name: Passing, content: &[u8]) {
        if !content.is_empty() {
            self.content.insert(name, format!("{content:?}"));
        }
    }

    fn outgoing(&mut self, key: OutgoingKey, outgoing: &Outgoing) {
        self.put(Passing::Outgoing(key), &outgoing.sealed);
        self.note(&Outgoing { sealed: Vec::new(), ..outgoing.clone() });
    }

    fn row<T: Txn>(&mut self, txn: &T, key: RowKey) -> Result<(), StoreError> {
        match key {
            RowKey::Queue(reader) => {
                let queue = txn.queue(&reader)?;
                self.note(&queue);
                self.note(&queue.map(|queue| txn.queue_by_sender(&queue.sender).unwrap()));
                for (seq, entry) in txn.entries(&reader, 0, 99)? {
                    self.put(Passing::Entry(reader, seq), &[&entry.arrived.0.to_le_bytes(), &entry.frame[..]].concat());
                }
            }
            RowKey::Blob(id) => {
                self.note(&txn.blob(&id)?);
                self.note(&txn.chunk_numbers(&id)?);
                for number in txn.chunk_numbers(&id)? {
                    self.put(Passing::Chunk(id, number), &txn.chunk(&id, number)?.unwrap_or_default());
                }
            }
            RowKey::Outgoing(key) => {
                if let Some(outgoing) = txn.outgoing(&key)? {
                    self.outgoing(key, &outgoing);
                }
            }
            RowKey::Returned(account) => {
                for (relay, returned) in txn.returned(&account, 99)? {
                    self.put(Passing::Returned(OutgoingKey { account, relay }), &returned.notice);
                    self.note(&(relay, returned.stored));
                }
            }
            RowKey::Invite(code) => self.note(&txn.invite(&code)?),
            RowKey::Account(key) => self.note(&txn.account(&key)?),
        }
        Ok(())
    }
}

/// Reads all that can be read.
pub(super) fn see<T: Txn>(txn: &T) -> Result<Seen, StoreError> {
    let mut seen = Seen::default();
    seen.note(&txn.counts()?);
    for key in txn.keys_after(None, 999)? {
        seen.note(&key);
        seen.row(txn, key)?;
    }
    seen.note(&txn.entries_before(Hour(9), 99)?);
    seen.note(&txn.outgoing_before(Hour(9), 99)?);
    seen.note(&txn.blobs_before(Hour(90), 99)?);
    seen.note(&txn.due_destinations(Timestamp(4), None, 99)?);
    for a in 0..4 {
        for (key, outgoing) in txn.due_outgoing(&server(a), Timestamp(4), 99)? {
            seen.outgoing(key, &outgoing);
        }
        seen.note(&txn.queue_by_lookup(&queue(a).1.lookup)?);
        for b in 0..6 {
            seen.note(&txn.dedup_seen(&SenderId([a; 24]), &DedupId([b; 16]))?);
            seen.note(&txn.nonce_seen(&NonceScope([a; 32]), &Nonce([b; 16]))?);
        }
    }
    seen.note(&txn.meta(MetaKey::Descriptor)?.map(|value| value.expose().to_vec()));
    seen.note(&txn.epoch_keys()?.iter().map(|(epoch, seed)| (*epoch, seed.expose().to_vec())).collect::<Vec<_>>());
    Ok(seen)
}

/// Reads all of a store.
pub(super) fn see_store<S: Store>(store: &mut S) -> Seen {
    see(&store.begin().unwrap()).unwrap()
}

/// Removes everything with content that passes through, as the rules do when its time is over.
pub(super) fn remove_all<S: Store>(store: &mut S) {
    let mut txn = store.begin().unwrap();
    for (reader, seq) in txn.entries_before(Hour(u32::MAX), 999).unwrap() {
        assert!(txn.remove_entry(&reader, seq).unwrap());
    }
    for key in txn.keys_after(None, 999).unwrap() {
        match key {
            RowKey::Queue(reader) => assert_eq!(txn.entries(&reader, 0, 9).unwrap(), []),
            RowKey::Blob(id) => txn.remove_blob(&id).unwrap(),
            RowKey::Outgoing(key) => txn.remove_outgoing(&key).unwrap(),
            RowKey::Returned(_) | RowKey::Invite(_) | RowKey::Account(_) => {}
        }
    }
    txn.purge_returned(Hour(u32::MAX), 999).unwrap();
    txn.commit().unwrap();
}

/// Compares what is seen, and tells the first difference only.
pub(super) fn assert_same(seen: &Seen, expected: &Seen) {
    assert_eq!(seen.content, expected.content);
    let first = seen.rest.iter().zip(&expected.rest).position(|(seen, expected)| seen != expected);
    if seen.rest != expected.rest {
        let first = first.unwrap_or_else(|| seen.rest.len().min(expected.rest.len()));
        panic!(
            "seen {:?}, expected {:?}, before {:?}",
            seen.rest.get(first),
            expected.rest.get(first),
            seen.rest.get(..first).and_then(<[_]>::last)
        );
    }
}

/// A store on simulated files, and what should be in it.
pub(super) struct World {
    pub(super) files: Simulated,
    pub(super) store: Journal<Simulated>,
    pub(super) model: Memory,
}

impl World {
    pub(super) fn new(files: &Simulated) -> Result<Self, StoreError> {
        let store = Journal::open_with(files.clone(), SEGMENT_BYTES)?;
        Ok(Self { files: files.clone(), store, model: Memory::new() })
    }

    /// Does one transaction; the model follows when it is answered.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), StoreError> {
        let mut txn: JournalTxn<'_, Simulated> = self.store.begin()?;
        let mut model = self.model.begin()?;
        for act_number in &step.acts {
            act(&mut model, *act_number)?;
            act(&mut txn, *act_number)?;
        }
        if step.end == End::Commit {
            txn.commit()?;
            model.commit()?;
        }
        Ok(())
    }

    /// Opens the store again, as the next process would.
    pub(super) fn reopen(&mut self) {
        self.store = Journal::open_with(self.files.clone(), SEGMENT_BYTES).unwrap();
    }

    pub(super) fn check(&mut self) {
        assert_same(&see_store(&mut self.store), &see_store(&mut self.model));
    }
}
