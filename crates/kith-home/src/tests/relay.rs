//! Relaying: directly, and by the durable outgoing queue.

use kith_wire::id::RelayId;

use super::*;
use crate::Quotas;

fn peer(n: u8) -> ServerAddress {
    ServerAddress { url: url(&format!("https://peer{n}.example")), key: ServerKey([n; 32]) }
}

/// Bytes in the form of a sealed deposit, opaque to the relaying server.
fn parcel(byte: u8) -> Vec<u8> {
    let mut sealed = vec![byte; 5376];
    sealed[..6].copy_from_slice(&[1, 1, 0, 0, 0, 9]);
    sealed
}

fn durable(n: u8, to: ServerAddress) -> Operation {
    Operation::RelayDurable { to, relay_id: RelayId([n; 16]), sealed: parcel(n) }
}

fn delivered() -> ExchangeOutcome {
    ExchangeOutcome::Answered(OneShotReply::Sealed(vec![1; 1024]).to_bytes())
}

/// Asks for something that needs another server; returns the exchange and how to read the answer.
fn starts(world: &mut World, account: &AccountSecret, operation: Operation) -> (Vec<Output>, Ticket, PendingAnswer) {
    let stamp = world.stamp();
    let signature = sign_as_account(account, &operation, &stamp);
    let (sealed, pending) = world.seal(&Request { operation, signatures: vec![signature] });
    let ticket = Ticket(world.fresh());
    (world.input(Input::OneShot { ticket, sealed }), ticket, pending)
}

fn returned(events: &[LiveEvent]) -> Vec<(RelayId, Vec<u8>)> {
    let notice = |event: &LiveEvent| match event {
        LiveEvent::Returned { relay_id, descriptor } => Some((*relay_id, descriptor.clone())),
        _ => None,
    };
    events.iter().filter_map(notice).collect()
}

/// Connects an account and returns the notices that wait for it.
fn notices(world: &mut World, account: &AccountSecret) -> (Line, Vec<(RelayId, Vec<u8>)>) {
    let mut line = world.connect();
    let proof = live_account(account, &line.channel.binding);
    let events = world.say(&mut line, proof);
    (line, returned(&events))
}

#[test]
fn kh_30_a_relay_carries_the_request_out_and_the_reply_back() {
    let mut world = World::new();
    let account = world.account();
    let relay = Operation::Relay { to: peer(1), sealed: parcel(7) };
    let (outputs, ticket, pending) = starts(&mut world, &account, relay);
    let started = exchanges(&outputs);
    let [(exchange, to, ask)] = started.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((to, ask), (&peer(1).url, &Ask::OneShot(parcel(7))));
    assert_eq!(outputs.len(), 1, "no answer before the peer's");
    let reply = OneShotReply::Sealed(vec![3; 1024]).to_bytes();
    let outputs = world.input(ended(*exchange, ExchangeOutcome::Answered(reply.clone())));
    assert_eq!(answer_in(reply_in(&outputs, ticket).unwrap(), &pending), Answer::Relayed { reply: reply.clone() });
    assert_eq!(world.input(ended(*exchange, ExchangeOutcome::Answered(reply))), [], "one answer only");
    for sealed in [vec![], vec![0; 5376], vec![2; 6000]] {
        let relay = Operation::Relay { to: peer(1), sealed };
        assert_eq!(world.ask_as_account(&account, relay), refused(Refusal::Invalid));
    }
}

