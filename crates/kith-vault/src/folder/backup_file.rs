//! The one file beside a browser's vault that is as long as somebody's backup: sealed, and nobody's loss.
//!
//! What is in it is also elsewhere, or can be made again. So it is written in its place, and after a crash it ends wherever it ends.

use std::fmt;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::rc::Rc;

use crate::folder::disk::Disk;

/// The file, read and written from a place on. Clones are the same file, each at a place of its own.
#[derive(Clone)]
pub struct BackupFile {
    disk: Rc<dyn Disk>,
    at: u64,
}

impl BackupFile {
    pub(crate) fn new(disk: impl Disk + 'static) -> Self {
        Self { disk: Rc::new(disk), at: 0 }
    }

    /// Returns the file at its beginning.
    #[must_use]
    pub fn rewound(&self) -> Self {
        Self { disk: Rc::clone(&self.disk), at: 0 }
    }

    /// Returns how many bytes it has.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn length(&self) -> Result<u64> {
        self.disk.len()
    }

    /// Cuts it to so many bytes, and goes on behind them.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn cut_at(&mut self, length: u64) -> Result<()> {
        self.disk.set_len(length)?;
        self.at = length;
        Ok(())
    }

    /// Makes everything so far durable.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn keep(&self) -> Result<()> {
        self.disk.flush()
    }
}

impl Read for BackupFile {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let n = self.disk.read_at(self.at, bytes)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

impl Write for BackupFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.disk.write_at(self.at, bytes)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for BackupFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.disk.len()?.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl fmt::Debug for BackupFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BackupFile(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::disk::memory::Memory;

    #[test]
    fn it_is_written_cut_and_read_at_places() {
        let disk = Memory::default();
        let mut file = BackupFile::new(disk.clone());
        file.write_all(b"one run, and another").unwrap();
        file.cut_at(7).unwrap();
        file.write_all(b"!").unwrap();
        file.keep().unwrap();
        let mut again = BackupFile::new(disk.crashed());
        let mut text = String::new();
        again.rewound().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one run!");
        assert_eq!(again.seek(SeekFrom::End(-4)).unwrap(), 4);
        text.clear();
        again.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), again.length().unwrap()), ("run!", 8));
        assert!(again.seek(SeekFrom::Current(-9)).is_err());
    }
}
