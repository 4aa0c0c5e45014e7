//! Reads what happened in a world and names every promise that was broken.
//!
//! [`after_arrival`] is asked when everything was mended and days have passed; [`at_the_end`] when weeks have passed and
//! nothing may be open any more.

mod agreement;
mod delivery;
mod secrecy;

use kith_engine::MessageView;

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

/// Two people who know each other, from the side of one.
pub(crate) struct Side<'a> {
    pub(crate) world: &'a World,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// What the writer sees.
    pub(crate) writer: Vec<MessageView>,
    /// What the reader sees.
    pub(crate) reader: Vec<MessageView>,
    /// Messages may be missing: somebody blocked somebody, or a session ended.
    pub(crate) is_excused: bool,
    /// The session between the two ended.
    pub(crate) has_ended: bool,
}

/// Checks what must hold when everything was mended and could arrive.
pub fn after_arrival(world: &World, scenario: &Scenario) -> Vec<Violation> {
    let mut found: Vec<Violation> =
        world.history.violations.iter().map(|(promise, text)| Violation::new(*promise, &[], text)).collect();
    for side in sides(world, scenario) {
        found.extend(delivery::arrived(&side));
        found.extend(agreement::agrees(&side));
    }
    if !scenario.excuses.endings {
        for (who, with, why) in &world.history.endings {
            let text = format!("{} ended a session with {}: {why:?}", World::name_of(*who), World::name_of(*with));
            found.push(Violation::new(Promise::SessionsGoOn, &[*who, *with], text));
        }
    }
    found.extend(misleading(world));
    found.extend(secrecy::check(world));
    found
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
    for side in sides(world, scenario) {
        found.extend(delivery::is_settled(&side));
        found.extend(delivery::is_not_silent(&side));
    }
    found.extend(misleading(world));
    found
}

fn sides<'a>(world: &'a World, scenario: &'a Scenario) -> impl Iterator<Item = Side<'a>> {
    world.acquaintances().into_iter().map(move |(from, to)| {
        let is_blocked = [(from, to), (to, from)].iter().any(|pair| world.history.blocked.contains(pair));
        let is_gone = [from, to].iter().any(|who| world.history.gone.contains(who));
        let concerns = |(who, with, _): &&(usize, usize, _)| (*who, *with) == (from, to) || (*who, *with) == (to, from);
        let has_ended = scenario.excuses.endings && world.history.endings.iter().any(|ending| concerns(&ending))
            || [from, to].iter().any(|who| world.history.restored.contains(who));
        Side {
            world,
            from,
            to,
            writer: world.conversation(from, to),
            reader: world.conversation(to, from),
            is_excused: is_blocked || is_gone || has_ended || scenario.excuses.expiry,
            has_ended,
        }
    })
}
