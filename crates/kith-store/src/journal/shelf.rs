//! Sealed segments that are open for reading, the last used first.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::error::JournalError;
use super::files::Files;
use super::names;

/// Open files at most: a backlog of 40 GB has 2,500 segments, and a process may have 1,024 files.
const MAX_OPEN: usize = 64;

/// The files.
pub(crate) struct Shelf<F: Files> {
    open: RefCell<VecDeque<(u32, F::File)>>,
}

impl<F: Files> Shelf<F> {
    pub(crate) fn new() -> Self {
        Self { open: RefCell::new(VecDeque::new()) }
    }

    /// Does something with a segment's file.
    pub(crate) fn with<T>(&self, files: &F, segment: u32, work: impl FnOnce(&F::File) -> T) -> Result<T, JournalError> {
        let mut open = self.open.borrow_mut();
        let found = open.iter().position(|(other, _)| *other == segment);
        let (_, file) = match found.and_then(|idx| open.remove(idx)) {
            Some(found) => found,
            None => (segment, files.open(&names::segment(segment))?),
        };
        let done = work(&file);
        open.push_front((segment, file));
        open.truncate(MAX_OPEN);
        Ok(done)
    }

    pub(crate) fn close(&self, segment: u32) {
        self.open.borrow_mut().retain(|(other, _)| *other != segment);
    }
}
