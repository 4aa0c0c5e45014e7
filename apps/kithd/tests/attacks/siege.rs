//! A server, an honest client of it, and an attacker: what the first holds and the second notices while the third rages.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kith_net::{AddressPolicy, Carrier, TrustAnchors};
use kith_wire::address::ServerUrl;
use kith_wire::operation::{Answer, EntryId, Operation};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use crate::support::{Device, Home, Kithd, Line};

/// A server with one honest client.
pub(crate) struct Siege {
    pub(crate) server: Kithd,
    pub(crate) home: Home,
    pub(crate) device: Device,
    line: Line,
    _data: tempfile::TempDir,
}

/// What an attack cost.
pub(crate) struct Toll {
    /// Round trip of the honest client without the attack and with it: of several medians the second, because whatever
    /// else the machine does makes them longer and never shorter.
    pub(crate) calm: Duration,
    pub(crate) attacked: Duration,
    /// What the server held more than before, at most.
    pub(crate) descriptors: usize,
    pub(crate) kib: u64,
    /// What the attacker counted meanwhile, and how long that took.
    pub(crate) counted: usize,
    pub(crate) time: Duration,
}

/// Whom an attacker attacks, and what it tells.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    counter: Arc<AtomicUsize>,
}

impl Siege {
    /// Starts a server on which connections from this machine count, and a client that listens.
    pub(crate) async fn lay(set: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Kithd::start_with(data.path(), |command| set(command.env("KITHD_LIMITS_COUNT_LOOPBACK", "true")));
        let home = Home::find(&server).await;
        Self::over(server, home, data).await
    }

    /// The same with TLS.
    pub(crate) async fn lay_with_tls(set: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let data = tempfile::tempdir().unwrap();
        let files = tempfile::tempdir().unwrap();
        let carrier = certify(files.path());
        let mut server = Kithd::start_with(data.path(), |command| {
            set(command
                .env("KITHD_LIMITS_COUNT_LOOPBACK", "true")
                .env("KITHD_TLS_CERT", files.path().join("cert.pem"))
                .env("KITHD_TLS_KEY", files.path().join("key.pem")))
        });
        server.url = ServerUrl::parse(server.ready["url"].as_str().unwrap()).unwrap();
        let home = Home::find_with(&server, carrier).await;
        Self::over(server, home, data).await
    }

    async fn over(server: Kithd, home: Home, data: tempfile::TempDir) -> Self {
        let device = home.device().await;
        let line = home.listen(&device).await;
        Self { server, home, device, line, _data: data }
    }

    /// Deposits, waits for the push, acknowledges it: so often, and returns the median of how long that took.
    pub(crate) async fn round_trips(&mut self, n: usize) -> Duration {
        let mut times = Vec::new();
        for _ in 0..n {
            let deposit = self.home.deposit_of(&self.device, 7);
            let started = Instant::now();
            assert_eq!(self.home.deposit(deposit).await, Answer::Accepted);
            let (entry, byte) = self.line.push().await;
            assert_eq!(byte, 7);
            let ack = Operation::Ack { reader_id: self.device.reader, entries: vec![EntryId(entry)] };
            assert_eq!(self.line.ask(ack).await, Answer::Accepted);
            times.push(started.elapsed());
        }
        times.sort();
        times[n / 2]
    }

    async fn medians(&mut self, n: usize) -> Vec<Duration> {
        let mut medians = Vec::new();
        for _ in 0..n {
            medians.push(self.round_trips(20).await);
        }
        medians
    }

    pub(crate) fn target(&self) -> Target {
        let address = self.server.ready["listen"].as_str().unwrap().parse().unwrap();
        Target { address, counter: Arc::default() }
    }

