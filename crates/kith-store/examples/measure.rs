//! Measures the store beside a bare log, taking turns, on the disk that holds the temporary folder.
//!
//! `cargo run -p kith-store --release --example measure` compares deposits and drains; with `large` it fills a journal with a
//! million queues and ten million entries, or as many as are named, and tells memory and the time of a start. Absolute numbers belong to one
//! machine and one moment; the ratios of one run are what counts.

#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use kith_home::store::{Entry, Overflow, Queue, Store, StoreError, Txn};
use kith_store::Journal;
use kith_wire::id::{AccountKey, DedupId, LookupKey, ReaderId, SenderId, Verifier};
use kith_wire::time::Hour;

type Failure = Box<dyn Error + Send + Sync>;

/// How long one of the two works before it is the other one's turn, and how often.
const TURN: Duration = Duration::from_millis(400);
const TURNS: usize = 5;
const FRAME: usize = 4096;

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("large") {
        return large(words.next().map_or(Ok(10_000_000), |n| n.parse())?);
    }
    println!("deposits of {FRAME} bytes a second: bare log, journal");
    for (n_queues, batch) in [(1, 1), (1, 16), (1, 128), (1, 256), (10_000, 1), (10_000, 16), (10_000, 256)] {
        compare(n_queues, batch)?;
    }
    Ok(())
}

/// A store with how far its deposits have come.
struct Runner {
    store: Journal,
    n_queues: u64,
    next: u64,
    n_done: u64,
    spent: Duration,
}

fn name<const N: usize>(n: u64) -> [u8; N] {
    let mut bytes = [0; N];
    // Spread, as random names are.
    let spread = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    for (to, from) in bytes.iter_mut().zip(spread.iter().chain(&n.to_le_bytes())) {
        *to = *from;
    }
    bytes
}

impl Runner {
    fn new(mut store: Journal, n_queues: u64) -> Result<Self, StoreError> {
        for first in (0..n_queues).step_by(1000) {
            let mut txn = store.begin()?;
            for n in first..(first + 1000).min(n_queues) {
                let queue = Queue {
                    sender: SenderId(name(n)),
                    account: AccountKey(name(n / 50)),
                    lookup: LookupKey(name(n)),
                    verifier: Verifier(name(n)),
                    next_seq: 1,
                    length: 0,
                    overflow: Overflow::Complete,
                };
                txn.insert_queue(&ReaderId(name(n)), &queue)?;
            }
            txn.commit()?;
        }
        Ok(Self { store, n_queues, next: 0, n_done: 0, spent: Duration::ZERO })
    }

    /// Does what the rules do for so many deposits, and commits.
    fn deposit(&mut self, batch: u64, frame: usize) -> Result<(), StoreError> {
        let mut txn = self.store.begin()?;
        for _ in 0..batch {
            let n = self.next;
            self.next += 1;
            let sender = SenderId(name(n.wrapping_mul(7919) % self.n_queues));
            let Some((reader, mut queue)) = txn.queue_by_sender(&sender)? else { continue };
            let id = DedupId(name(n));
            if txn.dedup_seen(&sender, &id)? {
                continue;
            }
            txn.purge_dedup(Hour(100), 2)?;
            txn.insert_dedup(&sender, &id, Hour(200))?;
            let entry = Entry { arrived: Hour(100), frame: vec![7; frame] };
            txn.insert_entry(&reader, queue.next_seq, &entry)?;
            queue.next_seq += 1;
            queue.length += 1;
            txn.update_queue(&reader, &queue)?;
        }
        txn.commit()
    }

    fn turn(&mut self, batch: u64) -> Result<(), StoreError> {
        let started = Instant::now();
        while started.elapsed() < TURN {
            self.deposit(batch, FRAME)?;
            self.n_done += batch;
        }
        self.spent += started.elapsed();
        Ok(())
    }

