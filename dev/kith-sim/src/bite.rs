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

/// Builds deliberate bugs in, one after the other: all, or those that show in the chosen scenarios. Returns whether all were caught, and of
/// all of them, so each promise broken.
pub(crate) fn bite(chosen: &[Scenario]) -> bool {
    let is_chosen =
        |bug: &&Sabotage| chosen.is_empty() || chosen.iter().any(|scenario| scenario.name == bug.shows_in());
    let bugs: Vec<Sabotage> = Sabotage::all().iter().filter(is_chosen).copied().collect();
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(BTreeSet::new());
    let missed = AtomicUsize::new(0);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match (catch(*bug), seen.lock()) {
                        (true, Ok(mut seen)) => drop(seen.insert(bug.promise())),
                        _ => drop(missed.fetch_add(1, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    let (missed, seen) = (missed.into_inner(), seen.into_inner().unwrap_or_default());
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

/// Returns whether a bug is caught by its own promise.
fn catch(bug: Sabotage) -> bool {
    let kept = bug.shows_in_plan().and_then(|plan| Kept::parse(plan).ok());
    let scenario = kept.as_ref().map_or_else(|| scenarios::named(bug.shows_in()), |kept| Some(kept.scenario.clone()));
    let Some(scenario) = scenario else { return false };
    let name = format!("{bug:?}");
    let mut besides = BTreeSet::new();
    for seed in (0..SEEDS).take_while(|_| !is_asked_to_end()) {
        let outcome = match &kept {
            Some(kept) => run_plan(&scenario, kept.seed.wrapping_add(seed), &kept.plan, Some(bug)),
            None => run(&scenario, seed, Some(bug)),
        };
        let broken = outcome.violations.iter().map(|violation| violation.promise);
        besides.extend(broken.filter(|promise| *promise != bug.promise()));
        if outcome.has_broken(bug.promise()) {
            say!("{name:<22} caught by seed {seed} of {}: {}{}", scenario.name, bug.promise(), listed(bug, &besides));
            return true;
        }
    }
    say!("{name:<22} NOT CAUGHT within {SEEDS} seeds of {}: {}{}", scenario.name, bug.promise(), listed(bug, &besides));
    false
}

/// Returns what the line of a bug says of the promises that it broke besides.
fn listed(bug: Sabotage, besides: &BTreeSet<Promise>) -> String {
    let word = |promise| if bug.breaks().contains(promise) { "" } else { " (which it does not say of itself)" };
    besides.iter().map(|promise| format!("; {promise}{}", word(promise))).collect()
}
