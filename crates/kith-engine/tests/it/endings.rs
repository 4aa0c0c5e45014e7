//! How conversations end by themselves: both people learn of it, and nothing is left in doubt.

use kith_engine::{Command, CommandError, ContactId, ContactState, Ended, Event, Held, MessageState, Reply, Whom};
use kith_wire::backup::BackupItem;

use crate::world::{ANA, BELA, Reach, World};

const DAY: u64 = 86_400;

/// Bela goes on from data as they were before a talk.
fn with_restored_bela(name: &str) -> (World, ContactId, ContactId) {
    let (mut world, bela, ana) = World::met(name);
    world.send(ANA, bela, "before");
    world.run(5);
    let backup = world.back_up(BELA);
    for text in ["one", "two"] {
        world.send(BELA, ana, text);
        world.run(5);
        world.send(ANA, bela, text);
        world.run(5);
    }
    world.restore(BELA, backup);
    world.events(ANA);
    world.events(BELA);
    (world, bela, ana)
}

fn endings(world: &mut World, who: usize) -> Vec<Ended> {
    let why = |event| if let Event::SessionUnusable { why, .. } = event { Some(why) } else { None };
    world.events(who).into_iter().filter_map(why).collect()
}

#[test]
fn ke_36_a_restored_device_that_hears_learns_that_it_was_restored_and_so_does_the_contact() {
    let (mut world, bela, ana) = with_restored_bela("restored-hears");
    let message = world.send(ANA, bela, "are you there?");
    world.run(10);
    assert_eq!(endings(&mut world, BELA), [Ended::OwnCopy]);
    // What Bela's device says at the end has a number that was used: Ana's device sees the copy by itself.
    assert_eq!(endings(&mut world, ANA), [Ended::ContactsCopy]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Expired);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let send = Command::Send { contact, text: "more".to_owned(), reply_to: None, attachment: None };
        assert!(matches!(world.command(who, send), Err(CommandError::SessionUnusable)));
    }
    // Nobody talks about it for ever.
    world.run(5);
    let steps = world.steps;
    world.run(3600);
    assert!(world.steps - steps < 200, "{} steps", world.steps - steps);
}

#[test]
fn ke_36_a_restored_device_that_speaks_first_is_told() {
    let (mut world, _, ana) = with_restored_bela("restored-speaks");
    let message = world.send(BELA, ana, "I am back");
    world.run(10);
    assert_eq!(endings(&mut world, ANA), [Ended::ContactsCopy]);
    assert_eq!(endings(&mut world, BELA), [Ended::ByContactForCopy]);
    assert_eq!(world.state(BELA, ana, message), MessageState::Expired);
}

#[test]
fn ke_36_the_end_reaches_a_contact_that_is_away() {
    let (mut world, _, ana) = with_restored_bela("restored-away");
    world.stop(ANA);
    let message = world.send(BELA, ana, "I am back");
    world.run(10);
    assert_eq!(world.state(BELA, ana, message), MessageState::Accepted);
    world.stop(BELA);
    world.crash(ANA);
    world.run(10);
    world.crash(BELA);
    world.run(10);
    assert_eq!(endings(&mut world, BELA), [Ended::ByContactForCopy]);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM frames WHERE due IS NOT NULL"), 0);
}

