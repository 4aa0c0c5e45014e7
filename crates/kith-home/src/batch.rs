//! One batch of inputs in one transaction, and the gate in front of its outputs.

use kith_crypto::sealed::AnswerSealer;
use kith_wire::Timestamp;
use kith_wire::sealed::OneShotReply;
use rand_core::CryptoRng;

use crate::home::Home;
use crate::io::{Held, Input, Output, Ticket};
use crate::opener::{OpenedRequest, SealableAnswer};
use crate::operations::{Outcome, Way};
use crate::relay::{Errand, Waiter};
use crate::sabotage::{self, Bug};
use crate::store::{StoreError, Txn};

/// A transaction in which inputs are handled.
///
/// Whatever the rules answer is held back until it is durable: [`commit`](Self::commit) gives it out, and after [`stage`](Self::stage) it is
/// [`Home::durable`]. Only frames may leave for their readers before, with [`pushes`](Self::pushes) (KH-4). A batch that is dropped instead has done nothing,
/// except that live connections will be ended: what they were told is not sure.
///
/// Records of a live connection are sealed, and so numbered, when they are given out: whatever is given out has to leave in that order.
pub struct Batch<'a, T: Txn> {
    pub(crate) home: &'a mut Home,
    pub(crate) txn: T,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut (dyn CryptoRng + Send),
    pub(crate) out: Vec<Held>,
    pub(crate) may_push: MayPush,
}

/// When frames may leave for their readers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MayPush {
    /// Before the commit.
    AtOnce,
    /// After it: the numbers of this batch are new with it, and could be given again if it were lost.
    AfterCommit,
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
    /// It was no request.
    Replied(OneShotReply),
    Answered(SealableAnswer),
    /// Another server must be asked first.
    Waits(AnswerSealer, Errand),
}

/// Where the answer to a one-shot request is sealed.
#[derive(Clone, Copy)]
pub(crate) enum Sealing {
    /// Here, as the request was opened here.
    Inside,
    /// By the program, as it opened the request.
    Outside,
}

impl<'a, T: Txn> Batch<'a, T> {
    /// Handles one input. Hostile bytes are answered, never an error.
    ///
    /// # Errors
    /// [`StoreError`] when storage fails; the batch is gone then and nothing of it happened.
    pub fn handle(mut self, input: Input) -> Result<Self, StoreError> {
        match input {
            Input::OneShot { ticket, sealed } => self.one_shot_from_outside(ticket, &sealed)?,
            Input::Opened { ticket, opened } => self.opened_outside(ticket, opened)?,
            Input::Live { connection, message } => self.live_message(connection, &message)?,
            Input::Closed { connection } => self.home.connections.end(connection),
            Input::Exchanged { exchange, outcome } => self.exchanged(exchange, outcome)?,
            Input::Tick => self.tick()?,
        }
        Ok(self)
    }

    /// Gives out the frames that may be pushed before the commit: a push promises nothing, and whoever reads has the frame
    /// while the disk is still busy. It overtakes answers that wait for the commit. May be asked again after further inputs.
    ///
    /// # Errors
    /// [`StoreError`] when storage fails; the batch is to be dropped then.
    pub fn pushes(&mut self) -> Result<Vec<Output>, StoreError> {
        if self.may_push == MayPush::AfterCommit || !self.home.staged.is_sure_of_numbers() {
            return Ok(Vec::new());
        }
        let n_held = self.out.len();
        self.push_frames()?;
        let pushed = self.out.split_off(n_held);
        Ok(self.home.let_out(pushed))
    }

    /// Makes everything durable and gives out what was held, of this batch and of any that was staged before.
    ///
    /// # Errors
    /// [`StoreError`] when the commit fails: nothing of the batch happened, and nothing is given out.
    pub fn commit(self) -> Result<Vec<Output>, StoreError> {
        Ok(self.end()?.durable())
    }

