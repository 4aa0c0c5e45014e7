//! What a fresh machine lacks: found, installed where that is possible, otherwise named with its command.
//!
//! System packages are installed only by root on Debian; nobody's `sudo` is used behind their back.

use std::{path::Path, process::Command};

use crate::{
    cargo::{self, cargo},
    failure::Failure,
    screen::Screen,
    workspace::Workspace,
};

/// Something that a step needs to find on the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tool {
    /// The C compiler for the C parts of native dependencies.
    Compiler,
    /// The program that tells build scripts where libraries are.
    PkgConfig,
    /// Headers of OpenSSL, which SQLCipher is built on.
    OpenSsl,
    /// The compiler that translates SQLite to WebAssembly.
    Clang,
    /// The formatter.
    Rustfmt,
    /// The linter.
    Clippy,
    /// The standard library for browsers.
    WasmTarget,
    /// The test runner.
    Nextest,
    /// A certificate authority for tests.
    Pebble,
    /// A broker of MQTT, to compare with.
    Mosquitto,
    /// A broker of NATS, to compare with.
    Nats,
    /// The sampler of Linux, to see where time goes.
    Perf,
    /// What builds the screens of the web app.
    Node,
    /// The browser that the web app is tested in.
    Chromium,
}

/// The target that stands for browsers.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// How a tool comes onto a machine.
enum Remedy {
    /// A Debian package.
    Apt(&'static str),
    /// A command that any user may run.
    Command(&'static [&'static str]),
}

impl Tool {
    /// Everything that `cargo xtask test` needs.
    pub(crate) const ALL: [Self; 10] = [
        Self::Compiler,
        Self::PkgConfig,
        Self::OpenSsl,
        Self::Clang,
        Self::Rustfmt,
        Self::Clippy,
        Self::WasmTarget,
        Self::Nextest,
        Self::Node,
        Self::Chromium,
    ];

    fn is_present(self, workspace: &Workspace) -> bool {
        let quiet = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args);
            cargo::succeeds(command)
        };
        match self {
            Self::Compiler => quiet("cc", &["--version"]),
            Self::PkgConfig => quiet("pkg-config", &["--version"]),
            Self::OpenSsl => quiet("pkg-config", &["--exists", "openssl"]),
            Self::Clang => quiet("clang", &["--version"]),
            Self::Rustfmt => cargo::succeeds(cargo(workspace, &["fmt", "--version"])),
            Self::Clippy => cargo::succeeds(cargo(workspace, &["clippy", "--version"])),
            Self::WasmTarget => has_target(workspace, WASM),
            Self::Nextest => cargo::succeeds(cargo(workspace, &["nextest", "--version"])),
            Self::Pebble => is_program("pebble") && is_program("pebble-challtestsrv"),
            Self::Mosquitto => is_program("mosquitto"),
            Self::Nats => is_program("nats-server"),
            Self::Perf => is_program("perf"),
            Self::Node => has_node() && quiet("npm", &["--version"]),
            Self::Chromium => is_program("chromium"),
        }
    }

    fn remedy(self) -> Remedy {
        match self {
            Self::Compiler => Remedy::Apt("build-essential"),
            Self::PkgConfig => Remedy::Apt("pkg-config"),
            Self::OpenSsl => Remedy::Apt("libssl-dev"),
            Self::Clang => Remedy::Apt("clang"),
            Self::Rustfmt => Remedy::Command(&["rustup", "component", "add", "rustfmt"]),
            Self::Clippy => Remedy::Command(&["rustup", "component", "add", "clippy"]),
            Self::WasmTarget => Remedy::Command(&["rustup", "target", "add", WASM]),
            Self::Nextest => Remedy::Command(&["cargo", "install", "cargo-nextest", "--locked"]),
            Self::Pebble => Remedy::Apt("pebble"),
            Self::Mosquitto => Remedy::Apt("mosquitto"),
            Self::Nats => Remedy::Apt("nats-server"),
            Self::Perf => Remedy::Apt("linux-perf"),
            Self::Node => Remedy::Apt("npm"),
            Self::Chromium => Remedy::Apt("chromium"),
        }
    }
}

