//! What servers, the network, contacts and thieves must not get.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Violation;
use crate::device::{is_strange, owner};
use crate::promise::Promise;
use crate::world::{BEGINNING, World};

/// Bytes in common from which two contacts could tell that they know the same person.
const TELLING: usize = 8;
/// What stands before a number of two bytes, and before a length of two bytes (RFC 8949, section 3).
const CBOR_U16: u8 = 0x19;
const CBOR_BYTES: u8 = 0x59;
/// Longer than any string in what is compared.
const LONGEST: u16 = 8_192;
/// Days before and after a world that may stand in a list.
const DAYS: u32 = 400;
/// People whose contacts are compared at most: all but in a village.
const MOST_COMPARED: usize = 12;

/// Checks keys on the wire, what contacts have in common, and what a copy of a device opens.
pub(super) fn check(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    for (who, key) in world.people.numbers().into_iter().flat_map(|who| world.contact_keys(who)) {
        if memchr::memmem::find(&world.history.seen, &key).is_some() {
            let text = format!("a contact key of {} passed the network in clear", World::name_of(who));
            found.push(Violation::new(Promise::OnlyCiphertext, &[who], text));
        }
    }
    found.extend(links(world));
    found.extend(
        world.reopened().into_iter().map(|(who, text)| Violation::new(Promise::CopiesOpenNothing, &[who], text)),
    );
    found
}

/// What any two contacts of one person keep of them has nothing in common but what is declared, and what they keep of other
/// people too, which is the form of things.
fn links(world: &World) -> Vec<Violation> {
    let holders: Vec<usize> = world.people.numbers().into_iter().filter(|who| !is_strange(*who)).collect();
    let people: BTreeSet<usize> = holders.iter().map(|who| owner(*who)).collect();
    if people.len() > MOST_COMPARED {
        return Vec::new();
    }
    let declared = world.declared();
    let days = BEGINNING.day().0.saturating_sub(DAYS)..world.now.day().0.saturating_add(DAYS);
    // By whom, of whom.
    let kept = |holder, of| windows(&without(world.kept_of(holder, of), &declared, &days));
    let all: BTreeMap<usize, BTreeMap<usize, BTreeSet<_>>> =
        holders.iter().map(|holder| (*holder, people.iter().map(|of| (*of, kept(*holder, *of))).collect())).collect();
    let mut found = Vec::new();
    for of in &people {
        let is_form = |window: &[u8; TELLING]| {
            let others = all.values().flat_map(|kept| kept.iter().filter(|(who, _)| *who != of));
            others.into_iter().any(|(_, kept)| kept.contains(window))
        };
        let pairs = holders.iter().flat_map(|one| holders.iter().map(move |other| (*one, *other)));
        for (one, other) in pairs.filter(|(one, other)| owner(*one) < owner(*other)) {
            let shared = all[&one][of].intersection(&all[&other][of]).find(|window| !is_form(window));
            if let Some(shared) = shared {
                let (one_name, other_name) = (World::name_of(one), World::name_of(other));
                let text = format!("{one_name} and {other_name} share {shared:02x?} of {}", World::name_of(*of));
                found.push(Violation::new(Promise::Unlinkable, &[*of, one, other], text));
            }
        }
    }
    found
}

/// Blots out what is declared wherever it stands, and what is form: days, on which lists begin and end for many, and lengths.
fn without(mut pieces: Vec<Vec<u8>>, declared: &[Vec<u8>], days: &Range<u32>) -> Vec<Vec<u8>> {
    for piece in &mut pieces {
        for known in declared {
            let places: Vec<usize> = memchr::memmem::find_iter(piece, known).collect();
            places.into_iter().for_each(|at| piece[at..at + known.len()].fill(0));
        }
        let is_form = |at: &usize| {
            let number = u16::from_be_bytes([piece[at + 1], piece[at + 2]]);
            let is_day = piece[*at] == CBOR_U16 && days.contains(&u32::from(number));
            is_day || piece[*at] == CBOR_BYTES && number < LONGEST
        };
        let found: Vec<usize> = (0..piece.len().saturating_sub(2)).filter(is_form).collect();
        found.into_iter().for_each(|at| piece[at..at + 3].fill(0));
    }
    pieces
}

/// All windows of some pieces but those that are mostly zeros.
fn windows(pieces: &[Vec<u8>]) -> BTreeSet<[u8; TELLING]> {
    let is_telling = |window: &[u8; TELLING]| window.iter().filter(|byte| **byte != 0).count() > 5;
    let all = pieces.iter().flat_map(|piece| piece.windows(TELLING));
    all.filter_map(|window| window.try_into().ok()).filter(is_telling).collect()
}
