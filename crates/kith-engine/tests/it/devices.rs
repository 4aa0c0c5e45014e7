//! A contact with two devices: each gets everything, and neither holds up the other.

use std::sync::atomic::Ordering;

use kith_engine::{Command, CommandError, Ended, Event, MessageState, Reply, Whom};
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::signed::Signed;
use kith_wire::time::Day;
use rand::RngExt;

use crate::world::devices::Pair;
use crate::world::{ANA, BELA, Disk, LAPTOP, Reach, World, message_of};

#[test]
fn ke_42_each_device_gets_every_message_and_is_heard() {
    let Pair { mut world, bela, ana, laptop } = Pair::met("two");
    let message = world.send(ANA, bela, "hello, both of you");
    world.run(10);
    world.send(BELA, ana, "from the phone");
    world.send(LAPTOP, laptop, "from the laptop");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["hello, both of you", "from the phone"]);
    assert_eq!(world.texts(LAPTOP, laptop), ["hello, both of you", "from the laptop"]);
    let mut heard = world.texts(ANA, bela);
    heard.sort();
    assert_eq!(heard, ["from the laptop", "from the phone", "hello, both of you"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

#[test]
fn ke_42_a_device_that_is_away_for_ten_weeks_stops_no_other() {
    let mut pair = Pair::met("weeks-away");
    let (bela, ana) = (pair.bela, pair.ana);
    pair.world.online(LAPTOP, Reach::Down);
    let mut said = Vec::new();
    for week in 0..10 {
        let text = format!("week {week}");
        let message = pair.world.send(ANA, bela, &text);
        said.push(text);
        pair.world.run(60);
        assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
        pair.world.run(7 * 86_400);
        assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
    }
    assert_eq!(pair.shown(), [said.clone(), Vec::new()]);
    assert!(
        !pair.world.events(ANA).iter().any(|event| matches!(event, Event::State { state: MessageState::Expired, .. }))
    );
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.run(2 * 86_400);
    // What is older than sixty days was given up for the laptop alone; the newer ones it gets in order.
    let [phone, laptop] = pair.shown();
    assert_eq!(phone, said);
    assert!(laptop.len() > 6 && said.ends_with(&laptop), "{laptop:?}");
    pair.world.send(LAPTOP, pair.laptop, "back again");
    pair.world.send(BELA, ana, "never gone");
    pair.world.run(10);
    assert_eq!(pair.world.texts(ANA, bela).len(), 12);
}

#[test]
fn ke_42_a_full_session_keeps_its_place_while_the_other_goes_on() {
    let mut pair = Pair::met("full");
    let bela = pair.bela;
    pair.world.online(LAPTOP, Reach::Down);
    pair.world.fill(ANA, 2);
    let mut said = Vec::new();
    for n in 0..7 {
        let text = format!("number {n}");
        let message = pair.world.send(ANA, bela, &text);
        said.push(text);
        pair.world.run(2);
        assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
    }
    assert_eq!(pair.shown(), [said.clone(), Vec::new()]);
    // One more went into the laptop's session; the others wait.
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 6);
    let status = pair.world.people[ANA].engine.status(pair.world.now).unwrap();
    assert_eq!(status.waiting, 0, "nothing waits for a person whose phone has it");
    // What waits outlives a crash, and goes out in order.
    pair.world.crash(ANA);
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.run(60);
    assert_eq!(pair.shown(), [said.clone(), said]);
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

#[test]
fn ke_42_a_device_whose_server_is_gone_for_ever_holds_up_no_frame_of_the_other() {
    let mut pair = Pair::met("server-gone");
    let (world, bela) = (&mut pair.world, pair.bela);
    world.alter(ANA, "INSERT INTO servers (url, key) VALUES ('https://gone.example', zeroblob(32))", &[]);
    world.alter(ANA, "UPDATE peers SET server = (SELECT max(id) FROM servers) WHERE id = 2", &[]);
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
                INSERT INTO frames (peer, kind, bytes, expires, due) SELECT 2, 3, zeroblob(4096), ?1, 0 FROM n";
    world.alter(ANA, many, &[&(world.now.plus_seconds(60 * 86_400).0 as i64)]);
    let message = world.send(ANA, bela, "past two thousand others");
    world.run(10);
    assert_eq!(world.texts(BELA, pair.ana), ["past two thousand others"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    assert!(world.events(ANA).contains(&Event::Quiet));
}

/// Takes the session with a device out of Ana's tables, as if the device were being met still, and returns it.
fn unfinish(world: &World, peer: i64) -> Vec<u8> {
    let core = world.blob(ANA, &format!("SELECT core FROM peers WHERE id = {peer}"));
    world.alter(ANA, "UPDATE peers SET core = NULL WHERE id = ?1", &[&peer]);
    core
}

fn finish(world: &World, peer: i64, core: &[u8]) {
    world.alter(ANA, "UPDATE peers SET core = ?2 WHERE id = ?1", &[&peer, &core]);
}

#[test]
fn ke_42_a_device_whose_session_is_not_finished_gets_later_what_still_waits() {
    let mut pair = Pair::met("unfinished");
    let bela = pair.bela;
    pair.world.send(ANA, bela, "before");
    pair.world.run(10);
    pair.world.online(LAPTOP, Reach::Down);
    let core = unfinish(&pair.world, 2);
    let message = pair.world.send(ANA, bela, "meanwhile");
    pair.world.run(10);
    assert_eq!(pair.world.texts(BELA, pair.ana), ["before", "meanwhile"]);
    assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
    finish(&pair.world, 2, &core);
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.send(BELA, pair.ana, "anything wakes it");
    pair.world.run(10);
    assert_eq!(pair.world.texts(LAPTOP, pair.laptop), ["before", "meanwhile"]);
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

/// Nothing is said of device keys for decades.
fn keep_keys(world: &World, who: usize) {
    world.alter(who, "UPDATE own_rotations SET at = at * 2", &[]);
}

#[test]
fn ke_43_a_message_is_as_far_as_it_is_with_one_device() {
    let Pair { mut world, bela, .. } = Pair::met("states");
    keep_keys(&world, ANA);
    world.online(BELA, Reach::Down);
    world.online(LAPTOP, Reach::Down);
    world.online(ANA, Reach::Down);
    let message = world.send(ANA, bela, "one of you is enough");
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    world.online(ANA, Reach::Up);
    // With a frame that waits here still, for a device in use, the server does not have it.
    while world.count(ANA, "SELECT count(*) FROM frames WHERE message IS NOT NULL AND deposited IS NOT NULL") == 0 {
        assert!(world.step());
    }
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    world.run(70 * 86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM frames WHERE message IS NOT NULL"), 0);
}

#[test]
fn ke_43_a_message_expires_when_no_device_has_it() {
    let Pair { mut world, bela, .. } = Pair::met("states-expired");
    world.online(BELA, Reach::Down);
    world.online(LAPTOP, Reach::Down);
    let message = world.send(ANA, bela, "nobody is there");
    world.run(61 * 86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    let expired = Event::State { contact: bela, message, state: MessageState::Expired };
    assert_eq!(world.events(ANA).iter().filter(|event| **event == expired).count(), 1);
}

#[test]
fn ke_43_what_waits_for_a_session_that_is_not_finished_expires_only_with_the_rest() {
    let Pair { mut world, bela, .. } = Pair::met("states-waiting");
    keep_keys(&world, ANA);
    for who in [BELA, LAPTOP] {
        world.online(who, Reach::Down);
    }
    unfinish(&world, 2);
    let message = world.send(ANA, bela, "under way to the phone");
    world.run(60 * 86_400 + 60);
    // Nothing can be sealed any more, and the phone's acknowledgement may be under way.
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    world.run(86_400);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
}

#[test]
fn ke_44_a_device_that_is_revoked_is_written_to_no_more_and_hears_it() {
    let Pair { mut world, bela, ana, laptop } = Pair::met("revoked");
    world.online(LAPTOP, Reach::Down);
    let before = world.send(ANA, bela, "to both");
    world.run(10);
    assert!(world.count(ANA, "SELECT count(*) FROM frames WHERE peer = 2 AND message IS NOT NULL") > 0);
    world.revoke_laptop();
    world.run(60);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM frames WHERE peer = 2 AND message IS NOT NULL"), 0);
    let after = world.send(ANA, bela, "to the phone");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["to both", "to the phone"]);
    for message in [before, after] {
        assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    }
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
    // Nothing is wrong with the contact, and the device learns that it is out.
    let events = world.events(ANA);
    assert!(events.contains(&Event::Contact { contact: bela }), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::SessionUnusable { .. } | Event::DeviceStopped { .. })));
    assert!(!world.people[ANA].engine.contact(bela).unwrap().needs_card);
    world.online(LAPTOP, Reach::Up);
    world.run(10);
    assert!(world.events(LAPTOP).contains(&Event::SessionUnusable { contact: laptop, why: Ended::ByContact }));
    assert!(!world.texts(LAPTOP, laptop).contains(&"to the phone".to_owned()));
}

#[test]
fn ke_44_a_device_that_no_list_names_gets_nothing_until_one_does() {
    let mut pair = Pair::met("not-named");
    let (bela, ana) = (pair.bela, pair.ana);
    let set = |world: &World, device: &[u8]| world.alter(ANA, "UPDATE peers SET device = ?1 WHERE id = 2", &[&device]);
    let device = pair.world.blob(ANA, "SELECT device FROM peers WHERE id = 2");
    set(&pair.world, &[0; 16]);
    let message = pair.world.send(ANA, bela, "whom do you trust?");
    pair.world.run(10);
    assert_eq!(pair.shown(), [vec!["whom do you trust?".to_owned()], Vec::new()]);
    assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
    set(&pair.world, &device);
    pair.world.send(BELA, ana, "the laptop too");
    pair.world.run(10);
    assert_eq!(pair.world.texts(LAPTOP, pair.laptop), ["whom do you trust?"]);
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

#[test]
fn ke_44_a_list_that_is_older_than_the_newest_replaces_nothing() {
    let mut pair = Pair::met("older-list");
    // Another device has told a newer one meanwhile.
    pair.world.replace_list(ANA, |list| list.version = 1_000_000);
    pair.world.revoke_laptop();
    pair.world.run(10);
    let list = pair.world.blob(ANA, "SELECT peer_list FROM contacts");
    let list = Signed::<DeviceList>::from_bytes(&list).unwrap().decode_unverified().unwrap();
    assert_eq!((list.version, list.devices.len()), (1_000_000, 2));
    // What it revokes is revoked all the same.
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM peers WHERE stopped = 1"), 1);
}

/// The laptop goes on from an old copy of its data, and says something with it.
fn break_laptop(pair: &mut Pair) {
    let backup = pair.world.back_up(LAPTOP);
    for text in ["one", "two"] {
        pair.world.send(LAPTOP, pair.laptop, text);
        pair.world.run(5);
    }
    pair.world.restore(LAPTOP, backup);
    pair.world.run(5);
    pair.world.events(ANA);
    pair.world.send(LAPTOP, pair.laptop, "again");
    pair.world.run(10);
}

#[test]
fn ke_45_a_session_that_stops_ends_the_conversation_with_one_device_only() {
    let mut pair = Pair::met("one-stops");
    let (bela, ana) = (pair.bela, pair.ana);
    break_laptop(&mut pair);
    let world = &mut pair.world;
    let events = world.events(ANA);
    assert!(events.contains(&Event::DeviceStopped { contact: bela, why: Ended::ContactsCopy }), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::SessionUnusable { .. })));
    assert!(!world.people[ANA].engine.contact(bela).unwrap().needs_card);
    let message = world.send(ANA, bela, "phone, are you there?");
    world.run(10);
    world.send(BELA, ana, "I am");
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "I am");
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

#[test]
fn ke_45_the_contact_needs_a_card_when_its_last_device_has_stopped() {
    let mut pair = Pair::met("all-stop");
    let (bela, ana) = (pair.bela, pair.ana);
    pair.world.online(BELA, Reach::Down);
    break_laptop(&mut pair);
    let world = &mut pair.world;
    let message = world.send(ANA, bela, "phone, are you there?");
    world.run(10);
    assert_eq!(world.state(ANA, bela, message), MessageState::Accepted);
    // The phone's data are lost, and an old copy of them goes on.
    let backup = world.back_up(BELA);
    world.online(BELA, Reach::Up);
    world.run(5);
    world.send(BELA, ana, "yes");
    world.run(5);
    world.restore(BELA, backup);
    world.send(BELA, ana, "no");
    world.run(10);
    let events = world.events(ANA);
    assert!(events.iter().any(|event| matches!(event, Event::SessionUnusable { .. })), "{events:?}");
    let send = Command::Send { contact: bela, text: "more".to_owned(), reply_to: None, attachment: None };
    assert!(matches!(world.command(ANA, send), Err(CommandError::SessionUnusable)));
    assert!(world.people[ANA].engine.contact(bela).unwrap().needs_card);
}

#[test]
fn ke_45_what_the_stopped_device_did_not_get_still_waits_for_the_others() {
    let mut pair = Pair::met("stop-waits");
    let (bela, ana) = (pair.bela, pair.ana);
    let core = unfinish(&pair.world, 1);
    pair.world.online(BELA, Reach::Down);
    let backup = pair.world.back_up(LAPTOP);
    pair.world.send(LAPTOP, pair.laptop, "one");
    pair.world.run(5);
    pair.world.online(LAPTOP, Reach::Down);
    let message = pair.world.send(ANA, bela, "patience");
    pair.world.run(10);
    pair.world.lose_queues(1);
    pair.world.restore(LAPTOP, backup);
    pair.world.send(LAPTOP, pair.laptop, "again");
    pair.world.run(10);
    assert!(pair.world.events(ANA).iter().any(|event| matches!(event, Event::DeviceStopped { .. })));
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM frames WHERE message IS NOT NULL"), 0);
    assert_eq!(pair.world.state(ANA, bela, message), MessageState::Accepted);
    finish(&pair.world, 1, &core);
    pair.world.online(BELA, Reach::Up);
    pair.world.send(BELA, ana, "here I am");
    pair.world.run(10);
    assert!(pair.world.texts(BELA, ana).contains(&"patience".to_owned()));
    assert_eq!(pair.world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn ke_37_a_new_card_replaces_all_devices_of_a_contact() {
    let mut pair = Pair::met("again-both");
    let (bela, ana) = (pair.bela, pair.ana);
    break_laptop(&mut pair);
    // With a device left there is nothing to renew.
    let new = Command::CardNew { whom: Whom::Again(bela), expires: 86_400 };
    assert!(matches!(pair.world.command(ANA, new.clone()), Err(CommandError::NothingToRenew)));
    let backup = pair.world.back_up(BELA);
    pair.world.send(BELA, ana, "before");
    pair.world.run(5);
    pair.world.restore(BELA, backup);
    pair.world.send(BELA, ana, "the end");
    pair.world.run(10);
    let Ok(Reply::Card { offer, .. }) = pair.world.command(ANA, new) else { panic!("not a card") };
    pair.world.send(ANA, bela, "waits");
    let accept = Command::CardAccept { offer, whom: Whom::Again(ana) };
    assert!(matches!(pair.world.command(BELA, accept), Ok(Reply::Contact(contact)) if contact == ana));
    pair.world.run(10);
    assert_eq!(pair.world.texts(BELA, ana).last().unwrap(), "waits");
    for (sql, n) in [("SELECT count(*) FROM peers", 1), ("SELECT count(*) FROM outgoing", 0)] {
        assert_eq!(pair.world.count(ANA, sql), n, "{sql}");
    }
}

#[test]
fn ke_46_a_message_disappears_in_time_though_a_device_has_not_got_it() {
    for phone in [Reach::Up, Reach::Down] {
        let Pair { mut world, bela, .. } = Pair::met(&format!("disappears-{phone:?}"));
        unfinish(&world, 2);
        world.online(BELA, phone);
        world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(60) }).unwrap();
        let message = world.send(ANA, bela, "burn after reading");
        world.run(10);
        let state = if phone == Reach::Up { MessageState::Delivered } else { MessageState::Accepted };
        assert_eq!(world.state(ANA, bela, message), state);
        assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 2);
        world.run(60);
        assert_eq!(world.texts(ANA, bela), Vec::<String>::new());
        // The setting waits for the laptop still, the text does not.
        assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 1);
        assert!(!world.dump(ANA).contains("burn after reading"));
    }
}

#[test]
fn ke_46_a_message_that_is_taken_back_waits_for_no_device_any_more() {
    let mut pair = Pair::met("taken-back");
    let bela = pair.bela;
    pair.world.online(LAPTOP, Reach::Down);
    let core = unfinish(&pair.world, 2);
    let message = pair.world.send(ANA, bela, "oops");
    pair.world.run(10);
    pair.world.command(ANA, Command::Delete { contact: bela, message }).unwrap();
    pair.world.run(10);
    finish(&pair.world, 2, &core);
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.send(BELA, pair.ana, "what was it?");
    pair.world.run(10);
    let [phone, laptop] = pair.shown();
    assert_eq!((phone.first().unwrap().as_str(), laptop), ("<deleted>", Vec::new()));
}

#[test]
fn ke_35_a_device_that_moves_is_answered_and_nothing_is_left_of_it() {
    let mut pair = Pair::met("follow");
    for who in [BELA, LAPTOP] {
        let before = pair.world.blob(ANA, "SELECT CAST(group_concat(hex(queue)) AS BLOB) FROM peers");
        let contact = if who == BELA { pair.ana } else { pair.laptop };
        pair.world.command(who, Command::Rotate { contact }).unwrap();
        pair.world.run(10);
        assert_ne!(pair.world.blob(ANA, "SELECT CAST(group_concat(hex(queue)) AS BLOB) FROM peers"), before);
        assert_eq!(pair.world.count(who, "SELECT count(*) FROM queues WHERE state = 3"), 1, "{who} was answered");
        assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
    }
    pair.world.send(ANA, pair.bela, "to where you are");
    pair.world.run(10);
    assert_eq!(pair.shown(), [["to where you are"], ["to where you are"]]);
}

#[test]
fn ke_35_of_two_devices_that_move_each_is_answered_with_its_latest_queue() {
    let mut pair = Pair::met("follow-both");
    // Nothing is sealed while the list has expired.
    let list = pair.world.blob(ANA, "SELECT peer_list FROM contacts");
    pair.world.replace_list(ANA, |list| list.not_after = Day(1));
    for _ in 0..3 {
        for (who, contact) in [(BELA, pair.ana), (LAPTOP, pair.laptop)] {
            pair.world.command(who, Command::Rotate { contact }).unwrap();
            pair.world.run(10);
        }
    }
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 2);
    pair.world.alter(ANA, "UPDATE contacts SET peer_list = ?1", &[&list]);
    pair.world.send(ANA, pair.bela, "to where you are");
    pair.world.run(10);
    for who in [BELA, LAPTOP] {
        assert_eq!(pair.world.count(who, "SELECT count(*) FROM queues WHERE state = 3"), 3, "{who}");
    }
    assert_eq!(pair.shown(), [["to where you are"], ["to where you are"]]);
}

