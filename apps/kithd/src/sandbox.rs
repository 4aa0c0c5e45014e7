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

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::certificates;
use crate::config::{Config, Tls};
use crate::store;

/// Whether the process gives anything up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
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
    /// Folders in which plain files are read, written, made and removed.
    pub(crate) own: Vec<PathBuf>,
    /// Folders of which it is counted how much is in them.
    pub(crate) counted: Vec<PathBuf>,
    /// Folders and files that are read. What is not there is not needed.
    pub(crate) read: Vec<PathBuf>,
    /// TCP ports to listen on; 0 is whichever is free.
    pub(crate) ports: Vec<u16>,
}

impl Needs {
    /// Returns what a server with this configuration needs. The folders that are its own have to be there already.
    ///
    /// The data folder itself is not among them: the configuration lies in it, and says at the next start what the sandbox is.
    pub(crate) fn of(config: &Config) -> Self {
        let mut own = vec![store::folder_in(&config.data)];
        let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        let mut ports = vec![config.listen.port()];
        ports.extend(config.metrics.map(|address| address.port()));
        match &config.tls {
            Some(Tls::Files { cert, key }) => read.extend(places_of([cert, key])),
            Some(Tls::Acme(acme)) => {
                own.push(certificates::folder_in(&config.data));
                ports.push(acme.listen.port());
                read.extend(acme.ca.clone());
            }
            None => {}
        }
        // Where it is a link, whoever keeps it writes a new file into a folder of its own.
        read.extend(behind(Path::new(RESOLVER)).and_then(|file| file.parent().map(Path::to_owned)));
        Self { own, counted: vec![config.data.clone()], read, ports }
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
            Layer::Active(Some(version)) => format!("version {version}{}", landlock_lacks(*version)),
            Layer::Active(None) => "active".to_owned(),
            Layer::Off => "switched off".to_owned(),
            Layer::Missing => "not in this kernel".to_owned(),
        };
        write!(f, "landlock {}, seccomp {}", say(&self.landlock), say(&self.seccomp))
    }
}

/// Returns what Landlock does not bound in its early versions: files could be shortened before 3 (Linux 6.2), and any port listened on
/// before 4 (Linux 6.7).
const fn landlock_lacks(version: u32) -> &'static str {
    match version {
        0..3 => " (ports and the shortening of files not bounded)",
        3 => " (ports not bounded)",
        _ => "",
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

/// Sees that nobody gets a picture of the memory, which holds every key: neither on the disk, should the process die, nor
/// another process of the same user while it lives. For every command that reads the store, and before it does.
pub(crate) fn keep_memory_private() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Returns what may be read so that certificate and key can be read again when they are new: the folders in which they, and
/// the files that they are links to, lie, because authorities' programs put new files in the place of old ones. A folder that
/// has folders in it is somebody's home, or a system's, and holds more than certificates: of that one the files alone.
fn places_of(files: [&PathBuf; 2]) -> BTreeSet<PathBuf> {
    let at = files.into_iter().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    at.flat_map(|file| [behind(&file), Some(file)]).flatten().map(|file| place_of(&file)).collect()
}

fn place_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if holds_files_alone(folder) => folder.to_owned(),
        _ => {
            tracing::warn!(
                "a certificate lies in a folder with folders in it: it cannot be read again when it is replaced by another file"
            );
            file.to_owned()
        }
    }
}

fn holds_files_alone(folder: &Path) -> bool {
    // What is behind a link is not in the folder.
    let is_folder = |entry: std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    std::fs::read_dir(folder).is_ok_and(|mut entries| !entries.any(|entry| entry.is_ok_and(is_folder)))
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
