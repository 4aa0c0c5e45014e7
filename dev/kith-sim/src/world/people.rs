//! All devices of a world, by number: see [`device`](crate::device).

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use super::Person;
use crate::device::{is_strange, owner};

/// Everybody's devices.
#[derive(Default)]
pub struct People(BTreeMap<usize, Person>);

impl Index<usize> for People {
    type Output = Person;

    fn index(&self, who: usize) -> &Person {
        &self.0[&who]
    }
}

impl IndexMut<usize> for People {
    #[allow(clippy::expect_used, reason = "steps about devices that are not there are left out before")]
    fn index_mut(&mut self, who: usize) -> &mut Person {
        self.0.get_mut(&who).expect("the device is there")
    }
}

impl People {
    pub(super) fn add(&mut self, who: usize, person: Person) {
        self.0.insert(who, person);
    }

    /// Returns how many devices there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether a device is there.
    pub(crate) fn has(&self, who: usize) -> bool {
        self.0.contains_key(&who)
    }

    /// Returns the numbers of all devices.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.0.keys().copied().collect()
    }

    /// Returns the numbers of all devices that a person ever had.
    pub(crate) fn of(&self, person: usize) -> Vec<usize> {
        self.0.keys().copied().filter(|who| owner(*who) == person && !is_strange(*who)).collect()
    }

    /// Returns the devices that a person uses now.
    pub(crate) fn in_use(&self, person: usize) -> Vec<usize> {
        self.of(person).into_iter().filter(|who| self[*who].is_in_use()).collect()
    }
}
