//! Files that travel with messages.

use std::path::Path;

use crate::support::{Person, World, eventually};

const MEGABYTE: usize = 1024 * 1024;

#[test]
fn twenty_mebibytes_travel_both_ways() {
    let world = World::of_friends();
    send_and_save(&world, (&world.ana, "Belarmino"), (&world.bela, "Anastasia"), 1);
    send_and_save(&world, (&world.bela, "Anastasia"), (&world.ana, "Belarmino"), 2);
}

fn send_and_save(world: &World, from: (&Person, &str), to: (&Person, &str), seed: u64) {
    let original = world.folder.path().join(format!("photo-{seed}.bin"));
    std::fs::write(&original, noise(seed, 20 * MEGABYTE)).unwrap();
    let file = original.to_str().unwrap();
    let sent = from.0.succeed(&["send", from.1, "Look", "--file", file, "--wait", "accepted", "--timeout", "180s"]);
    let message = sent.text("message_id");
    eventually("the message with the file is there", || {
        to.0.succeed(&["sync"]);
        let log = to.0.succeed(&["log", to.1]);
        let line = log.lines.into_iter().find(|line| line["message_id"] == message.as_str())?;
        assert_eq!(line["attachment"]["size"], 20 * MEGABYTE);
        Some(())
    });
    let copy = world.folder.path().join(format!("copy-{seed}.bin"));
    to.0.succeed(&["save", to.1, &message, "--out", copy.to_str().unwrap()]);
    assert!(same(&original, &copy), "the copy differs");
}

#[test]
fn a_picture_travels_without_what_is_about_it_unless_its_sender_says_otherwise() {
    let world = World::of_friends();
    let segment = |marker: u8, content: &[u8]| {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], length.as_slice(), content].concat()
    };
    let place =
        segment(0xe1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a the house at 47.1 N 8.5 E");
    let picture = [segment(0xda, b"\x01\x01\x00\x00\x3f\x00"), vec![1, 2, 3, 0xff, 0xd9]].concat();
    let whole = [[0xff, 0xd8].as_slice(), &place, &picture].concat();
    let original = world.folder.path().join("house.jpg");
    std::fs::write(&original, &whole).unwrap();
    let file = original.to_str().unwrap();
    let send = |more: &[&str]| {
        let arguments = ["send", "Belarmino", "--file", file, "--wait", "delivered", "--timeout", "60s"];
        let sent = world.ana.succeed(&[&arguments, more].concat());
        let copy = world.folder.path().join("copy.jpg");
        let to = ["save", "Anastasia", &sent.text("message_id"), "--force", "--out", copy.to_str().unwrap()];
        world.bela.succeed(&to);
        (std::fs::read(&copy).unwrap(), sent)
    };
    let receiver = world.bela.listen();
    let (clean, sent) = send(&[]);
    assert_eq!(clean, [[0xff, 0xd8].as_slice(), &picture].concat());
    assert_eq!(sent.lines[0]["removed"], serde_json::json!(["place", "camera"]));
    let (kept, sent) = send(&["--with-metadata"]);
    assert_eq!(kept, whole);
    assert_eq!(sent.lines[0].get("removed"), None);
    drop(receiver);
    assert_eq!(std::fs::read(&original).unwrap(), whole, "the sender's file stays as it is");
}

fn same(left: &Path, right: &Path) -> bool {
    std::fs::read(left).unwrap() == std::fs::read(right).unwrap()
}

/// Bytes that do not compress and do not repeat: a xorshift generator (Marsaglia, 2003).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(length);
    out
}
