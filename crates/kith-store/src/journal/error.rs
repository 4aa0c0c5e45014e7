//! What can be wrong with a folder that should hold a journal.

use kith_home::store::StoreError;
use thiserror::Error;

/// Why a journal cannot be read or written. It arrives as the source of [`StoreError::Backend`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process has the folder open.
    #[error("another process uses this store")]
    InUse,
    /// Bytes that were safely on the disk are not what was written. Nothing after them is read, nothing is dropped.
    #[error("the file {file} is damaged at byte {offset}")]
    Damaged {
        /// Name of the file in the data folder.
        file: String,
        /// Where the part begins that cannot be read.
        offset: u64,
    },
    /// A file that belongs to the store is not there.
    #[error("the file {file} is missing")]
    Missing {
        /// Name of the file in the data folder.
        file: String,
    },
    /// Another release wrote the file, in a layout that this one does not read.
    #[error("the file {file} has format {found}, and this release reads format {known} only")]
    Format {
        /// Name of the file in the data folder.
        file: String,
        /// The file's format.
        found: u32,
        /// The one that this release reads and writes.
        known: u32,
    },
    /// The store, or the transaction, was opened to be read.
    #[error("what was opened to be read cannot be written")]
    ReadOnly,
    /// One transaction wants to write more than a segment can address.
    #[error("a transaction of more than 1 GiB")]
    TooLarge,
    /// The file system refused.
    #[error("the disk does not do what is asked")]
    Disk(#[from] std::io::Error),
}

impl From<JournalError> for StoreError {
    fn from(problem: JournalError) -> Self {
        Self::Backend(Box::new(problem))
    }
}
