//! What devices of one person tell each other when it comes early, late, or belongs to something else that is under way.

use kith_engine::{AttachmentState, Command, ContactId, Ended, Event, HistoryWish, MessageBody, MessageState, Shown};
use kith_wire::devices::RevocationReason;

use crate::world::{ANA, BELA, LAPTOP, Reach, World, message_of};

/// Ana and Bela know each other, and Ana's laptop is linked. Returns what each of the three calls the other person.
fn with_linked(name: &str) -> (World, ContactId, ContactId, ContactId) {
    let (mut world, bela, ana) = World::with_laptop(name);
    world.link(ANA, LAPTOP, HistoryWish::All);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    (world, bela, ana, there)
}

#[test]
fn a_file_that_one_device_sends_the_others_can_fetch() {
    let (mut world, bela, _, there) = with_linked("siblings-file");
    let attachment = world.prepare(ANA, &[7; 200_000]);
    let send = Command::Send { contact: bela, text: String::new(), reply_to: None, attachment: Some(attachment) };
    let message = message_of(world.command(ANA, send).unwrap());
    world.run(60);
    let view = world.people[LAPTOP].engine.message(there, message).unwrap().attachment.unwrap();
    world.command(LAPTOP, Command::FetchAttachment { attachment: view.id }).unwrap();
    world.run(60);
    assert_eq!(world.people[LAPTOP].engine.attachment(view.id).unwrap().state, AttachmentState::Complete);
}

#[test]
fn what_is_taken_back_before_it_left_is_taken_back_on_the_other_devices_too() {
    let (mut world, bela, ana) = World::met("siblings-withdrawn");
    world.add_person("siblings-withdrawn-laptop", 1);
    world.run(10);
    // Bela is away, and has not met the laptop.
    world.online(BELA, Reach::Down);
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let message = world.send(LAPTOP, there, "oops");
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["oops"]);
    world.command(LAPTOP, Command::Delete { contact: there, message }).unwrap();
    world.run(10);
    assert_eq!(world.texts(ANA, bela), ["<deleted>"]);
    world.online(BELA, Reach::Up);
    world.run(60);
    assert!(world.log(BELA, ana).iter().all(|message| message.body == MessageBody::Deleted));
}

#[test]
fn a_contact_that_one_device_meets_is_told_on_to_devices_that_it_has_not_met() {
    let (mut world, _, _, _) = with_linked("siblings-passed");
    // The laptop links a tablet while the phone is away: these two have not met.
    world.online(ANA, Reach::Down);
    let tablet = world.add("siblings-passed-tablet");
    let cem = world.add("siblings-passed-cem");
    world.link(LAPTOP, tablet, HistoryWish::None);
    // The tablet is away while the phone meets Cem and tells the laptop, and the phone when it comes back.
    world.online(tablet, Reach::Down);
    world.online(ANA, Reach::Up);
    let (_, offer) = world.card(ANA);
    world.accept(cem, offer);
    world.run(60);
    let on_laptop = world.people[LAPTOP].engine.contacts().unwrap()[1].id;
    world.send(LAPTOP, on_laptop, "from the laptop");
    world.run(10);
    world.online(ANA, Reach::Down);
    world.online(tablet, Reach::Up);
    world.run(60);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[1].id;
    assert_eq!(world.texts(tablet, on_tablet), ["from the laptop"]);
}

#[test]
fn ke_53_an_edit_that_came_before_its_message_reaches_a_device_that_was_linked_in_between() {
    let (mut world, bela, ana) = World::met("siblings-edit");
    let tablet = world.add("siblings-edit-tablet");
    world.link(BELA, tablet, HistoryWish::None);
    world.online(BELA, Reach::Down);
    world.online(tablet, Reach::Down);
    let message = world.send(ANA, bela, "helo");
    world.run(10);
    // Bela's phone has had the edit, from another device of Ana, since before the tablet was linked.
    let sql = "INSERT INTO early_actions (contact, message, direction, kind, text, lamport) VALUES (?1, ?2, 0, 1, 'hello', 9)";
    world.alter(BELA, sql, &[&i64::try_from(ana.0).unwrap(), &message.0]);
    world.online(tablet, Reach::Up);
    world.online(BELA, Reach::Up);
    world.run(60);
    let there = world.people[tablet].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(BELA, ana), ["hello"]);
    assert_eq!(world.texts(tablet, there), ["hello"]);
}

