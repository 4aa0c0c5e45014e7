//! Delivery against all odds: absence, loss, expiry, moves, other weeks.

use kith_engine::{Command, ContactState, Event, LinkState, MessageState};
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::frame::Frame;

use crate::world::{ANA, BELA, Reach, World};

#[test]
fn everything_waits_for_a_server_that_is_away() {
    let (mut world, bela, ana) = World::met("away");
    world.reach(0, Reach::Down);
    world.run(5);
    let message = world.send(ANA, bela, "from the train");
    world.run(120);
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    assert!(world.events(ANA).contains(&Event::Link(LinkState::Down)));
    world.reach(0, Reach::Up);
    world.run(400);
    assert_eq!(world.texts(BELA, ana), ["from the train"]);
    assert!(world.events(ANA).contains(&Event::Link(LinkState::Up)));
}

#[test]
fn a_contacts_server_may_be_away_for_days() {
    let (mut world, bela, ana) = World::met("peer-away");
    world.reach(1, Reach::Down);
    let message = world.send(ANA, bela, "patience");
    world.run(2 * 86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.reach(1, Reach::Up);
    world.run(86_400);
    assert_eq!(world.texts(BELA, ana), ["patience"]);
}

#[test]
fn ke_14_a_frame_that_nobody_acknowledges_is_deposited_again() {
    let (mut world, bela, ana) = World::met("again");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "lost by the server");
    world.run(10);
    let frame = |world: &World| {
        let sql = "SELECT bytes, attempts FROM frames WHERE message IS NOT NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u32>(1)?));
        world.people[ANA].keeper.query_row(sql, [], read).unwrap()
    };
    let first = frame(&world);
    assert_eq!(first.1, 1);
    world.lose_queues(1);
    world.run(4 * 3600);
    assert_eq!(frame(&world), (first.0, 3));
    world.online(BELA, Reach::Up);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["lost by the server"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn ks_48_what_stands_behind_an_acknowledgement_that_was_lost_twice_comes_a_day_later() {
    let (mut world, bela, ana) = World::met("lost-twice");
    world.run(10);
    world.send(BELA, ana, "one");
    world.settle();
    world.online(BELA, Reach::Down);
    world.run(5);
    assert_eq!(world.queued(1), 1);
    world.lose_queues(1);
    world.send(ANA, bela, "two");
    world.run(5);
    world.online(ANA, Reach::Down);
    world.online(BELA, Reach::Up);
    world.run(5);
    world.online(BELA, Reach::Down);
    world.online(ANA, Reach::Up);
    world.run(5);
    // What Bela has shows that the acknowledgement was lost. Its copy is lost too, and nobody has anything to say.
    assert_eq!(world.queued(1), 1);
    world.lose_queues(1);
    world.online(BELA, Reach::Up);
    world.run(12 * 3600);
    assert_eq!(world.texts(BELA, ana), ["one"]);
    world.run(13 * 3600);
    assert_eq!(world.texts(BELA, ana), ["one", "two"]);
    assert!(world.events(BELA).contains(&Event::Quiet), "an acknowledgement of tomorrow keeps nothing busy");
}

#[test]
fn a_gap_that_an_ack_shows_is_filled_at_once() {
    let (mut world, bela, ana) = World::met("gap");
    world.online(BELA, Reach::Down);
    world.send(ANA, bela, "first");
    world.run(70);
    world.lose_queues(1);
    world.send(ANA, bela, "second");
    world.run(10);
    world.online(BELA, Reach::Up);
    world.run(30);
    assert_eq!(world.texts(BELA, ana), ["first", "second"]);
}

#[test]
fn ke_15_what_cannot_be_delivered_expires_and_the_session_goes_on() {
    let (mut world, bela, ana) = World::met("expiry");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "too late");
    world.run(61 * 86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    assert!(world.events(ANA).contains(&Event::State { contact: bela, message, state: MessageState::Expired }));
    world.lose_queues(1);
    world.send(ANA, bela, "still here");
    world.online(BELA, Reach::Up);
    world.run(10 * 60);
    assert_eq!(world.texts(BELA, ana), ["still here"]);
    world.send(BELA, ana, "me too");
    world.run(10);
    assert_eq!(world.texts(ANA, bela).last().map(String::as_str), Some("me too"));
}

#[test]
fn ke_15_an_acknowledgement_that_waits_at_the_end_still_counts() {
    let (mut world, bela, ana) = World::met("ack-waits");
    world.run(5);
    let message = world.send(ANA, bela, "read while you were away");
    // Bela's server has it; then Ana is away, and her time for it passes.
    while world.queued(1) == 0 {
        assert!(world.step());
    }
    world.stop(ANA);
    world.run(5);
    assert_eq!(world.texts(BELA, ana), ["read while you were away"]);
    world.stop(BELA);
    // Ana's server keeps the ack for three weeks; her clock is what has moved on.
    world.people[ANA].keeper.execute("UPDATE frames SET expires = 0 WHERE message = ?1", [message.0]).unwrap();
    world.online(ANA, Reach::Down);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.online(ANA, Reach::Up);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn ke_15_an_acknowledgement_under_way_at_the_last_moment_still_counts() {
    let (mut world, bela, ana) = World::met("ack-late");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "just in time");
    world.run(60 * 86_400 - 5);
    world.reach(0, Reach::Down);
    world.online(BELA, Reach::Up);
    while world.texts(BELA, ana).is_empty() {
        world.run(1);
    }
    world.run(3600);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.reach(0, Reach::Up);
    world.run(86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn ke_15_nothing_is_deposited_after_its_time_and_nobody_is_kept_busy_by_it() {
    let (mut world, bela, _) = World::met("past-time");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "too late");
    world.run(60 * 86_400 - 60);
    world.online(ANA, Reach::Down);
    let attempts = "SELECT max(attempts) FROM frames";
    let before = world.count(ANA, attempts);
    world.people[ANA].keeper.execute("UPDATE frames SET due = 0 WHERE message IS NOT NULL", []).unwrap();
    world.run(2 * 86_400);
    // Whether it was acknowledged cannot be known while nobody asks.
    assert_eq!((world.state(ANA, bela, message), world.count(ANA, attempts)), (MessageState::Accepted, before));
    let steps = world.steps;
    world.online(ANA, Reach::Up);
    world.run(30);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    assert!(world.steps - steps < 100, "{} steps", world.steps - steps);
}

#[test]
fn ke_34_a_copy_that_comes_after_its_sender_gave_it_up_is_not_shown() {
    let (mut world, bela, ana) = World::met("late-copy");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "too late");
    world.run(61 * 86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    assert!(world.queued(1) > 0, "a copy still waits at the server");
    world.send(ANA, bela, "in time");
    world.online(BELA, Reach::Up);
    world.run(10 * 60);
    assert_eq!(world.texts(BELA, ana), ["in time"]);
}

#[test]
fn ke_34_a_late_copy_that_others_waited_for_is_not_shown_and_they_are() {
    let (mut world, bela, ana) = World::met("late-gap");
    world.online(BELA, Reach::Down);
    let message = world.send(ANA, bela, "kept back by the server");
    world.send(ANA, bela, "in time");
    world.run(5);
    let sql = "SELECT f.bytes, p.queue FROM frames f JOIN peers p ON p.id = f.peer WHERE f.message = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
    let (frame, queue) = world.people[ANA].keeper.query_row(sql, [message.0], read).unwrap();
    // Only the second one is left at the server, and the first is never deposited again.
    world.lose_queues(1);
    world.people[ANA].keeper.execute("UPDATE frames SET due = NULL WHERE message = ?1", [message.0]).unwrap();
    let rest = "UPDATE frames SET due = 0 WHERE message IS NOT NULL AND message <> ?1";
    world.people[ANA].keeper.execute(rest, [message.0]).unwrap();
    world.crash(ANA);
    world.online(BELA, Reach::Up);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), Vec::<String>::new());
    assert_eq!(world.count(BELA, "SELECT count(*) FROM early"), 1);
    world.stop(ANA);
    world.run(61 * 86_400);
    let queue = QueueAddress::from_bytes(&queue).unwrap();
    world.deposit(1, &queue, Frame::from_slice(&frame).unwrap());
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["in time"]);
}

