//! Every decoder against random bytes and against valid bytes with something changed: an error or the very same bytes.

use proptest::prelude::*;

use crate::examples;

/// What an attacker does to valid bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<usize>(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

/// Most positions are drawn near the start, where the heads are.
fn place(at: usize, length: usize) -> usize {
    let reach = if at & 1 == 0 { length } else { length.min(96) };
    (at >> 1) % reach.max(1)
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match change {
        Change::Set(at, byte) => bytes[place(*at, length)] = *byte,
        Change::Flip(at, bit) => bytes[place(*at, length)] ^= 1 << bit,
        Change::Cut(at) => bytes.truncate(place(*at, length)),
        Change::Insert(at, inserted) => {
            let at = place(*at, length);
            bytes.splice(at..at, inserted.iter().copied());
        }
        Change::Swap(one, other) => bytes.swap(place(*one, length), place(*other, length)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused_or_decode_to_themselves(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for example in examples::all() {
            if let Ok(again) = (example.again)(&bytes) {
                prop_assert_eq!(&again, &bytes);
            }
        }
    }

    #[test]
    fn changed_objects_are_refused_or_decode_to_themselves(changes in prop::collection::vec(change(), 1..4)) {
        for example in examples::all() {
            let mut bytes = example.bytes;
            changes.iter().for_each(|change| apply(&mut bytes, change));
            if let Ok(again) = (example.again)(&bytes) {
                prop_assert_eq!(&again, &bytes);
            }
        }
    }
}

#[test]
fn every_prefix_of_every_object_is_refused() {
    for example in examples::all() {
        let step = example.bytes.len() / 257 + 1;
        for length in (0..example.bytes.len()).step_by(step) {
            let found = (example.again)(&example.bytes[..length]);
            assert!(found.is_err(), "{} {} cut at {length}", example.rule, example.note);
        }
    }
}
