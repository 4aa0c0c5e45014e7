//! Sealed requests and live records: what else must be refused, beside what `tests/sealed.rs` shows.

use kith_crypto::dh::DhSecret;
use kith_crypto::kem::KemSecret;
use kith_crypto::live::{ClientOpening, RecordError, accept_opening};
use kith_crypto::sealed::{EpochSecret, SealError, open, seal};
use kith_crypto::sign::ServerSecret;
use kith_wire::limits::MAX_SEALED_BYTES;
use kith_wire::padding::padme;
use kith_wire::sealed::{OneShotReply, SealKind, SealedParts};
use kith_wire::time::EpochId;
use proptest::prelude::*;

use crate::rng;

#[test]
fn kc_7_a_request_for_another_epoch_does_not_open() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let same_secrets = EpochSecret::from_bytes(EpochId(2901), &epoch.expose());
    let sealed = seal(&server, &epoch.public(), SealKind::OneShot, b"hello", &mut rng).unwrap();
    let parts = SealedParts::split(&sealed.bytes).unwrap();
    assert!(open(&server, &same_secrets, SealKind::OneShot, &parts).is_err());
    // Renaming the epoch in the clear header does not help: the header is in the HPKE info.
    let mut renamed = sealed.bytes.clone();
    renamed[2..6].copy_from_slice(&2901_u32.to_be_bytes());
    let parts = SealedParts::split(&renamed).unwrap();
    assert!(open(&server, &same_secrets, SealKind::OneShot, &parts).is_err());
}

#[test]
fn kc_7_an_answer_opens_for_its_own_request_only() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let mut ask = || {
        let sealed = seal(&server, &epoch.public(), SealKind::OneShot, b"hello", &mut rng).unwrap();
        let parts = SealedParts::split(&sealed.bytes).unwrap();
        let answer = open(&server, &epoch, SealKind::OneShot, &parts).unwrap().answer.seal(b"back", &mut rng);
        (sealed.pending, answer)
    };
    let ((one, one_answer), (_, other_answer)) = (ask(), ask());
    assert_eq!(one.open(&one_answer).unwrap().as_ref(), b"back");
    assert!(one.open(&other_answer).is_err());
    assert!(one.open(&one_answer[..31]).is_err());
    for at in (0..one_answer.len()).step_by(37) {
        let mut changed = one_answer.clone();
        changed[at] ^= 1;
        assert!(one.open(&changed).is_err(), "{at}");
    }
}

#[test]
fn long_requests_have_a_padme_size_and_too_long_ones_are_refused() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng).public();
    let mut size = |length: usize| {
        seal(&server, &epoch, SealKind::OneShot, &vec![1; length], &mut rng).map(|sealed| sealed.bytes.len())
    };
    for length in [4231, 10_000, 66_000] {
        let size = size(length).unwrap();
        assert_eq!(padme(size as u64), size as u64);
    }
    assert_eq!(size(4230), Ok(5376));
    assert_eq!(size(MAX_SEALED_BYTES - 1146), Ok(MAX_SEALED_BYTES));
    assert_eq!(size(MAX_SEALED_BYTES - 1145), Err(SealError::TooLong));
}

#[test]
fn kw_10_the_longest_answer_is_carried_by_a_reply() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let mut answer_of = |length: usize| {
        let sealed = seal(&server, &epoch.public(), SealKind::OneShot, b"hello", &mut rng).unwrap();
        let parts = SealedParts::split(&sealed.bytes).unwrap();
        open(&server, &epoch, SealKind::OneShot, &parts).unwrap().answer.seal(&vec![1; length], &mut rng)
    };
    // The Padmé size before the limit is 96,256 bytes; the next one is the limit itself, and one byte of kind too long.
    let longest = 96_256 - 52;
    let reply = OneShotReply::Sealed(answer_of(longest)).to_bytes();
    assert!(reply.len() <= MAX_SEALED_BYTES && OneShotReply::from_bytes(&reply).is_some());
    assert!(answer_of(MAX_SEALED_BYTES - 52).is_empty());
}

#[test]
fn kc_7_a_record_of_the_other_direction_does_not_open() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let opening = ClientOpening::new(&server, &epoch.public(), &mut rng).unwrap();
    let (answer, mut at_server) = accept_opening(&server, &epoch, &opening.bytes, &mut rng).unwrap();
    let mut client = opening.accept(&answer).unwrap();
    let up = client.seal(b"1").unwrap();
    assert_eq!(client.open(&up).unwrap_err(), RecordError::DoesNotOpen);
    let mut changed = up.clone();
    changed[20] ^= 1;
    assert_eq!(at_server.open(&changed).unwrap_err(), RecordError::DoesNotOpen);
    assert_eq!(at_server.open(&up[..7]).unwrap_err(), RecordError::DoesNotOpen);
    assert!(at_server.open(&up).is_ok(), "what failed changed nothing");
    assert_eq!(client.seal(&vec![0; MAX_SEALED_BYTES]).unwrap_err(), RecordError::TooLong);
}

#[test]
fn stored_epoch_secrets_are_the_x_wing_seed_and_the_x25519_secret() {
    let stored: [u8; 64] = std::array::from_fn(|at| at as u8);
    let secret = EpochSecret::from_bytes(EpochId(2900), &stored);
    assert_eq!((*secret.expose(), secret.id()), (stored, EpochId(2900)));
    let public = secret.public();
    assert_eq!(public.kem, KemSecret::from_seed(std::array::from_fn(|at| at as u8)).public());
    assert_eq!(public.dh, DhSecret::from_bytes(std::array::from_fn(|at| at as u8 + 32)).public());
}

#[test]
fn records_have_one_size_in_each_direction_and_padme_sizes_above_it() {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let opening = ClientOpening::new(&server, &epoch.public(), &mut rng).unwrap();
    let (answer, mut at_server) = accept_opening(&server, &epoch, &opening.bytes, &mut rng).unwrap();
    let mut client = opening.accept(&answer).unwrap();
    // 8 bytes of counter and 16 of tag around the padded message, which carries 4 bytes of length.
    let around = |padded: usize| Ok(8 + padded + 16);
    let mut up = |length: usize| client.seal(&vec![1; length]).map(|record| record.len());
    for (length, padded) in [(0, 5760), (2000, 5760), (5756, 5760), (5757, 5888), (96_252, 96_256)] {
        assert_eq!(up(length), around(padded), "{length} up");
    }
    assert_eq!(up(96_253), Err(RecordError::TooLong));
    let mut down = |length: usize| at_server.seal(&vec![1; length]).map(|record| record.len());
    for (length, padded) in [(0, 4352), (4348, 4352), (4349, 4608)] {
        assert_eq!(down(length), around(padded), "{length} down");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_open_nowhere(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        let mut rng = rng();
        let server = ServerSecret::generate(&mut rng).public();
        let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
        let mut headed = bytes.clone();
        for (slot, byte) in headed.iter_mut().zip([1, 1, 0, 0, 0x0b, 0x54]) {
            *slot = byte;
        }
        for bytes in [&bytes, &headed] {
            prop_assert!(accept_opening(&server, &epoch, bytes, &mut rng).is_err());
            if let Ok(parts) = SealedParts::split(bytes) {
                prop_assert!(open(&server, &epoch, SealKind::OneShot, &parts).is_err());
            }
        }
        let opening = ClientOpening::new(&server, &epoch.public(), &mut rng).unwrap();
        prop_assert!(opening.accept(&bytes).is_err());
    }
}
