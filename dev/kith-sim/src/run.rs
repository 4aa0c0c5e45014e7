//! One run: a scenario and a seed, from the first step to the verdict.

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

/// Runs a scenario from a seed.
pub fn run(scenario: &Scenario, seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    run_plan(scenario, seed, &draw(scenario, seed), sabotage)
}

/// Runs a plan.
pub fn run_plan(scenario: &Scenario, seed: u64, plan: &[Timed], sabotage: Option<Sabotage>) -> Outcome {
    let begun = Instant::now();
    // A panic anywhere in the product breaks a promise too.
    let outcome = catch_unwind(AssertUnwindSafe(|| live(scenario, seed, plan, sabotage)));
    let mut outcome = outcome.unwrap_or_else(|panic| Outcome {
        violations: vec![Violation { promise: Promise::NothingPanics, text: message(&*panic), people: Vec::new() }],
        ..Outcome::default()
    });
    outcome.took = begun.elapsed();
    outcome
}

fn live(scenario: &Scenario, seed: u64, plan: &[Timed], sabotage: Option<Sabotage>) -> Outcome {
    let _inside = sabotage.map(Sabotage::build_in);
    let mut world = World::new(scenario, seed, sabotage);
    world.live(plan, scenario.seconds);
    world.mend();
    world.let_arrive();
    let mut violations = checker::after_arrival(&world, scenario);
    if violations.is_empty() {
        world.let_expire();
        violations = checker::at_the_end(&world, scenario);
    }
    Outcome {
        violations,
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

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
