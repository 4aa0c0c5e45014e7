//! Where messages begin and end, however the bytes are cut, and when patience ends.

use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::super::writer::Writer;
use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn reader() -> (Reader<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(1 << 20);
    (Reader::new(ours, Role::Server, PATIENCE), theirs)
}

/// A masked frame of zeros.
fn frame(first: u8, length: usize) -> Vec<u8> {
    let opcode = match first & 15 {
        0 => Opcode::Continuation,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        _ => Opcode::Pong,
    };
    let mut bytes = Vec::new();
    let head = Head { is_last: first & 128 != 0, opcode, mask: Some([1, 2, 3, 4]), length: length.try_into().unwrap() };
    head.write(&mut bytes);
    let begins = bytes.len();
    bytes.resize(begins + length, 0);
    mask(&mut bytes[begins..], [1, 2, 3, 4]);
    bytes
}

fn message(length: usize) -> Received {
    Received::Message(vec![0; length].into())
}

#[tokio::test]
async fn messages_are_found_however_the_bytes_are_cut() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        for (frames, expected) in [
            (vec![frame(0x82, length)], vec![message(length)]),
            (vec![frame(2, length), frame(0, 3), frame(0x80, length / 3)], vec![message(length + 3 + length / 3)]),
            // A ping inside a message is none of its own.
            (vec![frame(2, length), frame(0x89, 5), frame(0x80, 0)], vec![ping(5), message(length)]),
            (
                vec![frame(0x8a, 0), frame(0x82, length), frame(0x88, 0)],
                vec![Received::Pong, message(length), Received::Close(None)],
            ),
        ] {
            let bytes = frames.concat();
            for cut in [1, 2, 7, 1000, bytes.len()] {
                let (mut reader, mut theirs) = reader();
                let writing = async {
                    for piece in bytes.chunks(cut) {
                        theirs.write_all(piece).await.unwrap();
                        if bytes.len() < 1000 {
                            tokio::task::yield_now().await;
                        }
                    }
                };
                let reading = async {
                    for expected in &expected {
                        assert_eq!(reader.next().await.as_ref(), Ok(expected), "{length} {cut}");
                    }
                };
                tokio::join!(reading, writing);
                assert_eq!(reader.left(), None, "between messages");
            }
        }
    }
}

fn ping(length: usize) -> Received {
    Received::Ping(vec![0; length].into())
}

#[tokio::test]
async fn what_a_writer_wrote_is_read_in_both_directions() {
    for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let (ours, theirs) = duplex(1 << 20);
        let (mut writer, mut reader) = (Writer::new(theirs, from), Reader::new(ours, to, PATIENCE));
        for length in [0, 1, 125, 126, 65_535, 65_536, MAX_MESSAGE] {
            let payload: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            writer.put(Opcode::Binary, &payload).unwrap();
            writer.flush().await.unwrap();
            assert_eq!(writer.n_waiting(), 0);
            assert_eq!(reader.next().await, Ok(Received::Message(payload.into())));
        }
        writer.put(Opcode::Close, &1001_u16.to_be_bytes()).unwrap();
        writer.flush().await.unwrap();
        assert_eq!(reader.next().await, Ok(Received::Close(Some(1001))));
    }
}

#[tokio::test]
async fn what_no_message_is_ends_it() {
    for (bytes, error) in [
        (frame(0x80, 1), ReadError::Forbidden),
        ([frame(2, 1), frame(0x82, 1)].concat(), ReadError::Forbidden),
        (frame(0x88, 1), ReadError::Forbidden),
        (b"\x81\x80\x00\x00\x00\x00".to_vec(), ReadError::Unwelcome),
        (frame(2, MAX_MESSAGE + 1), ReadError::TooLarge),
        ([frame(2, MAX_MESSAGE), frame(0, 1)].concat(), ReadError::TooLarge),
        ([frame(2, 0), frame(0, 0).repeat(MAX_FRAMES)].concat(), ReadError::Unwelcome),
        (Vec::new(), ReadError::Broken),
    ] {
        let (mut reader, mut theirs) = reader();
        theirs.write_all(&bytes).await.unwrap();
        theirs.shutdown().await.unwrap();
        assert_eq!(reader.next().await, Err(error), "{:02x?}", bytes.get(..8));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_is_given_up_whatever_else_comes() {
    let (mut reader, mut theirs) = reader();
    let begun = Instant::now();
    theirs.write_all(&frame(2, 10)).await.unwrap();
    let slow = async {
        loop {
            tokio::time::sleep(Duration::from_secs(4)).await;
            theirs.write_all(&[frame(0, 1), frame(0x89, 0)].concat()).await.unwrap();
        }
    };
    let reading = async {
        loop {
            if let Err(error) = reader.next().await {
                return error;
            }
        }
    };
    tokio::select! {
        () = slow => {}
        error = reading => assert_eq!(error, ReadError::Stalled),
    }
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn neither_silence_between_messages_nor_a_reader_that_takes_its_time_is_held_against_the_peer() {
    let (mut reader, mut theirs) = reader();
    for _ in 0..5 {
        assert!(tokio::time::timeout(PATIENCE * 10, reader.next()).await.is_err());
        let bytes = frame(0x82, 100);
        theirs.write_all(&bytes[..50]).await.unwrap();
        for _ in 0..6 {
            assert!(tokio::time::timeout(Duration::from_secs(1), reader.next()).await.is_err());
            // Not waiting: busy with something else.
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        theirs.write_all(&bytes[50..]).await.unwrap();
        assert_eq!(reader.next().await, Ok(message(100)));
    }
}

#[test]
fn a_reader_that_waits_is_small() {
    assert!(size_of::<Reader<DuplexStream>>() < 512, "{}", size_of::<Reader<DuplexStream>>());
}

#[tokio::test]
async fn whatever_comes_is_read_or_refused() {
    // A small generator of our own: the same bytes every time.
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_be_bytes()[7]
    };
    for _ in 0..3000 {
        let mut bytes = Vec::new();
        for _ in 0..random() % 6 {
            // Mostly heads that are nearly right, so that what is behind them is reached.
            bytes.extend([
                [0x82, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, random()][usize::from(random() % 8)],
                128 | (random() % 130),
            ]);
            bytes.extend((0..random()).map(|_| random()));
        }
        let (mut reader, mut theirs) = reader();
        theirs.write_all(&bytes).await.unwrap();
        drop(theirs);
        let mut n_received = 0;
        while reader.next().await.is_ok() {
            n_received += 1;
            assert!(n_received <= bytes.len());
        }
    }
}
