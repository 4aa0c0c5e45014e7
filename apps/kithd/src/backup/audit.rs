//! Whether rows fit together: what counts something agrees with what is there, and nothing refers to nothing.
//!
//! It looks at rows as a [`Walk`](super::Walk) brings them, from a store or from a backup, and keeps a few bytes for each
//! account and none for anything else.

use std::collections::{HashMap, HashSet};

use kith_home::store::{Account, Blob, Counts, MetaKey, Queue};
use kith_wire::id::AccountKey;

use super::{Lost, Row, Totals};

/// Looks at rows one after the other.
#[derive(Default)]
pub(crate) struct Audit {
    used: HashMap<AccountKey, Usage>,
    named: HashSet<AccountKey>,
    queue: Option<(Queue, u32)>,
    last_seq: Option<u64>,
    blob: Option<(Blob, u32)>,
    meta: HashSet<&'static str>,
    totals: Totals,
    findings: Findings,
    lost_entries: u64,
    /// Rows were read while others were written: what counts rows of several pages may be off.
    is_moving: bool,
}

/// What an account uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) queues: u32,
    pub(crate) blob_bytes: u64,
    pub(crate) kept_bytes: u64,
    pub(crate) outgoing: u32,
}

impl Usage {
    /// Notes what a row uses; returns whose account it is.
    pub(crate) fn note(used: &mut HashMap<AccountKey, Self>, row: &Row) {
        match row {
            Row::Queue(_, queue) => used.entry(queue.account).or_default().queues += 1,
            Row::Blob(_, blob) => {
                let used = used.entry(blob.account).or_default();
                used.blob_bytes = used.blob_bytes.saturating_add(blob.size);
                used.kept_bytes = used.kept_bytes.saturating_add(blob.kept_bytes());
            }
            Row::Outgoing(key, _) => used.entry(key.account).or_default().outgoing += 1,
            _ => {}
        }
    }
}

/// What was found, told without names: an operator needs to know what is wrong, not whose it is.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(&'static str, u64)>);

impl Findings {
    fn add(&mut self, what: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, n)) => *n += 1,
            None => self.0.push((what, 1)),
        }
    }

    /// Returns each kind of finding and how often it was made.
    pub(crate) fn kinds(&self) -> &[(&'static str, u64)] {
        &self.0
    }
}

impl Audit {
    /// Returns an audit of rows that were read while others were written.
    pub(crate) fn of_a_backup() -> Self {
        Self { is_moving: true, ..Self::default() }
    }

    /// Returns what was seen so far.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Looks at a row.
    pub(crate) fn see(&mut self, row: &Row) {
        self.totals.count(row);
        Usage::note(&mut self.used, row);
        match row {
            Row::Entry(seq, _) => return self.entry(*seq),
            Row::Chunk(number, _) => return self.chunk(*number),
            Row::Gone => return self.blob = None,
            Row::Lost(lost) => return self.lost(*lost),
            _ => self.close(),
        }
        match row {
            Row::Queue(_, queue) => (self.queue, self.last_seq) = (Some((queue.clone(), 0)), None),
            Row::Blob(_, blob) => self.blob = Some((blob.clone(), 0)),
            Row::Returned(key, _) => drop(self.used.entry(key.account).or_default()),
            Row::Account(key, account) => {
                let used = self.used.get(key).copied().unwrap_or_default();
                let Account { n_queues: queues, blob_bytes, kept_bytes, n_outgoing: outgoing, .. } = *account;
                let said = Usage { queues, blob_bytes, kept_bytes, outgoing };
                if used != said && !self.is_moving {
                    self.findings.add("an account's counters disagree with its queues, blobs and deposits");
                }
                self.named.insert(*key);
            }
            Row::EpochKey(_, seed) if seed.expose().len() != EPOCH_SEED => {
                self.findings.add("an epoch key has a wrong length")
            }
            Row::Meta(key, value) => {
                self.meta.insert(key.name());
                if *key == MetaKey::ServerSeed && value.expose().len() != 32 {
                    self.findings.add("the server key has a wrong length");
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, seq: u64) {
        let Some((queue, n)) = &mut self.queue else { return self.findings.add("an entry is in no queue") };
        if seq >= queue.next_seq {
            self.findings.add("an entry's number is not below its queue's next number");
        }
        if self.last_seq.is_some_and(|last| seq <= last) {
            self.findings.add("the numbers of a queue do not rise");
        }
        *n += 1;
        self.last_seq = Some(seq);
    }

    /// Counts what was lost as something that was there. A backup cannot help that it had been lost before.
    fn lost(&mut self, lost: Lost) {
        match (lost, &mut self.queue, &mut self.blob) {
            (Lost::Entry, Some((_, n)), _) | (Lost::Chunk, _, Some((_, n))) => *n += 1,
            _ => {}
        }
        self.lost_entries += u64::from(lost == Lost::Entry);
        if !self.is_moving {
            self.findings.add("the disk has lost a frame, a chunk, a notice or a request to another server");
        }
    }

    fn chunk(&mut self, number: u32) {
        let Some((blob, n)) = &mut self.blob else { return self.findings.add("a chunk is of no blob") };
        if number >= blob.n_chunks {
            self.findings.add("a chunk's number is beyond the end of its blob");
        }
        *n += 1;
    }

    /// Compares what a queue or blob says with what followed it.
    fn close(&mut self) {
        if self.queue.take().is_some_and(|(queue, n)| queue.length != n) {
            self.findings.add("a queue's length disagrees with its entries");
        }
        if self.blob.take().is_some_and(|(blob, n)| blob.n_present != n) && !self.is_moving {
            self.findings.add("a blob's count of chunks disagrees with its chunks");
        }
    }

    /// Looks at the whole: `counts` is what the store says of itself.
    pub(crate) fn finish(mut self, counts: Option<&Counts>) -> (Totals, Findings) {
        self.close();
        for account in self.used.keys() {
            if !self.named.contains(account) {
                self.findings.add("something belongs to an account that is not there");
            }
        }
        // An untouched folder has no key yet, and nothing else.
        if !self.meta.contains(MetaKey::ServerSeed.name()) && self.totals != Totals::default() {
            self.findings.add("the server key is missing");
        }
        if let Some(counts) = counts {
            let said = [counts.accounts, counts.queues, counts.entries, counts.outgoing, counts.blobs];
            let totals = &self.totals;
            let entries = totals.entries + self.lost_entries;
            if said != [totals.accounts, totals.queues, entries, totals.outgoing, totals.blobs] {
                self.findings.add("the store has rows that belong to nothing");
            }
        }
        (self.totals, self.findings)
    }
}

/// Bytes of an epoch's seed: one for X-Wing, one for X25519.
const EPOCH_SEED: usize = 64;