    /// Commits in a store whose commits are seen at once and durable later, so that the next batch need not wait for the disk. What
    /// was held leaves when the program knows that it is durable: then it asks [`Home::durable`] for it, or else tells [`Home::lost`].
    /// Until then nothing of it is certain, nor is what later batches make of it (KH-4).
    ///
    /// # Errors
    /// [`StoreError`] when the commit fails: nothing of the batch happened, and nothing of it is given out.
    pub fn stage(self) -> Result<(), StoreError> {
        self.end().map(|_| ())
    }

    /// Notes, in the middle of a batch, that all that was staged before it is durable, and gives that out.
    #[must_use]
    pub fn durable(&mut self) -> Vec<Output> {
        self.home.durable()
    }

    fn end(mut self) -> Result<&'a mut Home, StoreError> {
        self.send_outgoing()?;
        self.push_all()?;
        sabotage::fail(self.rng)?;
        self.txn.commit().or_else(|problem| sabotage::forgive(problem, Bug::AnswersBeforeCommit))?;
        self.home.stage(self.out, self.may_push);
        Ok(self.home)
    }

    fn one_shot_from_outside(&mut self, ticket: Ticket, sealed: &[u8]) -> Result<(), StoreError> {
        match self.one_shot(sealed, Origin::Outside)? {
            Handled::Replied(reply) => self.hold(Output::Reply { ticket, bytes: reply.to_bytes() }),
            Handled::Answered(answer) => self.answer(ticket, Sealing::Inside, answer),
            Handled::Waits(sealer, errand) => self.wait(ticket, Sealing::Inside, sealer, errand),
        }
        Ok(())
    }

    fn opened_outside(&mut self, ticket: Ticket, opened: OpenedRequest) -> Result<(), StoreError> {
        match self.opened(opened, Origin::Outside)? {
            Handled::Replied(reply) => self.hold(Output::Reply { ticket, bytes: reply.to_bytes() }),
            Handled::Answered(answer) => self.answer(ticket, Sealing::Outside, answer),
            Handled::Waits(sealer, errand) => self.wait(ticket, Sealing::Outside, sealer, errand),
        }
        Ok(())
    }

    /// Answers a one-shot request.
    pub(crate) fn answer(&mut self, ticket: Ticket, sealing: Sealing, answer: SealableAnswer) {
        let output = match sealing {
            Sealing::Inside => Output::Reply { ticket, bytes: answer.seal(self.rng).to_bytes() },
            Sealing::Outside => Output::Answer { ticket, answer },
        };
        self.hold(output);
    }

    /// Holds something back until it is durable.
    pub(crate) fn hold(&mut self, output: Output) {
        self.out.push(Held::Output(output));
    }

    fn wait(&mut self, ticket: Ticket, sealing: Sealing, sealer: AnswerSealer, errand: Errand) {
        self.start(errand, |wants| Waiter::OneShot { ticket, sealing, sealer, wants });
    }

    /// Opens and handles a one-shot request.
    pub(crate) fn one_shot(&mut self, bytes: &[u8], origin: Origin) -> Result<Handled, StoreError> {
        match self.home.identity.opener().open(bytes) {
            // It leaves with the batch, so the newest descriptor is durable then.
            Err(unopened) => Ok(Handled::Replied(unopened.reply(self.home.identity.descriptor()))),
            Ok(opened) => self.opened(opened, origin),
        }
    }

    fn opened(&mut self, opened: OpenedRequest, origin: Origin) -> Result<Handled, StoreError> {
        let OpenedRequest { size, request, sealer } = opened;
        let outcome = match request {
            Ok(request) => self.operate(request, Way::OneShot { size, origin })?,
            Err(refusal) => Outcome::refused(refusal),
        };
        Ok(match outcome {
            Outcome::Now(answer) => Handled::Answered(SealableAnswer { sealer, answer }),
            Outcome::Ask(errand) => Handled::Waits(sealer, errand),
        })
    }
}
