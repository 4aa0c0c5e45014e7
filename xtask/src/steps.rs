//! The steps of `cargo xtask test`: what CI runs, in the order in which a mistake costs least time.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    licences,
    metadata::Metadata,
    screen::{Screen, in_words},
    sim, tidy,
    tools::{self, Tool, WASM},
    web,
    workspace::Workspace,
};

/// Which steps to run.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// Runs only this step; may be given several times
    #[arg(long, value_enum, value_name = "STEP")]
    only: Vec<Step>,
    /// Lists the steps and runs nothing
    #[arg(long)]
    list: bool,
}

/// One step of the test run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Step {
    /// Finds and installs what the other steps need.
    Tools,
    /// Formatting.
    Fmt,
    /// The shape of the house.
    Tidy,
    /// Licences of all dependencies.
    Licences,
    /// The linter.
    Clippy,
    /// Unit, integration and black-box tests.
    Tests,
    /// Simulated worlds.
    Sim,
    /// Examples in the documentation.
    Doc,
    /// Floors 0 to 3 for browsers.
    Wasm,
    /// The web app in a real browser.
    Web,
}

impl Step {
    /// Cheap steps first; compiling ones by what they share.
    const ALL: [Self; 10] = [
        Self::Tools,
        Self::Fmt,
        Self::Tidy,
        Self::Licences,
        Self::Clippy,
        Self::Tests,
        Self::Sim,
        Self::Doc,
        Self::Wasm,
        Self::Web,
    ];

    /// Runs the step with its title, its duration and, if it fails, a hint.
    pub(crate) fn run(self, workspace: &Workspace, screen: &Screen) -> Result<(), Failure> {
        screen.begin(self.name(), self.about());
        let started = Instant::now();
        let outcome = self.work(workspace, screen);
        let took = started.elapsed();
        match &outcome {
            Ok(()) => screen.passed(self.name(), took),
            Err(_) => screen.failed(self.name(), took),
        }
        outcome.map_err(|failure| failure.hint(self.advice()))
    }

    fn work(self, workspace: &Workspace, screen: &Screen) -> Result<(), Failure> {
        match self {
            Self::Tools => {
                // Without it, certificates from an authority are not tested.
                let _ = tools::wish(workspace, screen, &[Tool::Pebble]);
                tools::ensure(workspace, screen, &Tool::ALL)
            }
            Self::Fmt => cargo::run(cargo(workspace, &["fmt", "--all", "--check", "--", "--files-with-diff"])),
            Self::Tidy => tidy::check(workspace, screen),
            Self::Licences => licences::check(&Metadata::read(workspace)?, screen),
            Self::Clippy => {
                cargo::run(cargo(workspace, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
            }
            Self::Tests => cargo::run(cargo(workspace, &["nextest", "run", "--workspace"])),
            Self::Sim => sim::test(workspace),
            Self::Doc => cargo::run(cargo(workspace, &["test", "--workspace", "--doc", "--quiet"])),
            Self::Wasm => check_wasm(workspace),
            Self::Web => web::check(workspace, screen),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::Licences => "licences",
            Self::Clippy => "clippy",
            Self::Tests => "tests",
            Self::Sim => "sim",
            Self::Doc => "doc",
            Self::Wasm => "wasm",
            Self::Web => "web",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Tools => "what a fresh machine lacks",
            Self::Fmt => "every file is formatted",
            Self::Tidy => "floors, absences, rule ids, sizes",
            Self::Licences => "no dependency binds those who build on Kith",
            Self::Clippy => "no warning anywhere",
            Self::Tests => "all tests of the workspace",
            Self::Sim => "simulated worlds keep every promise, and deliberate bugs do not",
            Self::Doc => "the examples in the documentation",
            Self::Wasm => "floors 0 to 3 build for browsers",
            Self::Web => "the web app: its lints and texts, and Chromium against real servers and terminals",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Tools => "install it by hand, then run `cargo xtask test` again",
            Self::Fmt => "run `cargo fmt --all`",
            Self::Tidy => "each line above names the place; ARCHITECTURE.md tells why the rule exists",
            Self::Licences => "see xtask/src/licences.rs",
            Self::Clippy => "again, alone: cargo xtask test --only clippy",
            Self::Tests => "again, alone: cargo nextest run -E 'test(NAME)'",
            Self::Sim => "the last line of the story runs the failing seed again",
            Self::Doc => "again, alone: cargo test --doc -p CRATE",
            Self::Wasm => {
                "a crate of floors 0 to 3 took in something that browsers lack; `cargo tree --target \
                 wasm32-unknown-unknown -i PACKAGE` shows how"
            }
            Self::Web => "again, alone: cargo xtask web --fast --test; the names above are those of apps/web/browser",
        }
    }
}

/// Runs the chosen steps, stops at the first failure.
pub(crate) fn test(workspace: &Workspace, screen: &Screen, args: &TestArgs) -> Result<(), Failure> {
    if args.list {
        for step in Step::ALL {
            println!("{:<10} {}", step.name(), step.about());
        }
        return Ok(());
    }
    let mut durations = Vec::<(Step, Duration)>::new();
    for step in Step::ALL.into_iter().filter(|step| args.only.is_empty() || args.only.contains(step)) {
        let started = Instant::now();
        step.run(workspace, screen)?;
        durations.push((step, started.elapsed()));
    }
    let total = durations.iter().map(|(_, took)| *took).sum();
    for (step, took) in durations.iter().filter(|_| durations.len() > 1) {
        screen.say(&format!("{:<10} {:>12}", step.name(), in_words(*took)));
    }
    screen.passed("all good", total);
    Ok(())
}

/// Checks the crates of floors 0 to 3, by the same table that tidy uses.
fn check_wasm(workspace: &Workspace) -> Result<(), Failure> {
    let mut args = vec!["check", "--lib", "--target", WASM];
    for name in tidy::rooms_for_browsers() {
        args.extend(["--package", name]);
    }
    cargo::run(cargo(workspace, &args))
}