#[test]
fn ke_41_a_copy_too_old_for_every_key_is_told_by_what_does_not_open() {
    let (mut world, bela, ana) = World::met("restored-long-ago");
    let backup = world.back_up(BELA);
    // They talk until no key of the copy is known any more.
    for hour in 0..8 {
        world.send(ANA, bela, &format!("a{hour}"));
        world.send(BELA, ana, &format!("b{hour}"));
        world.run(2 * 3600);
    }
    world.restore(BELA, backup);
    world.events(ANA);
    world.events(BELA);
    for number in 0..12 {
        let told = world.events(BELA).contains(&Event::Unopened { contact: ana });
        assert!(!told, "after {number} frames");
        world.send(ANA, bela, "can you read this?");
        world.run(5);
    }
    assert!(world.events(BELA).contains(&Event::Unopened { contact: ana }));
    assert!(world.people[BELA].engine.contact(ana).unwrap().needs_card);
    assert_eq!(endings(&mut world, BELA), []);
    // Bela gives the card this time; Ana has noticed nothing yet, and takes it for Bela's on purpose (KE-105).
    let new = Command::CardNew { whom: Whom::Again(ana), expires: 86_400 };
    let Reply::Card { offer, .. } = world.command(BELA, new).unwrap() else { panic!("not a card") };
    world.command(ANA, Command::EndSessions { contact: bela, offer: offer.clone() }).unwrap();
    world.command(ANA, Command::CardAccept { offer, whom: Whom::Again(bela) }).unwrap();
    world.run(10);
    world.send(ANA, bela, "now?");
    world.run(5);
    assert_eq!(world.texts(BELA, ana).last().unwrap(), "now?");
}

#[test]
fn ke_41_a_frame_that_opens_begins_the_count_anew() {
    let (mut world, bela, ana) = World::met("unopened-count");
    world.people[BELA].keeper.execute("INSERT INTO unopened VALUES (?1, 11)", [ana.0 as i64]).unwrap();
    world.send(ANA, bela, "hello");
    world.run(5);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM unopened"), 0);
    assert!(!world.people[BELA].engine.contact(ana).unwrap().needs_card);
}

/// Meets again by a new card, in the conversation that was there.
fn meet_again(world: &mut World, bela: ContactId, ana: ContactId) {
    let new = Command::CardNew { whom: Whom::Again(bela), expires: 86_400 };
    let Reply::Card { offer, contact, .. } = world.command(ANA, new).unwrap() else { panic!("not a card") };
    assert_eq!(contact, bela);
    let accept = Command::CardAccept { offer, whom: Whom::Again(ana) };
    assert!(matches!(world.command(BELA, accept), Ok(Reply::Contact(contact)) if contact == ana));
    world.run(10);
}

#[test]
fn ke_37_a_new_card_goes_on_in_the_same_conversation() {
    let (mut world, bela, ana) = with_restored_bela("again");
    world.send(ANA, bela, "are you there?");
    world.run(10);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        assert!(world.people[who].engine.contact(contact).unwrap().needs_card);
    }
    world.command(ANA, Command::ConfirmVerified { contact: bela }).unwrap();
    meet_again(&mut world, bela, ana);
    world.send(ANA, bela, "after");
    world.run(5);
    world.send(BELA, ana, "after too");
    world.run(5);
    // Ana kept everything; Bela has what its copy had, and what came since.
    assert_eq!(world.texts(ANA, bela), ["before", "one", "one", "two", "two", "are you there?", "after", "after too"]);
    assert_eq!(world.texts(BELA, ana), ["before", "after", "after too"]);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let view = world.people[who].engine.contact(contact).unwrap();
        assert_eq!((view.state, view.verified, view.needs_card), (ContactState::Established, false, false));
    }
    assert_eq!(world.people[ANA].engine.digits(bela).unwrap(), world.people[BELA].engine.digits(ana).unwrap());
    // One queue each, and one device each: nothing of the old meeting is left.
    for who in [ANA, BELA] {
        world.run(60);
        assert_eq!(world.count(who, "SELECT count(*) FROM queues WHERE state > 1"), 1);
        assert_eq!(world.count(who, "SELECT count(*) FROM peers"), 1);
    }
}

