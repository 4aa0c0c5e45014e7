//! Somebody has lost every device and goes on from a backup, on a new one.

use kith_engine::{Command, CommandError, ContactState, Event, HistoryWish, MessageState, Restoring, Whom};
use kith_wire::Wire;
use kith_wire::card::CardOffer;
use kith_wire::content::{Body, KnownBody};
use kith_wire::devices::RevocationReason;
use kith_wire::id::DeviceId;
use rusqlite::params;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;
const HOURS: u64 = 3600;

fn restored(event: &Event) -> bool {
    matches!(event, Event::ContactRestored { .. })
}

#[test]
fn a_person_who_lost_everything_goes_on_with_every_contact() {
    let (mut world, bela, ana) = World::met("lost");
    world.add_person("lost-cem", 1);
    let cem = world.people.len() - 1;
    let tablet = world.add("lost-tablet");
    let (_, at_cem) = world.meets(ANA, cem);
    world.link(cem, tablet, HistoryWish::None);
    world.run(DAY);
    world.send(ANA, bela, "from before");
    world.send(BELA, ana, "heard before");
    world.run(10);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    world.run(10);
    for who in [BELA, cem, tablet] {
        world.events(who);
    }

    let new = world.restore_and_tell(&backup, "lost-new");
    world.run(7 * HOURS);
    let views = world.people[new].engine.contacts().unwrap();
    assert!(views.iter().all(|view| view.restoring.is_none() && !view.needs_card), "{views:?}");
    assert_eq!(world.texts(new, bela), ["from before", "heard before"]);
    for who in [BELA, cem, tablet] {
        assert_eq!(world.events(who).iter().filter(|event| restored(event)).count(), 1, "{who}");
        let view = world.people[who].engine.contacts().unwrap().remove(0);
        assert!(view.restored.is_some_and(|restored| !restored.twice) && view.state == ContactState::Established);
        assert!(!view.needs_card);
    }
    // Both ways, and in order behind what was said before.
    world.send(new, bela, "here again");
    world.run(10);
    world.send(BELA, ana, "welcome back");
    world.run(10);
    let said = ["from before", "heard before", "here again", "welcome back"];
    assert_eq!(world.texts(BELA, ana), said);
    assert_eq!(world.texts(new, bela), said);
    let on_new = world.people[new].engine.contacts().unwrap()[1].id;
    let on_tablet = world.people[tablet].engine.contacts().unwrap()[0].id;
    world.send(tablet, on_tablet, "from the tablet");
    world.run(10);
    world.send(new, on_new, "to both");
    world.run(10);
    assert_eq!(world.texts(new, on_new), ["from the tablet", "to both"]);
    assert_eq!(world.texts(cem, at_cem), ["from the tablet", "to both"]);
    assert_eq!(world.texts(tablet, on_tablet), ["from the tablet", "to both"]);
    // The digits are those of before.
    let digits = world.people[BELA].engine.digits(ana).unwrap();
    assert_eq!(world.people[new].engine.digits(bela).unwrap(), digits);
}

#[test]
fn ke_65_the_restored_device_names_itself_alone_and_revokes_every_other() {
    let (mut world, _, _) = World::with_laptop("alone");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    let before = world.device_list(ANA, "own_list");
    assert_eq!(before.devices.len(), 2);
    let backup = world.backup_of(LAPTOP);
    for who in [ANA, LAPTOP] {
        world.online(who, Reach::Down);
    }
    // The phone renews its list a few times after the backup.
    for _ in 0..3 {
        world.run(25 * DAY);
        world.unlock(ANA);
    }
    let newest = world.device_list(ANA, "own_list").version;
    let new = world.restore_and_tell(&backup, "alone-new");
    world.run(30);
    let after = world.device_list(BELA, "peer_list");
    assert!(after.version > newest && newest > before.version, "{} {newest}", after.version);
    let mut revoked: Vec<DeviceId> = after.revoked.iter().map(|revoked| revoked.id).collect();
    let mut named: Vec<DeviceId> = before.devices.iter().map(|device| device.id).collect();
    revoked.sort();
    named.sort();
    assert_eq!((after.devices.len(), revoked), (1, named));
    assert_eq!(world.device_names(new), [("restored".to_owned(), true)]);
    assert_eq!(world.count(new, "SELECT count(*) FROM own_known WHERE revoked IS NOT NULL"), 2);
}

