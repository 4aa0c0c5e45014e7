//! The durable outgoing queue: what must arrive though nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};

use kith_crypto::random;
use kith_wire::Timestamp;
use kith_wire::address::ServerAddress;
use kith_wire::id::RelayId;
use kith_wire::limits::{RELAY_EXPIRY_SECONDS, SEALED_BYTES};
use kith_wire::live::LiveEvent;
use kith_wire::operation::{Answer, Refusal};
use kith_wire::sealed::{OneShotReply, SealedParts};

use crate::batch::Batch;
use crate::caller::Caller;
use crate::io::{Ask, ConnectionId, ExchangeOutcome, Output};
use crate::operations::{Stop, Way};
use crate::relay::{Waiter, is_descriptor, refuse_chain};
use crate::store::{Outgoing, OutgoingKey, Returned, StoreError, Txn};

/// Deposits under way at the same time: overall, and to one server (KH-34).
const MAX_UNDER_WAY: usize = 64;
const MAX_PER_DESTINATION: usize = 8;
/// Destinations looked at in one go.
const DESTINATIONS: usize = 64;
/// Back-off (KH-35): doubles from 2 seconds to a quarter of an hour, plus up to a quarter at random.
const FIRST_DELAY_SECONDS: u64 = 2;
pub(crate) const LONGEST_DELAY_SECONDS: u64 = 900;
/// Seconds into the hour at most by which failed attempts are ordered.
const LAST_TURN: u64 = 60;
/// Notices told at once; the rest follows their acknowledgement.
const NOTICES: usize = 64;

/// What is under way. Memory only.
#[derive(Default)]
pub(crate) struct Outbox {
    under_way: BTreeMap<OutgoingKey, ServerAddress>,
    /// Destinations that failed: how often in a row, and when to try again.
    failing: BTreeMap<ServerAddress, Failing>,
    /// The destination looked at last, served or not: the next one is first in the next round, so that a crowd of
    /// servers that are away cannot stand in front of the others for ever.
    last: Option<ServerAddress>,
    look: Look,
}

/// Whether something may be due.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Look {
    #[default]
    Now,
    Later,
}

#[derive(Clone, Copy)]
struct Failing {
    in_a_row: u32,
    until: Timestamp,
}

impl Outbox {
    /// Asks for a look at what is due, at the end of the batch.
    pub(crate) fn look_again(&mut self) {
        self.look = Look::Now;
    }

    /// Forgets failures of servers for which nothing has waited since, and such as only a wrong clock can have noted.
    pub(crate) fn forget_failures(&mut self, now: Timestamp) {
        let (long_ago, far_off) =
            (now.minus_seconds(2 * LONGEST_DELAY_SECONDS), now.plus_seconds(2 * LONGEST_DELAY_SECONDS));
        self.failing.retain(|_, failing| failing.until > long_ago && failing.until <= far_off);
    }

    fn n_to(&self, to: &ServerAddress) -> usize {
        self.under_way.values().filter(|other| *other == to).count()
    }
}

