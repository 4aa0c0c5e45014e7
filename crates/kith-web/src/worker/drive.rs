//! The engine's turn: outputs are carried out, arrivals handed in, timers kept, events told.

use std::rc::Rc;

use js_sys::futures::spawn_local;
use kith_engine::{Arrival, Event, LinkFailure, LinkId, Output};
use kith_wire::address::ServerUrl;

use crate::contract::Notice;
use crate::convert;
use crate::failures::chain;
use crate::worker::clock::{now, rng};
use crate::worker::links::Link;
use crate::worker::net::{self, NetError};
use crate::worker::person::Person;

impl Person {
    /// Hands in what the world brought.
    pub(crate) fn arrive(self: &Rc<Self>, arrival: Arrival) {
        self.arrivals.borrow_mut().push_back(arrival);
        self.turn();
    }

    /// Carries out what the engine asks and hands in what that brings, until there is nothing left.
    pub(crate) fn turn(self: &Rc<Self>) {
        // What is done below may come back here; the outermost turn sees to it.
        if self.is_turning.replace(true) {
            return;
        }
        let mut is_changed = false;
        loop {
            let output = self.engine.borrow_mut().poll_output();
            if let Some(output) = output {
                is_changed |= matches!(
                    output,
                    Output::Event(Event::Link(_) | Event::Quiet | Event::State { .. } | Event::Devices)
                );
                if matches!(output, Output::Event(Event::Devices)) {
                    self.is_joining_due.set(true);
                }
                self.carry_out(output);
                continue;
            }
            let arrival = self.arrivals.borrow_mut().pop_front();
            let Some(arrival) = arrival else { break };
            let received = self.engine.borrow_mut().receive(now(), &mut rng(), arrival);
            if let Err(error) = received {
                self.tell_storage(&error);
            }
        }
        self.is_turning.set(false);
        if self.is_joining_due.replace(false) {
            self.go_on_joining();
        }
        self.set_timer();
        if is_changed {
            self.tell_state();
        }
        self.keep_home_backup(is_changed);
        self.bell.ring();
    }

    fn carry_out(self: &Rc<Self>, output: Output) {
        match output {
            Output::OpenLink { link, url, bytes } => self.open_link(link, &url, bytes),
            Output::SendLive { link, bytes } => {
                if let Some(link) = self.links.borrow().get(&link) {
                    link.send(bytes);
                }
            }
            Output::CloseLink { link } => drop(self.links.borrow_mut().remove(&link)),
            Output::FetchDescriptor { link, url } => self.fetch_descriptor(link, url),
            Output::LoadChunk { attachment, from, index } => self.load_chunk(attachment, from, index),
            Output::StoreChunk { attachment, index, sealed } => self.store_chunk(attachment, index, &sealed),
            Output::DropChunks { attachment } => self.drop_chunks(attachment),
            Output::Event(event) => self.tell_event(event),
            // An engine newer than this program asks for something that it does not know; there is none today.
            _ => {}
        }
    }

    fn tell_event(&self, event: Event) {
        if let Event::Trouble(trouble) = event {
            self.trouble.set(convert::trouble(trouble));
        }
        if let Some(notice) = convert::notice(event) {
            self.teller.tell(&notice);
        }
    }

    pub(crate) fn tell_storage(&self, error: &dyn std::error::Error) {
        self.teller.tell(&Notice::StorageTrouble { detail: chain(error) });
    }

    fn open_link(self: &Rc<Self>, link: LinkId, url: &ServerUrl, opening: Vec<u8>) {
        match Link::open(self, link, url, opening) {
            Ok(open) => drop(self.links.borrow_mut().insert(link, open)),
            Err(NetError) => {
                let reason = LinkFailure::Unreachable;
                self.arrivals.borrow_mut().push_back(Arrival::LinkClosed { link, reason });
            }
        }
    }

    fn fetch_descriptor(self: &Rc<Self>, link: LinkId, url: ServerUrl) {
        let weak = Rc::downgrade(self);
        spawn_local(async move {
            let fetched = net::descriptor(&url).await;
            let Some(person) = weak.upgrade() else { return };
            person.arrive(match fetched {
                Ok(bytes) => Arrival::Descriptor { link, bytes },
                Err(error) => Arrival::LinkClosed { link, reason: error.reason() },
            });
        });
    }

    /// Wakes the engine when it wants to be.
    pub(crate) fn watch_timer(self: &Rc<Self>) {
        let weak = Rc::downgrade(self);
        self.timer.rings(move || {
            let Some(person) = weak.upgrade() else { return };
            let is_due = person.engine.borrow().next_wake().is_some_and(|at| at <= now());
            let mut pause = None;
            if is_due {
                let woken = person.engine.borrow_mut().wake(now(), &mut rng());
                if let Err(error) = woken {
                    person.tell_storage(&error);
                    // What is due stays due; a full disk is not asked again at once.
                    pause = Some(AFTER_FAILURE);
                }
            }
            person.turn();
            if let Some(pause) = pause {
                person.timer.set(pause);
            }
        });
    }

    fn set_timer(&self) {
        match self.engine.borrow().next_wake() {
            // A machine may sleep, and its clock jump, so nothing waits longer than a while for it.
            Some(at) => {
                let wait = at.0.saturating_sub(now().0);
                self.timer.set(i32::try_from(wait).unwrap_or(LONGEST_WAIT).clamp(SHORTEST_WAIT, LONGEST_WAIT));
            }
            None => self.timer.stop(),
        }
    }
}

/// Nothing is woken more often than this, whatever the engine asks for; in milliseconds, as all of these.
const SHORTEST_WAIT: i32 = 5;
/// How long after a failure of storage a timer rests.
const AFTER_FAILURE: i32 = 5_000;
/// A machine that slept notices within this time that a timer is overdue.
const LONGEST_WAIT: i32 = 20_000;