    /// Reads and acknowledges all that was deposited, 16 entries at a time; returns how many a second.
    fn drain(&mut self) -> Result<f64, StoreError> {
        let started = Instant::now();
        let mut n_read = 0_u32;
        for queue in 0..self.n_queues {
            let reader = ReaderId(name(queue));
            loop {
                let mut txn = self.store.begin()?;
                let entries = txn.entries(&reader, 0, 16)?;
                for (seq, _) in &entries {
                    txn.remove_entry(&reader, *seq)?;
                }
                n_read += u32::try_from(entries.len()).unwrap_or(0);
                txn.commit()?;
                if entries.len() < 16 {
                    break;
                }
            }
            if started.elapsed() > 5 * TURN {
                break;
            }
        }
        Ok(f64::from(n_read) / started.elapsed().as_secs_f64())
    }

    fn rate(&self) -> f64 {
        self.n_done as f64 / self.spent.as_secs_f64()
    }
}

/// Appends as many bytes as a deposit has, and waits for the disk once a batch.
struct Bare {
    file: File,
    length: u64,
    n_done: u64,
    spent: Duration,
}

impl Bare {
    fn new(folder: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::create(folder.join("bare"))?, length: 0, n_done: 0, spent: Duration::ZERO })
    }

    fn turn(&mut self, batch: u64) -> std::io::Result<()> {
        let started = Instant::now();
        while started.elapsed() < TURN {
            let mut record = Vec::new();
            (0..batch).for_each(|_| record.extend_from_slice(&[7; FRAME]));
            self.file.write_all_at(&record, self.length)?;
            self.file.sync_data()?;
            self.length += record.len() as u64;
            self.n_done += batch;
        }
        self.spent += started.elapsed();
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.n_done as f64 / self.spent.as_secs_f64()
    }
}

fn compare(n_queues: u64, batch: u64) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("journal");
    std::fs::create_dir(&place)?;
    let mut bare = Bare::new(folder.path())?;
    let mut journal = Runner::new(Journal::open(&place)?, n_queues)?;
    for _ in 0..TURNS {
        bare.turn(batch)?;
        journal.turn(batch)?;
    }
    let (bare, log) = (bare.rate(), journal.rate());
    println!("{n_queues:>6} queues, {batch:>3} in a batch: {bare:>8.0} {log:>8.0} ({:.2})", log / bare);
    println!("        read and acknowledged a second: {:>8.0}", journal.drain()?);
    Ok(())
}

/// Returns resident bytes of this process.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

fn large(n_entries: u64) -> Result<(), Failure> {
    const QUEUES: u64 = 1_000_000;
    let folder = tempfile::tempdir()?;
    let before = resident()?;
    let store = Journal::open(folder.path())?;
    println!("empty: {} KiB more than nothing", (resident()? - before) / 1024);
    let mut runner = Runner::new(store, QUEUES)?;
    let queues = resident()?;
    println!("{QUEUES} empty queues: {} bytes each", (queues - before) / QUEUES);
    let mut last = Instant::now();
    for n in 0..n_entries / 250 {
        runner.deposit(250, 100)?;
        if n % (n_entries / 2500) == 0 {
            println!(
                "at {:>9} entries: {:.0} a second",
                runner.next,
                (n_entries / 10) as f64 / last.elapsed().as_secs_f64()
            );
            last = Instant::now();
        }
    }
    println!("{n_entries} entries, remembered: {} bytes each", (resident()? - queues) / n_entries);
    drop(runner);
    let (started, spent) = (Instant::now(), processor()?);
    let mut store = Journal::open(folder.path())?;
    let (took, spent) = (started.elapsed().as_secs_f64(), (processor()? - spent).as_secs_f64());
    let before = processor()?;
    let mut n_bytes = 0;
    for file in std::fs::read_dir(folder.path())? {
        let bytes = std::fs::read(file?.path())?;
        n_bytes += bytes.len();
        std::hint::black_box(crc32c::crc32c(&bytes));
    }
    let reading = (processor()? - before).as_secs_f64();
    println!("opened again in {took:.1} s, {spent:.2} s of the processor: {:.1} times", spent / reading);
    println!("what reading all {} MiB with one checksum takes", n_bytes >> 20);
    println!("{} bytes resident for each entry after the start", resident()? / n_entries);
    println!("{:?}", store.begin()?.counts()?);
    Ok(())
}

/// Returns how long this process has been on a processor.
fn processor() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().ok_or("no time")?.parse()?))
}