const OWN_QUEUES: &str = "SELECT count(*) FROM queues WHERE contact IS NOT NULL";

#[test]
fn ke_16_an_old_queue_retires_when_every_device_writes_into_the_new_one() {
    let mut pair = Pair::met("moved");
    let (bela, ana) = (pair.bela, pair.ana);
    pair.world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    pair.world.run(60);
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM queues WHERE state = 3"), 1);
    pair.world.run(2 * 86_400);
    assert_eq!(pair.world.count(ANA, OWN_QUEUES), 1);
    pair.world.send(BELA, ana, "still heard");
    pair.world.send(LAPTOP, pair.laptop, "both");
    pair.world.run(10);
    assert_eq!(pair.world.texts(ANA, bela).len(), 2);
}

#[test]
fn ke_47_an_old_queue_is_read_four_weeks_for_a_device_that_is_silent() {
    let mut pair = Pair::met("moved-silent");
    let bela = pair.bela;
    pair.world.online(LAPTOP, Reach::Down);
    pair.world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    pair.world.run(27 * 86_400);
    assert_eq!(pair.world.count(ANA, OWN_QUEUES), 2);
    pair.world.run(2 * 86_400);
    assert_eq!(pair.world.count(ANA, OWN_QUEUES), 1);
    // When it comes back it learns of the move first, and what it says then finds its way.
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.send(LAPTOP, pair.laptop, "back again");
    pair.world.run(2 * 86_400);
    assert_eq!(pair.world.texts(ANA, bela), ["back again"]);
}

