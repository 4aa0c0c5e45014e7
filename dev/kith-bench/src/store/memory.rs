//! Resident memory of each engine, in a process of its own.
//!
//! The process with no engine at all is the base line; the report shows what an engine adds to it.

use std::process::Command;

use super::workload::Workload;
use super::{ENGINES, open};
use crate::Failure;

/// Queues and frames of the loaded state.
const N_QUEUES: usize = 1_000;
const N_BATCHES: usize = 100;
const BATCH: usize = 64;

/// Starts one child for each engine and prints what it said.
pub(super) fn report() -> Result<(), Failure> {
    println!("\nresident memory of a process with the engine open, idle → after {} frames", N_BATCHES * BATCH);
    let program = std::env::current_exe()?;
    for engine in std::iter::once("none").chain(ENGINES) {
        let said = Command::new(&program).args(["store-memory", engine]).output()?;
        if !said.status.success() {
            return Err(format!("{engine}: {}", String::from_utf8_lossy(&said.stderr)).into());
        }
        println!("{engine:>16} {}", String::from_utf8_lossy(&said.stdout).trim());
    }
    Ok(())
}

/// Opens an engine, says the memory, works, says the memory again.
pub(crate) fn child(engine: &str) -> Result<(), Failure> {
    if engine == "none" {
        println!("{} KiB", resident_kib()?);
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let store = open(engine, dir.path())?;
    let idle = resident_kib()?;
    drop(store);
    let mut workload = Workload::new(engine, N_QUEUES)?;
    for _ in 0..N_BATCHES {
        let deposits = workload.batch(BATCH);
        workload.store().deposit(&deposits)?;
    }
    println!("{idle} KiB → {} KiB", resident_kib()?);
    Ok(())
}

/// Reads what the kernel says of this process.
fn resident_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
