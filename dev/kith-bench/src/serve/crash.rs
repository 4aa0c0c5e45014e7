//! `kill -9` under load: what was accepted must be there afterwards, once, and nothing that was never sent.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};

use super::Plan;
use super::accept::CONNECTIONS;
use super::brokers::{self, Broker, Nats};
use super::kithd::Kithd;
use super::line::{Line, Mailbox};
use super::load::{self, Breaks, Talk};
use super::pool::Recipe;
use super::process::Process;
use super::report::Report;
use super::{mqtt, nats};
use crate::Failure;

/// Deposits that are ready for one life of a server; it does not live to see them all.
const READY: usize = 4_000;
/// The others take messages faster than `kithd`.
const MANY: usize = 40_000;
/// Queues that take turns.
const QUEUES: usize = 4;

/// Kills each server several times.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let at = folder.join("kithd");
    let mut kithd = Kithd::start(plan.kithd(), &at)?;
    let mailboxes = kithd.mailboxes(QUEUES)?;
    for life in 0..plan.size.kills {
        kill_kithd(plan.kithd(), &at, &mut kithd, &mailboxes, life, report)?;
    }
    for life in 0..plan.size.kills.min(3) {
        kill_mosquitto(&folder.join(format!("mosquitto-{life}")), report)?;
        kill_stream(&folder.join(format!("stream-{life}")), report)?;
    }
    Ok(())
}

fn kill_kithd(
    program: &Path,
    folder: &Path,
    kithd: &mut Kithd,
    mailboxes: &[Mailbox],
    life: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let queues: Vec<_> = mailboxes.iter().map(|mailbox| mailbox.sender).collect();
    let first = (life * READY) as u64;
    let pool = Arc::new(Recipe { home: &kithd.home, queues: &queues, send: &kithd.send, first }.prepare(READY)?);
    let outcome = load_until_killed(&pool, kithd.home.address, &kithd.process, READY)?;
    let accepted = pool.accepted(&outcome)?;
    let started = Instant::now();
    kithd.restart(program, folder)?;
    report.add("kill -9", "kithd", "ms until it serves again", started.elapsed().as_secs_f64() * 1e3);
    let mut found: HashMap<u64, usize> = HashMap::new();
    let readers: Vec<&Mailbox> = mailboxes.iter().collect();
    for number in Line::open(&kithd.home)?.take_all(&readers)? {
        *found.entry(number).or_default() += 1;
    }
    let lost = accepted.iter().filter(|n| !found.contains_key(&(first + **n as u64))).count();
    let sent = first..first + READY as u64;
    let invented = found.iter().filter(|(number, times)| !sent.contains(number) || **times > 1).count();
    note("kithd", accepted.len(), lost, report);
    report.add("kill -9", "kithd", "invented or doubled", invented as f64);
    Ok(())
}

fn kill_mosquitto(folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let broker = brokers::mosquitto(folder)?;
    brokers::leave_mqtt_session(broker.address)?;
    let talk = Arc::new(mqtt::Publications { payload: vec![0; 5_376], n_topics: QUEUES });
    let accepted = load_until_killed(&talk, broker.address, &broker.process, MANY)?.n_answered;
    drop(broker);
    let again = brokers::mosquitto(folder)?;
    let mut client = mqtt::Client::subscriber(again.address)?;
    client.subscribe()?;
    client.set_patience(Duration::from_secs(2))?;
    let mut found = 0;
    while client.take().is_ok() {
        found += 1;
    }
    note("mosquitto", accepted, accepted.saturating_sub(found), report);
    Ok(())
}

fn kill_stream(folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let broker: Broker = brokers::nats(folder, Nats::Stream)?;
    brokers::make_stream(&broker)?;
    let answered_by = nats::AnsweredBy::Stream;
    let talk = Arc::new(nats::Publications { payload: vec![0; 5_376], n_subjects: QUEUES, answered_by });
    let accepted = load_until_killed(&talk, broker.address, &broker.process, MANY)?.n_answered;
    drop(broker);
    let again = brokers::nats(folder, Nats::Stream)?;
    let found = nats::n_kept(again.address)?;
    note("JetStream", accepted, accepted.saturating_sub(found), report);
    Ok(())
}

/// Puts the load on a server and kills it at a random moment in the middle.
fn load_until_killed<T: Talk>(
    talk: &Arc<T>,
    address: std::net::SocketAddr,
    process: &Process,
    n: usize,
) -> Result<load::Outcome, Failure> {
    let mut byte = [0];
    UnwrapErr(SysRng).fill_bytes(&mut byte);
    let moment = Duration::from_millis(100 + u64::from(byte[0]));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(moment);
            process.signal_kill();
        });
        load::run(talk, address, CONNECTIONS, n, Breaks::AreExpected)
    })
}

fn note(name: &str, accepted: usize, lost: usize, report: &mut Report) {
    report.add("kill -9", name, "accepted before", accepted as f64);
    report.add("kill -9", name, "of these lost", lost as f64);
}
