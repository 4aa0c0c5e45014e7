//! Somebody came as a person from a backup, and was not the first: contacts, the one who came first and the one who came second all learn
//! what can be known. And somebody who has nothing left starts anew.

use kith_engine::{Command, ContactId, Event, HistoryWish, MessageState, Reply, Restoring, Whom};
use kith_wire::content::{Body, KnownBody};
use rusqlite::params;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;

fn refused(event: &Event) -> bool {
    matches!(event, Event::ContactRefusedAnother { .. })
}

/// Returns whether somebody shows that a contact refused another one who came as them.
fn shows(world: &World, who: usize, contact: ContactId) -> bool {
    world.people[who].engine.contact(contact).unwrap().refused_another.is_some()
}

#[test]
fn ke_124_whoever_came_back_first_is_told_by_contacts_that_somebody_else_came() {
    let (mut world, bela, ana, backup) = World::lost("rival");
    let first = world.restore_and_tell(&backup, "rival-first");
    world.run(60);
    assert!(!shows(&world, first, bela));
    world.events(first);
    for name in ["rival-second", "rival-third"] {
        let again = world.restore_and_tell(&backup, name);
        world.run(60);
        world.online(again, Reach::Down);
    }
    // However often somebody comes, it is said once, and stays until digits are compared.
    assert_eq!(world.events(first).iter().filter(|event| refused(event)).count(), 1);
    assert!(shows(&world, first, bela));
    assert!(world.texts(first, bela).is_empty(), "it is no message");
    world.run(1);
    world.command(first, Command::ConfirmVerified { contact: bela }).unwrap();
    world.command(BELA, Command::ConfirmVerified { contact: ana }).unwrap();
    assert!(!shows(&world, first, bela));
    world.run(1);
    let again = world.restore_and_tell(&backup, "rival-fourth");
    world.run(60);
    assert!(shows(&world, first, bela));
    assert!(!shows(&world, again, bela), "who was refused is told nothing");
}

#[test]
fn ke_124_a_device_that_takes_the_place_of_one_that_was_told_is_told_too() {
    let (mut world, bela, _, backup) = World::lost("heir");
    let first = world.restore_and_tell(&backup, "heir-first");
    world.run(60);
    let again = world.restore_and_tell(&backup, "heir-second");
    world.run(60);
    world.online(again, Reach::Down);
    let backup = world.backup_of(first);
    world.online(first, Reach::Down);
    let heir = world.restore_and_tell(&backup, "heir");
    assert!(!shows(&world, heir, bela), "no backup says it");
    world.run(60);
    assert!(shows(&world, heir, bela));
}

/// Bela says that she refused somebody, and did not.
fn lie(world: &World, ana: ContactId) {
    let body = minicbor::to_vec(Body::Known(KnownBody::RefusedAnother)).unwrap();
    let sql = "INSERT INTO outgoing (contact, message, lamport, sent, body, kind, expires) \
               SELECT id, randomblob(16), lamport + 1, ?2, ?3, 2, ?2 + 1000000000 FROM contacts WHERE id = ?1";
    let (id, now) = (i64::try_from(ana.0).unwrap(), i64::try_from(world.now.0).unwrap());
    world.people[BELA].keeper.execute(sql, params![id, now, body]).unwrap();
}

#[test]
fn ke_124_of_a_contact_who_gave_no_card_nobody_can_have_come() {
    let (mut world, bela, ana) = World::met("no-card-lie");
    world.run(60);
    let cards = world.blob(ANA, "SELECT offer FROM spare_cards");
    let device = world.blob(ANA, "SELECT device FROM spare_cards");
    world.alter(ANA, "DELETE FROM spare_cards", &[]);
    lie(&world, ana);
    world.send(BELA, ana, "a word");
    world.run(20);
    assert!(!shows(&world, ANA, bela));
    world.alter(
        ANA,
        "INSERT INTO spare_cards (contact, device, offer) SELECT id, ?1, ?2 FROM contacts",
        &[&device, &cards],
    );
    lie(&world, ana);
    world.send(BELA, ana, "another word");
    world.run(20);
    assert!(shows(&world, ANA, bela));
}

