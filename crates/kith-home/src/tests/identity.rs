//! Keys, descriptor, commit.

use super::*;
use crate::OpenError;

#[test]
fn kh_1_a_server_without_urls_does_not_start() {
    let mut rng = StdRng::seed_from_u64(1);
    for n_urls in [0, 5] {
        let urls = vec![url("https://home.example"); n_urls];
        let opened = Home::open(&mut Memory::new(), Config::new(urls), START, &mut rng);
        assert!(matches!(opened.err(), Some(OpenError::BadUrls { n_urls: said }) if said == n_urls));
    }
}

#[test]
fn kh_2_the_descriptor_has_the_next_week_two_days_ahead_and_its_serial_rises() {
    let mut world = World::new();
    let first = world.descriptor();
    assert_eq!(first.epochs.iter().map(|epoch| epoch.id).collect::<Vec<_>>(), [START.epoch()]);
    assert!(world.tick().is_empty());
    // Two days and a second before the week ends, then a second later.
    world.now = START.epoch().end().minus_seconds(2 * 86_400 + 1);
    assert!(world.tick().is_empty());
    world.pass(1);
    let outputs = world.tick();
    assert_eq!(outputs, [Output::Descriptor { bytes: world.home.descriptor().to_vec() }]);
    let second = world.descriptor();
    assert_eq!(second.epochs.len(), 2);
    assert_eq!(second.epochs[0], first.epochs[0]);
    assert_eq!(second.serial, first.serial + 1);
    let mut world = world.restarted();
    assert_eq!(world.tick(), []);
    assert_eq!(world.descriptor(), second, "a restart signs nothing new");
    world.home.config.urls.push(url("https://other.example"));
    let world = world.restarted();
    assert_eq!(world.descriptor().serial, second.serial + 1);
}

#[test]
fn kh_2_a_clock_that_was_ahead_leaves_no_week_far_away_in_the_descriptor() {
    let mut world = World::new();
    world.pass(365 * 86_400);
    world.tick();
    world.now = START;
    world.tick();
    assert_eq!(world.descriptor().epochs.iter().map(|epoch| epoch.id).collect::<Vec<_>>(), [START.epoch()]);
    assert_eq!(world.ask(Operation::Clock, Vec::new()), Answer::Clock { time: START.seconds() });
}

#[test]
fn kh_3_an_epoch_key_is_erased_fourteen_days_after_its_week() {
    let mut world = World::new();
    let device = world.device();
    let (late, _) = world.seal(&Request { operation: Operation::Clock, signatures: Vec::new() });
    world.now = START.epoch().end().plus_seconds(14 * 86_400);
    world.tick();
    assert!(matches!(world.post(late.clone()), OneShotReply::Sealed(_)));
    world.pass(1);
    world.tick();
    assert!(matches!(world.post(late), OneShotReply::Descriptor(_)));
    let txn = world.store.begin().unwrap();
    assert!(txn.epoch_keys().unwrap().iter().all(|(epoch, _)| *epoch != START.epoch()));
    drop(txn);
    assert_eq!(world.fetch(&device).0, []);
}

#[test]
fn kh_3_what_opens_requests_changes_with_the_epoch_keys_and_only_then() {
    let mut world = World::new();
    let first = world.home.opener().clone();
    world.pass(1);
    world.tick();
    assert!(world.home.opener().is_same(&first));
    let (sealed, _) = world.seal(&Request { operation: Operation::Clock, signatures: Vec::new() });
    world.now = START.epoch().end().plus_seconds(14 * 86_400 + 1);
    world.tick();
    assert!(!world.home.opener().is_same(&first));
    assert!(first.open(&sealed).is_ok());
    assert_eq!(world.home.opener().open(&sealed).err(), Some(crate::Unopened::OtherEpoch));
}

#[test]
fn kh_4_a_batch_without_commit_answers_nothing_and_leaves_nothing() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let deposit = world.deposit_to(&device, 1);
    let (sealed, _) = world.seal(&Request { operation: Operation::Deposit(deposit), signatures: Vec::new() });
    let batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    let batch = batch.handle(Input::OneShot { ticket: Ticket(9), sealed }).unwrap();
    drop(batch);
    // Nobody can be sure what the connection was told: it ends.
    let outputs = world.tick();
    assert_eq!(outputs, [Output::Close { connection: line.id }]);
    assert_eq!(world.counts().entries, 0);
    let message = line.record(Operation::Clock);
    let outputs = world.input(Input::Live { connection: line.id, message });
    assert!(outputs.contains(&Output::Close { connection: line.id }));
}

/// A store that cannot be used for a while.
struct Locked;

impl Store for Locked {
    type Txn<'a> = crate::store::memory::MemoryTxn<'a>;

    fn begin(&mut self) -> Result<Self::Txn<'_>, crate::store::StoreError> {
        Err(crate::store::StoreError::Backend("locked by another process".into()))
    }
}

#[test]
fn kh_4_inputs_that_found_the_store_locked_leave_nothing_half_known() {
    let mut world = World::new();
    let device = world.device();
    let (line, _) = world.listen(&device, 8);
    assert!(world.home.begin(&mut Locked, world.now, &mut world.rng).is_err());
    // What was lost may have been the end of that connection, or of an exchange.
    assert_eq!(world.tick(), [Output::Close { connection: line.id }]);
}

#[test]
fn regression_kh_4_connections_end_though_the_batch_that_says_so_is_lost_too() {
    let mut world = World::new();
    let device = world.device();
    let (mut line, _) = world.listen(&device, 8);
    let mut ended = world.connect();
    let expected = [line.id, ended.id].map(|connection| Output::Close { connection });
    for _ in 0..3 {
        drop(world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap());
    }
    assert_eq!(world.tick(), expected);
    assert_eq!(world.tick(), []);
    // One that the rules ended in a batch that was lost, and one that has left by itself since.
    (line, ended) = (world.connect(), world.connect());
    let batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    drop(batch.handle(Input::Live { connection: line.id, message: vec![0; 40] }).unwrap());
    let outputs = world.input(Input::Closed { connection: ended.id });
    assert!(outputs.contains(&Output::Close { connection: line.id }), "{outputs:?}");
    assert_eq!(world.tick(), []);
}

#[test]
fn regression_kh_4_a_descriptor_whose_announcement_was_lost_is_announced() {
    let mut world = World::new();
    world.now = START.epoch().end();
    drop(world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap().handle(Input::Tick).unwrap());
    let outputs = world.tick();
    assert_eq!(outputs, [Output::Descriptor { bytes: world.home.descriptor().to_vec() }]);
    assert_eq!(world.tick(), []);
}

#[test]
fn kh_4_a_rotation_that_was_not_committed_is_done_again() {
    let mut world = World::new();
    let first = world.descriptor();
    world.now = START.epoch().end();
    let batch = world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap();
    drop(batch.handle(Input::Tick).unwrap());
    world.tick();
    let second = world.descriptor();
    assert!(second.serial > first.serial);
    assert!(matches!(world.ask(Operation::Clock, Vec::new()), Answer::Clock { .. }));
    assert_eq!(world.restarted().descriptor(), second);
}

#[test]
fn kh_5_an_unknown_epoch_is_answered_with_the_descriptor_unopened() {
    let mut world = World::new();
    let mut epoch = world.epoch();
    epoch.id.0 += 40;
    let key = world.key();
    let sealed = seal(&key, &epoch, SealKind::OneShot, b"whatever", &mut world.rng).unwrap();
    let descriptor = world.home.descriptor().to_vec();
    assert_eq!(world.post(sealed.bytes), OneShotReply::Descriptor(descriptor));
}
