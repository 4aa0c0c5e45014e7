//! What time alone brings about: new keys, and the end of what was kept long enough.

use kith_wire::Timestamp;
use kith_wire::time::Hour;

use crate::batch::Batch;
use crate::io::Output;
use crate::outbox::LONGEST_DELAY_SECONDS;
use crate::sabotage::{self, Bug};
use crate::store::{Queue, StoreError, Txn};

/// Rows of one kind removed in one tick, so that deposits never wait long.
const ROWS: usize = 500;
/// Pages given back to the disk in one tick: 4 MiB, which takes some ten milliseconds.
const PAGES: usize = 1024;
/// Blobs removed in one tick: each may have 1,664 chunks.
const BLOBS: usize = 4;
/// Seconds between two rounds when the last one found everything tidy.
const REST_SECONDS: u64 = 60;

/// When to tidy up again. Memory only.
#[derive(Default)]
pub(crate) struct Housekeeping {
    next: Timestamp,
}

impl<T: Txn> Batch<'_, T> {
    /// Rotates keys (KH-2, KH-3), retries what is due and removes what has expired (KH-38), a bounded piece at a time.
    pub(crate) fn tick(&mut self) -> Result<(), StoreError> {
        let home = &mut *self.home;
        if home.identity.keep_up(&mut self.txn, &home.config, self.now, self.rng)?
            && !sabotage::is_on(Bug::NothingIsAnnounced)
        {
            let bytes = home.identity.descriptor().to_vec();
            self.hold(Output::Descriptor { bytes });
        }
        self.home.outbox.look_again();
        let next = self.home.housekeeping.next;
        // A next round that is further off than any can be was set by a clock that was ahead.
        if self.now < next && next <= self.now.plus_seconds(REST_SECONDS) {
            return Ok(());
        }
        self.home.outbox.forget_failures(self.now);
        let hour = self.now.hour();
        let more = [
            self.txn.purge_dedup(hour, ROWS)? == ROWS,
            self.txn.purge_nonces(self.now, ROWS)? == ROWS,
            self.txn.purge_invites(self.now, ROWS)? == ROWS,
            self.txn.purge_returned(earlier(hour, self.home.config.retention.frame_hours), ROWS)? == ROWS,
            self.expire_outgoing(ROWS)? == ROWS,
            self.txn.pull_due(self.now.plus_seconds(2 * LONGEST_DELAY_SECONDS), self.now, ROWS)? == ROWS,
            self.expire_entries(hour)? == ROWS,
            self.expire_blobs(hour)? == BLOBS,
            self.txn.shrink(PAGES)? == PAGES,
        ];
        let rest = if more.contains(&true) { 0 } else { REST_SECONDS };
        self.home.housekeeping.next = self.now.plus_seconds(rest);
        Ok(())
    }

    fn expire_entries(&mut self, hour: Hour) -> Result<usize, StoreError> {
        let before = earlier(hour, self.home.config.retention.frame_hours);
        let expired = self.txn.entries_before(before, ROWS)?;
        for (reader, seq) in &expired {
            self.txn.remove_entry(reader, *seq)?;
            if let Some(queue) = self.txn.queue(reader)? {
                let length = queue.length.saturating_sub(1);
                self.txn.update_queue(reader, &Queue { length, ..queue })?;
            }
            self.home.connections.acked(reader, *seq);
        }
        Ok(expired.len())
    }

    fn expire_blobs(&mut self, hour: Hour) -> Result<usize, StoreError> {
        let expired = self.txn.blobs_before(hour, BLOBS)?;
        for id in &expired {
            if let Some(blob) = self.txn.blob(id)? {
                self.drop_blob(id, &blob)?;
            }
        }
        Ok(expired.len())
    }
}

fn earlier(hour: Hour, by: u32) -> Hour {
    Hour(hour.0.saturating_sub(by))
}