#[test]
fn ke_53_what_is_told_on_of_a_message_with_what_came_before_it_is_all_that_is_known_of_it() {
    let (mut world, bela, _, there) = with_linked("siblings-told-on");
    let message = world.send(ANA, bela, "is the kettle on?");
    world.run(10);
    let tablet = world.add("siblings-told-on-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    world.run(3600);
    // Both missed the message, and the laptop has what Bela thought of it.
    world.alter(LAPTOP, "DELETE FROM messages", &[]);
    world.alter(tablet, "DELETE FROM messages", &[]);
    let sql =
        "INSERT INTO early_actions (contact, message, direction, kind, text, lamport) VALUES (?1, ?2, 0, 0, '👍', 9)";
    world.alter(LAPTOP, sql, &[&i64::try_from(there.0).unwrap(), &message.0]);
    let laptop = world.people[LAPTOP].engine.devices().unwrap().into_iter().find(|device| device.is_this).unwrap();
    let sql = "UPDATE told SET behind = 1, before = 0 WHERE device = ?1";
    world.alter(ANA, sql, &[&laptop.id.unwrap().0]);
    world.send(LAPTOP, there, "I am back");
    world.run(60);
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    for (who, contact) in [(LAPTOP, there), (tablet, on_tablet)] {
        assert_eq!(world.state(who, contact, message), MessageState::Delivered, "{who}");
        assert_eq!(world.people[who].engine.message(contact, message).unwrap().reactions.len(), 1, "{who}");
    }
}

#[test]
fn ke_53_words_to_a_contact_that_a_device_has_not_heard_of_are_kept_until_it_has() {
    let (mut world, _, _, _) = with_linked("siblings-early");
    let cem = world.add("siblings-early-cem");
    let (on_phone, offer) = world.card(ANA);
    world.accept(cem, offer);
    world.run(60);
    // The laptop has not heard of Cem: here, because it lost what it heard.
    let known = world.people[LAPTOP].engine.contacts().unwrap()[1].id;
    world.alter(LAPTOP, "DELETE FROM contacts WHERE id = ?1", &[&i64::try_from(known.0).unwrap()]);
    world.send(ANA, on_phone, "from the phone");
    world.run(10);
    assert_eq!(world.people[LAPTOP].engine.contacts().unwrap().len(), 1);
    world.command(ANA, Command::Rename { contact: on_phone, name: "C.".to_owned() }).unwrap();
    world.run(10);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[1].id;
    assert_eq!(world.texts(LAPTOP, there), ["from the phone"]);
}

#[test]
fn devices_that_were_heard_of_while_their_person_was_blocked_are_met_afterwards() {
    let (mut world, bela, ana) = World::met("siblings-blocked");
    world.add_person("siblings-blocked-laptop", 1);
    world.run(10);
    world.command(BELA, Command::Block { contact: ana }).unwrap();
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(3 * 86_400);
    world.command(BELA, Command::Unblock { contact: ana }).unwrap();
    world.run(3 * 86_400);
    world.online(ANA, Reach::Down);
    world.send(BELA, ana, "hello, laptop");
    world.run(60);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(LAPTOP, there), ["hello, laptop"]);
    assert!(world.texts(ANA, bela).is_empty());
}

#[test]
fn devices_that_were_away_for_so_long_that_their_cards_ran_out_meet_after_all() {
    let (mut world, bela, ana) = World::met("siblings-long");
    world.add_person("siblings-long-laptop", 1);
    world.run(10);
    world.online(BELA, Reach::Down);
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    // Bela answers the laptop's card when the laptop is away, and stays so for longer than an answer may be under way.
    world.online(LAPTOP, Reach::Down);
    world.run(8 * 86_400);
    world.online(BELA, Reach::Up);
    world.run(70 * 86_400);
    world.online(LAPTOP, Reach::Up);
    for _ in 0..4 {
        world.unlock(ANA);
        world.unlock(LAPTOP);
        world.unlock(BELA);
        world.run(86_400);
    }
    world.send(LAPTOP, there, "back again");
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["back again"]);
    assert_eq!(world.texts(ANA, bela), ["back again"]);
}

