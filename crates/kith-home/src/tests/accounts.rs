//! Signatures, accounts, invites.

use kith_crypto::request::closing_statement;
use kith_wire::id::InviteCode;

use super::*;
use crate::{REMOVED, Registration, Removal, RemoveError, accounts_after, create_invite, remove_account};

fn invite_world() -> World {
    World::with(Config { registration: Registration::Invite, ..config() })
}

#[test]
fn kh_6_signatures_that_do_not_fit_are_refused() {
    let mut world = World::new();
    let account = world.account();
    let clock = Operation::ReturnAck { relay_id: kith_wire::id::RelayId([1; 16]) };
    let stamp = world.stamp();
    let good = sign_as_account(&account, &clock, &stamp);
    let other = sign_as_account(&account, &Operation::Clock, &stamp);
    let elsewhere = sign_as_account(&account, &clock, &RequestStamp { server: ServerKey([3; 32]), ..stamp });
    let twice = world.stamp();
    let again = sign_as_account(&account, &clock, &twice);
    let other_account = world.account();
    let by_other = sign_as_account(&other_account, &clock, &world.stamp());
    let as_reader = sign_as_reader(&LookupSecret::from_seed(*account.expose()), &clock, &stamp);
    let cases = [
        vec![],
        vec![other],
        vec![elsewhere],
        vec![good.clone(), again.clone()],
        vec![good.clone(), as_reader],
        vec![good.clone(), by_other],
        vec![good.clone(), again.clone(), good.clone()],
    ];
    for signatures in cases {
        assert_eq!(world.ask(clock.clone(), signatures), refused(Refusal::NotAuthorised));
    }
    assert_eq!(world.ask(clock, vec![good]), Answer::Accepted, "the refused ones used up no nonce");
}

#[test]
fn kh_7_a_signature_is_good_for_ninety_seconds_either_way() {
    let mut world = World::new();
    let account = AccountSecret::generate(&mut world.rng);
    let open = Operation::AccountOpen { invite: None };
    for (offset, stale) in [(-91_i64, true), (91, true), (-90, false), (90, false)] {
        let time = world.now.seconds().checked_add_signed(offset).unwrap();
        let stamp = RequestStamp { time, ..world.stamp() };
        let answer = world.ask(open.clone(), vec![sign_as_account(&account, &open, &stamp)]);
        match answer {
            Answer::Stale { time, nonce } => {
                assert!(stale && time == world.now.seconds());
                let stamp = RequestStamp { server: world.key(), nonce, time };
                let again = sign_as_account(&account, &open, &stamp);
                assert_eq!(world.ask(open.clone(), vec![again]), Answer::Accepted);
            }
            answer => assert!(!stale && answer == Answer::Accepted),
        }
    }
}

#[test]
fn kh_8_old_nonces_go_as_fast_as_strangers_make_new_ones() {
    let mut world = World::new();
    let stranger = AccountSecret::generate(&mut world.rng);
    let operation = Operation::ReturnAck { relay_id: kith_wire::id::RelayId([1; 16]) };
    let stamps: Vec<RequestStamp> = (0..40).map(|_| world.stamp()).collect();
    let mut used = Vec::new();
    for stamp in &stamps {
        let signature = sign_as_account(&stranger, &operation, stamp);
        used.push(crate::caller::used(&signature));
        assert_eq!(world.ask(operation.clone(), vec![signature]), refused(Refusal::UnknownAccount));
    }
    assert!(used.iter().all(|(scope, nonce)| world.store.begin().unwrap().nonce_seen(scope, nonce).unwrap()));
    world.pass(200);
    for _ in 0..20 {
        world.ask_as_account(&stranger, operation.clone());
    }
    let txn = world.store.begin().unwrap();
    assert!(used.iter().all(|(scope, nonce)| !txn.nonce_seen(scope, nonce).unwrap()));
}

#[test]
fn kh_8_what_is_remembered_of_a_nonce_names_no_key() {
    let mut world = World::new();
    let (one, other) = (world.account(), world.account());
    let (stamp, next) = (world.stamp(), world.stamp());
    let of = |account: &AccountSecret, stamp| {
        crate::caller::used(&sign_as_account(account, &Operation::AccountOpen { invite: None }, stamp))
    };
    let all = [of(&one, &stamp), of(&other, &stamp), of(&one, &next)];
    assert!(all[0] != all[1] && all[0] != all[2] && all[0] == of(&one, &stamp));
    assert!(all.iter().all(|(scope, nonce)| {
        scope.0 != one.public().0 && scope.0 != other.public().0 && *nonce != stamp.nonce && *nonce != next.nonce
    }));
}

