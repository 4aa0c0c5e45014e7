//! Many connections from one network, over real sockets.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use kith_net::{ListenerLimits, LoopbackPeers};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use support::Server;

/// Connects from an address of this machine.
async fn connect(server: &Server, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Asks for the descriptor; returns whether an answer came before the connection ended.
async fn is_served(stream: &mut TcpStream) -> bool {
    // Closed at once by the other side, the request may not even leave.
    let _ = stream.write_all(b"GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut byte = [0];
    matches!(stream.read(&mut byte).await, Ok(1))
}

fn four_each() -> ListenerLimits {
    ListenerLimits {
        max_per_network: 4,
        connects_per_network: 0,
        loopback: LoopbackPeers::Counted,
        ..ListenerLimits::default()
    }
}

#[tokio::test]
async fn one_network_cannot_take_the_places_of_the_others() {
    let server = Server::start(four_each()).await;
    let mut crowd = Vec::new();
    for host in 1..=4 {
        crowd.push(connect(&server, &format!("127.0.7.{host}")).await);
    }
    for stream in &mut crowd {
        assert!(is_served(stream).await);
    }
    assert!(!is_served(&mut connect(&server, "127.0.7.5").await).await);
    assert!(is_served(&mut connect(&server, "127.0.8.5").await).await);
}

#[tokio::test]
async fn a_place_is_free_again_when_its_connection_has_ended() {
    let server = Server::start(four_each()).await;
    for _ in 0..20 {
        let mut stream = connect(&server, "127.0.7.1").await;
        stream.write_all(b"GET /kith/v1 HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.ends_with(b"descriptor"));
        // The task ends a moment after the socket did; whoever comes in this moment tries again.
        while !is_served(&mut connect(&server, "127.0.7.2").await).await {}
    }
}

#[tokio::test]
async fn a_proxy_on_this_machine_may_bring_everybody() {
    let limits = ListenerLimits { max_per_network: 1, ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let mut crowd = Vec::new();
    for _ in 0..10 {
        crowd.push(connect(&server, "127.0.0.1").await);
    }
    for stream in &mut crowd {
        assert!(is_served(stream).await);
    }
}
