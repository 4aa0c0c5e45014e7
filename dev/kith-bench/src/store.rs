//! Compares embedded stores under the workload of the home server's queues.
//!
//! What it does not do: tune an engine beyond what a single-board computer would allow (all get the same small
//! caches), or measure anything that is not durable: every batch is one commit that reached the disk.

mod fjall_engine;
pub(crate) mod memory;
pub(crate) mod recovery;
mod redb_engine;
mod sqlite_engine;
mod workload;

use std::path::Path;
use std::time::Duration;

use crate::Failure;
use workload::Workload;

/// Bytes of a frame, as in the protocol.
const FRAME_LEN: usize = 4_096;

/// Memory each engine may use as cache: what a server with a budget of 15 MiB can spare.
const CACHE_BYTES: usize = 2 * 1_024 * 1_024;

/// The engines, in the order of the report.
const ENGINES: [&str; 3] = ["sqlite", "fjall", "redb"];

/// Rounds of a cell: engines take turns in each, so that a slow moment of the disk hits all of them.
const ROUNDS: usize = 4;

/// Time one engine gets in one round of one cell.
const SLICE: Duration = Duration::from_millis(400);

/// One frame on its way into a queue.
struct Deposit {
    sid: [u8; 24],
    dedup_id: [u8; 16],
    expires_hour: u32,
    frame: Vec<u8>,
}

/// What the home server asks of its store, reduced to what costs.
trait QueueStore {
    /// Creates queues in one commit.
    fn create_queues(&mut self, queues: &[([u8; 24], [u8; 24])]) -> Result<(), Failure>;
    /// Stores a batch in one durable commit: look the queue up by sid, insert the dedup row and the frame, update
    /// the queue's counter.
    fn deposit(&mut self, batch: &[Deposit]) -> Result<(), Failure>;
    /// Reads and deletes up to `limit` frames of each given queue in one durable commit; returns how many there were.
    fn drain(&mut self, rids: &[[u8; 24]], limit: usize) -> Result<usize, Failure>;
    /// Deletes dedup rows that expired before `hour` in one durable commit; returns how many there were.
    fn purge(&mut self, hour: u32) -> Result<usize, Failure>;
    /// Counts the stored frames.
    fn n_frames(&mut self) -> Result<usize, Failure>;
}

/// Runs the comparison and prints it.
pub(crate) fn run() -> Result<(), Failure> {
    println!("deposits a second, durable, by queues / batch (higher is better)");
    println!("{:>16} {:>18} {:>18} {:>18}", "", ENGINES[0], ENGINES[1], ENGINES[2]);
    for n_queues in [1, 10_000] {
        let mut workloads =
            ENGINES.iter().map(|engine| Workload::new(engine, n_queues)).collect::<Result<Vec<_>, _>>()?;
        for batch in [1, 16, 128] {
            let mut rates = vec![workload::Rate::default(); ENGINES.len()];
            for _ in 0..ROUNDS {
                for (workload, rate) in workloads.iter_mut().zip(&mut rates) {
                    workload.deposit_for(SLICE, batch, rate)?;
                }
            }
            row(&format!("{n_queues} / {batch}"), &rates);
        }
        let mut drains = vec![workload::Rate::default(); ENGINES.len()];
        let mut purges = vec![workload::Rate::default(); ENGINES.len()];
        for (idx, workload) in workloads.iter_mut().enumerate() {
            workload.drain_all(&mut drains[idx])?;
            workload.purge_all(&mut purges[idx])?;
        }
        row(&format!("{n_queues} drain+ack"), &drains);
        row(&format!("{n_queues} purge"), &purges);
        let disk: Vec<String> = workloads
            .iter()
            .map(|workload| Ok(format!("{} MiB", workload.disk_bytes()? >> 20)))
            .collect::<Result<_, Failure>>()?;
        println!("{:>16} {:>18} {:>18} {:>18}", "disk after", disk[0], disk[1], disk[2]);
    }
    memory::report()?;
    recovery::report()
}

/// Prints one row: rates, and their ratio to the first engine.
fn row(name: &str, rates: &[workload::Rate]) {
    let base = rates.first().map_or(1.0, workload::Rate::per_second);
    let cells: Vec<String> =
        rates.iter().map(|rate| format!("{:>9.0} ({:.2}x)", rate.per_second(), rate.per_second() / base)).collect();
    println!("{name:>16} {:>18} {:>18} {:>18}", cells[0], cells[1], cells[2]);
}

/// Opens an engine by name on a folder.
fn open(engine: &str, dir: &Path) -> Result<Box<dyn QueueStore>, Failure> {
    Ok(match engine {
        "sqlite" => Box::new(sqlite_engine::Sqlite::open(dir)?),
        "fjall" => Box::new(fjall_engine::Fjall::open(dir)?),
        "redb" => Box::new(redb_engine::Redb::open(dir)?),
        other => return Err(format!("no engine is called {other}").into()),
    })
}
