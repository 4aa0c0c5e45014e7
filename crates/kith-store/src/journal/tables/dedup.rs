//! Deposits that were seen, as fingerprints with their last hour.
//!
//! One hash table to ask, one list for each hour to forget: about 40 bytes a deposit, both together.

use std::collections::BTreeMap;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use kith_wire::time::Hour;

use super::super::print::Print;
use super::Floors;

/// A deposit that was seen.
struct Seen {
    print: Print,
    last_hour: Hour,
}

impl Seen {
    /// Returns whether it is the one that a list of an hour means.
    fn is(&self, hashed: u64, hour: Hour) -> bool {
        hash(&self.print) == hashed && self.last_hour == hour
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Dedup {
    seen: HashTable<Seen>,
    /// The hashes of their fingerprints, which are enough to find them again.
    by_hour: BTreeMap<Hour, Vec<u64>>,
    /// What the log says was forgotten.
    pub(crate) floors: Floors<Hour>,
    /// Whether rows were forgotten of which the log does not know yet.
    pub(crate) owes_floor: bool,
}

impl Dedup {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Returns the last hour of a deposit that was seen.
    pub(crate) fn last_hour(&self, print: &Print) -> Option<Hour> {
        self.seen.find(hash(print), |seen| seen.print == *print).map(|seen| seen.last_hour)
    }

    /// Remembers a deposit that is not remembered yet.
    pub(crate) fn add(&mut self, print: Print, last_hour: Hour) {
        self.seen.insert_unique(hash(&print), Seen { print, last_hour }, |seen| hash(&seen.print));
        self.by_hour.entry(last_hour).or_default().push(hash(&print));
    }

    /// Takes back the addition that came last of all.
    pub(crate) fn take_back(&mut self, print: &Print, last_hour: Hour) {
        self.forget(print);
        if let Some(prints) = self.by_hour.get_mut(&last_hour) {
            prints.pop();
            if prints.is_empty() {
                self.by_hour.remove(&last_hour);
            }
        }
    }

    /// Remembers a deposit, also when it is remembered with another hour. For recovery.
    pub(crate) fn replace(&mut self, print: Print, last_hour: Hour) -> bool {
        match self.seen.entry(hash(&print), |seen| seen.print == print, |seen| hash(&seen.print)) {
            Entry::Occupied(found) if found.get().last_hour == last_hour => return false,
            Entry::Occupied(mut found) => found.get_mut().last_hour = last_hour,
            Entry::Vacant(place) => drop(place.insert(Seen { print, last_hour })),
        }
        self.by_hour.entry(last_hour).or_default().push(hash(&print));
        true
    }

    /// Forgets one deposit whose last hour lies before `hour` and returns it.
    pub(crate) fn pop_before(&mut self, hour: Hour) -> Option<(Print, Hour)> {
        loop {
            let mut oldest = self.by_hour.first_entry().filter(|oldest| *oldest.key() < hour)?;
            let last_hour = *oldest.key();
            let hashed = oldest.get_mut().pop();
            if oldest.get().is_empty() {
                oldest.remove();
            }
            // Recovery may have moved it to another hour; then it is not this list's any more.
            let found = hashed.map(|hashed| self.seen.find_entry(hashed, |seen| seen.is(hashed, last_hour)));
            if let Some(Ok(found)) = found {
                let (seen, _) = found.remove();
                return Some((seen.print, last_hour));
            }
        }
    }

    /// Returns the first hour that still counts.
    pub(crate) fn first_hour(&self) -> Option<Hour> {
        self.by_hour.first_key_value().map(|(first, _)| *first)
    }

    /// Returns whether any is remembered whose last hour lies before.
    pub(crate) fn any_before(&self, hour: Hour) -> bool {
        self.by_hour.first_key_value().is_some_and(|(first, _)| *first < hour)
    }

    /// Returns those whose last hour lies before.
    pub(crate) fn before(&self, hour: Hour) -> impl Iterator<Item = (Print, Hour)> {
        self.by_hour
            .range(..hour)
            .flat_map(|(hour, hashes)| hashes.iter().map(|hashed| (*hashed, *hour)))
            .filter_map(|(hashed, hour)| self.seen.find(hashed, |seen| seen.is(hashed, hour)))
            .map(|seen| (seen.print, seen.last_hour))
    }

    /// Gives memory back that a flood has left.
    pub(crate) fn shrink(&mut self) {
        if self.seen.capacity() / 4 > self.seen.len().max(SMALL) {
            self.seen.shrink_to(self.seen.len() * 2, |seen| hash(&seen.print));
        }
    }

    fn forget(&mut self, print: &Print) {
        if let Ok(found) = self.seen.find_entry(hash(print), |seen| seen.print == *print) {
            found.remove();
        }
    }
}

/// Rows for which giving memory back is not worth the time.
const SMALL: usize = 4096;

/// A fingerprint is a hash already.
fn hash(print: &Print) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = print.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