#[test]
fn ke_37_what_waited_goes_out_in_the_new_session() {
    let (mut world, bela, ana) = World::met("again-waits");
    world.stop(BELA);
    world.stop(ANA);
    // Written offline: sealed at once, so it is given up with the session; written after the end: it waits for the new one.
    world.people[ANA].keeper.execute("UPDATE contacts SET unusable = 1", []).unwrap();
    world.people[BELA].keeper.execute("UPDATE contacts SET unusable = 1", []).unwrap();
    world.crash(ANA);
    world.crash(BELA);
    let new = Command::CardNew { whom: Whom::Again(bela), expires: 86_400 };
    let Reply::Card { offer, .. } = world.command(ANA, new).unwrap() else { panic!("not a card") };
    let message = world.send(ANA, bela, "waits");
    assert_eq!(world.state(ANA, bela, message), MessageState::Waiting);
    world.command(BELA, Command::CardAccept { offer, whom: Whom::Again(ana) }).unwrap();
    world.run(10);
    assert_eq!(world.texts(BELA, ana), ["waits"]);
    assert_eq!(world.state(ANA, bela, message), MessageState::Delivered);
}

#[test]
fn ke_37_a_queue_of_before_is_not_announced_in_the_new_session() {
    let (mut world, bela, ana) = World::met("again-moved");
    for person in &world.people {
        person.keeper.execute("UPDATE own_rotations SET at = at * 2", []).unwrap();
    }
    world.run(95 * 86_400);
    // The lists have expired, so the move waits; then the session stops.
    world.command(ANA, Command::Rotate { contact: bela }).unwrap();
    assert_eq!(world.count(ANA, "SELECT count(*) FROM outgoing WHERE kind = 5"), 1);
    for who in [ANA, BELA] {
        world.people[who].keeper.execute("UPDATE contacts SET unusable = 1", []).unwrap();
        let (now, user) = (world.now, world.people[who].user.clone());
        world.people[who].engine.refresh_device_lists(&user, now, &mut world.rng).unwrap();
    }
    meet_again(&mut world, bela, ana);
    world.run(60);
    world.send(BELA, ana, "still heard");
    world.run(60);
    assert_eq!(world.texts(ANA, bela), ["still heard"]);
}

#[test]
fn ke_37_a_conversation_that_goes_on_is_not_given_up_for_a_card() {
    let (mut world, bela, _) = World::met("again-not");
    let new = |whom| Command::CardNew { whom, expires: 86_400 };
    assert!(matches!(world.command(ANA, new(Whom::Again(bela))), Err(CommandError::NothingToRenew)));
    assert!(matches!(world.command(ANA, new(Whom::Again(ContactId(99)))), Err(CommandError::UnknownContact)));
    world.send(ANA, bela, "still here");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["still here"]);
}

#[test]
fn ke_37_a_card_that_nobody_answered_is_replaced_for_the_same_contact() {
    let mut world = World::new("again-unanswered");
    let (bela, old) = world.card(ANA);
    let new = Command::CardNew { whom: Whom::Again(bela), expires: 86_400 };
    let Reply::Card { offer, .. } = world.command(ANA, new).unwrap() else { panic!("not a card") };
    world.run(5);
    // The old card leads nowhere, and nobody is told more than that nobody answers.
    let lost = world.accept(BELA, old);
    let ana = world.accept(BELA, *offer);
    world.run(10);
    world.send(BELA, ana, "hello");
    world.run(5);
    assert_eq!(world.texts(ANA, bela), ["hello"]);
    assert_eq!(world.people[BELA].engine.contact(lost).unwrap().state, ContactState::Answered);
}

