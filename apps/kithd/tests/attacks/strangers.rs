//! What a stranger's deposit tells the stranger: nothing, neither by its answer nor by its time.

use std::time::{Duration, Instant};

use kith_crypto::capability::{new_send, prove};
use kith_crypto::sealed::PendingAnswer;
use kith_wire::operation::{Answer, Deposit, Operation, Request};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::siege::{Siege, read_head};
use crate::support::{Device, Home, answer_in};

/// What may become of a deposit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Stored,
    QueueUnknown,
    /// As for a sender that was blocked: the queue has another capability now.
    NotAllowed,
    QueueFull,
    Repeated,
}

const FATES: [Fate; 5] = [Fate::Stored, Fate::QueueUnknown, Fate::NotAllowed, Fate::QueueFull, Fate::Repeated];
/// Deposits of each fate.
const N: usize = 200;

/// Queues in which each fate is met.
struct Stage {
    home: Home,
    open: Device,
    full: Device,
    once: Deposit,
}

impl Stage {
    async fn set(siege: &Siege) -> Self {
        let home = Home::find(&siege.server).await;
        let (open, full) = (home.device().await, home.device().await);
        let once = home.deposit_of(&open, 1);
        home.deposit(once.clone()).await;
        for _ in 0..4 * N {
            home.deposit(home.deposit_of(&full, 1)).await;
        }
        Self { home, open, full, once }
    }

    fn deposit(&self, fate: Fate) -> Deposit {
        let deposit = self.home.deposit_of(&self.open, 2);
        let mut rng = UnwrapErr(SysRng);
        match fate {
            Fate::Stored => deposit,
            Fate::QueueUnknown => {
                let deposit = Deposit { sender_id: kith_wire::id::SenderId([9; 24]), ..deposit };
                prove(deposit, &self.open.send, &self.home.address.key)
            }
            Fate::NotAllowed => prove(deposit, &new_send(&mut rng), &self.home.address.key),
            Fate::QueueFull => self.home.deposit_of(&self.full, 2),
            Fate::Repeated => self.once.clone(),
        }
    }

    fn sealed(&self, fate: Fate) -> (Vec<u8>, PendingAnswer) {
        let operation = Operation::Deposit(self.deposit(fate));
        self.home.seal(&Request { operation, signatures: Vec::new() })
    }
}

/// Posts and returns head and body of the response, and how long they took.
async fn post(stream: &mut TcpStream, sealed: &[u8]) -> (String, Vec<u8>, Duration) {
    let head = format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", sealed.len());
    let request = [head.as_bytes(), sealed].concat();
    let started = Instant::now();
    stream.write_all(&request).await.unwrap();
    let head = read_head(stream).await.unwrap();
    // One byte of kind, and a small answer: more would stay in the stream and spoil the next head.
    let mut body = vec![0; 1 + kith_wire::limits::ANSWER_BYTES];
    stream.read_exact(&mut body).await.unwrap();
    (head, body, started.elapsed())
}

#[tokio::test]
async fn unknown_blocked_full_repeated_and_stored_look_alike_in_bytes_and_in_time() {
    let siege = Siege::lay(|command| {
        command.env("KITHD_QUOTAS_QUEUE_FRAMES", (4 * N).to_string()).env("KITHD_LIMITS_REQUESTS_PER_NETWORK", "0")
    })
    .await;
    let stage = Stage::set(&siege).await;
    // What is skipped anywhere, a commit above all, shows every time; what the machine does beside, not three times.
    let mut told = Vec::new();
    while told.len() < 3 {
        let apart = most_apart(&siege, &stage).await;
        println!("{apart:?}");
        if apart.1 <= apart.2 / 4 + NOISE {
            break;
        }
        told.push(apart);
    }
    assert!(told.len() < 3, "stands out by so much of so much: {told:?}");
    // They met the fates that they were meant to.
    let frames = stage.home.fetch(&stage.open).await;
    assert!(frames.len() == 16 && frames[0].1 == 1 && frames[1].1 == 2, "{frames:?}");
}

/// Deposits with all fates by turns; returns which stands out most, by how much, and what is common.
async fn most_apart(siege: &Siege, stage: &Stage) -> (Fate, Duration, Duration) {
    let mut stream = siege.target().connect().await.unwrap();
    let mut heads = Vec::new();
    let mut times = FATES.map(|_| Vec::new());
    for n in 0..N {
        // Each follows each other equally often, so that what one leaves behind is shared by all.
        for m in 0..FATES.len() {
            let which = (m * (1 + n % 4) + n) % FATES.len();
            let (sealed, pending) = stage.sealed(FATES[which]);
            let (head, body, time) = post(&mut stream, &sealed).await;
            assert_eq!(answer_in(&body, &pending), Answer::Accepted, "{:?}", FATES[which]);
            heads.push(head);
            times[which].push(time);
        }
    }
    heads.dedup();
    assert_eq!(heads.len(), 1, "{heads:?}");
    let quantiles = |times: &mut Vec<Duration>| {
        times.sort();
        [times[times.len() / 10], times[times.len() / 4], times[times.len() / 2]]
    };
    let common = quantiles(&mut times.iter().flatten().copied().collect());
    let apart = FATES.iter().zip(&mut times).flat_map(|(fate, times)| {
        let own = quantiles(times);
        (0..3).map(move |at| (*fate, own[at].abs_diff(common[at]), common[at]))
    });
    apart
        .max_by(|one, other| {
            (one.1.as_secs_f64() / one.2.as_secs_f64()).total_cmp(&(other.1.as_secs_f64() / other.2.as_secs_f64()))
        })
        .unwrap()
}

/// What medians of some hundred differ by on a machine that has other things to do.
const NOISE: Duration = Duration::from_micros(100);
