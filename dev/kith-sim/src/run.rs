//! One run: a scenario and a seed, from the first step to the verdict.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::checker::{self, Violation};
use crate::history::Line;
use crate::plan::{Timed, draw};
use crate::promise::Promise;
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::world::{BEGINNING, World};

/// What became of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Broken promises.
    pub violations: Vec<Violation>,
    /// The story.
    pub lines: Vec<Line>,
    /// Messages that people wrote.
    pub messages: u64,
    /// Messages that people were shown.
    pub shown: u64,
    /// Faults, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Bytes that passed the network.
    pub bytes: u64,
    /// Things that happened.
    pub happened: u64,
    /// Seconds that passed in the world.
    pub virtual_seconds: u64,
    /// Time that the run took.
    pub took: Duration,
    /// A digest of every arrival with its time and size: the same for every run of the same plan.
    pub trace: u64,
}

impl Outcome {
    /// Returns whether a promise was broken.
    pub fn has_broken(&self, promise: Promise) -> bool {
        self.violations.iter().any(|violation| violation.promise == promise)
    }
}

/// Runs a scenario from a seed.
pub fn run(scenario: &Scenario, seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    run_plan(scenario, seed, &draw(scenario, seed), sabotage)
}

/// Runs a plan.
pub fn run_plan(scenario: &Scenario, seed: u64, plan: &[Timed], sabotage: Option<Sabotage>) -> Outcome {
    let begun = Instant::now();
    let _inside = sabotage.map(Sabotage::build_in);
    // A panic anywhere in the product breaks a promise too; the world stays out of it, so that the story up to then is kept.
    let mut world = None;
    IS_LIVING.set(true);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        live(world.insert(World::new(scenario, seed, sabotage)), scenario, plan, sabotage)
    }));
    IS_LIVING.set(false);
    let mut outcome = world.map(told).unwrap_or_default();
    outcome.violations = lived.unwrap_or_else(|panic| vec![panicked(&*panic)]);
    outcome.took = begun.elapsed();
    outcome
}

fn live(world: &mut World, scenario: &Scenario, plan: &[Timed], sabotage: Option<Sabotage>) -> Vec<Violation> {
    world.live(plan, scenario.seconds);
    world.mend();
    world.let_arrive();
    let violations = checker::after_arrival(world, scenario);
    // A deliberate bug has time to break what it is there for.
    let is_shown = sabotage.is_none_or(|bug| violations.iter().any(|broken| broken.promise == bug.promise()));
    if !violations.is_empty() && is_shown {
        return violations;
    }
    world.let_expire();
    let mut violations = violations;
    violations.extend(checker::at_the_end(world, scenario));
    violations
}

/// Returns what a world has to tell when it is over.
fn told(world: World) -> Outcome {
    Outcome {
        violations: Vec::new(),
        messages: world.history.said.len() as u64,
        shown: world.history.shown.len() as u64,
        bytes: world.history.n_bytes,
        happened: world.n_happened,
        virtual_seconds: world.now.seconds() - BEGINNING.seconds(),
        trace: world.history.trace_digest(),
        faults: world.history.faults,
        lines: world.history.lines,
        took: Duration::ZERO,
    }
}

thread_local! {
    /// Whether a world lives on this thread now, and where it panicked last.
    static IS_LIVING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on a panic inside a world is told in its story, with its place, and not on the way. For programs; it concerns all threads.
pub fn tell_panics_in_stories() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if IS_LIVING.get() {
            PLACE.set(panic.location().map(|place| format!(" at {place}")));
        } else {
            usual(panic);
        }
    }));
}

fn panicked(panic: &(dyn Any + Send)) -> Violation {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    let text = format!("{text}{}", PLACE.take().unwrap_or_default());
    Violation { promise: Promise::NothingPanics, text, people: Vec::new() }
}
