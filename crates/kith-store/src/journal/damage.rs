//! Rows whose content the disk has lost: which are known, and how many were met.
//!
//! Content is what only passes through: frames, sealed relays, notices, chunks. Who asks for it is told that it is not there, the
//! log of the server says so once, and whatever else the store holds goes on. What the tables are made of is never
//! treated so: without it nobody knows what belongs to whom.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::ErrorKind;

use super::names;
use super::tables::Place;

/// What was met since the store was opened. A disk that could not read once may read later: the next start asks it again.
#[derive(Default)]
pub(crate) struct Damage {
    places: RefCell<BTreeSet<(u32, u32)>>,
    n_met: Cell<u64>,
}

impl Damage {
    /// Returns how many rows were met.
    pub(crate) fn n_met(&self) -> u64 {
        self.n_met.get()
    }

    /// Returns whether the content at a place is known to be lost.
    pub(crate) fn knows(&self, place: &Place) -> bool {
        self.places.borrow().contains(&(place.segment, place.offset))
    }

    /// Notes that the content at a place is lost.
    pub(crate) fn meet(&self, place: &Place) {
        if self.places.borrow_mut().insert((place.segment, place.offset)) {
            self.n_met.set(self.n_met.get().saturating_add(1));
            tracing::error!(
                file = names::segment(place.segment),
                offset = place.offset,
                bytes = place.length,
                "the disk has lost something that passes through: it is left out from now on"
            );
        }
    }

    /// Notes that cleaning takes content to another place, lost or not.
    pub(crate) fn take_along(&self, from: &Place, to: &Place) {
        if self.knows(from) {
            self.places.borrow_mut().insert((to.segment, to.offset));
        }
    }

    /// Forgets a place into which a transaction writes: what it had noted there was undone.
    pub(crate) fn forget_from(&self, segment: u32, offset: u32) {
        let mut places = self.places.borrow_mut();
        if places.last().is_some_and(|last| *last >= (segment, offset)) {
            places.retain(|place| place.0 != segment || place.1 < offset);
        }
    }

    /// Forgets a segment that is gone.
    pub(crate) fn forget(&self, segment: u32) {
        self.places.borrow_mut().retain(|place| place.0 != segment);
    }
}

/// Returns whether a failure to read means that the bytes are lost, and not that the disk as a whole refuses.
pub(crate) fn is_loss(problem: &std::io::Error) -> bool {
    problem.kind() == ErrorKind::UnexpectedEof || problem.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