#[test]
fn ke_26_a_message_that_could_not_leave_yet_outlives_its_time() {
    let mut world = World::new("unsent");
    let (bela, offer) = world.card(ANA);
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(5) }).unwrap();
    let message = world.send(ANA, bela, "before we met");
    world.run(3600);
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    let ana = world.accept(BELA, offer);
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["before we met"]);
    assert_eq!(world.texts(ANA, bela), Vec::<String>::new());
}

#[test]
fn ke_16_a_rotated_queue_replaces_the_old_one_after_a_day() {
    let (mut world, bela, ana) = World::met("rotate");
    let queue = "SELECT hex(queue) FROM peers";
    let address =
        |world: &World| -> String { world.people[BELA].keeper.query_row(queue, [], |row| row.get(0)).unwrap() };
    let before = address(&world);
    world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    let under_way = world.send(BELA, ana, "into the old one");
    world.run(10);
    assert_ne!(address(&world), before);
    world.send(BELA, ana, "into the new one");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["into the old one", "into the new one"]);
    assert_eq!(world.state(BELA, ana, under_way), MessageState::Delivered);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM queues WHERE state = 3"), 1);
    world.run(2 * 86_400);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM queues WHERE state IN (3, 4)"), 0);
    world.send(BELA, ana, "still heard");
    world.run(10);
    assert_eq!(world.texts(ANA, bela).len(), 3);
}

