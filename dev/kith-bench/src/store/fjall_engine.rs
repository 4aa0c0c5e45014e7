//! fjall: a log-structured merge tree; each batch is persisted with `SyncData` in its commit.

use std::collections::BTreeMap;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{CACHE_BYTES, Deposit, QueueStore};
use crate::Failure;

pub(super) struct Fjall {
    db: Database,
    queues: Keyspace,
    by_sid: Keyspace,
    entries: Keyspace,
    dedup: Keyspace,
    by_hour: Keyspace,
}

impl Fjall {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let db = Database::builder(dir).cache_size(CACHE_BYTES as u64).worker_threads(1).open()?;
        // Memtables of 1 MiB for what stays small and 4 MiB for frames: the smallest that did not stall writes.
        let small = || KeyspaceCreateOptions::default().max_memtable_size(1 << 20);
        let large = || KeyspaceCreateOptions::default().max_memtable_size(4 << 20);
        Ok(Self {
            queues: db.keyspace("queues", small)?,
            by_sid: db.keyspace("by_sid", small)?,
            entries: db.keyspace("entries", large)?,
            dedup: db.keyspace("dedup", small)?,
            by_hour: db.keyspace("by_hour", small)?,
            db,
        })
    }
}

/// Queue record: next sequence number and length.
fn pack(next_seq: u64, length: u64) -> Vec<u8> {
    [next_seq.to_be_bytes(), length.to_be_bytes()].concat()
}

fn unpack(record: &[u8]) -> Result<(u64, u64), Failure> {
    let (next_seq, length) = record.split_at_checked(8).ok_or("short queue record")?;
    Ok((u64::from_be_bytes(next_seq.try_into()?), u64::from_be_bytes(length.try_into()?)))
}

impl QueueStore for Fjall {
    fn create_queues(&mut self, queues: &[([u8; 24], [u8; 24])]) -> Result<(), Failure> {
        let mut write = self.db.batch().durability(Some(PersistMode::SyncData));
        for (rid, sid) in queues {
            write.insert(&self.queues, *rid, pack(0, 0));
            write.insert(&self.by_sid, *sid, *rid);
        }
        Ok(write.commit()?)
    }

    fn deposit(&mut self, batch: &[Deposit]) -> Result<(), Failure> {
        let mut write = self.db.batch().durability(Some(PersistMode::SyncData));
        // A batch does not read its own writes: counters of the queues it touches are carried here.
        let mut counters: BTreeMap<[u8; 24], (u64, u64)> = BTreeMap::new();
        for deposit in batch {
            let Some(rid) = self.by_sid.get(deposit.sid)? else {
                continue;
            };
            let rid: [u8; 24] = (*rid).try_into()?;
            let (next_seq, length) = match counters.get(&rid) {
                Some(counter) => *counter,
                None => unpack(&self.queues.get(rid)?.ok_or("no queue")?)?,
            };
            let dedup_key = [&deposit.sid[..], &deposit.dedup_id].concat();
            if self.dedup.contains_key(&dedup_key)? {
                continue;
            }
            let hour_key = [&deposit.expires_hour.to_be_bytes()[..], &dedup_key].concat();
            write.insert(&self.dedup, dedup_key, deposit.expires_hour.to_be_bytes());
            write.insert(&self.by_hour, hour_key, []);
            write.insert(&self.entries, [&rid[..], &next_seq.to_be_bytes()].concat(), deposit.frame.as_slice());
            counters.insert(rid, (next_seq + 1, length + 1));
        }
        for (rid, (next_seq, length)) in counters {
            write.insert(&self.queues, rid, pack(next_seq, length));
        }
        Ok(write.commit()?)
    }

    fn drain(&mut self, rids: &[[u8; 24]], limit: usize) -> Result<usize, Failure> {
        let mut write = self.db.batch().durability(Some(PersistMode::SyncData));
        let mut n_drained = 0;
        for rid in rids {
            let mut n = 0;
            for guard in self.entries.prefix(rid).take(limit) {
                let (key, frame) = guard.into_inner()?;
                std::hint::black_box(&frame);
                write.remove(&self.entries, key);
                n += 1;
            }
            if n > 0 {
                let (next_seq, length) = unpack(&self.queues.get(rid)?.ok_or("no queue")?)?;
                write.insert(&self.queues, *rid, pack(next_seq, length - n));
            }
            n_drained += n as usize;
        }
        write.commit()?;
        Ok(n_drained)
    }

    fn purge(&mut self, hour: u32) -> Result<usize, Failure> {
        let mut write = self.db.batch().durability(Some(PersistMode::SyncData));
        let mut n_purged = 0;
        for guard in self.by_hour.range(..hour.to_be_bytes()) {
            let key = guard.key()?;
            let dedup_key = key.get(4..).ok_or("short dedup key")?.to_vec();
            write.remove(&self.by_hour, key);
            write.remove(&self.dedup, dedup_key);
            n_purged += 1;
        }
        write.commit()?;
        Ok(n_purged)
    }

    fn n_frames(&mut self) -> Result<usize, Failure> {
        Ok(self.entries.len()?)
    }
}
