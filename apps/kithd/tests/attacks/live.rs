//! Attacks on live connections: offers of compression, floods of pings, pongs and pieces.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::siege::{Siege, Target, read_head, upgrade_head};

/// Connects, sends the same frames until it is cut, and comes again; counts how often it was cut.
async fn flood(target: Target, beginning: Vec<u8>, frames: Vec<u8>) {
    let mut pause = tokio::time::interval(std::time::Duration::from_millis(2));
    loop {
        pause.tick().await;
        let Ok(mut stream) = target.connect_live().await else { continue };
        let (mut reader, mut writer) = stream.split();
        let sending = async {
            if writer.write_all(&beginning).await.is_ok() {
                while writer.write_all(&frames).await.is_ok() {}
            }
        };
        let cut = async {
            let mut buffer = [0; 1024];
            while matches!(reader.read(&mut buffer).await, Ok(1..)) {}
        };
        tokio::select! {
            () = sending => {}
            () = cut => {}
        }
        target.count();
    }
}

#[tokio::test]
async fn floods_of_pings_pongs_and_pieces_are_cut() {
    let begun = b"\x02\x80\x00\x00\x00\x00".to_vec();
    let ping = [&b"\x89\xfd\x00\x00\x00\x00"[..], &[7; 125]].concat();
    for (beginning, frame) in [
        (Vec::new(), ping),
        (Vec::new(), b"\x8a\x80\x00\x00\x00\x00".to_vec()),
        (begun.clone(), b"\x00\x80\x00\x00\x00\x00".to_vec()),
        (begun, b"\x00\x81\x00\x00\x00\x00x".to_vec()),
    ] {
        let mut siege = Siege::lay(|command| command).await;
        let toll = siege.endure(5, move |target| flood(target, beginning, frame.repeat(100))).await;
        toll.is_bearable(20, 8 * 1024);
    }
}

#[tokio::test]
async fn frames_of_any_declared_length_are_refused_before_they_are_read() {
    let siege = Siege::lay(|command| command).await;
    let before = siege.server.resident_kib();
    for length in [98_305_u64, 1 << 31, 1 << 32, (1 << 63) - 1, u64::MAX] {
        let mut stream = siege.target().connect_live().await.unwrap();
        stream.write_all(&[&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        // A close frame that says "too big", or "against the rules" for what is no length.
        assert!(matches!(rest[..], [0x88, _, 0x03, 0xf1 | 0xea, ..]), "{length} {rest:?}");
    }
    assert!(siege.server.resident_kib() < before + 2048);
}

#[tokio::test]
async fn no_extension_is_agreed_on_and_a_compressed_frame_ends_the_connection() {
    let siege = Siege::lay(|command| command).await;
    let mut stream = siege.target().connect().await.unwrap();
    let offers = "sec-websocket-extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n\
                  sec-websocket-protocol: chat\r\n";
    stream.write_all(upgrade_head(offers).as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-extensions") && !head.contains("sec-websocket-protocol"), "{head}");
    // A frame that says it is compressed, all the same.
    stream.write_all(b"\xc2\x84\x00\x00\x00\x00\x00\x00\xff\xff").await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(matches!(rest[..], [0x88, _, 0x03, 0xea, ..]), "closed with 1002: {rest:?}");
}

#[tokio::test]
async fn connections_that_wait_hold_little() {
    fn many(command: &mut std::process::Command) -> &mut std::process::Command {
        for limit in ["CONNECTIONS_PER_NETWORK", "CONNECTS_PER_NETWORK", "UNPROVEN"] {
            command.env(format!("KITHD_LIMITS_{limit}"), "2000");
        }
        command.env("KITHD_LIMITS_PROOF", "1h")
    }
    for (siege, kib_each) in [(Siege::lay(many).await, 12), (Siege::lay_with_tls(many).await, 28)] {
        let (carrier, url) = (&siege.home.carrier, &siege.home.address.url);
        let mut waiting = Vec::new();
        for _ in 0..100 {
            waiting.push(carrier.live(url).await.unwrap());
        }
        // What the first ones needed besides stays.
        let before = siege.server.resident_kib();
        for _ in 0..600 {
            waiting.push(carrier.live(url).await.unwrap());
        }
        let kib = siege.server.resident_kib() - before;
        println!("{kib} KiB for 600 connections");
        // Builds for development hold somewhat more than releases.
        assert!(kib < 600 * kib_each, "{kib} KiB for 600 connections");
    }
}
