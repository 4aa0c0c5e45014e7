//! Which store the server keeps everything in: the one place that knows.
//!
//! The data folder is locked by `data_dir`, through the file `lock`. A store with a lock of its own has to name it
//! otherwise. `room` counts all files in the folder, whatever they are called.

use kith_home::store::StoreError;
use kith_store::Embedded;

use crate::data_dir::DataDir;

/// Opens the store in a data folder that this process owns, or creates it there.
///
/// # Errors
/// It cannot be used, or a newer release wrote it.
pub(crate) fn open(folder: &DataDir) -> Result<Embedded, StoreError> {
    Embedded::open(folder.path())
}
