//! Blocking, forgetting, disappearing: what others learn, and what is left.

use kith_engine::{Command, CommandError, ContactState, Event, HistoryWish, MessageChange, MessageState, QueryError};

use crate::world::{ANA, BELA, LAPTOP, Reach, World, text_of};

#[test]
fn ke_7_a_blocked_contact_sees_an_absent_person() {
    let (mut world, bela, ana) = World::met("block");
    world.online(ANA, Reach::Down);
    world.send(ANA, bela, "written before");
    world.command(ANA, Command::Block { contact: bela }).unwrap();
    world.online(ANA, Reach::Up);
    world.run(5);
    assert_eq!(world.people[ANA].engine.status(world.now).unwrap().waiting, 0);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Blocked);
    let message = world.send(BELA, ana, "hello?");
    world.run(3600);
    assert_eq!(world.state(BELA, ana, message), MessageState::Accepted);
    assert_eq!(world.texts(ANA, bela), ["written before"]);
    let send = Command::Send { contact: bela, text: "no".to_owned(), reply_to: None, attachment: None };
    assert!(matches!(world.command(ANA, send), Err(CommandError::Blocked)));
    world.command(ANA, Command::Unblock { contact: bela }).unwrap();
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["written before", "hello?"]);
    assert_eq!(world.texts(BELA, ana).len(), 2);
    assert_eq!(world.state(BELA, ana, message), MessageState::Delivered);
}

#[test]
fn a_frame_under_way_while_blocking_stays_in_the_queue() {
    let (mut world, bela, ana) = World::met("block-race");
    world.send(BELA, ana, "just in time?");
    for _ in 0..3 {
        world.step();
    }
    world.command(ANA, Command::Block { contact: bela }).unwrap();
    world.run(60);
    world.command(ANA, Command::Unblock { contact: bela }).unwrap();
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["just in time?"]);
}

#[test]
fn ke_12_no_server_is_remembered_that_nothing_needs() {
    let (mut world, bela, _) = World::met("servers");
    world.run(5);
    let n_servers = "SELECT count(*) FROM servers";
    assert_eq!(world.count(ANA, n_servers), 2);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    world.run(30);
    assert_eq!(world.count(ANA, n_servers), 1);
}

#[test]
fn ke_12_forgetting_leaves_nothing_behind() {
    let (mut world, bela, ana) = World::met("forget");
    let picture = world.prepare(ANA, b"picture");
    let send = Command::Send { contact: bela, text: "look".to_owned(), reply_to: None, attachment: Some(picture) };
    world.command(ANA, send).unwrap();
    world.send(BELA, ana, "nice");
    world.run(10);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    world.run(10);
    for table in ["contacts", "messages", "peers", "frames", "outgoing", "early", "parts", "reactions", "attachments"] {
        assert_eq!(world.count(ANA, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(world.count(ANA, "SELECT count(*) FROM queues WHERE state NOT IN (0, 1)"), 0);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM blob_deletions"), 0);
    assert!(world.people[ANA].vault.is_empty());
    assert!(matches!(world.people[ANA].engine.contact(bela), Err(QueryError::UnknownContact)));
    let message = world.send(BELA, ana, "are you there?");
    world.run(3600);
    assert_eq!(world.state(BELA, ana, message), MessageState::Accepted);
}

#[test]
fn ke_25_settings_made_at_once_end_the_same_on_both_sides() {
    for (hers, his) in [(Some(3600), Some(60)), (Some(60), Some(3600)), (None, Some(60)), (Some(60), None)] {
        let (mut world, bela, ana) = World::met("settings-at-once");
        for who in [ANA, BELA] {
            world.online(who, Reach::Down);
        }
        world.command(ANA, Command::SetDisappearing { contact: bela, seconds: hers }).unwrap();
        world.command(BELA, Command::SetDisappearing { contact: ana, seconds: his }).unwrap();
        for who in [ANA, BELA] {
            world.online(who, Reach::Up);
        }
        world.run(10);
        for (who, contact) in [(ANA, bela), (BELA, ana)] {
            assert_eq!(world.people[who].engine.contact(contact).unwrap().disappearing, Some(60), "{who} {hers:?}");
        }
    }
}

#[test]
fn ke_40_lists_for_different_contacts_are_not_always_signed_on_the_same_day() {
    let mut world = World::new("list-days");
    world.run(5);
    for _ in 0..6 {
        world.meet();
        world.run(60);
    }
    let mut days = Vec::new();
    for _ in 0..20 {
        world.run(86_400);
        let (now, user) = (world.now, world.people[ANA].user.clone());
        let before = world.lists(ANA);
        world.people[ANA].engine.refresh_device_lists(&user, now, &mut world.rng).unwrap();
        let changed = world.lists(ANA).iter().zip(&before).filter(|(new, old)| new != old).count();
        if changed > 0 {
            days.push(now);
        }
    }
    assert!(days.len() > 1, "all lists are signed on one day: {days:?}");
}

#[test]
fn ke_26_messages_disappear_after_sending_here_and_after_reading_there() {
    let (mut world, bela, ana) = World::met("disappear");
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(60) }).unwrap();
    world.send(ANA, bela, "gone in a minute");
    world.run(10);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().disappearing, Some(60));
    world.run(60);
    assert_eq!(world.texts(ANA, bela), Vec::<String>::new());
    assert_eq!(world.texts(BELA, ana), ["gone in a minute"]);
    world.command(BELA, Command::MarkRead { contact: ana }).unwrap();
    world.events(BELA);
    world.run(61);
    assert_eq!(world.texts(BELA, ana), Vec::<String>::new());
    let gone = |event: &Event| matches!(event, Event::Message { change: MessageChange::Disappeared, .. });
    assert!(world.events(BELA).iter().any(gone));
    for who in [ANA, BELA] {
        assert_eq!(world.count(who, "SELECT count(*) FROM search WHERE search MATCH 'minute'"), 0);
    }
}

