//! Joining parts.

use kith_crypto::capability::new_send;
use kith_wire::Timestamp;
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::content::{Body, KnownBody};
use kith_wire::id::{ConversationId, DeviceId, SenderId, ServerKey};
use kith_wire::limits::PART_BYTES;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

use super::*;
use crate::ground::work::Effects;

fn parts(message: u8, length: usize) -> Vec<Part> {
    let message = MessageId([message; 16]);
    let body =
        Body::Known(KnownBody::Text { text: "x".repeat(length), reply_to: None, attachment: None, preview: None });
    let content = Content {
        message,
        conversation: ConversationId([0; 16]),
        lamport: 1,
        device: DeviceId([0; 16]),
        sent: Timestamp(0),
        disappears: None,
        body,
        also_for: None,
    };
    let bytes = content.to_bytes();
    let count = u8::try_from(bytes.len().div_ceil(PART_BYTES)).unwrap();
    let pieces = (0..count).zip(bytes.chunks(PART_BYTES));
    pieces.map(|(index, piece)| Part { message, index, count, bytes: piece.to_vec() }).collect()
}

/// Gives parts to the inbox one after the other, and returns which messages came out and how many parts are kept.
fn assembled(given: Vec<Part>) -> (Vec<u8>, u64) {
    let db = Connection::open_in_memory().unwrap();
    crate::ground::schema::migrate(&db).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    let server = ServerAddress { url: ServerUrl::parse("https://home.example").unwrap(), key: ServerKey([0; 32]) };
    let queue = QueueAddress { server, sender_id: SenderId([0; 24]), capability: new_send(&mut rng) };
    let id = sessions::add(&db, ContactId(1), &queue).unwrap();
    let peer = sessions::find(&db, id).unwrap().unwrap();
    let mut work = Work { db: &db, now: Timestamp(0), rng: &mut rng, effects: Effects::default() };
    let mut out = Vec::new();
    for part in given {
        out.extend(assemble(&mut work, &peer, part).unwrap().map(|content| content.message.0[0]));
    }
    (out, crate::ground::database::count(&db, "SELECT count(*) FROM parts", []).unwrap())
}

#[test]
fn a_content_comes_out_with_its_last_part() {
    assert_eq!(assembled(parts(1, 10)), (vec![1], 0));
    assert_eq!(assembled(parts(1, 5_000)), (vec![1], 0));
    assert_eq!(assembled(parts(1, 28_000)), (vec![1], 0));
    let mut unfinished = parts(1, 5_000);
    unfinished.pop();
    assert_eq!(assembled(unfinished), (vec![], 2));
}

#[test]
fn ke_10_a_content_that_no_sibling_could_be_told_is_dropped() {
    let around = parts(1, 10).iter().map(|part| part.bytes.len()).sum::<usize>() - 10 + 2;
    assert_eq!(assembled(parts(1, MAX_SAID_BYTES - around)).0, [1]);
    assert_eq!(assembled(parts(1, MAX_SAID_BYTES - around + 1)).0, Vec::<u8>::new());
}

#[test]
fn ke_19_a_part_of_another_content_ends_the_one_before() {
    let (one, two) = (parts(1, 5_000), parts(2, 5_000));
    let interleaved = one.iter().zip(&two).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
    let (out, kept) = assembled(interleaved);
    assert_eq!(out, Vec::<u8>::new());
    assert!(kept <= 1);
    let mut followed = one[..2].to_vec();
    followed.extend(two);
    assert_eq!(assembled(followed), (vec![2], 0));
}

#[test]
fn parts_that_contradict_each_other_give_nothing() {
    let mut renamed = parts(1, 10);
    renamed[0].message = MessageId([9; 16]);
    assert_eq!(assembled(renamed).0, Vec::<u8>::new());
    let mut recounted = parts(1, 5_000);
    recounted[2].count = 4;
    assert_eq!(assembled(recounted).0, Vec::<u8>::new());
    let mut impossible = parts(1, 10);
    impossible[0].index = 200;
    assert_eq!(assembled(impossible), (vec![], 0));
}
