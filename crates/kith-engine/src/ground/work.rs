//! What one call works with: a transaction, the time, randomness, and effects that show only after the commit.

use std::collections::VecDeque;

use kith_wire::Timestamp;
use kith_wire::id::ReaderId;
use kith_wire::operation::EntryId;
use rand_core::CryptoRng;
use rusqlite::Connection;

use crate::api::{Event, Output};

/// One call, inside its transaction.
pub(crate) struct Work<'a> {
    /// The database, in a transaction that commits when the call succeeds.
    pub(crate) db: &'a Connection,
    /// The time of the call.
    pub(crate) now: Timestamp,
    /// Randomness.
    pub(crate) rng: &'a mut dyn CryptoRng,
    /// What becomes visible after the commit.
    pub(crate) effects: Effects,
}

/// What becomes visible after the commit.
#[derive(Default)]
pub(crate) struct Effects {
    /// For the program around the engine.
    pub(crate) outputs: VecDeque<Output>,
    /// Queue entries whose content is now durable here, or worth nothing.
    pub(crate) acks: Vec<(ReaderId, EntryId)>,
    /// What happens to the live connection.
    pub(crate) link: LinkEffect,
}

/// What a call does to the live connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LinkEffect {
    /// Nothing.
    #[default]
    Keep,
    /// The connection is opened anew, because the set of queues to read became smaller or keys are too old.
    Reopen,
    /// The connection is given up and tried again after a pause.
    Lose,
}

impl Work<'_> {
    /// Tells the person something, after the commit.
    pub(crate) fn tell(&mut self, event: Event) {
        self.effects.outputs.push_back(Output::Event(event));
    }
}
