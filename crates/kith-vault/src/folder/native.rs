//! The folder on a native file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::folder::{Entry, FolderError, LOCK, OwnError, Point};

/// A vault's folder that this process owns for as long as the value lives.
pub(crate) struct Folder {
    path: PathBuf,
    /// Held for its lock only; the system gives the lock up when the process ends, however it ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, keeps everybody else out of it, and takes its lock.
    pub(crate) fn create(path: &Path) -> Result<Self, OwnError> {
        let failed = |source| FolderError::new("make", path, source);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        match platform::make_private_folder(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error).into()),
            _ => platform::make_folder_private(path).map_err(failed)?,
        }
        if let Some(parent) = path.parent() {
            platform::flush_folder(parent).map_err(failed)?;
        }
        Self::own(path)
    }

    /// Takes the lock of a folder that exists.
    pub(crate) fn own(path: &Path) -> Result<Self, OwnError> {
        let lock_path = path.join(LOCK);
        let failed = |source| FolderError::new("lock", &lock_path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        platform::private(&mut options);
        let lock = options.open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OwnError::InUse),
            Err(TryLockError::Error(error)) => Err(failed(error).into()),
        }
    }

    /// Says whether a folder that nobody owns yet holds a file.
    pub(crate) fn holds(path: &Path, name: &str) -> Result<bool, FolderError> {
        let file = path.join(name);
        file.try_exists().map_err(|source| FolderError::new("look at", &file, source))
    }

    /// Lists what a folder that nobody owns yet holds; nothing when there is no such folder.
    pub(crate) fn names(path: &Path) -> Result<Vec<String>, FolderError> {
        let failed = |source| FolderError::new("list", path, source);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let name =
            |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<Result<_, _>>().map_err(failed)
    }

    /// Returns where a file of this folder lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Says whether a file is there.
    pub(crate) fn has(&self, name: &str) -> Result<bool, FolderError> {
        Self::holds(&self.path, name)
    }

    /// Keeps everybody else out of the folder again, after a copy or a restore may have opened it.
    ///
    /// A file system without permissions refuses this; everything in the folder is encrypted all the same.
    pub(crate) fn tighten(&self) {
        let _refused = platform::make_folder_private(&self.path);
    }

    /// Makes a sub-folder that only its owner may enter.
    pub(crate) fn make_folder(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path(name);
        match platform::make_private_folder(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(FolderError::new("make", &path, error)),
            _ => Ok(()),
        }
    }

    /// Makes an empty file that only its owner may read; it must not exist.
    pub(crate) fn make_file(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        platform::private(&mut options);
        options.open(&path).map(drop).map_err(|source| FolderError::new("make", &path, source))
    }

    /// Reads a file of at most `limit` bytes; a longer one comes back cut after `limit + 1` bytes, so that its reader
    /// sees that the length is wrong without holding it. `None` means that there is no such file.
    pub(crate) fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, FolderError> {
        Self::peek(&self.path(name), limit)
    }

    /// Reads a file of a folder that nobody needs to own for it: one that is only ever replaced whole.
    pub(crate) fn peek(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FolderError> {
        let failed = |source| FolderError::new("read", path, source);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::with_capacity(limit.saturating_add(1));
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Replaces a file as one step: whoever looks, before or after a crash, finds the old content or the new one,
    /// whole.
    ///
    /// `temporary` is the name under which the new content is prepared. `reached` is told each point at which a crash
    /// would leave something different behind.
    pub(crate) fn replace(
        &self,
        name: &str,
        temporary: &str,
        bytes: &[u8],
        reached: &mut dyn FnMut(Point),
    ) -> Result<(), FolderError> {
        if let Err(error) = self.write(temporary, bytes, reached) {
            // The first failure is what the caller must hear of; a remainder is overwritten the next time.
            let _remains = self.remove(temporary);
            return Err(error);
        }
        self.rename(temporary, name, reached)
    }

    /// Writes a file, flushed to the disk; a file of that name is overwritten.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], reached: &mut dyn FnMut(Point)) -> Result<(), FolderError> {
        let path = self.path(name);
        let failed = |source| FolderError::new("write", &path, source);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        platform::private(&mut options);
        let mut file = options.open(&path).map_err(failed)?;
        reached(Point::Opened);
        file.write_all(bytes).map_err(failed)?;
        reached(Point::Written);
        file.sync_all().map_err(failed)?;
        reached(Point::Flushed);
        Ok(())
    }

    /// Renames a file over another and makes the new name durable.
    pub(crate) fn rename(&self, from: &str, to: &str, reached: &mut dyn FnMut(Point)) -> Result<(), FolderError> {
        let target = self.path(to);
        let failed = |source| FolderError::new("replace", &target, source);
        fs::rename(self.path(from), &target).map_err(failed)?;
        reached(Point::Renamed);
        let holder = target.parent().unwrap_or(&self.path);
        platform::flush_folder(holder).map_err(failed)?;
        reached(Point::FolderFlushed);
        Ok(())
    }

    /// Makes the names of this folder durable.
    pub(crate) fn flush(&self) -> Result<(), FolderError> {
        platform::flush_folder(&self.path).map_err(|source| FolderError::new("flush", &self.path, source))
    }

    /// Removes a file; that it is not there is as good.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError::new("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Lists a sub-folder: the name of each entry and its length in bytes, in no order.
    pub(crate) fn list(&self, name: &str) -> Result<impl Iterator<Item = Result<Entry, FolderError>>, FolderError> {
        let path = self.path(name);
        let entries = fs::read_dir(&path).map_err(|source| FolderError::new("list", &path, source))?;
        Ok(entries.map(move |entry| {
            let failed = |source| FolderError::new("list", &path, source);
            let entry = entry.map_err(failed)?;
            let length = entry.metadata().map_err(failed)?.len();
            Ok(Entry { name: entry.file_name().to_string_lossy().into_owned(), length })
        }))
    }
}

/// Makes a file that only its owner may read, to write it; it must not exist, also not as a link to another one.
pub(crate) fn make_private(path: &Path) -> Result<File, FolderError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    platform::private(&mut options);
    options.open(path).map_err(|source| FolderError::new("make", path, source))
}

/// Opens a file that is there, to read and write it.
pub(crate) fn open_to_write(path: &Path) -> Result<File, FolderError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map_err(|source| FolderError::new("write", path, source))
}

/// Says whether a file that is open is the one that bears a name now.
pub(crate) fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    Ok(platform::identity(&file.metadata()?) == platform::identity(&fs::metadata(path)?))
}

/// Makes the name of a file durable, wherever it lies.
pub(crate) fn flush_name(path: &Path) -> Result<(), FolderError> {
    let holder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    platform::flush_folder(holder).map_err(|source| FolderError::new("flush", holder, source))
}

#[cfg(unix)]
mod platform {
    //! Permissions and folder flushes the Unix way.

    use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    pub(super) fn private(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    /// Returns what no other file has at the same time.
    pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
        (metadata.dev(), metadata.ino())
    }

    pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)
    }

    pub(super) fn make_folder_private(path: &Path) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(0o700))
    }

    pub(super) fn flush_folder(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[cfg(not(unix))]
mod platform {
    //! Elsewhere a person's profile folder is private already, and a rename is durable without a flush of the folder.

    use std::fs::{self, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(super) fn private(_options: &mut OpenOptions) {}

    /// Nothing tells files apart here that is always there; a file that is open cannot be replaced, though.
    pub(super) fn identity(_metadata: &Metadata) {}

    pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    pub(super) fn make_folder_private(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn flush_folder(_path: &Path) -> io::Result<()> {
        Ok(())
    }
}