#[test]
fn ke_26_what_a_sibling_with_a_clock_that_is_ahead_has_said_lives_no_longer_here() {
    let (mut world, bela, _) = World::with_laptop("ahead-disappears");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(3600);
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(600) }).unwrap();
    world.run(60);
    world.people[LAPTOP].ahead = 7_200;
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "by a clock that is ahead");
    world.run(300);
    assert_eq!(world.texts(ANA, bela), ["by a clock that is ahead"]);
    world.run(600);
    assert_eq!(world.texts(ANA, bela), Vec::<String>::new());
}

#[test]
fn ke_25_the_latest_disappearing_setting_counts() {
    let (mut world, bela, ana) = World::met("settings");
    world.command(ANA, Command::SetDisappearing { contact: bela, seconds: Some(60) }).unwrap();
    world.run(5);
    world.command(BELA, Command::SetDisappearing { contact: ana, seconds: None }).unwrap();
    world.run(5);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().disappearing, None);
    // An older setting that arrives late changes nothing.
    world.people[ANA].keeper.execute("UPDATE contacts SET disappearing_set = disappearing_set + 1000", []).unwrap();
    world.command(BELA, Command::SetDisappearing { contact: ana, seconds: Some(5) }).unwrap();
    world.run(5);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().disappearing, None);
}

#[test]
fn ke_24_nobody_is_told_of_reading_before_they_are_established() {
    let mut world = World::new("early-receipts");
    let (bela, offer) = world.card(ANA);
    let ana = world.accept(BELA, offer);
    for contact in [(ANA, bela), (BELA, ana)] {
        world.command(contact.0, Command::MarkRead { contact: contact.1 }).unwrap();
        assert_eq!(world.count(contact.0, "SELECT count(*) FROM outgoing"), 0);
    }
    // Even if something to read were there.
    let insert = "INSERT INTO messages (contact, message, direction, device, lamport, sent, kind, text, state) \
                  VALUES (1, randomblob(16), 0, randomblob(16), 1, 1, 0, 'x', 2)";
    world.people[ANA].keeper.execute(insert, []).unwrap();
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing"), 0);
}

#[test]
fn a_deleted_text_is_in_no_table_any_more() {
    let (mut world, bela, _) = World::met("erased");
    let message = world.send(ANA, bela, "xyzzyplugh");
    world.run(5);
    world.command(ANA, Command::Delete { contact: bela, message }).unwrap();
    world.run(5);
    assert!(!world.log(ANA, bela).iter().any(|view| text_of(view).contains("xyzzy")));
    assert!(!world.dump(ANA).contains("xyzzyplugh"));
    assert!(!world.dump(BELA).contains("xyzzyplugh"));
}
