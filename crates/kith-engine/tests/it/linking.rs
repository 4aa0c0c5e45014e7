//! One person, several devices: linked, synced, revoked, with real engines and real home server rules.

use kith_engine::{Command, ContactState, DeviceError, HistoryWish, MessageState, Whom};
use kith_home::store::{Store as _, Txn as _};
use kith_wire::Wire;
use kith_wire::devices::{DeviceList, RevocationReason};
use kith_wire::signed::Signed;
use kith_wire::time::Hour;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

#[test]
fn a_linked_device_gets_contacts_and_history_and_talks_to_them_by_itself() {
    let (mut world, bela, ana) = World::with_laptop("linked");
    world.send(ANA, bela, "from before");
    world.run(5);
    world.send(BELA, ana, "heard before");
    world.run(5);
    world.link(ANA, LAPTOP, HistoryWish::All);

    assert_eq!(world.device_names(ANA), [("laptop".to_owned(), false), ("phone".to_owned(), true)]);
    assert_eq!(world.device_names(LAPTOP), [("laptop".to_owned(), true), ("phone".to_owned(), false)]);
    let contacts = world.people[LAPTOP].engine.contacts().unwrap();
    assert_eq!(contacts.len(), 1);
    let there = contacts[0].id;
    assert_eq!(contacts[0].state, ContactState::Established);
    assert_eq!(world.people[LAPTOP].engine.digits(there).unwrap(), world.people[ANA].engine.digits(bela).unwrap());
    assert_eq!(world.texts(LAPTOP, there), ["from before", "heard before"]);

    // The laptop speaks; Bela sees one person, and the phone sees its own words.
    let sent = world.send(LAPTOP, there, "from the laptop");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["from before", "heard before", "from the laptop"]);
    assert_eq!(world.texts(ANA, bela), ["from before", "heard before", "from the laptop"]);
    assert_eq!(world.state(LAPTOP, there, sent), MessageState::Delivered);
    assert_eq!(world.state(ANA, bela, sent), MessageState::Delivered);
    // Bela answers: both devices hear it from Bela.
    world.send(BELA, ana, "hello, both");
    world.run(10);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "hello, both");
    assert_eq!(world.texts(LAPTOP, there).last().unwrap(), "hello, both");
    // And with the phone away, the laptop alone.
    world.online(ANA, Reach::Down);
    world.send(BELA, ana, "to whoever is there");
    world.run(10);
    assert_eq!(world.texts(LAPTOP, there).last().unwrap(), "to whoever is there");
}

#[test]
fn what_is_done_on_one_device_shows_on_the_other() {
    let (mut world, bela, ana) = World::with_laptop("synced");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let first = world.send(ANA, bela, "one");
    let heard = world.send(BELA, ana, "two");
    world.run(10);
    world.command(ANA, Command::Edit { contact: bela, message: first, text: "ONE".to_owned() }).unwrap();
    world.command(LAPTOP, Command::React { contact: there, message: heard, emoji: "❤".to_owned() }).unwrap();
    world.command(LAPTOP, Command::Rename { contact: there, name: "Bela B.".to_owned() }).unwrap();
    world.command(ANA, Command::MarkRead { contact: bela }).unwrap();
    world.run(10);
    assert_eq!(world.texts(LAPTOP, there), ["ONE", "two"]);
    assert_eq!(world.people[ANA].engine.message(bela, heard).unwrap().reactions.len(), 1);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().name, "Bela B.");
    assert_eq!(world.people[LAPTOP].engine.contact(there).unwrap().unread, 0);
    // The contact was told once.
    assert_eq!(world.state(BELA, ana, heard), MessageState::Read);
    world.command(LAPTOP, Command::Delete { contact: there, message: first }).unwrap();
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["<deleted>", "two"]);
    assert_eq!(world.texts(BELA, ana), ["<deleted>", "two"]);
    world.command(LAPTOP, Command::Block { contact: there }).unwrap();
    world.run(10);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Blocked);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    world.run(10);
    assert!(world.people[LAPTOP].engine.contacts().unwrap().is_empty());
}

