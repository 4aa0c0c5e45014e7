//! People who lost every device and went on from a backup: contacts hear of it, and nothing of the lost devices goes on.

mod rivals;

use kith_engine::ContactState;
use kith_wire::Timestamp;
use kith_wire::id::MessageId;

use super::{Side, Violation};
use crate::device::owner;
use crate::promise::Promise;
use crate::world::World;

/// Seconds after which all devices of a contact have heard that somebody went on from a backup, from the first one that did.
const HEARD_SECONDS: u64 = 86_400;

/// Checks each device that went on from a backup, and is the person's last one that did.
pub(super) fn check(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for device in world.people.numbers().into_iter().filter(|device| world.people[*device].is_in_use()) {
        let Some(at) = world.people[device].came_back else { continue };
        found.extend(is_a_clone(world, device));
        let person = owner(device);
        for of in world.known_to(person) {
            let name = World::name_of(device);
            if !world.has_met_again(device, of) && has_good_card(world, device, of) {
                let text = format!("{name} has a good spare card of {} and never met them again", World::name_of(of));
                found.push(Violation::new(Promise::ReturnsAreTold, &[person, of], text));
            }
            found.extend(untold(world, device, of, at).map(|untold| {
                let text = format!("{} was never told that {name} goes on from a backup", World::name_of(untold));
                Violation::new(Promise::ReturnsAreTold, &[person, of], text)
            }));
            found.extend(rivals::check(world, device, of));
        }
    }
    found
}

/// Returns a device of a contact that talks to somebody who went on from a backup, and does not say so to its person.
fn untold(world: &World, device: usize, of: usize, at: Timestamp) -> Option<usize> {
    let person = owner(device);
    let is_met = world.cards_of(device, of).next().is_some() && world.has_met_again(device, of);
    let was_there = |other: &usize| {
        let known = &world.people[*other];
        let is_back = !world.history.gone.contains(other) && !world.history.long_away.contains(other);
        is_back && known.came_back.is_none() && known.welcomed.is_none_or(|welcomed| welcomed < at)
    };
    let mut others = world.people.in_use(of).into_iter().filter(|other| is_met && was_there(other));
    others.find(|other| world.told_of_return(*other, person).is_none())
}

/// A restored device has no name that a lost one had, among its own and towards nobody: the keys go with the name.
fn is_a_clone(world: &World, device: usize) -> Option<Violation> {
    let person = owner(device);
    let mut others = world.people.of(person).into_iter().filter(|other| *other != device);
    let known: Vec<usize> = world.people[device].known_people();
    let is_same = |other: usize| {
        world.own_id(other).is_some_and(|id| Some(id) == world.own_id(device))
            || known
                .iter()
                .any(|of| world.id_towards(other, *of).is_some_and(|id| Some(id) == world.id_towards(device, *of)))
    };
    let same = others.find(|other| is_same(*other))?;
    let text = format!("{} goes on as {}", World::name_of(device), World::name_of(same));
    Some(Violation::new(Promise::ReturnsAreTold, &[person], text))
}

fn is_apart(world: &World, one: usize, other: usize) -> bool {
    [(one, other), (other, one)]
        .iter()
        .any(|pair| world.history.blocked.contains(pair) || world.history.forgotten.contains(pair))
}

/// Returns whether the backup had a spare card of a device that the contact still uses, and that nobody else has who went on as the person.
/// Revoking a device ends all cards.
fn has_good_card(world: &World, device: usize, of: usize) -> bool {
    let person = owner(device);
    let has_revoked = world.people.of(of).into_iter().any(|other| !world.people[other].is_in_use());
    let is_used = |other: &usize| !world.history.gone.contains(other) && !world.history.long_away.contains(other);
    let mut used = world.people.in_use(of).into_iter().filter(is_used);
    let gave = |other: usize| {
        let id = world.id_towards(other, person);
        world.cards_of(device, of).any(|(from, card)| Some(from) == id && !world.has_rival_for(device, card))
    };
    !has_revoked && used.any(gave)
}

