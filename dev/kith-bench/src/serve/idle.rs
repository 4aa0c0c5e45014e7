//! Memory: of a server that has just started, of queues in which nothing is, and of live connections on which nothing happens.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Plan;
use super::accept::in_parallel;
use super::kithd::Kithd;
use super::line::Line;
use super::process::{descriptor_limit, n_cores};
use super::report::Report;
use super::socket;
use crate::Failure;

/// Connections from one address of this machine: it has about 28,000 ports, and some linger.
const PER_SOURCE: usize = 5_000;
/// Descriptors that this process and the server need besides the connections.
const SPARE: u64 = 256;
/// After so long nothing happens any more, and buffers that are given back have been.
const SETTLE: Duration = Duration::from_secs(3);
/// The name of the measure, as the targets look it up.
const PER_THOUSAND: &str = "MB for 1,000 idle connections";

/// Measures once: memory does not scatter as time does.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let plain = Kithd::start(plan.kithd(), &folder.join("plain"))?;
    std::thread::sleep(SETTLE);
    let at_start = plain.process.resident()?;
    report.add("memory", "kithd", "MiB resident at start", at_start as f64 / (1 << 20) as f64);
    let most = usize::try_from(descriptor_limit().saturating_sub(SPARE)).unwrap_or(usize::MAX);
    let n = plan.size.idle.min(most);
    connections("kithd", &plain, n, report)?;
    report.add("memory", "kithd", "connections at once", n as f64);
    drop(plain);

    let (lines, trust) = socket::certify(folder)?;
    let tls = Kithd::start_with(plan.kithd(), &folder.join("tls"), &lines, trust)?;
    // A third is enough for a mean; a handshake costs more than everything else here.
    connections("kithd with TLS", &tls, n / 3, report)?;
    drop(tls);

    let fresh = Kithd::start(plan.kithd(), &folder.join("queues"))?;
    // So much that what is there but once is there before.
    fresh.mailboxes(1_000)?;
    std::thread::sleep(SETTLE);
    let (before, started) = (fresh.process.resident()?, Instant::now());
    fresh.mailboxes(plan.size.queues)?;
    eprintln!("  {} queues in {:.0} s", plan.size.queues, started.elapsed().as_secs_f64());
    std::thread::sleep(SETTLE);
    let growth = fresh.process.resident()?.saturating_sub(before) as f64;
    report.add("memory", "kithd", "bytes for an empty queue", growth / plan.size.queues as f64);
    Ok(())
}

/// Opens `n` live connections, each of which has proven an account and reads a queue of its own, and lets them idle.
fn connections(name: &str, kithd: &Kithd, n: usize, report: &mut Report) -> Result<(), Failure> {
    let mailboxes = kithd.mailboxes(n)?;
    std::thread::sleep(SETTLE);
    let before = kithd.process.resident()?;
    let started = Instant::now();
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
    eprintln!("  {n} connections of {name} in {:.0} s", started.elapsed().as_secs_f64());
    std::thread::sleep(SETTLE);
    let growth = kithd.process.resident()?.saturating_sub(before) as f64;
    report.add("memory", name, PER_THOUSAND, growth / 1e6 / n as f64 * 1e3);
    drop(lines);
    Ok(())
}
