//! Which store the server keeps everything in: the one place that knows.
//!
//! The data folder is locked by `data_dir`, through the file `lock`; the store has a folder and a lock of its own, so that the
//! running server need not be able to write anywhere else, least of all into its configuration. `room` counts all files in the
//! data folder, whatever they are called.

use std::fs::File;
use std::io::Read as _;
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

/// Returns whether an early release kept its database, or its log, in the data folder itself. They are known by how they begin: logs
/// of others are no business of ours.
fn holds_an_early_store(data: &Path) -> bool {
    let Ok(mut files) = std::fs::read_dir(data) else { return false };
    files.any(|file| {
        let Ok(path) = file.map(|file| file.path()) else { return false };
        let head = if path.extension().is_some_and(|extension| extension == "log") {
            LOG_HEAD
        } else if path.file_name().is_some_and(|name| name == "home.db") {
            DATABASE_HEAD
        } else {
            return false;
        };
        begins_with(&path, head)
    })
}

fn begins_with(path: &Path, head: &[u8]) -> bool {
    // Never a pipe, on which opening would wait.
    if !path.symlink_metadata().is_ok_and(|file| file.is_file()) {
        return false;
    }
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(head.len() as u64).read_to_end(&mut found));
    read.is_ok() && found == head
}

/// How each part of the log begins, then as now.
const LOG_HEAD: &[u8] = b"kith-log";
/// How each SQLite database begins.
const DATABASE_HEAD: &[u8] = b"SQLite format 3\0";

#[cfg(test)]
mod power;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_early_release_is_left_alone() {
        for (name, head) in [("home.db", DATABASE_HEAD), ("0000000007.log", LOG_HEAD)] {
            let folder = tempfile::tempdir().unwrap();
            let taken = DataDir::take(folder.path()).unwrap();
            std::fs::write(folder.path().join(name), [head, b" and what follows"].concat()).unwrap();
            assert!(matches!(open(&taken), Err(AppError::OldStore { .. })));
            assert!(matches!(open_to_read(&taken), Err(AppError::OldStore { .. })));
            assert!(!folder_in(folder.path()).exists());
        }
    }

    #[test]
    fn files_of_others_in_the_folder_are_taken_for_no_store() {
        let folder = tempfile::tempdir().unwrap();
        let taken = DataDir::take(folder.path()).unwrap();
        for (name, content) in [("backup.log", &b"a script wrote this"[..]), ("0000000001.log", b""), ("home.db", b"?")]
        {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        assert!(open(&taken).is_ok());
    }

    #[test]
    fn the_log_begins_as_it_is_known_by() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(&DataDir::take(folder.path()).unwrap()).unwrap());
        let files = std::fs::read_dir(folder_in(folder.path())).unwrap().map(|file| file.unwrap().path());
        let logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
        assert!(!logs.is_empty() && logs.iter().all(|path| begins_with(path, LOG_HEAD)), "{logs:?}");
    }
}
