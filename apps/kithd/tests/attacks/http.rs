//! HTTP that can be read in two ways, that lies about lengths, that is compressed, or that is another version.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::siege::{Siege, read_head};

/// Tells which statuses came, in order.
fn statuses(answer: &str) -> Vec<&str> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|part| part.get(..3)).collect()
}

/// A request with these fields and body, and a second one behind it that nobody must take for one.
fn smuggled(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\n{body}GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
        .into()
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused_or_ends_its_connection() {
    let siege = Siege::lay(|command| command).await;
    let target = siege.target();
    for fields in [
        // Two lengths, and lengths that are none.
        "content-length: 5\r\ncontent-length: 0",
        "content-length: 5, 5",
        "content-length: -1",
        "content-length: +5",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: 18446744073709551616",
        "content-length:",
        // Codings of transfer that others may read as chunked, or not.
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: gzip",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        "content-length : 5",
        // Folded fields, zero bytes, and fields without a name.
        "x: y\r\n content-length: 5",
        "x: y\r\n\ttransfer-encoding: chunked",
        "x: a\0b",
        "x\0y: a",
        ": a",
        "x",
    ] {
        let (answer, is_over) = target.say(&smuggled(fields, "0\r\n\r\n")).await;
        assert_eq!(statuses(&answer), ["400"], "{fields:?} {answer}");
        assert!(is_over, "{fields:?} left the connection open");
    }
    // A length and chunks: read as chunks, and nothing behind them is read.
    for fields in [
        "content-length: 60\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 60",
        "content-length: 5\r\ntransfer-encoding: Chunked",
    ] {
        let (answer, is_over) = target.say(&smuggled(fields, "0\r\n\r\n")).await;
        assert_eq!(statuses(&answer), ["200"], "{fields:?} {answer}");
        assert!(is_over, "{fields:?} left the connection open");
    }
}

#[tokio::test]
async fn chunks_that_are_none_end_the_connection_without_a_second_answer() {
    let siege = Siege::lay(|command| command).await;
    let before = siege.server.resident_kib();
    for body in [
        "10000000000000000\r\nx",
        "-1\r\nx",
        "0x1\r\nx\r\n0\r\n\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
        "1\nx\n0\n\n",
        "1\r\nxx\r\n0\r\n\r\n",
        "g\r\n",
        "\r\n0\r\n\r\n",
    ] {
        let (answer, is_over) = siege.target().say(&smuggled("transfer-encoding: chunked", body)).await;
        assert!(matches!(statuses(&answer)[..], [] | ["400"] | ["413"]), "{body:?} {answer}");
        assert!(is_over, "{body:?} left the connection open");
    }
    // Sizes that are some, and too large: read as far as anything is.
    for size in ["ffffffffffffffff", "8000000000000000", "18001"] {
        let body = format!("{size}\r\n{}", "x".repeat(98_305));
        let (answer, _) = siege.target().say(&smuggled("transfer-encoding: chunked", &body)).await;
        assert_eq!(statuses(&answer), ["413"], "{size:?} {answer}");
    }
    assert!(siege.server.resident_kib() < before + 2048);
}

#[tokio::test]
async fn a_bare_line_feed_hides_no_second_request() {
    let siege = Siege::lay(|command| command).await;
    // The length counts for us, whoever else overlooks it: what is behind is body.
    let hidden = "POST /kith/v1 HTTP/1.1\r\nhost: x\r\nx: a\ncontent-length: 42\r\n\r\n\
                  GET /smuggled HTTP/1.1\r\nhost: smuggled\r\n\r\n";
    let (answer, _) = siege.target().say(hidden.as_bytes()).await;
    assert!(!answer.contains(" 404 "), "{answer}");
}

#[tokio::test]
async fn other_forms_of_a_target_lead_nowhere_else() {
    let siege = Siege::lay(|command| command).await;
    for (line, status) in [
        // The absolute form is for proxies, and means the path (RFC 9112 §3.2.2).
        ("GET http://elsewhere.example/kith/v1 HTTP/1.1", "200"),
        ("GET http://elsewhere.example/ HTTP/1.1", "404"),
        ("CONNECT elsewhere.example:443 HTTP/1.1", "404"),
        ("OPTIONS * HTTP/1.1", "404"),
        ("GET /kith/v1/../v1 HTTP/1.1", "404"),
        ("GET //kith/v1 HTTP/1.1", "404"),
        ("GET /kith/v1%2flive HTTP/1.1", "404"),
        ("TRACE /kith/v1 HTTP/1.1", "405"),
    ] {
        let (answer, _) =
            siege.target().say(format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(statuses(&answer), [status], "{line} {answer}");
    }
}

#[tokio::test]
async fn bodies_of_any_declared_length_are_refused_before_they_are_read() {
    let siege = Siege::lay(|command| command).await;
    let (kib, descriptors) = (siege.server.resident_kib(), siege.server.n_descriptors());
    for length in [98_305, 1 << 31, 1 << 32, (1 << 63) - 1, u64::MAX - 2] {
        let head = format!("POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
        let (answer, _) = siege.target().say(head.as_bytes()).await;
        assert_eq!(statuses(&answer), ["413"], "{length} {answer}");
    }
    assert!(siege.server.resident_kib() < kib + 2048);
    assert!(siege.server.n_descriptors() <= descriptors + 1);
}

#[tokio::test]
async fn bodies_in_small_chunks_are_refused_soon_and_take_no_more_room_than_others() {
    let head = "POST /kith/v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    // Whole but for the end: the server holds what it has and waits.
    let mut siege = Siege::lay(|command| command).await;
    let held = [head.as_bytes(), &b"1\r\nx\r\n".repeat(400), b"17000\r\n", &[0; 0x17000]].concat();
    let toll = siege
        .endure(24, |target| async move {
            let mut streams = Vec::new();
            for _ in 0..24 {
                let mut stream = target.connect().await.unwrap();
                stream.write_all(&held).await.unwrap();
                streams.push(stream);
                target.count();
            }
            std::future::pending::<()>().await;
        })
        .await;
    // 24 × 96 KiB, buffers that have doubled, and what reading took.
    toll.is_bearable(26, 12 * 1024);

    let mut siege = Siege::lay(|command| command.env("KITHD_LIMITS_CONNECTS_PER_NETWORK", "0")).await;
    let endless = [head.as_bytes(), &b"1\r\nx\r\n".repeat(98_000)].concat();
    let toll = siege
        .endure(20, |target| async move {
            let mut pause = tokio::time::interval(std::time::Duration::from_millis(5));
            loop {
                pause.tick().await;
                let Ok(mut stream) = target.connect().await else { continue };
                let (mut reader, mut writer) = stream.split();
                // The answer comes before the body has left.
                let _ = tokio::join!(writer.write_all(&endless), async {
                    if reader.read(&mut [0; 12]).await.is_ok() {
                        target.count();
                    }
                });
            }
        })
        .await;
    toll.is_bearable(20, 8 * 1024);
}

#[tokio::test]
async fn nothing_is_compressed_and_nothing_is_unpacked() {
    let siege = Siege::lay(|command| command).await;
    let asked = "GET /.well-known/kith HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip, br, zstd\r\nte: gzip, trailers\r\n\
                 connection: close\r\n\r\n";
    let (answer, _) = siege.target().say(asked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.to_ascii_lowercase().contains("-encoding:"), "{answer}");
    // A gzip of a gigabyte of nothing begins like this. Bytes are bytes: no request, and no gigabyte.
    let kib = siege.server.resident_kib();
    let mut bomb =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xec\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08".to_vec();
    bomb.resize(90_000, 0);
    let head = format!(
        "POST /kith/v1 HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        bomb.len()
    );
    let (answer, _) = siege.target().say(&[head.as_bytes(), &bomb].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('\u{3}'), "{answer:?}");
    assert!(siege.server.resident_kib() < kib + 4096);
}

#[tokio::test]
async fn http_2_is_not_spoken_whoever_begins_with_it_and_however() {
    let mut siege = Siege::lay(|command| command).await;
    // An offer to switch is overlooked.
    let asked = "GET /kith/v1 HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\n\
                 http2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let (answer, is_over) = siege.target().say(asked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && is_over, "{answer}");
    // Who takes it for granted is cut: neither reset streams nor endless heads get as far as being counted.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec();
    let mut reset =
        b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x82\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08".repeat(100);
    let mut endless =
        [&b"\x00\x00\x01\x01\x01\x00\x00\x00\x01\x82"[..], &b"\x00\x00\x01\x09\x00\x00\x00\x00\x01\x82".repeat(100)]
            .concat();
    for flood in [&mut reset, &mut endless] {
        let flood = [&preface[..], flood].concat();
        let (answer, is_over) = siege.target().say(&flood).await;
        assert!(is_over && statuses(&answer).is_empty(), "{answer:?}");
        let toll = siege
            .endure(20, |target| async move {
                let mut pause = tokio::time::interval(std::time::Duration::from_millis(2));
                loop {
                    pause.tick().await;
                    let Ok(mut stream) = target.connect().await else { continue };
                    let _ = stream.write_all(&flood).await;
                    let _ = read_head(&mut stream).await;
                    target.count();
                }
            })
            .await;
        toll.is_bearable(20, 4 * 1024);
    }
}