#[test]
fn ke_47_a_queue_move_that_expires_is_said_again_to_whoever_did_not_hear_it() {
    let mut pair = Pair::met("moved-again");
    keep_keys(&pair.world, ANA);
    let bela = pair.bela;
    pair.world.online(LAPTOP, Reach::Down);
    let core = unfinish(&pair.world, 2);
    pair.world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    pair.world.run(61 * 86_400);
    let waits = "SELECT count(*) FROM outgoing WHERE kind = 5 AND peer = 2";
    assert_eq!((pair.world.count(ANA, waits), pair.world.count(ANA, "SELECT count(*) FROM outgoing")), (1, 1));
    finish(&pair.world, 2, &core);
    pair.world.online(LAPTOP, Reach::Up);
    pair.world.send(BELA, pair.ana, "anything wakes it");
    pair.world.run(60);
    pair.world.send(LAPTOP, pair.laptop, "found you");
    pair.world.run(60);
    assert_eq!(pair.world.texts(ANA, bela), ["anything wakes it", "found you"]);
}

#[test]
fn ke_42_crashes_and_failing_storage_between_any_two_steps_lose_and_repeat_nothing() {
    let mut pair = Pair::met("two-faults");
    let (bela, ana, laptop) = (pair.bela, pair.ana, pair.laptop);
    let mut said = Vec::new();
    for round in 0..60 {
        let world = &mut pair.world;
        world.may_fail(ANA, Disk::Failing);
        let step = world.rng.random_range(1..400);
        let fuse = &world.people[ANA].fuse;
        if round % 2 == 0 {
            fuse.steps.store(step, Ordering::SeqCst);
        } else {
            fuse.commits.store(1 + step % 6, Ordering::SeqCst);
        }
        let text = format!("a{round}");
        let send = Command::Send { contact: bela, text: text.clone(), reply_to: None, attachment: None };
        match world.command(ANA, send) {
            Ok(reply) => {
                message_of(reply);
                said.push(text);
            }
            Err(CommandError::Storage(_)) => {}
            Err(other) => panic!("{other}"),
        }
        world.send(BELA, ana, &format!("p{round}"));
        world.send(LAPTOP, laptop, &format!("l{round}"));
        for _ in 0..world.rng.random_range(0..60) {
            if !world.step() {
                world.run(1);
            }
        }
        world.people[ANA].fuse.clear();
        if round % 3 == 0 {
            world.crash(ANA);
        }
        world.crash(if round % 2 == 0 { BELA } else { LAPTOP });
        world.run(3);
        world.may_fail(ANA, Disk::Working);
    }
    pair.world.run(3 * 3600);
    let by = |texts: Vec<String>, letter| texts.into_iter().filter(|text| text.starts_with(letter)).collect::<Vec<_>>();
    for texts in pair.shown() {
        assert_eq!(by(texts, 'a'), said);
    }
    for letter in ['p', 'l'] {
        let all: Vec<_> = (0..60).map(|round| format!("{letter}{round}")).collect();
        assert_eq!(by(pair.world.texts(ANA, bela), letter), all);
    }
    assert!(pair.world.log(ANA, bela).iter().all(|message| message.state == MessageState::Delivered));
    assert_eq!(pair.world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}
