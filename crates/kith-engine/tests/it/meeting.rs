//! Meeting: cards, answers, and what becomes of second answers and own cards.

use kith_engine::{Command, CommandError, ContactState, Ended, Event, QueryError, Reply, Whom};
use kith_wire::card::CardOffer;

use crate::world::{ANA, BELA, Reach, World};

#[test]
fn two_people_meet_by_card_and_see_the_same_digits() {
    let (world, bela, ana) = World::met("meet");
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Established);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
    let digits = world.people[ANA].engine.digits(bela).unwrap();
    assert_eq!(digits, world.people[BELA].engine.digits(ana).unwrap());
    assert_eq!(digits.split(' ').count(), 12);
}

#[test]
fn meeting_needs_nobody_to_be_online_together() {
    let mut world = World::new("meet-apart");
    let (bela, offer) = world.card(ANA);
    world.online(ANA, Reach::Down);
    let ana = world.accept(BELA, offer);
    world.send(BELA, ana, "written before the confirmation");
    world.run(60);
    world.online(BELA, Reach::Down);
    world.online(ANA, Reach::Up);
    world.run(60);
    assert_eq!(world.people[ANA].engine.contact(bela).unwrap().state, ContactState::Answered);
    world.send(ANA, bela, "written before it is established");
    world.online(ANA, Reach::Down);
    world.online(BELA, Reach::Up);
    world.run(60);
    world.online(ANA, Reach::Up);
    world.run(60);
    assert_eq!(world.texts(ANA, bela).len(), 2);
    assert_eq!(world.texts(ANA, bela), world.texts(BELA, ana));
}

#[test]
fn ke_6_a_queue_belongs_to_one_contact() {
    let mut world = World::new("own-queue");
    let (_, one) = world.card(ANA);
    let (_, two) = world.card(ANA);
    let queue = |offer: kith_wire::card::CardOffer| offer.card.decode_unverified().unwrap().queue.sender_id;
    assert_ne!(queue(one), queue(two));
}

#[test]
fn cards_are_made_offline_while_there_are_spare_queues() {
    let mut world = World::new("spare");
    world.online(ANA, Reach::Down);
    for _ in 0..3 {
        world.card(ANA);
    }
    let none = world.command(ANA, Command::CardNew { whom: Whom::New(None), expires: 3600 });
    assert!(matches!(none, Err(CommandError::NoSpareQueue)));
    world.online(ANA, Reach::Up);
    world.settle();
    world.card(ANA);
}

#[test]
fn ke_11_own_and_answered_cards_are_refused() {
    let mut world = World::new("own-card");
    let (given_to, offer) = world.card(ANA);
    let accept = |offer: &kith_wire::card::CardOffer| Command::CardAccept {
        offer: Box::new(offer.clone()),
        whom: Whom::New(None),
    };
    let whose = |world: &World, who: usize| world.people[who].engine.contact_of_card(&offer).unwrap();
    assert!(matches!(world.command(ANA, accept(&offer)), Err(CommandError::OwnCard)));
    assert_eq!((whose(&world, ANA), whose(&world, BELA)), (Some(given_to), None));
    world.command(BELA, accept(&offer)).unwrap();
    assert_eq!(whose(&world, BELA), Some(world.people[BELA].engine.contacts().unwrap()[0].id));
    assert!(matches!(world.command(BELA, accept(&offer)), Err(CommandError::AlreadyAnswered)));
    assert_eq!(world.people[BELA].engine.contacts().unwrap().len(), 1);
}

#[test]
fn ke_13_a_second_answer_by_somebody_else_warns() {
    let mut world = World::new("twice");
    world.add_person("twice-carl", 1);
    world.settle();
    let (_, offer) = world.card(ANA);
    world.accept(BELA, offer.clone());
    world.run(5);
    world.events(ANA);
    let ana = world.accept(2, offer);
    world.run(5);
    let warned = world.events(ANA).iter().any(|event| matches!(event, Event::CardAnsweredTwice { .. }));
    assert!(warned);
    assert_eq!(world.people[2].engine.contact(ana).unwrap().state, ContactState::Answered);
    assert!(matches!(world.people[2].engine.digits(ana), Err(QueryError::NoDigits)));
}

#[test]
fn an_unanswered_card_is_cleared_away_when_nobody_can_answer_any_more() {
    let mut world = World::new("stale-card");
    let (_, offer) = world.card(ANA);
    world.run(40 * 86_400);
    assert_eq!(world.count(ANA, "SELECT count(*) FROM contacts WHERE giver IS NOT NULL"), 0);
    let late = world.command(BELA, Command::CardAccept { offer: Box::new(offer), whom: Whom::New(None) });
    assert!(matches!(late, Err(CommandError::Card(_))));
}

