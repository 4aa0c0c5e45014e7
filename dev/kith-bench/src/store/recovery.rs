//! Kills a process in the middle of its commits and opens what it left.
//!
//! A kill keeps the page cache, so this shows recovery of the engine's own structures and the time it takes; it does
//! not show what a power cut does to a disk that lies about flushes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::workload::Bytes;
use super::{Deposit, ENGINES, FRAME_LEN, open};
use crate::Failure;

/// Batches the victim has reported when it is killed.
const KILL_AFTER: usize = 200;
const BATCH: usize = 16;

/// Kills one child for each engine and prints what was found.
pub(super) fn report() -> Result<(), Failure> {
    println!("\nkill -9 during commits: frames reported durable / found again, time to open");
    let program = std::env::current_exe()?;
    for engine in ENGINES {
        let dir = tempfile::tempdir()?;
        let mut child =
            Command::new(&program).args(["store-victim", engine]).arg(dir.path()).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        let mut n_reported = 0;
        for line in lines.by_ref().take(KILL_AFTER) {
            line?;
            n_reported += BATCH;
        }
        child.kill()?;
        child.wait()?;
        // What was still in the pipe had been reported too.
        n_reported += lines.map_while(Result::ok).filter(|line| line == "durable").count() * BATCH;
        let start = Instant::now();
        let mut store = open(engine, dir.path())?;
        let spent = start.elapsed();
        let n_found = store.n_frames()?;
        if n_found < n_reported || n_found % BATCH != 0 {
            return Err(format!("{engine} lost frames: {n_found} of {n_reported}").into());
        }
        println!("{engine:>16} {n_reported} / {n_found}, {:.1} ms", spent.as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Deposits until somebody kills it, and says a word after each durable commit.
pub(crate) fn victim(engine: &str, dir: &str) -> Result<(), Failure> {
    let mut store = open(engine, Path::new(dir))?;
    let mut bytes = Bytes(1);
    let (rid, sid) = (bytes.array(), bytes.array());
    store.create_queues(&[(rid, sid)])?;
    let mut stdout = std::io::stdout().lock();
    loop {
        let batch: Vec<Deposit> = (0..BATCH)
            .map(|_| Deposit {
                sid,
                dedup_id: bytes.array(),
                expires_hour: 1,
                frame: bytes.array::<FRAME_LEN>().to_vec(),
            })
            .collect();
        store.deposit(&batch)?;
        writeln!(stdout, "durable")?;
        stdout.flush()?;
    }
}
