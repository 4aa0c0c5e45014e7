//! Device keys that rotate by themselves, with real engines and real home server rules.

use std::collections::BTreeSet;

use kith_engine::{Command, CommandError, ContactId, Event, HistoryWish};
use kith_session::{OwnDevice, PeerKeys};
use kith_wire::Wire;
use kith_wire::content::{Body, KnownBody};
use kith_wire::devices::DeviceList;
use kith_wire::id::{DeviceId, DeviceKey};
use kith_wire::rotation::Rotation;
use kith_wire::signed::Signed;
use rusqlite::{OptionalExtension, params};

use crate::world::{ANA, BELA, LAPTOP, Reach, World};

const DAY: u64 = 86_400;

fn id(contact: ContactId) -> i64 {
    i64::try_from(contact.0).unwrap()
}

/// Returns what somebody's device is towards a contact.
fn own(world: &World, who: usize, contact: ContactId) -> OwnDevice {
    let sql = "SELECT own FROM contacts WHERE id = ?1";
    let bytes: Vec<u8> = world.people[who].keeper.query_row(sql, [id(contact)], |row| row.get(0)).unwrap();
    OwnDevice::from_bytes(&bytes).unwrap()
}

fn own_key(world: &World, who: usize, contact: ContactId) -> DeviceKey {
    own(world, who, contact).entry(1).device_key
}

fn list(world: &World, who: usize, contact: ContactId, column: &str) -> DeviceList {
    let sql = format!("SELECT {column} FROM contacts WHERE id = ?1");
    let bytes: Vec<u8> = world.people[who].keeper.query_row(&sql, [id(contact)], |row| row.get(0)).unwrap();
    Signed::<DeviceList>::from_bytes(&bytes).unwrap().decode_unverified().unwrap()
}

/// Returns the keys that somebody accepts of a device of a contact, or of a sibling's towards it.
fn accepted(world: &World, who: usize, contact: ContactId, device: DeviceId) -> Vec<DeviceKey> {
    let sql = "SELECT keys FROM device_keys WHERE contact = ?1 AND device = ?2";
    let key = params![id(contact), device.0];
    let keys = world.people[who].keeper.query_row(sql, key, |row| row.get::<_, Vec<u8>>(0)).optional().unwrap();
    match keys {
        Some(keys) => PeerKeys::from_bytes(&keys).unwrap().accepted(world.now),
        None => {
            let lists = ["peer_list", "own_list"].map(|column| list(world, who, contact, column));
            let mut devices = lists.iter().flat_map(|list| &list.devices);
            vec![devices.find(|named| named.id == device).unwrap().device_key]
        }
    }
}

/// Returns how often somebody's device has rotated towards a contact.
fn n_rotations(world: &World, who: usize, contact: ContactId) -> u32 {
    rotations(world, who, contact, own(world, who, contact).id()).len().try_into().unwrap()
}

fn rotations(world: &World, who: usize, contact: ContactId, device: DeviceId) -> Vec<Rotation> {
    let sql = "SELECT rotation FROM rotations WHERE contact = ?1 AND device = ?2 ORDER BY number";
    let mut query = world.people[who].keeper.prepare(sql).unwrap();
    let rows = query.query_map(params![id(contact), device.0], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|bytes| Rotation::from_bytes(&bytes.unwrap()).unwrap()).collect()
}

/// Asserts that somebody knows the newest key of the contact's device.
#[track_caller]
fn knows(world: &World, who: (usize, ContactId), of: (usize, ContactId)) {
    let device = own(world, of.0, of.1);
    assert_eq!(accepted(world, who.0, who.1, device.id()).first(), Some(&device.entry(1).device_key));
}

fn pace(world: &mut World, who: usize, hours: u32) {
    world.command(who, Command::SetKeyRotation { hours }).unwrap();
}

/// Somebody's keys towards all contacts are due, as after a time without power.
fn make_due(world: &World, who: usize) {
    world.people[who].keeper.execute("UPDATE own_rotations SET at = 0", []).unwrap();
}

/// Lets somebody's device say a rotation that an honest one would not.
fn say(world: &mut World, who: usize, contact: ContactId, rotation: &Rotation) {
    let bytes = minicbor::to_vec(Body::Known(KnownBody::Rotation { rotation: rotation.clone() })).unwrap();
    let sql = "INSERT INTO outgoing (contact, message, lamport, sent, body, kind, expires) \
               SELECT id, randomblob(16), lamport + 1, ?2, ?3, 2, ?2 + 1000000000 FROM contacts WHERE id = ?1";
    let now = i64::try_from(world.now.0).unwrap();
    world.people[who].keeper.execute(sql, params![id(contact), now, bytes]).unwrap();
    world.send(who, contact, "something");
    world.run(10);
}

