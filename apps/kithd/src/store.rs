//! Which store the server keeps everything in: the one place that knows.
//!
//! The data folder is locked by `data_dir`, through the file `lock`; the store has a folder and a lock of its own, so that the
//! running server need not be able to write anywhere else, least of all into its configuration. `room` counts all files in the
//! data folder, whatever they are called.

use std::path::{Path, PathBuf};

use kith_store::{Ahead, Journal};

use crate::data_dir::{self, DataDir};
use crate::error::AppError;

/// The folder of the store in the data folder.
const FOLDER: &str = "store";

/// Returns where the store of a data folder is.
pub(crate) fn folder_in(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// Opens the store in a data folder that this process owns, or creates it there.
///
/// # Errors
/// It cannot be used, or another release wrote it.
pub(crate) fn open(folder: &DataDir) -> Result<Journal, AppError> {
    prepare(folder)?;
    Ok(Journal::open(&folder_in(folder.path()))?)
}

fn prepare(folder: &DataDir) -> Result<(), AppError> {
    // An empty log beside it would make the server somebody else, with a new key and no accounts.
    if holds_an_early_store(folder.path()) {
        return Err(AppError::OldStore { path: folder.path().to_owned() });
    }
    make_folder(folder)
}

/// Opens the store for a server, which may let its commits run ahead of the disk.
///
/// # Errors
/// As for [`open`].
pub(crate) fn open_for_server(folder: &DataDir) -> Result<Ahead, AppError> {
    prepare(folder)?;
    Ok(Ahead::open(&folder_in(folder.path()))?)
}

/// Opens the store in a data folder to read it, and changes nothing.
///
/// # Errors
/// It cannot be used, another release wrote it, or there is none.
pub(crate) fn open_to_read(folder: &DataDir) -> Result<Journal, AppError> {
    if holds_an_early_store(folder.path()) {
        return Err(AppError::OldStore { path: folder.path().to_owned() });
    }
    Ok(Journal::open_to_read(&folder_in(folder.path()))?)
}

/// Makes the folder of the store, if it is not there. In the sandbox nothing can be made beside it.
///
/// # Errors
/// The system refuses it.
pub(crate) fn make_folder(folder: &DataDir) -> Result<(), AppError> {
    data_dir::make(&folder_in(folder.path()))
}

/// Returns whether an early release kept its database, or its log, in the data folder itself.
fn holds_an_early_store(data: &Path) -> bool {
    let Ok(mut files) = std::fs::read_dir(data) else { return false };
    files.any(|file| {
        let Ok(name) = file.map(|file| PathBuf::from(file.file_name())) else { return false };
        name == Path::new("home.db") || name.extension().is_some_and(|extension| extension == "log")
    })
}

#[cfg(test)]
mod power;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_early_release_is_left_alone() {
        for name in ["home.db", "0000000007.log"] {
            let folder = tempfile::tempdir().unwrap();
            let taken = DataDir::take(folder.path()).unwrap();
            std::fs::write(folder.path().join(name), b"a store").unwrap();
            assert!(matches!(open(&taken), Err(AppError::OldStore { .. })));
            assert!(!folder_in(folder.path()).exists());
        }
    }
}
