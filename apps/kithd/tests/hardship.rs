//! Hard times: `kill -9` in the middle of work, bursts, and a client that takes without end.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kith_wire::operation::{Answer, EntryId, Operation};

use support::{Home, Kithd};

/// Clients that deposit at the same time.
const CLIENTS: u32 = 8;
/// Accepted deposits after which each server is killed: in the first batch, in full swing, and in between.
const KILLS: [usize; 8] = [1, 50, 3, 120, 20, 77, 2, 64];

#[tokio::test]
async fn deposits_accepted_before_a_kill_are_delivered_exactly_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start(data.path());
    let device = Arc::new(Home::find(&server).await.device().await);
    drop(server);
    // What was offered, and whether an answer came.
    let offered: Arc<Mutex<BTreeMap<u32, bool>>> = Arc::default();
    for (round, kill_after) in KILLS.into_iter().enumerate() {
        let server = Kithd::start(data.path());
        let home = Arc::new(Home::find(&server).await);
        let accepted = Arc::new(AtomicUsize::new(0));
        let enough = Arc::new(tokio::sync::Notify::new());
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (home, device) = (Arc::clone(&home), Arc::clone(&device));
                let (offered, accepted, enough) = (Arc::clone(&offered), Arc::clone(&accepted), Arc::clone(&enough));
                tokio::spawn(async move {
                    for n in 0.. {
                        let number = u32::try_from(round).unwrap() << 16 | client << 12 | n;
                        offered.lock().unwrap().insert(number, false);
                        match home.try_deposit(home.numbered_deposit(&device, number)).await {
                            Some(answer) => assert_eq!(answer, Answer::Accepted),
                            None => return,
                        }
                        offered.lock().unwrap().insert(number, true);
                        if accepted.fetch_add(1, Ordering::Relaxed) + 1 == kill_after {
                            enough.notify_one();
                        }
                    }
                })
            })
            .collect();
        enough.notified().await;
        server.kill();
        for client in clients {
            client.await.unwrap();
        }
    }

    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    let mut line = home.listen(&device).await;
    let mut waiting = offered.lock().unwrap().clone();
    while waiting.values().any(|is_accepted| *is_accepted) {
        let (entry, number) = line.numbered_push().await;
        assert!(waiting.remove(&number).is_some(), "{number} came twice, or was never sent");
        line.say(Operation::Ack { reader_id: device.reader, entries: vec![EntryId(entry)] }).await;
    }
}

#[tokio::test]
async fn a_burst_does_not_stay_in_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start(data.path());
    let home = Arc::new(Home::find(&server).await);
    let device = Arc::new(home.device().await);
    let before = server.resident_kib();
    let clients: Vec<_> = (0..64)
        .map(|client| {
            let (home, device) = (Arc::clone(&home), Arc::clone(&device));
            tokio::spawn(async move {
                for n in 0..10 {
                    let deposit = home.numbered_deposit(&device, client << 12 | n);
                    assert_eq!(home.deposit(deposit).await, Answer::Accepted);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let after = server.resident_kib();
    assert!(after < before + 12 * 1024, "{before} KiB before, {after} KiB after");
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_is_held_back_and_harms_nobody() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start(data.path());
    let home = Home::find(&server).await;
    let device = home.device().await;
    let before = server.resident_kib();
    let mut greedy = home.listen(&device).await;
    let flood = async {
        // Each answer has four kilobytes: 400 MB together.
        for _ in 0..100_000 {
            greedy.say(Operation::Clock).await;
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_secs(3), flood).await.is_err());
    assert_eq!(home.deposit(home.deposit_of(&device, 1)).await, Answer::Accepted);
    let after = server.resident_kib();
    assert!(after < before + 20 * 1024, "{before} KiB before, {after} KiB after");
}

#[tokio::test]
async fn kh_39_a_live_connection_that_proves_nothing_ends_and_one_that_has_proven_stays() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| command.env("KITHD_LIMITS_PROOF", "1s"));
    let home = Home::find(&server).await;
    let device = home.device().await;
    let mut known = home.listen(&device).await;
    // It answers pings for ever and says nothing.
    let (_sender, mut silent) = home.carrier.live(&server.url).await.unwrap();
    assert_eq!(silent.next().await, Err(kith_net::LiveEnd::Closed));
    assert!(matches!(known.ask(Operation::Clock).await, Answer::Clock { .. }));
}

#[tokio::test]
async fn one_network_cannot_take_all_places() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| {
        command.env("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "3").env("KITHD_LIMITS_COUNT_LOOPBACK", "true")
    });
    let home = Home::find(&server).await;
    let mut lines = Vec::new();
    while let Ok(line) = home.carrier.live(&server.url).await {
        lines.push(line);
        assert!(lines.len() <= 3);
    }
    assert!((2..=3).contains(&lines.len()), "the connection that fetched the descriptor may still be there");
}

#[tokio::test]
async fn kh_40_a_folder_that_may_not_grow_takes_nobody_in() {
    let data = tempfile::tempdir().unwrap();
    let server = Kithd::start_with(data.path(), |command| command.env("KITHD_LIMITS_STORE_BYTES", "1"));
    let home = Home::find(&server).await;
    let account = kith_crypto::sign::AccountSecret::generate(&mut rand_core::UnwrapErr(rand::rngs::SysRng));
    // The first look at the disk is over when the server has ticked once.
    while home.register(&account, None).await == Answer::Accepted {
        let other = kith_crypto::sign::AccountSecret::generate(&mut rand_core::UnwrapErr(rand::rngs::SysRng));
        if home.register(&other, None).await != Answer::Accepted {
            break;
        }
    }
    let (_, log) = server.stop();
    assert!(log.contains("the disk is nearly full"), "{log}");
}
