//! Bytes on the disk that are not what was written: a typed error, or a torn end that is cut, and never anything else.

use kith_home::store::memory::Memory;
use kith_home::store::{Health, Outgoing, OutgoingKey, Store, StoreError, Txn, Upkeep};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, BlobId, RelayId, ServerKey};
use kith_wire::time::{Hour, Timestamp};
use proptest::prelude::*;

use super::super::bytes::Reader;
use super::super::files::simulated::{Simulated, Trouble};
use super::super::files::{Files, LogFile};
use super::super::names::{self, Name};
use super::super::op::Op;
use super::super::record::{CHECKSUM, Kind, RECORD_HEAD, RecordHead, SEGMENT_HEAD, SegmentHead, open_payload};
use super::super::scan::{Loaded, Scan, read_head};
use super::super::secrets::Secrets;
use super::super::tables::Place;
use super::super::{Head, Journal, JournalError};
use super::world::{Passing, SEGMENT_BYTES, Seen, Step, World, assert_same, history, remove_all, see, see_store};

/// Runs a history and returns the files, and all that could be seen before the last commit and after it.
fn run(history: &[Step]) -> (Simulated, [Seen; 2], Memory) {
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
    (files, [before, after], world.model)
}

/// What may be seen of a store after something was done to its files.
struct Allowed<'a> {
    /// Whether the store may refuse to open.
    may_refuse: bool,
    /// Whether the last commit may be gone, as one that was never answered.
    may_be_cut: bool,
    /// The one row whose content is lost.
    lost: Option<Passing>,
    states: &'a [Seen; 2],
}

