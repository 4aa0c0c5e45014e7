//! Live connections: opening, proofs, pushes.

use super::*;

fn reads(world: &mut World, line: &mut Line, device: &Device, window: u16) -> Vec<LiveEvent> {
    let reader = live_reader(&device.lookup, device.reader, &line.channel.binding);
    world.say(line, Operation::LiveRead { readers: vec![reader], window })
}

fn acks(world: &mut World, line: &mut Line, device: &Device, entries: &[u64]) -> Vec<LiveEvent> {
    let entries = entries.iter().copied().map(long).collect();
    world.say(line, Operation::Ack { reader_id: device.reader, entries })
}

/// Deposits and returns what this line hears of it.
fn arrives(world: &mut World, line: &mut Line, device: &Device, bytes: std::ops::Range<u8>) -> Vec<LiveEvent> {
    let mut inputs = Vec::new();
    for byte in bytes {
        let operation = Operation::Deposit(world.deposit_to(device, byte));
        let (sealed, _) = world.seal(&Request { operation, signatures: Vec::new() });
        inputs.push(Input::OneShot { ticket: Ticket(0), sealed });
    }
    let outputs = world.batch(inputs);
    line.events(&outputs)
}

#[test]
fn kh_26_what_is_not_the_next_record_ends_the_connection() {
    let mut world = World::new();
    let damage: [fn(Vec<u8>) -> Vec<u8>; 4] = [
        |_| Vec::new(),
        |record| record[1..].to_vec(),
        |mut record| {
            *record.last_mut().unwrap() ^= 1;
            record
        },
        |mut record| {
            record[7] ^= 1;
            record
        },
    ];
    for damage in damage {
        let mut line = world.connect();
        let message = damage(line.record(Operation::Clock));
        let outputs = world.input(Input::Live { connection: line.id, message });
        assert_eq!(outputs, [Output::Close { connection: line.id }]);
    }
    let mut line = world.connect();
    let record = line.record(Operation::Clock);
    let twice = [record.clone(), record].map(|message| Input::Live { connection: line.id, message });
    let outputs = world.batch(twice);
    assert_eq!(outputs.len(), 2);
    assert_eq!(outputs[1], Output::Close { connection: line.id });
    let mut line = world.connect();
    let message = line.channel.seal(b"no request").unwrap();
    let outputs = world.input(Input::Live { connection: line.id, message });
    assert_eq!(outputs, [Output::Close { connection: line.id }]);
}

#[test]
fn kh_26_an_opening_that_does_not_open_is_refused_and_ended() {
    let mut world = World::new();
    let (sealed, _) = world.seal(&Request { operation: Operation::Clock, signatures: Vec::new() });
    for message in [Vec::new(), vec![0; 5376], sealed] {
        let id = ConnectionId(world.fresh());
        let outputs = world.input(Input::Live { connection: id, message });
        let refused = Output::Live { connection: id, message: OneShotReply::Refused.to_bytes() };
        assert_eq!(outputs, [refused, Output::Close { connection: id }]);
    }
    let mut epoch = world.epoch();
    epoch.id.0 += 9;
    let opening = ClientOpening::new(&world.key(), &epoch, &mut world.rng).unwrap();
    let id = ConnectionId(world.fresh());
    let outputs = world.input(Input::Live { connection: id, message: opening.bytes });
    let descriptor = OneShotReply::Descriptor(world.home.descriptor().to_vec()).to_bytes();
    let told = Output::Live { connection: id, message: descriptor };
    assert_eq!(outputs, [told, Output::Close { connection: id }]);
}

