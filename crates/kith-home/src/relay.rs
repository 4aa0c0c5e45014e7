//! Relaying: a client reaches other servers through its own.

use std::collections::BTreeMap;

use kith_crypto::sealed::AnswerSealer;
use kith_wire::Wire;
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::descriptor::Descriptor;
use kith_wire::id::AccountKey;
use kith_wire::live::RequestNumber;
use kith_wire::operation::{Answer, Refusal};
use kith_wire::sealed::{OneShotReply, SealedParts};
use kith_wire::signed::Signed;

use crate::batch::{Batch, Handled, Origin, Sealing};
use crate::caller::Caller;
use crate::config::Quotas;
use crate::io::{Ask, ConnectionId, ExchangeId, ExchangeOutcome, Output, Ticket};
use crate::opener::SealableAnswer;
use crate::operations::{Outcome, Stop, Way};
use crate::store::{OutgoingKey, StoreError, Txn};

/// Seconds after which a client may try again when there are too many.
const BUSY_SECONDS: u16 = 2;

/// What the rules want from another server, for somebody who waits.
pub(crate) struct Errand {
    account: AccountKey,
    url: ServerUrl,
    ask: Ask,
}

/// What the one who waits wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wants {
    account: AccountKey,
    url: ServerUrl,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Reply,
    Descriptor,
}

/// Who waits for an exchange.
pub(crate) enum Waiter {
    OneShot { ticket: Ticket, sealing: Sealing, sealer: AnswerSealer, wants: Wants },
    Live { connection: ConnectionId, number: RequestNumber, wants: Wants },
    Outgoing { key: OutgoingKey, to: ServerAddress },
}

/// The exchanges under way. Memory only: whoever waited asks again, what must arrive is in the store.
#[derive(Default)]
pub(crate) struct Exchanges {
    next: u64,
    waiting: BTreeMap<ExchangeId, Waiter>,
}

impl Exchanges {
    /// Forgets who waits. Numbers go on, so that late outcomes meet nobody.
    pub(crate) fn forgotten(self) -> Self {
        Self { next: self.next, waiting: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, waiter: Waiter) -> ExchangeId {
        let id = ExchangeId(self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(id, waiter);
        id
    }

    /// Returns whether one more exchange may start for a client (KH-31).
    fn has_room_for(&self, errand: &Errand, quotas: &Quotas) -> bool {
        let (mut all, mut with_server, mut of_account) = (0, 0, 0);
        for waiter in self.waiting.values() {
            if let Waiter::OneShot { wants, .. } | Waiter::Live { wants, .. } = waiter {
                all += 1;
                with_server += usize::from(wants.url == errand.url);
                of_account += usize::from(wants.account == errand.account);
            }
        }
        all < quotas.exchanges_of_all && with_server < quotas.exchanges_with_a_server && of_account < quotas.exchanges
    }
}

impl<T: Txn> Batch<'_, T> {
    /// Passes a sealed request on and its reply back (KH-30, KH-31).
    pub(crate) fn relay(
        &mut self,
        caller: &Caller,
        to: ServerAddress,
        sealed: Vec<u8>,
        way: Way,
    ) -> Result<Outcome, Stop> {
        refuse_chain(way)?;
        let (account, _) = self.account_of(caller)?;
        if SealedParts::split(&sealed).is_err() {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        if to.key == self.home.identity.key() {
            let reply = self.relay_to_self(&sealed)?;
            return Ok(Outcome::Now(Answer::Relayed { reply: reply.to_bytes() }));
        }
        self.errand(Errand { account, url: to.url, ask: Ask::OneShot(sealed) })
    }

    /// Fetches another server's descriptor (KH-31).
    pub(crate) fn descriptor_of(&mut self, caller: &Caller, url: ServerUrl, way: Way) -> Result<Outcome, Stop> {
        refuse_chain(way)?;
        let (account, _) = self.account_of(caller)?;
        if self.home.config.urls.contains(&url) {
            let descriptor = self.home.identity.descriptor().to_vec();
            return Ok(Outcome::Now(Answer::Descriptor { descriptor }));
        }
        self.errand(Errand { account, url, ask: Ask::Descriptor })
    }

    fn errand(&self, errand: Errand) -> Result<Outcome, Stop> {
        if !self.home.exchanges.has_room_for(&errand, &self.home.config.quotas) {
            return Err(Stop::Answer(Answer::Busy { seconds: BUSY_SECONDS }));
        }
        Ok(Outcome::Ask(errand))
    }

    /// Answers a request that a client relays to the server it is already talking to: no network is needed.
    pub(crate) fn relay_to_self(&mut self, sealed: &[u8]) -> Result<OneShotReply, Stop> {
        match self.one_shot(sealed, Origin::OwnRelay)? {
            Handled::Replied(reply) => Ok(reply),
            Handled::Answered(answer) => Ok(answer.seal(self.rng)),
            Handled::Waits(..) => Ok(OneShotReply::Refused),
        }
    }

    /// Starts an exchange for somebody who waits.
    pub(crate) fn start(&mut self, errand: Errand, waiter: impl FnOnce(Wants) -> Waiter) {
        let what = match errand.ask {
            Ask::Descriptor => What::Descriptor,
            Ask::OneShot(_) => What::Reply,
        };
        let wants = Wants { account: errand.account, url: errand.url.clone(), what };
        let exchange = self.home.exchanges.add(waiter(wants));
        self.hold(Output::Exchange { exchange, url: errand.url, ask: errand.ask });
    }

    /// Hears how an exchange ended. One that nobody waits for is nothing.
    pub(crate) fn exchanged(&mut self, id: ExchangeId, outcome: ExchangeOutcome) -> Result<(), StoreError> {
        match self.home.exchanges.waiting.remove(&id) {
            None => {}
            Some(Waiter::OneShot { ticket, sealing, sealer, wants }) => {
                self.answer(ticket, sealing, SealableAnswer { sealer, answer: passed_on(outcome, wants.what) });
            }
            Some(Waiter::Live { connection, number, wants }) => {
                self.tell_answer(connection, number, passed_on(outcome, wants.what));
            }
            Some(Waiter::Outgoing { key, to }) => self.outgoing_ended(&key, &to, outcome)?,
        }
        Ok(())
    }
}

/// A request that was itself relayed here relays no further: nobody builds chains of servers (KH-30).
pub(crate) fn refuse_chain(way: Way) -> Result<(), Stop> {
    match way {
        Way::OneShot { origin: Origin::OwnRelay, .. } => Err(Stop::Refuse(Refusal::ForbiddenDestination)),
        _ => Ok(()),
    }
}

/// Makes the answer for whoever waits. What is not even in the form of a reply or descriptor is not passed on (KH-32).
fn passed_on(outcome: ExchangeOutcome, what: What) -> Answer {
    match (outcome, what) {
        (ExchangeOutcome::Forbidden, _) => Answer::Refused { reason: Refusal::ForbiddenDestination },
        (ExchangeOutcome::Answered(reply), What::Reply) if OneShotReply::from_bytes(&reply).is_some() => {
            Answer::Relayed { reply }
        }
        (ExchangeOutcome::Answered(descriptor), What::Descriptor) if is_descriptor(&descriptor) => {
            Answer::Descriptor { descriptor }
        }
        _ => Answer::Refused { reason: Refusal::Unreachable },
    }
}

/// Returns whether bytes have the form of a signed descriptor. Whose it is, the client checks.
pub(crate) fn is_descriptor(bytes: &[u8]) -> bool {
    Signed::<Descriptor>::from_bytes(bytes).is_ok_and(|signed| signed.decode_unverified().is_ok())
}