#[test]
fn ke_66_an_answer_that_was_lost_is_made_anew_while_the_card_is_good() {
    let (mut world, bela, ana, backup) = World::lost("answer-lost");
    world.online(BELA, Reach::Down);
    let new = world.restore_and_tell(&backup, "answer-lost-new");
    world.run(7 * HOURS);
    let restoring = |world: &World| world.people[new].engine.contact(bela).unwrap().restoring;
    let n_answers = |world: &World| world.count(new, "SELECT count(*) FROM frames WHERE kind = 0");
    assert_eq!((restoring(&world), n_answers(&world)), (Some(Restoring::Told), 1));
    // It is not sent any more, and may still wait in Bela's queue: another one would look like somebody else's.
    world.run(62 * DAY);
    world.unlock(new);
    assert_eq!((restoring(&world), n_answers(&world)), (Some(Restoring::Unanswered), 0));
    // By now it is in no queue either.
    world.run(27 * DAY);
    world.unlock(new);
    assert_eq!((restoring(&world), n_answers(&world)), (Some(Restoring::Told), 1));
    world.online(BELA, Reach::Up);
    world.run(7 * HOURS);
    assert_eq!(restoring(&world), None);
    world.unlock(BELA);
    world.send(new, bela, "at last");
    world.run(60);
    assert_eq!(world.texts(BELA, ana), ["at last"]);
    assert!(!world.people[BELA].engine.contact(ana).unwrap().restored.unwrap().twice);
}

#[test]
fn ke_66_contacts_hear_of_it_at_different_times_or_when_the_person_writes_and_after_the_password() {
    let (mut world, bela, _) = World::met("spread");
    let mut others = vec![BELA];
    for name in ["cem", "dora", "emil"] {
        world.add_person(&format!("spread-{name}"), 1);
        let who = world.people.len() - 1;
        world.run(10);
        world.meets(ANA, who);
        others.push(who);
    }
    world.run(DAY);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let new = world.restore_lost(&backup, "spread-new", 0);
    world.run(60);
    let state = |world: &World| world.people[new].engine.contact(bela).unwrap().restoring;
    // The lists are signed; there were no queues yet.
    assert_eq!(state(&world), Some(Restoring::NeedsPassword));
    let heard = |world: &World| {
        let is_told = |who: &&usize| {
            let restored = world.people[**who].engine.contacts().unwrap()[0].restored;
            restored.is_some()
        };
        others.iter().filter(is_told).count()
    };
    assert_eq!(heard(&world), 0);
    world.unlock(new);
    assert_eq!(state(&world), Some(Restoring::Told));
    world.run(20);
    assert!(heard(&world) < 4);
    world.send(new, bela, "it is me");
    world.run(20);
    assert_eq!(state(&world), None);
    let at_bela = world.people[BELA].engine.contacts().unwrap()[0].id;
    assert_eq!(world.texts(BELA, at_bela), ["it is me"]);
    world.spreads(heard, 4);
}

#[test]
fn ke_67_what_the_lost_device_never_had_reaches_the_new_one_once() {
    let (mut world, bela, ana) = World::with_laptop("undelivered");
    world.run(DAY);
    let delivered = world.send(BELA, ana, "had it");
    world.run(10);
    let backup = world.backup_of(ANA);
    // A device that is linked after the backup, and stolen with the other one.
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    for who in [ANA, LAPTOP] {
        world.online(who, Reach::Down);
    }
    let waited = world.send(BELA, ana, "nobody there");
    let edited = world.send(BELA, ana, "to be edited");
    world.command(BELA, Command::Edit { contact: ana, message: edited, text: "edited".to_owned() }).unwrap();
    world.run(10);
    let new = world.restore_and_tell(&backup, "undelivered-new");
    world.run(60);
    assert_eq!(world.texts(new, bela), ["had it", "nobody there", "edited"]);
    for message in [delivered, waited, edited] {
        assert_eq!(world.state(BELA, ana, message), MessageState::Delivered);
    }
    // The stolen ones are back: neither is heard, nor hears.
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    for (who, contact) in [(ANA, bela), (LAPTOP, there)] {
        world.online(who, Reach::Up);
        world.run(60);
        let send = Command::Send { contact, text: "thief".to_owned(), reply_to: None, attachment: None };
        let _ = world.command(who, send);
        world.run(60);
    }
    world.send(BELA, ana, "only for the new one");
    world.run(60);
    let said = ["had it", "nobody there", "edited", "only for the new one"];
    assert_eq!(world.texts(BELA, ana), said);
    assert_eq!(world.texts(new, bela), said);
    for (who, contact) in [(ANA, bela), (LAPTOP, there)] {
        assert!(!world.texts(who, contact).contains(&"only for the new one".to_owned()), "{who}");
    }
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 1);
}