#[test]
fn a_queue_move_that_expires_is_said_again() {
    let (mut world, bela, ana) = World::met("move-again");
    world.online(BELA, Reach::Down);
    world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    world.run(61 * 86_400);
    world.lose_queues(1);
    world.online(BELA, Reach::Up);
    world.run(86_400);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM queues WHERE contact IS NOT NULL AND state = 2"), 1);
    world.send(BELA, ana, "moved");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["moved"]);
}

#[test]
fn talk_goes_on_over_weeks_while_servers_change_their_keys() {
    let (mut world, bela, ana) = World::met("weeks");
    for week in 0..4 {
        world.send(ANA, bela, &format!("week {week}"));
        world.run(20);
        world.send(BELA, ana, &format!("answer {week}"));
        world.run(20);
        assert_eq!(world.texts(ANA, bela).len(), 2 * (week + 1));
        assert_eq!(world.texts(BELA, ana).len(), 2 * (week + 1));
        world.run(7 * 86_400);
    }
}

#[test]
fn what_a_relay_gave_up_is_deposited_again() {
    let (mut world, bela, ana) = World::met("returned");
    world.reach(1, Reach::Down);
    world.send(ANA, bela, "longer than a relay tries");
    world.run(8 * 86_400);
    world.reach(1, Reach::Up);
    world.run(86_400);
    assert_eq!(world.texts(BELA, ana), ["longer than a relay tries"]);
}

#[test]
fn quiet_comes_after_everything_that_waited_at_the_server() {
    let (mut world, bela, ana) = World::met("quiet");
    world.online(BELA, Reach::Down);
    for n in 0..150 {
        world.send(ANA, bela, &format!("{n}"));
    }
    world.run(30);
    world.events(BELA);
    world.online(BELA, Reach::Up);
    while !world.events(BELA).contains(&Event::Quiet) {
        world.run(1);
    }
    assert_eq!(world.texts(BELA, ana).len(), 150);
}

#[test]
fn quiet_does_not_wait_for_another_server_that_is_gone() {
    let (mut world, bela, ana) = World::met("quiet-gone");
    world.reach(1, Reach::Down);
    world.run(20 * 86_400);
    world.online(ANA, Reach::Down);
    let message = world.send(ANA, bela, "nobody is there");
    world.events(ANA);
    world.online(ANA, Reach::Up);
    world.run(60);
    assert!(world.events(ANA).contains(&Event::Quiet));
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    world.reach(1, Reach::Up);
    world.run(3600);
    assert_eq!(world.texts(BELA, ana), ["nobody is there"]);
}

#[test]
fn device_lists_are_signed_anew_at_a_password_entry_and_reach_the_contact() {
    let (mut world, bela, _) = World::met("lists");
    let version = |world: &World| {
        let row = world.people[BELA].keeper.query_row("SELECT hex(peer_list) FROM contacts", [], |row| row.get(0));
        let list: String = row.unwrap();
        list
    };
    let before = version(&world);
    world.run(23 * 86_400);
    let world_now = world.now;
    let user = world.people[ANA].user.clone();
    world.people[ANA].engine.refresh_device_lists(&user, world_now, &mut world.rng).unwrap();
    world.run(60);
    assert_ne!(version(&world), before);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Established);
}

#[test]
fn ke_32_messages_wait_while_the_contacts_device_list_has_expired() {
    let (mut world, bela, ana) = World::met("old-list");
    world.run(95 * 86_400);
    let message = world.send(ANA, bela, "who reads this?");
    world.run(3600);
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    let (now, user) = (world.now, world.people[BELA].user.clone());
    world.people[BELA].engine.refresh_device_lists(&user, now, &mut world.rng).unwrap();
    world.run(60);
    assert_eq!(world.texts(BELA, ana), ["who reads this?"]);
}