#[test]
fn kh_8_a_nonce_works_once_also_after_a_restart() {
    let mut world = World::new();
    let device = world.device();
    world.send(&device, 1);
    let delete = Operation::QueueDelete { reader_id: device.reader };
    let stamp = world.stamp();
    let fetch = Operation::Fetch { reader_id: device.reader, after: EntryId(0), limit: 1 };
    let signature = sign_as_reader(&device.lookup, &fetch, &stamp);
    assert!(matches!(world.ask(fetch.clone(), vec![signature.clone()]), Answer::Frames { .. }));
    let mut world = world.restarted();
    assert!(matches!(world.ask(fetch.clone(), vec![signature.clone()]), Answer::Stale { .. }));
    // The nonce is used up for every operation of this key.
    let other = sign_as_reader(&device.lookup, &delete, &stamp);
    assert!(matches!(world.ask(delete, vec![other]), Answer::Stale { .. }));
    // It is remembered as long as its signature is good, and not much longer.
    world.pass(90);
    world.tick();
    assert!(matches!(world.ask(fetch.clone(), vec![signature.clone()]), Answer::Stale { .. }));
    world.pass(120);
    world.tick();
    assert!(matches!(world.ask(fetch, vec![signature]), Answer::Stale { .. }), "by its time");
    assert_eq!(world.fetch(&device).0, [(1, 1)]);
}

#[test]
fn kh_9_only_registered_accounts_are_served() {
    let mut world = World::new();
    let (stranger, lookup) = (AccountSecret::generate(&mut world.rng), LookupSecret::generate(&mut world.rng));
    let create =
        Operation::QueueCreate { lookup_key: lookup.public(), verifier: send_verifier(&new_send(&mut world.rng)) };
    assert_eq!(world.ask_as_both(&stranger, &lookup, create.clone()), refused(Refusal::UnknownAccount));
    assert_eq!(world.ask_as_reader(&lookup, create), refused(Refusal::NotAuthorised));
    let relay = Operation::Relay { to: world.address(), sealed: vec![0; 5376] };
    assert_eq!(world.ask_as_account(&stranger, relay), refused(Refusal::UnknownAccount));
    let status = Operation::BlobStatus { blob: kith_wire::id::BlobId([1; 24]) };
    assert_eq!(world.ask_as_account(&stranger, status), refused(Refusal::UnknownAccount));
}

#[test]
fn kh_11_registering_twice_changes_nothing() {
    let mut world = World::new();
    let device = world.device();
    world.pass(10 * 86_400);
    world.tick();
    let open = Operation::AccountOpen { invite: None };
    assert_eq!(world.ask_as_account(&device.account, open.clone()), Answer::Accepted);
    let txn = world.store.begin().unwrap();
    let account = txn.account(&device.account.public()).unwrap().unwrap();
    assert_eq!((account.created, account.n_queues), (START.day(), 1));
    drop(txn);
    assert_eq!(world.ask(open, Vec::new()), refused(Refusal::NotAuthorised));
}

#[test]
fn kh_12_an_invite_works_as_often_as_it_says_and_until_it_expires() {
    let mut world = invite_world();
    assert!(world.descriptor().limits.invite_only);
    let code = InviteCode::new([7; 16]);
    let expires = world.now.plus_seconds(3600);
    create_invite(&mut world.store, &code, 2, expires).unwrap();
    assert!(create_invite(&mut world.store, &code, 0, expires).is_err());
    let open = |code: Option<InviteCode>| Operation::AccountOpen { invite: code };
    let register = |world: &mut World, code: Option<InviteCode>| {
        let account = AccountSecret::generate(&mut world.rng);
        (world.ask_as_account(&account, open(code)), account)
    };
    let needed = refused(Refusal::InviteNeeded);
    assert_eq!(register(&mut world, None).0, needed);
    assert_eq!(register(&mut world, Some(InviteCode::new([8; 16]))).0, needed);
    let (answer, account) = register(&mut world, Some(code.clone()));
    assert_eq!(answer, Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, open(Some(code.clone()))), Answer::Accepted, "takes no second use");
    assert_eq!(register(&mut world, Some(code.clone())).0, Answer::Accepted);
    assert_eq!(register(&mut world, Some(code)).0, needed);
    let late = InviteCode::new([9; 16]);
    create_invite(&mut world.store, &late, 5, expires).unwrap();
    world.now = expires;
    assert_eq!(register(&mut world, Some(late)).0, needed);
}