#[test]
fn a_contact_that_one_device_meets_the_other_knows_after_its_next_password_entry() {
    let (mut world, _, _) = World::with_laptop("met-later");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let cem = world.add("met-later-cem");
    let (contact, ana) = world.meets(LAPTOP, cem);
    world.send(cem, ana, "hello laptop");
    world.run(10);
    assert_eq!(world.texts(LAPTOP, contact), ["hello laptop"]);
    let known = world.people[ANA].engine.contacts().unwrap();
    assert_eq!(known.len(), 2);
    let on_phone = known[1].id;
    // The phone signs itself in at its next password entry, and hears Cem by itself from then on.
    world.unlock(ANA);
    world.run(6 * 3600 + 60);
    world.send(cem, ana, "hello both");
    world.run(10);
    assert_eq!(world.texts(ANA, on_phone).last().unwrap(), "hello both");
    world.send(ANA, on_phone, "from the phone");
    world.run(10);
    assert_eq!(world.texts(cem, ana).last().unwrap(), "from the phone");
}

#[test]
fn a_contact_whose_list_comes_late_is_told_to_the_other_device_then() {
    let (mut world, _, _) = World::with_laptop("late-list");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let cem = world.add("late-list-cem");
    let (_, offer) = world.card(ANA);
    let ana = world.accept(cem, offer);
    while world.people[cem].engine.contact(ana).unwrap().state != ContactState::Established {
        assert!(world.step());
    }
    // What Cem says first, with the list, is lost on its way; what follows it is not.
    world.online(ANA, Reach::Down);
    world.run(10);
    let mut txn = world.servers[0].store.begin().unwrap();
    let (queue, first) =
        txn.entries_before(Hour(u32::MAX), 100).unwrap().into_iter().min_by_key(|(_, seq)| *seq).unwrap();
    assert!(txn.remove_entry(&queue, first).unwrap());
    txn.commit().unwrap();
    world.online(ANA, Reach::Up);
    world.run(10);
    let sql = "SELECT count(*) FROM contacts WHERE kind = 0 AND stage = 2 AND peer_list IS NULL";
    assert_eq!((world.count(ANA, sql), world.people[LAPTOP].engine.contacts().unwrap().len()), (1, 1));
    world.run(3 * 86_400);
    assert_eq!((world.count(ANA, sql), world.people[LAPTOP].engine.contacts().unwrap().len()), (0, 2));
}

#[test]
fn ke_56_contacts_hear_of_a_new_device_at_different_times_or_when_it_writes() {
    let (mut world, _, _) = World::with_laptop("times");
    let mut others = Vec::new();
    for name in ["cem", "dora", "emil"] {
        let who = world.add(&format!("times-{name}"));
        world.meets(ANA, who);
        others.push(who);
    }
    world.link(ANA, LAPTOP, HistoryWish::None);
    let n_devices = |world: &World, who: usize| {
        let sql = "SELECT peer_list FROM contacts";
        let list: Vec<u8> = world.people[who].keeper.query_row(sql, [], |row| row.get(0)).unwrap();
        Signed::<DeviceList>::from_bytes(&list).unwrap().decode_unverified().unwrap().devices.len()
    };
    let heard = |world: &World| others.iter().chain([&BELA]).filter(|who| n_devices(world, **who) == 2).count();
    assert!(heard(&world) < 4);
    // Who is written to hears at once.
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "hello");
    world.run(30);
    assert_eq!(n_devices(&world, BELA), 2);
    assert!(heard(&world) < 4);
    world.spreads(heard, 4);
}

#[test]
fn ke_59_a_contact_that_is_met_anew_is_not_compared_on_any_device() {
    let (mut world, bela, ana) = World::with_laptop("compared");
    world.command(ANA, Command::ConfirmVerified { contact: bela }).unwrap();
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    assert!(world.people[LAPTOP].engine.contact(there).unwrap().verified);
    // The session is lost; the two meet again.
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let sql = "UPDATE contacts SET unusable = 1 WHERE id = ?1";
        world.people[who].keeper.execute(sql, [i64::try_from(contact.0).unwrap()]).unwrap();
    }
    let card = Command::CardNew { whom: Whom::Again(bela), expires: 600 };
    let offer = match world.command(ANA, card).unwrap() {
        kith_engine::Reply::Card { offer, .. } => offer,
        other => panic!("not a card: {other:?}"),
    };
    world.command(BELA, Command::CardAccept { offer, whom: Whom::Again(ana) }).unwrap();
    world.run(60);
    for (who, contact) in [(ANA, bela), (LAPTOP, there)] {
        assert!(!world.people[who].engine.contact(contact).unwrap().verified, "{who}");
    }
    assert_eq!(world.people[LAPTOP].engine.digits(there).unwrap(), world.people[ANA].engine.digits(bela).unwrap());
    // And a setting that the laptop made meanwhile does not bring it back.
    world.command(LAPTOP, Command::Rename { contact: there, name: "B.".to_owned() }).unwrap();
    world.run(20);
    assert!(!world.people[ANA].engine.contact(bela).unwrap().verified);
    // After the next password entries both devices talk to the contact again, and no list names who is gone.
    for who in [ANA, LAPTOP] {
        world.unlock(who);
        world.run(60);
    }
    let sql = "SELECT own_list FROM contacts WHERE kind = 0";
    let list: Vec<u8> = world.people[ANA].keeper.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(Signed::<DeviceList>::from_bytes(&list).unwrap().decode_unverified().unwrap().devices.len(), 2);
    world.send(LAPTOP, there, "again");
    world.run(20);
    assert_eq!(world.texts(BELA, ana).last().unwrap(), "again");
}

