//! Online delivery at a fixed, moderate rate: from the moment a message is handed to the socket until it stands before a
//! reader who is connected.
//!
//! A message is sent on time whether or not the one before it has arrived, so a slow moment is counted for all that fall into
//! it. Threads with blocking sockets, because they notice soonest.

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use std::io::{Read as _, Write as _};

use super::brokers::{self, Nats};
use super::kithd::Kithd;
use super::line::Line;
use super::pool::{Pool, Recipe};
use super::report::Report;
use super::stats::percentile;
use super::{Plan, http, mqtt, nats};
use crate::Failure;

/// Messages a second.
const RATE: usize = 400;
/// Senders that take turns; the answer to one is read before it sends again.
const SENDERS: usize = 32;
/// What has not come after so long is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// As large as a deposit.
const DEPOSIT: usize = 5_376;

/// Runs all rounds.
pub(crate) fn run(plan: &Plan, folder: &Path, report: &mut Report) -> Result<(), Failure> {
    let n = plan.size.latencies;
    let kithd = Kithd::start(plan.kithd(), &folder.join("kithd"))?;
    let mailbox = kithd.mailboxes(1)?;
    let mut line = Line::open(&kithd.home)?;
    line.set_patience(PATIENCE)?;
    line.read(&[&mailbox[0]], 256)?;
    let mosquitto = brokers::mosquitto(&folder.join("mosquitto"))?;
    let nats = brokers::nats(&folder.join("nats"), Nats::Core)?;
    let mut mqtt_reader = mqtt::Client::subscriber(mosquitto.address)?;
    mqtt_reader.set_patience(PATIENCE)?;
    mqtt_reader.subscribe()?;
    let mut mqtt_sender = mqtt::Client::publisher(mosquitto.address)?;
    let mut nats_reader = nats::Client::connect(nats.address, "kith.>")?;
    nats_reader.set_patience(PATIENCE)?;
    let mut nats_sender = nats::Client::connect(nats.address, "_INBOX.sender")?;
    for _ in 0..plan.size.rounds {
        let recipe = Recipe { home: &kithd.home, queues: &[mailbox[0].sender], send: &kithd.send, first: 0 };
        let mut senders = Senders::connect(&kithd, recipe.prepare(n)?)?;
        let waits = deliver(n, |number| senders.send(number), || receive(&mut line))?;
        note("kithd", &waits, report);
        let waits = deliver(
            n,
            |number| nats_sender.publish("kith.0", "", &numbered(number)),
            || arrived(nats_reader.take().map(|(payload, _)| payload)),
        )?;
        note("NATS (keeps nothing)", &waits, report);
        let waits =
            deliver(n, |number| mqtt_sender.publish(number, &numbered(number)), || arrived(mqtt_reader.take()))?;
        note("mosquitto", &waits, report);
    }
    Ok(())
}

fn note(name: &str, waits: &[Duration], report: &mut Report) {
    report.add("online delivery", name, "ms, p50", percentile(waits, 50.0).as_secs_f64() * 1e3);
    report.add("online delivery", name, "ms, p99", percentile(waits, 99.0).as_secs_f64() * 1e3);
}

/// Sends `n` messages at the rate and returns how long each took to arrive.
fn deliver(
    n: usize,
    mut send: impl FnMut(usize) -> Result<(), Failure> + Send,
    mut receive: impl FnMut() -> Result<(Instant, u64), Failure>,
) -> Result<Vec<Duration>, Failure> {
    let (sent, arrived) = std::thread::scope(|scope| {
        let sending = scope.spawn(move || -> Result<Vec<Instant>, Failure> {
            let mut sent = Vec::with_capacity(n);
            let started = Instant::now();
            for number in 0..n {
                let due = started + Duration::from_secs(1) * number as u32 / RATE as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                sent.push(Instant::now());
                send(number)?;
            }
            Ok(sent)
        });
        let arrived = (0..n).map(|_| receive()).collect::<Result<Vec<_>, Failure>>();
        (sending.join().unwrap_or_else(|_| Err("the sender broke".into())), arrived)
    });
    let sent = sent?;
    let wait = |(at, number): (Instant, u64)| -> Result<Duration, Failure> {
        let sent = sent.get(usize::try_from(number)?).ok_or("something arrived that was not sent")?;
        Ok(at.saturating_duration_since(*sent))
    };
    arrived?.into_iter().map(wait).collect()
}

fn receive(line: &mut Line) -> Result<(Instant, u64), Failure> {
    loop {
        let record = line.record()?;
        let at = Instant::now();
        if let Some(push) = line.push_in(&record)? {
            line.ack(&push)?;
            return Ok((at, push.number));
        }
    }
}

fn arrived(payload: Result<Vec<u8>, Failure>) -> Result<(Instant, u64), Failure> {
    let payload = payload?;
    Ok((Instant::now(), payload.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes))))
}

fn numbered(number: usize) -> Vec<u8> {
    let mut payload = vec![0; DEPOSIT];
    for (slot, byte) in payload.iter_mut().zip((number as u64).to_be_bytes()) {
        *slot = byte;
    }
    payload
}

/// Connections that deposit in turn.
struct Senders {
    pool: Pool,
    streams: Vec<TcpStream>,
}

impl Senders {
    fn connect(kithd: &Kithd, pool: Pool) -> Result<Self, Failure> {
        let connect = |_| {
            let stream = TcpStream::connect(kithd.home.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        Ok(Self { pool, streams: (0..SENDERS).map(connect).collect::<Result<_, Failure>>()? })
    }

    fn send(&mut self, number: usize) -> Result<(), Failure> {
        let stream = &mut self.streams[number % SENDERS];
        if number >= SENDERS {
            let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
            while http::body_of(&received)?.is_none() {
                match stream.read(&mut chunk)? {
                    0 => return Err("kithd hung up".into()),
                    n => received.extend_from_slice(&chunk[..n]),
                }
            }
        }
        Ok(stream.write_all(&self.pool.deposits[number].request)?)
    }
}