#[test]
fn ke_96_how_a_conversation_stands_in_the_list_is_the_same_on_all_devices_and_the_contact_hears_nothing() {
    let (mut world, bela, ana, there) = with_linked("siblings-shown");
    world.run(60);
    let stands = |world: &World, who: usize, contact: ContactId| {
        let view = world.people[who].engine.contact(contact).unwrap();
        (view.pinned, view.muted, view.archived)
    };
    let set = |world: &mut World, who: usize, contact: ContactId, shown: Shown, on: bool| {
        world.command(who, Command::SetShown { contact, shown, on }).unwrap();
    };
    let heard = world.log(BELA, ana).len();
    set(&mut world, ANA, bela, Shown::Pinned, true);
    set(&mut world, LAPTOP, there, Shown::Muted, true);
    world.run(60);
    assert_eq!(stands(&world, ANA, bela), (true, true, false));
    assert_eq!(stands(&world, LAPTOP, there), (true, true, false));
    assert_eq!(stands(&world, BELA, ana), (false, false, false));

    // Of what two devices set at different times the later counts, whichever of them hears of it first.
    world.online(LAPTOP, Reach::Down);
    set(&mut world, LAPTOP, there, Shown::Archived, true);
    world.run(60);
    set(&mut world, ANA, bela, Shown::Archived, true);
    world.run(60);
    set(&mut world, ANA, bela, Shown::Archived, false);
    world.online(LAPTOP, Reach::Up);
    world.run(60);
    assert_eq!(stands(&world, ANA, bela), (true, true, false));
    assert_eq!(stands(&world, LAPTOP, there), (true, true, false));
    assert_eq!(world.log(BELA, ana).len(), heard);
}

#[test]
fn ke_99_a_sibling_whose_session_has_stopped_is_told_of_and_met_again_only_when_it_is_linked_anew() {
    let (mut world, bela, _, _) = with_linked("siblings-stopped");
    let tablet = world.add("siblings-stopped-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    world.run(60);
    // The laptop goes on from an old copy of its data, as a thief's copy of it would beside it.
    let copy = world.back_up(LAPTOP);
    for name in ["B.", "Bela"] {
        world.command(ANA, Command::Rename { contact: bela, name: name.to_owned() }).unwrap();
        world.run(10);
    }
    world.restore(LAPTOP, copy);
    world.command(ANA, Command::Rename { contact: bela, name: "Bela B.".to_owned() }).unwrap();
    world.run(60);
    let laptop = |world: &World| {
        let mut devices = world.people[ANA].engine.devices().unwrap();
        devices.retain(|device| !device.is_this && device.stopped);
        devices
    };
    let stopped = laptop(&world);
    let [device] = stopped.as_slice() else { panic!("{stopped:?}") };
    let id = device.id.unwrap();
    let events = world.events(ANA);
    let is_told = |event: &Event| match event {
        Event::SiblingStopped { device, name, why } => {
            (*device, name.as_str()) == (id, "laptop") && matches!(why, Ended::ContactsCopy | Ended::ByContactForCopy)
        }
        _ => false,
    };
    assert!(events.iter().any(is_told), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::SessionUnusable { .. })), "a sibling is no contact");
    // The tablet would pass a card on. None is given, however long it takes: a copy would be met anew as the device itself is.
    world.run(70 * 86_400);
    assert_eq!(laptop(&world).len(), 1);

    world.revoke(ANA, id, RevocationReason::Compromised).unwrap();
    world.run(60);
    assert!(laptop(&world).is_empty());
    let fresh = world.add("siblings-stopped-anew");
    world.link(ANA, fresh, HistoryWish::None);
    let there = world.people[fresh].engine.contacts().unwrap()[0].id;
    world.command(ANA, Command::Rename { contact: bela, name: "Bela again".to_owned() }).unwrap();
    world.run(10);
    assert_eq!(world.people[fresh].engine.contact(there).unwrap().name, "Bela again");
}

#[test]
fn devices_that_were_taken_out_are_remembered_by_name_day_and_reason_the_last_one_first() {
    let (mut world, _, _, _) = with_linked("siblings-revoked");
    let tablet = world.add("siblings-revoked-tablet");
    world.link(ANA, tablet, HistoryWish::None);
    let id = |world: &World, who: usize| {
        let devices = world.people[who].engine.devices().unwrap();
        devices.into_iter().find(|device| device.is_this).unwrap().id.unwrap()
    };
    let (laptop, slate) = (id(&world, LAPTOP), id(&world, tablet));
    world.run(9 * 86_400);
    // The one that was linked last goes first.
    let first_day = world.now.day();
    world.revoke(ANA, slate, RevocationReason::Retired).unwrap();
    world.run(20 * 86_400);
    let last_day = world.now.day();
    world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    let out = world.people[ANA].engine.revoked_devices().unwrap();
    let told: Vec<_> = out.iter().map(|one| (one.id, one.name.as_str(), one.since, one.reason)).collect();
    assert_eq!(
        told,
        [
            (laptop, "laptop", last_day, RevocationReason::Compromised),
            (slate, "laptop 2", first_day, RevocationReason::Retired)
        ]
    );
}