#[test]
fn ke_53_whoever_hears_of_what_first_both_devices_show_the_same() {
    for first in [ANA, LAPTOP] {
        let (mut world, bela, ana) = World::with_laptop(&format!("order-{first}"));
        world.link(ANA, LAPTOP, HistoryWish::None);
        let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
        let message = world.send(ANA, bela, "text");
        world.run(10);
        // Both away, each does something else with the same contact and message.
        for who in [ANA, LAPTOP] {
            world.online(who, Reach::Down);
        }
        let said = [(ANA, bela, "by phone", "B.", 3600, "👍"), (LAPTOP, there, "by laptop", "Bela", 3602, "🎉")];
        for (who, contact, text, name, seconds, emoji) in said {
            world.now = world.now.plus_seconds(1);
            world.command(who, Command::Edit { contact, message, text: text.to_owned() }).unwrap();
            world.command(who, Command::Rename { contact, name: name.to_owned() }).unwrap();
            world.command(who, Command::SetDisappearing { contact, seconds: Some(seconds) }).unwrap();
            world.command(who, Command::React { contact, message, emoji: emoji.to_owned() }).unwrap();
            world.send(who, contact, text);
        }
        world.online(first, Reach::Up);
        world.run(20);
        for who in [ANA, LAPTOP] {
            world.online(who, Reach::Up);
        }
        world.run(30);
        let shown = |who: usize, contact| {
            let view = world.people[who].engine.contact(contact).unwrap();
            let reactions = world.people[who].engine.message(contact, message).unwrap().reactions;
            (world.texts(who, contact), view.name, view.disappearing, reactions)
        };
        assert_eq!(shown(ANA, bela), shown(LAPTOP, there), "{first} first");
        assert_eq!(shown(ANA, bela).1, "Bela");
        assert_eq!(world.texts(BELA, ana), world.texts(ANA, bela));
    }
}

#[test]
fn ke_55_what_a_contact_says_before_it_has_met_a_new_device_reaches_that_one_too() {
    let (mut world, bela, ana) = World::with_laptop("between");
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    let sibling = world.compared(ANA, LAPTOP);
    world.welcome(ANA, sibling, HistoryWish::All).unwrap();
    world.run(5);
    // Linked, and before the laptop's vault has taken the user key over nobody else knows of it.
    let before = world.send(BELA, ana, "before the list");
    world.run(5);
    world.command(BELA, Command::React { contact: ana, message: before, emoji: "❤".to_owned() }).unwrap();
    world.run(5);
    // The laptop says its list and goes away before anybody has met it.
    world.adopt_from(ANA, LAPTOP);
    for _ in 0..60 {
        world.settle_some(3);
    }
    world.online(LAPTOP, Reach::Down);
    world.run(20);
    world.send(BELA, ana, "while it was away");
    world.run(20);
    // Bela, who waits to meet the laptop, is away when it comes back: the phone has it.
    world.online(BELA, Reach::Down);
    world.online(LAPTOP, Reach::Up);
    world.run(120);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(LAPTOP, there), ["before the list", "while it was away"]);
    assert_eq!(world.people[LAPTOP].engine.message(there, before).unwrap().reactions.len(), 1);
    assert_eq!(world.texts(ANA, bela), ["before the list", "while it was away"]);
    // Once they have met, nothing is passed on: each device hears it from Bela.
    world.online(BELA, Reach::Up);
    world.run(120);
    world.online(LAPTOP, Reach::Down);
    world.send(BELA, ana, "to each of them");
    world.run(20);
    assert_eq!(world.texts(ANA, bela).last().unwrap(), "to each of them");
    let passed = "SELECT count(*) FROM frames f JOIN peers p ON p.id = f.peer JOIN contacts c ON c.id = p.contact \
                  WHERE c.kind = 1 AND f.message IS NOT NULL";
    assert_eq!(world.count(ANA, passed), 0);
    world.online(ANA, Reach::Down);
    world.online(LAPTOP, Reach::Up);
    world.run(20);
    assert_eq!(world.texts(LAPTOP, there).last().unwrap(), "to each of them");
}

