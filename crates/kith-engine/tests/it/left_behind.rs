//! A device that was linked after the backup from which its person came back: contacts show it that it is one of theirs no more.

use kith_crypto::sign::{ContactSecret, Verified};
use kith_engine::{Command, CommandError, ContactId, HistoryWish};
use kith_session::{Session, check_list};
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::devices::{DeviceList, Revocation, RevocationReason};
use kith_wire::id::{DeviceId, Hash};

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;

/// Returns whether a device is locked, and whether it knows that it was left behind.
fn locked(world: &World, who: usize) -> (bool, bool) {
    let status = world.people[who].engine.status(world.now).unwrap();
    (status.revoked, status.left_behind)
}

/// Ana's phone is backed up, then the laptop linked. Both are off when Ana comes back. Returns the device that was restored.
fn returned(name: &str) -> (World, usize, ContactId) {
    let (mut world, _, ana) = World::with_laptop(name);
    world.run(DAY);
    let backup = world.backup_of(ANA);
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    for who in [ANA, LAPTOP] {
        world.online(who, Reach::Down);
    }
    let new = world.restore_and_tell(&backup, &format!("{name}-new"));
    world.run(60);
    (world, new, ana)
}

#[test]
fn ke_108_a_device_that_was_linked_after_the_backup_is_locked_when_it_comes_online() {
    let (mut world, new, ana) = returned("behind");
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    let send = |contact| Command::Send { contact, text: "anybody?".to_owned(), reply_to: None, attachment: None };
    world.command(LAPTOP, send(there)).unwrap();
    assert_eq!(locked(&world, LAPTOP), (false, false));
    world.online(LAPTOP, Reach::Up);
    world.run(60);
    assert_eq!(locked(&world, LAPTOP), (true, true));
    assert!(matches!(world.command(LAPTOP, send(there)), Err(CommandError::Revoked)));
    assert!(world.texts(BELA, ana).is_empty(), "nothing of it was heard");
    assert_eq!(world.count(LAPTOP, "SELECT count(*) FROM frames"), 0);
    // So is the phone, which the list revokes; the one that was restored is not.
    world.online(ANA, Reach::Up);
    world.run(60);
    assert_eq!(locked(&world, ANA), (true, false));
    assert_eq!(locked(&world, new), (false, false));
    world.send(BELA, ana, "only for the new one");
    world.run(60);
    assert_eq!(world.texts(new, world.named(new, "Contact 1")), ["only for the new one"]);
}

#[test]
fn ke_108_it_is_shown_again_to_a_device_that_was_away_for_so_long_that_the_frame_is_gone() {
    let (mut world, _, _) = returned("late");
    world.run(DAY);
    world.lose_queues(1);
    assert_eq!(world.queued(1), 0);
    world.online(LAPTOP, Reach::Up);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "anybody?");
    world.run(60);
    assert_eq!(locked(&world, LAPTOP), (true, true));
}

#[test]
fn a_device_that_a_sibling_takes_out_is_locked_by_that_sibling_and_not_by_contacts() {
    let (mut world, _, _) = World::with_laptop("taken-out");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(DAY);
    world.online(LAPTOP, Reach::Down);
    let laptop = world.other_device(ANA).id.unwrap();
    world.revoke(ANA, laptop, RevocationReason::Compromised).unwrap();
    world.run(60);
    // What waits at home comes in no order that anybody promises; what stays is what the sibling says.
    world.online(LAPTOP, Reach::Up);
    world.run(60);
    assert_eq!(locked(&world, LAPTOP), (true, false));
}

/// Bela's device ends the session with Ana's, and shows it what it likes.
fn ends_with(name: &str, make: impl FnOnce(&ContactSecret, DeviceList) -> Verified<DeviceList>) -> (bool, bool) {
    let (mut world, _, _) = World::met(name);
    let secret = world.blob(ANA, "SELECT secret FROM contacts");
    let seed = world.people[ANA].user.open(b"kith/1/contact-secret", &secret).unwrap();
    let secret = ContactSecret::from_seed(seed.as_ref().try_into().unwrap());
    let list = make(&secret, world.list(ANA, "own_list").into_inner());
    let mut session = Session::restore(&world.blob(BELA, "SELECT core FROM peers"), std::iter::empty()).unwrap();
    let end = session.dismiss(&list, &mut world.rng).unwrap();
    let queue = QueueAddress::from_bytes(&world.blob(BELA, "SELECT queue FROM peers")).unwrap();
    world.deposit(0, &queue, end.frame);
    world.run(60);
    assert!(world.people[ANA].engine.contacts().unwrap()[0].needs_card, "{name}: the session has ended");
    locked(&world, ANA)
}