#[test]
fn ke_124_a_contact_that_lies_about_it_raises_one_alarm_and_nothing_else_changes() {
    let (mut world, bela, ana) = World::met("liar");
    world.run(60);
    world.events(ANA);
    for _ in 0..3 {
        lie(&world, ana);
    }
    world.send(BELA, ana, "a word");
    world.run(20);
    assert_eq!(world.events(ANA).iter().filter(|event| refused(event)).count(), 1);
    let view = world.people[ANA].engine.contact(bela).unwrap();
    assert!(view.refused_another.is_some() && view.restored.is_none() && !view.needs_card);
    world.send(ANA, bela, "goes on");
    world.run(20);
    assert_eq!(world.texts(ANA, bela), ["a word", "goes on"]);
    assert_eq!(world.texts(BELA, ana), ["a word", "goes on"]);
}

#[test]
fn ke_125_whoever_comes_second_sees_after_three_days_that_nobody_answers() {
    let (mut world, bela, _, backup) = World::lost("silent");
    world.restore_and_tell(&backup, "silent-first");
    world.run(60);
    let second = world.restore_and_tell(&backup, "silent-second");
    let restoring = |world: &World| world.people[second].engine.contact(bela).unwrap().restoring;
    world.run(2 * DAY);
    // How long it is waited for outlasts the program (KE-128 leaves it alone).
    world.stop(second);
    world.unlock(second);
    assert_eq!(restoring(&world), Some(Restoring::Told));
    world.run(DAY + 3600);
    world.unlock(second);
    assert_eq!(restoring(&world), Some(Restoring::Unanswered));
}

#[test]
fn ke_126_what_somebody_says_who_starts_anew_stands_below_what_was_said_before() {
    let (mut world, bela, ana) = World::met("anew");
    let mut said = Vec::new();
    for round in 0..20 {
        for (who, contact, name) in [(ANA, bela, "Ana"), (BELA, ana, "Bela")] {
            said.push(format!("{name} {round}"));
            world.send(who, contact, said.last().unwrap());
            world.run(5);
        }
    }
    world.run(DAY);
    world.online(ANA, Reach::Down);
    // No backup: another person for all that anybody can know. Who writes before the card is answered knows no number of the conversation.
    let anew = world.add("anew-again");
    let (there, offer) = world.card(anew);
    // The number says the day, and not when the card was made.
    assert_eq!(world.count(anew, "SELECT lamport % 86400 FROM contacts"), 0);
    assert!(world.count(anew, "SELECT lamport FROM contacts") > 0);
    world.send(anew, there, "it is me");
    let offer = Box::new(offer);
    world.command(BELA, Command::EndSessions { contact: ana, offer: offer.clone() }).unwrap();
    let taken = world.command(BELA, Command::CardAccept { offer, whom: Whom::Again(ana) });
    assert!(matches!(taken, Ok(Reply::Contact(contact)) if contact == ana), "{taken:?}");
    world.run(60);
    world.send(BELA, ana, "welcome");
    world.run(20);
    world.send(anew, there, "nothing is left here");
    world.run(20);
    let new = ["it is me", "welcome", "nothing is left here"].map(str::to_owned);
    said.extend(new.clone());
    assert_eq!(world.texts(BELA, ana), said);
    assert_eq!(world.texts(anew, there), new);
}

/// Somebody who has nothing left gives Ana a card, which she takes for Bela's. Returns what Ana is there.
fn start_anew(world: &mut World, anew: usize, bela: ContactId) -> ContactId {
    let (there, offer) = world.card(anew);
    let offer = Box::new(offer);
    world.command(ANA, Command::EndSessions { contact: bela, offer: offer.clone() }).unwrap();
    world.command(ANA, Command::CardAccept { offer, whom: Whom::Again(bela) }).unwrap();
    there
}

