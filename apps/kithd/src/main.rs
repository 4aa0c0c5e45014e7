//! The Kith home server: configuration, listeners, metrics, and one thread around the rules.
//!
//! What is decided is decided in `kith-home`, what is remembered is remembered by `kith-store`, how bytes move is
//! `kith-net`'s business. This program connects the three and holds the clock.

mod announce;
mod backup;
mod certificates;
mod cli;
mod clock;
mod commands;
mod config;
mod control;
mod data_dir;
mod duration;
mod error;
mod keeper;
mod log;
mod metrics;
mod operator;
mod outbox;
mod relay;
mod room;
mod run;
mod sandbox;
mod site;
mod store;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

use crate::announce::Voice;
use crate::cli::{Cli, Command, Configuration};
use crate::config::{Config, Home};
use crate::error::AppError;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let voice = if cli.common.json { Voice::Json } else { Voice::Human };
    match execute(&cli, voice) {
        Ok(code) => code,
        Err(error) => {
            voice.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(cli: &Cli, voice: Voice) -> Result<ExitCode, AppError> {
    if let Some(Command::Config(Configuration { check: false })) = cli.command {
        voice.config_file();
        return Ok(ExitCode::SUCCESS);
    }
    // Variables that are no text cannot be ours: all of ours are.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (config, sources) = Config::load(cli, environment, &Home::from_environment())?;
    log::start(config.log);
    if config.sandbox != sandbox::Mode::Off {
        sandbox::keep_memory_private();
    }
    match &cli.command {
        Some(Command::Config(_)) => commands::settings(&config, &sources, voice)?,
        None => run::run(config, voice)?,
        Some(Command::Status) => return commands::status(&config, voice),
        Some(Command::Invite(invite)) => commands::invite(&config, invite, voice)?,
        Some(Command::Account(account)) => commands::account(&config, account, voice)?,
        Some(Command::Backup(backup)) => commands::backup(&config, backup, voice)?,
        Some(Command::Restore(restore)) => commands::restore(restore, voice)?,
        Some(Command::Check(check)) => commands::check(&config, check, voice)?,
    }
    Ok(ExitCode::SUCCESS)
}