#[test]
fn kh_30_a_relay_to_the_own_server_needs_no_network_and_cannot_be_chained() {
    let mut world = World::new();
    let device = world.device();
    let deposit = Operation::Deposit(world.deposit_to(&device, 4));
    let (sealed, pending) = world.seal(&Request { operation: deposit, signatures: Vec::new() });
    let relay = Operation::Relay { to: world.address(), sealed };
    let Answer::Relayed { reply } = world.ask_as_account(&device.account, relay) else { panic!("not relayed") };
    assert_eq!(answer_in(OneShotReply::from_bytes(&reply).unwrap(), &pending), Answer::Accepted);
    assert_eq!(world.fetch(&device).0, [(1, 4)]);
    let own = world.address();
    let inner = [
        Operation::Relay { to: peer(1), sealed: parcel(1) },
        Operation::Relay { to: own.clone(), sealed: parcel(1) },
        durable(1, peer(1)),
        Operation::DescriptorOf { url: peer(1).url },
    ];
    for operation in inner {
        let stamp = world.stamp();
        let signature = sign_as_account(&device.account, &operation, &stamp);
        let (sealed, pending) = world.seal(&Request { operation, signatures: vec![signature] });
        let relay = Operation::Relay { to: own.clone(), sealed };
        let Answer::Relayed { reply } = world.ask_as_account(&device.account, relay) else { panic!("not relayed") };
        let said = answer_in(OneShotReply::from_bytes(&reply).unwrap(), &pending);
        assert_eq!(said, refused(Refusal::ForbiddenDestination));
    }
    assert_eq!(world.counts().outgoing, 0);
}

#[test]
fn kh_31_one_account_cannot_hold_all_exchanges() {
    let mut world = World::new();
    let (greedy, other) = (world.account(), world.account());
    let relay = Operation::Relay { to: peer(1), sealed: parcel(7) };
    let mut started = Vec::new();
    for _ in 0..16 {
        started.extend(exchanges(&starts(&mut world, &greedy, relay.clone()).0));
    }
    assert_eq!(started.len(), 16);
    assert_eq!(world.ask_as_account(&greedy, relay.clone()), Answer::Busy { seconds: 2 });
    assert_eq!(exchanges(&starts(&mut world, &other, relay.clone()).0).len(), 1);
    world.input(ended(started[0].0, ExchangeOutcome::Unreachable));
    assert_eq!(exchanges(&starts(&mut world, &greedy, relay).0).len(), 1);
}

#[test]
fn kh_31_all_accounts_together_cannot_hold_more_than_512_exchanges() {
    let mut world = World::new();
    let relay = |n| Operation::Relay { to: peer(n), sealed: parcel(7) };
    for n in 0..32 {
        let account = world.account();
        for _ in 0..16 {
            assert_eq!(exchanges(&starts(&mut world, &account, relay(n)).0).len(), 1);
        }
    }
    let account = world.account();
    assert_eq!(world.ask_as_account(&account, relay(40)), Answer::Busy { seconds: 2 });
}

#[test]
fn kh_31_a_server_that_lets_everybody_wait_holds_no_more_than_64_exchanges() {
    let mut world = World::new();
    let slow = Operation::Relay { to: peer(1), sealed: parcel(7) };
    for _ in 0..4 {
        let account = world.account();
        for _ in 0..16 {
            assert_eq!(exchanges(&starts(&mut world, &account, slow.clone()).0).len(), 1);
        }
    }
    let account = world.account();
    assert_eq!(world.ask_as_account(&account, slow), Answer::Busy { seconds: 2 });
    let other = Operation::Relay { to: peer(2), sealed: parcel(7) };
    assert_eq!(exchanges(&starts(&mut world, &account, other).0).len(), 1);
}

#[test]
fn kh_31_the_numbers_are_the_operators_to_change() {
    let under_way = |quotas: Quotas, accounts: u8, servers: u8| {
        let mut world = World::with(Config { quotas, ..config() });
        let mut n_started = 0;
        for _ in 0..accounts {
            let account = world.account();
            for n in 0..servers * 8 {
                let relay = Operation::Relay { to: peer(n % servers), sealed: parcel(7) };
                n_started += exchanges(&starts(&mut world, &account, relay).0).len();
            }
        }
        n_started
    };
    let quotas = Quotas { exchanges: 3, exchanges_with_a_server: 5, exchanges_of_all: 7, ..Quotas::default() };
    assert_eq!(under_way(quotas, 1, 1), 3, "of an account");
    assert_eq!(under_way(quotas, 4, 1), 5, "with a server");
    assert_eq!(under_way(quotas, 4, 4), 7, "of all");
    let more = Quotas { exchanges: 20, exchanges_with_a_server: 70, exchanges_of_all: 600, ..Quotas::default() };
    assert_eq!(under_way(more, 1, 3), 20);
    assert_eq!(under_way(more, 9, 1), 70, "eight of each account");
    assert_eq!(under_way(more, 31, 9), 600);
}