#[test]
fn kh_27_proofs_are_bound_to_their_connection() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    world.send(&device, 1);
    let (mut first, mut second) = (world.connect(), world.connect());
    let stolen = live_account(&device.account, &first.channel.binding);
    assert_eq!(answers(&world.say(&mut second, stolen)), [refused(Refusal::NotAuthorised)]);
    let reader = live_reader(&device.lookup, device.reader, &first.channel.binding);
    let stolen = Operation::LiveRead { readers: vec![reader], window: 9 };
    let events = world.say(&mut second, stolen);
    assert_eq!(answers(&events), [refused(Refusal::NotFound)]);
    assert_eq!(pushes(&events), []);
    let fetch = Operation::Fetch { reader_id: device.reader, after: EntryId(0), limit: 9 };
    assert_eq!(answers(&world.say(&mut second, fetch)), [refused(Refusal::NotFound)]);
    // An account is proven once: a second one on the same connection would link the two.
    let proof = live_account(&device.account, &first.channel.binding);
    assert_eq!(answers(&world.say(&mut first, proof.clone())), [Answer::Accepted]);
    assert_eq!(answers(&world.say(&mut first, proof)), [Answer::Accepted]);
    let proof = live_account(&other.account, &first.channel.binding);
    assert_eq!(answers(&world.say(&mut first, proof.clone())), [refused(Refusal::NotAuthorised)]);
    // And proofs belong on live connections only.
    assert_eq!(world.ask(proof, Vec::new()), refused(Refusal::NotAuthorised));
}

#[test]
fn kh_27_good_readers_start_beside_bad_ones_and_the_latest_connection_wins() {
    let mut world = World::new();
    let device = world.device();
    let mut line = world.connect();
    let good = live_reader(&device.lookup, device.reader, &line.channel.binding);
    let absent = live_reader(&device.lookup, ReaderId([9; 24]), &line.channel.binding);
    let many = Operation::LiveRead { readers: vec![good.clone(); 257], window: 9 };
    assert_eq!(answers(&world.say(&mut line, many)), [refused(Refusal::Invalid)]);
    let both = Operation::LiveRead { readers: vec![absent, good], window: 9 };
    assert_eq!(answers(&world.say(&mut line, both)), [refused(Refusal::NotFound)]);
    assert_eq!(pushes(&arrives(&mut world, &mut line, &device, 1..2)), [(1, 1)]);
    let (mut later, events) = world.listen(&device, 9);
    assert_eq!(pushes(&events), [(1, 1)]);
    assert_eq!(answers(&acks(&mut world, &mut line, &device, &[1])), [refused(Refusal::NotFound)]);
    assert_eq!(pushes(&arrives(&mut world, &mut later, &device, 2..3)), [(2, 2)]);
    let events = reads(&mut world, &mut line, &device, 9);
    assert_eq!(pushes(&events), [(1, 1), (2, 2)]);
}

#[test]
fn kh_27_a_queue_that_moved_to_another_connection_gives_its_window_back() {
    let mut world = World::new();
    let devices = [world.device(), world.device()];
    for (device, byte) in devices.iter().zip([0_u8, 1]) {
        world.send(device, byte);
        world.send(device, byte);
    }
    let mut line = world.connect();
    let readers = [0, 1].map(|n| live_reader(&devices[n].lookup, devices[n].reader, &line.channel.binding));
    let events = world.say(&mut line, Operation::LiveRead { readers: readers.to_vec(), window: 1 });
    let [(1, first)] = pushes(&events)[..] else { panic!("{events:?}") };
    let moved = &devices[usize::from(first)];
    let mut later = world.connect();
    let reader = live_reader(&moved.lookup, moved.reader, &later.channel.binding);
    let message = later.record(Operation::LiveRead { readers: vec![reader], window: 9 });
    let outputs = world.input(Input::Live { connection: later.id, message });
    assert_eq!(pushes(&later.events(&outputs)), [(1, first), (2, first)]);
    assert_eq!(pushes(&line.events(&outputs)), [(1, 1 - first)]);
}

