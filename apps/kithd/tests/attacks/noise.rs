//! Noise: requests and frames that are nearly right, changed at random, thousands of them over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::siege::{Siege, Target, upgrade_head};

/// Bytes that look random and are the same for the same seed.
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// Changes, removes, repeats, exchanges and adds at a few places.
    fn spoil(&mut self, bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let to = at + self.below(bytes.len() - at).min(40);
            match self.below(6) {
                0 => bytes[at] = self.byte(),
                1 => drop(bytes.drain(at..to)),
                2 => bytes.extend_from_within(at..to),
                3 => bytes[at..to].reverse(),
                4 => drop(bytes.splice(at..at, pieces[self.below(pieces.len())].iter().copied())),
                _ => bytes.truncate(at),
            }
            if bytes.is_empty() {
                bytes.push(self.byte());
            }
        }
    }
}

const REQUESTS: [&str; 5] = [
    "GET /kith/v1 HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
    "POST /kith/v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "OPTIONS /kith/v1 HTTP/1.1\r\nhost: x\r\norigin: https://x.example\r\n\r\n",
    "GET /.well-known/kith HTTP/1.0\r\n\r\n",
];
const PIECES: [&[u8]; 12] = [
    b"\r\n",
    b"\n",
    b"\0",
    b": ",
    b"HTTP/1.1",
    b"content-length: 9\r\n",
    b"transfer-encoding: chunked\r\n",
    b"ffffffff\r\n",
    b"expect: 100-continue\r\n",
    b"connection: upgrade\r\n",
    b"\xff\xfe",
    b"/kith/v1/live",
];
const FRAMES: [&[u8]; 6] = [
    b"\x82\x85\x01\x02\x03\x04hello",
    b"\x02\x81\x00\x00\x00\x00a\x80\x81\x00\x00\x00\x00b",
    b"\x89\x80\x00\x00\x00\x00",
    b"\x8a\x82\x00\x00\x00\x00ok",
    b"\x88\x82\x00\x00\x00\x00\x03\xe8",
    b"\x82\xfe\x01\x00\x00\x00\x00\x00",
];

/// Sends bytes, ends the own direction, and reads until the server has said all that it wants to.
async fn hear_out(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let mut reading = stream.take(1 << 20);
    let outcome = tokio::time::timeout(Duration::from_secs(20), reading.read_to_end(&mut answer)).await;
    assert!(outcome.is_ok(), "neither an answer nor an end for {bytes:02x?}");
    answer
}

async fn noise_of_requests(target: Target) {
    // Without bounds on how fast one network comes, as it is noise that is looked at here; but not as fast as it can.
    let mut pause = tokio::time::interval(Duration::from_millis(1));
    for seed in 0.. {
        pause.tick().await;
        let mut noise = Noise(seed);
        let mut bytes = Vec::new();
        for _ in 0..=noise.below(3) {
            bytes.extend_from_slice(REQUESTS[noise.below(REQUESTS.len())].as_bytes());
        }
        noise.spoil(&mut bytes, &PIECES);
        let answer = hear_out(&mut target.connect().await.unwrap(), &bytes).await;
        // HTTP or silence, never anything else.
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{seed} {bytes:02x?} {answer:02x?}");
        target.count();
    }
}

async fn noise_of_frames(target: Target) {
    let mut pause = tokio::time::interval(Duration::from_millis(1));
    for seed in 0.. {
        pause.tick().await;
        let mut noise = Noise(seed);
        let mut bytes = Vec::new();
        for _ in 0..=noise.below(5) {
            bytes.extend_from_slice(FRAMES[noise.below(FRAMES.len())]);
        }
        noise.spoil(&mut bytes, &FRAMES);
        let bytes = [upgrade_head("").as_bytes(), &bytes].concat();
        let answer = hear_out(&mut target.connect().await.unwrap(), &bytes).await;
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{seed} {bytes:02x?} {answer:02x?}");
        target.count();
    }
}

#[tokio::test]
async fn noise_on_http_and_websocket_is_answered_or_cut_and_harms_nobody() {
    let mut siege = Siege::lay(|command| {
        command.env("KITHD_LIMITS_CONNECTS_PER_NETWORK", "0").env("KITHD_LIMITS_REQUESTS_PER_NETWORK", "0")
    })
    .await;
    let toll = siege.endure(1000, noise_of_requests).await;
    toll.is_bearable(20, 8 * 1024);
    let toll = siege.endure(1000, noise_of_frames).await;
    toll.is_bearable(20, 8 * 1024);
}