#[test]
fn kh_32_only_what_has_the_right_form_is_passed_on() {
    let mut world = World::new();
    let account = world.account();
    let descriptor = world.home.descriptor().to_vec();
    let relay = Operation::Relay { to: peer(1), sealed: parcel(7) };
    let fetch = Operation::DescriptorOf { url: peer(1).url };
    let answered = ExchangeOutcome::Answered;
    let unreachable = refused(Refusal::Unreachable);
    let cases = [
        (relay.clone(), answered(b"<html>".to_vec()), unreachable.clone()),
        (relay.clone(), answered(vec![0; 98_305]), unreachable.clone()),
        (relay.clone(), ExchangeOutcome::Unreachable, unreachable.clone()),
        (relay, ExchangeOutcome::Forbidden, refused(Refusal::ForbiddenDestination)),
        (fetch.clone(), answered(vec![3]), unreachable.clone()),
        (fetch.clone(), answered(descriptor.clone()), Answer::Descriptor { descriptor: descriptor.clone() }),
        (fetch, ExchangeOutcome::Unreachable, unreachable),
    ];
    for (operation, outcome, expected) in cases {
        let (outputs, ticket, pending) = starts(&mut world, &account, operation);
        let (exchange, _, _) = exchanges(&outputs)[0].clone();
        let outputs = world.input(ended(exchange, outcome));
        assert_eq!(answer_in(reply_in(&outputs, ticket).unwrap(), &pending), expected);
    }
    let own = Operation::DescriptorOf { url: url("https://home.example") };
    assert_eq!(world.ask_as_account(&account, own), Answer::Descriptor { descriptor });
}

#[test]
fn kh_33_a_durable_relay_is_taken_once_and_survives_a_restart() {
    let mut world = World::with(Config { quotas: Quotas { outgoing: 1, ..Quotas::default() }, ..config() });
    let account = world.account();
    let (outputs, ticket, pending) = starts(&mut world, &account, durable(1, peer(1)));
    assert_eq!(answer_in(reply_in(&outputs, ticket).unwrap(), &pending), Answer::Accepted);
    assert_eq!(exchanges(&outputs).len(), 1, "sent at once, after the same commit");
    assert_eq!(world.ask_as_account(&account, durable(1, peer(1))), Answer::Accepted);
    assert_eq!(world.ask_as_account(&account, durable(1, peer(2))), refused(Refusal::Invalid));
    assert_eq!(world.ask_as_account(&account, durable(2, peer(1))), refused(Refusal::QuotaExceeded));
    let wrong = Operation::RelayDurable { to: peer(1), relay_id: RelayId([9; 16]), sealed: vec![1; 5377] };
    assert_eq!(world.ask_as_account(&account, wrong), refused(Refusal::Invalid));
    let mut world = world.restarted();
    assert_eq!(exchanges(&world.tick()), [], "not before its time");
    world.pass(3);
    let again = exchanges(&world.tick());
    assert_eq!(again[0].2, Ask::OneShot(parcel(1)));
    world.input(ended(again[0].0, delivered()));
    assert_eq!(world.counts().outgoing, 0);
    assert_eq!(world.ask_as_account(&account, durable(2, peer(1))), Answer::Accepted);
}

#[test]
fn kh_33_notices_count_against_the_quota_until_they_are_acknowledged() {
    let mut world = World::with(Config { quotas: Quotas { outgoing: 2, ..Quotas::default() }, ..config() });
    let account = world.account();
    // Sealed to a key that the server never had: each comes back at once with a descriptor of kilobytes.
    for n in 1..=2 {
        let own = world.address();
        assert_eq!(world.ask_as_account(&account, durable(n, own)), Answer::Accepted);
    }
    for to in [world.address(), peer(1)] {
        assert_eq!(world.ask_as_account(&account, durable(3, to)), refused(Refusal::QuotaExceeded));
    }
    let ack = Operation::ReturnAck { relay_id: RelayId([1; 16]) };
    assert_eq!(world.ask_as_account(&account, ack), Answer::Accepted);
    let (outputs, _, _) = starts(&mut world, &account, durable(3, peer(1)));
    assert_eq!(exchanges(&outputs).len(), 1);
}

