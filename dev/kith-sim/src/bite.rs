//! Shows that the checker bites: each deliberate bug must be caught, by the promise for which it is there.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kept::Kept;
use crate::promise::Promise;
use crate::run::{run, run_plan};
use crate::sabotage::Sabotage;
use crate::say::{is_asked_to_end, say};
use crate::scenario::Scenario;
use crate::scenarios;

/// Seeds within which a deliberate bug must be caught.
const SEEDS: u64 = 100;

/// What became of a deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// Its own promise was seen broken.
    Caught,
    /// It went through all seeds.
    Missed,
    /// Somebody wanted the end before all seeds were run.
    NotTried,
}

/// Builds deliberate bugs in, one after the other: all, or those that show in the chosen scenarios. Returns whether all were caught, and of
/// all of them, so each promise broken. Whoever interrupts it is told what was not tried, which is no success.
pub(crate) fn bite(chosen: &[Scenario]) -> bool {
    bite_until(chosen, is_asked_to_end)
}

fn bite_until(chosen: &[Scenario], is_over: impl Fn() -> bool + Sync) -> bool {
    let is_chosen =
        |bug: &&Sabotage| chosen.is_empty() || chosen.iter().any(|scenario| scenario.name == bug.shows_in());
    let bugs: Vec<Sabotage> = Sabotage::all().iter().filter(is_chosen).copied().collect();
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(BTreeSet::new());
    let (missed, not_tried) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match (catch(*bug, &is_over), seen.lock()) {
                        (Bug::Caught, Ok(mut seen)) => drop(seen.insert(bug.promise())),
                        (Bug::NotTried, _) => drop(not_tried.fetch_add(1, Ordering::Relaxed)),
                        _ => drop(missed.fetch_add(1, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    let (missed, not_tried) = (missed.into_inner(), not_tried.into_inner());
    let seen = seen.into_inner().unwrap_or_default();
    if not_tried > 0 {
        say!("{} bugs, {missed} missed, {not_tried} NOT TRIED: interrupted", bugs.len());
        return false;
    }
    let unseen: Vec<String> = Promise::all()
        .iter()
        .filter(|promise| chosen.is_empty() && !seen.contains(promise))
        .map(|promise| format!("; NOT \"{promise}\""))
        .collect();
    say!(
        "{} bugs, {missed} missed; {} of {} promises broken{}",
        bugs.len(),
        seen.len(),
        Promise::all().len(),
        unseen.concat()
    );
    missed == 0 && unseen.is_empty() && !bugs.is_empty()
}

/// Looks whether a bug is caught by its own promise.
fn catch(bug: Sabotage, is_over: impl Fn() -> bool) -> Bug {
    let kept = bug.shows_in_plan().and_then(|plan| Kept::parse(plan).ok());
    let scenario = kept.as_ref().map_or_else(|| scenarios::named(bug.shows_in()), |kept| Some(kept.scenario.clone()));
    let Some(scenario) = scenario else { return Bug::Missed };
    let name = format!("{bug:?}");
    let mut besides = BTreeSet::new();
    for seed in 0..SEEDS {
        if is_over() {
            say!("{name:<22} not tried with more than {seed} of {SEEDS} seeds of {}", scenario.name);
            return Bug::NotTried;
        }
        let outcome = match &kept {
            Some(kept) => run_plan(&scenario, kept.seed.wrapping_add(seed), &kept.plan, Some(bug)),
            None => run(&scenario, seed, Some(bug)),
        };
        let broken = outcome.violations.iter().map(|violation| violation.promise);
        besides.extend(broken.filter(|promise| *promise != bug.promise()));
        if outcome.has_broken(bug.promise()) {
            say!("{name:<22} caught by seed {seed} of {}: {}{}", scenario.name, bug.promise(), listed(bug, &besides));
            return Bug::Caught;
        }
    }
    say!("{name:<22} NOT CAUGHT within {SEEDS} seeds of {}: {}{}", scenario.name, bug.promise(), listed(bug, &besides));
    Bug::Missed
}

/// Returns what the line of a bug says of the promises that it broke besides.
fn listed(bug: Sabotage, besides: &BTreeSet<Promise>) -> String {
    let word = |promise| if bug.breaks().contains(promise) { "" } else { " (which it does not say of itself)" };
    besides.iter().map(|promise| format!("; {promise}{}", word(promise))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_that_nobody_had_the_time_to_try_is_neither_caught_nor_missed() {
        let bug = Sabotage::all()[0];
        assert_eq!(catch(bug, || true), Bug::NotTried);
        let scenario = scenarios::named(bug.shows_in()).unwrap();
        assert!(!bite_until(&[scenario], || true), "what was not tried is no success");
    }
}