impl<T: Txn> Batch<'_, T> {
    /// Takes a deposit that goes to another server whenever that can be reached (KH-33).
    pub(crate) fn relay_durable(
        &mut self,
        caller: &Caller,
        to: ServerAddress,
        relay: RelayId,
        sealed: Vec<u8>,
        way: Way,
    ) -> Result<Answer, Stop> {
        refuse_chain(way)?;
        let (key, mut account) = self.account_of(caller)?;
        if sealed.len() != SEALED_BYTES || SealedParts::split(&sealed).is_err() {
            return Err(Stop::Refuse(Refusal::Invalid));
        }
        let outgoing_key = OutgoingKey { account: key, relay };
        if let Some(before) = self.txn.outgoing(&outgoing_key)? {
            if before.sealed.is_empty() && before.to == to {
                // KH-41: what the disk has lost comes again.
                self.txn.put_outgoing(&outgoing_key, &Outgoing { sealed, ..before })?;
                return Ok(Answer::Accepted);
            }
            let same = before.sealed == sealed && before.to == to;
            return if same { Ok(Answer::Accepted) } else { Err(Stop::Refuse(Refusal::Invalid)) };
        }
        self.needs_room()?;
        // What comes back counts until it is acknowledged: else notices could pile up without end.
        let quota = self.home.config.quotas.outgoing;
        let used = account.n_outgoing.saturating_add(self.txn.n_returned(&key, quota.max(1))?);
        let is_own = to.key == self.home.identity.key();
        // An operator who lets nothing out still lets people of this server write to each other.
        if used >= quota && !(is_own && used == 0) {
            return Err(Stop::Refuse(Refusal::QuotaExceeded));
        }
        if is_own {
            let reply = self.relay_to_self(&sealed)?;
            self.settle(&outgoing_key, &reply)?;
            return Ok(Answer::Accepted);
        }
        account.n_outgoing = account.n_outgoing.saturating_add(1);
        self.txn.put_account(&key, &account)?;
        // Due at once, and not a second more precise than the hour: it may lie on the disk for days.
        let (accepted, next_attempt) = (self.now.hour(), self.now.hour().start());
        self.txn.put_outgoing(&outgoing_key, &Outgoing { to, sealed, accepted, next_attempt, attempts: 0 })?;
        self.home.outbox.look_again();
        Ok(Answer::Accepted)
    }

    /// Forgets a notice that the client has read.
    pub(crate) fn return_ack(&mut self, caller: &Caller, relay: RelayId) -> Result<Answer, Stop> {
        let (account, _) = self.account_of(caller)?;
        self.txn.remove_returned(&OutgoingKey { account, relay })?;
        self.home.connections.notice_read(&account, relay);
        Ok(Answer::Accepted)
    }

    /// Tells a connection what came back for its account.
    pub(crate) fn tell_returned(&mut self, id: ConnectionId) -> Result<(), StoreError> {
        let Some(account) = self.home.connections.account(id) else { return Ok(()) };
        for (relay_id, returned) in self.txn.returned(&account, NOTICES)? {
            if !self.home.connections.tells(id, relay_id) {
                continue;
            }
            self.tell(id, &LiveEvent::Returned { relay_id, descriptor: returned.notice });
        }
        Ok(())
    }

    /// Starts whatever is due and allowed, one destination after the other (KH-34).
    pub(crate) fn send_outgoing(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.home.outbox.look, Look::Later) == Look::Later {
            return Ok(());
        }
        if self.txn.next_due()?.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        let after = self.home.outbox.last.take();
        let mut destinations = self.txn.due_destinations(self.now, after.as_ref(), DESTINATIONS)?;
        if after.is_some() && destinations.len() < DESTINATIONS {
            let seen: BTreeSet<ServerAddress> = destinations.iter().cloned().collect();
            let again = self.txn.due_destinations(self.now, None, DESTINATIONS)?;
            destinations.extend(again.into_iter().filter(|to| !seen.contains(to)));
        }
        for to in destinations {
            if self.home.outbox.under_way.len() >= MAX_UNDER_WAY {
                break;
            }
            let waits = self.home.outbox.failing.get(&to).is_some_and(|failing| failing.until > self.now);
            if !waits {
                self.send_to(&to)?;
            }
            self.home.outbox.last = Some(to);
        }
        Ok(())
    }

    fn send_to(&mut self, to: &ServerAddress) -> Result<(), StoreError> {
        let under_way = self.home.outbox.n_to(to);
        // A server that failed is asked with one deposit until it answers.
        let most = if self.home.outbox.failing.contains_key(to) { 1 } else { MAX_PER_DESTINATION };
        let mut room = most.saturating_sub(under_way);
        room = room.min(MAX_UNDER_WAY.saturating_sub(self.home.outbox.under_way.len()));
        for (key, outgoing) in self.txn.due_outgoing(to, self.now, room.saturating_add(under_way))? {
            if room == 0 {
                break;
            }
            if self.home.outbox.under_way.contains_key(&key) {
                continue;
            }
            room -= 1;
            if outgoing.sealed.is_empty() {
                // KH-41: the disk has lost it. Whoever asked for it can ask again, and nobody else can.
                self.give_back(&key, Vec::new())?;
                continue;
            }
            // Durable before it is sent: a crash in between leads to a second try, which the destination recognises.
            let delay = self.delay(outgoing.attempts);
            let next_attempt = self.now.plus_seconds(delay);
            let attempts = outgoing.attempts.saturating_add(1);
            let ask = Ask::OneShot(outgoing.sealed.clone());
            self.txn.put_outgoing(&key, &Outgoing { next_attempt, attempts, ..outgoing })?;
            self.home.outbox.under_way.insert(key, to.clone());
            let exchange = self.home.exchanges.add(Waiter::Outgoing { key, to: to.clone() });
            self.hold(Output::Exchange { exchange, url: to.url.clone(), ask });
        }
        Ok(())
    }

    /// Hears how a deposit's exchange ended.
    pub(crate) fn outgoing_ended(
        &mut self,
        key: &OutgoingKey,
        to: &ServerAddress,
        outcome: ExchangeOutcome,
    ) -> Result<(), StoreError> {
        self.home.outbox.under_way.remove(key);
        self.home.outbox.look_again();
        let reply = match outcome {
            ExchangeOutcome::Answered(bytes) => OneShotReply::from_bytes(&bytes),
            ExchangeOutcome::Unreachable => None,
            ExchangeOutcome::Forbidden => return self.give_back(key, Vec::new()),
        };
        match reply {
            Some(OneShotReply::Busy(seconds)) => {
                self.wait_again(key)?;
                self.postpone(to, u64::from(seconds));
            }
            Some(reply) => {
                self.answers_again(to)?;
                self.settle(key, &reply)?;
            }
            None => {
                let in_a_row = self.home.outbox.failing.get(to).map_or(0, |failing| failing.in_a_row);
                let delay = self.delay(in_a_row);
                self.wait_again(key)?;
                self.postpone(to, delay);
            }
        }
        Ok(())
    }

    /// Ends a relay by what the destination replied (KH-36).
    fn settle(&mut self, key: &OutgoingKey, reply: &OneShotReply) -> Result<(), StoreError> {
        match reply {
            OneShotReply::Sealed(_) => self.remove_outgoing(key),
            OneShotReply::Descriptor(bytes) if is_descriptor(bytes) => self.give_back(key, bytes.clone()),
            // It could not be opened there, and never will be.
            _ => self.give_back(key, Vec::new()),
        }
    }

    /// Stores a notice for the account and tells it when it is connected.
    fn give_back(&mut self, key: &OutgoingKey, notice: Vec<u8>) -> Result<(), StoreError> {
        self.remove_outgoing(key)?;
        self.txn.put_returned(key, &Returned { stored: self.now.hour(), notice })?;
        self.home.connections.came_back(&key.account);
        Ok(())
    }

    fn remove_outgoing(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        if self.txn.outgoing(key)?.is_none() {
            return Ok(());
        }
        self.txn.remove_outgoing(key)?;
        let fewer = |account: &mut crate::store::Account| account.n_outgoing = account.n_outgoing.saturating_sub(1);
        self.change_account(&key.account, fewer)
    }

    /// Lets what was not delivered wait for its destination. When that is asked again is known in memory; the disk keeps
    /// only the hour, and an order in which what was tried less often comes first.
    fn wait_again(&mut self, key: &OutgoingKey) -> Result<(), StoreError> {
        let Some(outgoing) = self.txn.outgoing(key)? else { return Ok(()) };
        let turn = u64::from(outgoing.attempts).min(LAST_TURN);
        let next_attempt = self.now.hour().start().plus_seconds(turn);
        self.txn.put_outgoing(key, &Outgoing { next_attempt, ..outgoing })
    }

    /// Leaves a destination alone for a while.
    fn postpone(&mut self, to: &ServerAddress, seconds: u64) {
        let before = self.home.outbox.failing.get(to).map_or(0, |failing| failing.in_a_row);
        let until = self.now.plus_seconds(seconds.min(LONGEST_DELAY_SECONDS));
        self.home.outbox.failing.insert(to.clone(), Failing { in_a_row: before.saturating_add(1), until });
    }

    /// A destination that had failed answers: what waits for it is due at once.
    fn answers_again(&mut self, to: &ServerAddress) -> Result<(), StoreError> {
        if self.home.outbox.failing.remove(to).is_none() {
            return Ok(());
        }
        for (key, outgoing) in self.txn.due_outgoing(to, Timestamp(u64::MAX), DESTINATIONS)? {
            if outgoing.next_attempt > self.now && !self.home.outbox.under_way.contains_key(&key) {
                self.txn.put_outgoing(&key, &Outgoing { next_attempt: self.now, attempts: 0, ..outgoing })?;
            }
        }
        Ok(())
    }

    fn delay(&mut self, attempts: u32) -> u64 {
        let delay = FIRST_DELAY_SECONDS.saturating_mul(1 << attempts.min(10)).min(LONGEST_DELAY_SECONDS);
        let [random] = random::bytes::<1>(self.rng);
        delay + delay * u64::from(random) / 1024
    }

    /// Gives back what waited for seven days (KH-37). Returns how many.
    pub(crate) fn expire_outgoing(&mut self, most: usize) -> Result<usize, StoreError> {
        let before = self.now.minus_seconds(RELAY_EXPIRY_SECONDS).hour();
        let expired = self.txn.outgoing_before(before, most)?;
        for key in &expired {
            self.give_back(key, Vec::new())?;
        }
        Ok(expired.len())
    }
}
