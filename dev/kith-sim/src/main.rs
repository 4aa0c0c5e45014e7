//! `kith-sim`: runs scenarios from seeds and tells what broke. Usually called by `cargo xtask sim`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    kith_sim::tool::main(&kith_sim::tool::Args::parse())
}
