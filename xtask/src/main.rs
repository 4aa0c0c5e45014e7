//! Developer commands: `cargo xtask test`, `cargo xtask tidy` and their parts.
//!
//! This file only maps words on the command line to the modules that do the work. It runs no check itself.

mod bench;
mod cargo;
mod failure;
mod licences;
mod metadata;
mod screen;
mod sim;
mod steps;
mod tidy;
mod tools;
mod up;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    bench::BenchArgs,
    failure::Failure,
    screen::Screen,
    sim::SimArgs,
    steps::{Step, TestArgs},
    tools::Tool,
    up::UpArgs,
    web::WebArgs,
    workspace::Workspace,
};

/// Developer commands of Kith.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything that CI runs, and installs what is missing for it
    Test(TestArgs),
    /// Starts two home servers and two people, and shows the journey of one message
    Up(UpArgs),
    /// Simulates worlds in which everything goes wrong, and checks every promise; `sim --help` says more
    Sim(SimArgs),
    /// Compares a home server with other brokers in one run, and with what is aimed at
    Bench(BenchArgs),
    /// Proves what can be proved about the house: floors, absences, rule ids, sizes
    Tidy,
    /// Checks that every dependency may be used under a licence we accept
    Licences,
    /// Builds the web app, and with --test tests it in a browser
    Web(WebArgs),
    /// Checks that floors 0 to 3 build for browsers (wasm32-unknown-unknown)
    Wasm,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::from_environment();
    match run(cli.command, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failure(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, screen: &Screen) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match command {
        Command::Test(args) => steps::test(&workspace, screen, &args),
        Command::Up(args) => up::up(&workspace, screen, &args),
        Command::Sim(args) => sim::sim(&workspace, &args),
        Command::Bench(args) => bench::bench(&workspace, screen, &args),
        Command::Web(args) => web::web(&workspace, screen, &args),
        Command::Tidy => Step::Tidy.run(&workspace, screen),
        Command::Licences => Step::Licences.run(&workspace, screen),
        Command::Wasm => {
            tools::ensure(&workspace, screen, &[Tool::Clang, Tool::WasmTarget])?;
            Step::Wasm.run(&workspace, screen)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn steps_are_chosen_by_name() {
        assert!(Cli::try_parse_from(["xtask", "test", "--only", "fmt", "--only", "tidy"]).is_ok());
        assert!(Cli::try_parse_from(["xtask", "test", "--only", "everything"]).is_err());
    }
}
