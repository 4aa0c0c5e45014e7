//! Reads what happened in a world and names every promise that was broken.
//!
//! [`after_arrival`] is asked when everything was mended and days have passed; [`at_the_end`] when weeks have passed and
//! nothing may be open any more.

mod agreement;
mod delivery;
mod devices;
mod restored;
mod secrecy;

use std::collections::BTreeMap;

use kith_engine::{Ended, MessageView};

use crate::device::owner;
use crate::promise::Promise;
use crate::scenario::Scenario;
use crate::world::World;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// What exactly.
    pub text: String,
    /// Whom it concerns.
    pub people: Vec<usize>,
}

impl Violation {
    fn new(promise: Promise, people: &[usize], text: impl Into<String>) -> Self {
        Self { promise, text: text.into(), people: people.to_vec() }
    }
}

/// A device of one person and one of another who know each other, from the side of one.
pub(crate) struct Side<'a> {
    pub(crate) world: &'a World,
    /// The writer's device, and whose it is.
    pub(crate) writes: usize,
    pub(crate) from: usize,
    /// The reader's.
    pub(crate) reads: usize,
    pub(crate) to: usize,
    /// What the writer sees.
    pub(crate) writer: &'a [MessageView],
    /// What the reader sees.
    pub(crate) reader: &'a [MessageView],
    /// Messages may be missing: somebody blocked somebody, or a session ended.
    pub(crate) is_excused: bool,
    /// The session between the two ended.
    pub(crate) has_ended: bool,
}

/// Conversations as devices see them: by device and by whom they are with.
type Views = BTreeMap<(usize, usize), Vec<MessageView>>;

fn views(world: &World) -> Views {
    let mut views = Views::new();
    for (person, of) in world.acquaintances() {
        for device in world.people.in_use(person) {
            views.insert((device, of), world.conversation(device, of));
        }
    }
    views
}

/// Checks what must hold when everything was mended and could arrive.
pub fn after_arrival(world: &World, scenario: &Scenario) -> Vec<Violation> {
    let mut found: Vec<Violation> =
        world.history.violations.iter().map(|(promise, text)| Violation::new(*promise, &[], text)).collect();
    let views = views(world);
    for side in sides(world, scenario, &views) {
        found.extend(delivery::arrived(&side));
        found.extend(agreement::agrees(&side));
    }
    if !scenario.excuses.endings {
        found.extend(endings(world));
    }
    found.extend(misleading(world));
    found.extend(secrecy::check(world));
    found.extend(devices::check(world, &views));
    found.extend(restored::check(world));
    found
}

/// Sessions that ended. Those with a device that was taken out do.
fn endings(world: &World) -> impl Iterator<Item = Violation> {
    let is_meant = |who: usize, with: usize, why: Ended| {
        let is_out = |device: &usize| !world.people[*device].is_in_use();
        is_out(&who) || why == Ended::Devices && world.people.of(with).iter().any(is_out)
    };
    let endings = world.history.endings.iter().filter(move |(who, with, why)| !is_meant(*who, *with, *why));
    endings.map(|(who, with, why)| {
        let text = format!("{} ended a session with {}: {why:?}", World::name_of(*who), World::name_of(*with));
        Violation::new(Promise::SessionsGoOn, &[*who, *with], text)
    })
}

fn misleading(world: &World) -> impl Iterator<Item = Violation> {
    let text = |server| format!("{server} hands out another descriptor than its own newest");
    world
        .servers_that_mislead()
        .into_iter()
        .map(move |server| Violation::new(Promise::DescriptorsAreHandedOut, &[], text(server)))
}

/// Checks what must hold when all time limits are over.
pub fn at_the_end(world: &World, scenario: &Scenario) -> Vec<Violation> {
    let mut found: Vec<Violation> =
        world.history.violations.iter().map(|(promise, text)| Violation::new(*promise, &[], text)).collect();
    let views = views(world);
    for side in sides(world, scenario, &views) {
        found.extend(delivery::is_settled(&side));
        found.extend(delivery::is_not_silent(&side));
    }
    found.extend(misleading(world));
    found
}

fn sides<'a>(world: &'a World, scenario: &Scenario, views: &'a Views) -> Vec<Side<'a>> {
    let mut sides = Vec::new();
    for (from, to) in world.acquaintances() {
        let pairs = [(from, to), (to, from)];
        let is_apart = pairs.iter().any(|pair| {
            let history = &world.history;
            history.blocked.contains(pair) || history.forgotten.contains(pair)
        });
        let is_lost = world.has_lost_touch(from, to) || world.is_not_taken(from, to) || world.is_not_taken(to, from);
        let concerns = |(who, with, _): &(usize, usize, _)| pairs.contains(&(owner(*who), *with));
        // Whoever took somebody else for a contact has said things that nobody can bring back.
        let is_contested = world.is_contested(from, to) || world.is_contested(to, from);
        let an_end = is_contested || scenario.excuses.endings && world.history.endings.iter().any(concerns);
        for writes in world.people.in_use(from) {
            for reads in world.people.in_use(to) {
                let (Some(writer), Some(reader)) = (views.get(&(writes, to)), views.get(&(reads, from))) else {
                    continue;
                };
                let is_gone = [writes, reads].iter().any(|who| world.history.gone.contains(who));
                let has_ended = an_end || [writes, reads].iter().any(|who| world.history.restored.contains(who));
                let is_excused = is_apart || is_gone || has_ended || scenario.excuses.expiry || is_lost;
                sides.push(Side { world, writes, from, reads, to, writer, reader, is_excused, has_ended });
            }
        }
    }
    sides
}
