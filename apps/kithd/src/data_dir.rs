//! The data folder: made for its owner alone, owned by one process.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::AppError;

/// A data folder that this process owns until the value is dropped.
pub(crate) struct DataDir {
    path: PathBuf,
    // Held, never read: the operating system gives the lock back when it is closed, also after a crash.
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there and takes it.
    ///
    /// # Errors
    /// [`AppError::InUse`] when another process has it, [`AppError::Data`] when it cannot be used,
    /// [`AppError::HalfRestored`] when a restore did not come to its end, [`AppError::Foreign`] when it is somebody else's.
    pub(crate) fn take(path: &Path) -> Result<Self, AppError> {
        refuse_a_foreign_one(path)?;
        let folder = Self::take_whatever_is_in_it(path)?;
        if path.join(RESTORING).exists() {
            return Err(AppError::HalfRestored { path: path.to_owned() });
        }
        Ok(folder)
    }

    /// Takes a folder that a server has used to look at it. Changes nothing in it and needs no right to write.
    ///
    /// # Errors
    /// As [`take`](Self::take), and [`AppError::Data`] when no server has used it.
    pub(crate) fn take_to_read(path: &Path) -> Result<Self, AppError> {
        let lock = File::open(path.join(LOCK));
        let folder = Self::lock(path, lock.map_err(|reason| AppError::Data { path: path.to_owned(), reason })?)?;
        if path.join(RESTORING).exists() {
            return Err(AppError::HalfRestored { path: path.to_owned() });
        }
        Ok(folder)
    }

    /// Makes the folder if there is none, takes it, and marks it as one that is not to be used before
    /// [`is_restored`](Self::is_restored).
    ///
    /// # Errors
    /// As [`take`](Self::take), and [`AppError::NotEmpty`] when anything is in it.
    pub(crate) fn take_for_restore(path: &Path) -> Result<Self, AppError> {
        let unusable = |reason| AppError::Data { path: path.to_owned(), reason };
        let is_used = match std::fs::read_dir(path) {
            // A disk of its own may have a folder for what a repair finds.
            Ok(mut files) => files.any(|file| !file.is_ok_and(|file| file.file_name() == "lost+found")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(unusable(error)),
        };
        if is_used {
            return Err(AppError::NotEmpty { path: path.to_owned() });
        }
        let folder = Self::take_whatever_is_in_it(path)?;
        File::create(path.join(RESTORING)).and_then(|mark| mark.sync_all()).map_err(unusable)?;
        folder.sync().map_err(unusable)?;
        Ok(folder)
    }

    /// Takes the mark of a restore away.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn is_restored(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.path.join(RESTORING))?;
        self.sync()
    }

    fn sync(&self) -> std::io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn take_whatever_is_in_it(path: &Path) -> Result<Self, AppError> {
        let unusable = |reason| AppError::Data { path: path.to_owned(), reason };
        make(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(unusable)?;
        Self::lock(path, lock)
    }

    fn lock(path: &Path, lock: File) -> Result<Self, AppError> {
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(AppError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(reason)) => Err(AppError::Data { path: path.to_owned(), reason }),
        }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Returns whether a server, or a command that makes one, has ever been in the folder.
pub(crate) fn was_used(path: &Path) -> bool {
    path.join(LOCK).exists()
}

/// Refuses a folder that no server has used: what is done there would be for a server that never comes.
///
/// # Errors
/// [`AppError::NeverUsed`], and [`AppError::Data`] for one that may not be looked into.
pub(crate) fn refuse_an_unused_one(path: &Path) -> Result<(), AppError> {
    match path.join(LOCK).try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(AppError::NeverUsed { path: path.to_owned() }),
        Err(reason) => Err(AppError::Data { path: path.to_owned(), reason }),
    }
}

/// Refuses a folder that no kithd has used and in which something lies that nobody prepares for one: a mistyped name must not
/// strew keys and a log among somebody's files.
///
/// # Errors
/// [`AppError::Foreign`] names one of them.
pub(crate) fn refuse_a_foreign_one(path: &Path) -> Result<(), AppError> {
    if was_used(path) {
        return Ok(());
    }
    // What is not there is made, and what cannot be read is told of by whoever takes it.
    let Ok(files) = std::fs::read_dir(path) else { return Ok(()) };
    let found = files.filter_map(|file| Some(file.ok()?.file_name())).find(|name| !may_be_prepared(Path::new(name)));
    match found {
        Some(name) => Err(AppError::Foreign { path: path.to_owned(), found: name.to_string_lossy().into_owned() }),
        None => Ok(()),
    }
}

/// Returns whether a file may lie in a folder before the first start: what an operator puts there, what a restore by hand brings,
/// and what a disk or a home has by itself.
fn may_be_prepared(name: &Path) -> bool {
    let is_hidden = name.to_str().is_some_and(|name| name.starts_with('.'));
    let kind = name.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    is_hidden || PREPARED.iter().any(|known| name == Path::new(known)) || ["toml", "pem", "crt", "key"].contains(&kind)
}

const PREPARED: [&str; 5] = ["acme", "control", "lost+found", "restoring", "store"];
const LOCK: &str = "lock";
/// Lies in the folder until everything of a backup is there.
const RESTORING: &str = "restoring";

/// Makes the folder for its owner alone, if it is not there. Does not take it.
///
/// # Errors
/// [`AppError::Data`] when it cannot be made.
pub(crate) fn make(path: &Path) -> Result<(), AppError> {
    let unusable = |reason| AppError::Data { path: path.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/kithd");
        let first = DataDir::take(&path).unwrap();
        assert!(matches!(DataDir::take(&path), Err(AppError::InUse { .. })));
        drop(first);
        assert!(DataDir::take(&path).is_ok());
    }

    #[test]
    fn nobody_else_may_look_inside() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("kithd");
        let _folder = DataDir::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_was_restored_in_part_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("kithd");
        std::fs::create_dir_all(path.join("lost+found")).unwrap();
        drop(DataDir::take_for_restore(&path).unwrap());
        assert!(matches!(DataDir::take(&path), Err(AppError::HalfRestored { .. })));
        assert!(matches!(DataDir::take_for_restore(&path), Err(AppError::NotEmpty { .. })));
        std::fs::remove_dir_all(&path).unwrap();
        let folder = DataDir::take_for_restore(&path).unwrap();
        folder.is_restored().unwrap();
        drop(folder);
        assert!(DataDir::take(&path).is_ok());
    }

    #[test]
    fn a_folder_with_files_of_others_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for prepared in ["config.toml", "cert.pem", "lost+found", ".profile"] {
            std::fs::write(folder.path().join(prepared), b"").unwrap();
        }
        std::fs::write(folder.path().join("thesis.log"), b"mine").unwrap();
        let refused = DataDir::take(folder.path()).map(drop).unwrap_err();
        assert!(matches!(&refused, AppError::Foreign { found, .. } if found == "thesis.log"), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
        std::fs::remove_file(folder.path().join("thesis.log")).unwrap();
        drop(DataDir::take(folder.path()).unwrap());
        // Once it is kithd's, what else lies there is its owner's business.
        std::fs::write(folder.path().join("notes.log"), b"mine").unwrap();
        assert!(DataDir::take(folder.path()).is_ok());
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("kithd");
        std::fs::write(&path, b"not a folder").unwrap();
        assert!(matches!(DataDir::take(&path), Err(AppError::Data { .. })));
    }
}