/// What a device leaves with its siblings.
fn closing(world: &World, account: &AccountSecret) -> Operation {
    let signature = closing_statement(account, &world.key());
    Operation::AccountClose { account: account.public(), signature }
}

#[test]
fn kh_43_a_closed_account_stays_closed_and_its_owner_is_shown_by_what() {
    let mut world = World::new();
    let device = world.device();
    world.send(&device, 1);
    let (_, events) = world.listen(&device, 8);
    assert_eq!(pushes(&events).len(), 1);
    let statement = closing(&world, &device.account);
    let outputs = {
        let (sealed, _) = world.seal(&Request { operation: statement.clone(), signatures: Vec::new() });
        let ticket = Ticket(world.fresh());
        world.input(Input::OneShot { ticket, sealed })
    };
    assert!(outputs.iter().any(|output| matches!(output, Output::Close { .. })), "its connection ends");
    let closed = Answer::Closed { signature: closing_statement(&device.account, &world.key()) };
    let mut world = world.restarted();
    assert_eq!(world.ask(statement, Vec::new()), Answer::Accepted, "again");
    for operation in
        [Operation::AccountOpen { invite: None }, Operation::ReturnAck { relay_id: kith_wire::id::RelayId([1; 16]) }]
    {
        assert_eq!(world.ask_as_account(&device.account, operation), closed);
    }
    let mut line = world.connect();
    let proof = live_account(&device.account, &line.channel.binding);
    assert_eq!(answers(&world.say(&mut line, proof)), [closed]);
}

#[test]
fn kh_43_nobody_reads_the_queues_of_a_closed_account_and_they_wear_away() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    for _ in 0..150 {
        world.send(&device, 1);
    }
    let statement = closing(&world, &device.account);
    world.ask(statement, Vec::new());
    let fetch = Operation::Fetch { reader_id: device.reader, after: EntryId(0), limit: 16 };
    assert_eq!(world.ask_as_reader(&device.lookup, fetch), refused(Refusal::NotFound));
    let mut line = world.connect();
    let reader = live_reader(&device.lookup, device.reader, &line.channel.binding);
    let read = Operation::LiveRead { readers: vec![reader], window: 8 };
    assert_eq!(answers(&world.say(&mut line, read)), [refused(Refusal::NotFound)]);
    // Deposits look as ever to whoever makes them, and each one clears away a piece.
    let entries: Vec<u64> = (0..4)
        .map(|_| {
            let deposit = world.deposit_to(&device, 2);
            assert_eq!(world.deposit(deposit), Answer::Accepted);
            world.counts().entries
        })
        .collect();
    assert_eq!((entries, world.counts().queues), (vec![86, 22, 0, 0], 1));
    world.send(&other, 3);
    assert_eq!(world.fetch(&other).0.len(), 1, "another account is as it was");
}

#[test]
fn kh_43_a_connection_of_another_account_is_pushed_nothing_more_of_a_closed_one() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    for _ in 0..5 {
        world.send(&device, 1);
    }
    let mut line = world.connect();
    let proof = live_account(&other.account, &line.channel.binding);
    assert_eq!(answers(&world.say(&mut line, proof)), [Answer::Accepted]);
    let reader = live_reader(&device.lookup, device.reader, &line.channel.binding);
    let events = world.say(&mut line, Operation::LiveRead { readers: vec![reader], window: 2 });
    assert_eq!(pushes(&events).len(), 2);
    let statement = closing(&world, &device.account);
    world.ask(statement, Vec::new());
    // It may ask for more, and its own queue is as it was.
    let more = world.say(&mut line, Operation::LiveRead { readers: Vec::new(), window: 8 });
    assert_eq!(pushes(&more).len(), 0);
    let own = live_reader(&other.lookup, other.reader, &line.channel.binding);
    world.send(&other, 1);
    let own = world.say(&mut line, Operation::LiveRead { readers: vec![own], window: 8 });
    assert_eq!(pushes(&own).len(), 1);
}