#[test]
fn kh_33_a_durable_relay_to_the_own_server_is_delivered_at_once() {
    let mut world = World::new();
    let device = world.device();
    let deposit = Operation::Deposit(world.deposit_to(&device, 4));
    let (sealed, _) = world.seal(&Request { operation: deposit, signatures: Vec::new() });
    let relay = Operation::RelayDurable { to: world.address(), relay_id: RelayId([1; 16]), sealed };
    assert_eq!(world.ask_as_account(&device.account, relay), Answer::Accepted);
    assert_eq!(world.fetch(&device).0, [(1, 4)]);
    // One that is sealed to a key this server no longer has comes back with the descriptor.
    let stale = Operation::RelayDurable { to: world.address(), relay_id: RelayId([2; 16]), sealed: parcel(2) };
    assert_eq!(world.ask_as_account(&device.account, stale), Answer::Accepted);
    let descriptor = world.home.descriptor().to_vec();
    assert_eq!(notices(&mut world, &device.account).1, [(RelayId([2; 16]), descriptor)]);
}

#[test]
fn kh_34_a_crowd_for_one_server_does_not_hold_up_another() {
    let mut world = World::new();
    let account = world.account();
    let mut started = Vec::new();
    for n in 0..30 {
        started.extend(exchanges(&starts(&mut world, &account, durable(n, peer(1))).0));
    }
    assert_eq!(started.len(), 8, "at most eight to one server");
    let (outputs, _, _) = starts(&mut world, &account, durable(100, peer(2)));
    assert_eq!(exchanges(&outputs)[0].1, peer(2).url);
    let outputs = world.input(ended(started[0].0, delivered()));
    assert_eq!(exchanges(&outputs).len(), 1, "the next one follows");
}

#[test]
fn kh_34_many_servers_take_turns_when_there_is_no_room_for_all() {
    let mut world = World::new();
    let account = world.account();
    for n in 0..100 {
        starts(&mut world, &account, durable(n, peer(n)));
    }
    // Eight at most to each server, sixty-four overall: all are taken by the first servers that came.
    let mut world = world.restarted();
    world.pass(10);
    let mut seen = std::collections::BTreeSet::new();
    let mut started = exchanges(&world.tick());
    assert_eq!(started.len(), 64);
    while let Some((exchange, to, _)) = started.pop() {
        seen.insert(to);
        started.extend(exchanges(&world.input(ended(exchange, delivered()))));
    }
    assert_eq!(seen.len(), 100);
    assert_eq!(world.counts().outgoing, 0);
}

