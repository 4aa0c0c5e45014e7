//! Queues, as their reader sees them.

use super::*;
use crate::Quotas;

fn create(lookup: &LookupSecret, send: &SendCapability) -> Operation {
    Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(send) }
}

#[test]
fn kh_10_absent_and_foreign_queues_look_alike() {
    let mut world = World::new();
    let (device, thief) = (world.device(), world.device());
    world.send(&device, 1);
    let absent = ReaderId([9; 24]);
    let operations = |reader_id| {
        [
            Operation::Fetch { reader_id, after: EntryId(0), limit: 4 },
            Operation::Ack { reader_id, entries: vec![long(1)] },
            Operation::QueueRotate { reader_id, verifier: send_verifier(&thief.send) },
            Operation::QueueDelete { reader_id },
        ]
    };
    for (absent, foreign) in operations(absent).into_iter().zip(operations(device.reader)) {
        let said = world.ask_as_reader(&thief.lookup, absent);
        assert_eq!(said, world.ask_as_reader(&thief.lookup, foreign));
    }
    assert_eq!(world.fetch(&device).0, [(1, 1)]);
    world.send(&device, 2);
    assert_eq!(world.fetch(&device).0.len(), 2);
}

#[test]
fn kh_13_creating_a_queue_again_gives_the_same_names() {
    let mut world = World::new();
    let device = world.device();
    let again = world.ask_as_both(&device.account, &device.lookup, create(&device.lookup, &device.send));
    assert_eq!(again, Answer::Queue { reader_id: device.reader, sender_id: device.sender });
    let other = new_send(&mut world.rng);
    let changed = world.ask_as_both(&device.account, &device.lookup, create(&device.lookup, &other));
    assert_eq!(changed, refused(Refusal::Invalid));
    let stranger = world.account();
    let taken = world.ask_as_both(&stranger, &device.lookup, create(&device.lookup, &device.send));
    assert_eq!(taken, refused(Refusal::Invalid));
    let not_mine = LookupSecret::generate(&mut world.rng);
    let unproven = world.ask_as_both(&device.account, &device.lookup, create(&not_mine, &device.send));
    assert_eq!(unproven, refused(Refusal::NotAuthorised));
    assert_eq!(world.counts().queues, 1);
}

#[test]
fn kh_13_queues_count_against_the_quota_until_they_are_deleted() {
    let mut world = World::with(Config { quotas: Quotas { queues: 1, ..Quotas::default() }, ..config() });
    let device = world.device();
    let second = LookupSecret::generate(&mut world.rng);
    let full = world.ask_as_both(&device.account, &second, create(&second, &device.send));
    assert_eq!(full, refused(Refusal::QuotaExceeded));
    let delete = Operation::QueueDelete { reader_id: device.reader };
    assert_eq!(world.ask_as_reader(&device.lookup, delete.clone()), Answer::Accepted);
    assert_eq!(world.ask_as_reader(&device.lookup, delete), Answer::Accepted);
    let created = world.ask_as_both(&device.account, &second, create(&second, &device.send));
    assert!(matches!(created, Answer::Queue { .. }));
}

#[test]
fn kh_14_a_rotated_capability_replaces_the_old_one() {
    let mut world = World::new();
    let mut device = world.device();
    world.send(&device, 1);
    let new = new_send(&mut world.rng);
    let rotate = Operation::QueueRotate { reader_id: device.reader, verifier: send_verifier(&new) };
    assert_eq!(world.ask_as_reader(&device.lookup, rotate), Answer::Accepted);
    world.send(&device, 2);
    device.send = new;
    world.send(&device, 3);
    assert_eq!(world.fetch(&device).0, [(1, 1), (2, 3)]);
}

#[test]
fn kh_15_fetching_removes_nothing_and_comes_in_order() {
    let mut world = World::new();
    let device = world.device();
    for byte in 0..20 {
        world.send(&device, byte);
    }
    let mut fetch = |after, limit| {
        let operation = Operation::Fetch { reader_id: device.reader, after: long(after), limit };
        match world.ask_as_reader(&device.lookup, operation) {
            Answer::Frames { entries, more, .. } => {
                (entries.iter().map(|entry| short(entry.entry)).collect::<Vec<_>>(), more)
            }
            answer => panic!("{answer:?}"),
        }
    };
    assert_eq!(fetch(0, u16::MAX), ((1..=16).collect(), true));
    assert_eq!(fetch(16, 4), ((17..=20).collect(), false));
    assert_eq!(fetch(16, 3), ((17..=19).collect(), true));
    assert_eq!(fetch(0, 0), (vec![], true));
    assert_eq!(fetch(u64::MAX, 16), (vec![], false));
    assert_eq!(fetch(0, 1), (vec![1], true));
}

#[test]
fn kh_16_an_ack_deletes_and_unknown_numbers_succeed() {
    let mut world = World::new();
    let device = world.device();
    for byte in 1..4 {
        world.send(&device, byte);
    }
    assert_eq!(world.ack(&device, &[2, 77, 0, u64::MAX]), Answer::Accepted);
    assert_eq!(world.ack(&device, &[2]), Answer::Accepted);
    assert_eq!(world.fetch(&device).0, [(1, 1), (3, 3)]);
    assert_eq!(world.ack(&device, &[1; 1025]), refused(Refusal::Invalid));
    assert_eq!(world.ack(&device, &[1, 3]), Answer::Accepted);
    world.send(&device, 9);
    world.send(&device, 10);
    assert_eq!(world.fetch(&device).0, [(4, 9), (5, 10)], "numbers never start again");
}

#[test]
fn kh_17_a_full_queue_drops_the_newest_and_tells_its_reader() {
    let mut world = World::with(Config { quotas: Quotas { queue_frames: 2, ..Quotas::default() }, ..config() });
    let device = world.device();
    for byte in 1..=2 {
        world.send(&device, byte);
    }
    let (_, overflowed) = world.fetch(&device);
    assert!(!overflowed);
    let third = world.deposit_to(&device, 3);
    assert_eq!(world.deposit(third.clone()), Answer::Accepted);
    assert_eq!(world.fetch(&device), (vec![(1, 1), (2, 2)], true));
    assert!(world.fetch(&device).1, "told until acknowledged");
    assert_eq!(world.ack(&device, &[1]), Answer::Accepted);
    assert_eq!(world.fetch(&device), (vec![(2, 2)], false));
    assert_eq!(world.deposit(third), Answer::Accepted, "a dropped deposit is not remembered");
    assert_eq!(world.fetch(&device), (vec![(2, 2), (3, 3)], false));
}
