//! Sealed requests and live connections, end to end between a client and a server.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use kith_crypto::live::{ClientOpening, RecordError, accept_opening};
use kith_crypto::sealed::{EpochSecret, open, seal};
use kith_crypto::sign::ServerSecret;
use kith_wire::limits::{ANSWER_BYTES, SEALED_BYTES};
use kith_wire::sealed::{SealKind, SealedParts};
use kith_wire::time::EpochId;
use rand::SeedableRng;
use rand::rngs::StdRng;

struct World {
    rng: StdRng,
    server: ServerSecret,
    epoch: EpochSecret,
}

fn world() -> World {
    let mut rng = StdRng::seed_from_u64(7);
    World { server: ServerSecret::generate(&mut rng), epoch: EpochSecret::generate(EpochId(2900), &mut rng), rng }
}

#[test]
fn a_small_request_has_the_fixed_size_and_its_answer_opens() {
    let mut w = world();
    let sealed = seal(&w.server.public(), &w.epoch.public(), SealKind::OneShot, b"hello", &mut w.rng).unwrap();
    assert_eq!(sealed.bytes.len(), SEALED_BYTES);
    let parts = SealedParts::split(&sealed.bytes).unwrap();
    let opened = open(&w.server.public(), &w.epoch, SealKind::OneShot, &parts).unwrap();
    assert_eq!(opened.content.as_ref(), b"hello");
    let answer = opened.answer.seal(b"and back", &mut w.rng);
    assert_eq!(answer.len(), ANSWER_BYTES);
    assert_eq!(sealed.pending.open(&answer).unwrap().as_ref(), b"and back");
}

#[test]
fn kc_7_every_flipped_byte_of_a_request_is_refused() {
    let mut w = world();
    let sealed = seal(&w.server.public(), &w.epoch.public(), SealKind::OneShot, b"hello", &mut w.rng).unwrap();
    for position in (0..sealed.bytes.len()).step_by(61).chain(0..6) {
        let mut bytes = sealed.bytes.clone();
        bytes[position] ^= 1;
        let Ok(parts) = SealedParts::split(&bytes) else { continue };
        assert!(open(&w.server.public(), &w.epoch, SealKind::OneShot, &parts).is_err(), "byte {position}");
    }
}

#[test]
fn kc_7_a_seal_for_one_kind_or_server_does_not_open_as_another() {
    let mut w = world();
    let other = ServerSecret::generate(&mut w.rng);
    let sealed = seal(&w.server.public(), &w.epoch.public(), SealKind::OneShot, b"hello", &mut w.rng).unwrap();
    let parts = SealedParts::split(&sealed.bytes).unwrap();
    assert!(open(&w.server.public(), &w.epoch, SealKind::LiveOpening, &parts).is_err());
    assert!(open(&other.public(), &w.epoch, SealKind::OneShot, &parts).is_err());
}

#[test]
fn a_live_connection_carries_records_both_ways() {
    let mut w = world();
    let opening = ClientOpening::new(&w.server.public(), &w.epoch.public(), &mut w.rng).unwrap();
    assert_eq!(opening.bytes.len(), SEALED_BYTES);
    let (answer, mut server) = accept_opening(&w.server.public(), &w.epoch, &opening.bytes, &mut w.rng).unwrap();
    let mut client = opening.accept(&answer).unwrap();
    for round in 0..3_u8 {
        let up = client.seal(&[round; 100]).unwrap();
        assert_eq!(server.open(&up).unwrap().as_ref(), [round; 100]);
        let down = server.seal(&[round; 5000]).unwrap();
        assert_eq!(client.open(&down).unwrap().as_ref(), [round; 5000]);
    }
}

#[test]
fn kc_8_a_repeated_or_missing_record_is_refused_and_changes_nothing() {
    let mut w = world();
    let opening = ClientOpening::new(&w.server.public(), &w.epoch.public(), &mut w.rng).unwrap();
    let (answer, mut server) = accept_opening(&w.server.public(), &w.epoch, &opening.bytes, &mut w.rng).unwrap();
    let mut client = opening.accept(&answer).unwrap();
    let first = client.seal(b"1").unwrap();
    let second = client.seal(b"2").unwrap();
    assert_eq!(server.open(&second).unwrap_err(), RecordError::OutOfOrder);
    assert!(server.open(&first).is_ok());
    assert_eq!(server.open(&first).unwrap_err(), RecordError::OutOfOrder);
    assert!(server.open(&second).is_ok());
}
