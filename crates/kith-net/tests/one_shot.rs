//! One-shot requests over real sockets: what both sides accept, refuse and cut.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use kith_net::{
    AddressKind, AddressPolicy, Carrier, CarrierError, CarrierLimits, ListenerLimits, MAX_MESSAGE, Pages,
    RefusedAddress, Stage,
};
use kith_wire::address::ServerUrl;

use support::{Server, canned, carrier};

#[tokio::test]
async fn what_is_posted_is_answered() {
    let server = Server::start(ListenerLimits::default()).await;
    let carrier = carrier();
    for length in [0, 1, 5376, MAX_MESSAGE] {
        let request = Bytes::from(vec![7; length]);
        assert_eq!(carrier.one_shot(&server.url(), request.clone()).await.unwrap(), request);
    }
    assert_eq!(&*carrier.descriptor(&server.url()).await.unwrap(), b"descriptor");
    assert_eq!(&*carrier.well_known(&server.url()).await.unwrap(), b"{\"version\":1}");
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_read() {
    let server = Server::start(ListenerLimits::default()).await;
    let head = format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", MAX_MESSAGE + 1);
    assert!(server.raw(head.as_bytes()).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn an_oversized_body_without_a_length_is_refused_on_the_way() {
    let server = Server::start(ListenerLimits::default()).await;
    let mut request = b"POST /kith/v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n18001\r\n".to_vec();
    request.extend(vec![0; MAX_MESSAGE + 1]);
    assert!(server.raw(&request).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_body_in_endless_small_chunks_is_refused_on_the_way() {
    let server = Server::start(ListenerLimits::default()).await;
    let head = b"POST /kith/v1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let few = [&head[..], &b"1\r\nx\r\n".repeat(500), b"0\r\n\r\n"].concat();
    assert!(server.raw(&few).await.ends_with(&"x".repeat(500)));
    let many = [&head[..], &b"1\r\nx\r\n".repeat(1000)].concat();
    assert!(server.raw(&many).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_carrier_does_not_send_what_is_too_large() {
    let server = Server::start(ListenerLimits::default()).await;
    let request = Bytes::from(vec![0; MAX_MESSAGE + 1]);
    assert_eq!(carrier().one_shot(&server.url(), request).await, Err(CarrierError::TooLarge));
}

#[tokio::test]
async fn a_slow_sender_of_headers_is_cut() {
    let limits = ListenerLimits { request_head: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    for beginning in ["", "POST /kith/v1 HT", "POST /kith/v1 HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        assert!(!server.raw(beginning.as_bytes()).await.contains("200 OK"), "{beginning}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_cut_after_its_answer() {
    let limits = ListenerLimits { request_head: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    // Returns at all only because the server hangs up.
    let answer = server.raw(b"GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("descriptor"), "{answer}");
}

#[tokio::test]
async fn a_slow_sender_of_a_body_is_told_and_cut() {
    let limits = ListenerLimits { request_body: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let answer = server.raw(b"POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_connection_that_stays_too_long_is_wound_down() {
    let limits = ListenerLimits { connection_age: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    assert!(server.raw(b"GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n").await.ends_with("descriptor"));
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_answered_for() {
    let limits = ListenerLimits { answer: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let outcome = carrier().one_shot(&server.url(), Bytes::from_static(b"wait")).await;
    assert_eq!(outcome, Err(CarrierError::Busy { retry_after: Some(Duration::from_secs(5)) }));
}

#[tokio::test]
async fn busy_and_refused_reach_the_client_as_such() {
    let server = Server::start(ListenerLimits::default()).await;
    let busy = carrier().one_shot(&server.url(), Bytes::from_static(b"busy")).await;
    assert_eq!(busy, Err(CarrierError::Busy { retry_after: Some(Duration::from_secs(7)) }));
    let refused = carrier().one_shot(&server.url(), Bytes::from_static(b"refuse")).await;
    assert_eq!(refused, Err(CarrierError::Status { status: 400 }));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_and_nothing_tells_the_program_or_the_time() {
    let server = Server::start(ListenerLimits::default()).await;
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n", "404"),
        ("PUT /kith/v1 HTTP/1.0\r\n\r\n", "405"),
        ("POST /kith/v1/live HTTP/1.0\r\n\r\n", "405"),
        ("GET /kith/v1/live HTTP/1.0\r\n\r\n", "426"),
    ] {
        let answer = server.raw(request.as_bytes()).await.to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.0 {status} ")), "{request} {answer}");
        assert!(!answer.contains("server:") && !answer.contains("date:"), "{answer}");
    }
}

#[tokio::test]
async fn scripts_of_every_origin_may_ask_and_read_but_bring_nothing_of_their_own() {
    let server = Server::start(ListenerLimits::default()).await;
    let request = |line: &str, body: &str| {
        let length = body.len();
        format!("{line} HTTP/1.0\r\norigin: https://app.example\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    for (line, body, status) in [
        ("GET /kith/v1", "", "200"),
        ("POST /kith/v1", "hello", "200"),
        ("POST /kith/v1", "busy", "503"),
        ("POST /kith/v1", "refuse", "400"),
        ("OPTIONS /kith/v1", "", "204"),
        ("PUT /kith/v1", "", "405"),
        ("GET /.well-known/kith", "", "200"),
        ("OPTIONS /.well-known/kith", "", "204"),
    ] {
        let answer = server.raw(request(line, body).as_bytes()).await.to_ascii_lowercase();
        assert!(answer.starts_with(&format!("http/1.0 {status} ")), "{line} {answer}");
        assert!(answer.contains("access-control-allow-origin: *\r\n"), "{line} {answer}");
        assert!(!answer.contains("access-control-allow-credentials"), "{line} {answer}");
    }
    let asked = server.raw(request("OPTIONS /kith/v1", "").as_bytes()).await.to_ascii_lowercase();
    assert!(asked.contains("access-control-allow-methods: get, post\r\n"), "{asked}");
    assert!(asked.contains("access-control-allow-headers: content-type\r\n"), "{asked}");
    let other = server.raw(request("GET /elsewhere", "").as_bytes()).await.to_ascii_lowercase();
    assert!(!other.contains("access-control"), "{other}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let url = canned(b"HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(carrier().descriptor(&url).await, Err(CarrierError::Redirected));
    assert_eq!(carrier().live(&url).await.err(), Some(CarrierError::Redirected));
}

#[tokio::test]
async fn only_what_time_can_mend_is_worth_another_try() {
    for (status, may_pass) in
        [("408", true), ("500", true), ("502", true), ("400", false), ("404", false), ("426", false)]
    {
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        let url = canned(Box::leak(head.into_bytes().into_boxed_slice())).await;
        assert_eq!(carrier().descriptor(&url).await.unwrap_err().may_pass(), may_pass, "{status}");
    }
}

#[tokio::test]
async fn an_oversized_answer_is_refused() {
    let url = canned(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
    assert_eq!(carrier().descriptor(&url).await, Err(CarrierError::TooLarge));
}

#[tokio::test]
async fn what_is_no_home_server_is_named_as_such() {
    let url = canned(b"220 mail.example ESMTP\r\n").await;
    assert_eq!(carrier().descriptor(&url).await, Err(CarrierError::NotAHomeServer));
    let url = canned(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(carrier().live(&url).await.err(), Some(CarrierError::NotAHomeServer));
}

#[tokio::test]
async fn an_endless_head_of_an_answer_is_refused() {
    let head: &'static [u8] = Box::leak([&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'a'; 40_000]].concat().into_boxed_slice());
    assert_eq!(carrier().descriptor(&canned(head).await).await, Err(CarrierError::NotAHomeServer));
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_out_of_time() {
    let limits = CarrierLimits { exchange: Duration::from_millis(50), ..CarrierLimits::default() };
    let carrier = Carrier::builder(AddressPolicy::AllowPrivate).limits(limits).build().unwrap();
    let url = canned(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal").await;
    assert_eq!(carrier.descriptor(&url).await, Err(CarrierError::TimedOut { stage: Stage::Answer }));
}

#[tokio::test]
async fn loopback_is_refused_unless_allowed_by_number_and_by_name() {
    let server = Server::start(ListenerLimits::default()).await;
    let carrier = Carrier::builder(AddressPolicy::PublicOnly).build().unwrap();
    let refused = CarrierError::RefusedAddress(RefusedAddress { kind: AddressKind::Loopback });
    let by_name = ServerUrl::parse(&format!("http://localhost:{}", server.address.port())).unwrap();
    for url in [server.url(), by_name] {
        assert_eq!(carrier.descriptor(&url).await, Err(refused));
        assert_eq!(carrier.one_shot(&url, Bytes::new()).await, Err(refused));
        assert_eq!(carrier.live(&url).await.err(), Some(refused));
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let server = Server::start(ListenerLimits::default()).await;
    let url = server.url();
    server.stop().await.unwrap();
    assert_eq!(carrier().descriptor(&url).await, Err(CarrierError::Unreachable { stage: Stage::Connect }));
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced() {
    let limits = ListenerLimits { request_head: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let carrier = carrier();
    assert!(carrier.descriptor(&server.url()).await.is_ok());
    // The server has hung up on everybody who came before once it has hung up on this one.
    server.raw(b"").await;
    server.raw(b"").await;
    assert!(carrier.descriptor(&server.url()).await.is_ok());
}

#[tokio::test]
async fn shutting_down_finishes_requests_in_flight() {
    let server = Server::start(ListenerLimits::default()).await;
    let (url, handler) = (server.url(), server.handler.clone());
    let asking = tokio::spawn(async move { carrier().one_shot(&url, Bytes::from_static(b"wait")).await });
    handler.entered.notified().await;
    let stopping = server.stop();
    handler.gate.notify_one();
    assert_eq!(&*asking.await.unwrap().unwrap(), b"wait");
    stopping.await.unwrap();
}

#[tokio::test]
async fn shutting_down_does_not_wait_for_ever() {
    let limits = ListenerLimits { drain: Duration::from_millis(50), ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let (url, handler) = (server.url(), server.handler.clone());
    let asking = tokio::spawn(async move { carrier().one_shot(&url, Bytes::from_static(b"wait")).await });
    handler.entered.notified().await;
    server.stop().await.unwrap();
    assert_eq!(asking.await.unwrap(), Err(CarrierError::Closed));
}

#[tokio::test]
async fn when_all_places_are_taken_the_one_that_came_first_makes_room() {
    let limits = ListenerLimits { max_connections: 2, ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let (url, handler) = (server.url(), server.handler.clone());
    let first = tokio::spawn(async move { carrier().one_shot(&url, Bytes::from_static(b"wait")).await });
    handler.entered.notified().await;
    // Who waits for an answer goes last: the second makes room for the third.
    let second = carrier();
    assert!(second.descriptor(&server.url()).await.is_ok());
    assert!(carrier().descriptor(&server.url()).await.is_ok());
    assert_eq!(*handler.turned_away.lock().unwrap(), [kith_net::TurnedAway::Room]);
    handler.gate.notify_one();
    assert!(first.await.unwrap().is_ok());

    // When everybody waits for an answer, the first one.
    let asks =
        |url: kith_wire::address::ServerUrl| async move { carrier().one_shot(&url, Bytes::from_static(b"wait")).await };
    let waiting = [tokio::spawn(asks(server.url())), tokio::spawn(asks(server.url()))];
    handler.entered.notified().await;
    handler.entered.notified().await;
    assert!(carrier().descriptor(&server.url()).await.is_ok());
    handler.gate.notify_waiters();
    let mut outcomes = Vec::new();
    for asked in waiting {
        outcomes.push(asked.await.unwrap().is_ok());
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [false, true]);
}

#[tokio::test]
async fn a_live_connection_keeps_its_place_and_leaves_those_that_are_reserved() {
    let limits = ListenerLimits { max_connections: 2, reserved: 1, ..ListenerLimits::default() };
    let server = Server::start(limits).await;
    let (sender, mut receiver) = carrier().live(&server.url()).await.unwrap();
    let refused = carrier().live(&server.url()).await.err().unwrap();
    assert!(matches!(refused, CarrierError::Busy { retry_after: Some(_) }), "{refused:?}");
    for _ in 0..5 {
        // Each over a connection of its own that stays open.
        assert!(carrier().descriptor(&server.url()).await.is_ok());
    }
    sender.send(Bytes::from_static(b"still there")).await.unwrap();
    assert_eq!(receiver.next().await.unwrap(), "still there");
    drop((sender, receiver));
    server.handler.live_ended.notified().await;
    // The place is given back a moment after the handler has returned.
    while matches!(carrier().live(&server.url()).await, Err(CarrierError::Busy { .. })) {}
}

#[tokio::test]
async fn pages_serve_their_text_and_nothing_else() {
    let limits = ListenerLimits::default();
    let listener = kith_net::Listener::bind("127.0.0.1:0".parse().unwrap(), None, limits).await.unwrap();
    let address = listener.local_address();
    let pages = Pages::new("text/plain", |path| (path == "/metrics").then(|| "up 1\n".to_owned()));
    tokio::spawn(listener.serve_pages(pages, std::future::pending()));
    let ask = async |request: &str| {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("GET /metrics HTTP/1.0\r\n\r\n").await.ends_with("\r\n\r\nup 1\n"));
    assert!(ask("GET /kith/v1 HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 404 "));
}

#[tokio::test]
async fn pages_are_given_to_those_who_get_them() {
    let server = Server::start(ListenerLimits::default()).await;
    let got = server.raw(b"GET /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 200 ") && got.ends_with("<p>page</p>"), "{got}");
    let headed = server.raw(b"HEAD /page HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(headed.contains("content-length: 11\r\n") && headed.ends_with("\r\n\r\n"), "{headed}");
    let posted = server.raw(b"POST /page HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
}

#[tokio::test]
async fn no_answer_has_power_over_a_browser() {
    let server = Server::start(ListenerLimits::default()).await;
    for (line, status) in [
        ("GET /page HTTP/1.1", 200),
        ("GET /kith/v1 HTTP/1.1", 200),
        ("GET /.well-known/kith HTTP/1.1", 200),
        ("GET /kith/v1/live HTTP/1.1", 426),
        ("GET /nothing HTTP/1.1", 404),
        ("DELETE /kith/v1 HTTP/1.1", 405),
    ] {
        let answer = server.raw(format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        for header in [
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-embedder-policy: require-corp",
        ] {
            assert!(answer.contains(header), "{line}: {header} is missing");
        }
    }
}