fn n_forks(world: &mut World, who: usize) -> usize {
    world.events(who).iter().filter(|event| matches!(event, Event::DeviceKeyForked { .. })).count()
}

/// Whether Ana's laptop and Bela hear each other.
fn talk(world: &mut World, ana: ContactId) -> bool {
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    world.send(LAPTOP, there, "from the laptop");
    world.run(60);
    world.texts(BELA, ana).iter().any(|text| text == "from the laptop")
}

#[test]
fn ke_61_device_keys_rotate_each_week_and_contacts_know_it() {
    let (mut world, bela, ana) = World::met("weekly");
    let before = [own_key(&world, ANA, bela), own_key(&world, BELA, ana)];
    world.run(31 * DAY);
    for (who, contact) in [(ANA, bela), (BELA, ana)] {
        let n_rotations = n_rotations(&world, who, contact);
        assert!((3..=6).contains(&n_rotations), "{n_rotations}");
    }
    assert!(!before.contains(&own_key(&world, ANA, bela)) && !before.contains(&own_key(&world, BELA, ana)));
    knows(&world, (ANA, bela), (BELA, ana));
    knows(&world, (BELA, ana), (ANA, bela));
    assert!(world.texts(ANA, bela).is_empty() && world.texts(BELA, ana).is_empty());
    // By choice from once an hour to once in a month.
    pace(&mut world, ANA, 1);
    let before = n_rotations(&world, ANA, bela);
    world.run(12 * 3600);
    assert!(n_rotations(&world, ANA, bela) >= before + 8);
    for hours in [0, 745] {
        assert!(matches!(world.command(ANA, Command::SetKeyRotation { hours }), Err(CommandError::BadPace)));
    }
}

#[test]
fn ke_61_no_hour_tells_two_contacts_that_they_know_one_person() {
    let (mut world, _, _) = World::met("apart");
    for name in ["cem", "dora"] {
        world.add_person(&format!("apart-{name}"), 0);
        world.run(10);
        let (_, offer) = world.card(ANA);
        world.accept(world.people.len() - 1, offer);
        world.run(10);
    }
    make_due(&world, ANA);
    world.run(6 * 3600);
    let mut hours = BTreeSet::new();
    for contact in world.people[ANA].engine.contacts().unwrap() {
        let device = own(&world, ANA, contact.id).id();
        let made = rotations(&world, ANA, contact.id, device);
        hours.extend(made.iter().map(|rotation| rotation.statement.decode_unverified().unwrap().since));
    }
    assert_eq!(hours.len(), 3, "{hours:?}");
}

#[test]
fn ke_61_a_device_that_nobody_hears_rotates_once() {
    let (mut world, bela, ana) = World::met("unheard");
    pace(&mut world, ANA, 24);
    world.online(BELA, Reach::Down);
    world.run(14 * DAY);
    assert_eq!(n_rotations(&world, ANA, bela), 1);
    world.online(BELA, Reach::Up);
    world.run(60);
    knows(&world, (BELA, ana), (ANA, bela));
    world.run(4 * DAY);
    assert!(n_rotations(&world, ANA, bela) >= 3);
    knows(&world, (BELA, ana), (ANA, bela));
}

#[test]
fn ke_61_after_months_of_absence_a_list_tells_the_key() {
    let (mut world, bela, ana) = World::met("months");
    pace(&mut world, ANA, 24);
    world.online(BELA, Reach::Down);
    world.run(65 * DAY);
    assert_eq!(n_rotations(&world, ANA, bela), 1);
    world.unlock(ANA);
    world.send(ANA, bela, "are you there?");
    world.online(BELA, Reach::Up);
    world.run(60);
    assert_eq!(world.texts(BELA, ana), ["are you there?"]);
    knows(&world, (BELA, ana), (ANA, bela));
    world.run(4 * DAY);
    assert!(n_rotations(&world, ANA, bela) >= 3);
    knows(&world, (BELA, ana), (ANA, bela));
}

