//! `cargo xtask web`: builds the web app, engine and screens, and tests it in a real browser.
//!
//! What comes out is a folder that `kithd --web` serves. The tools that only this needs are installed under `target/tools`.

mod measure;
mod twice;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    screen::Screen,
    tools::{self, Tool, WASM},
    workspace::Workspace,
};

/// What to do with the web app.
#[derive(Args, Debug)]
pub(crate) struct WebArgs {
    /// Also tests it: a browser against a real home server and a real command line
    #[arg(long)]
    test: bool,
    /// Leaves out what makes it small: for whoever works on it
    #[arg(long)]
    fast: bool,
    /// Also builds it in another folder, and compares the two
    #[arg(long)]
    twice: bool,
    /// Also measures how large and how fast it is, and writes that into docs/performance.md
    #[arg(long, conflicts_with = "fast")]
    measure: bool,
    /// How often everything is measured
    #[arg(long, value_name = "N", default_value_t = 7, requires = "measure")]
    rounds: u32,
}

/// The app's folder.
pub(crate) const APP: &str = "apps/web";
/// Where the app finds the engine. Nothing in there is written by us, and git does not see it.
const ENGINE: &str = "src/lib/worker/engine";
/// The program that makes the engine's bindings; its version must be that of the library.
const BINDGEN: &str = "wasm-bindgen";

/// Whether what makes the app small is left out: minutes of waiting, for a third more on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fast {
    /// For whoever works on it, and for tests.
    Yes,
    /// For people.
    No,
}

/// What building the app needs.
pub(crate) const NEEDED: [Tool; 3] = [Tool::Clang, Tool::WasmTarget, Tool::Node];

/// Builds the app, and does with it what was asked for.
pub(crate) fn web(workspace: &Workspace, screen: &Screen, args: &WebArgs) -> Result<(), Failure> {
    let dist = build(workspace, screen, if args.fast { Fast::Yes } else { Fast::No })?;
    screen.say(&format!("the app is in {APP}/dist; `kithd --web {APP}/dist` serves it"));
    let app = workspace.root().join(APP);
    if args.twice {
        twice::compare(workspace, screen, args.fast, &dist)?;
    }
    if args.test {
        test(workspace, screen, &app)?;
    }
    if args.measure {
        measure::measure(workspace, screen, &app, args.rounds)?;
    }
    Ok(())
}

/// Builds the app and returns the folder that a home server serves.
pub(crate) fn build(workspace: &Workspace, screen: &Screen, fast: Fast) -> Result<PathBuf, Failure> {
    tools::ensure(workspace, screen, &NEEDED)?;
    let bindgen = bindgen(workspace, screen)?;
    let app = workspace.root().join(APP);
    engine(workspace, &bindgen, &app.join(ENGINE), fast)?;
    if is_stale(&app) {
        npm(&app, &["ci", "--no-audit", "--no-fund"])?;
    }
    npm(&app, &["run", "build"])?;
    pack(&app)?;
    Ok(app.join("dist"))
}

/// What CI runs: the worker's lints, the app's own checks, and the tests in a browser.
pub(crate) fn check(workspace: &Workspace, screen: &Screen) -> Result<(), Failure> {
    cargo::run(cargo(workspace, &["clippy", "--target", WASM, "--package", "kith-web", "--", "-D", "warnings"]))?;
    build(workspace, screen, Fast::Yes)?;
    let app = workspace.root().join(APP);
    npm(&app, &["run", "check"])?;
    test(workspace, screen, &app)
}

/// Compiles the engine for browsers.
fn engine(workspace: &Workspace, bindgen: &Path, to: &Path, fast: Fast) -> Result<(), Failure> {
    let mut command = cargo(workspace, &["build", "--profile", "web", "--target", WASM, "--package", "kith-web"]);
    if fast == Fast::Yes {
        command.env("CARGO_PROFILE_WEB_LTO", "off").env("CARGO_PROFILE_WEB_CODEGEN_UNITS", "16");
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", without_own_paths(workspace)?);
    cargo::run(command)?;
    let mut command = Command::new(bindgen);
    command.args(["--target", "web", "--remove-name-section", "--remove-producers-section", "--out-dir"]).arg(to);
    command.arg(workspace.target().join(WASM).join("web/kith_web.wasm"));
    cargo::run(command)
}

/// Returns the flags that keep the folders of this machine out of what is built: places in the code are named in it, for messages of
/// failures, and the same sources shall give the same bytes wherever they lie.
fn without_own_paths(workspace: &Workspace) -> Result<String, Failure> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(workspace.root());
    let sysroot = String::from_utf8_lossy(&cargo::read(rustc)?).trim().to_owned();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let home = home.ok_or_else(|| Failure::new("it is not clear where cargo keeps sources").hint("set CARGO_HOME"))?;
    // The last one that fits counts.
    let names = [
        (home, "/cargo"),
        (workspace.root().to_owned(), "/kith"),
        (workspace.target(), "/target"),
        (Path::new(&sysroot).join("lib/rustlib/src/rust"), "/rust"),
    ];
    let flags = names.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    Ok(flags.join("\u{1f}"))
}

/// Returns `wasm-bindgen` of exactly the locked version, installed if need be.
fn bindgen(workspace: &Workspace, screen: &Screen) -> Result<PathBuf, Failure> {
    let version = locked(workspace, BINDGEN)?;
    let root = workspace.target().join("tools").join(format!("{BINDGEN}-{version}"));
    let program = root.join("bin").join(BINDGEN);
    if !program.is_file() {
        screen.say(&format!("installing: {BINDGEN} {version}"));
        let mut command = cargo(workspace, &["install", "wasm-bindgen-cli", "--version", &version, "--root"]);
        cargo::run({
            command.arg(&root);
            command
        })?;
    }
    Ok(program)
}

/// Returns the version of a package that the lock file says.
fn locked(workspace: &Workspace, package: &str) -> Result<String, Failure> {
    let path = workspace.root().join("Cargo.lock");
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    version_in(&text, package).ok_or_else(|| Failure::new(format!("{package} is not in Cargo.lock")))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Returns whether the app's own dependencies are not those that its lock file says.
fn is_stale(app: &Path) -> bool {
    let written = |name: &str| fs::metadata(app.join(name)).and_then(|about| about.modified()).ok();
    match (written("package-lock.json"), written("node_modules/.package-lock.json")) {
        (Some(wanted), Some(installed)) => installed < wanted,
        _ => true,
    }
}

/// Packs every file that gets smaller by it, as browsers can unpack it.
fn pack(app: &Path) -> Result<(), Failure> {
    let mut command = Command::new("node");
    command.args(["browser/pack.mjs", "dist"]).current_dir(app);
    cargo::run(command)
}

/// Runs the tests in a browser.
fn test(workspace: &Workspace, screen: &Screen, app: &Path) -> Result<(), Failure> {
    tools::ensure(workspace, screen, &[Tool::Chromium, Tool::Compiler, Tool::PkgConfig, Tool::OpenSsl])?;
    npm(app, &["run", "everyone"])?;
    cargo::run(cargo(workspace, &["build", "--package", "kith", "--package", "kithd"]))?;
    let mut command = Command::new("node");
    command.args(["--test", "--test-force-exit", "--test-reporter", "spec", "browser/"]).current_dir(app);
    command.env("KITH_PROGRAMS", workspace.target().join("debug")).env("KITH_WEB", app.join("dist"));
    cargo::run(command)
}

fn npm(app: &Path, words: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("npm");
    command.args(words).current_dir(app);
    cargo::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(lock, "wasm"), None);
    }
}