#[test]
fn ke_105_a_restored_contact_without_a_card_goes_on_by_a_new_one_that_the_other_side_takes_on_purpose() {
    let (mut world, bela, ana) = World::met("instead");
    world.send(ANA, bela, "before");
    world.run(3600);
    world.command(BELA, Command::ConfirmVerified { contact: ana }).unwrap();
    let (mut items, _) = world.backup_run(ANA, None).unwrap();
    items.retain(|item| !matches!(item, BackupItem::SpareCard { .. }));
    world.online(ANA, Reach::Down);
    let tablet = world.come_back("instead-tablet", ANA, 1, &items);
    world.run(60);
    let there = world.people[tablet].engine.contacts().unwrap().remove(0);
    assert!(there.needs_card);
    let new = Command::CardNew { whom: Whom::Again(there.id), expires: 86_400 };
    let Reply::Card { offer, .. } = world.command(tablet, new).unwrap() else { panic!("not a card") };
    let end = Command::EndSessions { contact: ana, offer: offer.clone() };
    let accept = Command::CardAccept { offer, whom: Whom::Again(ana) };
    // A card alone takes nobody's place.
    assert!(matches!(world.command(BELA, accept.clone()), Err(CommandError::NothingToRenew)));
    assert!(world.people[BELA].engine.contact(ana).unwrap().verified);
    world.command(BELA, end).unwrap();
    world.run(60);
    assert!(world.people[BELA].engine.contact(ana).unwrap().needs_card);
    world.command(BELA, accept).unwrap();
    world.run(120);
    let seen = world.people[BELA].engine.contact(ana).unwrap();
    assert!(!seen.verified && seen.new_keys.is_some() && !seen.needs_card, "{seen:?}");
    world.send(tablet, there.id, "I am back");
    world.send(BELA, ana, "Who is it?");
    world.run(120);
    for (who, contact) in [(BELA, ana), (tablet, there.id)] {
        let mut texts = world.texts(who, contact);
        texts.sort();
        assert_eq!(texts, ["I am back", "Who is it?", "before"]);
    }
    world.command(BELA, Command::ConfirmVerified { contact: ana }).unwrap();
    let seen = world.people[BELA].engine.contact(ana).unwrap();
    assert!(seen.verified && seen.new_keys.is_none());
}

#[test]
fn ke_105_whoever_is_replaced_while_alive_hears_of_it_and_only_an_established_contact_can_be() {
    let (mut world, bela, ana) = World::met("instead-alive");
    let cem = world.add("instead-alive-cem");
    let card = Box::new(world.card(cem).1);
    let end = |contact| Command::EndSessions { contact, offer: card.clone() };
    // A card that could not be answered ends nothing: here one's own.
    let own = Box::new(world.card(BELA).1);
    let refused = world.command(BELA, Command::EndSessions { contact: ana, offer: own });
    assert!(matches!(refused, Err(CommandError::OwnCard)));
    world.run(60);
    assert!(!world.people[ANA].engine.contact(bela).unwrap().needs_card, "nothing has ended");
    world.command(BELA, end(ana)).unwrap();
    world.run(60);
    assert!(world.people[ANA].engine.contact(bela).unwrap().needs_card, "Ana hears that it is over");
    let unmet = world.card(ANA).0;
    assert!(matches!(world.command(ANA, end(unmet)), Err(CommandError::NothingToRenew)));
    assert!(matches!(world.command(ANA, end(ContactId(99))), Err(CommandError::UnknownContact)));
    world.command(ANA, Command::Block { contact: bela }).unwrap();
    assert!(matches!(world.command(ANA, end(bela)), Err(CommandError::Blocked)));
}

/// Ana has given Bela a card, who has answered it; Ana has forgotten him, or is away. Returns what Ana is to Bela.
fn answered(name: &str, ana_is: impl FnOnce(&mut World, ContactId)) -> (World, ContactId) {
    let mut world = World::new(name);
    world.run(10);
    let (there, offer) = world.card(ANA);
    ana_is(&mut world, there);
    let ana = world.accept(BELA, offer);
    world.send(BELA, ana, "are you there?");
    world.run(60);
    (world, ana)
}

fn held_and_needs_card(world: &World, contact: ContactId) -> (Option<Held>, bool) {
    let view = world.people[BELA].engine.contact(contact).unwrap();
    (view.held, view.needs_card)
}

