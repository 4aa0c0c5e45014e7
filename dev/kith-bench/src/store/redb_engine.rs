//! redb: copy-on-write B-trees; every commit has the default, immediate durability.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::{CACHE_BYTES, Deposit, QueueStore};
use crate::Failure;

const QUEUES: TableDefinition<'_, [u8; 24], (u64, u64)> = TableDefinition::new("queues");
const BY_SID: TableDefinition<'_, [u8; 24], [u8; 24]> = TableDefinition::new("by_sid");
const ENTRIES: TableDefinition<'_, ([u8; 24], u64), &[u8]> = TableDefinition::new("entries");
const DEDUP: TableDefinition<'_, ([u8; 24], [u8; 16]), u32> = TableDefinition::new("dedup");
const BY_HOUR: TableDefinition<'_, (u32, [u8; 24], [u8; 16]), ()> = TableDefinition::new("by_hour");

pub(super) struct Redb {
    db: Database,
}

impl Redb {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let db = Database::builder().set_cache_size(CACHE_BYTES).create(dir.join("store.redb"))?;
        let txn = db.begin_write()?;
        txn.open_table(QUEUES)?;
        txn.open_table(BY_SID)?;
        txn.open_table(ENTRIES)?;
        txn.open_table(DEDUP)?;
        txn.open_table(BY_HOUR)?;
        txn.commit()?;
        Ok(Self { db })
    }
}

impl QueueStore for Redb {
    fn create_queues(&mut self, queues: &[([u8; 24], [u8; 24])]) -> Result<(), Failure> {
        let txn = self.db.begin_write()?;
        {
            let mut table = txn.open_table(QUEUES)?;
            let mut by_sid = txn.open_table(BY_SID)?;
            for (rid, sid) in queues {
                table.insert(rid, (0, 0))?;
                by_sid.insert(sid, rid)?;
            }
        }
        Ok(txn.commit()?)
    }

    fn deposit(&mut self, batch: &[Deposit]) -> Result<(), Failure> {
        let txn = self.db.begin_write()?;
        {
            let mut queues = txn.open_table(QUEUES)?;
            let by_sid = txn.open_table(BY_SID)?;
            let mut entries = txn.open_table(ENTRIES)?;
            let mut dedup = txn.open_table(DEDUP)?;
            let mut by_hour = txn.open_table(BY_HOUR)?;
            for deposit in batch {
                let Some(rid) = by_sid.get(deposit.sid)?.map(|rid| rid.value()) else {
                    continue;
                };
                if dedup.insert((deposit.sid, deposit.dedup_id), deposit.expires_hour)?.is_some() {
                    continue;
                }
                by_hour.insert((deposit.expires_hour, deposit.sid, deposit.dedup_id), ())?;
                let (next_seq, length) = queues.get(rid)?.ok_or("no queue")?.value();
                entries.insert((rid, next_seq), deposit.frame.as_slice())?;
                queues.insert(rid, (next_seq + 1, length + 1))?;
            }
        }
        Ok(txn.commit()?)
    }

    fn drain(&mut self, rids: &[[u8; 24]], limit: usize) -> Result<usize, Failure> {
        let txn = self.db.begin_write()?;
        let mut n_drained = 0;
        {
            let mut queues = txn.open_table(QUEUES)?;
            let mut entries = txn.open_table(ENTRIES)?;
            for rid in rids {
                let mut seqs = Vec::new();
                for entry in entries.range((*rid, 0)..=(*rid, u64::MAX))?.take(limit) {
                    let (key, frame) = entry?;
                    std::hint::black_box(frame.value());
                    seqs.push(key.value().1);
                }
                for seq in &seqs {
                    entries.remove((*rid, *seq))?;
                }
                let (next_seq, length) = queues.get(rid)?.ok_or("no queue")?.value();
                queues.insert(rid, (next_seq, length - seqs.len() as u64))?;
                n_drained += seqs.len();
            }
        }
        txn.commit()?;
        Ok(n_drained)
    }

    fn purge(&mut self, hour: u32) -> Result<usize, Failure> {
        let txn = self.db.begin_write()?;
        let mut keys = Vec::new();
        {
            let mut dedup = txn.open_table(DEDUP)?;
            let mut by_hour = txn.open_table(BY_HOUR)?;
            for entry in by_hour.range(..(hour, [0; 24], [0; 16]))? {
                keys.push(entry?.0.value());
            }
            for key in &keys {
                by_hour.remove(key)?;
                dedup.remove((key.1, key.2))?;
            }
        }
        txn.commit()?;
        Ok(keys.len())
    }

    fn n_frames(&mut self) -> Result<usize, Failure> {
        let txn = self.db.begin_read()?;
        Ok(usize::try_from(txn.open_table(ENTRIES)?.len()?)?)
    }
}
