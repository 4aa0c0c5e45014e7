//! What a deposit costs beside more queues, a longer backlog and more connections. It should cost the same.

use std::path::Path;
use std::sync::Arc;

use kith_wire::id::SenderId;

use super::Plan;
use super::accept::{CONNECTIONS, COST, RATE};
use super::kithd::Kithd;
use super::load::{self, Breaks};
use super::pool::Recipe;
use super::report::Report;
use crate::Failure;

/// One situation.
struct Case {
    name: String,
    /// Which server.
    server: usize,
    connections: usize,
}

struct Server {
    kithd: Kithd,
    queues: Vec<SenderId>,
}

/// Runs all rounds.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let (mut servers, mut cases) = (Vec::new(), Vec::new());
    for n in [10, 1_000, plan.size.queues] {
        let kithd = Kithd::start(plan.kithd(), &folder.join(format!("queues-{n}")))?;
        let mailboxes = kithd.mailboxes(n)?;
        let queues = scattered(mailboxes.iter().map(|mailbox| mailbox.sender).collect());
        cases.push(Case { name: format!("{n} queues"), server: servers.len(), connections: CONNECTIONS });
        servers.push(Server { kithd, queues });
    }
    for n in [16, 1_024] {
        cases.push(Case { name: format!("1000 queues, {n} senders"), server: 1, connections: n });
    }
    let kithd = Kithd::start(plan.kithd(), &folder.join("backlog"))?;
    let queues: Vec<SenderId> = kithd.mailboxes(1_000)?.iter().map(|mailbox| mailbox.sender).collect();
    let full = Server { kithd, queues };
    // In portions: all at once would take gigabytes of sealed deposits.
    for _ in 0..plan.size.backlog / plan.size.deposits {
        full.take(plan.size.deposits, CONNECTIONS)?;
    }
    let name = format!("1000 queues, {} frames wait", plan.size.backlog);
    cases.push(Case { name, server: servers.len(), connections: CONNECTIONS });
    servers.push(full);
    for _ in 0..plan.size.rounds.min(3) {
        for case in &cases {
            let Some(server) = servers.get(case.server) else { continue };
            let (rate, cost) = server.take(plan.size.deposits / 2, case.connections)?;
            report.add("scale", &case.name, RATE, rate);
            report.add("scale", &case.name, COST, cost);
        }
    }
    Ok(())
}

impl Server {
    /// Has deposits taken; returns the rate and the processor time of each in µs.
    fn take(&self, n: usize, connections: usize) -> Result<(f64, f64), Failure> {
        let Self { kithd, queues } = self;
        let recipe = Recipe { home: &kithd.home, queues, send: &kithd.send, first: 0 };
        let pool = Arc::new(recipe.prepare(n)?);
        let before = kithd.process.processor_time()?;
        let outcome = load::run(&pool, kithd.home.address, connections, n, Breaks::AreFaults)?;
        let used = kithd.process.processor_time()? - before;
        if pool.accepted(&outcome)?.len() != n {
            return Err("kithd did not accept everything".into());
        }
        Ok((n as f64 / outcome.took.as_secs_f64(), used.as_secs_f64() * 1e6 / n as f64))
    }
}

/// Brings queues into an order that has nothing to do with that of their creation: neighbours may share a page.
fn scattered(mut queues: Vec<SenderId>) -> Vec<SenderId> {
    // Their names are random.
    queues.sort_unstable_by_key(|queue| queue.0);
    queues
}
