//! Memory: of a server that has just started, of queues in which nothing is, and of live connections on which nothing happens.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use super::Plan;
use super::accept::in_parallel;
use super::kithd::Kithd;
use super::line::Line;
use super::process::{descriptor_limit, n_cores};
use super::report::Report;
use crate::Failure;

/// Connections from one address of this machine: it has about 28,000 ports, and some linger.
const PER_SOURCE: usize = 5_000;
/// Descriptors that this process and the server need besides the connections.
const SPARE: u64 = 256;
/// After so long nothing happens any more, and buffers that are given back have been.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures once: memory does not scatter as time does.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let kithd = Kithd::start(plan.kithd(), &folder.join("kithd"))?;
    std::thread::sleep(SETTLE);
    let at_start = kithd.process.resident()?;
    report.add("memory", "kithd", "MiB resident at start", at_start as f64 / (1 << 20) as f64);

    let n = plan.size.idle.min(usize::try_from(descriptor_limit().saturating_sub(SPARE)).unwrap_or(usize::MAX));
    let mailboxes = kithd.mailboxes(n)?;
    std::thread::sleep(SETTLE);
    let before = kithd.process.resident()?;
    let n_threads = n_cores();
    let lines = in_parallel(n_threads, |thread| {
        let own = (thread..n).step_by(n_threads);
        own.map(|idx| {
            let source = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(idx / PER_SOURCE)?);
            let mut line = Line::open_from(&kithd.home, source)?;
            line.prove_account(&kithd.account)?;
            line.read(&[&mailboxes[idx]], 64)?;
            Ok(line)
        })
        .collect::<Result<Vec<_>, Failure>>()
    })?;
    std::thread::sleep(SETTLE);
    let growth = kithd.process.resident()?.saturating_sub(before) as f64;
    report.add("memory", "kithd", "connections at once", lines.iter().map(Vec::len).sum::<usize>() as f64);
    report.add("memory", "kithd", "MB for 1,000 idle connections", growth / 1e6 / n as f64 * 1e3);
    drop(lines);
    drop(kithd);

    let fresh = Kithd::start(plan.kithd(), &folder.join("queues"))?;
    fresh.mailboxes(100)?;
    std::thread::sleep(SETTLE);
    let before = fresh.process.resident()?;
    fresh.mailboxes(plan.size.queues)?;
    std::thread::sleep(SETTLE);
    let growth = fresh.process.resident()?.saturating_sub(before) as f64;
    report.add("memory", "kithd", "bytes for an empty queue", growth / plan.size.queues as f64);
    Ok(())
}
