//! The few things that the journal asks of a file system, so that tests can have one that forgets and fails.
//!
//! A name is durable after [`Files::sync_folder`], content and length after [`LogFile::sync`], and nothing before.

use std::io;

mod disk;
#[cfg(any(test, feature = "testing"))]
pub mod simulated;

pub use disk::Disk;

/// A folder of files, owned by one process.
pub trait Files {
    /// An open file.
    type File: LogFile;

    /// Returns the names in the folder.
    ///
    /// # Errors
    /// What the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file to read and write; it must exist.
    ///
    /// # Errors
    /// What the file system says.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Makes an empty file, readable by its owner only, in place of any that has the name.
    ///
    /// # Errors
    /// What the file system says.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, in place of any that has it.
    ///
    /// # Errors
    /// What the file system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns after all names are durable.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file that is read and written at given places.
pub trait LogFile {
    /// Returns the length in bytes.
    ///
    /// # Errors
    /// What the file system says.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from a place; it is an error when the file ends before.
    ///
    /// # Errors
    /// What the file system says.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all bytes at a place.
    ///
    /// # Errors
    /// What the file system says; then any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Sets the length.
    ///
    /// # Errors
    /// What the file system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Returns up to where, of so many bytes that are committed, all is durable. For files that are synced by somebody else
    /// while more is written.
    fn certain(&self, committed: u64) -> u64 {
        committed
    }

    /// Returns after content and length are durable. After an error nothing is known of what was written since the
    /// last success, not even when a later call succeeds.
    ///
    /// # Errors
    /// What the file system says.
    fn sync(&self) -> io::Result<()>;
}
