//! The engine's turn: outputs are carried out, arrivals handed in, timers kept, events told.

use std::rc::Rc;
use std::time::Duration;

use kith_engine::{Arrival, Event, LinkFailure, LinkState, Output};
use kith_net::CarrierError;
use kith_wire::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{Client, now, rng};
use crate::links;

/// What a program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Something happened.
    Event(Event),
    /// An attempt to reach the home server failed; it is tried again by itself while a connection is wanted.
    Unreachable(CarrierError),
    /// The folder could not be read or written; what it was about comes again.
    Storage(String),
}

/// What happens, in order.
pub struct Events {
    receiver: UnboundedReceiver<Notice>,
}

impl Events {
    pub(crate) fn new(receiver: UnboundedReceiver<Notice>) -> Self {
        Self { receiver }
    }

    /// Waits for what happens next; `None` when the client is gone.
    pub async fn next(&mut self) -> Option<Notice> {
        self.receiver.recv().await
    }

    /// Returns what has happened already.
    pub fn try_next(&mut self) -> Option<Notice> {
        self.receiver.try_recv().ok()
    }
}

impl Client {
    /// Hands in what the world brought.
    pub(crate) fn arrive(&self, arrival: Arrival) {
        self.inner.arrivals.borrow_mut().push_back(arrival);
        self.turn();
    }

    /// Carries out what the engine asks and hands in what that brings, until there is nothing left.
    pub(crate) fn turn(&self) {
        // What is done below may come back here; the outermost turn sees to it.
        if self.inner.is_turning.replace(true) {
            return;
        }
        loop {
            let output = self.inner.engine.borrow_mut().poll_output();
            if let Some(output) = output {
                self.carry_out(output);
                continue;
            }
            let arrival = self.inner.arrivals.borrow_mut().pop_front();
            let Some(arrival) = arrival else { break };
            let received = self.inner.engine.borrow_mut().receive(now(), &mut rng(), arrival);
            if let Err(error) = received {
                self.tell(Notice::Storage(error.to_string()));
            }
        }
        self.inner.is_turning.set(false);
        self.inner.timer.notify_one();
    }

    pub(crate) fn tell(&self, notice: Notice) {
        match &notice {
            Notice::Event(Event::Quiet) => self.inner.is_quiet.set(true),
            Notice::Event(Event::Link(LinkState::Down)) => self.inner.is_quiet.set(false),
            Notice::Event(Event::Contact { .. } | Event::Devices) => self.inner.is_entry_due.set(true),
            _ => {}
        }
        self.inner.listeners.borrow_mut().retain(|listener| listener.send(notice.clone()).is_ok());
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::OpenLink { link, url, bytes } => links::open(self, link, url, bytes.into()),
            Output::SendLive { link, bytes } => {
                // Whatever is asked, the engine says when all is quiet again.
                self.inner.is_quiet.set(false);
                if let Some(outgoing) = self.inner.links.borrow().get(&link) {
                    // A connection that has just ended says so by itself.
                    let _ = outgoing.send(bytes.into());
                }
            }
            Output::CloseLink { link } => drop(self.inner.links.borrow_mut().remove(&link)),
            Output::FetchDescriptor { link, url } => self.fetch_descriptor(link, url),
            Output::LoadChunk { attachment, from, index } => self.load_chunk(attachment, from, index),
            Output::StoreChunk { attachment, index, sealed } => self.store_chunk(attachment, index, &sealed),
            Output::DropChunks { attachment } => self.drop_chunks(attachment),
            Output::Event(event) => self.tell(Notice::Event(event)),
            // An engine newer than this program asks for something that it does not know; there is none today.
            _ => {}
        }
    }

    fn fetch_descriptor(&self, link: kith_engine::LinkId, url: kith_wire::address::ServerUrl) {
        let carrier = self.inner.carrier.clone();
        let weak = Rc::downgrade(&self.inner);
        tokio::task::spawn_local(async move {
            let fetched = carrier.descriptor(&url).await;
            let Some(inner) = weak.upgrade() else { return };
            let client = Self { inner };
            match fetched {
                Ok(bytes) => client.arrive(Arrival::Descriptor { link, bytes: bytes.to_vec() }),
                Err(error) => {
                    client.tell(Notice::Unreachable(error));
                    client.arrive(Arrival::LinkClosed { link, reason: failure(&error) });
                }
            }
        });
    }

    /// Wakes the engine when it wants to be.
    pub(crate) fn watch_timer(&self) {
        let weak = Rc::downgrade(&self.inner);
        let changed = Rc::clone(&self.inner.timer);
        tokio::task::spawn_local(async move {
            let mut clock = Clock { last: now(), is_set_back: false };
            loop {
                clock.look();
                let Some(inner) = weak.upgrade() else { return };
                let wait = inner.engine.borrow().next_wake().map(|at| {
                    // The clock of the machine may jump or sleep, so nothing waits longer than a while for it.
                    Duration::from_millis(at.0.saturating_sub(now().0)).clamp(SHORTEST_WAIT, LONGEST_WAIT)
                });
                drop(inner);
                let is_due = async {
                    match wait {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = changed.notified() => continue,
                    () = is_due => {}
                }
                let Some(inner) = weak.upgrade() else { return };
                let client = Self { inner };
                let is_due = client.inner.engine.borrow().next_wake().is_some_and(|at| at <= now());
                clock.look();
                if is_due || std::mem::take(&mut clock.is_set_back) {
                    let woken = client.inner.engine.borrow_mut().wake(now(), &mut rng());
                    client.turn();
                    if let Err(error) = woken {
                        client.tell(Notice::Storage(error.to_string()));
                        drop(client);
                        // What is due stays due; a full disk is not asked again at once.
                        tokio::time::sleep(AFTER_FAILURE).await;
                    }
                }
            }
        });
    }
}

/// Notices that the machine's clock was set back: what was put off by the one before is not due by the right one, and only
/// a call lets the engine see to it.
struct Clock {
    last: Timestamp,
    is_set_back: bool,
}

impl Clock {
    fn look(&mut self) {
        let now = now();
        self.is_set_back |= now < self.last;
        self.last = now;
    }
}

/// Says of a carrier's failure what the engine needs to know.
pub(crate) fn failure(error: &CarrierError) -> LinkFailure {
    match error {
        CarrierError::NotAHomeServer | CarrierError::Redirected | CarrierError::Status { .. } => {
            LinkFailure::NotAHomeServer
        }
        CarrierError::Closed => LinkFailure::Closed,
        _ => LinkFailure::Unreachable,
    }
}

/// Nothing is woken more often than this, whatever the engine asks for.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
/// How long after a failure of storage a timer rests.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// A machine that slept notices within this time that a timer is overdue.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
