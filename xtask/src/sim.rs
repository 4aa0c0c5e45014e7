//! `cargo xtask sim`: simulated worlds. The work is done by `dev/kith-sim`; here it is built and called.

use std::process::Command;

use clap::Args;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// What is handed on.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct SimArgs {
    /// --seed N, --seeds N, --scenario NAME, --minutes M, --list, --bite, --help …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    rest: Vec<String>,
}

/// Seeds of every scenario that a test run simulates: a number, and no time, so that the same worlds run on fast and slow machines.
const TEST_SEEDS: &str = "2";

/// Runs what was asked for, as fast as it goes and with every check.
pub(crate) fn sim(workspace: &Workspace, args: &SimArgs) -> Result<(), Failure> {
    run(workspace, "sim", &args.rest)
}

/// Runs what belongs to every test run: that the checker bites, and other seeds of all scenarios each time.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    run(workspace, "dev", &["--bite".to_owned()])?;
    let first = first_seed(workspace).to_string();
    let args = ["--quiet", "--seeds", TEST_SEEDS, "--first", &first].map(str::to_owned);
    run(workspace, "dev", &args)
}

/// Each commit tries other seeds, and the same ones wherever it is tested.
fn first_seed(workspace: &Workspace) -> u64 {
    let mut command = Command::new("git");
    command.current_dir(workspace.root()).args(["rev-parse", "--short=8", "HEAD"]);
    let name = cargo::read(command).ok().and_then(|name| String::from_utf8(name).ok());
    name.and_then(|name| u64::from_str_radix(name.trim(), 16).ok()).unwrap_or_default()
}

/// The `dev` profile is what the other tests have built already; the `sim` profile is faster.
fn run(workspace: &Workspace, profile: &str, args: &[String]) -> Result<(), Failure> {
    let mut command = cargo(workspace, &["run", "--quiet", "--profile", profile, "-p", "kith-sim", "--"]);
    command.args(args);
    cargo::run(command)
}