#[test]
fn kh_39_a_connection_is_known_by_what_a_stranger_cannot_make_up() {
    let mut world = World::new();
    let device = world.device();
    let mut line = world.connect();
    assert!(!world.home.is_known(line.id));
    world.say(&mut line, Operation::Clock);
    let made_up = AccountSecret::generate(&mut world.rng);
    let proof = live_account(&made_up, &line.channel.binding);
    assert_eq!(answers(&world.say(&mut line, proof)), [Answer::Accepted]);
    assert!(!world.home.is_known(line.id), "anybody can make a key");
    world.say(&mut line, Operation::AccountOpen { invite: None });
    assert!(world.home.is_known(line.id), "registered here");

    let mut line = world.connect();
    let proof = live_account(&device.account, &line.channel.binding);
    world.say(&mut line, proof);
    assert!(world.home.is_known(line.id), "registered before");

    let mut line = world.connect();
    let mut wrong = live_reader(&LookupSecret::generate(&mut world.rng), device.reader, &line.channel.binding);
    world.say(&mut line, Operation::LiveRead { readers: vec![wrong.clone()], window: 1 });
    assert!(!world.home.is_known(line.id), "another's queue");
    wrong = live_reader(&device.lookup, device.reader, &line.channel.binding);
    world.say(&mut line, Operation::LiveRead { readers: vec![wrong], window: 1 });
    assert!(world.home.is_known(line.id), "reads a queue");
    world.input(Input::Closed { connection: line.id });
    assert!(!world.home.is_known(line.id));
}

/// Returns which connections end when an account is proven on another one.
fn ended_by(world: &mut World, account: &AccountSecret) -> (ConnectionId, Vec<ConnectionId>) {
    let mut line = world.connect();
    let message = line.record(live_account(account, &line.channel.binding));
    let outputs = world.input(Input::Live { connection: line.id, message });
    (line.id, closed(&outputs))
}

fn closed(outputs: &[Output]) -> Vec<ConnectionId> {
    let closes = |output: &Output| if let Output::Close { connection } = output { Some(*connection) } else { None };
    outputs.iter().filter_map(closes).collect()
}

#[test]
fn kh_42_an_account_has_so_many_connections_and_the_oldest_makes_room() {
    let quotas = crate::Quotas { connections: 2, ..crate::Quotas::default() };
    let mut world = World::with(Config { quotas, ..config() });
    let (device, other) = (world.device(), world.device());
    let [(first, none), (second, nobody)] = [(); 2].map(|()| ended_by(&mut world, &device.account));
    assert_eq!([none, nobody], [[], []]);
    assert_eq!(ended_by(&mut world, &other.account).1, [], "another account has places of its own");
    let (third, ended) = ended_by(&mut world, &device.account);
    assert_eq!(ended, [first]);
    assert!(!world.home.is_known(first) && world.home.is_known(second));
    // One that has ended gives its place back.
    world.input(Input::Closed { connection: second });
    assert_eq!(ended_by(&mut world, &device.account).1, []);
    assert_eq!(ended_by(&mut world, &device.account).1, [third]);
}

#[test]
fn kh_42_connections_that_read_a_queue_count_for_the_account_that_made_it() {
    let quotas = crate::Quotas { connections: 1, ..crate::Quotas::default() };
    let mut world = World::with(Config { quotas, ..config() });
    let device = world.device();
    let (mut first, mut second) = (world.connect(), world.connect());
    // The later one comes first: whoever comes now stays, however old its connection is.
    reads(&mut world, &mut second, &device, 1);
    let reader = live_reader(&device.lookup, device.reader, &first.channel.binding);
    let message = first.record(Operation::LiveRead { readers: vec![reader], window: 1 });
    let outputs = world.input(Input::Live { connection: first.id, message });
    assert_eq!(closed(&outputs), [second.id]);
    assert_eq!(answers(&first.events(&outputs)), [Answer::Accepted]);
    assert_eq!(pushes(&arrives(&mut world, &mut first, &device, 1..2)), [(1, 1)]);
    // The account on the same connection takes no second place.
    let proof = live_account(&device.account, &first.channel.binding);
    assert_eq!(answers(&world.say(&mut first, proof)), [Answer::Accepted]);
    assert!(world.home.is_known(first.id));
}

