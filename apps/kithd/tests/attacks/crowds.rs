//! Many networks at once, each within what one may: together they want all places.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::siege::{Siege, Target, read_head, upgrade_head};

/// What a server with few places has: half of them for connections that are not live.
fn few_places(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env("KITHD_LIMITS_CONNECTIONS", "128").env("KITHD_METRICS", "127.0.0.1:0")
}

/// Comes from forty networks without end, says the beginning and holds on; counts those who came.
async fn come(target: Target, beginning: String) {
    let mut crowd = JoinSet::new();
    for network in 0..40 {
        let (target, beginning) = (target.clone(), beginning.clone());
        crowd.spawn(async move {
            let begin = tokio::time::Instant::now() + Duration::from_millis(10) * u32::from(network);
            let (mut held, mut pause) = (Vec::new(), tokio::time::interval_at(begin, Duration::from_millis(400)));
            pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                pause.tick().await;
                let Ok(mut stream) = target.connect_from(network).await else { continue };
                if stream.write_all(beginning.as_bytes()).await.is_ok() {
                    target.count();
                    held.push(stream);
                }
                // Those that the server has ended, too.
                if held.len() > 64 {
                    held.remove(0);
                }
            }
        });
    }
    while crowd.join_next().await.is_some() {}
}

/// Returns a number among the server's metrics.
async fn metric(siege: &Siege, name: &str) -> u64 {
    let url = siege.server.ready["metrics"].as_str().unwrap();
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics")).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn many_networks_that_hold_on_shut_nobody_out() {
    let mut siege = Siege::lay(few_places).await;
    let toll = siege.endure(250, |target| come(target, "GET /kith/v1 HTTP/1.1\r\nhost: x\r\n".to_owned())).await;
    toll.is_bearable(128, 8 * 1024);
    assert!(metric(&siege, "kithd_made_room_total ").await > 50, "there was no room to make");
}

#[tokio::test]
async fn many_networks_with_live_connections_leave_room_for_requests() {
    // As many may wait for their proof as there are places.
    let mut siege = Siege::lay(|command| few_places(command).env("KITHD_LIMITS_UNPROVEN", "128")).await;
    let toll = siege.endure(250, |target| come(target, upgrade_head(""))).await;
    toll.is_bearable(128, 8 * 1024);
    assert!(metric(&siege, "kithd_live_opened_total ").await > 60, "the places for live connections were not taken");
    assert!(metric(&siege, "kithd_made_room_total ").await > 50, "there was no room to make");
}

#[tokio::test]
async fn who_is_turned_away_is_counted_and_nothing_else_of_them() {
    let siege = Siege::lay(|command| {
        few_places(command)
            .env("KITHD_LIMITS_CONNECTIONS_PER_NETWORK", "4")
            .env("KITHD_LIMITS_CONNECTS_PER_NETWORK", "4")
    })
    .await;
    let before = metric(&siege, "kithd_turned_away_total ").await;
    let mut turned_away = 0;
    for _ in 0..20 {
        let mut stream = siege.target().connect_from(9).await.unwrap();
        let _ = stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await;
        turned_away += u64::from(read_head(&mut stream).await.is_err());
    }
    assert!(turned_away > 10, "{turned_away}");
    assert_eq!(metric(&siege, "kithd_turned_away_total ").await - before, turned_away);
}
