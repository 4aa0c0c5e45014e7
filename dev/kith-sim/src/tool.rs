//! The tool: seeds in, a line each, a summary, and for a failing seed the shrunk plan and its story.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum as _};

use crate::bite::bite;
use crate::device::owner;
use crate::kept::Kept;
use crate::run::{Outcome, run, run_plan, tell_panics_in_stories};
use crate::sabotage::Sabotage;
use crate::say::{end_when_asked, is_asked_to_end, say};
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
    /// Runs a plan that was kept
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "first", "scenario", "minutes", "bite"])]
    pub plan: Option<PathBuf>,
    /// Writes the plan of the first world that fails into this file, as short as it became; with --seed or --plan also of
    /// one that does not fail
    #[arg(long, value_name = "FILE", conflicts_with = "bite")]
    pub keep: Option<PathBuf>,
    /// Runs at once; as many as there are processors when absent
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Seconds for which a failing plan is made shorter
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub patience: u64,
    /// Builds a deliberate bug into every device
    #[arg(long, value_enum, value_name = "BUG")]
    pub sabotage: Option<Sabotage>,
    /// Shows that the checker bites: each deliberate bug must be caught within a hundred seeds. With --scenario only those bugs
    /// that show in it
    #[arg(long, conflicts_with_all = ["seed", "seeds", "minutes", "sabotage"])]
    pub bite: bool,
    /// Lists the scenarios and runs nothing
    #[arg(long)]
    pub list: bool,
    /// Says nothing about seeds that keep every promise
    #[arg(long, short)]
    pub quiet: bool,
}

/// How many failing worlds are told of at length.
const STORIES: usize = 3;

/// After so many worlds a long run that says nothing else says how far it is.
const WORLDS_BETWEEN_WORDS: u64 = 100;

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
    tell_panics_in_stories();
    end_when_asked();
    if args.list {
        for scenario in scenarios::all() {
            say!("{:<14} {}", scenario.name, scenario.about);
        }
        say!("{:<14} a thousand people on ten servers for a week; only by its name", "village");
        return ExitCode::SUCCESS;
    }
    if let Some(file) = &args.plan {
        return run_file(args, file);
    }
    let chosen = match chosen(&args.scenario) {
        Ok(chosen) => chosen,
        Err(unknown) => {
            eprintln!("there is no scenario called {unknown}; `cargo xtask sim --list` shows them");
            return ExitCode::from(2);
        }
    };
    if args.bite {
        let only = if args.scenario.is_empty() { &[][..] } else { &chosen };
        return if bite(only) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let total = run_all(args, &chosen);
    let mut stories: Vec<Kept> =
        total.failed.iter().take(STORIES).map(|(scenario, seed)| Kept::drawn(scenario.clone(), *seed)).collect();
    if let (true, Some(seed), Some(scenario)) = (stories.is_empty() && args.keep.is_some(), args.seed, chosen.first()) {
        stories.push(Kept::drawn(scenario.clone(), seed));
    }
    let mut is_kept = true;
    for (number, kept) in stories.into_iter().enumerate().filter(|_| !is_asked_to_end()) {
        let again = format!("--scenario {} --seed {}", kept.scenario.name, kept.seed);
        let told = tell(args, kept, &again);
        is_kept &= number > 0 || keep(args, &told);
    }
    summary(&total);
    if total.failed.is_empty() && is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a plan that was kept.
fn run_file(args: &Args, file: &Path) -> ExitCode {
    let text = std::fs::read_to_string(file).map_err(|problem| problem.to_string());
    let kept = match text.and_then(|text| Kept::parse(&text).map_err(|problem| format!("no kept plan: {problem:?}"))) {
        Ok(kept) => kept,
        Err(problem) => {
            eprintln!("{}: {problem}", file.display());
            return ExitCode::from(2);
        }
    };
    let mut total = Total::default();
    let outcome = run_plan(&kept.scenario, kept.seed, &kept.plan, args.sabotage);
    note(&mut total, &kept.scenario, kept.seed, &outcome, args.quiet);
    let told = if total.failed.is_empty() { kept } else { tell(args, kept, &format!("--plan {}", file.display())) };
    let is_kept = keep(args, &told);
    if total.failed.is_empty() && is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a plan down, if that was asked for. Returns whether it could be.
fn keep(args: &Args, kept: &Kept) -> bool {
    let Some(file) = &args.keep else { return true };
    let written = std::fs::write(file, kept.to_text("Say here what was wrong."));
    match &written {
        Ok(()) => say!("  kept: {}", file.display()),
        Err(problem) => eprintln!("{}: {problem}", file.display()),
    }
    written.is_ok()
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
                    if at >= n_seeds.saturating_mul(n_scenarios) || is_over || is_asked_to_end() {
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

/// Counts a run, and says how it went.
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
        say!(
            "{:<14} seed {seed:<6} {:>4} messages {:>4} shown {n_faults:>4} faults {:>6} steps {:>6.2} s  {verdict}",
            scenario.name,
            outcome.messages,
            outcome.shown,
            outcome.happened,
            outcome.took.as_secs_f64(),
        );
    }
    if is_quiet && total.runs.is_multiple_of(WORLDS_BETWEEN_WORDS) {
        let each = total.busy.as_secs_f64() / total.runs as f64;
        eprintln!("{} worlds, {} failed, {each:.2} core seconds each", total.runs, total.failed.len());
    }
}

fn summary(total: &Total) {
    say!();
    say!(
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
        say!("  {times:>8}  {name}");
    }
}

/// Tells the story of a failing world, as short as it can be made. Returns the plan that was told.
fn tell(args: &Args, kept: Kept, again: &str) -> Kept {
    let sabotage = args.sabotage;
    let Kept { scenario, seed, plan } = kept;
    let broken = run_plan(&scenario, seed, &plan, sabotage);
    if broken.violations.is_empty() {
        say!("\n{} seed {seed} keeps every promise now", scenario.name);
        return Kept { scenario, seed, plan };
    }
    say!("\n{} seed {seed}: looking for the shortest plan that breaks it …", scenario.name);
    let (plan, outcome) = shrink(&scenario, seed, plan, broken, sabotage, Duration::from_secs(args.patience));
    for violation in outcome.violations.iter().take(10) {
        say!("  broken: {}: {}", violation.promise, violation.text);
    }
    say!("  the plan:");
    for timed in plan.iter().take(60) {
        say!("    {}  {}", clock(timed.at + 20_000), timed.step);
    }
    say!("  what happened:");
    let people: Vec<usize> =
        outcome.violations.iter().flat_map(|violation| violation.people.clone()).map(owner).collect();
    let concerns = |line: &&crate::history::Line| {
        people.is_empty() || line.people.is_empty() || line.people.iter().any(|who| people.contains(&owner(*who)))
    };
    for line in outcome.lines.iter().filter(concerns).take(600) {
        say!("    {}  {}", clock(line.at.0 - crate::world::BEGINNING.0), line.text);
    }
    say!("  again: cargo xtask sim {again}{}", with_bug(sabotage));
    Kept { scenario, seed, plan }
}

/// Returns what builds the bug of a run in once more.
fn with_bug(sabotage: Option<Sabotage>) -> String {
    let name = sabotage.and_then(|bug| bug.to_possible_value());
    name.map(|name| format!(" --sabotage {}", name.get_name())).unwrap_or_default()
}

/// Writes milliseconds since the beginning as a day and a time.
fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("day {days} {:02}:{:02}:{:02}.{:03}", rest / 3600, rest / 60 % 60, rest % 60, milliseconds % 1000)
}