#[test]
fn ke_67_that_a_contact_goes_on_from_a_backup_is_shown_until_the_digits_are_compared_again() {
    let (mut world, _, ana) = World::with_laptop("shown");
    world.link(BELA, LAPTOP, HistoryWish::None);
    world.run(2 * DAY);
    world.command(BELA, Command::ConfirmVerified { contact: ana }).unwrap();
    let backup = world.backup_of(ANA);
    // The laptop's card gets lost: it hears of it from its sibling.
    let laptops = world.blob(LAPTOP, "SELECT device FROM contacts WHERE kind = 0");
    world.online(ANA, Reach::Down);
    let mut backup = backup;
    backup.forget_card(&laptops);
    world.restore_and_tell(&backup, "shown-new");
    world.run(120);
    let there = world.named(LAPTOP, "Contact 1");
    for (who, contact) in [(BELA, ana), (LAPTOP, there)] {
        let view = world.people[who].engine.contact(contact).unwrap();
        // Compared it was before.
        assert!(view.verified && view.restored.is_some(), "{who}");
    }
    world.command(LAPTOP, Command::ConfirmVerified { contact: there }).unwrap();
    world.run(20);
    for (who, contact) in [(BELA, ana), (LAPTOP, there)] {
        let view = world.people[who].engine.contact(contact).unwrap();
        assert!(view.verified && view.restored.is_none(), "{who}");
    }
}

#[test]
fn ke_105_the_keys_of_somebody_who_goes_on_from_a_backup_can_be_given_up_too() {
    let (mut world, bela, ana, backup) = World::lost("given-up");
    let new = world.restore_and_tell(&backup, "given-up-new");
    world.send(new, bela, "it is me");
    world.run(60);
    assert!(world.people[BELA].engine.contact(ana).unwrap().restored.is_some());
    // And lost again, with the backup: a person who starts anew gives another card.
    let anew = world.add("given-up-anew");
    let (_, offer) = world.card(anew);
    world.command(BELA, Command::EndSessions { contact: ana, offer: Box::new(offer.clone()) }).unwrap();
    assert!(world.people[BELA].engine.contact(ana).unwrap().needs_card);
    world.command(BELA, Command::CardAccept { offer: Box::new(offer), whom: Whom::Again(ana) }).unwrap();
    world.run(60);
    let view = world.people[BELA].engine.contact(ana).unwrap();
    assert!(view.restored.is_none() && view.state == ContactState::Established, "{view:?}");
}

#[test]
fn ke_68_who_restores_the_same_backup_again_is_found_out_and_the_first_one_stays() {
    let (mut world, bela, ana) = World::met("twice");
    world.run(DAY);
    let older = world.backup_of(ANA);
    // A queue move brings another card; the older backup has the one before.
    world.command(BELA, Command::Rotate { contact: ana }).unwrap();
    world.run(DAY);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let first = world.restore_and_tell(&backup, "twice-first");
    world.run(60);
    world.events(BELA);
    for (n, backup) in [&backup, &older].into_iter().enumerate() {
        let second = world.restore_and_tell(backup, &format!("twice-second-{n}"));
        world.run(60);
        world.send(second, bela, "no, it is me");
        world.run(60);
        assert!(world.people[second].engine.contact(bela).unwrap().restoring.is_some());
        world.online(second, Reach::Down);
    }
    let events = world.events(BELA);
    assert!(events.contains(&Event::ContactRestoredTwice { contact: ana }), "{events:?}");
    assert!(!events.iter().any(restored));
    assert!(world.people[BELA].engine.contact(ana).unwrap().restored.unwrap().twice);
    world.send(first, bela, "still me");
    world.run(20);
    assert_eq!(world.texts(BELA, ana), ["still me"]);
    // What the first one backs up now brings it back again.
    let backup = world.backup_of(first);
    world.online(first, Reach::Down);
    let next = world.restore_and_tell(&backup, "twice-next");
    world.run(60);
    world.send(next, bela, "and again");
    world.run(20);
    assert_eq!(world.texts(BELA, ana), ["still me", "and again"]);
}