    /// Goes on while `attack` rages on a thread of its own; it begins to count once it has counted `raging`.
    pub(crate) async fn endure<A>(&mut self, raging: usize, attack: impl FnOnce(Target) -> A + Send + 'static) -> Toll
    where
        A: Future<Output = ()>,
    {
        self.round_trips(10).await;
        let mut calm = self.medians(3).await;
        let (descriptors, kib) = (self.server.n_descriptors(), self.server.resident_kib());
        let target = self.target();
        let counter = Arc::clone(&target.counter);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = attack(target) => {}
                    _ = stopped => {}
                }
            });
        });
        let patience = Instant::now() + PATIENCE;
        while counter.load(Ordering::Relaxed) < raging {
            assert!(!thread.is_finished(), "the attack ended before it had begun");
            let counted = counter.load(Ordering::Relaxed);
            assert!(Instant::now() < patience, "only {counted} of {raging}: what should have happened did not");
            self.round_trips(1).await;
        }
        let (counted, started) = (counter.load(Ordering::Relaxed), Instant::now());
        let (mut attacked, mut most) = (Vec::new(), (0, 0));
        // An attack that slows the client down does so all the time; whatever else the machine does passes.
        for n in 1..=MOST_MEDIANS {
            attacked.extend(self.medians(1).await);
            most = (self.server.n_descriptors().max(most.0), self.server.resident_kib().max(most.1));
            if n >= MEDIANS && second(&mut attacked) <= second(&mut calm) * 2 + SLACK {
                break;
            }
        }
        let (counted, time) = (counter.load(Ordering::Relaxed) - counted, started.elapsed());
        let _ = stop.send(());
        thread.join().unwrap();
        // Also afterwards: the machine may have become slower for reasons of its own.
        let mut after = self.medians(3).await;
        Toll {
            calm: second(&mut calm).max(second(&mut after)),
            attacked: second(&mut attacked),
            descriptors: most.0.saturating_sub(descriptors),
            kib: most.1.saturating_sub(kib),
            counted,
            time,
        }
    }
}

impl Toll {
    /// Fails unless the client noticed little and the server held little.
    pub(crate) fn is_bearable(&self, descriptors: usize, kib: u64) {
        let Self { calm, attacked, descriptors: held, kib: grown, counted, time } = self;
        let told = format!(
            "round trip {calm:?}, attacked {attacked:?}; {held} descriptors and {grown} KiB more; {counted} in {time:?}"
        );
        println!("{told}");
        assert!(*attacked <= *calm * 2 + SLACK, "slow: {told}");
        assert!(*held <= descriptors, "descriptors: {told}");
        assert!(*grown <= kib, "memory: {told}");
    }
}

impl Target {
    /// Notes that something happened.
    pub(crate) fn count(&self) {
        self.counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Connects from the attackers' network.
    pub(crate) async fn connect(&self) -> std::io::Result<TcpStream> {
        self.connect_from(7).await
    }

    /// Connects from one of many networks; the honest client is in none of them.
    pub(crate) async fn connect_from(&self, network: u8) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 1, network, 7], 0)))?;
        socket.connect(self.address).await
    }

    /// Connects and makes a live connection of it by hand.
    pub(crate) async fn connect_live(&self) -> std::io::Result<TcpStream> {
        let mut stream = self.connect().await?;
        let head = upgrade_head("");
        stream.write_all(head.as_bytes()).await?;
        let answer = read_head(&mut stream).await?;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Ok(stream)
    }

    /// Sends bytes and returns all that comes back until the server hangs up or says nothing more for two seconds, and whether it hung up.
    pub(crate) async fn say(&self, bytes: &[u8]) -> (String, bool) {
        let mut stream = self.connect().await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let reading = async { while matches!(stream.read_buf(&mut answer).await, Ok(1..)) {} };
        let is_over = tokio::time::timeout(Duration::from_secs(2), reading).await.is_ok();
        (String::from_utf8_lossy(&answer).into_owned(), is_over)
    }
}

/// Returns the second shortest.
fn second(medians: &mut [Duration]) -> Duration {
    medians.sort();
    medians[1]
}

/// The head of a request for a live connection, with more fields.
pub(crate) fn upgrade_head(more: &str) -> String {
    format!(
        "GET /kith/v1/live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// Reads the head of a response.
pub(crate) async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Writes a fresh certificate for loopback with its key and returns a carrier that trusts it alone.
fn certify(folder: &Path) -> Carrier {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let anchors = TrustAnchors::web().with_pem(made.cert.pem().as_bytes()).unwrap();
    Carrier::builder(AddressPolicy::AllowPrivate).trust(anchors).build().unwrap()
}

/// What a machine with two cores adds on which attacker, server and client all run.
const SLACK: Duration = Duration::from_millis(20);
/// Medians that are taken during an attack, and at most when they are long.
const MEDIANS: usize = 6;
const MOST_MEDIANS: usize = 40;
/// How long an attack may take to get going.
const PATIENCE: Duration = Duration::from_secs(20);