/// Makes the list that somebody who goes on from a backup would sign: it names a new device and revokes the one that there was.
fn of_a_return(list: DeviceList) -> DeviceList {
    let old = list.devices[0].id;
    let mut returned = DeviceList { version: list.version + 65_536, previous: Hash([1; 32]), ..list };
    returned.devices[0].id = DeviceId([9; 16]);
    returned.devices[0].olm_identity.0[3] ^= 1;
    returned.revoked =
        vec![Revocation { id: old, revoked_in: returned.version, reason: RevocationReason::Compromised }];
    returned
}

fn signed(secret: &ContactSecret, list: &DeviceList) -> Verified<DeviceList> {
    check_list(secret.sign(&list.clone().padded().unwrap()), &secret.public()).unwrap()
}

#[test]
fn ke_108_only_a_newer_list_by_the_own_key_locks_a_device_whatever_a_contact_shows() {
    let shown = ends_with("shown-true", |secret, list| signed(secret, &of_a_return(list)));
    assert_eq!(shown, (true, false), "it revokes this device");
    let forged = ends_with("shown-forged", |_, list| {
        let thief = ContactSecret::from_seed([7; 32]);
        signed(&thief, &DeviceList { contact_key: thief.public(), ..of_a_return(list) })
    });
    assert_eq!(forged, (false, false), "signed by somebody else");
    let old = ends_with("shown-old", |secret, list| {
        let (version, previous) = (list.version, list.previous);
        signed(secret, &DeviceList { version, previous, ..of_a_return(list) })
    });
    assert_eq!(old, (false, false), "no newer than what the device knows");
    let named = ends_with("shown-named", |secret, list| {
        let own = list.devices[0].clone();
        let mut by_sibling = of_a_return(list);
        by_sibling.devices.push(own);
        by_sibling.revoked[0].id = DeviceId([8; 16]);
        signed(secret, &by_sibling)
    });
    assert_eq!(named, (false, false), "it names the device");
    let none = ends_with("shown-none", |secret, list| {
        signed(secret, &DeviceList { revoked: Vec::new(), ..of_a_return(list) })
    });
    assert_eq!(none, (false, false), "it revokes nobody");
}

#[test]
fn ke_108_whoever_came_back_first_is_locked_by_nobody_who_has_the_words_and_one_contact() {
    let (mut world, new, _) = returned("first");
    // A thief has all that signs lists, and Bela shows what the thief makes: somebody has come back once more, and the device that was restored is lost.
    let secret = world.blob(new, "SELECT secret FROM contacts");
    let seed = world.people[new].user.open(b"kith/1/contact-secret", &secret).unwrap();
    let secret = ContactSecret::from_seed(seed.as_ref().try_into().unwrap());
    let known = world.list(new, "own_list").into_inner();
    let list = signed(&secret, &DeviceList { revoked: known.revoked.clone(), ..of_a_return(known) });
    let core = world.blob(BELA, "SELECT core FROM peers WHERE stopped = 0");
    let mut session = Session::restore(&core, std::iter::empty()).unwrap();
    let end = session.dismiss(&list, &mut world.rng).unwrap();
    let queue = QueueAddress::from_bytes(&world.blob(BELA, "SELECT queue FROM peers WHERE stopped = 0")).unwrap();
    world.deposit(0, &queue, end.frame);
    world.run(60);
    assert_eq!(locked(&world, new), (false, false));
    // The person is told by the contact's conversation, which has ended, and goes on with all others.
    let view = world.people[new].engine.contacts().unwrap().remove(0);
    assert!(view.needs_card && view.refused_another.is_some(), "{view:?}");
}