#[test]
fn ke_63_every_contact_has_one_spare_card_renewed_with_the_queue_and_with_time() {
    let (mut world, bela, ana) = World::with_laptop("spare");
    let given = |world: &World| {
        let card = "SELECT card FROM spare_givers WHERE giver IS NOT NULL ORDER BY id DESC LIMIT 1";
        (world.blob(BELA, card), world.count(BELA, "SELECT count(*) FROM spare_givers WHERE giver IS NOT NULL"))
    };
    let kept = |world: &World, who: usize| world.blob(who, "SELECT offer FROM spare_cards");
    world.run(60);
    let (first, n_given) = given(&world);
    assert_eq!((n_given, world.count(ANA, "SELECT count(*) FROM spare_cards")), (1, 1));
    assert_eq!(world.count(ANA, "SELECT count(*) FROM spare_givers"), 1);
    // A device that Ana links gets the same one, and gives its own.
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    assert_eq!(given(&world), (first.clone(), 1));
    assert_eq!(kept(&world, LAPTOP), kept(&world, ANA));
    assert_eq!(world.count(BELA, "SELECT count(*) FROM spare_cards"), 2);
    // Nobody is shown anything.
    assert!(world.texts(ANA, bela).is_empty() && world.texts(BELA, ana).is_empty());
    let before = kept(&world, ANA);
    world.command(BELA, Command::Rotate { contact: ana }).unwrap();
    world.run(60);
    let (moved, n_given) = given(&world);
    assert!(moved != first && n_given == 2 && kept(&world, ANA) != before);
    // Half a year later at the latest.
    for _ in 0..27 {
        for who in [ANA, BELA, LAPTOP] {
            world.unlock(who);
        }
        world.run(7 * DAY);
    }
    let (renewed, n_given) = given(&world);
    // The card that names the queue of before has gone with it.
    assert!(renewed != moved && n_given == 2, "{n_given}");
    assert_eq!(kept(&world, LAPTOP), kept(&world, ANA));
    let offer = CardOffer::from_bytes(&kept(&world, ANA)).unwrap().card.decode_unverified().unwrap();
    assert!(offer.not_after.0 > world.now.hour().0 + 180 * 24);
    world.command(BELA, Command::Rotate { contact: ana }).unwrap();
    world.run(60);
    assert_eq!(given(&world).1, 3);
    // And nothing is left of them when the contact is forgotten.
    world.command(BELA, Command::Forget { contact: ana }).unwrap();
    assert_eq!(world.count(BELA, "SELECT count(*) FROM spare_givers"), 0);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM spare_cards"), 0);
}

#[test]
fn ke_64_a_spare_card_of_somebody_else_is_not_kept() {
    let (mut world, bela, ana) = World::met("foreign");
    world.add_person("foreign-cem", 1);
    let cem = world.people.len() - 1;
    world.run(10);
    let (_, offer) = world.card(ANA);
    world.accept(cem, offer);
    world.run(DAY);
    let kept = |world: &World| {
        let sql = format!("SELECT offer FROM spare_cards WHERE contact = {}", bela.0);
        world.blob(ANA, &sql)
    };
    let before = kept(&world);
    // Bela's device says Cem's card as its own, and one that is no spare card.
    let cems = world.blob(cem, "SELECT offer FROM spare_givers WHERE offer IS NOT NULL");
    let (_, contact_card) = world.card(BELA);
    for offer in [CardOffer::from_bytes(&cems).unwrap(), contact_card] {
        let body = minicbor::to_vec(Body::Known(KnownBody::SpareCard { offer: Box::new(offer) })).unwrap();
        let sql = "INSERT INTO outgoing (contact, message, lamport, sent, body, kind, expires) \
                   SELECT id, randomblob(16), lamport + 1, ?2, ?3, 2, ?2 + 1000000000 FROM contacts WHERE id = ?1";
        let (id, now) = (i64::try_from(ana.0).unwrap(), i64::try_from(world.now.0).unwrap());
        world.people[BELA].keeper.execute(sql, params![id, now, body]).unwrap();
    }
    world.send(BELA, ana, "after them");
    world.run(20);
    assert_eq!(world.texts(ANA, bela), ["after them"]);
    assert_eq!(kept(&world), before);
}

