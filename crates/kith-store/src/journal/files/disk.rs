//! Real files in a real folder.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Files, LogFile};

/// The name of the file whose lock says who owns the folder. It stays empty.
const LOCK: &str = "journal.lock";

/// A data folder. The lock is given back when this is dropped, or by the kernel when the process dies.
pub struct Disk {
    path: PathBuf,
    folder: File,
    /// `None` where the folder is only looked at, and has never had an owner.
    _lock: Option<File>,
    is_written: bool,
}

impl Disk {
    /// Takes the folder for this process; `None` when another one has it.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn own(path: &Path) -> io::Result<Option<Self>> {
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(problem) => return Err(problem.into()),
        }
        Ok(Some(Self { path: path.to_owned(), folder: File::open(path)?, _lock: Some(lock), is_written: true }))
    }

    /// Takes the folder to look at it, without making or changing anything; `None` when another process has it.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn look_at(path: &Path) -> io::Result<Option<Self>> {
        let folder = File::open(path)?;
        let lock = match File::open(path.join(LOCK)) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => None,
            lock => Some(lock?),
        };
        match lock.as_ref().map_or(Ok(()), |lock| flock(lock, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), folder, _lock: lock, is_written: false })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(problem) => Err(problem.into()),
        }
    }
}

impl Files for Disk {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // Names that are not text are not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(self.is_written).open(self.path.join(name))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600).open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

impl LogFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
