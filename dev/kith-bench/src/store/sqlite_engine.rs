//! SQLite in WAL mode with `synchronous=FULL`: every commit is on the disk.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{CACHE_BYTES, Deposit, QueueStore};
use crate::Failure;

pub(super) struct Sqlite {
    db: Connection,
}

impl Sqlite {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let db = Connection::open(dir.join("store.db"))?;
        db.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{};
             PRAGMA wal_autocheckpoint = 1000; PRAGMA temp_store = MEMORY;
             CREATE TABLE IF NOT EXISTS queues (
               rid BLOB PRIMARY KEY, sid BLOB NOT NULL UNIQUE, next_seq INTEGER NOT NULL, length INTEGER NOT NULL
             ) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS entries (
               id INTEGER PRIMARY KEY, rid BLOB NOT NULL, seq INTEGER NOT NULL, frame BLOB NOT NULL, UNIQUE (rid, seq)
             );
             CREATE TABLE IF NOT EXISTS dedup (
               sid BLOB NOT NULL, id BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (sid, id)
             ) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS dedup_expires ON dedup (expires);",
            CACHE_BYTES / 1_024
        ))?;
        Ok(Self { db })
    }
}

impl QueueStore for Sqlite {
    fn create_queues(&mut self, queues: &[([u8; 24], [u8; 24])]) -> Result<(), Failure> {
        let txn = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (rid, sid) in queues {
            txn.prepare_cached("INSERT INTO queues VALUES (?1, ?2, 0, 0)")?.execute(params![rid, sid])?;
        }
        Ok(txn.commit()?)
    }

    fn deposit(&mut self, batch: &[Deposit]) -> Result<(), Failure> {
        let txn = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for deposit in batch {
            let queue: Option<([u8; 24], i64)> = txn
                .prepare_cached("SELECT rid, next_seq FROM queues WHERE sid = ?1")?
                .query_row([&deposit.sid], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((rid, seq)) = queue else { continue };
            txn.prepare_cached("INSERT INTO dedup VALUES (?1, ?2, ?3)")?.execute(params![
                deposit.sid,
                deposit.dedup_id,
                deposit.expires_hour
            ])?;
            txn.prepare_cached("INSERT INTO entries (rid, seq, frame) VALUES (?1, ?2, ?3)")?.execute(params![
                rid,
                seq,
                deposit.frame
            ])?;
            txn.prepare_cached("UPDATE queues SET next_seq = next_seq + 1, length = length + 1 WHERE rid = ?1")?
                .execute([&rid])?;
        }
        Ok(txn.commit()?)
    }

    fn drain(&mut self, rids: &[[u8; 24]], limit: usize) -> Result<usize, Failure> {
        let txn = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut n_drained = 0;
        for rid in rids {
            let frames: Vec<(i64, Vec<u8>)> = txn
                .prepare_cached("SELECT seq, frame FROM entries WHERE rid = ?1 ORDER BY seq LIMIT ?2")?
                .query_map(params![rid, limit as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let Some((last, _)) = frames.last() else {
                continue;
            };
            let n =
                txn.prepare_cached("DELETE FROM entries WHERE rid = ?1 AND seq <= ?2")?.execute(params![rid, last])?;
            txn.prepare_cached("UPDATE queues SET length = length - ?2 WHERE rid = ?1")?
                .execute(params![rid, n as i64])?;
            n_drained += n;
        }
        txn.commit()?;
        Ok(n_drained)
    }

    fn purge(&mut self, hour: u32) -> Result<usize, Failure> {
        Ok(self.db.prepare_cached("DELETE FROM dedup WHERE expires < ?1")?.execute([hour])?)
    }

    fn n_frames(&mut self) -> Result<usize, Failure> {
        Ok(self.db.query_row("SELECT count(*) FROM entries", [], |row| row.get::<_, i64>(0))? as usize)
    }
}
