//! Shrinking: the shortest plan that still breaks the same promise, so that the story is short.

use std::time::{Duration, Instant};

use crate::plan::Timed;
use crate::run::{Outcome, run_plan};
use crate::sabotage::Sabotage;
use crate::say::is_asked_to_end;
use crate::scenario::Scenario;

/// Leaves steps out for as long as the same promise is broken, for at most so long. Returns the shorter plan and its run.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    plan: Vec<Timed>,
    broken: Outcome,
    sabotage: Option<Sabotage>,
    patience: Duration,
) -> (Vec<Timed>, Outcome) {
    let Some(promise) = broken.violations.first().map(|violation| violation.promise) else { return (plan, broken) };
    let end = Instant::now() + patience;
    let (mut plan, mut outcome) = (plan, broken);
    let mut length = plan.len().div_ceil(2);
    while length > 0 && Instant::now() < end && !is_asked_to_end() {
        let mut at = 0;
        while at < plan.len() && Instant::now() < end && !is_asked_to_end() {
            let mut shorter = plan.clone();
            shorter.drain(at..(at + length).min(plan.len()));
            let tried = run_plan(scenario, seed, &shorter, sabotage);
            if tried.violations.iter().any(|violation| violation.promise == promise) {
                (plan, outcome) = (shorter, tried);
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    (plan, outcome)
}
