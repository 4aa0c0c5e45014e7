//! Which store the server keeps everything in: the one place that knows.
//!
//! The data folder is locked by `data_dir`, through the file `lock`; the store has a lock of its own. `room` counts all files in the
//! folder, whatever they are called.

use kith_store::Journal;

use crate::data_dir::DataDir;
use crate::error::AppError;

/// The database of releases before the log.
const BEFORE: &str = "home.db";

/// Opens the store in a data folder that this process owns, or creates it there.
///
/// # Errors
/// It cannot be used, or another release wrote it.
pub(crate) fn open(folder: &DataDir) -> Result<Journal, AppError> {
    // An empty log beside it would make the server somebody else, with a new key and no accounts.
    if folder.path().join(BEFORE).exists() {
        return Err(AppError::OldStore { path: folder.path().to_owned() });
    }
    Ok(Journal::open(folder.path())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_early_release_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let taken = DataDir::take(folder.path()).unwrap();
        std::fs::write(folder.path().join(BEFORE), b"a database").unwrap();
        assert!(matches!(open(&taken), Err(AppError::OldStore { .. })));
        assert!(
            !std::fs::read_dir(folder.path())
                .unwrap()
                .any(|file| { file.unwrap().path().extension().is_some_and(|extension| extension == "log") })
        );
    }
}
