//! The vault's folder: who owns it, who may read it, and how a file is replaced for good.
//!
//! Everything that touches files, permissions and locks is here and in the two files below: a native file system, and a
//! browser's private one with the same few operations. Nothing here knows keys or what the files mean.

#[cfg(any(target_family = "wasm", test))]
#[cfg_attr(
    not(target_family = "wasm"),
    expect(unreachable_pub, reason = "programs in browsers have it; elsewhere tests do")
)]
mod backup_file;
#[cfg(target_family = "wasm")]
mod browser;
#[cfg(any(target_family = "wasm", test))]
mod disk;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(any(target_family = "wasm", test))]
mod papers;
#[cfg(any(target_family = "wasm", test))]
mod shelf;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(target_family = "wasm")]
pub use self::backup_file::BackupFile;
#[cfg(target_family = "wasm")]
pub use self::browser::Folder;
#[cfg(not(target_family = "wasm"))]
pub(crate) use self::native::{Folder, flush_name, is_named, make_private, open_to_write};

/// The name of the file whose advisory lock says that a process owns the folder.
#[cfg(not(target_family = "wasm"))]
pub(crate) const LOCK: &str = "lock";

/// One file in a sub-folder.
pub(crate) struct Entry {
    /// Its name, without the folder.
    pub(crate) name: String,
    /// Its length in bytes.
    pub(crate) length: u64,
}

/// A moment while files are replaced after which a crash leaves something different behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The new file exists and is empty.
    Opened,
    /// The new content is with the operating system.
    Written,
    /// The new content is on the disk.
    Flushed,
    /// The new file bears the name of the old one.
    #[cfg(not(target_family = "wasm"))]
    Renamed,
    /// The new name is on the disk.
    FolderFlushed,
}

/// Why this process does not own the folder.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Error)]
pub(crate) enum OwnError {
    /// Another process, or another vault of this process, owns it.
    #[error("the folder is in use")]
    InUse,
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The file system refused something.
#[derive(Debug, Error)]
#[error("could not {action} {}", path.display())]
pub struct FolderError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FolderError {
    pub(crate) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// Returns what kind of failure the operating system reported (a full disk, missing permission, ...).
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}