#[test]
fn a_crash_at_any_moment_of_linking_loses_nothing() {
    for crashes_after in (0..400).step_by(23) {
        let (mut world, bela, _) = World::with_laptop(&format!("crash-{crashes_after}"));
        world.send(ANA, bela, "from before");
        world.run(5);
        let offer = world.device_card(ANA);
        world.join(LAPTOP, offer).unwrap();
        let sibling = world.compared(ANA, LAPTOP);
        world.welcome(ANA, sibling, HistoryWish::All).unwrap();
        world.settle_some(crashes_after);
        world.crash(ANA);
        world.crash(LAPTOP);
        world.run(10);
        world.adopt_from(ANA, LAPTOP);
        world.settle_some(crashes_after);
        for who in [BELA, LAPTOP, ANA] {
            world.crash(who);
        }
        world.run(120);
        let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
        world.send(LAPTOP, there, "after");
        world.run(20);
        assert_eq!(world.texts(LAPTOP, there), ["from before", "after"], "{crashes_after}");
        assert_eq!(world.texts(ANA, bela), ["from before", "after"], "{crashes_after}");
    }
}

#[test]
fn three_devices_of_one_person_know_each_other() {
    let (mut world, bela, ana) = World::with_laptop("three");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let tablet = world.add("three-tablet");
    // The laptop links the tablet; the phone meets it by way of the laptop.
    world.link(LAPTOP, tablet, HistoryWish::None);
    world.run(120);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    let on_laptop = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(ANA, bela, "phone");
    world.run(10);
    world.send(LAPTOP, on_laptop, "laptop");
    world.run(10);
    world.send(tablet, on_tablet, "tablet");
    world.run(10);
    world.send(BELA, ana, "all three");
    world.run(10);
    let said = ["phone", "laptop", "tablet", "all three"];
    assert_eq!(world.texts(BELA, ana), said);
    assert_eq!(world.texts(ANA, bela), said);
    assert_eq!(world.texts(LAPTOP, on_laptop), said);
    assert_eq!(world.texts(tablet, on_tablet), said);
}

#[test]
fn a_siblings_card_that_comes_when_no_queue_is_there_is_answered_when_one_is() {
    let (mut world, bela, _) = World::with_laptop("no-queue");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.online(ANA, Reach::Down);
    let tablet = world.add("no-queue-tablet");
    world.link(LAPTOP, tablet, HistoryWish::None);
    // The phone has used up its queues, and others are made when the card has come.
    world.alter(ANA, "CREATE TABLE later AS SELECT * FROM queues WHERE state = 1", &[]);
    world.alter(ANA, "DELETE FROM queues WHERE state = 1", &[]);
    world.online(ANA, Reach::Up);
    world.run(20);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM sibling_cards"), 1);
    world.alter(ANA, "INSERT INTO queues SELECT * FROM later", &[]);
    world.alter(ANA, "UPDATE queues SET state = 0 WHERE state = 1", &[]);
    world.crash(ANA);
    world.run(120);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM sibling_cards"), 0);
    world.online(LAPTOP, Reach::Down);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    world.send(tablet, on_tablet, "from the tablet");
    world.run(20);
    assert_eq!(world.texts(ANA, bela), ["from the tablet"]);
}

#[test]
fn both_persons_link_a_device_at_once_and_all_four_meet() {
    let (mut world, _, _) = World::with_laptop("both");
    let tablet = world.add("both-belas-tablet");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.link(BELA, tablet, HistoryWish::None);
    world.run(3 * 86_400);
    let on_laptop = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    for who in [ANA, BELA] {
        world.online(who, Reach::Down);
    }
    world.send(LAPTOP, on_laptop, "new to new");
    world.run(10);
    world.send(tablet, on_tablet, "and back");
    world.run(10);
    assert_eq!(world.texts(tablet, on_tablet), ["new to new", "and back"]);
    assert_eq!(world.texts(LAPTOP, on_laptop), ["new to new", "and back"]);
}

