//! Makes the deposits and takes the time.
//!
//! The bytes come from a fixed generator: every engine stores the same ones, and they do not compress (frames are
//! ciphertext).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Deposit, FRAME_LEN, QueueStore, open};
use crate::Failure;

/// Frames taken from one queue in one drain commit, and queues drained in one commit.
const DRAIN_FRAMES: usize = 64;

/// How much was done in how much time.
#[derive(Clone, Copy, Default)]
pub(super) struct Rate {
    n_done: usize,
    spent: Duration,
}

impl Rate {
    /// Returns things done a second.
    pub(super) fn per_second(&self) -> f64 {
        self.n_done as f64 / self.spent.as_secs_f64().max(1e-9)
    }
}

/// One engine with its queues.
pub(super) struct Workload {
    store: Box<dyn QueueStore>,
    queues: Vec<([u8; 24], [u8; 24])>,
    bytes: Bytes,
    n_deposits: u64,
    dir: tempfile::TempDir,
}

impl Workload {
    /// Opens a fresh store and creates its queues.
    pub(super) fn new(engine: &str, n_queues: usize) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let mut store = open(engine, dir.path())?;
        let mut bytes = Bytes(0x4b69_7468);
        let queues: Vec<_> = (0..n_queues).map(|_| (bytes.array(), bytes.array())).collect();
        store.create_queues(&queues)?;
        Ok(Self { store, queues, bytes, n_deposits: 0, dir })
    }

    /// Deposits batch after batch until the time is used up. Making the bytes is not counted.
    pub(super) fn deposit_for(&mut self, slice: Duration, batch: usize, rate: &mut Rate) -> Result<(), Failure> {
        let mut spent = Duration::ZERO;
        while spent < slice {
            let deposits = self.batch(batch);
            let start = Instant::now();
            self.store.deposit(&deposits)?;
            spent += start.elapsed();
            rate.n_done += batch;
        }
        rate.spent += spent;
        Ok(())
    }

    /// Drains every queue: frames a second.
    pub(super) fn drain_all(&mut self, rate: &mut Rate) -> Result<(), Failure> {
        let rids: Vec<[u8; 24]> = self.queues.iter().map(|(rid, _)| *rid).collect();
        let before = self.store.n_frames()?;
        let start = Instant::now();
        let mut n_drained = 0;
        for rids in rids.chunks(DRAIN_FRAMES) {
            let limit = (DRAIN_FRAMES / rids.len()).max(1);
            loop {
                let n = self.store.drain(rids, limit)?;
                n_drained += n;
                if n == 0 {
                    break;
                }
            }
        }
        rate.spent += start.elapsed();
        rate.n_done += n_drained;
        if n_drained != before {
            return Err(format!("drained {n_drained} of {before} frames").into());
        }
        Ok(())
    }

    /// Purges all dedup rows, hour by hour: rows a second.
    pub(super) fn purge_all(&mut self, rate: &mut Rate) -> Result<(), Failure> {
        let start = Instant::now();
        for hour in 0..=HOURS {
            rate.n_done += self.store.purge(hour + 1)?;
        }
        rate.spent += start.elapsed();
        Ok(())
    }

    /// Returns the size of the store's folder.
    pub(super) fn disk_bytes(&self) -> Result<u64, Failure> {
        folder_bytes(self.dir.path())
    }

    /// Returns the next deposits, spread over the queues and over a week of expiry hours.
    pub(super) fn batch(&mut self, n: usize) -> Vec<Deposit> {
        (0..n)
            .map(|_| {
                self.n_deposits += 1;
                let queue_idx = (self.bytes.next() % self.queues.len() as u64) as usize;
                Deposit {
                    sid: self.queues[queue_idx].1,
                    dedup_id: self.bytes.array(),
                    expires_hour: (self.n_deposits % u64::from(HOURS)) as u32,
                    frame: self.bytes.frame(),
                }
            })
            .collect()
    }

    /// Gives the store away together with a first batch (for the children).
    pub(super) fn store(&mut self) -> &mut dyn QueueStore {
        self.store.as_mut()
    }
}

/// Expiry hours in use: one week.
const HOURS: u32 = 168;

/// Adds up the sizes of the files below a folder.
fn folder_bytes(dir: &Path) -> Result<u64, Failure> {
    let mut total = 0;
    let mut folders: Vec<PathBuf> = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                total += entry.metadata()?.len();
            }
        }
    }
    Ok(total)
}

/// A small generator (splitmix64): fast, repeatable, incompressible. Nothing secret ever comes from it.
pub(super) struct Bytes(pub(super) u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns the next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut out = vec![0; FRAME_LEN];
        self.fill(&mut out);
        out
    }

    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}
