//! Where messages begin and end, however the bytes are cut, and when patience ends.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

/// Writes a frame with its head, its mask and its payload.
fn frame(first: u8, length: usize, is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 128 } else { 0 };
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => bytes.push(short | mask),
        (_, Ok(middle)) => bytes.extend([&[126 | mask], &middle.to_be_bytes()[..]].concat()),
        _ => bytes.extend([&[127 | mask], &u64::try_from(length).unwrap().to_be_bytes()[..]].concat()),
    }
    bytes.resize(bytes.len() + if is_masked { 4 } else { 0 } + length, 0xff);
    bytes
}

#[test]
fn messages_are_found_however_the_bytes_are_cut() {
    for is_masked in [false, true] {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for (messages, n_whole) in [
                (vec![frame(0x82, length, is_masked)], 1),
                (vec![frame(2, length, is_masked), frame(0, 3, is_masked), frame(0x80, length, is_masked)], 1),
                // A ping inside a message is none of its own.
                (vec![frame(2, length, is_masked), frame(0x89, 5, is_masked), frame(0x80, 0, is_masked)], 1),
                (vec![frame(0x89, 5, is_masked), frame(0x82, length, is_masked)], 2),
            ] {
                let bytes = messages.concat();
                for cut in [1, 2, 7, 1000, bytes.len()] {
                    let mut frames = Frames::default();
                    let mut seen = 0;
                    for piece in bytes.chunks(cut) {
                        frames.see(piece).unwrap();
                        seen += piece.len();
                        assert!(!frames.is_between() || seen == bytes.len() || frames.n_whole == 1, "{length} {cut}");
                    }
                    assert!(frames.is_between());
                    assert_eq!(frames.n_whole, n_whole, "{length} {cut}");
                }
            }
        }
    }
}

#[test]
fn a_message_in_too_many_frames_is_an_error() {
    let mut frames = Frames::default();
    frames.see(&frame(2, 0, true)).unwrap();
    let more = (1..).find(|_| frames.see(&frame(0, 0, true)).is_err());
    assert_eq!(more, Some(MAX_FRAMES));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_is_an_error_whatever_else_comes() {
    let (ours, mut theirs) = duplex(1 << 16);
    let mut watched = Watched::new(ours, Duration::from_secs(30));
    let begun = Instant::now();
    theirs.write_all(&frame(2, 10, true)).await.unwrap();
    let slow = async {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            theirs.write_all(&[frame(0, 1, true), frame(0x89, 0, true)].concat()).await.unwrap();
        }
    };
    let reading = async {
        let mut buffer = [0; 1024];
        loop {
            if let Err(error) = watched.read(&mut buffer).await {
                return error.kind();
            }
        }
    };
    tokio::select! {
        () = slow => {}
        kind = reading => assert_eq!(kind, ErrorKind::TimedOut),
    }
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn neither_silence_between_messages_nor_a_reader_that_takes_its_time_is_held_against_the_peer() {
    let (ours, mut theirs) = duplex(1 << 16);
    let mut watched = Watched::new(ours, Duration::from_secs(30));
    let mut buffer = [0; 8];
    for _ in 0..5 {
        let silence = tokio::time::timeout(Duration::from_secs(300), watched.read(&mut buffer)).await;
        assert!(silence.is_err());
        let bytes = frame(0x82, 100, true);
        theirs.write_all(bytes.get(..50).unwrap()).await.unwrap();
        for _ in 0..6 {
            assert_eq!(watched.read(&mut buffer).await.unwrap(), 8);
            // Not waiting: busy with something else.
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        theirs.write_all(bytes.get(50..).unwrap()).await.unwrap();
        let mut n_left = bytes.len() - 48;
        while n_left > 0 {
            n_left -= watched.read(&mut buffer).await.unwrap();
        }
    }
}
