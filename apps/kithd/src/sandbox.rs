//! What the process gives up before it speaks to anybody: files that are none of its business, other programs, pictures of
//! its memory, and calls to the kernel that no home server needs.
//!
//! Landlock bounds which files can be opened and which ports listened on, seccomp which system calls can be made.
//! Both hold for the process and for all threads that it starts from then on, so they come before the first. A bug that
//! lets a stranger run code in here then reaches the data folder and the network, and little else of this machine.
//! `docs/decisions/0009-sandbox-from-within.md` says why so and not otherwise, and what is left.

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod seccomp;

#[cfg(test)]
mod tests;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::config::{Config, Tls};

/// Whether the process gives anything up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Nothing is given up.
    Off,
    /// What this kernel can take is given up.
    On,
    /// The server does not start unless both are in force.
    Require,
}

/// What is in force.
pub(crate) struct Sandbox {
    landlock: Layer,
    seccomp: Layer,
    /// The file with the name servers and what it was at the start, where only that very file may be read.
    resolver: Option<(PathBuf, u64)>,
}

/// One of the two layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layer {
    /// In force; of Landlock there are versions.
    Active(Option<u32>),
    /// Asked for less.
    Off,
    /// This kernel, or kithd for this kind of computer, does not have it.
    Missing,
}

/// Why the server does not start.
#[derive(Debug, Error)]
pub(crate) enum SandboxError {
    /// It was asked for and cannot be had.
    #[error("the sandbox is required, and this system gives: {0}")]
    Missing(String),
    /// The kernel refuses.
    #[error("the kernel refuses the sandbox: {0}")]
    Refused(String),
}

/// What the server needs of this machine.
pub(crate) struct Needs {
    /// Folders in which files are read, written, made and removed.
    pub(crate) own: Vec<PathBuf>,
    /// Folders and files that are read. What is not there is not needed.
    pub(crate) read: Vec<PathBuf>,
    /// TCP ports to listen on; 0 is whichever is free.
    pub(crate) ports: Vec<u16>,
}

impl Needs {
    /// Returns what a server with this configuration needs.
    pub(crate) fn of(config: &Config) -> Self {
        let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        let mut ports = vec![config.listen.port()];
        ports.extend(config.metrics.map(|address| address.port()));
        match &config.tls {
            Some(Tls::Files { cert, key }) => read.extend([cert, key].into_iter().flat_map(|file| folders_of(file))),
            Some(Tls::Acme(acme)) => ports.push(acme.listen.port()),
            None => {}
        }
        // Where it is a link, whoever keeps it writes a new file into a folder of its own.
        read.extend(behind(Path::new(RESOLVER)).and_then(|file| file.parent().map(Path::to_owned)));
        Self { own: vec![config.data.clone()], read, ports }
    }
}

impl Sandbox {
    /// Gives up what the mode says. Comes before the first thread.
    ///
    /// # Errors
    /// What is required cannot be had.
    pub(crate) fn enter(mode: Mode, needs: &Needs) -> Result<Self, SandboxError> {
        if mode == Mode::Off {
            return Ok(Self { landlock: Layer::Off, seccomp: Layer::Off, resolver: None });
        }
        // A picture of the memory holds every key.
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
        let (landlock, seccomp) = enter(needs)?;
        let is_whole = [&landlock, &seccomp].iter().all(|layer| matches!(layer, Layer::Active(_)));
        let resolver = Path::new(RESOLVER);
        let is_alone = behind(resolver).is_none() && landlock != Layer::Missing;
        let resolver = is_alone.then(|| Some((resolver.to_owned(), inode(resolver)?))).flatten();
        let sandbox = Self { landlock, seccomp, resolver };
        if mode == Mode::Require && !is_whole {
            return Err(SandboxError::Missing(sandbox.to_string()));
        }
        Ok(sandbox)
    }

    /// Returns whether the system's list of name servers is now another file than the one that may be read.
    pub(crate) fn has_lost_the_resolver(&self) -> bool {
        self.resolver.as_ref().is_some_and(|(path, was)| inode(path).is_some_and(|is| is != *was))
    }
}

impl std::fmt::Display for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let say = |layer: &Layer| match layer {
            Layer::Active(Some(version)) => format!("version {version}"),
            Layer::Active(None) => "active".to_owned(),
            Layer::Off => "switched off".to_owned(),
            Layer::Missing => "not in this kernel".to_owned(),
        };
        write!(f, "landlock {}, seccomp {}", say(&self.landlock), say(&self.seccomp))
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn enter(needs: &Needs) -> Result<(Layer, Layer), SandboxError> {
    Ok((landlock::enter(needs)?, seccomp::enter()?))
}

/// On other processors there is no filter of system calls.
#[cfg(all(target_os = "linux", not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
fn enter(needs: &Needs) -> Result<(Layer, Layer), SandboxError> {
    Ok((landlock::enter(needs)?, Layer::Missing))
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &Needs) -> Result<(Layer, Layer), SandboxError> {
    Ok((Layer::Missing, Layer::Missing))
}

/// Returns the folder of a file, and that of the file that it leads to: authorities' programs keep links.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let at = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    [Some(at.clone()), behind(&at)].into_iter().flatten().filter_map(|file| Some(file.parent()?.to_owned())).collect()
}

/// Returns where a link leads in the end; `None` for what is no link.
fn behind(path: &Path) -> Option<PathBuf> {
    let target = std::fs::canonicalize(path).ok()?;
    (target != path).then_some(target)
}

fn inode(path: &Path) -> Option<u64> {
    Some(std::fs::metadata(path).ok()?.ino())
}

/// The system's list of name servers.
const RESOLVER: &str = "/etc/resolv.conf";

/// What the C library reads when it looks up names, and what tells how much memory this process uses.
const SYSTEM: &[&str] = &[
    RESOLVER,
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/run/systemd/resolve",
    "/proc/self",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
];
