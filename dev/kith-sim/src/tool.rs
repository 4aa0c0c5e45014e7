//! The tool: seeds in, a line each, a summary, and for a failing seed the shrunk plan and its story.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::plan::draw;
use crate::promise::Promise;
use crate::run::{Outcome, run};
use crate::sabotage::Sabotage;
use crate::scenario::Scenario;
use crate::scenarios;
use crate::shrink::shrink;

/// Runs simulated worlds and checks every promise.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim", max_term_width = 100)]
pub struct Args {
    /// Runs this one seed, and tells its story
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub seed: Option<u64>,
    /// Runs so many seeds of each scenario
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub first: u64,
    /// Runs only this scenario; may be given several times
    #[arg(long, value_name = "NAME")]
    pub scenario: Vec<String>,
    /// Stops after so many minutes
    #[arg(long, value_name = "M")]
    pub minutes: Option<u64>,
    /// Runs at once; as many as there are processors when absent
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Builds a deliberate bug into every device
    #[arg(long, value_enum, value_name = "BUG")]
    pub sabotage: Option<Sabotage>,
    /// Shows that the checker bites: each deliberate bug must be caught within a hundred seeds
    #[arg(long, conflicts_with_all = ["seed", "seeds", "minutes", "sabotage"])]
    pub bite: bool,
    /// Lists the scenarios and runs nothing
    #[arg(long)]
    pub list: bool,
    /// Says nothing about seeds that keep every promise
    #[arg(long, short)]
    pub quiet: bool,
}

/// How long a failing plan is made shorter.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all runs did together.
#[derive(Default)]
struct Total {
    runs: u64,
    messages: u64,
    bytes: u64,
    virtual_seconds: u64,
    busy: Duration,
    faults: BTreeMap<&'static str, u64>,
    failed: Vec<(Scenario, u64)>,
}

/// Runs what was asked for.
pub fn main(args: &Args) -> ExitCode {
    if args.list {
        scenarios::all().iter().for_each(|scenario| println!("{:<14} {}", scenario.name, scenario.about));
        println!("{:<14} a thousand people on ten servers for a week; only by its name", "village");
        return ExitCode::SUCCESS;
    }
    if args.bite {
        return bite();
    }
    let chosen = match chosen(&args.scenario) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            eprintln!("there is no scenario called {unknown}; `cargo xtask sim --list` shows them");
            return ExitCode::from(2);
        }
    };
    let total = run_all(args, &chosen);
    for (scenario, seed) in total.failed.iter().take(3) {
        tell(scenario, *seed, args.sabotage);
    }
    summary(&total);
    if total.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn chosen(names: &[String]) -> Result<Vec<Scenario>, &String> {
    if names.is_empty() {
        return Ok(scenarios::all());
    }
    names.iter().map(|name| scenarios::named(name).ok_or(name)).collect()
}

fn run_all(args: &Args, chosen: &[Scenario]) -> Total {
    let (first, n_seeds) = match (args.seed, args.seeds, args.minutes) {
        (Some(seed), ..) => (seed, 1),
        (None, Some(n_seeds), _) => (args.first, n_seeds),
        (None, None, Some(_)) => (args.first, u64::MAX / 1_000),
        (None, None, None) => (args.first, 5),
    };
    let end = args.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let n_scenarios = chosen.len() as u64;
    let next = AtomicU64::new(0);
    let total = Mutex::new(Total::default());
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = end.is_some_and(|end| Instant::now() >= end);
                    if at >= n_seeds.saturating_mul(n_scenarios) || is_over {
                        return;
                    }
                    let seed = first + at / n_scenarios;
                    let Some(scenario) = chosen.get((at % n_scenarios) as usize) else { return };
                    let outcome = run(scenario, seed, args.sabotage);
                    if let Ok(mut total) = total.lock() {
                        note(&mut total, scenario, seed, &outcome, args.quiet);
                    }
                }
            });
        }
    });
    total.into_inner().unwrap_or_default()
}