#[test]
fn kh_28_pushes_stay_within_the_window_and_go_on_with_the_acks() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 3);
    let numbers = |events: &[LiveEvent]| pushes(events).into_iter().map(|(entry, _)| entry).collect::<Vec<_>>();
    let events = arrives(&mut world, &mut line, &device, 0..10);
    assert_eq!(numbers(&events), [1, 2, 3]);
    assert_eq!(numbers(&acks(&mut world, &mut line, &device, &[2, 99])), [4]);
    assert_eq!(numbers(&acks(&mut world, &mut line, &device, &[2])), [] as [u64; 0]);
    assert_eq!(numbers(&acks(&mut world, &mut line, &device, &[1, 3, 4])), [5, 6, 7]);
    // An ack in a one-shot request frees the window too.
    let (sealed, _) = {
        let operation = Operation::Ack { reader_id: device.reader, entries: vec![long(5)] };
        let stamp = world.stamp();
        let signature = sign_as_reader(&device.lookup, &operation, &stamp);
        world.seal(&Request { operation, signatures: vec![signature] })
    };
    let outputs = world.input(Input::OneShot { ticket: Ticket(0), sealed });
    assert_eq!(numbers(&line.events(&outputs)), [8]);
    assert_eq!(numbers(&reads(&mut world, &mut line, &device, 0)), [] as [u64; 0]);
}

#[test]
fn kh_28_no_window_is_larger_than_256() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, u16::MAX);
    let events: Vec<LiveEvent> =
        [0..150, 0..150].into_iter().flat_map(|bytes| arrives(&mut world, &mut line, &device, bytes)).collect();
    assert_eq!(pushes(&events).len(), 256);
}

#[test]
fn kh_28_queues_of_a_connection_take_turns() {
    let mut world = World::new();
    let (one, two) = (world.device(), world.device());
    for _ in 0..40 {
        world.send(&one, 1);
        world.send(&two, 2);
    }
    let mut line = world.connect();
    let readers = [&one, &two].map(|device| live_reader(&device.lookup, device.reader, &line.channel.binding));
    let events = world.say(&mut line, Operation::LiveRead { readers: readers.to_vec(), window: 20 });
    let bytes: Vec<u8> = pushes(&events).into_iter().map(|(_, byte)| byte).collect();
    let first = bytes[0];
    let expected = [vec![first; 8], vec![3 - first; 8], vec![first; 4]].concat();
    assert_eq!(bytes, expected);
}

#[test]
fn kh_29_what_was_not_acknowledged_is_pushed_again_to_the_next_connection() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 9);
    assert_eq!(pushes(&arrives(&mut world, &mut line, &device, 1..4)).len(), 3);
    acks(&mut world, &mut line, &device, &[2]);
    world.input(Input::Closed { connection: line.id });
    let mut world = world.restarted();
    let (_, events) = world.listen(&device, 9);
    assert_eq!(pushes(&events), [(1, 1), (3, 3)]);
}

#[test]
fn kh_17_an_overflow_is_told_at_once_and_again_to_the_next_connection() {
    let quotas = crate::Quotas { queue_frames: 2, ..crate::Quotas::default() };
    let mut world = World::with(Config { quotas, ..config() });
    let device = world.device();
    let (mut line, _) = world.listen(&device, 9);
    let overflow = LiveEvent::Overflow { reader_id: device.reader };
    let n_told = |events: &[LiveEvent]| events.iter().filter(|event| **event == overflow).count();
    let events = arrives(&mut world, &mut line, &device, 0..5);
    assert_eq!((pushes(&events).len(), n_told(&events)), (2, 1));
    let (mut line, events) = world.listen(&device, 9);
    assert_eq!(n_told(&events), 1);
    acks(&mut world, &mut line, &device, &[1]);
    let (_, events) = world.listen(&device, 9);
    assert_eq!(n_told(&events), 0);
}

#[test]
fn a_deleted_queue_is_pushed_no_more_and_leaves_its_place_to_others() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    for byte in 0..3 {
        world.send(&device, byte);
    }
    let mut line = world.connect();
    let readers = [&device, &other].map(|device| live_reader(&device.lookup, device.reader, &line.channel.binding));
    let events = world.say(&mut line, Operation::LiveRead { readers: readers.to_vec(), window: 1 });
    assert_eq!(pushes(&events), [(1, 0)]);
    world.send(&other, 9);
    let events = world.say(&mut line, Operation::QueueDelete { reader_id: device.reader });
    assert_eq!(answers(&events), [Answer::Accepted]);
    assert_eq!(pushes(&events), [(1, 9)]);
    assert_eq!(pushes(&arrives(&mut world, &mut line, &device, 3..4)), []);
}