#[test]
fn a_contact_of_whom_the_backup_has_no_card_needs_a_new_one() {
    let (mut world, bela, _) = World::met("no-card");
    world.run(60);
    let mut backup = world.backup_of(ANA);
    backup.forget_cards();
    world.online(ANA, Reach::Down);
    let new = world.restore_and_tell(&backup, "no-card-new");
    world.run(60);
    let view = world.people[new].engine.contact(bela).unwrap();
    assert_eq!((view.restoring, view.needs_card), (Some(Restoring::NeedsCard), true));
    // One that has expired is none.
    let (mut world, bela, _) = World::met("old-card");
    world.run(60);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    world.run(366 * DAY);
    let new = world.restore_and_tell(&backup, "old-card-new");
    let view = world.people[new].engine.contact(bela).unwrap();
    assert_eq!((view.restoring, view.needs_card), (Some(Restoring::NeedsCard), true));
    let again = Command::CardNew { whom: kith_engine::Whom::Again(bela), expires: 600 };
    world.command(new, again).unwrap();
    assert_eq!(world.people[new].engine.contact(bela).unwrap().restoring, None);
}

#[test]
fn a_crash_at_any_moment_of_a_restore_loses_nothing() {
    for crashes_after in (0..120).step_by(13) {
        let (mut world, bela, ana, backup) = World::lost(&format!("restore-crash-{crashes_after}"));
        world.send(BELA, ana, "waits");
        let new = world.restore_lost(&backup, &format!("restore-crash-{crashes_after}-new"), 1);
        world.settle_some(crashes_after);
        world.crash(new);
        world.run(20);
        world.unlock(new);
        world.settle_some(crashes_after);
        world.crash(new);
        world.crash(BELA);
        world.run(120);
        world.send(new, bela, "here");
        world.run(20);
        assert_eq!(world.texts(new, bela), ["waits", "here"], "{crashes_after}");
        assert_eq!(world.texts(BELA, ana), ["waits", "here"], "{crashes_after}");
    }
}

#[test]
fn ke_68_a_device_that_was_revoked_as_stolen_comes_back_by_no_card_that_it_had() {
    let (mut world, bela, ana) = World::with_laptop("stolen");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    // The thief of the phone has everything that is on it, and its password.
    let stolen = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let phone = world.other_device(LAPTOP).id.unwrap();
    world.revoke(LAPTOP, phone, RevocationReason::Compromised).unwrap();
    world.run(60);
    let thief = world.restore_and_tell(&stolen, "stolen-thief");
    world.run(60);
    world.send(thief, bela, "it is me");
    world.run(60);
    assert!(world.texts(BELA, ana).is_empty());
    assert!(world.people[thief].engine.contact(bela).unwrap().restoring.is_some());
    let view = world.people[BELA].engine.contact(ana).unwrap().restored.unwrap();
    assert!(view.since.is_none() && view.twice);
    assert!(!world.events(BELA).iter().any(restored));
    // The laptop has a new card, and comes back by it when it is lost too.
    let backup = world.backup_of(LAPTOP);
    world.online(LAPTOP, Reach::Down);
    let new = world.restore_and_tell(&backup, "stolen-new");
    world.run(60);
    let there = world.people[new].engine.contacts().unwrap()[0].id;
    world.send(new, there, "here");
    world.run(20);
    assert_eq!(world.texts(BELA, ana), ["here"]);
    world.command(BELA, Command::ConfirmVerified { contact: ana }).unwrap();
    assert_eq!(world.people[BELA].engine.contact(ana).unwrap().restored, None);
}

#[test]
fn ke_68_who_answers_and_waits_does_not_come_first() {
    let (mut world, bela, ana) = World::met("sleeping");
    world.run(DAY);
    let older = world.backup_of(ANA);
    world.command(BELA, Command::Rotate { contact: ana }).unwrap();
    world.run(60);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    // The thief answers the older card, and says nothing more.
    let thief = world.restore_and_tell(&older, "sleeping-thief");
    for _ in 0..200 {
        world.settle_some(1);
        if world.count(BELA, "SELECT count(*) FROM spare_givers WHERE awaited IS NOT NULL") == 1 {
            break;
        }
    }
    world.online(thief, Reach::Down);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM spare_givers WHERE awaited IS NOT NULL"), 1);
    let new = world.restore_and_tell(&backup, "sleeping-new");
    world.run(60);
    assert!(world.people[BELA].engine.contact(ana).unwrap().restored.unwrap().twice);
    // It wakes up too late.
    world.online(thief, Reach::Up);
    world.run(60);
    let text = "thief".to_owned();
    let said = world.command(thief, Command::Send { contact: bela, text, reply_to: None, attachment: None });
    assert!(matches!(said, Err(CommandError::SessionUnusable)));
    world.run(60);
    world.send(BELA, ana, "who is there?");
    world.send(new, bela, "I am");
    world.run(60);
    assert_eq!(world.texts(BELA, ana), world.texts(new, bela));
    assert_eq!(world.texts(new, bela).len(), 2);
    assert!(!world.texts(thief, bela).contains(&"who is there?".to_owned()));
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 1);
}

