//! Deposits: a stranger writes a frame into a queue, and learns nothing but "accepted".

use kith_crypto::capability::is_proven;
use kith_wire::id::Verifier;
use kith_wire::limits::{MAX_DEPOSIT_HOURS, SEALED_BYTES};
use kith_wire::operation::{Answer, Deposit, Refusal};

use crate::batch::Batch;
use crate::config::Room;
use crate::operations::{Stop, Way};
use crate::sabotage::{self, Bug};
use crate::store::{Entry, Overflow, Queue, StoreError, Txn};

impl<T: Txn> Batch<'_, T> {
    /// Answers a deposit.
    ///
    /// Refused is only what the asker can see without us: a deposit that did not come in a one-shot request of exactly
    /// 5,376 bytes (KH-18), or whose last hour is over or too far away (KH-19). Everything else is accepted in the same
    /// bytes after the same commit (KH-20).
    pub(crate) fn deposit(&mut self, deposit: &Deposit, way: Way) -> Result<Answer, Stop> {
        let fixed_size = matches!(way, Way::OneShot { size: SEALED_BYTES, .. });
        let hour = self.now.hour();
        let latest = hour.0.saturating_add(MAX_DEPOSIT_HOURS);
        if !fixed_size || deposit.expires < hour || deposit.expires.0 > latest {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        // A batch that changes nothing would not wait for the disk, and its speed would tell that nothing was stored.
        self.txn.touch()?;
        self.take_in(deposit)?;
        Ok(Answer::Accepted)
    }

    /// Stores a deposit, if it is one.
    fn take_in(&mut self, deposit: &Deposit) -> Result<(), StoreError> {
        let server = self.home.identity.key();
        let Some((reader, mut queue)) = self.txn.queue_by_sender(&deposit.sender_id)? else {
            // The costly part of what a queue that exists would need, so that time tells little (KH-20).
            std::hint::black_box(is_proven(deposit, &Verifier([0; 32]), &server));
            return Ok(());
        };
        if !is_proven(deposit, &queue.verifier, &server) {
            return Ok(());
        }
        if self.is_closed(&queue.account)? {
            // KH-43: as to a queue that is unknown.
            return self.wear_away(&reader, &queue);
        }
        // KH-21: remembered until it expires, also after the ack.
        let dedup = if sabotage::is_on(Bug::DepositsComeTwice) { sabotage::fresh(self.rng) } else { deposit.dedup };
        if self.txn.dedup_seen(&deposit.sender_id, &dedup)? {
            return Ok(());
        }
        if queue.length >= self.home.config.quotas.queue_frames || self.home.room == Room::Scarce {
            // KH-17, KH-40: the newest is dropped, and not remembered: the same deposit may fit later.
            if queue.overflow == Overflow::Complete {
                self.txn.update_queue(&reader, &Queue { overflow: Overflow::Dropped, ..queue })?;
                self.home.connections.overflowed(&reader);
            }
            return Ok(());
        }
        // Whoever adds rows pays for the removal of old ones, so that no pace of deposits outruns the housekeeping.
        self.txn.purge_dedup(self.now.hour(), 2)?;
        self.txn.insert_dedup(&deposit.sender_id, &dedup, deposit.expires)?;
        let entry = Entry { arrived: self.now.hour(), frame: deposit.frame.as_bytes().to_vec() };
        let seq = self.home.numbers.next(queue.next_seq);
        self.txn.insert_entry(&reader, seq, &entry)?;
        queue.next_seq = seq.saturating_add(1);
        queue.length = queue.length.saturating_add(1);
        self.txn.update_queue(&reader, &queue)?;
        self.home.connections.arrived(&reader);
        Ok(())
    }
}
