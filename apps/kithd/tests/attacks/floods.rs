//! Too much of everything: connections, handshakes, requests, deposits, queues, accounts.

use std::time::Duration;

use kith_crypto::sign::AccountSecret;
use kith_wire::operation::{Answer, EntryId, Operation, Refusal, Request};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::siege::{Siege, Target, Toll, read_head};
use crate::support::Home;

/// Posts the same bodies again and again over some connections; counts the answers.
pub(crate) async fn post(target: Target, bodies: Vec<Vec<u8>>, n_connections: usize) {
    let requests: Vec<Vec<u8>> = bodies
        .into_iter()
        .map(|body| {
            let head = format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body].concat()
        })
        .collect();
    let requests: &'static [Vec<u8>] = requests.leak();
    let mut crowd = tokio::task::JoinSet::new();
    for first in 0..n_connections {
        let target = target.clone();
        crowd.spawn(async move {
            let mut next = requests.iter().cycle().skip(first * requests.len() / n_connections);
            let mut pause = tokio::time::interval(Duration::from_millis(2));
            loop {
                pause.tick().await;
                let Ok(mut stream) = target.connect().await else { continue };
                for request in next.by_ref() {
                    if stream.write_all(request).await.is_err() {
                        break;
                    }
                    let Ok(head) = read_head(&mut stream).await else { break };
                    let length = head.to_ascii_lowercase();
                    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                    let mut body = vec![0; length.unwrap().parse().unwrap()];
                    if stream.read_exact(&mut body).await.is_err() {
                        break;
                    }
                    target.count();
                }
            }
        });
    }
    while crowd.join_next().await.is_some() {}
}

/// Fails when a network was served faster than it may.
fn is_paced(toll: &Toll, per_second: f64) {
    let most = per_second * (toll.time.as_secs_f64() + 1.0);
    let counted = u32::try_from(toll.counted).unwrap();
    assert!(f64::from(counted) <= most * 1.1, "{counted} in {:?}", toll.time);
}

#[tokio::test]
async fn a_network_has_so_many_connections_and_opens_so_many_a_second() {
    let mut siege = Siege::lay(|command| command.env("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "40")).await;
    let toll = siege
        .endure(40, |target| async move {
            let mut held = Vec::new();
            let mut pause = tokio::time::interval(Duration::from_millis(1));
            loop {
                pause.tick().await;
                let Ok(mut stream) = target.connect().await else { continue };
                // Whoever is turned away sees the end at once; the others wait for a request.
                let _ = stream.write_all(b"GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
                if read_head(&mut stream).await.is_ok() {
                    held.push(stream);
                }
                target.count();
            }
        })
        .await;
    toll.is_bearable(41, 4 * 1024);
    assert!(toll.counted > 40, "the attack came to a stop: {}", toll.counted);
}

#[tokio::test]
async fn a_network_that_begins_handshakes_without_end_is_turned_away() {
    let mut siege = Siege::lay_with_tls(|command| command.env("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "16")).await;
    let hello = client_hello(&siege).await;
    let toll = siege
        .endure(20, move |target| async move {
            let mut pause = tokio::time::interval(Duration::from_millis(1));
            loop {
                pause.tick().await;
                let Ok(mut stream) = target.connect().await else { continue };
                let _ = stream.write_all(&hello).await;
                // Counts the keys that the server has agreed on and signed in vain.
                if matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {
                    target.count();
                }
            }
        })
        .await;
    toll.is_bearable(20, 8 * 1024);
    is_paced(&toll, 32.0);
}

#[tokio::test]
async fn a_network_that_asks_without_end_waits_for_its_turns() {
    let mut siege = Siege::lay(|command| command.env("KITHD_LIMITS_REQUESTS_PER_NETWORK", "400")).await;
    let toll = siege
        .endure(400, |target| async move {
            let requests = "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
            let mut crowd = tokio::task::JoinSet::new();
            for _ in 0..20 {
                let (target, requests) = (target.clone(), requests.clone());
                crowd.spawn(async move {
                    let mut stream = target.connect().await.unwrap();
                    loop {
                        stream.write_all(requests.as_bytes()).await.unwrap();
                        for _ in 0..50 {
                            read_head(&mut stream).await.unwrap();
                            target.count();
                        }
                    }
                });
            }
            while crowd.join_next().await.is_some() {}
        })
        .await;
    toll.is_bearable(20, 8 * 1024);
    is_paced(&toll, 400.0);
}

#[tokio::test]
async fn deposits_to_unknown_queues_and_to_one_queue_cost_a_network_its_turns() {
    let mut siege = Siege::lay(|command| {
        command.env("KITHD_LIMITS_REQUESTS_PER_NETWORK", "400").env("KITHD_QUOTAS_QUEUE_FRAMES", "100")
    })
    .await;
    let home = Home::find(&siege.server).await;
    let victim = home.device().await;
    let sealed = |is_known: bool, n: u8| {
        let mut deposit = home.deposit_of(&victim, n);
        if !is_known {
            deposit.sender_id = kith_wire::id::SenderId([n; 24]);
        }
        home.seal(&Request { operation: Operation::Deposit(deposit), signatures: Vec::new() }).0
    };
    let unknown = (0..50).map(|n| sealed(false, n)).collect();
    let known: Vec<Vec<u8>> = (0..250).map(|n| sealed(true, n)).collect();
    for bodies in [unknown, known] {
        let toll = siege.endure(400, move |target| post(target, bodies, 32)).await;
        toll.is_bearable(40, 16 * 1024);
        is_paced(&toll, 400.0);
    }
    // The queue took what fits and not more, and its owner is told.
    let (mut after, mut n_frames) = (EntryId(0), 0);
    loop {
        let fetch = Operation::Fetch { reader_id: victim.reader, after, limit: 16 };
        let answer = home.ask_as_reader(&victim.lookup, fetch).await;
        let Answer::Frames { entries, overflowed, more } = answer else { unreachable!("{answer:?}") };
        assert!(overflowed);
        n_frames += entries.len();
        after = entries.last().unwrap().entry;
        if !more {
            break;
        }
    }
    assert_eq!(n_frames, 100);
}

#[tokio::test]
async fn an_account_creates_its_quota_of_queues_and_no_more() {
    let mut siege = Siege::lay(|command| command.env("KITHD_QUOTAS_QUEUES", "5")).await;
    let account = || AccountSecret::generate(&mut UnwrapErr(SysRng));
    let home = Home::find(&siege.server).await;
    let (greedy, n_refused) = (account(), std::sync::atomic::AtomicUsize::new(0));
    home.register(&greedy, None).await;
    for _ in 0..20 {
        if home.try_queue(&greedy).await == (Answer::Refused { reason: Refusal::QuotaExceeded }) {
            n_refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    assert_eq!(n_refused.into_inner(), 15);
    assert!(siege.round_trips(10).await < Duration::from_secs(1));
}

/// Lets a client call somebody who only listens, and returns the first thing that it says.
async fn client_hello(siege: &Siege) -> Vec<u8> {
    let ear = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = kith_wire::address::ServerUrl::parse(&format!("https://{}", ear.local_addr().unwrap())).unwrap();
    let hearing = async {
        let (mut stream, _) = ear.accept().await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut rest).await.unwrap();
        [&head[..], &rest].concat()
    };
    tokio::select! {
        hello = hearing => hello,
        _ = siege.home.carrier.descriptor(&url) => unreachable!(),
    }
}
