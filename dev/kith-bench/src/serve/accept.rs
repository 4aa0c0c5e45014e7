//! Durable acceptance of messages for somebody who is away, and the drain of what waited: rate, waiting time, and processor
//! time of the server per message. Contenders take turns.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::bare::Bare;
use super::brokers::{self, Broker, Nats};
use super::kithd::Kithd;
use super::line::{Line, Mailbox};
use super::load::{self, Breaks, Outcome, Talk};
use super::pool::Recipe;
use super::process::{Process, n_cores};
use super::report::Report;
use super::stats::percentile;
use super::{Plan, mqtt, nats, yardstick};
use crate::Failure;

/// Senders at the same time.
pub(crate) const CONNECTIONS: usize = 128;
/// Queues, topics or subjects that take turns.
pub(crate) const QUEUES: usize = 16;
/// Connections over which the backlog is drained.
const READERS: usize = 8;
/// Unacknowledged pushes that a reader wants.
const WINDOW: u16 = 256;
/// A deposit as it travels.
const DEPOSIT: usize = 5_376;
/// The size at which other brokers are often measured.
const SMALL: usize = 1_024;

/// Names of the measures, as the targets look them up.
pub(crate) const RATE: &str = "messages a second";
/// Processor time.
pub(crate) const COST: &str = "server µs of processor a message";

/// Runs all rounds.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let bare = Bare::new(plan.size.deposits.min(4_000))?;
    let contenders = Contenders::start(plan, folder)?;
    for round in 0..plan.size.rounds {
        for (name, n_threads) in [("opened on one core", 1), ("opened on all cores", n_cores())] {
            let opening = bare.open_all(n_threads)?;
            report.add("cryptography", name, RATE, opening.rate);
            report.add("cryptography", name, COST, opening.cost);
        }
        contenders.kithd_turn(plan, round, report)?;
        contenders.yardstick_turn("yardstick", DEPOSIT, plan, report)?;
        contenders.yardstick_turn("yardstick 1 KiB", SMALL, plan, report)?;
        contenders.mosquitto_turn(plan, report)?;
        contenders.nats_turns(plan, report)?;
        eprintln!("  round {} of {}", round + 1, plan.size.rounds);
    }
    Ok(())
}

struct Contenders {
    kithd: Kithd,
    mailboxes: Vec<Mailbox>,
    yardstick: Broker,
    mosquitto: Broker,
    nats: Broker,
    /// With their names.
    streams: Vec<(&'static str, Broker)>,
}

impl Contenders {
    fn start(plan: &Plan, folder: &Path) -> Result<Self, Failure> {
        let kithd = Kithd::start(plan.kithd(), &folder.join("kithd"))?;
        let mailboxes = kithd.mailboxes(QUEUES)?;
        let mosquitto = brokers::mosquitto(&folder.join("mosquitto"))?;
        brokers::leave_mqtt_session(mosquitto.address)?;
        let mut streams = vec![("JetStream", brokers::nats(&folder.join("stream"), Nats::Stream)?)];
        if brokers::nats_can_sync(folder)? {
            streams.push(("JetStream, synced", brokers::nats(&folder.join("synced"), Nats::SyncedStream)?));
        }
        streams.iter().try_for_each(|(_, broker)| brokers::make_stream(broker))?;
        let yardstick = brokers::yardstick(&folder.join("yardstick"))?;
        let nats = brokers::nats(&folder.join("nats"), Nats::Core)?;
        Ok(Self { kithd, mailboxes, yardstick, mosquitto, nats, streams })
    }

    fn kithd_turn(&self, plan: &Plan, round: usize, report: &mut Report) -> Result<(), Failure> {
        let n = plan.size.deposits;
        let queues: Vec<_> = self.mailboxes.iter().map(|mailbox| mailbox.sender).collect();
        let first = (round * n) as u64;
        let recipe = Recipe { home: &self.kithd.home, queues: &queues, send: &self.kithd.send, first };
        let pool = Arc::new(recipe.prepare(n)?);
        let before = self.kithd.process.processor_time_by_thread()?;
        let outcome = offer(&pool, self.kithd.home.address, &self.kithd.process, n, "kithd", report)?;
        for (thread, after) in self.kithd.process.processor_time_by_thread()? {
            let before = before.get(&thread).copied().unwrap_or_default();
            for (mode, used) in [("user", after.0 - before.0), ("kernel", after.1 - before.1)] {
                let name = format!("kithd: {thread}, {mode}");
                report.add("accept by thread", &name, COST, used.as_secs_f64() * 1e6 / n as f64);
            }
        }
        if pool.accepted(&outcome)?.len() != n {
            return Err("kithd did not accept everything".into());
        }
        drop(pool);
        let drain = || drain(&self.kithd, &self.mailboxes, n);
        let numbers = timed_drain(&self.kithd.process, n, "kithd", report, drain)?;
        let mut numbers: Vec<u64> = numbers.into_iter().flatten().collect();
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(first..first + n as u64) {
            return Err("kithd drained something else than what it had accepted".into());
        }
        Ok(())
    }

