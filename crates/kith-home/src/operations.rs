//! From an operation to the rule that answers it.

use kith_wire::operation::{Answer, Operation, Refusal, Request};

use crate::batch::{Batch, Origin};
use crate::caller::{Caller, ReaderProof};
use crate::config::Room;
use crate::io::ConnectionId;
use crate::relay::Errand;
use crate::store::{StoreError, Txn};

/// How a request came.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// In a sealed request of this many bytes.
    OneShot { size: usize, origin: Origin },
    /// Over a live connection.
    Live(ConnectionId),
}

/// What becomes of an operation.
pub(crate) enum Outcome {
    Now(Answer),
    /// Another server must be asked; its answer becomes the answer.
    Ask(Errand),
}

impl Outcome {
    pub(crate) const fn refused(reason: Refusal) -> Self {
        Self::Now(Answer::Refused { reason })
    }
}

/// Why an operation ends early. Nothing was written before, except nonces.
pub(crate) enum Stop {
    Refuse(Refusal),
    Answer(Answer),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(problem: StoreError) -> Self {
        Self::Store(problem)
    }
}

/// Seconds after which to ask again for what a scarce disk has no room for: an operator has to do something.
const SCARCE_SECONDS: u16 = 600;

impl<T: Txn> Batch<'_, T> {
    /// Refuses to add anything while the disk has hardly any room left (KH-40).
    pub(crate) fn needs_room(&self) -> Result<(), Stop> {
        match self.home.room {
            Room::Ample => Ok(()),
            Room::Scarce => Err(Stop::Answer(Answer::Busy { seconds: SCARCE_SECONDS })),
        }
    }

    /// Answers a request.
    pub(crate) fn operate(&mut self, request: Request, way: Way) -> Result<Outcome, StoreError> {
        match self.try_operate(request, way) {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Refuse(reason)) => Ok(Outcome::refused(reason)),
            Err(Stop::Answer(answer)) => Ok(Outcome::Now(answer)),
            Err(Stop::Store(problem)) => Err(problem),
        }
    }

    fn try_operate(&mut self, request: Request, way: Way) -> Result<Outcome, Stop> {
        // What strangers ask is answered without looking at signatures: they could only tell who is asking.
        let for_strangers = match &request.operation {
            Operation::Deposit(deposit) => Some(self.deposit(deposit, way)?),
            Operation::BlobGet { blob, index, capability } => Some(self.blob_get(blob, *index, capability)?),
            Operation::BlobDelete { blob, capability } => Some(self.blob_delete(blob, capability)?),
            Operation::AccountClose { account, signature } => Some(self.account_close(account, signature)?),
            Operation::Clock => Some(Answer::Clock { time: self.now.seconds() }),
            _ => None,
        };
        if let Some(answer) = for_strangers {
            return Ok(Outcome::Now(answer));
        }
        let caller = match way {
            Way::OneShot { .. } => self.check_signatures(&request)?,
            Way::Live(id) => {
                Caller { account: self.home.connections.account(id), reader: Some(ReaderProof::Connection(id)) }
            }
        };
        self.for_known(request.operation, &caller, way)
    }

    fn for_known(&mut self, operation: Operation, caller: &Caller, way: Way) -> Result<Outcome, Stop> {
        let answer = match operation {
            Operation::Fetch { reader_id, after, limit } => self.fetch(caller, &reader_id, after, limit)?,
            Operation::Ack { reader_id, entries } => self.ack(caller, &reader_id, &entries)?,
            Operation::AccountOpen { invite } => {
                let answer = self.account_open(caller, invite.as_ref())?;
                if let (Way::Live(id), Some(account)) = (way, caller.account) {
                    self.counts_for(id, account);
                }
                answer
            }
            Operation::QueueCreate { lookup_key, verifier } => self.queue_create(caller, lookup_key, verifier)?,
            Operation::QueueDelete { reader_id } => self.queue_delete(caller, &reader_id)?,
            Operation::QueueRotate { reader_id, verifier } => self.queue_rotate(caller, &reader_id, verifier)?,
            Operation::Relay { to, sealed } => return self.relay(caller, to, sealed, way),
            Operation::RelayDurable { to, relay_id, sealed } => {
                self.relay_durable(caller, to, relay_id, sealed, way)?
            }
            Operation::ReturnAck { relay_id } => self.return_ack(caller, relay_id)?,
            Operation::DescriptorOf { url } => return self.descriptor_of(caller, url, way),
            Operation::BlobCreate { blob, chunks, bytes, read, delete } => {
                self.blob_create(caller, &blob, chunks, bytes, read, delete)?
            }
            Operation::BlobPut { blob, index, chunk } => self.blob_put(caller, &blob, index, &chunk)?,
            Operation::BlobStatus { blob } => self.blob_status(caller, &blob)?,
            Operation::BlobKeep { blobs } => self.blob_keep(caller, &blobs)?,
            Operation::LiveAccount { account, signature } => self.live_account(way, account, &signature)?,
            Operation::LiveRead { readers, window } => self.live_read(way, &readers, window)?,
            // Answered above, or newer than this code.
            _ => return Err(Stop::Refuse(Refusal::Invalid)),
        };
        Ok(Outcome::Now(answer))
    }
}