#[test]
fn kh_34_servers_with_much_waiting_do_not_keep_the_places_they_have() {
    let mut world = World::new();
    let account = world.account();
    for n in 0..100 {
        starts(&mut world, &account, durable(n, peer(n % 10)));
    }
    let mut world = world.restarted();
    world.pass(10);
    let started = exchanges(&world.tick());
    let servers = |exchanges: &[(ExchangeId, ServerUrl, Ask)]| {
        exchanges.iter().map(|(_, to, _)| to.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((started.len(), servers(&started).len()), (64, 8));
    let freed: Vec<Input> = started.iter().take(16).map(|(exchange, _, _)| ended(*exchange, delivered())).collect();
    let next = exchanges(&world.batch(freed));
    assert_eq!(next.len(), 16);
    assert!(servers(&next).is_disjoint(&servers(&started)), "the two that had nothing come first");
}

#[test]
fn kh_34_servers_that_are_away_do_not_stand_in_front_of_the_others() {
    let mut world = World::new();
    let account = world.account();
    // A hundred names at which nobody answers, all before the last one in the alphabet, each with much waiting.
    let mut away = Vec::new();
    for n in 0..200 {
        let dead = ServerAddress { url: url(&format!("https://a{:03}.example", n % 100)), key: ServerKey([1; 32]) };
        away.extend(exchanges(&starts(&mut world, &account, durable(n, dead)).0));
    }
    for _ in 0..60 {
        while let Some((exchange, _, _)) = away.pop() {
            away.extend(exchanges(&world.input(ended(exchange, ExchangeOutcome::Unreachable))));
        }
        world.pass(60);
        away.extend(exchanges(&world.tick()));
    }
    away.extend(exchanges(&starts(&mut world, &account, durable(255, peer(9))).0));
    for _ in 0..5 {
        if away.iter().any(|(_, to, _)| *to == peer(9).url) {
            return;
        }
        let ended: Vec<Input> =
            away.drain(..).map(|(exchange, _, _)| ended(exchange, ExchangeOutcome::Unreachable)).collect();
        away.extend(exchanges(&world.batch(ended)));
        world.pass(1);
        away.extend(exchanges(&world.tick()));
    }
    panic!("the server that is there was never asked");
}

#[test]
fn kh_35_a_server_that_is_away_is_asked_ever_more_rarely_and_caught_up_with_at_once() {
    let mut world = World::new();
    let account = world.account();
    let mut under_way = exchanges(&starts(&mut world, &account, durable(1, peer(1))).0);
    let mut attempts = Vec::new();
    let start = world.now;
    while world.now < start.plus_seconds(2 * 3600) {
        if let Some((exchange, _, _)) = under_way.pop() {
            attempts.push(world.now.seconds() - start.seconds());
            world.input(ended(exchange, ExchangeOutcome::Unreachable));
        }
        world.pass(1);
        under_way.extend(exchanges(&world.tick()));
    }
    let gaps: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[0] >= 2 && gaps[0] <= 4, "{gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= 900 * 5 / 4 + 1), "{gaps:?}");
    assert!(attempts.len() > 10 && attempts.len() < 25, "{attempts:?}");
    // Meanwhile others for the same server wait without being tried.
    for n in 2..20 {
        assert_eq!(exchanges(&starts(&mut world, &account, durable(n, peer(1))).0), []);
    }
    let exchange = loop {
        if let Some((exchange, _, _)) = under_way.pop() {
            break exchange;
        }
        world.pass(1);
        under_way.extend(exchanges(&world.tick()));
    };
    let next = exchanges(&world.input(ended(exchange, delivered())));
    assert_eq!(next.len(), 8);
    let busy = ExchangeOutcome::Answered(OneShotReply::Busy(30).to_bytes());
    assert_eq!(exchanges(&world.input(ended(next[0].0, busy))), []);
    world.pass(29);
    assert_eq!(exchanges(&world.tick()), []);
}

#[test]
fn kh_35_what_waits_on_the_disk_tells_the_hour_and_nothing_finer() {
    let mut world = World::new();
    let account = world.account();
    world.pass(1234);
    let (outputs, _, _) = starts(&mut world, &account, durable(1, peer(1)));
    world.input(ended(exchanges(&outputs)[0].0, ExchangeOutcome::Unreachable));
    starts(&mut world, &account, durable(2, peer(1)));
    let hour = world.now.hour();
    let txn = world.store.begin().unwrap();
    let row = |n: u8| {
        let key = crate::store::OutgoingKey { account: account.public(), relay: RelayId([n; 16]) };
        txn.outgoing(&key).unwrap().unwrap()
    };
    assert_eq!((row(1).accepted, row(1).next_attempt), (hour, hour.start().plus_seconds(1)));
    assert_eq!((row(2).accepted, row(2).next_attempt), (hour, hour.start()));
}

#[test]
fn kh_36_what_cannot_be_delivered_comes_back_until_it_is_acknowledged() {
    let mut world = World::new();
    let account = world.account();
    let descriptor = world.home.descriptor().to_vec();
    let outcomes = [
        ExchangeOutcome::Answered(OneShotReply::Descriptor(descriptor.clone()).to_bytes()),
        ExchangeOutcome::Answered(OneShotReply::Refused.to_bytes()),
        ExchangeOutcome::Forbidden,
    ];
    for (n, outcome) in (1..).zip(outcomes) {
        let (outputs, _, _) = starts(&mut world, &account, durable(n, peer(n)));
        world.input(ended(exchanges(&outputs)[0].0, outcome));
    }
    let expected = [(1, descriptor), (2, Vec::new()), (3, Vec::new())].map(|(n, bytes)| (RelayId([n; 16]), bytes));
    let mut world = world.restarted();
    let (mut line, came_back) = notices(&mut world, &account);
    assert_eq!(came_back, expected);
    let ack = Operation::ReturnAck { relay_id: RelayId([1; 16]) };
    assert_eq!(returned(&world.say(&mut line, ack)), [], "nothing is told twice on a connection");
    // What comes back while the account is connected is told at once.
    let message = line.record(durable(4, peer(4)));
    let outputs = world.input(Input::Live { connection: line.id, message });
    line.events(&outputs);
    let outputs = world.input(ended(exchanges(&outputs)[0].0, ExchangeOutcome::Forbidden));
    assert_eq!(returned(&line.events(&outputs)), [(RelayId([4; 16]), Vec::new())]);
    assert_eq!(notices(&mut world, &account).1.len(), 3);
    let stranger = world.account();
    assert_eq!(notices(&mut world, &stranger).1, []);
}

#[test]
fn kh_37_a_relay_is_given_up_after_seven_days() {
    let mut world = World::new();
    let account = world.account();
    starts(&mut world, &account, durable(1, peer(1)));
    world.now = world.now.hour().start().plus_seconds(7 * 86_400 + 3599);
    world.tick();
    assert_eq!(world.counts().outgoing, 1);
    world.pass(60);
    world.tick();
    assert_eq!(world.counts().outgoing, 0);
    assert_eq!(notices(&mut world, &account).1, [(RelayId([1; 16]), Vec::new())]);
    let txn = world.store.begin().unwrap();
    assert_eq!(txn.account(&account.public()).unwrap().unwrap().n_outgoing, 0);
}

#[test]
fn kh_37_a_clock_that_was_ahead_does_not_hold_relays_up() {
    let mut world = World::new();
    let account = world.account();
    world.pass(30 * 86_400);
    let (outputs, _, _) = starts(&mut world, &account, durable(1, peer(1)));
    world.input(ended(exchanges(&outputs)[0].0, ExchangeOutcome::Unreachable));
    world.tick();
    world.now = START;
    let mut asked = exchanges(&world.tick());
    for _ in 0..3 {
        world.pass(1);
        asked.extend(exchanges(&world.tick()));
    }
    assert_eq!(asked.len(), 1);
}

#[test]
fn kh_41_a_relay_that_the_disk_has_lost_is_taken_again_or_comes_back() {
    let mut world = World::new();
    let account = world.account();
    let lose = |world: &mut World, n: u8| {
        let key = crate::store::OutgoingKey { account: account.public(), relay: RelayId([n; 16]) };
        let mut txn = world.store.begin().unwrap();
        let outgoing = txn.outgoing(&key).unwrap().unwrap();
        txn.put_outgoing(&key, &crate::store::Outgoing { sealed: Vec::new(), ..outgoing }).unwrap();
        txn.commit().unwrap();
    };
    for n in [1, 2] {
        let (outputs, _, _) = starts(&mut world, &account, durable(n, peer(n)));
        world.input(ended(exchanges(&outputs)[0].0, ExchangeOutcome::Unreachable));
        lose(&mut world, n);
    }
    // The device asks for the first again before its time comes; nobody asks for the second.
    let answer = world.ask_as_account(&account, durable(1, peer(1)));
    assert_eq!(answer, Answer::Accepted);
    world.pass(3600);
    let outputs = world.tick();
    assert_eq!(exchanges(&outputs).len(), 1, "nothing is sent in place of what was lost");
    world.input(ended(exchanges(&outputs)[0].0, delivered()));
    assert_eq!(world.counts().outgoing, 0);
    assert_eq!(notices(&mut world, &account).1, [(RelayId([2; 16]), Vec::new())]);
    let txn = world.store.begin().unwrap();
    assert_eq!(txn.account(&account.public()).unwrap().unwrap().n_outgoing, 0);
}

#[test]
fn whoever_waited_for_a_peer_in_a_lost_batch_is_not_answered_by_accident() {
    let mut world = World::new();
    let account = world.account();
    let relay = Operation::Relay { to: peer(1), sealed: parcel(7) };
    let (outputs, _, _) = starts(&mut world, &account, relay);
    drop(world.home.begin(&mut world.store, world.now, &mut world.rng).unwrap());
    assert_eq!(world.input(ended(exchanges(&outputs)[0].0, delivered())), []);
}
