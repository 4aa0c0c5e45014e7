//! Room is given back in time, little by little, and nothing that is needed goes with it.

use kith_home::store::{Entry, Health, Invite, Queue, Store, Txn, Upkeep};
use kith_wire::id::{DedupId, Hash, ReaderId, SenderId};
use kith_wire::time::{Hour, Timestamp};

use super::super::Journal;
use super::super::files::simulated::Simulated;
use super::queue;

const SEGMENT_BYTES: u64 = 64 << 10;

fn frame(text: &str) -> Vec<u8> {
    let mut frame = text.as_bytes().to_vec();
    frame.resize(4096, 0);
    frame
}

fn store_with_queues(files: &Simulated) -> (Journal<Simulated>, [ReaderId; 2]) {
    let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
    let mut txn = store.begin().unwrap();
    let readers = [1, 2].map(|n| {
        let (reader, row) = queue(n);
        txn.insert_queue(&reader, &row).unwrap();
        reader
    });
    txn.commit().unwrap();
    (store, readers)
}

fn deposit(store: &mut Journal<Simulated>, reader: &ReaderId, seq: u64, text: &str) {
    let mut txn = store.begin().unwrap();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&seq.to_le_bytes());
    txn.purge_dedup(Hour(u32::try_from(seq / 100).unwrap()), 2).unwrap();
    txn.insert_dedup(&SenderId(reader.0), &DedupId(id), Hour(u32::try_from(seq / 100).unwrap() + 4)).unwrap();
    txn.insert_entry(reader, seq, &Entry { arrived: Hour(1), frame: frame(text) }).unwrap();
    txn.commit().unwrap();
}

fn acknowledge(store: &mut Journal<Simulated>, reader: &ReaderId, seq: u64) {
    let mut txn = store.begin().unwrap();
    assert!(txn.remove_entry(reader, seq).unwrap());
    txn.commit().unwrap();
}

/// One round of housekeeping.
fn tick(store: &mut Journal<Simulated>, hour: u32) {
    let mut txn = store.begin().unwrap();
    txn.purge_dedup(Hour(hour), 500).unwrap();
    txn.shrink(16).unwrap();
    txn.commit().unwrap();
}

#[test]
fn the_log_stays_below_twice_what_is_needed_and_no_commit_cleans_much() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    for seq in 1..=200 {
        deposit(&mut store, &kept, seq, "kept");
        // Those that pass lie among those that are kept.
        deposit(&mut store, &passing, seq, "passing");
    }
    (1..=200).for_each(|seq| acknowledge(&mut store, &passing, seq));
    let live = 200 * 4200;
    for seq in 201..3000 {
        let before = store.head.length;
        deposit(&mut store, &passing, seq, "passing");
        let grown = store.head.length.saturating_sub(before);
        assert!(grown < 3 * 4300 + (64 << 10) + 4200, "{grown}");
        acknowledge(&mut store, &passing, seq);
        assert!(files.total() < 2 * live + 7 * SEGMENT_BYTES, "{} at {seq}", files.total());
    }
    let mut store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
    let txn = store.begin().unwrap();
    let entries = txn.entries(&kept, 0, 999).unwrap();
    assert_eq!(entries.len(), 200);
    assert!(entries.iter().all(|(_, entry)| entry.frame == frame("kept")));
}

#[test]
fn what_was_read_leaves_an_idle_disk_within_a_day() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    for seq in 1..=60 {
        deposit(&mut store, &kept, seq, "kept");
    }
    deposit(&mut store, &passing, 61, "secret of the two of us");
    for seq in 61..=90 {
        deposit(&mut store, &kept, seq, "kept");
    }
    tick(&mut store, 10);
    acknowledge(&mut store, &passing, 61);
    tick(&mut store, 10);
    assert!(files.holds(b"secret of the two of us"));
    (11..36).for_each(|hour| (0..4).for_each(|_| tick(&mut store, hour)));
    assert!(!files.holds(b"secret of the two of us"));
    assert_eq!(store.begin().unwrap().entries(&kept, 0, 99).unwrap().len(), 90);
}

#[test]
fn an_idle_server_comes_to_rest() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    for seq in 1..=100 {
        deposit(&mut store, &kept, seq, "kept");
        deposit(&mut store, &passing, seq, "passing");
        acknowledge(&mut store, &passing, seq);
    }
    (0..200).for_each(|_| tick(&mut store, 3));
    let calls = files.n_calls();
    (0..50).for_each(|_| tick(&mut store, 3));
    assert_eq!(files.n_calls(), calls, "nothing is written when nothing happens");
}

/// Does nothing of meaning until the segment that grows now is sealed and gone.
fn outlive_segment(store: &mut Journal<Simulated>) {
    let segment = store.head.segment;
    for _ in 0..400 {
        let mut txn = store.begin().unwrap();
        (0..40).for_each(|n| txn.put_invite(&Hash([9; 32]), &invite(n)).unwrap());
        txn.shrink(16).unwrap();
        txn.commit().unwrap();
        if store.head.segment > segment && !store.sealed.contains_key(&segment) {
            return;
        }
    }
    panic!("segment {segment} is still there");
}

fn invite(uses_left: u32) -> Invite {
    Invite { uses_left, expires: Timestamp(u64::MAX) }
}

