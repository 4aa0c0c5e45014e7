//! Queues, as their reader sees them.

use kith_crypto::random;
use kith_wire::frame::Frame;
use kith_wire::id::{LookupKey, ReaderId, SenderId, Verifier};
use kith_wire::limits::{MAX_ACKS, MAX_FETCH};
use kith_wire::operation::{Answer, EntryId, QueueEntry, Refusal};

use crate::batch::Batch;
use crate::caller::{Caller, ReaderProof};
use crate::operations::Stop;
use crate::store::{Entry, Overflow, Queue, StoreError, Txn};

/// The number of a queue's first entry, so that "after 0" means all.
pub(crate) const FIRST_SEQ: u64 = 1;

impl<T: Txn> Batch<'_, T> {
    /// Creates a queue, or answers with the one that this lookup key already has (KH-13).
    ///
    /// A one-shot request proves both keys. On a live connection the account is enough: nobody can read the queue
    /// without the lookup key anyway.
    pub(crate) fn queue_create(
        &mut self,
        caller: &Caller,
        lookup: LookupKey,
        verifier: Verifier,
    ) -> Result<Answer, Stop> {
        let (key, mut account) = self.account_of(caller)?;
        match caller.reader {
            Some(ReaderProof::Connection(_)) => {}
            Some(ReaderProof::Key(proven)) if proven == lookup => {}
            _ => return Err(Stop::Refuse(Refusal::NotAuthorised)),
        }
        if let Some((reader_id, queue)) = self.txn.queue_by_lookup(&lookup)? {
            if queue.account != key || queue.verifier != verifier {
                return Err(Stop::Refuse(Refusal::Invalid));
            }
            return Ok(Answer::Queue { reader_id, sender_id: queue.sender });
        }
        self.needs_room()?;
        if account.n_queues >= self.home.config.quotas.queues {
            return Err(Stop::Refuse(Refusal::QuotaExceeded));
        }
        let reader_id = ReaderId(random::bytes(self.rng));
        let sender = SenderId(random::bytes(self.rng));
        let queue = Queue {
            sender,
            account: key,
            lookup,
            verifier,
            next_seq: FIRST_SEQ,
            length: 0,
            overflow: Overflow::Complete,
        };
        self.txn.insert_queue(&reader_id, &queue)?;
        account.n_queues = account.n_queues.saturating_add(1);
        self.txn.put_account(&key, &account)?;
        Ok(Answer::Queue { reader_id, sender_id: sender })
    }

    /// Deletes a queue. One that is absent, or somebody else's, is "deleted" too and nothing happens (KH-10).
    pub(crate) fn queue_delete(&mut self, caller: &Caller, reader: &ReaderId) -> Result<Answer, Stop> {
        if let Some(queue) = self.readable(caller, reader)? {
            self.txn.remove_queue(reader)?;
            self.change_account(&queue.account, |account| account.n_queues = account.n_queues.saturating_sub(1))?;
            self.home.connections.forget_queue(reader);
        }
        Ok(Answer::Accepted)
    }

    /// Replaces the send capability. From this commit on the old one is as good as none (KH-14).
    pub(crate) fn queue_rotate(
        &mut self,
        caller: &Caller,
        reader: &ReaderId,
        verifier: Verifier,
    ) -> Result<Answer, Stop> {
        let queue = self.readable(caller, reader)?.ok_or(Stop::Refuse(Refusal::NotFound))?;
        self.txn.update_queue(reader, &Queue { verifier, ..queue })?;
        Ok(Answer::Accepted)
    }

    /// Reads frames without removing them (KH-15).
    pub(crate) fn fetch(
        &mut self,
        caller: &Caller,
        reader: &ReaderId,
        after: EntryId,
        limit: u16,
    ) -> Result<Answer, Stop> {
        let queue = self.readable(caller, reader)?.ok_or(Stop::Refuse(Refusal::NotFound))?;
        let limit = usize::from(limit.min(MAX_FETCH));
        // One more than asked tells whether there are more.
        let mut rows = self.txn.entries(reader, after.0.saturating_add(1), limit.saturating_add(1))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let entries = rows.into_iter().map(queue_entry).collect::<Result<_, _>>()?;
        Ok(Answer::Frames { entries, overflowed: queue.overflow == Overflow::Dropped, more })
    }

    /// Removes entries. Unknown numbers succeed; the reader has now heard of an overflow (KH-16, KH-17).
    pub(crate) fn ack(&mut self, caller: &Caller, reader: &ReaderId, entries: &[EntryId]) -> Result<Answer, Stop> {
        if entries.len() > MAX_ACKS {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        let queue = self.readable(caller, reader)?.ok_or(Stop::Refuse(Refusal::NotFound))?;
        let mut changed = Queue { overflow: Overflow::Complete, ..queue.clone() };
        for entry in entries {
            if self.txn.remove_entry(reader, entry.0)? {
                changed.length = changed.length.saturating_sub(1);
            }
            self.home.connections.acked(reader, entry.0);
        }
        if changed != queue {
            self.txn.update_queue(reader, &changed)?;
        }
        Ok(Answer::Accepted)
    }
}

fn queue_entry((seq, entry): (u64, Entry)) -> Result<QueueEntry, StoreError> {
    Ok(QueueEntry { entry: EntryId(seq), frame: frame(&entry)? })
}

/// Takes the frame out of a stored entry.
pub(crate) fn frame(entry: &Entry) -> Result<Frame, StoreError> {
    Frame::from_slice(&entry.frame).ok_or(StoreError::Damaged { table: "entries" })
}
