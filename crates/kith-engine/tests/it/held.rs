//! Why what is written waits: the person sees it, and hears when it begins and ends.

use kith_crypto::sign::ContactSecret;
use kith_engine::{Command, ContactId, Event, Held, HistoryWish, MessageState};
use kith_session::{Session, check_list};
use kith_wire::devices::DeviceList;
use kith_wire::id::Hash;

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

fn held(world: &World, who: usize, contact: ContactId) -> Option<Held> {
    world.people[who].engine.contact(contact).unwrap().held
}

/// Returns what somebody heard of a contact that is held, in order.
fn heard(world: &mut World, who: usize) -> Vec<Option<Held>> {
    let told = |event| match event {
        Event::Held { why, .. } => Some(why),
        _ => None,
    };
    world.events(who).into_iter().filter_map(told).collect()
}

#[test]
fn ke_86_a_list_that_ran_out_is_told_and_a_fresh_one_too() {
    let (mut world, bela, ana) = World::met("held-old");
    world.run(5);
    assert_eq!(held(&world, ANA, bela), None);
    world.run(95 * 86_400);
    let message = world.send(ANA, bela, "who reads this?");
    world.run(60);
    assert_eq!(
        (held(&world, ANA, bela), world.state(ANA, bela, message)),
        (Some(Held::ListRanOut), MessageState::Waiting)
    );
    assert_eq!(heard(&mut world, ANA), [Some(Held::ListRanOut)], "once");
    world.unlock(BELA);
    world.run(60);
    assert_eq!((held(&world, ANA, bela), heard(&mut world, ANA)), (None, vec![None]));
    assert_eq!(world.texts(BELA, ana), ["who reads this?"]);
}

#[test]
fn ke_86_a_list_of_the_person_that_this_device_does_not_know_is_told_until_a_sibling_tells_it() {
    let (mut world, _, ana) = World::with_laptop("held-ghost");
    world.link(ANA, LAPTOP, HistoryWish::None);
    world.run(7 * 3600);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.online(LAPTOP, Reach::Down);
    world.run(25 * 86_400);
    world.events(LAPTOP);
    // The phone signs a list, and what it tells the laptop is under way for long.
    world.online(ANA, Reach::Down);
    world.unlock(ANA);
    let late = "UPDATE frames SET due = due + 864000000 WHERE peer IN \
                (SELECT p.id FROM peers p JOIN siblings s ON s.contact = p.contact)";
    world.alter(ANA, late, &[]);
    world.online(ANA, Reach::Up);
    world.run(60);
    world.online(LAPTOP, Reach::Up);
    world.send(BELA, ana, "hello");
    world.run(60);
    assert_eq!(world.texts(LAPTOP, there), ["hello"]);
    let message = world.send(LAPTOP, there, "do you hear me?");
    world.run(60);
    assert_eq!(held(&world, LAPTOP, there), Some(Held::UnknownOwnList));
    assert_eq!(world.state(LAPTOP, there, message), MessageState::Waiting);
    world.run(11 * 86_400);
    assert_eq!(held(&world, LAPTOP, there), None);
    assert_eq!(world.state(LAPTOP, there, message), MessageState::Delivered);
    assert_eq!(heard(&mut world, LAPTOP), [Some(Held::UnknownOwnList), None]);
}

#[test]
fn ke_86_a_contact_for_whom_no_list_names_this_device_waits_for_the_password() {
    let (mut world, _, _) = World::with_laptop("held-new");
    world.link(ANA, LAPTOP, HistoryWish::None);
    let cem = world.add("held-new-cem");
    let (_, ana) = world.meets(LAPTOP, cem);
    world.events(ANA);
    let on_phone = world.people[ANA].engine.contacts().unwrap()[1].id;
    world.send(ANA, on_phone, "from the phone");
    world.run(60);
    assert_eq!(held(&world, ANA, on_phone), Some(Held::NotNamed));
    world.online(cem, Reach::Down);
    world.unlock(ANA);
    world.run(60);
    assert_eq!(held(&world, ANA, on_phone), Some(Held::NotMet));
    world.online(cem, Reach::Up);
    world.run(60);
    assert_eq!(held(&world, ANA, on_phone), None);
    assert_eq!(world.texts(cem, ana), ["from the phone"]);
}

#[test]
fn ke_86_lists_that_contradict_each_other_are_told_with_what_ended() {
    let (mut world, bela, ana) = World::met("held-split");
    // Somebody has Ana's contact key, and tells Bela of a list that Ana, who has one device, never made.
    let secret = world.blob(ANA, "SELECT secret FROM contacts");
    let seed = world.people[ANA].user.open(b"kith/1/contact-secret", &secret).unwrap();
    let secret = ContactSecret::from_seed(seed.as_ref().try_into().unwrap());
    let list = world.list(ANA, "own_list").into_inner();
    let list = DeviceList { version: list.version + 65_536, previous: Hash([1; 32]), ..list };
    let ghost = check_list(secret.sign(&list.padded().unwrap()), &secret.public()).unwrap();
    let mut session = Session::restore(&world.blob(BELA, "SELECT core FROM peers"), std::iter::empty()).unwrap();
    session.learn_devices(&ghost).unwrap();
    world.alter(BELA, "UPDATE peers SET core = ?1", &[&session.core_bytes().as_slice()]);
    world.send(BELA, ana, "hello, all of you");
    world.run(60);
    assert_eq!(held(&world, ANA, bela), Some(Held::ListsContradict));
    assert!(world.people[ANA].engine.contact(bela).unwrap().needs_card);
    assert_eq!(heard(&mut world, ANA), [Some(Held::ListsContradict)]);
    world.command(ANA, Command::Block { contact: bela }).unwrap();
    assert_eq!(held(&world, ANA, bela), None, "of somebody who is blocked nothing waits");
}