    fn yardstick_turn(&self, name: &'static str, size: usize, plan: &Plan, report: &mut Report) -> Result<(), Failure> {
        let n = plan.size.messages;
        let talk = Arc::new(yardstick::Deposits { payload: noise(size), n_queues: QUEUES });
        offer(&talk, self.yardstick.address, &self.yardstick.process, n, name, report)?;
        let address = self.yardstick.address;
        let drained = timed_drain(&self.yardstick.process, n, name, report, || {
            in_parallel(READERS, |reader| {
                (reader..QUEUES).step_by(READERS).map(|queue| yardstick::drain(address, queue as u32)).sum()
            })
        })?;
        if drained.iter().sum::<usize>() != n {
            return Err("the yardstick lost something".into());
        }
        Ok(())
    }

    fn mosquitto_turn(&self, plan: &Plan, report: &mut Report) -> Result<(), Failure> {
        let n = plan.size.messages;
        let talk = Arc::new(mqtt::Publications { payload: noise(DEPOSIT), n_topics: QUEUES });
        offer(&talk, self.mosquitto.address, &self.mosquitto.process, n, "mosquitto", report)?;
        timed_drain(&self.mosquitto.process, n, "mosquitto", report, || {
            let mut client = mqtt::Client::subscriber(self.mosquitto.address)?;
            client.set_patience(Duration::from_secs(10))?;
            for _ in 0..n {
                client.take()?;
            }
            client.leave()
        })
    }

    fn nats_turns(&self, plan: &Plan, report: &mut Report) -> Result<(), Failure> {
        let n = plan.size.messages;
        let talk =
            |answered_by| Arc::new(nats::Publications { payload: noise(DEPOSIT), n_subjects: QUEUES, answered_by });
        let core = talk(nats::AnsweredBy::Server);
        offer(&core, self.nats.address, &self.nats.process, n, "NATS (keeps nothing)", report)?;
        for (name, broker) in &self.streams {
            let n = if *name == "JetStream" { n } else { n / 10 };
            offer(&talk(nats::AnsweredBy::Stream), broker.address, &broker.process, n, name, report)?;
            timed_drain(&broker.process, n, name, report, || nats::drain(broker.address, n))?;
        }
        Ok(())
    }
}

/// Puts the load on a server and notes rate, waits and processor time.
pub(crate) fn offer<T: Talk>(
    talk: &Arc<T>,
    address: SocketAddr,
    process: &Process,
    n: usize,
    name: &str,
    report: &mut Report,
) -> Result<Outcome, Failure> {
    let before = process.processor_time()?;
    let outcome = load::run(talk, address, CONNECTIONS, n, Breaks::AreFaults)?;
    let used = process.processor_time()? - before;
    report.add("accept", name, RATE, n as f64 / outcome.took.as_secs_f64());
    report.add("accept", name, COST, used.as_secs_f64() * 1e6 / n as f64);
    report.add("accept", name, "ms of waiting, p50", percentile(&outcome.waits, 50.0).as_secs_f64() * 1e3);
    report.add("accept", name, "ms of waiting, p99", percentile(&outcome.waits, 99.0).as_secs_f64() * 1e3);
    Ok(outcome)
}

/// Reads and acknowledges what waits in all queues, `n` messages that went to them in turn; returns the numbers in them, by reader.
pub(crate) fn drain(kithd: &Kithd, mailboxes: &[Mailbox], n: usize) -> Result<Vec<Vec<u64>>, Failure> {
    in_parallel(READERS, |reader| {
        let own: Vec<&Mailbox> = mailboxes.iter().skip(reader).step_by(READERS).collect();
        // Message `n` was for queue `n % QUEUES`.
        let expected = (0..n).filter(|number| number % QUEUES % READERS == reader).count();
        Line::open(&kithd.home)?.drain(&own, expected, WINDOW)
    })
}

/// Times the drain of `n` messages.
fn timed_drain<R>(
    process: &Process,
    n: usize,
    name: &str,
    report: &mut Report,
    drain: impl FnOnce() -> Result<R, Failure>,
) -> Result<R, Failure> {
    let (before, started) = (process.processor_time()?, Instant::now());
    let drained = drain()?;
    let (took, used) = (started.elapsed(), process.processor_time()? - before);
    report.add("drain", name, RATE, n as f64 / took.as_secs_f64());
    report.add("drain", name, COST, used.as_secs_f64() * 1e6 / n as f64);
    Ok(drained)
}

/// Runs a job for each number below `n`, each in a thread of its own.
pub(crate) fn in_parallel<R: Send>(
    n: usize,
    job: impl Fn(usize) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    std::thread::scope(|scope| {
        let job = &job;
        let threads: Vec<_> = (0..n).map(|number| scope.spawn(move || job(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread broke".into()))).collect()
    })
}

/// Bytes that nothing can compress.
fn noise(size: usize) -> Vec<u8> {
    use rand_core::Rng as _;
    let mut bytes = vec![0; size];
    rand_core::UnwrapErr(rand::rngs::SysRng).fill_bytes(&mut bytes);
    bytes
}
