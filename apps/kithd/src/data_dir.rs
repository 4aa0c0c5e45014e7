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
    /// [`AppError::InUse`] when another process has it, [`AppError::Data`] when it cannot be used.
    pub(crate) fn take(path: &Path) -> Result<Self, AppError> {
        let unusable = |reason| AppError::Data { path: path.to_owned(), reason };
        make(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(AppError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(reason)) => Err(unusable(reason)),
        }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

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
    fn a_file_in_its_place_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("kithd");
        std::fs::write(&path, b"not a folder").unwrap();
        assert!(matches!(DataDir::take(&path), Err(AppError::Data { .. })));
    }
}
