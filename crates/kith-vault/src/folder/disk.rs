//! One open file of a browser's private file system, as the few operations that it has.

use std::io;

/// A file that is read and written at places; what was flushed survives a crash, what was not may or may not.
pub(crate) trait Disk {
    /// Returns how long it is.
    fn len(&self) -> io::Result<u64>;
    /// Reads from a place on until the bytes are full or the file ends; returns how many there were.
    fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize>;
    /// Writes at a place; the file grows as needed.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts it, or fills it up with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes everything so far durable.
    fn flush(&self) -> io::Result<()>;
}

#[cfg(test)]
pub(crate) mod memory {
    //! A disk in memory, for tests, which forgets what was not flushed.

    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    use super::Disk;

    /// Clones are the same disk.
    #[derive(Clone, Default)]
    pub(crate) struct Memory {
        bytes: Rc<RefCell<Vec<u8>>>,
        durable: Rc<RefCell<Vec<u8>>>,
    }

    impl Memory {
        /// What is there after a crash.
        pub(crate) fn crashed(&self) -> Self {
            let durable = self.durable.borrow().clone();
            Self { bytes: Rc::new(RefCell::new(durable.clone())), durable: Rc::new(RefCell::new(durable)) }
        }

        /// Changes a byte behind everybody's back.
        pub(crate) fn damage(&self, at: usize) {
            self.bytes.borrow_mut()[at] ^= 1;
        }

        /// Says whether these bytes are anywhere.
        pub(crate) fn holds(&self, wanted: &[u8]) -> bool {
            self.bytes.borrow().windows(wanted.len()).any(|found| found == wanted)
        }
    }

    impl Disk for Memory {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.borrow().len() as u64)
        }

        fn read_at(&self, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
            let held = self.bytes.borrow();
            let found = held.get(usize::try_from(at).unwrap()..).unwrap_or_default();
            let n = found.len().min(bytes.len());
            bytes[..n].copy_from_slice(&found[..n]);
            Ok(n)
        }

        fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
            let at = usize::try_from(at).unwrap();
            let mut held = self.bytes.borrow_mut();
            if held.len() < at + bytes.len() {
                held.resize(at + bytes.len(), 0);
            }
            held[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.bytes.borrow_mut().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            *self.durable.borrow_mut() = self.bytes.borrow().clone();
            Ok(())
        }
    }
}