#[test]
fn what_was_removed_made_again_and_removed_stays_away_while_its_first_version_is_on_the_disk() {
    let files = Simulated::default();
    let mut store = Journal::open_with(files.clone(), 8 << 10).unwrap();
    let (code, (reader, row)) = (Hash([8; 32]), queue(8));
    let mut txn = store.begin().unwrap();
    // What keeps the first segment from being emptied.
    (0..150).for_each(|n| txn.put_invite(&Hash([n + 20; 32]), &invite(1)).unwrap());
    txn.put_invite(&code, &invite(1)).unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.commit().unwrap();
    let mut txn = store.begin().unwrap();
    (0..50).for_each(|n| txn.put_invite(&Hash([9; 32]), &invite(n)).unwrap());
    txn.commit().unwrap();
    // A second version, its removal, and a newer row lie in one segment. That one is emptied.
    let mut txn = store.begin().unwrap();
    assert!(txn.segment() > 1);
    txn.put_invite(&code, &invite(2)).unwrap();
    txn.update_queue(&reader, &Queue { next_seq: 7, ..row.clone() }).unwrap();
    txn.remove_invite(&code).unwrap();
    txn.remove_queue(&reader).unwrap();
    txn.put_invite(&code, &invite(3)).unwrap();
    txn.insert_queue(&reader, &row).unwrap();
    txn.commit().unwrap();
    outlive_segment(&mut store);
    let mut txn = store.begin().unwrap();
    txn.remove_invite(&code).unwrap();
    txn.remove_queue(&reader).unwrap();
    txn.commit().unwrap();
    for _ in 0..3 {
        outlive_segment(&mut store);
    }
    assert!(store.sealed.contains_key(&1), "the first versions are still on the disk");
    let mut store = Journal::open_with(files, 8 << 10).unwrap();
    let txn = store.begin().unwrap();
    assert_eq!(txn.invite(&code).unwrap(), None);
    assert_eq!(txn.queue(&reader).unwrap(), None);
    assert_eq!(txn.counts().unwrap().queues, 0);
}

#[test]
fn a_segment_that_was_being_emptied_is_finished_first_after_a_restart() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    store.upkeep.segment_bytes = 1 << 20;
    for seq in 1..=100 {
        deposit(&mut store, &kept, seq, "kept");
        deposit(&mut store, &passing, 2 * seq, "passing");
        deposit(&mut store, &passing, 2 * seq + 1, "passing");
    }
    (2..=201).for_each(|seq| acknowledge(&mut store, &passing, seq));
    (0..2).for_each(|_| tick(&mut store, 1));
    assert_eq!(store.cleaning.map(|cursor| cursor.segment), Some(1));
    drop(store);
    let mut store = Journal::open_with(files.clone(), 1 << 20).unwrap();
    assert_eq!(store.cleaning.map(|cursor| cursor.segment), Some(1));
    // These have been moved already: their stale copies lie in the segment that is not finished.
    (1..=5).for_each(|seq| acknowledge(&mut store, &kept, seq));
    (0..40).for_each(|_| tick(&mut store, 1));
    assert!(!store.sealed.contains_key(&1));
    let mut store = Journal::open_with(files, 1 << 20).unwrap();
    let left: Vec<u64> = store.begin().unwrap().entries(&kept, 0, 999).unwrap().iter().map(|(seq, _)| *seq).collect();
    assert_eq!(left, (6..=100).collect::<Vec<_>>());
}

#[test]
fn a_damaged_frame_is_moved_as_it_is_and_left_out_there_too() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    deposit(&mut store, &kept, 1, "will be damaged");
    deposit(&mut store, &kept, 2, "kept");
    for seq in 1..200 {
        deposit(&mut store, &passing, seq, "passing");
        acknowledge(&mut store, &passing, seq);
        if seq == 40 {
            drop(store);
            for name in files.lengths().into_keys().filter(|name| name.ends_with(".log")) {
                files.damage(&name, |bytes| {
                    let found = bytes.windows(4).position(|window| window == b"will");
                    found.into_iter().for_each(|at| bytes[at] = b'W');
                });
            }
            store = Journal::open_with(files.clone(), SEGMENT_BYTES).unwrap();
        }
    }
    (0..50).for_each(|_| tick(&mut store, 3));
    assert!(!files.lengths().contains_key("0000000001.log"), "it was moved");
    let txn = store.begin().unwrap();
    let left = txn.entries(&kept, 0, 1).unwrap();
    assert_eq!(left.iter().map(|(seq, entry)| (*seq, entry.frame.clone())).collect::<Vec<_>>(), [(2, frame("kept"))]);
    assert_eq!(txn.n_lost(), 1);
    drop(txn);
    assert_eq!(store.health().damaged_rows, 1);
}

#[test]
fn a_segment_that_cannot_be_emptied_is_kept_and_the_store_says_that_it_only_grows() {
    let files = Simulated::default();
    let (mut store, [kept, passing]) = store_with_queues(&files);
    for seq in 1..=60 {
        deposit(&mut store, &kept, seq, "kept");
        deposit(&mut store, &passing, seq, "passing");
    }
    assert!(store.head.segment > 2);
    assert_eq!(store.health(), Health::default());
    // Behind the roster of the first segment, where nobody looks while there is a summary.
    files.damage("0000000001.log", |bytes| bytes[90] ^= 1);
    (1..=60).for_each(|seq| acknowledge(&mut store, &passing, seq));
    (3..40).for_each(|hour| tick(&mut store, hour));
    assert_eq!(store.health().upkeep, Upkeep::Stopped);
    assert!(files.lengths().contains_key("0000000001.log"), "what cannot be read stays as it is");
    deposit(&mut store, &passing, 61, "and all else goes on");
    drop(store);
    let mut store = Journal::open_with(files, SEGMENT_BYTES).unwrap();
    assert_eq!(store.begin().unwrap().entries(&kept, 0, 99).unwrap().len(), 60);
    (3..40).for_each(|hour| tick(&mut store, hour));
    assert_eq!(store.health().upkeep, Upkeep::Stopped);
}