/// Returns whether what was done to a message may be known on one side only: it stood in the backup as it was then, or it was done before the
/// contact knew whom to tell. Files are in no backup.
pub(super) fn is_of_before(side: &Side<'_>, id: &MessageId, has_file: bool) -> bool {
    let world = side.world;
    let touched = world.history.touched.get(id);
    let sides = [(side.from, side.to), (side.to, side.from)];
    sides.into_iter().any(|(person, of)| {
        let Some(back) = world.came_back(person) else { return false };
        let is_older = world.history.said(id).is_none_or(|said| said.at < back);
        let was_untold = |(who, at): (&usize, &Timestamp)| {
            let told = world.told_of_return(*who, person).unwrap_or(back);
            owner(*who) == of && *at <= told.plus_seconds(HEARD_SECONDS)
        };
        is_older && (has_file || touched.is_some()) || touched.is_some_and(|touched| touched.iter().any(was_untold))
    })
}

impl World {
    /// Returns whom a person knows, and has not parted from.
    fn known_to(&self, person: usize) -> Vec<usize> {
        let known = self.acquaintances().into_iter().filter(|(who, of)| *who == person && !is_apart(self, person, *of));
        known.map(|(_, of)| of).collect()
    }

    /// Returns when a person last went on from a backup.
    pub(super) fn came_back(&self, person: usize) -> Option<Timestamp> {
        self.people.of(person).into_iter().filter_map(|device| self.people[device].came_back).max()
    }

    /// Returns the spare cards of a contact that were in the backup from which a device went on, with the ids of the devices that gave them.
    fn cards_of(&self, device: usize, of: usize) -> impl Iterator<Item = ([u8; 16], &[u8])> {
        let backup = self.people[device].restored_from.as_ref();
        let cards = backup.into_iter().flat_map(|backup| &backup.cards);
        cards.filter(move |((with, _), _)| *with == of).map(|((_, from), card)| (*from, card.as_slice()))
    }

    /// Returns whether another device that went on as the same person had this card too.
    fn has_rival_for(&self, device: usize, card: &[u8]) -> bool {
        let others =
            self.people.numbers().into_iter().filter(|other| *other != device && owner(*other) == owner(device));
        let mut backups = others.filter_map(|other| self.people[other].restored_from.as_ref());
        backups.any(|backup| backup.cards.values().any(|other| other == card))
    }

    /// Returns whether two people lost each other because one of them, or both, lost every device, and the backup had no card.
    pub(super) fn has_lost_touch(&self, one: usize, other: usize) -> bool {
        let has_lost = |person: usize, of: usize| {
            let back = self.people.in_use(person).into_iter().filter(|device| self.people[*device].came_back.is_some());
            back.into_iter().any(|device| !self.has_met_again(device, of)) || self.is_contested(person, of)
        };
        has_lost(one, other) || has_lost(other, one)
    }

    /// Returns whether a device that went on from a backup talks to a contact.
    fn has_met_again(&self, device: usize, of: usize) -> bool {
        let view = self.contact_view(device, of);
        let is_met = view.is_some_and(|view| view.restoring.is_none() && view.state == ContactState::Established);
        is_met && self.n_sessions(device, of) > 0
    }

    /// A device that was replaced while it is on, and that nobody can lock, hears from each contact that it is over.
    pub(super) fn goes_on_unawares(&self, device: usize) -> Option<Violation> {
        let person = owner(device);
        let is_whole = |of: usize| {
            let is_there = |other: &usize| {
                let history = &self.history;
                self.people[*other].is_in_use() && !history.gone.contains(other) && !history.long_away.contains(other)
            };
            self.people.of(of).iter().all(is_there)
        };
        let mut known =
            self.known_to(person).into_iter().filter(|of| is_whole(*of) && !self.has_lost_touch(person, *of));
        let of = known.find(|of| self.n_sessions(device, *of) > 0)?;
        let text = format!("{} was replaced, and goes on with {}", World::name_of(device), World::name_of(of));
        Some(Violation::new(Promise::ReturnsAreTold, &[person, of], text))
    }

    /// Returns whether somebody says that a contact goes on from a backup.
    pub(super) fn says_restored(&self, (who, of): (usize, usize)) -> bool {
        self.people.in_use(who).into_iter().any(|device| self.told_of_return(device, of).is_some())
    }

    /// Returns since when a device says that a person goes on from a backup.
    fn told_of_return(&self, device: usize, person: usize) -> Option<Timestamp> {
        self.contact_view(device, person)?.restored?.since
    }
}