fn note(total: &mut Total, scenario: &Scenario, seed: u64, outcome: &Outcome, is_quiet: bool) {
    total.runs += 1;
    total.messages += outcome.messages;
    total.bytes += outcome.bytes;
    total.virtual_seconds += outcome.virtual_seconds;
    total.busy += outcome.took;
    for (name, times) in &outcome.faults {
        *total.faults.entry(name).or_default() += times;
    }
    let n_faults: u64 = outcome.faults.values().sum();
    let verdict = match outcome.violations.first() {
        None => "kept every promise".to_owned(),
        Some(violation) => format!("BROKE \"{}\": {}", violation.promise, violation.text),
    };
    if !outcome.violations.is_empty() {
        total.failed.push((scenario.clone(), seed));
    }
    if !is_quiet || !outcome.violations.is_empty() {
        println!(
            "{:<14} seed {seed:<6} {:>4} messages {:>4} shown {n_faults:>4} faults {:>6} steps {:>6.2} s  {verdict}",
            scenario.name,
            outcome.messages,
            outcome.shown,
            outcome.happened,
            outcome.took.as_secs_f64(),
        );
    }
}

/// Builds each deliberate bug in, one after the other.
fn bite() -> ExitCode {
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(0);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = Sabotage::all().get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if !catch(*bug) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if failed.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Seeds within which a deliberate bug must be caught.
const SEEDS_TO_BITE: u64 = 100;

fn catch(bug: Sabotage) -> bool {
    let Some(scenario) = scenarios::named(bug.shows_in()) else { return false };
    let mut besides = BTreeSet::new();
    for seed in 0..SEEDS_TO_BITE {
        let outcome = run(&scenario, seed, Some(bug));
        let broken = outcome.violations.iter().map(|violation| violation.promise);
        besides.extend(broken.filter(|promise| *promise != bug.promise()));
        if outcome.has_broken(bug.promise()) {
            let seen: Vec<String> = besides.iter().map(|promise| listed(bug, *promise)).collect();
            println!("{bug:<22?} caught by seed {seed} of {}: {}{}", scenario.name, bug.promise(), seen.concat());
            return true;
        }
    }
    println!("{bug:<22?} NOT CAUGHT within {SEEDS_TO_BITE} seeds of {}: {}; {besides:?}", scenario.name, bug.promise());
    false
}

/// Returns what the line of a bug says of a promise that it broke besides.
fn listed(bug: Sabotage, promise: Promise) -> String {
    let is_known = bug.breaks().contains(&promise);
    format!("; {promise}{}", if is_known { "" } else { " (not listed)" })
}

fn summary(total: &Total) {
    println!();
    println!(
        "{} runs, {} failed; {} messages, {} MB on the wire, {} virtual days in {:.0} s of work ({:.0} virtual seconds in a second)",
        total.runs,
        total.failed.len(),
        total.messages,
        total.bytes / 1_000_000,
        total.virtual_seconds / 86_400,
        total.busy.as_secs_f64(),
        total.virtual_seconds as f64 / total.busy.as_secs_f64().max(f64::EPSILON),
    );
    for (name, times) in &total.faults {
        println!("  {times:>8}  {name}");
    }
}

/// Tells the story of a failing seed, as short as it can be made.
fn tell(scenario: &Scenario, seed: u64, sabotage: Option<Sabotage>) {
    println!("\n{} seed {seed}: looking for the shortest plan that breaks it …", scenario.name);
    let plan = draw(scenario, seed);
    let broken = run(scenario, seed, sabotage);
    if broken.violations.is_empty() {
        println!("it does not fail again: what failed depends on keys, which Olm draws anew");
        return;
    }
    let (plan, outcome) = shrink(scenario, seed, plan, broken, sabotage, PATIENCE);
    for violation in outcome.violations.iter().take(10) {
        println!("  broken: {}: {}", violation.promise, violation.text);
    }
    println!("  the plan:");
    for timed in plan.iter().take(60) {
        println!("    {}  {}", clock(timed.at + 20_000), timed.step);
    }
    println!("  what happened:");
    let people: Vec<usize> = outcome.violations.iter().flat_map(|violation| violation.people.clone()).collect();
    let concerns = |line: &&crate::history::Line| {
        people.is_empty() || line.people.is_empty() || line.people.iter().any(|who| people.contains(who))
    };
    for line in outcome.lines.iter().filter(concerns).take(150) {
        println!("    {}  {}", clock(line.at.0 - crate::world::BEGINNING.0), line.text);
    }
    println!("  again: cargo xtask sim --scenario {} --seed {seed}", scenario.name);
}

/// Writes milliseconds since the beginning as a day and a time.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("day {days} {:02}:{:02}:{:02}.{:03}", rest / 3600, rest / 60 % 60, rest % 60, milliseconds % 1000)
}