#[test]
fn ke_129_a_contact_who_starts_anew_is_one_contact_on_every_device() {
    let (mut world, bela, ana) = World::with_laptop("anew-siblings");
    world.link(ANA, LAPTOP, HistoryWish::All);
    world.run(7 * 3600);
    let on_laptop = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(BELA, ana, "before");
    world.run(60);
    world.online(BELA, Reach::Down);
    let lost = world.send(LAPTOP, on_laptop, "nobody has this");
    world.run(60);
    // The laptop hears of nothing for a time, and goes on by what it knew.
    world.online(LAPTOP, Reach::Down);
    let anew = world.add("anew-siblings-again");
    let there = start_anew(&mut world, anew, bela);
    world.run(60);
    let waits = world.send(LAPTOP, on_laptop, "by the old name");
    world.online(LAPTOP, Reach::Up);
    world.run(3600);
    world.send(anew, there, "it is me");
    world.send(LAPTOP, on_laptop, "by the new name");
    world.run(3600);
    // The laptop's new keys are the contact's to know when the password has signed them.
    world.unlock(LAPTOP);
    world.run(2 * 3600);
    for (who, contact) in [(ANA, bela), (LAPTOP, on_laptop)] {
        assert_eq!(world.people[who].engine.contacts().unwrap().len(), 1, "{who}");
        let mut texts = world.texts(who, contact);
        texts.sort();
        assert_eq!(texts, ["before", "by the new name", "by the old name", "it is me", "nobody has this"], "{who}");
    }
    assert_eq!(world.texts(anew, there).into_iter().filter(|text| text == "by the new name").count(), 1);
    // What was sealed for devices that are given up is reported, and stays under way for nobody.
    assert_eq!(world.state(LAPTOP, on_laptop, lost), MessageState::Expired);
    assert_ne!(world.state(LAPTOP, on_laptop, waits), MessageState::Accepted);
}

#[test]
fn ke_129_whoever_is_forgotten_stays_so_by_the_id_of_before() {
    let (mut world, bela, _) = World::with_laptop("anew-forgotten");
    world.link(ANA, LAPTOP, HistoryWish::All);
    world.run(7 * 3600);
    world.online(LAPTOP, Reach::Down);
    let anew = world.add("anew-forgotten-again");
    start_anew(&mut world, anew, bela);
    world.run(60);
    world.command(ANA, Command::Forget { contact: bela }).unwrap();
    world.run(60);
    world.online(LAPTOP, Reach::Up);
    world.run(3600);
    for who in [ANA, LAPTOP] {
        assert!(world.people[who].engine.contacts().unwrap().is_empty(), "{who}");
    }
}

#[test]
fn ke_130_digits_that_were_compared_on_one_device_end_the_alarm_on_all() {
    let (mut world, bela, ana) = World::with_laptop("compared");
    world.link(BELA, LAPTOP, HistoryWish::None);
    world.run(2 * DAY);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let new = world.restore_and_tell(&backup, "compared-new");
    world.run(60);
    let there = world.named(LAPTOP, "Contact 1");
    let twice = |world: &World| {
        let on = |who: usize, contact| world.people[who].engine.contact(contact).unwrap().restored;
        [on(BELA, ana), on(LAPTOP, there)].map(|restored| restored.is_some_and(|restored| restored.twice))
    };
    let come = |world: &mut World, name: &str| {
        let thief = world.restore_and_tell(&backup, name);
        world.run(60);
        world.send(thief, bela, "it is me");
        world.run(60);
        world.online(thief, Reach::Down);
    };
    come(&mut world, "compared-thief");
    assert_eq!(twice(&world), [true, true]);
    // By a clock that was ahead when the alarm came: what answers it is later all the same.
    world.alter(LAPTOP, "UPDATE contacts SET restored_twice = restored_twice + 3600000 WHERE kind = 0", &[]);
    world.command(LAPTOP, Command::ConfirmVerified { contact: there }).unwrap();
    assert_eq!(twice(&world), [true, false]);
    world.run(60);
    assert_eq!(twice(&world), [false, false]);
    // Whoever comes again raises another one, also within the hour by which that clock was ahead, and the contact hears of it again.
    world.run(60);
    world.command(new, Command::ConfirmVerified { contact: bela }).unwrap();
    come(&mut world, "compared-again");
    assert_eq!(twice(&world), [true, true]);
    assert!(world.people[new].engine.contact(bela).unwrap().refused_another.is_some());
}

