//! Nonces that were used, as fingerprints. They live for minutes.

use std::collections::{BTreeMap, BTreeSet};

use kith_wire::time::Timestamp;

use super::super::print::Print;
use super::Floors;

/// All of them.
#[derive(Default)]
pub(crate) struct Nonces {
    expiries: BTreeMap<Print, Timestamp>,
    by_expiry: BTreeSet<(Timestamp, Print)>,
    /// What the log says was forgotten.
    pub(crate) floors: Floors<Timestamp>,
    /// Whether rows were forgotten of which the log does not know yet.
    pub(crate) owes_floor: bool,
}

impl Nonces {
    pub(crate) fn expiry(&self, print: &Print) -> Option<Timestamp> {
        self.expiries.get(print).copied()
    }

    /// Remembers a nonce, in place of the same with another expiry.
    pub(crate) fn add(&mut self, print: Print, expires: Timestamp) {
        self.remove(&print);
        self.expiries.insert(print, expires);
        self.by_expiry.insert((expires, print));
    }

    pub(crate) fn remove(&mut self, print: &Print) {
        if let Some(expires) = self.expiries.remove(print) {
            self.by_expiry.remove(&(expires, *print));
        }
    }

    /// Forgets one that expired before `time` and returns it.
    pub(crate) fn pop_before(&mut self, time: Timestamp) -> Option<(Print, Timestamp)> {
        let (expires, print) = *self.by_expiry.first().filter(|(expires, _)| *expires < time)?;
        self.remove(&print);
        Some((print, expires))
    }

    /// Returns those that expired before.
    pub(crate) fn before(&self, time: Timestamp) -> impl Iterator<Item = (Print, Timestamp)> {
        self.by_expiry.iter().take_while(move |(expires, _)| *expires < time).map(|(expires, print)| (*print, *expires))
    }
}
