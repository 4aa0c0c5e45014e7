//! The simulator itself: the same seed gives the same run, failing plans become short, and what once failed is run for ever.

use std::path::Path;
use std::time::Duration;

use kith_sim::kept::Kept;
use kith_sim::plan::draw;
use kith_sim::promise::Promise;
use kith_sim::run::{Outcome, run, run_plan};
use kith_sim::sabotage::Sabotage;
use kith_sim::scenario::{Fault, HOUR, Habits, MINUTE, Scenario};
use kith_sim::scenarios;
use kith_sim::shrink::shrink;

/// Plans of worlds that broke a promise once; what was wrong stands in each.
const PLANS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans");

fn kept(file: &Path) -> Kept {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("# "), "{file:?} does not say why it is kept");
    Kept::parse(&text).unwrap_or_else(|problem| panic!("{file:?}: {problem:?}"))
}

/// Runs a plan with its own luck, and then with others: what the network and disks draw depends on more than the plan.
fn lives(kept: &Kept, n_lives: u64, bug: Option<Sabotage>) -> impl Iterator<Item = Outcome> {
    (0..n_lives).map(move |n| run_plan(&kept.scenario, kept.seed + n, &kept.plan, bug))
}

#[test]
fn plans_that_failed_once_keep_every_promise() {
    let mut n_plans = 0;
    for entry in std::fs::read_dir(PLANS).unwrap() {
        let file = entry.unwrap().path();
        for outcome in lives(&kept(&file), 3, None) {
            assert_eq!(outcome.violations, [], "{file:?}");
            assert!(outcome.messages > 0, "{file:?}");
        }
        n_plans += 1;
    }
    assert!(n_plans >= 5, "{n_plans} plans are kept");
}

/// Otherwise a kept plan would be a world like any other.
#[test]
fn plans_that_failed_once_fail_again_with_what_was_wrong() {
    let mended = [
        ("connections-that-were-forgotten", Sabotage::ClosesAreForgotten),
        ("what-waited-was-not-said", Sabotage::LostAcksStayLost),
        ("devices-that-never-met", Sabotage::NothingIsPassedOn),
    ];
    for (name, bug) in mended {
        let kept = kept(&Path::new(PLANS).join(name).with_extension("plan"));
        let breaks = |outcome: Outcome| outcome.violations.iter().any(|broken| bug.breaks().contains(&broken.promise));
        assert!(lives(&kept, 20, Some(bug)).any(breaks), "{name} is a world like any other now");
    }
}

#[test]
fn two_runs_of_one_seed_agree_in_every_arrival_time_and_size() {
    for name in ["crashes", "meddling", "operators"] {
        let scenario = scenarios::named(name).unwrap();
        let (one, two) = (run(&scenario, 11, None), run(&scenario, 11, None));
        assert_eq!((one.trace, one.happened, one.bytes), (two.trace, two.happened, two.bytes), "{name}");
        assert_ne!(one.trace, run(&scenario, 12, None).trace, "{name}: another seed is another world");
    }
}

#[test]
fn a_scenario_is_a_few_lines() {
    let scenario = Scenario::named("tunnel", "a train with two phones goes through tunnels")
        .for_seconds(6 * HOUR)
        .doing(Habits { say: Some(30 * MINUTE), burst: 2, ..Habits::default() })
        .hit_by(Fault::Partition(3 * MINUTE), 15 * MINUTE);
    let outcome = run(&scenario, 1, None);
    assert_eq!(outcome.violations, []);
    assert!(outcome.messages > 5 && outcome.shown == outcome.messages, "{outcome:?}");
    assert!(outcome.faults["device cut off"] > 5);
}

#[test]
fn a_failing_plan_becomes_short() {
    let scenario = scenarios::named("calm").unwrap();
    let plan = draw(&scenario, 3);
    let broken = run_plan(&scenario, 3, &plan, Some(Sabotage::EditsAreLost));
    assert!(!broken.violations.is_empty());
    let before = plan.len();
    let (shorter, outcome) = shrink(&scenario, 3, plan, broken, Some(Sabotage::EditsAreLost), Duration::from_secs(20));
    assert!(shorter.len() * 2 < before, "{} of {before} steps", shorter.len());
    assert_eq!(outcome.violations[0].promise, Promise::Agreement);
}

#[test]
fn every_scenario_draws_faults_from_its_seed_and_nothing_else() {
    for scenario in scenarios::all() {
        let plan = draw(&scenario, 5);
        assert_eq!(plan, draw(&scenario, 5), "{}", scenario.name);
        assert_ne!(plan, draw(&scenario, 6), "{}", scenario.name);
        assert!(plan.windows(2).all(|pair| pair[0].at <= pair[1].at), "{}", scenario.name);
    }
}