/// Makes sure that all `tools` are there: installs what is missing, or says how to.
pub(crate) fn ensure(workspace: &Workspace, screen: &Screen, tools: &[Tool]) -> Result<(), Failure> {
    let mut packages = Vec::new();
    let mut commands = Vec::new();
    for tool in tools.iter().filter(|tool| !tool.is_present(workspace)) {
        match tool.remedy() {
            Remedy::Apt(package) => packages.push(package),
            Remedy::Command(command) => commands.push(command),
        }
    }
    install_packages(workspace, screen, &packages)?;
    for command in commands {
        screen.say(&format!("installing: {}", command.join(" ")));
        run_in(workspace, command)
            .map_err(|failure| failure.hint(format!("run it yourself: {}", command.join(" "))))?;
    }
    if tools.contains(&Tool::Node) && !Tool::Node.is_present(workspace) {
        return Err(Failure::new("Node is missing or too old")
            .hint(format!("the web app is built with Node {NODE} or newer, and npm: https://nodejs.org")));
    }
    // OpenSSL is asked of pkg-config, so on a bare machine both were reported missing and both are there now.
    match tools.iter().find(|tool| !tool.is_present(workspace)) {
        None => Ok(()),
        Some(tool) => Err(Failure::new(format!("{tool:?} is still missing after its installation"))
            .hint(format!("install it by hand: {}", by_hand(&tool.remedy())))),
    }
}

/// Installs `tools` where that can be done, and returns whether all are there. What needs them is left out otherwise, and this says so.
pub(crate) fn wish(workspace: &Workspace, screen: &Screen, tools: &[Tool]) -> bool {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| ensure(workspace, screen, &[**tool]).is_err()).collect();
    for tool in &missing {
        screen.say(&format!("{tool:?} is not here, and what needs it is left out ({})", by_hand(&tool.remedy())));
    }
    missing.is_empty()
}

fn install_packages(workspace: &Workspace, screen: &Screen, packages: &[&str]) -> Result<(), Failure> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    let by_hand = format!("sudo apt-get install -y {names}   (Debian's names; other systems differ)");
    if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure::new(format!("system packages are missing: {names}")).hint(by_hand));
    }
    screen.say(&format!("installing: apt-get install -y {names}"));
    run_in(workspace, &["apt-get", "update", "-qq"])?;
    let install = [&["apt-get", "install", "-y", "-qq", "--no-install-recommends"], packages].concat();
    run_in(workspace, &install).map_err(|failure| failure.hint(by_hand))
}

fn run_in(workspace: &Workspace, words: &[&str]) -> Result<(), Failure> {
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let mut command = match *program {
        "cargo" => cargo(workspace, args),
        other => {
            let mut command = Command::new(other);
            command.args(args).current_dir(workspace.root());
            command
        }
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    cargo::run(command)
}

fn by_hand(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Apt(package) => format!("sudo apt-get install -y {package}"),
        Remedy::Command(words) => words.join(" "),
    }
}

fn is_root() -> bool {
    let mut command = Command::new("id");
    command.arg("-u");
    cargo::read(command).is_ok_and(|output| output.trim_ascii() == b"0")
}

/// Returns whether a server is installed: in the path, or where Debian puts servers, which is not in everybody's path.
fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(name).is_file())
}

/// The oldest release of Node that the tools of the web app run on.
const NODE: u32 = 20;

/// Returns whether there is a Node that is new enough.
fn has_node() -> bool {
    let mut command = Command::new("node");
    command.arg("--version");
    let said = cargo::read(command).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let major = said.trim().trim_start_matches('v').split('.').next().and_then(|number| number.parse::<u32>().ok());
    major.is_some_and(|major| major >= NODE)
}

/// Returns whether the standard library for a target is installed, however it came there.
fn has_target(workspace: &Workspace, target: &str) -> bool {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", target]).current_dir(workspace.root());
    cargo::read(command)
        .ok()
        .and_then(|output| String::from_utf8(output).ok())
        .is_some_and(|folder| Path::new(folder.trim()).is_dir())
}
