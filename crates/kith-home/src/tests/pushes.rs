//! Frames that are pushed before they are durable.

use super::*;

/// A deposit of `byte`.
fn deposit(world: &mut World, device: &Device, byte: u8) -> Input {
    let operation = Operation::Deposit(world.deposit_to(device, byte));
    let (sealed, _) = world.seal(&Request { operation, signatures: Vec::new() });
    Input::OneShot { ticket: Ticket(7), sealed }
}

/// Handles inputs without a commit and returns what leaves early.
fn lost(world: &mut World, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    for input in inputs {
        batch = batch.handle(input).unwrap();
    }
    batch.pushes().unwrap()
}

#[test]
fn kh_4_a_frame_is_pushed_before_the_commit_and_its_deposit_answered_after() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let input = deposit(&mut world, &device, 5);
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap().handle(input).unwrap();
    let early = batch.pushes().unwrap();
    assert_eq!(pushes(&line.events(&early)), [(1, 5)]);
    assert_eq!(early.len(), 1);
    let late = batch.commit().unwrap();
    assert!(matches!(late.as_slice(), [Output::Reply { .. }]), "{late:?}");
}

#[test]
fn kh_4_a_push_overtakes_an_answer_of_the_same_batch() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let inputs =
        [Input::Live { connection: line.id, message: line.record(Operation::Clock) }, deposit(&mut world, &device, 5)];
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    for input in inputs {
        batch = batch.handle(input).unwrap();
    }
    assert_eq!(pushes(&line.events(&batch.pushes().unwrap())), [(1, 5)]);
    let outputs = batch.commit().unwrap();
    assert!(matches!(line.events(&outputs).as_slice(), [LiveEvent::Answer { .. }]));
}

#[test]
fn kh_15_the_number_of_a_push_that_was_lost_is_given_to_no_other_frame() {
    for restarts in [false, true] {
        let mut world = World::new();
        let device = world.device();
        let (mut line, _) = world.listen(&device, 8);
        let input = deposit(&mut world, &device, 5);
        let early = lost(&mut world, [input]);
        assert_eq!(pushes(&line.events(&early)), [(1, 5)]);
        if restarts {
            world = world.restarted();
        }
        world.send(&device, 6);
        // The reader acknowledges what it was pushed, late: that removes nothing.
        assert_eq!(world.ack(&device, &[1]), Answer::Accepted);
        let (frames, _) = world.fetch(&device);
        assert!(matches!(frames.as_slice(), [(number, 6)] if *number > 1), "{frames:?}");
    }
}

#[test]
fn kh_15_a_server_that_goes_on_from_a_backup_gives_no_number_again() {
    let mut world = World::new();
    let device = world.device();
    let backup = world.store.clone();
    world.pass(1);
    let mut world = world.restarted();
    world.send(&device, 1);
    let given = world.fetch(&device).0;
    world.store = backup;
    world.pass(1);
    let mut world = world.restarted();
    world.send(&device, 2);
    assert!(world.fetch(&device).0[0].0 > given[0].0);
}

#[test]
fn kh_4_nothing_is_pushed_early_in_the_first_batch_after_one_that_was_lost() {
    let mut world = World::new();
    let device = world.device();
    lost(&mut world, []);
    // All in one batch: a connection, its proof, and a frame for it.
    let (key, epoch) = (world.key(), world.epoch());
    let opening = ClientOpening::new(&key, &epoch, &mut world.rng).unwrap();
    let connection = ConnectionId(world.fresh());
    let inputs = [Input::Live { connection, message: opening.bytes.clone() }, deposit(&mut world, &device, 5)];
    assert_eq!(lost(&mut world, inputs), []);
    world.tick();
    // The numbers of the lost batch were not sure; those of the next one are, and above them.
    let (mut line, _) = world.listen(&device, 8);
    let input = deposit(&mut world, &device, 6);
    let early = lost(&mut world, [input]);
    assert_eq!(pushes(&line.events(&early)).len(), 1);
}

