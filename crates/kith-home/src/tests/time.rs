//! What time alone brings about.

use super::*;

#[test]
fn kh_38_a_frame_nobody_fetched_is_kept_for_twenty_one_days() {
    let mut world = World::new();
    let device = world.device();
    world.send(&device, 1);
    world.pass(3600);
    world.send(&device, 2);
    world.now = START.hour().start().plus_seconds(21 * 86_400 + 3599);
    world.tick();
    assert_eq!(world.fetch(&device).0.len(), 2);
    world.pass(61);
    world.tick();
    assert_eq!(world.fetch(&device).0, [(2, 2)]);
    let txn = world.store.begin().unwrap();
    assert_eq!(txn.queue(&device.reader).unwrap().unwrap().length, 1);
}

#[test]
fn kh_38_much_that_expires_at_once_is_removed_in_pieces() {
    let mut world = World::new();
    let device = world.device();
    for _ in 0..3 {
        let mut inputs = Vec::new();
        for _ in 0..400 {
            let operation = Operation::Deposit(world.deposit_to(&device, 1));
            let (sealed, _) = world.seal(&Request { operation, signatures: Vec::new() });
            inputs.push(Input::OneShot { ticket: Ticket(0), sealed });
        }
        world.batch(inputs);
    }
    world.pass(22 * 86_400);
    let mut left = vec![world.counts().entries];
    while *left.last().unwrap() > 0 {
        world.pass(1);
        world.tick();
        left.push(world.counts().entries);
    }
    assert_eq!(left, [1200, 700, 200, 0]);
    assert_eq!(world.counts().dedup, 0);
}

#[test]
fn kh_38_arrival_is_stored_by_the_hour() {
    let mut world = World::new();
    let device = world.device();
    world.pass(1234);
    world.send(&device, 1);
    let hour = world.now.hour();
    let txn = world.store.begin().unwrap();
    let entries = txn.entries(&device.reader, 0, 9).unwrap();
    assert_eq!(entries[0].1.arrived, hour);
}

#[test]
fn the_clock_is_told_to_anybody() {
    let mut world = World::new();
    assert_eq!(world.ask(Operation::Clock, Vec::new()), Answer::Clock { time: START.seconds() });
}
