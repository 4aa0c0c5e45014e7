//! The file that a backup is sent from, or fetched into.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom, Write};

/// A file, wherever it lies: read and written from a place on, and cut.
pub trait Stored: Read + Write + Seek {
    /// Returns how many bytes it has.
    ///
    /// # Errors
    /// When the file system refuses.
    fn length(&mut self) -> Result<u64> {
        self.seek(SeekFrom::End(0))
    }

    /// Cuts it to so many bytes, and goes on behind them.
    ///
    /// # Errors
    /// When the file system refuses.
    fn cut_at(&mut self, length: u64) -> Result<()>;

    /// Makes what was written durable.
    ///
    /// # Errors
    /// When the file system refuses.
    fn keep(&mut self) -> Result<()>;
}

impl Stored for File {
    fn cut_at(&mut self, length: u64) -> Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn keep(&mut self) -> Result<()> {
        self.sync_all()
    }
}
