//! `cargo xtask web --measure`: how large and how fast the app is, as people get it. The work is done by `apps/web/measure`.

use std::path::Path;
use std::process::Command;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    screen::Screen,
    tools::{self, Tool},
    workspace::Workspace,
};

/// Where what was found is written, between two marks.
const PAPER: &str = "docs/performance.md";
/// Makes the long conversation.
const LONG_BACKUP: &str = "long_backup";

/// Builds a home server as operators run it, and what makes a long conversation, and measures the app that was built before.
pub(super) fn measure(workspace: &Workspace, screen: &Screen, app: &Path, rounds: u32) -> Result<(), Failure> {
    tools::ensure(workspace, screen, &[Tool::Chromium, Tool::Compiler, Tool::PkgConfig, Tool::OpenSsl])?;
    screen.begin("build", "kithd for release, and who writes to the app; the first time takes some minutes");
    cargo::run(cargo(workspace, &["build", "--quiet", "--release", "--package", "kithd"]))?;
    cargo::run(cargo(workspace, &["build", "--quiet", "--package", "kith"]))?;
    cargo::run(cargo(workspace, &["build", "--quiet", "--package", "kith-client", "--example", LONG_BACKUP]))?;
    screen.begin("measure", "an otherwise idle machine gives numbers that mean something");
    let target = workspace.target();
    let mut command = Command::new("node");
    command.arg("measure/measure.mjs").current_dir(app);
    command.env("KITH_ROUNDS", rounds.to_string()).env("KITH_PAPER", workspace.root().join(PAPER));
    command.env("KITH_PROGRAMS", target.join("debug")).env("KITHD", target.join("release/kithd"));
    command.env("KITH_LONG_BACKUP", target.join("debug/examples").join(LONG_BACKUP));
    command.env("KITH_WEB", app.join("dist"));
    cargo::run(command)
}
