//! Who waits for what: where answers, records and descriptors go when they are let out.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use kith_home::{ConnectionId, Home, Input, Opener, Output, SealableAnswer, Ticket};
use tokio::sync::{mpsc, oneshot, watch};

use super::Message;
use crate::outbox::Outbox;
use crate::relay::Dial;

/// Who waits for what.
pub(super) struct Desk {
    pub(super) waiting: HashMap<Ticket, oneshot::Sender<SealableAnswer>>,
    pub(super) outboxes: HashMap<ConnectionId, Outbox>,
    /// Connections that have proven nothing yet, the oldest first; dropping the sender ends one (KH-39).
    pub(super) unproven: BTreeMap<ConnectionId, oneshot::Sender<()>>,
    pub(super) max_unproven: usize,
    pub(super) next_ticket: u64,
    pub(super) publish: watch::Sender<Bytes>,
    pub(super) renew: watch::Sender<Opener>,
    pub(super) dials: mpsc::UnboundedSender<Dial>,
}

impl Desk {
    /// Turns a message into an input, noting who waits for the answer.
    pub(super) fn input(&mut self, message: Message, tickets: &mut Vec<Ticket>) -> Option<Input> {
        match message {
            // Whoever asked has hung up already: nobody would read the answer.
            Message::OneShot { reply, .. } if reply.is_closed() => None,
            Message::OneShot { opened, reply } => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.waiting.insert(ticket, reply);
                tickets.push(ticket);
                Some(Input::Opened { ticket, opened })
            }
            Message::LiveOpened { connection, outbox, known } => {
                self.outboxes.insert(connection, outbox);
                self.unproven.insert(connection, known);
                // Not the newcomer: whoever means it is through before as many others have come.
                if self.unproven.len() > self.max_unproven {
                    self.unproven.pop_first();
                }
                None
            }
            // Cut already; what it had sent before it noticed is not for the rules.
            Message::Live { connection, .. } if !self.outboxes.contains_key(&connection) => None,
            Message::Live { connection, message, turn } => {
                drop(turn);
                Some(Input::Live { connection, message: message.into() })
            }
            Message::LiveEnded { connection } => {
                self.outboxes.remove(&connection);
                self.unproven.remove(&connection);
                Some(Input::Closed { connection })
            }
            Message::Exchanged { exchange, outcome } => Some(Input::Exchanged { exchange, outcome }),
            Message::Tick { .. } => {
                self.forget_who_left();
                Some(Input::Tick)
            }
            // Not for the rules.
            Message::Operator { .. } | Message::Stop => None,
        }
    }

    /// Lets out what was held until the commit. Whoever is gone by now gets nothing, and nothing is lost by that:
    /// what matters is in the store.
    pub(super) fn release(&mut self, output: Output) {
        match output {
            Output::Answer { ticket, answer } => {
                if let Some(reply) = self.waiting.remove(&ticket) {
                    let _ = reply.send(answer);
                }
            }
            // For requests that the rules open themselves; there are none here.
            Output::Reply { ticket, .. } => drop(self.waiting.remove(&ticket)),
            Output::Live { connection, message } => {
                let is_behind =
                    self.outboxes.get(&connection).is_some_and(|outbox| outbox.put(message.into()).is_err());
                if is_behind {
                    // Its task notices, ends, and says so; then the rules learn of it too.
                    self.outboxes.remove(&connection);
                }
            }
            Output::Close { connection } => drop(self.outboxes.remove(&connection)),
            Output::Exchange { exchange, url, ask } => {
                let _ = self.dials.send(Dial { exchange, url, ask });
            }
            Output::Descriptor { bytes } => drop(self.publish.send_replace(bytes.into())),
        }
    }

    /// Tells connections that have proven a key that they may stay.
    pub(super) fn let_in_who_is_known(&mut self, home: &Home) {
        let known: Vec<ConnectionId> = self.unproven.keys().copied().filter(|id| home.is_known(*id)).collect();
        for connection in known {
            if let Some(known) = self.unproven.remove(&connection) {
                let _ = known.send(());
            }
        }
    }

    /// Hands out the epoch keys anew when they have changed.
    pub(super) fn renew_opener(&self, home: &Home) {
        self.renew.send_if_modified(|opener| {
            let is_new = !opener.is_same(home.opener());
            if is_new {
                *opener = home.opener().clone();
            }
            is_new
        });
    }

    /// Lets those go who wait for what did not happen.
    pub(super) fn refuse(&mut self, tickets: &[Ticket]) {
        tickets.iter().for_each(|ticket| drop(self.waiting.remove(ticket)));
    }

    /// Requests that wait for another server may wait for one that never answers, while the asker has left.
    pub(super) fn forget_who_left(&mut self) {
        self.waiting.retain(|_, reply| !reply.is_closed());
    }
}