#[test]
fn ke_68_two_devices_that_each_take_another_one_in_agree_on_the_later_list() {
    for round in 0..6 {
        let (mut world, bela, ana) = World::with_laptop(&format!("both-{round}"));
        world.link(BELA, LAPTOP, HistoryWish::None);
        world.run(2 * DAY);
        let backup = world.backup_of(ANA);
        let laptops = world.blob(LAPTOP, "SELECT device FROM contacts WHERE kind = 0");
        let phones = world.blob(BELA, "SELECT device FROM contacts WHERE kind = 0");
        world.online(ANA, Reach::Down);
        // One reaches the phone, the other one the laptop, and neither of these has heard of the other.
        for who in [BELA, LAPTOP] {
            world.online(who, Reach::Down);
        }
        let (mut at_phone, mut at_laptop) = (backup.clone(), backup);
        at_phone.forget_card(&laptops);
        at_laptop.forget_card(&phones);
        let one = world.restore_and_tell(&at_phone, &format!("both-one-{round}"));
        let other = world.restore_and_tell(&at_laptop, &format!("both-other-{round}"));
        world.run(60);
        // The first words of both are under way at once, or those of one before those of the other.
        let first = if round % 2 == 0 { [BELA, LAPTOP] } else { [LAPTOP, BELA] };
        world.online(first[0], Reach::Up);
        world.settle_some([0, 0, 40, 40, 80, 80][round]);
        world.online(first[1], Reach::Up);
        world.run(3600);
        assert_eq!(world.device_list(BELA, "peer_list"), world.device_list(LAPTOP, "peer_list"), "{round}");
        let there = world.named(LAPTOP, "Contact 1");
        world.send(BELA, ana, "from the phone");
        world.send(LAPTOP, there, "from the laptop");
        world.run(3600);
        let has_all = |who: usize| world.texts(who, bela).len() == 2;
        assert!(has_all(one) != has_all(other), "{round}: {:?} {:?}", world.texts(one, bela), world.texts(other, bela));
        let (winner, loser) = if has_all(one) { (one, other) } else { (other, one) };
        assert!(world.texts(loser, bela).is_empty(), "{round}");
        let twice = [(BELA, ana), (LAPTOP, there)]
            .map(|(who, contact)| world.people[who].engine.contact(contact).unwrap().restored.unwrap().twice);
        let is_in = |who: usize| world.people[who].engine.contact(bela).unwrap().restoring.is_none();
        if round < 2 {
            assert!(is_in(one) && is_in(other), "{round}");
            // The later list is the winner's, and both say that there was another one.
            let version = |who: usize| world.device_list(who, "own_list").version;
            assert!(version(winner) > version(loser), "{round}");
            assert_eq!(twice, [true, true], "{round}");
        } else {
            // One had heard of the first before it looked at the answer of the second, and refused it.
            assert!(twice.contains(&true), "{round} {twice:?}");
        }
    }
}

#[test]
fn ke_129_nobody_takes_a_contacts_place_by_the_id_of_its_conversation() {
    let (mut world, bela, ana) = World::with_laptop("anothers-id");
    world.link(ANA, LAPTOP, HistoryWish::All);
    world.run(7 * 3600);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let stolen = world.blob(BELA, "SELECT conversation FROM contacts WHERE kind = 0");
    // Whoever knows it gives Ana a harmless card, for a conversation of that id.
    let thief = world.add("anothers-id-thief");
    let (ana_there, _) = world.card(thief);
    world.alter(thief, "UPDATE contacts SET conversation = ?1", &[&stolen]);
    let new = Command::CardNew { whom: Whom::Again(ana_there), expires: DAY };
    let Reply::Card { offer, .. } = world.command(thief, new).unwrap() else { panic!("not a card") };
    let stranger = world.accept(ANA, *offer);
    world.events(ANA);
    world.run(60);
    world.send(thief, ana_there, "I am Bela");
    world.run(60);
    let told = |event: &Event| matches!(event, Event::SessionUnusable { contact, .. } if *contact == stranger);
    assert!(world.events(ANA).iter().any(told));
    assert!(world.people[ANA].engine.contact(stranger).unwrap().needs_card);
    world.send(BELA, ana, "hello");
    world.send(LAPTOP, there, "hello to you");
    world.run(60);
    for (who, contact) in [(ANA, bela), (LAPTOP, there)] {
        let mut texts = world.texts(who, contact);
        texts.sort();
        assert_eq!(texts, ["hello", "hello to you"], "{who}");
    }
    assert_eq!(world.people[LAPTOP].engine.contacts().unwrap().len(), 1);
    assert_eq!(world.texts(BELA, ana).len(), 2);
}