/// Stages a batch.
fn stage(world: &mut World, inputs: impl IntoIterator<Item = Input>) {
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    for input in inputs {
        batch = batch.handle(input).unwrap();
    }
    batch.stage().unwrap();
}

#[test]
fn kh_4_a_push_overtakes_an_answer_that_waits_for_an_earlier_commit() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let asked = Input::Live { connection: line.id, message: line.record(Operation::Clock) };
    stage(&mut world, [asked]);
    let input = deposit(&mut world, &device, 5);
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap().handle(input).unwrap();
    let early = batch.pushes().unwrap();
    let answer = batch.durable();
    let late = batch.commit().unwrap();
    assert_eq!(pushes(&line.events(&early)), [(1, 5)]);
    assert!(matches!(line.events(&answer).as_slice(), [LiveEvent::Answer { .. }]));
    assert!(matches!(late.as_slice(), [Output::Reply { .. }]), "{late:?}");
}

#[test]
fn kh_4_pushes_leave_between_the_inputs_of_a_batch() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let (first, second) = (deposit(&mut world, &device, 5), deposit(&mut world, &device, 6));
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap().handle(first).unwrap();
    assert_eq!(pushes(&line.events(&batch.pushes().unwrap())), [(1, 5)]);
    // Its ack is answered with the commit, and nothing else waits for that.
    let ack = Operation::Ack { reader_id: device.reader, entries: vec![EntryId(1)] };
    let acked = Input::Live { connection: line.id, message: line.record(ack) };
    let mut batch = batch.handle(acked).unwrap().handle(second).unwrap();
    assert_eq!(pushes(&line.events(&batch.pushes().unwrap())), [(2, 6)]);
    let outputs = batch.commit().unwrap();
    assert!(matches!(line.events(&outputs).as_slice(), [LiveEvent::Answer { .. }]));
}

#[test]
fn what_was_answered_before_the_rules_end_a_connection_leaves_before_its_end() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let asked = Input::Live { connection: line.id, message: line.record(Operation::Clock) };
    stage(&mut world, [asked]);
    let broken = Input::Live { connection: line.id, message: b"no record".to_vec() };
    stage(&mut world, [broken]);
    let outputs = world.home.durable();
    assert!(matches!(outputs.as_slice(), [Output::Live { .. }, Output::Close { .. }]), "{outputs:?}");
    assert!(matches!(line.events(&outputs).as_slice(), [LiveEvent::Answer { .. }]));
}

#[test]
fn kh_4_what_stands_on_a_commit_that_is_lost_is_lost_with_it() {
    let mut world = World::new();
    let device = world.device();
    let (line, _) = world.listen(&device, 8);
    let durable = world.store.clone();
    let input = deposit(&mut world, &device, 5);
    stage(&mut world, [input]);
    // A second batch stands on it, and sees what it did.
    let input = deposit(&mut world, &device, 6);
    let batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap().handle(input).unwrap();
    drop(batch);
    world.store = durable;
    world.home.lost();
    stage(&mut world, []);
    assert_eq!(world.home.durable(), [Output::Close { connection: line.id }]);
    assert_eq!(world.fetch(&device).0, []);
    world.send(&device, 7);
    assert!(matches!(world.fetch(&device).0.as_slice(), [(_, 7)]));
}

#[test]
fn kh_15_numbers_of_a_batch_that_may_be_lost_are_told_to_nobody() {
    let mut world = World::new();
    let device = world.device();
    lost(&mut world, []);
    // The first batch afterwards begins a generation of numbers; until that is durable the next one keeps quiet too.
    stage(&mut world, []);
    let (key, epoch) = (world.key(), world.epoch());
    let opening = ClientOpening::new(&key, &epoch, &mut world.rng).unwrap();
    let connection = ConnectionId(world.fresh());
    let inputs = [Input::Live { connection, message: opening.bytes.clone() }, deposit(&mut world, &device, 5)];
    let mut batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    for input in inputs {
        batch = batch.handle(input).unwrap();
    }
    assert_eq!(batch.pushes().unwrap(), []);
}
