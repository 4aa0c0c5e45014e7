//! What servers, the network, contacts and thieves must not get.

use std::collections::BTreeSet;

use super::Violation;
use crate::promise::Promise;
use crate::world::World;

/// Bytes in common from which two contacts could tell that they know the same person.
const TELLING: usize = 8;

/// Checks keys on the wire, what contacts have in common, and what a copy of a device opens.
pub(super) fn check(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for (who, key) in (0..world.people.len()).flat_map(|who| world.contact_keys(who)) {
        if memchr::memmem::find(&world.history.seen, &key).is_some() {
            let text = format!("a contact key of {} passed the network in clear", World::name_of(who));
            found.push(Violation::new(Promise::OnlyCiphertext, &[who], text));
        }
    }
    for who in 0..world.people.len() {
        found.extend(links(world, who));
    }
    found.extend(
        world.reopened().into_iter().map(|(who, text)| Violation::new(Promise::CopiesOpenNothing, &[who], text)),
    );
    found
}

/// What any two contacts of one person have of them must have nothing in common.
fn links(world: &World, who: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut all: Vec<(usize, BTreeSet<[u8; TELLING]>)> = Vec::new();
    for (contact, pieces) in world.what_contacts_have(who) {
        let own: BTreeSet<[u8; TELLING]> = pieces.iter().flat_map(|piece| windows(piece)).collect();
        for (other, theirs) in &all {
            if let Some(shared) = own.intersection(theirs).next() {
                let (one, two) = (World::name_of(contact), World::name_of(*other));
                let text = format!("{one} and {two} share {shared:02x?} of {}", World::name_of(who));
                found.push(Violation::new(Promise::Unlinkable, &[who, contact, *other], text));
            }
        }
        all.push((contact, own));
    }
    found
}

/// All windows of some bytes but those of zeros.
fn windows(bytes: &[u8]) -> impl Iterator<Item = [u8; TELLING]> + '_ {
    let is_telling = |window: &[u8; TELLING]| window.iter().filter(|byte| **byte != 0).count() > 3;
    bytes.windows(TELLING).filter_map(|window| window.try_into().ok()).filter(is_telling)
}