/// Ana shows a card as a code: without its key, which waits at her server.
fn show_code(world: &mut World) -> (kith_engine::ContactId, CardOffer) {
    let (bela, offer) = world.card(ANA);
    world.command(ANA, Command::CardPublish { contact: bela }).unwrap();
    (bela, CardOffer { kem: None, ..offer })
}

#[test]
fn a_card_from_a_code_is_answered_when_its_key_has_been_fetched() {
    let mut world = World::new("code");
    let (bela, code) = show_code(&mut world);
    world.online(ANA, Reach::Down);
    let ana = world.accept(BELA, code.clone());
    world.run(60);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Answered);
    let again = Command::CardAccept { offer: Box::new(code), whom: Whom::New(None) };
    assert!(matches!(world.command(BELA, again), Err(CommandError::AlreadyAnswered)));
    world.online(ANA, Reach::Up);
    world.run(600);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
    assert_eq!(world.people[ANA].engine.digits(bela).unwrap(), world.people[BELA].engine.digits(ana).unwrap());
    world.run(60);
    for who in [ANA, BELA] {
        for table in ["card_blobs", "card_requests", "blob_deletions"] {
            assert_eq!(world.count(who, &format!("SELECT count(*) FROM {table}")), 0);
        }
    }
}

#[test]
fn ke_33_a_key_that_is_not_the_cards_is_not_used() {
    let mut world = World::new("wrong-key");
    let (_, offer) = world.card(ANA);
    let (_, other) = world.card(ANA);
    let blob = {
        let secret = offer.card.decode_unverified().unwrap().reply_secret;
        kith_crypto::attachment::NewBlob::of_card(&secret, &mut world.rng)
    };
    let shape = kith_wire::blob::BlobShape::of(1216).unwrap();
    let wrong = kith_crypto::attachment::seal_chunk(&blob.key, shape, 0, other.kem.unwrap().as_bytes()).unwrap();
    world.people[ANA].keeper.execute("UPDATE card_blobs SET sealed = ?1, state = 1", [wrong]).unwrap();
    world.online(ANA, Reach::Down);
    world.online(ANA, Reach::Up);
    world.run(5);
    let ana = world.accept(BELA, CardOffer { kem: None, ..offer });
    world.run(600);
    assert!(world.events(BELA).contains(&Event::SessionUnusable { contact: ana, why: Ended::CardKey }));
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers"), 0);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM queues WHERE state = 1"), 3);
}

#[test]
fn a_code_whose_key_never_comes_is_given_up_when_the_card_expires() {
    let mut world = World::new("no-key");
    let reply = world.command(ANA, Command::CardNew { whom: Whom::New(None), expires: 3600 }).unwrap();
    let Reply::Card { offer, .. } = reply else { panic!("not a card: {reply:?}") };
    let ana = world.accept(BELA, CardOffer { kem: None, ..*offer });
    world.run(3 * 3600);
    assert!(world.events(BELA).contains(&Event::SessionUnusable { contact: ana, why: Ended::CardKey }));
    assert_eq!(world.count(BELA, "SELECT count(*) FROM card_requests"), 0);
}

#[test]
fn a_contact_whose_server_is_forbidden_is_named_once() {
    let mut world = World::new("forbidden");
    world.forbids = true;
    let (_, offer) = world.card(ANA);
    let ana = world.accept(BELA, offer);
    world.run(3600);
    let named = |event: &&Event| **event == Event::ForbiddenServer { contact: ana };
    assert_eq!(world.events(BELA).iter().filter(named).count(), 1);
    world.forbids = false;
    world.run(2 * 3600);
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().state, ContactState::Established);
}

#[test]
fn ke_116_digits_are_compared_by_a_code_and_only_the_same_ones_count() {
    let (mut world, bela, ana) = World::met("meeting-code");
    let code = world.people[BELA].engine.digits_code(ana).unwrap();
    let digits = world.people[ANA].engine.digits(bela).unwrap().replace(' ', "");
    assert_eq!(code, format!("KITH:DIGITS:{digits}"));
    let verified = |world: &World| world.people[ANA].engine.contact(bela).unwrap().verified;
    let compare = |world: &mut World, read: &str| {
        world.command(ANA, Command::CompareDigits { contact: bela, read: read.to_owned() }).map(drop)
    };
    let other = format!("{}{}", &code[..code.len() - 1], if code.ends_with('7') { '8' } else { '7' });
    assert!(matches!(compare(&mut world, &other), Err(CommandError::DigitsDiffer)));
    for nonsense in ["", &digits, "kith:card/abc", &code[..code.len() - 1], &format!("{code}0")] {
        assert!(matches!(compare(&mut world, nonsense), Err(CommandError::NotDigits)), "{nonsense}");
    }
    assert!(!verified(&world));
    compare(&mut world, &format!("{code}\n")).unwrap();
    assert!(verified(&world));
}