#[test]
fn ke_131_who_takes_a_link_back_tells_the_other_device_at_once_and_it_may_be_linked_anew() {
    for ends in [ANA, LAPTOP] {
        let (mut world, _, _) = World::with_laptop(&format!("ended-{ends}"));
        let offer = world.device_card(ANA);
        world.join(LAPTOP, offer).unwrap();
        world.run(10);
        let open = |world: &World, who: usize| world.comparing(who).map(|(contact, _)| contact);
        let link = open(&world, ends).unwrap();
        world.command(ends, Command::UnlinkDevice { contact: link }).unwrap();
        assert_eq!(open(&world, ends), None);
        world.run(10);
        for who in [ANA, LAPTOP] {
            assert_eq!(open(&world, who), None, "{ends} has ended it, {who} knows");
            assert!(world.command(who, Command::UnlinkDevice { contact: link }).is_err());
        }
        // Neither has a session left that would answer for the other one's.
        world.run(2 * 3600);
        for who in [ANA, LAPTOP] {
            assert_eq!(world.count(who, "SELECT count(*) FROM siblings"), 0);
            assert_eq!(world.count(who, "SELECT count(*) FROM contacts WHERE kind = 1"), 0);
        }
        world.link(ANA, LAPTOP, HistoryWish::None);
        assert_eq!(world.people[LAPTOP].engine.devices().unwrap().len(), 2);
    }
}

#[test]
fn ke_131_a_device_that_has_ended_a_link_can_be_linked_at_once_and_what_comes_late_changes_nothing() {
    let (mut world, _, _) = World::with_laptop("ended-anew");
    let offer = world.device_card(ANA);
    world.join(LAPTOP, offer).unwrap();
    world.run(10);
    let (link, _) = world.comparing(ANA).unwrap();
    // The laptop is off when it would be told.
    world.online(LAPTOP, Reach::Down);
    world.command(ANA, Command::UnlinkDevice { contact: link }).unwrap();
    world.run(10);
    assert!(world.comparing(LAPTOP).is_some(), "it has heard nothing yet");
    world.online(LAPTOP, Reach::Up);
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(2 * 3600);
    assert_eq!(world.people[LAPTOP].engine.devices().unwrap().len(), 2);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM siblings"), 1);
}

#[test]
fn ke_138_a_new_device_gets_a_name_that_no_other_one_has() {
    let (mut world, _, _) = World::with_laptop("same-name");
    let tablet = world.add("same-name-tablet");
    for new in [LAPTOP, tablet] {
        world.link(ANA, new, HistoryWish::None);
    }
    let names = |world: &World, who| world.device_names(who).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    for who in [ANA, LAPTOP, tablet] {
        assert_eq!(names(&world, who), ["laptop", "laptop 2", "phone"]);
    }
    assert_eq!(world.people[tablet].engine.own_name().unwrap().unwrap(), "laptop 2");
    let (user, now) = (world.people[ANA].user.clone(), world.now);
    let third = world.people[tablet].engine.devices().unwrap().into_iter().find(|device| device.is_this).unwrap();
    let third = third.id.unwrap();
    for alike in ["Phone", "lap\u{200b}top"] {
        let refused = world.people[ANA].engine.rename_device(&user, third, alike, now, &mut world.rng);
        assert!(matches!(refused, Err(DeviceError::NameTaken)), "{alike:?}");
    }
    // Whoever comes back takes the place of all, and is called like none that they have, nor like one that was taken out before.
    world.people[ANA].engine.rename_device(&user, third, "Tablet", now, &mut world.rng).unwrap();
    let (before, mark) = world.backup_run(ANA, None).unwrap();
    let reason = RevocationReason::Retired;
    world.people[ANA].engine.revoke_device(&user, third, reason, now, &mut world.rng).unwrap();
    let (after, _) = world.backup_run(ANA, Some(mark)).unwrap();
    for (name, items) in [("same-name-had", before.clone()), ("same-name-gone", [before, after].concat())] {
        let back = world.come_back(name, ANA, 0, &items);
        assert_eq!(world.device_names(back), [("tablet 2".to_owned(), true)]);
    }
}