#[test]
fn ke_110_an_answer_that_nobody_confirms_says_so_and_another_card_goes_on() {
    let (mut world, ana) = answered("silent", |world, contact| {
        world.command(ANA, Command::Forget { contact }).unwrap();
    });
    assert_eq!(held_and_needs_card(&world, ana), (None, false));
    world.events(BELA);
    world.run(8 * DAY);
    assert_eq!(held_and_needs_card(&world, ana), (Some(Held::Unanswered), true));
    let is_told = |event: &&Event| **event == Event::Held { contact: ana, why: Some(Held::Unanswered) };
    assert_eq!(world.events(BELA).iter().filter(is_told).count(), 1, "it is told once");
    let (there, offer) = world.card(ANA);
    world.command(BELA, Command::CardAccept { offer: Box::new(offer), whom: Whom::Again(ana) }).unwrap();
    assert_eq!(held_and_needs_card(&world, ana), (None, false));
    world.run(60);
    assert_eq!(world.texts(ANA, there), ["are you there?"]);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
}

#[test]
fn ke_110_another_card_takes_the_place_of_one_that_nobody_confirmed_at_once() {
    let (mut world, ana) = answered("at-once", |world, contact| {
        world.command(ANA, Command::Forget { contact }).unwrap();
    });
    let (there, offer) = world.card(ANA);
    world.command(BELA, Command::CardAccept { offer: Box::new(offer), whom: Whom::Again(ana) }).unwrap();
    world.run(60);
    assert_eq!(world.texts(ANA, there), ["are you there?"]);
    assert_eq!(world.people[BELA].engine.contacts().unwrap().len(), 1);
}

#[test]
fn ke_110_who_confirms_late_is_met_all_the_same() {
    let (mut world, ana) = answered("late", |world, _| world.online(ANA, Reach::Down));
    world.run(8 * DAY);
    assert_eq!(held_and_needs_card(&world, ana), (Some(Held::Unanswered), true));
    world.online(ANA, Reach::Up);
    world.run(DAY);
    assert_eq!(held_and_needs_card(&world, ana), (None, false));
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
}

#[test]
fn ke_110_the_giver_gives_up_a_meeting_that_the_answerer_never_went_on_with() {
    let mut world = World::new("half");
    world.run(10);
    let (bela, offer) = world.card(ANA);
    world.accept(BELA, offer);
    for _ in 0..200 {
        if world.people[ANA].engine.contact(bela).unwrap().state == ContactState::Answered {
            break;
        }
        world.step();
    }
    let view = world.people[ANA].engine.contact(bela).unwrap();
    assert_eq!((view.state, view.needs_card), (ContactState::Answered, false));
    world.online(BELA, Reach::Down);
    let anew = world.add("half-anew");
    let (_, offer) = world.card(anew);
    let accept = Command::CardAccept { offer: Box::new(offer.clone()), whom: Whom::Again(bela) };
    assert!(matches!(world.command(ANA, accept.clone()), Err(CommandError::NothingToRenew)));
    world.command(ANA, Command::EndSessions { contact: bela, offer: Box::new(offer) }).unwrap();
    world.command(ANA, accept).unwrap();
    world.run(60);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Established);
}

/// Ana has confirmed Bela's answer and heard nothing of her since, and gives the meeting up: Bela must not write into nothing.
#[test]
fn ke_110_who_was_confirmed_hears_that_the_meeting_was_given_up() {
    let mut world = World::new("half-told");
    world.run(10);
    let (bela, offer) = world.card(ANA);
    world.online(ANA, Reach::Down);
    let ana = world.accept(BELA, offer);
    world.run(10);
    world.online(BELA, Reach::Down);
    world.online(ANA, Reach::Up);
    world.run(10);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Answered);
    let anew = world.add("half-told-anew");
    let (_, offer) = world.card(anew);
    world.command(ANA, Command::EndSessions { contact: bela, offer: Box::new(offer.clone()) }).unwrap();
    world.run(10);
    world.command(ANA, Command::CardAccept { offer: Box::new(offer), whom: Whom::Again(bela) }).unwrap();
    world.run(10);
    world.events(BELA);
    world.online(BELA, Reach::Up);
    world.run(10);
    assert_eq!(endings(&mut world, BELA), [Ended::ByContact]);
    assert!(world.people[BELA].engine.contact(ana).unwrap().needs_card);
}
