//! Live connections over real sockets: messages, pings, and every way to end.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use kith_net::{AddressPolicy, Carrier, CarrierLimits, ListenerLimits, LiveEnd, LiveLimits, MAX_MESSAGE, SendError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use support::{Server, carrier};

fn listener(live: LiveLimits) -> ListenerLimits {
    ListenerLimits { live, ..ListenerLimits::default() }
}

#[tokio::test]
async fn messages_come_back_in_order_and_in_every_size() {
    let server = Server::start(ListenerLimits::default()).await;
    let (sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    for length in [0, 1, 125, 126, 65_535, 65_536, MAX_MESSAGE] {
        let message = Bytes::from(vec![3; length]);
        sender.send(message.clone()).await.unwrap();
        assert_eq!(receiver.next().await.unwrap(), message);
    }
}

#[tokio::test]
async fn more_than_a_window_in_both_directions_does_not_lock_up() {
    let server = Server::start(ListenerLimits::default()).await;
    let (sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    let sending = tokio::spawn(async move {
        for _ in 0..200 {
            sender.send(Bytes::from(vec![9; MAX_MESSAGE])).await.unwrap();
        }
        sender
    });
    for _ in 0..200 {
        assert_eq!(receiver.next().await.unwrap().len(), MAX_MESSAGE);
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn the_server_closing_is_seen_by_both_halves() {
    let server = Server::start(ListenerLimits::default()).await;
    let (sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    sender.send(Bytes::from_static(b"bye")).await.unwrap();
    assert_eq!(receiver.next().await, Err(LiveEnd::Closed));
    assert_eq!(receiver.next().await, Err(LiveEnd::Closed));
    sender.ended().await;
    assert_eq!(sender.send(Bytes::new()).await, Err(SendError::Ended));
}

#[tokio::test]
async fn dropping_the_sender_closes_after_everything_was_sent() {
    let server = Server::start(ListenerLimits::default()).await;
    let (sender, receiver) = carrier().live(&server.url()).await.unwrap();
    sender.send(Bytes::from_static(b"last words")).await.unwrap();
    drop((sender, receiver));
    server.handler.live_ended.notified().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_taken() {
    let server = Server::start(ListenerLimits::default()).await;
    let (sender, _receiver) = carrier().live(&server.url()).await.unwrap();
    let length = MAX_MESSAGE + 1;
    assert_eq!(sender.send(Bytes::from(vec![0; length])).await, Err(SendError::TooLarge { length }));
}

#[tokio::test]
async fn pings_keep_a_silent_connection_alive() {
    // The server hears nothing but pongs for three times its patience.
    let live =
        LiveLimits { ping_every: Duration::from_millis(20), idle: Duration::from_millis(300), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let (sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(900), receiver.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    sender.send(Bytes::from_static(b"still here")).await.unwrap();
    assert_eq!(&*receiver.next().await.unwrap(), b"still here");
}

#[tokio::test]
async fn a_silent_peer_is_given_up() {
    let live = LiveLimits { idle: Duration::from_millis(50), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let _stream = raw_live(&server).await;
    server.handler.live_ended.notified().await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_cut() {
    let live = LiveLimits { write: Duration::from_millis(100), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let mut stream = raw_live(&server).await;
    // Masked binary frames of 64 KiB that are echoed until nobody takes the echoes any more.
    let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4];
    frame.resize(frame.len() + 65_536, 0);
    let flood = async { while stream.write_all(&frame).await.is_ok() {} };
    tokio::select! {
        () = flood => {}
        () = server.handler.live_ended.notified() => {}
    }
}

#[tokio::test]
async fn an_oversized_frame_text_and_unmasked_frames_end_the_connection() {
    let live = LiveLimits { close: Duration::from_millis(50), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let oversized = [0x82, 0xff, 0, 0, 0, 0, 0, 2, 0, 0, 1, 2, 3, 4];
    let text = [0x81, 0x81, 0, 0, 0, 0, b'a'];
    let unmasked = [0x82, 0x01, b'a'];
    for frame in [&oversized[..], &text, &unmasked] {
        let mut stream = raw_live(&server).await;
        stream.write_all(frame).await.unwrap();
        let mut rest = Vec::new();
        // A close frame, and then the end.
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest.first(), Some(&0x88), "{rest:?}");
        server.handler.live_ended.notified().await;
    }
}

#[tokio::test]
async fn a_flood_of_pings_whose_answers_nobody_reads_ends_the_connection() {
    let live = LiveLimits { close: Duration::from_millis(50), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let mut stream = raw_live(&server).await;
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.resize(6 + 125, 7);
    let flood = async { while stream.write_all(&ping).await.is_ok() {} };
    tokio::select! {
        () = async { flood.await; std::future::pending::<()>().await } => {}
        () = server.handler.live_ended.notified() => {}
    }
}

#[tokio::test]
async fn a_flood_of_pongs_ends_the_connection() {
    let live = LiveLimits { close: Duration::from_millis(50), ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let mut stream = raw_live(&server).await;
    stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0].repeat(65)).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest, [0x88, 2, 0x03, 0xeb], "1003");
}

#[tokio::test]
async fn a_message_that_is_begun_and_not_ended_is_cut_whatever_signs_of_life_come() {
    let live = LiveLimits { message: Duration::from_millis(200), pings: usize::MAX, ..LiveLimits::default() };
    let server = Server::start(listener(live)).await;
    let mut stream = raw_live(&server).await;
    // A beginning; then pings and pieces of one byte.
    stream.write_all(&[0x02, 0x81, 0, 0, 0, 0, 1]).await.unwrap();
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    let dribble = async {
        loop {
            pause.tick().await;
            if stream.write_all(&[0x89, 0x80, 0, 0, 0, 0, 0x00, 0x81, 0, 0, 0, 0, 1]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = dribble => {}
        () = server.handler.live_ended.notified() => {}
    }
}

#[tokio::test]
async fn a_message_in_endless_pieces_of_nothing_ends_the_connection() {
    let server = Server::start(ListenerLimits::default()).await;
    let mut stream = raw_live(&server).await;
    stream.write_all(&[0x02, 0x80, 0, 0, 0, 0]).await.unwrap();
    let pieces = [0x00, 0x80, 0, 0, 0, 0].repeat(100);
    let flood = async { while stream.write_all(&pieces).await.is_ok() {} };
    tokio::select! {
        () = async { flood.await; std::future::pending::<()>().await } => {}
        () = server.handler.live_ended.notified() => {}
    }
}

#[tokio::test]
async fn a_server_that_goes_away_says_so() {
    let server = Server::start(ListenerLimits::default()).await;
    let (_sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    server.handler.entered.notified().await;
    let stopping = server.stop();
    assert_eq!(receiver.next().await, Err(LiveEnd::GoingAway));
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_client_gives_up_a_silent_server() {
    let server = Server::start(ListenerLimits::default()).await;
    let live = LiveLimits { idle: Duration::from_millis(50), ..LiveLimits::default() };
    let limits = CarrierLimits { live, ..CarrierLimits::default() };
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).limits(limits).build().unwrap();
    let (_sender, mut receiver) = carrier.live(&server.url()).await.unwrap();
    assert_eq!(receiver.next().await, Err(LiveEnd::Silent));
}

/// Performs the handshake by hand and returns the socket after it.
async fn raw_live(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /kith/v1/live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}
