//! Somebody went on from the same backup as a person, on another device: whoever a contact heard of first stays, and both the contact and the one
//! who came first are told.

use std::collections::BTreeSet;

use kith_engine::{ContactState, Restoring};

use super::Violation;
use crate::device::{is_rival, owner, rival as rival_of};
use crate::promise::Promise;
use crate::world::World;

/// Checks what a contact has of a person's last restored device, and of those who went on from a backup of the person besides.
pub(super) fn check(world: &World, first: usize, of: usize) -> Vec<Violation> {
    let person = owner(first);
    let mut found = Vec::new();
    for rival in rivals(world, person) {
        let (name, with) = (World::name_of(rival), World::name_of(of));
        let mut broken = |promise, text: String| found.push(Violation::new(promise, &[person, of], text));
        let is_in = world.is_let_in(rival, of);
        let knew = rival_of(first) == rival && world.people[rival].knew_the_first.contains(&of);
        if knew && (is_in || !world.has_met_again(first, of)) {
            let text = format!("{with} knew {}, and did not stay with it when {name} came", World::name_of(first));
            broken(Promise::FirstStays, text);
        }
        if is_in || !has_come(world, rival, of) || !world.has_met_again(first, of) {
            continue;
        }
        if !world.says_twice(of, person) {
            broken(Promise::ReturnsAreTold, format!("{with} was never told that {name} came, too"));
        }
        if !world.says_refused(person, of) {
            let text = format!("{with} never told {} that {name} came, too", World::name_of(first));
            broken(Promise::ReturnsAreTold, text);
        }
        let sees = world.contact_view(rival, of).and_then(|view| view.restoring);
        if sees != Some(Restoring::Unanswered) {
            broken(Promise::ReturnsAreTold, format!("{name} was refused by {with} and sees {sees:?}"));
        }
    }
    found
}

fn rivals(world: &World, person: usize) -> Vec<usize> {
    let all = world.people.numbers().into_iter().filter(|device| owner(*device) == person && is_rival(*device));
    all.collect()
}

/// Returns whether somebody who went on from a backup has answered a card of a device that the contact still uses.
fn has_come(world: &World, rival: usize, of: usize) -> bool {
    let is_used = |other: &usize| !world.history.gone.contains(other) && !world.history.long_away.contains(other);
    let mut used = world.people.in_use(of).into_iter().filter(is_used);
    let person = owner(rival);
    used.any(|other| {
        let id = world.id_towards(other, person);
        world.cards_of(rival, of).any(|(from, _)| Some(from) == id)
    })
}

impl World {
    /// Returns whether a contact has let a device in that went on from a backup, at some time.
    fn is_let_in(&self, device: usize, of: usize) -> bool {
        let view = self.contact_view(device, of);
        view.is_some_and(|view| view.restoring.is_none() && view.state == ContactState::Established)
    }

    /// Returns whether a contact ever took somebody else for the person: what it said to them is lost.
    pub(in crate::checker) fn is_contested(&self, person: usize, of: usize) -> bool {
        rivals(self, person).into_iter().any(|rival| self.is_let_in(rival, of))
    }

    fn says_twice(&self, of: usize, person: usize) -> bool {
        let mut devices = self.people.in_use(of).into_iter();
        devices.any(|device| {
            self.contact_view(device, person).and_then(|view| view.restored).is_some_and(|restored| restored.twice)
        })
    }

    fn says_refused(&self, person: usize, of: usize) -> bool {
        let mut devices = self.people.in_use(person).into_iter();
        devices.any(|device| self.contact_view(device, of).is_some_and(|view| view.refused_another.is_some()))
    }

    /// Returns who knows, on all devices, that a person goes on with a device that was restored.
    pub(crate) fn who_knows_the_first(&self, first: usize) -> BTreeSet<usize> {
        let person = owner(first);
        let Some(back) = self.people[first].came_back.filter(|_| self.people[first].is_in_use()) else {
            return BTreeSet::new();
        };
        let knows = |of: &usize| {
            let devices = self.people.in_use(*of);
            let all = devices.iter().all(|device| self.told_of_return(*device, person).is_some_and(|at| at > back));
            all && !devices.is_empty() && self.has_met_again(first, *of)
        };
        self.people[first].known_people().into_iter().filter(knows).collect()
    }
}