#[test]
fn kh_47_an_operator_removes_an_account_with_all_that_it_has_and_nobody_elses() {
    let mut world = World::new();
    let (device, other) = (world.device(), world.device());
    for to in [&device, &device, &other] {
        world.send(to, 1);
    }
    let blob = |n: u8| {
        let read = kith_wire::id::Verifier([n; 32]);
        Operation::BlobCreate { blob: kith_wire::id::BlobId([n; 24]), chunks: 1, bytes: 5000, read, delete: read }
    };
    for (n, account) in [(1, &device.account), (2, &device.account), (3, &other.account)] {
        assert_eq!(world.ask_as_account(account, blob(n)), Answer::Accepted);
    }
    let listed = accounts_after(&mut world.store, None, 9).unwrap();
    let mut keys = [device.account.public(), other.account.public()];
    keys.sort();
    assert_eq!(listed.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys);
    assert_eq!(accounts_after(&mut world.store, Some(keys[0]), 9).unwrap().len(), 1);

    let key = device.account.public();
    let mut removal = remove_account(&mut world.store, &key, Removal::default()).unwrap();
    assert!(!removal.is_over(), "some at a time");
    let closed = Answer::Closed { signature: REMOVED };
    assert_eq!(world.ask_as_account(&device.account, blob(4)), closed, "from the first moment on nobody uses it");
    while !removal.is_over() {
        removal = remove_account(&mut world.store, &key, removal).unwrap();
    }
    assert_eq!((removal.queues, removal.blobs, removal.outgoing), (1, 2, 0));
    let counts = world.counts();
    assert_eq!((counts.queues, counts.entries, counts.blobs, counts.accounts), (1, 1, 1, 2));
    assert_eq!(world.ask_as_account(&device.account, Operation::AccountOpen { invite: None }), closed);
    let left = accounts_after(&mut world.store, None, 9).unwrap().into_iter().find(|(one, _)| *one == key).unwrap().1;
    assert_eq!((left.n_queues, left.blob_bytes, left.kept_bytes), (0, 0, 0));
    // Deposits look as ever to whoever makes them.
    let deposit = world.deposit_to(&device, 2);
    assert_eq!(world.deposit(deposit), Answer::Accepted);
    assert_eq!(world.fetch(&other).0.len(), 1);
    // The owner's statement still says more than the operator.
    let statement = closing(&world, &device.account);
    world.ask(statement, Vec::new());
    let owners = Answer::Closed { signature: closing_statement(&device.account, &world.key()) };
    assert_eq!(world.ask_as_account(&device.account, Operation::AccountOpen { invite: None }), owners);
    let unknown = AccountSecret::generate(&mut world.rng).public();
    assert!(matches!(remove_account(&mut world.store, &unknown, Removal::default()), Err(RemoveError::Unknown)));
}

#[test]
fn kh_43_only_the_accounts_own_statement_for_this_server_closes_it() {
    let mut world = World::new();
    let device = world.device();
    let other = world.account();
    let account = device.account.public();
    let elsewhere = closing_statement(&device.account, &ServerKey([3; 32]));
    let of_other = closing_statement(&other, &world.key());
    let mut answers = Vec::new();
    for signature in [elsewhere, of_other, kith_wire::id::Signature([0; 64])] {
        let sealed =
            world.seal(&Request { operation: Operation::AccountClose { account, signature }, signatures: Vec::new() });
        let touches = world.store.n_touches();
        let reply = world.post(sealed.0);
        answers.push((answer_in(reply, &sealed.1), world.store.n_touches() - touches));
    }
    let unknown = AccountSecret::generate(&mut world.rng);
    let statement = closing(&world, &unknown);
    answers.push((world.ask(statement, Vec::new()), 1));
    assert!(
        answers.iter().all(|told| *told == (Answer::Accepted, 1)),
        "all alike, and all wait for the disk: {answers:?}"
    );
    world.send(&device, 1);
    assert_eq!(world.fetch(&device).0.len(), 1, "nothing was closed");
}