#[test]
fn ke_68_a_device_that_says_nothing_after_its_answer_is_given_up() {
    let (mut world, _, ana) = World::met("silent");
    world.run(DAY);
    let backup = world.backup_of(ANA);
    let thief = world.restore_and_tell(&backup, "silent-thief");
    for _ in 0..200 {
        world.settle_some(1);
        if world.count(BELA, "SELECT count(*) FROM spare_givers WHERE awaited IS NOT NULL") == 1 {
            break;
        }
    }
    world.online(thief, Reach::Down);
    for _ in 0..3 {
        world.run(21 * DAY);
        for who in [ANA, BELA] {
            world.unlock(who);
        }
    }
    assert_eq!(world.count(BELA, "SELECT count(*) FROM peers WHERE stopped = 0"), 1);
    assert_eq!(world.count(BELA, "SELECT count(*) FROM spare_givers WHERE awaited IS NOT NULL"), 0);
    world.send(BELA, ana, "nothing happened");
    world.run(20);
    assert_eq!(world.texts(ANA, world.named(ANA, "Contact 1")), ["nothing happened"]);
}

#[test]
fn ke_68_what_one_device_was_told_the_siblings_hold_against_a_second_one() {
    let (mut world, bela, ana) = World::with_laptop("told");
    world.link(BELA, LAPTOP, HistoryWish::None);
    world.run(2 * DAY);
    let backup = world.backup_of(ANA);
    let laptops = world.blob(LAPTOP, "SELECT device FROM contacts WHERE kind = 0");
    let phones = world.blob(BELA, "SELECT device FROM contacts WHERE kind = 0");
    world.online(ANA, Reach::Down);
    // Ana reaches Bela's phone first, which tells the laptop; somebody else answers the laptop's card.
    let (mut hers, mut thiefs) = (backup.clone(), backup);
    hers.forget_card(&laptops);
    thiefs.forget_card(&phones);
    let new = world.restore_and_tell(&hers, "told-new");
    world.run(60);
    let thief = world.restore_and_tell(&thiefs, "told-thief");
    world.run(60);
    let there = world.named(LAPTOP, "Contact 1");
    world.send(thief, bela, "thief");
    world.run(60);
    world.send(LAPTOP, there, "for Ana");
    world.run(60);
    assert_eq!(world.texts(new, bela), ["for Ana"]);
    assert!(world.texts(BELA, ana) == ["for Ana"] && world.texts(LAPTOP, there) == ["for Ana"]);
    assert!(world.people[LAPTOP].engine.contact(there).unwrap().restored.unwrap().twice);
    assert!(!world.texts(thief, bela).contains(&"for Ana".to_owned()));
}

#[test]
fn ke_67_a_device_that_a_sibling_has_met_first_is_met_by_its_answer_without_alarm() {
    let (mut world, bela, _) = World::with_laptop("first-told");
    world.link(BELA, LAPTOP, HistoryWish::None);
    world.run(2 * DAY);
    let backup = world.backup_of(ANA);
    world.online(ANA, Reach::Down);
    let there = world.named(LAPTOP, "Contact 1");
    let waits = world.send(LAPTOP, there, "waits");
    world.run(20);
    world.online(LAPTOP, Reach::Down);
    let new = world.restore_and_tell(&backup, "first-told-new");
    world.run(60);
    // The laptop hears of it from the phone before it looks at the answer to its own card, or after.
    world.online(LAPTOP, Reach::Up);
    world.run(120);
    world.send(LAPTOP, there, "both");
    world.send(new, bela, "here");
    world.run(60);
    assert_eq!(world.texts(LAPTOP, there).len(), 3);
    assert_eq!(world.texts(new, bela).len(), 3);
    assert_eq!(world.state(LAPTOP, there, waits), MessageState::Delivered);
    let view = world.people[LAPTOP].engine.contact(there).unwrap().restored.unwrap();
    assert!(!view.twice && view.since.is_some());
}
