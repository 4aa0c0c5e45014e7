//! `cargo xtask bench`: a home server beside others. The work is done by `dev/kith-bench`; here everything is built and installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    screen::Screen,
    tools::{self, Tool},
    workspace::Workspace,
};

/// What is measured, and where it is written.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Takes a minute instead of ten; shows that everything works, and little more
    #[arg(long)]
    quick: bool,
    /// Only these parts: accept, rules, latency, idle, scale, crash (separated by commas)
    #[arg(long, value_name = "NAMES")]
    only: Option<String>,
    /// Also writes every value as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also writes tables and plots; docs/performance is where those of the last full run are kept
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Measures this program instead of building one
    #[arg(long, value_name = "FILE")]
    kithd: Option<PathBuf>,
    /// Queues of the largest server; a million takes some minutes more
    #[arg(long, value_name = "N")]
    queues: Option<usize>,
    /// Frames that wait in the fullest server
    #[arg(long, value_name = "N")]
    backlog: Option<usize>,
    /// Times that a server is killed under load
    #[arg(long, value_name = "N")]
    kills: Option<usize>,
    /// Turns that every contender gets
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Instead of comparing, draws where the server's processor time goes
    #[arg(long, value_name = "FILE.svg")]
    flame: Option<PathBuf>,
    /// What it does meanwhile: accept deposits, or drain them
    #[arg(long, value_name = "accept|drain", default_value = "accept", requires = "flame")]
    flame_of: String,
}

/// Builds the server and the benchmark for release and runs the comparison.
pub(crate) fn bench(workspace: &Workspace, screen: &Screen, args: &BenchArgs) -> Result<(), Failure> {
    if let Some(picture) = &args.flame {
        return flame(workspace, screen, picture, &args.flame_of);
    }
    tools::ensure(workspace, screen, &[Tool::Compiler, Tool::PkgConfig, Tool::Mosquitto, Tool::Nats])?;
    screen.begin("build", "kithd and kith-bench for release; the first time takes some minutes");
    // Apart: in one call features are united, and the server would be another one than operators run.
    if args.kithd.is_none() {
        cargo::run(cargo(workspace, &["build", "--quiet", "--release", "--package", "kithd"]))?;
    }
    cargo::run(cargo(workspace, &["build", "--quiet", "--release", "--package", "kith-bench"]))?;
    screen.begin("bench", "an otherwise idle machine gives numbers that mean something");
    let built = workspace.target().join("release");
    let mut command = Command::new(built.join("kith-bench"));
    command.arg("serve").arg("--kithd").arg(args.kithd.clone().unwrap_or_else(|| built.join("kithd")));
    if args.quick {
        command.arg("--quick");
    }
    for (name, value) in
        [("--only", args.only.clone().map(PathBuf::from)), ("--json", args.json.clone()), ("--out", args.out.clone())]
    {
        if let Some(value) = value {
            command.arg(name).arg(value);
        }
    }
    for (name, value) in
        [("--queues", args.queues), ("--backlog", args.backlog), ("--kills", args.kills), ("--rounds", args.rounds)]
    {
        if let Some(value) = value {
            command.arg(name).arg(value.to_string());
        }
    }
    cargo::run(command)
}

/// Builds a server whose stacks can be walked, in a folder of its own, and draws where its time goes.
fn flame(workspace: &Workspace, screen: &Screen, picture: &Path, of: &str) -> Result<(), Failure> {
    tools::ensure(workspace, screen, &[Tool::Compiler, Tool::PkgConfig, Tool::Perf])?;
    screen.begin("build", "kithd with frame pointers, and kith-bench; the first time takes some minutes");
    let folder = workspace.target().join("flame");
    let mut server = cargo(workspace, &["build", "--quiet", "--release", "--package", "kithd", "--target-dir"]);
    server.arg(&folder).env("RUSTFLAGS", "-Cforce-frame-pointers=yes");
    server.env("CARGO_PROFILE_RELEASE_STRIP", "none").env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    cargo::run(server)?;
    cargo::run(cargo(workspace, &["build", "--quiet", "--release", "--package", "kith-bench"]))?;
    screen.begin("flame", "an otherwise idle machine shows most");
    let mut command = Command::new(workspace.target().join("release/kith-bench"));
    command.arg("flame").arg(of).arg(folder.join("release/kithd")).arg(picture);
    cargo::run(command)
}