/// Opens what is left and checks that it is exactly what is allowed. Returns whether it opened.
fn check(files: &Simulated, allowed: &Allowed<'_>) -> bool {
    let [before, after] = allowed.states;
    let mut expected = after.clone();
    allowed.lost.iter().for_each(|name| drop(expected.content.remove(name)));
    let seen = Journal::open_with(files.clone(), SEGMENT_BYTES).and_then(|mut store| see(&store.begin()?));
    match seen {
        Ok(seen) if allowed.may_be_cut && seen == *before => true,
        Ok(seen) => {
            assert_same(&seen, &expected);
            true
        }
        Err(StoreError::Backend(problem)) if allowed.may_refuse => {
            let problem: &JournalError = problem.downcast_ref().unwrap();
            assert!(matches!(problem, JournalError::Damaged { .. } | JournalError::Missing { .. }), "{problem:?}");
            false
        }
        // A flipped bit can make a version of ours look like a later one.
        Err(StoreError::NewerSchema { .. } | StoreError::Damaged { table: "queues" }) if allowed.may_refuse => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// Returns the row whose content lies at a byte of a segment, if it is needed.
fn row_at(store: &Journal<Simulated>, segment: u32, byte: usize) -> Option<Passing> {
    let holds = |place: &Place| {
        let (start, length) = (place.offset as usize, place.length as usize);
        place.segment == segment && (start..start + CHECKSUM + length).contains(&byte)
    };
    let tables = &store.tables;
    let queues = tables.queues.readers_after(None, 999).into_iter().find_map(|reader| {
        let row = tables.queues.row(tables.queues.by_reader(&reader)?)?;
        row.entries_from(0).find(|entry| holds(&entry.place)).map(|entry| Passing::Entry(reader, entry.seq))
    });
    let mut outgoing = tables.outgoing.rows().iter().filter(|(_, row)| holds(&row.value.place));
    let mut returned = tables.returned.rows().iter().filter(|(_, row)| holds(&row.value.place));
    let mut chunks = tables.chunks.rows().iter().filter(|(_, row)| holds(&row.value));
    queues
        .or_else(|| outgoing.next().map(|(key, _)| Passing::Outgoing(*key)))
        .or_else(|| returned.next().map(|(key, _)| Passing::Returned(*key)))
        .or_else(|| chunks.next().map(|((id, number), _)| Passing::Chunk(*id, *number)))
}

/// Returns where the last record begins that was committed.
fn last_record(store: &Journal<Simulated>) -> usize {
    let Head { salt, length, .. } = store.head;
    let mut scan = Scan::new(&store.head.file, Kind::Segment, salt, length);
    let mut last = 0;
    while let Some(record) = scan.next().unwrap() {
        last = record.origin;
    }
    usize::try_from(last).unwrap()
}

/// Returns the bytes of a segment in which lie contents, needed or not.
fn contents(files: &Simulated, segment: u32) -> Vec<std::ops::Range<usize>> {
    let file = files.open(&names::segment(segment)).unwrap();
    let Some(head) = read_head(&file, Kind::Segment) else { return Vec::new() };
    let end = file.length().unwrap();
    let mut scan = Scan::new(&file, Kind::Segment, head.salt, end);
    let mut found = Vec::new();
    while let Ok(Some(record)) = scan.next() {
        for (op, at) in record.placed() {
            let length = op.payload_length().map(|length| CHECKSUM + length as usize);
            found.extend(length.map(|length| at as usize..at as usize + length));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_anywhere_is_an_error_or_a_cut_end_or_costs_the_one_row_it_hits(
        history in history(16), bit in 0_u8..8,
    ) {
        let (files, states, model) = run(&history);
        let whole = Journal::read_in(files.copy()).unwrap();
        let last = last_record(&whole);
        for (name, length) in files.lengths() {
            let segment = Name::parse(&name).and_then(Name::segment);
            let passing = segment.map_or_else(Vec::new, |segment| contents(&files, segment));
            for at in (0..length).filter(|at| !name.starts_with("keys") || *at < 600) {
                let damaged = files.copy();
                damaged.damage(&name, |bytes| bytes[at] ^= 1 << bit);
                let may_be_cut = segment == Some(whole.head.segment) && at >= last;
                let is_content = passing.iter().any(|content| content.contains(&at));
                let lost = segment.filter(|_| !may_be_cut).and_then(|segment| row_at(&whole, segment, at));
                // A commit that is cut may have been the one after which a segment was not needed any more.
                let may_refuse = !is_content || may_be_cut;
                let is_open = check(&damaged, &Allowed { may_refuse, may_be_cut, lost, states: &states });
                if is_open && lost.is_some() {
                    outlives_loss(&damaged, model.clone());
                }
            }
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_or_a_cut_end(history in history(16)) {
        let (files, states, _) = run(&history);
        let allowed = Allowed { may_refuse: true, may_be_cut: true, lost: None, states: &states };
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
                    check(&damaged, &allowed);
                }
            }
            let damaged = files.copy();
            damaged.remove(&name).unwrap();
            if name != newest {
                check(&damaged, &allowed);
            }
        }
    }

    #[test]
    fn summaries_are_only_for_speed(history in history(60)) {
        let (files, states, _) = run(&history);
        for name in files.lengths().into_keys().filter(|name| name.ends_with(".sum")) {
            files.damage(&name, |bytes| bytes.truncate(bytes.len() - 1));
        }
        let mut store = Journal::open_with(files, SEGMENT_BYTES).unwrap();
        assert_same(&see_store(&mut store), &states[1]);
    }
}

/// Checks that a row whose content is lost does not stand in the way of anything: not of the end of its own time, nor of cleaning.
fn outlives_loss(files: &Simulated, mut model: Memory) {
    let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
    see_store(&mut store);
    assert_eq!(store.health(), Health { damaged_rows: 1, upkeep: Upkeep::Works });
    for _ in 0..20 {
        let mut txn = store.begin().unwrap();
        txn.shrink(16).unwrap();
        txn.commit().unwrap();
    }
    see_store(&mut store);
    assert_eq!(store.health().damaged_rows, 1, "it is counted once, wherever it lies");
    drop(store);
    let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
    remove_all(&mut store);
    remove_all(&mut model);
    assert_same(&see_store(&mut store), &see_store(&mut model));
    drop(store);
    let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
    assert_same(&see_store(&mut store), &see_store(&mut model));
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
    let magic_format_segment_salt = "6b6974682d6c6f670300000007000000".to_owned() + "0807060504030201";
    let encoded = data_encoding::HEXLOWER.encode(&head.encode(Kind::Segment));
    assert_eq!(encoded, magic_format_segment_salt + "29180d98");
    let mut ops = Vec::new();
    Op::SegmentGone { segment: 5 }.encode(&mut ops);
    assert_eq!(data_encoding::HEXLOWER.encode(&ops), "0405000000");
    let record = RecordHead::new(0, &ops, 9, 77, head.salt).encode();
    // payload length, operations length, number, what is certain, checksum of these, checksum of that and the operations
    assert_eq!(
        data_encoding::HEXLOWER.encode(&record),
        "00000000".to_owned() + "05000000" + "0900000000000000" + "4d000000" + "af1741a8" + "03f75790"
    );
}

#[test]
fn what_others_sent_us_never_looks_like_the_records_behind_a_torn_one() {
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let (reader, row) = super::queue(1);
    let mut txn = store.begin().unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.commit().unwrap();
    // A frame that is a record with a good number, made by somebody who does not know the salt.
    let mut ops = Vec::new();
    Op::Touch.encode(&mut ops);
    let forged: Vec<u8> =
        (0..20).flat_map(|n| [&RecordHead::new(0, &ops, n, 9999, 0).encode()[..], &ops].concat()).collect();
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

#[test]
fn a_store_of_another_format_is_refused_by_name() {
    let files = Simulated::default();
    drop(Journal::open_with(files.clone(), 1 << 20).unwrap());
    files.damage("0000000001.log", |bytes| {
        bytes[8] = 1;
        let crc = crc32c::crc32c(&bytes[..SEGMENT_HEAD - CHECKSUM]);
        bytes[SEGMENT_HEAD - CHECKSUM..SEGMENT_HEAD].copy_from_slice(&crc.to_le_bytes());
    });
    let Err(StoreError::Backend(problem)) = Journal::open_with(files, 1 << 20) else { panic!("opened") };
    assert_eq!(problem.to_string(), "the file 0000000001.log has format 1, and this release reads format 3 only");
}

#[test]
fn the_search_behind_a_torn_end_does_the_same_work_at_each_byte_whatever_the_bytes_are() {
    const SALT: u64 = 7;
    let segment = SegmentHead { segment: 1, salt: SALT }.encode(Kind::Segment);
    let steps = |tail: &[u8]| {
        let bytes = Loaded([segment.as_slice(), tail].concat());
        let scan = Scan::new(&bytes, Kind::Segment, SALT, bytes.0.len() as u64);
        let search = scan.search_behind().unwrap();
        assert_eq!(search.certain, 0);
        search.n_looked_at
    };
    // At every byte something that could be the head of a record with operations up to the end.
    let mut hostile = Vec::new();
    for n in 0..40_000_u32 {
        hostile.extend_from_slice(&[0, 0, 0, 0, (n % 200) as u8, 0, 0, 0, (n % 250) as u8, 0, 0, 0, 0, 0, 0, 0]);
    }
    let quiet = vec![0xff; hostile.len()];
    assert_eq!(steps(&hostile), steps(&quiet));
    assert!(steps(&hostile) <= hostile.len() as u64 * RECORD_HEAD as u64);
    assert_eq!(
        steps(&hostile[..hostile.len() / 2]) / 1000,
        steps(&hostile) / 2000,
        "twice as many bytes, twice the work"
    );
}

#[test]
fn a_frame_that_is_lost_before_a_torn_end_does_not_take_its_commit_along() {
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let (reader, row) = super::queue(1);
    let mut txn = store.begin().unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.insert_entry(&reader, 1, &super::entry(1)).unwrap();
    txn.insert_entry(&reader, 2, &super::entry(2)).unwrap();
    txn.commit().unwrap();
    let length = usize::try_from(store.head.length).unwrap();
    let mut txn = store.begin().unwrap();
    txn.insert_entry(&reader, 3, &super::entry(3)).unwrap();
    txn.commit().unwrap();
    drop(store);
    files.damage("0000000001.log", |bytes| {
        let at = bytes.windows(64).position(|window| window == [1; 64]).unwrap();
        bytes[at] ^= 1;
        // The next commit was on its way when the power failed, and says that this one was durable.
        bytes[length + RECORD_HEAD + 99..].fill(0);
    });
    for _ in 0..3 {
        let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
        let entries = store.begin().unwrap().entries(&reader, 0, 9).unwrap();
        assert_eq!(entries, [(2, super::entry(2))]);
        // Wherever the next start stops.
        let n_calls = files.n_calls();
        drop(Journal::open_with(files.copy(), 1 << 20).unwrap());
        for first in n_calls..n_calls + 40 {
            let files = files.copy();
            let trouble = Trouble { first, n_calls: 99, kind: std::io::ErrorKind::Other, leaves_half: true };
            files.set_trouble(Some(trouble));
            drop(Journal::open_with(files.clone(), 1 << 20));
            for luck in 0..4 {
                let mut store = Journal::open_with(files.after_power_cut(luck), 1 << 20).unwrap();
                assert_eq!(store.begin().unwrap().entries(&reader, 0, 9).unwrap(), entries);
            }
        }
    }
}

#[test]
fn a_chunk_and_a_relay_that_were_lost_can_be_given_again() {
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let id = BlobId([1; 24]);
    let key = OutgoingKey { account: AccountKey([1; 32]), relay: RelayId([1; 16]) };
    let to = ServerAddress { url: ServerUrl::parse("https://b.example").unwrap(), key: ServerKey([1; 32]) };
    let (accepted, next_attempt) = (Hour(1), Timestamp(1));
    let outgoing = Outgoing { to, sealed: vec![0xee; 100], accepted, next_attempt, attempts: 0 };
    let mut txn = store.begin().unwrap();
    txn.insert_chunk(&id, 0, &[0xcc; 100]).unwrap();
    txn.put_outgoing(&key, &outgoing).unwrap();
    txn.commit().unwrap();
    store.begin().unwrap().insert_chunk(&id, 0, &[1]).unwrap_err();
    let mut txn = store.begin().unwrap();
    txn.touch().unwrap();
    txn.commit().unwrap();
    drop(store);
    files.damage("0000000001.log", |bytes| {
        for lost in [0xcc, 0xee] {
            let at = bytes.windows(100).position(|window| window == [lost; 100]).unwrap();
            bytes[at] ^= 1;
        }
    });
    for _ in 0..2 {
        let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
        let txn = store.begin().unwrap();
        assert!(txn.lost_chunks(&id).unwrap().is_empty(), "nobody has met it yet");
        assert_eq!(txn.chunk(&id, 0).unwrap(), None);
        assert_eq!(txn.lost_chunks(&id).unwrap(), [0]);
        assert_eq!(txn.outgoing(&key).unwrap(), Some(Outgoing { sealed: Vec::new(), ..outgoing.clone() }));
        assert_eq!(txn.n_lost(), 2);
        drop(txn);
        // What was not committed changes nothing.
        let mut txn = store.begin().unwrap();
        txn.insert_chunk(&id, 0, &[0xcc; 100]).unwrap();
        txn.put_outgoing(&key, &outgoing).unwrap();
        assert_eq!(txn.chunk(&id, 0).unwrap(), Some(vec![0xcc; 100]));
        assert!(txn.lost_chunks(&id).unwrap().is_empty());
    }
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    let mut txn = store.begin().unwrap();
    assert_eq!((txn.chunk(&id, 0).unwrap(), txn.outgoing(&key).unwrap().unwrap().sealed), (None, Vec::new()));
    txn.insert_chunk(&id, 0, &[0xcc; 100]).unwrap();
    txn.put_outgoing(&key, &outgoing).unwrap();
    txn.commit().unwrap();
    drop(store);
    let mut store = Journal::open_with(files, 1 << 20).unwrap();
    let txn = store.begin().unwrap();
    assert_eq!((txn.chunk(&id, 0).unwrap(), txn.outgoing(&key).unwrap()), (Some(vec![0xcc; 100]), Some(outgoing)));
}
