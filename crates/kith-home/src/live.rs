//! Live connections: opening, records, proofs, and pushes within a window.

mod connections;

pub(crate) use connections::Connections;

use kith_crypto::live::accept_opening;
use kith_crypto::request::{verify_live_account, verify_live_reader};
use kith_wire::Wire;
use kith_wire::id::{AccountKey, ReaderId, Signature};
use kith_wire::limits::MAX_READS;
use kith_wire::live::{LiveEvent, LiveRequest, RequestNumber};
use kith_wire::operation::{Answer, EntryId, LiveReader, Refusal, Request};
use kith_wire::sealed::{OneShotReply, SealedParts};

use crate::batch::Batch;
use crate::io::{ConnectionId, Held, Output};
use crate::operations::{Outcome, Stop, Way};
use crate::queues::frame;
use crate::relay::Waiter;
use crate::store::{Overflow, StoreError, Txn};

/// Frames of one queue that are pushed before the next queue gets its turn (KH-28).
const PUSH_RUN: usize = 8;

impl<T: Txn> Batch<'_, T> {
    /// Takes a message of a live connection: the opening first, records after it.
    pub(crate) fn live_message(&mut self, id: ConnectionId, message: &[u8]) -> Result<(), StoreError> {
        if !self.home.connections.is_open(id) {
            self.live_opening(id, message);
            return Ok(());
        }
        let opened = self.home.connections.open_record(id, message);
        let Some(request) = opened.and_then(|content| LiveRequest::from_bytes(&content).ok()) else {
            // KH-26: a record that is not the next one, does not open or is no request ends the connection.
            self.close(id);
            return Ok(());
        };
        let number = request.number;
        let request = Request { operation: request.operation, signatures: Vec::new() };
        match self.operate(request, Way::Live(id))? {
            Outcome::Now(answer) => self.tell_answer(id, number, answer),
            Outcome::Ask(errand) => {
                self.start(errand, |wants| Waiter::Live { connection: id, number, wants });
            }
        }
        Ok(())
    }

    /// Answers an opening (KH-26).
    fn live_opening(&mut self, id: ConnectionId, message: &[u8]) {
        let reply = match SealedParts::split(message) {
            Err(_) => OneShotReply::Refused,
            Ok(parts) => match self.home.identity.epoch(parts.header.epoch) {
                None => OneShotReply::Descriptor(self.home.identity.descriptor().to_vec()),
                Some(secret) => match accept_opening(&self.home.identity.key(), secret, message, self.rng) {
                    Err(_) => OneShotReply::Refused,
                    Ok((sealed, channel)) => {
                        self.home.connections.begin(id, channel);
                        OneShotReply::Sealed(sealed)
                    }
                },
            },
        };
        self.hold(Output::Live { connection: id, message: reply.to_bytes() });
        if !self.home.connections.is_open(id) {
            self.close(id);
        }
    }

    /// Says an answer over a live connection, if it is still there.
    pub(crate) fn tell_answer(&mut self, id: ConnectionId, number: RequestNumber, answer: Answer) {
        let mut content = LiveEvent::Answer { number, answer }.to_bytes();
        // What another server replied may be too long to be passed on.
        if content.len() > LARGEST_EVENT {
            content = LiveEvent::Answer { number, answer: Answer::Refused { reason: Refusal::Invalid } }.to_bytes();
        }
        self.out.push(Held::Record { connection: id, content });
    }

    /// Says an event over a live connection, if it is still there.
    pub(crate) fn tell(&mut self, id: ConnectionId, event: &LiveEvent) {
        self.out.push(Held::Record { connection: id, content: event.to_bytes() });
    }

    pub(crate) fn close(&mut self, id: ConnectionId) {
        self.home.connections.close(id);
        self.hold(Output::Close { connection: id });
    }

    /// Proves the account of a connection, once (KH-27); then tells what came back for it.
    pub(crate) fn live_account(
        &mut self,
        way: Way,
        account: AccountKey,
        signature: &Signature,
    ) -> Result<Answer, Stop> {
        let refused = Stop::Refuse(Refusal::NotAuthorised);
        let Way::Live(id) = way else { return Err(refused) };
        let Some(binding) = self.home.connections.binding(id) else { return Err(refused) };
        let other = self.home.connections.account(id).is_some_and(|proven| proven != account);
        if other || !verify_live_account(&account, signature, binding) {
            return Err(refused);
        }
        // KH-43: only whoever has the account's key hears that it is closed, with what shows that it was not the server's doing.
        if let Some(signature) = self.txn.account(&account)?.and_then(|account| account.closed) {
            return Ok(Answer::Closed { signature });
        }
        self.home.connections.set_account(id, account);
        if self.txn.account(&account)?.is_some() {
            self.counts_for(id, account);
        }
        Ok(Answer::Accepted)
    }

    /// Counts a connection for an account, whose oldest one makes room when there are too many (KH-42): a device that comes again knows
    /// better than the server which of its connections are dead.
    pub(crate) fn counts_for(&mut self, id: ConnectionId, account: AccountKey) {
        let most = self.home.config.quotas.connections;
        if let Some(oldest) = self.home.connections.set_known(id, account, most) {
            self.close(oldest);
        }
    }

    /// Proves readers and starts pushing (KH-27). The good ones start even when others are absent or not proven, which is
    /// answered as not found.
    pub(crate) fn live_read(&mut self, way: Way, readers: &[LiveReader], window: u16) -> Result<Answer, Stop> {
        let Way::Live(id) = way else { return Err(Stop::Refuse(Refusal::NotAuthorised)) };
        if readers.len() > MAX_READS {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        self.home.connections.set_window(id, window);
        let mut all = Ok(Answer::Accepted);
        for reader in readers {
            let queue = match self.txn.queue(&reader.reader_id)? {
                Some(queue) if !self.is_closed(&queue.account)? => Some(queue),
                _ => None,
            };
            let binding = self.home.connections.binding(id);
            let proven =
                queue.filter(|queue| binding.is_some_and(|binding| verify_live_reader(&queue.lookup, reader, binding)));
            match proven {
                Some(queue) => {
                    self.home.connections.read(id, reader.reader_id);
                    self.counts_for(id, queue.account);
                    if queue.overflow == Overflow::Dropped {
                        self.home.connections.overflowed(&reader.reader_id);
                    }
                }
                None => all = Err(Stop::Refuse(Refusal::NotFound)),
            }
        }
        all
    }

    /// Pushes whatever has come up, at the end of a batch.
    pub(crate) fn push_all(&mut self) -> Result<(), StoreError> {
        for id in self.home.connections.take_accounts_to_tell() {
            self.tell_returned(id)?;
        }
        for (id, reader_id) in self.home.connections.take_overflows() {
            self.tell(id, &LiveEvent::Overflow { reader_id });
        }
        self.push_frames()
    }

    /// Pushes frames on those connections that are ready.
    pub(crate) fn push_frames(&mut self) -> Result<(), StoreError> {
        for id in self.home.connections.take_ready() {
            while let Some((reader, from, room)) = self.home.connections.next_push(id) {
                self.push_run(id, reader, from, room.min(PUSH_RUN))?;
            }
        }
        Ok(())
    }

    /// Pushes some frames of one queue.
    fn push_run(&mut self, id: ConnectionId, reader: ReaderId, from: u64, most: usize) -> Result<(), StoreError> {
        // KH-43: a connection that had proven another account first goes on, and reads what waits for the closed one no more.
        let closed = match self.txn.queue(&reader)? {
            Some(queue) => self.is_closed(&queue.account)?,
            None => false,
        };
        let rows = if closed { Vec::new() } else { self.txn.entries(&reader, from, most)? };
        let exhausted = rows.len() < most;
        for (seq, entry) in rows {
            self.home.connections.pushed(id, reader, seq);
            let push = LiveEvent::Push { reader_id: reader, entry: EntryId(seq), frame: frame(&entry)? };
            self.tell(id, &push);
        }
        self.home.connections.ran(id, reader, exhausted);
        Ok(())
    }
}

/// Bytes of the longest event: what fits into a record after Padmé.
const LARGEST_EVENT: usize = 90_000;