#[test]
fn ke_62_siblings_know_each_others_keys_and_the_contacts_and_name_the_newest_in_lists() {
    let (mut world, bela, ana) = World::met("siblings");
    world.add_person("siblings-laptop", 1);
    world.run(10);
    for who in [ANA, BELA] {
        pace(&mut world, who, 24);
    }
    world.run(6 * DAY);
    world.link(ANA, LAPTOP, HistoryWish::None);
    let there = world.people[LAPTOP].engine.contacts().unwrap()[0].id;
    // The list that the laptop has names keys that were replaced since: it heard of the rotations, and meets Bela.
    assert_ne!(own_key(&world, BELA, ana), list(&world, LAPTOP, there, "peer_list").devices[0].device_key);
    assert!(talk(&mut world, ana));
    pace(&mut world, LAPTOP, 24);
    world.run(5 * DAY);
    for (who, contact) in [(ANA, bela), (LAPTOP, there)] {
        knows(&world, (who, contact), (BELA, ana));
        knows(&world, (BELA, ana), (who, contact));
    }
    knows(&world, (ANA, bela), (LAPTOP, there));
    knows(&world, (LAPTOP, there), (ANA, bela));
    // A key that was rotated is no reason for a list; when there is one, it names the newest of both devices.
    let before = list(&world, ANA, bela, "own_list");
    world.unlock(ANA);
    assert_eq!(list(&world, ANA, bela, "own_list"), before);
    world.run(23 * DAY);
    world.unlock(ANA);
    let named: BTreeSet<_> =
        list(&world, ANA, bela, "own_list").devices.iter().map(|device| device.device_key).collect();
    assert_eq!(named, BTreeSet::from([own_key(&world, ANA, bela), own_key(&world, LAPTOP, there)]));
    world.run(2 * DAY);
    knows(&world, (BELA, ana), (ANA, bela));
    knows(&world, (BELA, ana), (LAPTOP, there));
}

#[test]
fn ke_62_replayed_and_foreign_rotations_change_nothing() {
    let (mut world, bela, ana) = World::met("foreign");
    pace(&mut world, BELA, 24);
    pace(&mut world, ANA, 24);
    world.run(4 * DAY);
    pace(&mut world, BELA, 744);
    pace(&mut world, ANA, 744);
    let device = own(&world, BELA, ana).id();
    let before = (accepted(&world, ANA, bela, device), own_key(&world, ANA, bela));
    let replayed = rotations(&world, BELA, ana, device);
    let of_ana = rotations(&world, ANA, bela, own(&world, ANA, bela).id());
    let mut other = OwnDevice::generate(&mut world.rng);
    let foreign = other.rotate(world.now, &mut world.rng).unwrap();
    // One of another device, with this one's name in it, by keys that nobody knows.
    let damaged = Rotation { by_new: foreign.by_new, ..replayed[0].clone() };
    for rotation in replayed.iter().chain(&of_ana).chain([&foreign, &damaged]) {
        say(&mut world, BELA, ana, rotation);
    }
    assert_eq!((accepted(&world, ANA, bela, device), own_key(&world, ANA, bela)), before);
    assert_eq!(rotations(&world, ANA, bela, device), replayed);
    assert!(rotations(&world, ANA, bela, other.id()).is_empty());
    assert_eq!(n_forks(&mut world, ANA), 0);
}

#[test]
fn ks_54_whoever_stole_a_device_key_is_found_out_and_a_new_list_heals_it() {
    let (mut world, bela, ana) = World::met("stolen");
    world.add_person("stolen-laptop", 1);
    let mut stolen = own(&world, BELA, ana);
    let device = stolen.id();
    make_due(&world, BELA);
    world.run(60);
    assert_eq!(n_rotations(&world, BELA, ana), 1);
    knows(&world, (ANA, bela), (BELA, ana));
    world.events(ANA);
    let forged = stolen.rotate(world.now, &mut world.rng).unwrap();
    for _ in 0..2 {
        say(&mut world, BELA, ana, &forged);
    }
    assert_eq!(n_forks(&mut world, ANA), 1);
    assert!(accepted(&world, ANA, bela, device).is_empty());
    // A new device of Ana's does not meet that device, but both go on with whom they know.
    world.link(ANA, LAPTOP, HistoryWish::None);
    assert!(!talk(&mut world, ana));
    world.send(BELA, ana, "hello");
    world.run(10);
    assert!(world.texts(ANA, bela).contains(&"hello".to_owned()));
    // Bela's next list says which key it is.
    world.run(23 * DAY);
    world.unlock(BELA);
    world.run(60);
    knows(&world, (ANA, bela), (BELA, ana));
    say(&mut world, BELA, ana, &forged);
    knows(&world, (ANA, bela), (BELA, ana));
}

#[test]
fn a_crash_between_any_two_steps_of_a_rotation_loses_nothing() {
    for n_steps in 0..16 {
        for who in [ANA, BELA] {
            let (mut world, bela, ana) = World::met(&format!("crash-rotation-{n_steps}-{who}"));
            make_due(&world, ANA);
            world.wake(ANA);
            for _ in 0..n_steps {
                if !world.step() {
                    world.run(1);
                }
            }
            world.crash(who);
            world.run(2 * 3600);
            assert_eq!(n_rotations(&world, ANA, bela), 1, "crash of {who} after {n_steps} steps");
            knows(&world, (BELA, ana), (ANA, bela));
            // And the next one goes on from there.
            make_due(&world, ANA);
            world.run(60);
            assert_eq!(n_rotations(&world, ANA, bela), 2, "crash of {who} after {n_steps} steps");
            knows(&world, (BELA, ana), (ANA, bela));
        }
    }
}
