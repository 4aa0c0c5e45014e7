//! Bytes on the disk that are not what was written: a typed error, or a torn end that is cut, and never anything else.

use kith_home::store::{Store, StoreError};
use proptest::prelude::*;

use super::super::bytes::Reader;
use super::super::files::Files;
use super::super::files::simulated::Simulated;
use super::super::op::Op;
use super::super::record::{Kind, RECORD_HEAD, RecordHead, SEGMENT_HEAD, SegmentHead, open_payload};
use super::super::secrets::Secrets;
use super::super::{Journal, JournalError};
use super::world::{SEGMENT_BYTES, Step, World, assert_same, history, see, see_store};

/// Runs a history and returns the files, and all that could be seen before the last commit and after it.
fn run(history: &[Step]) -> (Simulated, [Vec<String>; 2]) {
    let files = Simulated::default();
    let mut world = World::new(&files).unwrap();
    let (mut before, mut after) = (see_store(&mut world.model), see_store(&mut world.model));
    for step in history {
        world.step(step).unwrap();
        let seen = see_store(&mut world.model);
        if seen != after {
            (before, after) = (after, seen);
        }
    }
    (files, [before, after])
}

/// Opens what is left and checks that it is one of the states, or an error that says what is wrong.
fn check(files: Simulated, states: &[Vec<String>; 2]) {
    let seen = Journal::open_with(files, SEGMENT_BYTES).and_then(|mut store| see(&store.begin()?));
    match seen {
        Ok(seen) => assert!(states.contains(&seen), "neither the last state nor the one before"),
        Err(StoreError::Backend(problem)) => {
            let problem: &JournalError = problem.downcast_ref().unwrap();
            assert!(matches!(problem, JournalError::Damaged { .. } | JournalError::Missing { .. }), "{problem:?}");
        }
        // A flipped bit can make a version of ours look like a later one.
        Err(StoreError::NewerSchema { .. } | StoreError::Damaged { table: "queues" }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_anywhere_is_an_error_or_a_cut_end(history in history(16), bit in 0_u8..8) {
        let (files, states) = run(&history);
        for (name, length) in files.lengths() {
            for at in (0..length).filter(|at| !name.starts_with("keys") || *at < 600) {
                let damaged = files.copy();
                damaged.damage(&name, |bytes| bytes[at] ^= 1 << bit);
                check(damaged, &states);
            }
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_or_a_cut_end(history in history(16)) {
        let (files, states) = run(&history);
        // A newest segment that is shorter by whole records, or gone, is a shorter history.
        let newest = files.lengths().into_keys().rfind(|name| name.ends_with(".log")).unwrap();
        for (name, length) in files.lengths() {
            let step = if name.starts_with("keys") { 97 } else { 1 };
            for kept in (0..length).step_by(step) {
                let damaged = files.copy();
                damaged.damage(&name, |bytes| bytes.truncate(kept));
                if name == newest {
                    drop(Journal::open_with(damaged, SEGMENT_BYTES).and_then(|mut store| see(&store.begin()?)));
                } else {
                    check(damaged, &states);
                }
            }
            let damaged = files.copy();
            damaged.remove(&name).unwrap();
            if name != newest {
                check(damaged, &states);
            }
        }
    }

    #[test]
    fn summaries_are_only_for_speed(history in history(60)) {
        let (files, states) = run(&history);
        for name in files.lengths().into_keys().filter(|name| name.ends_with(".sum")) {
            files.damage(&name, |bytes| bytes.truncate(bytes.len() - 1));
        }
        let mut store = Journal::open_with(files, SEGMENT_BYTES).unwrap();
        assert_same(&see_store(&mut store), &states[1]);
    }
}

proptest! {
    #[test]
    fn decoders_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), tag in 0_u8..27) {
        let with_tag = [&[tag][..], &bytes].concat();
        let mut from = Reader::new(&with_tag);
        if let Some(op) = Op::decode(&mut from) {
            let mut again = Vec::new();
            op.encode(&mut again);
            prop_assert!(with_tag.starts_with(&again), "one encoding for each operation");
        }
        drop(Op::decode_all(&bytes));
        let _ = open_payload(&bytes);
        drop(Secrets::decode(&[b"kith-key\x01\0\0\0".as_slice(), &bytes].concat()));
        if let Some(head) = bytes.first_chunk::<SEGMENT_HEAD>() {
            prop_assert!(SegmentHead::decode(head, Kind::Segment).is_none());
        }
        if let Some(head) = bytes.first_chunk::<RECORD_HEAD>() {
            prop_assert_eq!(&RecordHead::decode(head).encode(), head);
        }
    }
}

#[test]
fn the_layout_of_a_segment_is_this() {
    let head = SegmentHead { segment: 7, salt: 0x0102_0304_0506_0708 };
    let magic_format_segment_salt = "6b6974682d6c6f670100000007000000".to_owned() + "0807060504030201";
    let encoded = data_encoding::HEXLOWER.encode(&head.encode(Kind::Segment));
    assert_eq!(encoded, magic_format_segment_salt + "2475f979");
    let mut ops = Vec::new();
    Op::SegmentGone { segment: 5 }.encode(&mut ops);
    assert_eq!(data_encoding::HEXLOWER.encode(&ops), "0405000000");
    let record = RecordHead::new(0, &ops, 9, head.salt).encode();
    // payload length, operations length, number, checksum
    assert_eq!(
        data_encoding::HEXLOWER.encode(&record),
        "00000000".to_owned() + "05000000" + "0900000000000000" + "1c0ecdc2"
    );
}

#[test]
fn what_others_sent_us_never_looks_like_the_records_behind_a_torn_one() {
    use kith_home::store::Txn;
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let (reader, row) = super::queue(1);
    let mut txn = store.begin().unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.commit().unwrap();
    // A frame that is a record with a good number, made by somebody who does not know the salt.
    let mut ops = Vec::new();
    Op::Touch.encode(&mut ops);
    let forged: Vec<u8> = (0..20).flat_map(|n| [&RecordHead::new(0, &ops, n, 0).encode()[..], &ops].concat()).collect();
    let length = usize::try_from(store.head.length).unwrap();
    let mut txn = store.begin().unwrap();
    let entry = kith_home::store::Entry { arrived: kith_wire::time::Hour(1), frame: forged };
    txn.insert_entry(&reader, 1, &entry).unwrap();
    txn.commit().unwrap();
    drop(store);
    files.damage("0000000001.log", |bytes| bytes[length] ^= 1);
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    assert!(store.begin().unwrap().entries(&reader, 0, 9).unwrap().is_empty(), "the torn end is cut");
    assert_eq!(usize::try_from(store.head.length).unwrap(), length);
}

#[test]
fn damage_before_a_good_record_is_told_with_file_and_place() {
    use kith_home::store::Txn;
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let mut places = Vec::new();
    for n in 1..4 {
        places.push(usize::try_from(store.head.length).unwrap());
        let (reader, row) = super::queue(n);
        let mut txn = store.begin().unwrap();
        txn.insert_queue(&reader, &row).unwrap();
        txn.commit().unwrap();
    }
    drop(store);
    files.damage("0000000001.log", |bytes| bytes[places[1] + 30] ^= 1);
    let Err(StoreError::Backend(problem)) = Journal::open_with(files, 1 << 20) else { panic!("opened") };
    let text = format!("the file 0000000001.log is damaged at byte {}", places[1]);
    assert_eq!(problem.to_string(), text);
}
