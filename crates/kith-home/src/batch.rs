//! One batch of inputs in one transaction, and the gate in front of its outputs.

use kith_crypto::sealed::{self, AnswerSealer};
use kith_wire::operation::{Answer, Refusal, Request};
use kith_wire::sealed::{OneShotReply, SealKind, SealedParts};
use kith_wire::{Timestamp, Wire};
use rand_core::CryptoRng;

use crate::home::Home;
use crate::io::{Input, Output, Ticket};
use crate::operations::{Outcome, Way};
use crate::relay::Waiter;
use crate::store::{StoreError, Txn};

/// A transaction in which inputs are handled.
///
/// Whatever the rules answer is held inside; [`commit`](Self::commit) consumes the batch and gives the answers out, and
/// nothing else does (KH-4). A batch that is dropped instead has done nothing, except that live connections will be ended:
/// what they were told is not sure.
pub struct Batch<'a, T: Txn> {
    pub(crate) home: &'a mut Home,
    pub(crate) txn: T,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) out: Vec<Output>,
}

/// Whether a one-shot request came from outside or inside another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a carrier.
    Outside,
    /// From a relay to this very server. Such a request must not ask for another relay.
    OwnRelay,
}

/// What became of a one-shot request.
pub(crate) enum Handled {
    Replied(OneShotReply),
    /// Another server must be asked first.
    Waits(AnswerSealer, crate::relay::Errand),
}

impl<T: Txn> Batch<'_, T> {
    /// Handles one input. Hostile bytes are answered, never an error.
    ///
    /// # Errors
    /// [`StoreError`] when storage fails; the batch is gone then and nothing of it happened.
    pub fn handle(mut self, input: Input) -> Result<Self, StoreError> {
        match input {
            Input::OneShot { ticket, sealed } => self.one_shot_from_outside(ticket, &sealed)?,
            Input::Live { connection, message } => self.live_message(connection, &message)?,
            Input::Closed { connection } => self.home.connections.end(connection),
            Input::Exchanged { exchange, outcome } => self.exchanged(exchange, outcome)?,
            Input::Tick => self.tick()?,
        }
        Ok(self)
    }

    /// Makes everything durable and gives out what was held.
    ///
    /// # Errors
    /// [`StoreError`] when the commit fails: nothing of the batch happened, and nothing is given out.
    pub fn commit(mut self) -> Result<Vec<Output>, StoreError> {
        self.send_outgoing()?;
        self.push_all()?;
        self.txn.commit()?;
        self.home.committed();
        Ok(self.out)
    }

    fn one_shot_from_outside(&mut self, ticket: Ticket, sealed: &[u8]) -> Result<(), StoreError> {
        match self.one_shot(sealed, Origin::Outside)? {
            Handled::Replied(reply) => self.out.push(Output::Reply { ticket, bytes: reply.to_bytes() }),
            Handled::Waits(sealer, errand) => self.start(errand, |wants| Waiter::OneShot { ticket, sealer, wants }),
        }
        Ok(())
    }

    /// Opens and answers a one-shot request.
    pub(crate) fn one_shot(&mut self, bytes: &[u8], origin: Origin) -> Result<Handled, StoreError> {
        let Ok(parts) = SealedParts::split(bytes) else { return Ok(Handled::Replied(OneShotReply::Refused)) };
        let Some(secret) = self.home.identity.epoch(parts.header.epoch) else {
            // KH-5: before anything is opened.
            return Ok(Handled::Replied(OneShotReply::Descriptor(self.home.identity.descriptor.clone())));
        };
        let Ok(opened) = sealed::open(&self.home.identity.key, secret, SealKind::OneShot, &parts) else {
            return Ok(Handled::Replied(OneShotReply::Refused));
        };
        let outcome = match Request::from_bytes(&opened.content) {
            Ok(request) => self.operate(request, Way::OneShot { size: bytes.len(), origin })?,
            Err(_) => Outcome::refused(Refusal::Invalid),
        };
        Ok(match outcome {
            Outcome::Now(answer) => Handled::Replied(self.seal_answer(opened.answer, &answer)),
            Outcome::Ask(errand) => Handled::Waits(opened.answer, errand),
        })
    }

    /// Seals an answer; one that is too long for a sealed answer becomes a refusal.
    pub(crate) fn seal_answer(&mut self, sealer: AnswerSealer, answer: &Answer) -> OneShotReply {
        let bytes = sealer.seal(&answer.to_bytes(), self.rng);
        if bytes.is_empty() { OneShotReply::Refused } else { OneShotReply::Sealed(bytes) }
    }
}
