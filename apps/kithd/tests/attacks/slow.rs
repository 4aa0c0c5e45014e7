//! Senders that are slow in every part, and readers that never read.

use std::process::Command;
use std::time::Duration;

use kith_wire::operation::Operation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::siege::{Siege, Target, upgrade_head};
use crate::support::Home;

/// Slow connections at the same time.
const CROWD: usize = 60;

/// Comes again and again, sends a beginning and then a byte now and then; counts how often it was cut.
async fn dribble(target: Target, beginning: &'static [u8], more: &'static [u8]) {
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..CROWD {
        let target = target.clone();
        crowd.spawn(async move {
            loop {
                let Ok(mut stream) = target.connect().await else { continue };
                let (mut reader, mut writer) = stream.split();
                let slowly = async {
                    if writer.write_all(beginning).await.is_ok() {
                        loop {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            if writer.write_all(more).await.is_err() {
                                return;
                            }
                        }
                    }
                };
                let cut = async {
                    let mut buffer = [0; 1024];
                    while matches!(reader.read(&mut buffer).await, Ok(1..)) {}
                };
                tokio::select! {
                    () = slowly => {}
                    () = cut => {}
                }
                target.count();
            }
        });
    }
    while crowd.join_next().await.is_some() {}
}

/// Sets one limit to a second, and lets the attackers come back as fast as they like.
fn one_second<'a>(command: &'a mut Command, limit: &str) -> &'a mut Command {
    command.env(limit, "1s").env("KITHD_LIMITS_CONNECTS_PER_NETWORK", "0")
}

/// Who dribbles is cut after a second: each connection more than once while the client goes on.
async fn check(mut siege: Siege, beginning: &'static [u8], more: &'static [u8]) {
    let toll = siege.endure(CROWD + CROWD / 2, move |target| dribble(target, beginning, more)).await;
    // A cut connection may still be there when the next one comes.
    toll.is_bearable(2 * CROWD, 8 * 1024);
}

#[tokio::test]
async fn slow_request_lines_and_heads_are_cut() {
    for beginning in ["GE", "GET /kith/v1 HTTP/1.1\r\nhost: x\r\nx: "] {
        let siege = Siege::lay(|command| one_second(command, "KITHD_LIMITS_REQUEST_HEAD")).await;
        check(siege, beginning.as_bytes(), b"x").await;
    }
}

#[tokio::test]
async fn slow_bodies_are_cut() {
    for (head, more) in [("content-length: 98304", "x"), ("transfer-encoding: chunked", "1\r\nx\r\n")] {
        let siege = Siege::lay(|command| one_second(command, "KITHD_LIMITS_REQUEST_BODY")).await;
        let beginning = format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n");
        check(siege, beginning.leak().as_bytes(), more.as_bytes()).await;
    }
}

#[tokio::test]
async fn slow_tls_handshakes_are_cut() {
    let siege = Siege::lay_with_tls(|command| one_second(command, "KITHD_LIMITS_TLS_HANDSHAKE")).await;
    // The head of a record of 512 bytes with the beginning of a ClientHello.
    check(siege, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x03").await;
}

#[tokio::test]
async fn slow_frames_and_slow_pieces_are_cut() {
    let in_one = b"\x82\xfe\x10\x00\x00\x00\x00\x00";
    let first_piece = b"\x02\x80\x00\x00\x00\x00";
    // A ping as a sign of life, and a piece of one byte.
    let next_piece = b"\x89\x80\x00\x00\x00\x00\x00\x81\x00\x00\x00\x00x";
    for (beginning, more) in [(&in_one[..], &b"x"[..]), (first_piece, next_piece)] {
        let siege = Siege::lay(|command| one_second(command, "KITHD_LIMITS_MESSAGE")).await;
        let beginning = [upgrade_head("").as_bytes(), beginning].concat();
        check(siege, beginning.leak(), more).await;
    }
}

#[tokio::test]
async fn who_asks_and_never_reads_the_answers_is_not_read_from_any_more() {
    let mut siege = Siege::lay(|command| command).await;
    let toll = siege
        .endure(20, |target| async move {
            let request = "GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
            let mut streams = Vec::new();
            for _ in 0..20 {
                streams.push(target.connect().await.unwrap());
            }
            loop {
                for stream in &mut streams {
                    let sending = stream.write_all(request.as_bytes());
                    let _ = tokio::time::timeout(Duration::from_millis(5), sending).await;
                    target.count();
                }
            }
        })
        .await;
    toll.is_bearable(20, 8 * 1024);
}

#[tokio::test]
async fn subscribers_that_never_read_hold_a_window_of_frames_and_no_more() {
    let mut siege = Siege::lay(|command| command).await;
    let home = Home::find(&siege.server).await;
    let mut lazy = Vec::new();
    for _ in 0..8 {
        let device = home.device().await;
        lazy.push((home.listen(&device).await, device));
    }
    // Their lines are never read from here on; whoever writes to them cannot know.
    let sealed: Vec<Vec<u8>> = (0..200)
        .map(|n| {
            let (_, device) = &lazy[n % lazy.len()];
            home.seal(&kith_wire::operation::Request {
                operation: Operation::Deposit(home.numbered_deposit(device, u32::try_from(n).unwrap())),
                signatures: Vec::new(),
            })
            .0
        })
        .collect();
    let toll = siege.endure(50, move |target| crate::floods::post(target, sealed, 4)).await;
    toll.is_bearable(16, 24 * 1024);
    drop(lazy);
}
