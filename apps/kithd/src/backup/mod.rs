//! Backups: everything that a home server must keep, in one file that any store can be made from.
//!
//! A [`Walk`] reads rows from a store, an [`Encoder`] makes bytes of them, a [`Reader`] reads them back, [`restore()`] writes
//! them into another store, and an [`Audit`] tells whether they fit together. What `kithd backup`, `restore` and `check` do
//! around it is in `commands`.

mod audit;
mod file;
mod restore;
mod row;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use audit::{Audit, Findings};
pub(crate) use file::{BackupError, Encoder, Reader};
pub(crate) use restore::{RestoreError, restore};
pub(crate) use row::{Lost, Row};
pub(crate) use walk::Walk;

/// How many rows of each kind there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Totals {
    pub(crate) queues: u64,
    pub(crate) entries: u64,
    pub(crate) blobs: u64,
    pub(crate) chunks: u64,
    pub(crate) outgoing: u64,
    pub(crate) returned: u64,
    pub(crate) invites: u64,
    pub(crate) accounts: u64,
    pub(crate) epoch_keys: u64,
    pub(crate) meta: u64,
    /// Of all these, those whose content the disk had lost; frames and chunks without it are not counted above.
    pub(crate) damaged: u64,
}

impl Totals {
    /// Counts a row.
    pub(crate) fn count(&mut self, row: &Row) {
        match row {
            Row::Queue(..) => self.queues += 1,
            Row::Entry(..) => self.entries += 1,
            Row::Blob(..) => self.blobs += 1,
            Row::Chunk(..) => self.chunks += 1,
            Row::Outgoing(..) => self.outgoing += 1,
            Row::Returned(..) => self.returned += 1,
            Row::Invite(..) => self.invites += 1,
            Row::Account(..) => self.accounts += 1,
            Row::EpochKey(..) => self.epoch_keys += 1,
            Row::Meta(..) => self.meta += 1,
            Row::Lost(_) => self.damaged += 1,
            Row::Gone | Row::End(_) => {}
        }
    }

    /// Returns all numbers with their names.
    pub(crate) fn each(&self) -> [(&'static str, u64); 11] {
        [
            ("queues", self.queues),
            ("frames", self.entries),
            ("blobs", self.blobs),
            ("chunks", self.chunks),
            ("outgoing", self.outgoing),
            ("notices", self.returned),
            ("invites", self.invites),
            ("accounts", self.accounts),
            ("epoch keys", self.epoch_keys),
            ("values of the server", self.meta),
            ("damaged rows", self.damaged),
        ]
    }

    /// Returns all numbers, in the order of [`each`](Self::each), to be set.
    pub(crate) fn each_mut(&mut self) -> [&mut u64; 11] {
        [
            &mut self.queues,
            &mut self.entries,
            &mut self.blobs,
            &mut self.chunks,
            &mut self.outgoing,
            &mut self.returned,
            &mut self.invites,
            &mut self.accounts,
            &mut self.epoch_keys,
            &mut self.meta,
            &mut self.damaged,
        ]
    }

    /// Returns how many rows there are together.
    pub(crate) fn sum(&self) -> u64 {
        self.each().into_iter().map(|(_, n)| n).fold(0, u64::saturating_add)
    }
}
