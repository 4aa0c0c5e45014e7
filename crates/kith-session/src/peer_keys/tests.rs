//! Rotations in order, out of order, twice, forked, replayed and forged.

use kith_crypto::rotation::sign_rotation;
use kith_crypto::sign::DeviceSecret;
use kith_wire::devices::Device;
use kith_wire::ext::Ext;
use kith_wire::id::{DeviceId, DeviceKey, Hash, OlmIdentity};
use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::time::{Hour, Timestamp};
use proptest::prelude::*;

use super::{KeyChange, PeerKeys, RotationRefusal};
use crate::OwnDevice;
use crate::pair::{NOW, rng};

const DAY: u64 = 24 * 3600;

fn days(days: u64) -> Timestamp {
    NOW.plus_seconds(days * DAY)
}

/// A device that rotated each week, with what it was and what it said each time.
struct Chain {
    own: OwnDevice,
    entries: Vec<Device>,
    rotations: Vec<Rotation>,
}

impl Chain {
    fn new(n_rotations: u64, seed: u64) -> Self {
        let mut rng = rng(seed);
        let own = OwnDevice::generate(&mut rng);
        let mut chain = Self { entries: vec![own.entry(1)], own, rotations: Vec::new() };
        for week in 0..n_rotations {
            // Stored and loaded in between, as an engine does.
            chain.own = OwnDevice::from_bytes(&chain.own.to_bytes()).unwrap();
            chain.rotations.push(chain.own.rotate(days(7 * week), &mut rng).unwrap());
            chain.entries.push(chain.own.entry(1));
        }
        chain
    }

    /// What a contact knows who has heard the first rotations.
    fn heard(&self, n_rotations: usize) -> PeerKeys {
        let mut keys = PeerKeys::of_list(&self.entries[0], 1);
        for (week, rotation) in self.rotations[..n_rotations].iter().enumerate() {
            assert_eq!(keys.learn(rotation, days(7 * week as u64)), Ok(KeyChange::Advanced));
        }
        keys
    }

    fn key(&self, n_rotations: usize) -> DeviceKey {
        self.entries[n_rotations].device_key
    }
}

fn said(rotation: &Rotation) -> DeviceRotation {
    rotation.statement.decode_unverified().unwrap()
}

/// What a thief says who has the first device key of a chain.
fn fork(seed: u64, number: u32) -> Rotation {
    let mut rng = rng(seed);
    let own = OwnDevice::generate(&mut rng);
    let (old, new) = (own.secret(), DeviceSecret::from_seed([66; 32]));
    let previous = if number == 1 { Hash([0; 32]) } else { Hash([6; 32]) };
    let (device, ext) = (own.id(), Ext::new());
    let said = DeviceRotation { device, number, previous, old: old.public(), new: new.public(), since: Hour(1), ext };
    sign_rotation(&said, &old, &new)
}

#[test]
fn ks_52_a_rotation_is_signed_by_both_keys_and_the_devices_own() {
    let chain = Chain::new(1, 1);
    let good = &chain.rotations[0];
    let (device, stranger) = (said(good), DeviceSecret::from_seed([5; 32]));
    let other = Chain::new(1, 2);
    let secret = OwnDevice::generate(&mut rng(1)).secret();
    let malformed = DeviceRotation { number: 2, ..device.clone() };
    let of_another = DeviceRotation { device: DeviceId([9; 16]), ..device.clone() };
    let new = DeviceSecret::from_seed([7; 32]);
    let named = |said: &DeviceRotation| DeviceRotation { new: new.public(), ..said.clone() };
    for (what, wrong) in [
        ("by neither", sign_rotation(&device, &stranger, &stranger)),
        ("not by the new key", sign_rotation(&device, &secret, &stranger)),
        ("not by the old key", sign_rotation(&device, &stranger, &chain.own.secret())),
        ("with a signature of another one", Rotation { by_new: other.rotations[0].by_new, ..good.clone() }),
        ("another device's", other.rotations[0].clone()),
        ("of another device by this one's key", sign_rotation(&named(&of_another), &secret, &new)),
        ("malformed", sign_rotation(&named(&malformed), &secret, &new)),
    ] {
        let mut keys = chain.heard(0);
        assert_eq!(keys.learn(&wrong, NOW), Err(RotationRefusal::Invalid), "{what}");
        assert_eq!(keys, chain.heard(0), "{what}");
    }
}

#[test]
fn ks_53_a_rotation_continues_the_one_before() {
    let chain = Chain::new(4, 3);
    let mut keys = chain.heard(1);
    let before = keys.clone();
    // A gap is not believed, however often.
    for _ in 0..2 {
        assert_eq!(keys.learn(&chain.rotations[2], days(14)), Err(RotationRefusal::NoSuccessor));
    }
    assert_eq!(keys, before);
    assert_eq!(keys.learn(&chain.rotations[1], days(14)), Ok(KeyChange::Advanced));
    assert_eq!(keys.learn(&chain.rotations[2], days(14)), Ok(KeyChange::Advanced));
    assert_eq!(keys.current(), chain.key(3));
    // Replayed ones change nothing.
    let before = keys.clone();
    for replayed in &chain.rotations[..3] {
        assert_eq!(keys.learn(replayed, days(21)), Ok(KeyChange::Known));
    }
    assert_eq!(keys, before);
    // By the right key, but with another number, after another rotation, or of an earlier hour.
    let secret = Chain::new(3, 3).own.secret();
    let new = DeviceSecret::from_seed([7; 32]);
    let right = DeviceRotation { new: new.public(), ..said(&chain.rotations[3]) };
    let wrong = [
        DeviceRotation { number: right.number + 1, ..right.clone() },
        DeviceRotation { previous: Hash([1; 32]), ..right.clone() },
        DeviceRotation { since: said(&chain.rotations[2]).since, ..right.clone() },
    ];
    for wrong in wrong {
        let wrong = sign_rotation(&wrong, &secret, &new);
        assert_eq!(keys.learn(&wrong, days(21)), Err(RotationRefusal::NoSuccessor));
    }
    assert_eq!(keys, before);
    assert_eq!(keys.learn(&sign_rotation(&right, &secret, &new), days(21)), Ok(KeyChange::Advanced));
}

#[test]
fn ks_54_two_successors_of_one_key_freeze_the_device_until_a_newer_list() {
    let chain = Chain::new(3, 4);
    for number in [1, 2, 9] {
        let forged = fork(4, number);
        // The thief comes second, and first.
        let mut second = chain.heard(2);
        assert_eq!(second.learn(&forged, days(10)), Ok(KeyChange::Forked));
        let mut first = chain.heard(0);
        assert_eq!(first.learn(&forged, days(10)), Ok(KeyChange::Advanced));
        assert_eq!(first.learn(&chain.rotations[0], days(80)), Ok(KeyChange::Forked));
        for mut keys in [first, second] {
            assert!(keys.accepted(days(10)).is_empty());
            // The alarm is raised once; nothing but a newer list helps.
            assert_ne!(keys.learn(&forged, days(11)), Ok(KeyChange::Forked));
            assert!(keys.learn(&chain.rotations[2], days(11)) != Ok(KeyChange::Advanced));
            let mut keys = PeerKeys::from_bytes(&keys.to_bytes()).unwrap();
            keys.learn_list(&chain.entries[2], 1, days(12));
            assert!(keys.accepted(days(12)).is_empty());
            keys.learn_list(&chain.entries[2], 9, days(12));
            assert_eq!(keys.accepted(days(12)), [chain.key(2)]);
            // What the thief has is worth nothing any more.
            assert_eq!(keys.learn(&forged, days(13)), Err(RotationRefusal::NoSuccessor));
            assert_eq!(keys.learn(&chain.rotations[2], days(13)), Ok(KeyChange::Advanced));
        }
    }
}

#[test]
fn ks_54_more_rotations_than_are_remembered_freeze_the_device() {
    let mut rng = rng(5);
    let mut own = OwnDevice::generate(&mut rng);
    let mut keys = PeerKeys::of_list(&own.entry(1), 1);
    // One each hour, longer than any list lives: the oldest are forgotten in time.
    for hour in 0..91 * 24 {
        let now = NOW.plus_seconds(hour * 3600);
        assert_eq!(keys.learn(&own.rotate(now, &mut rng).unwrap(), now), Ok(KeyChange::Advanced), "{hour}");
    }
    assert_eq!(keys.accepted(days(91)).len(), 28 * 24);
    // As many at once as fit.
    let mut changes = (0..400).map(|_| keys.learn(&own.rotate(days(91), &mut rng).unwrap(), days(91)));
    assert!(changes.any(|change| change == Ok(KeyChange::Forked)));
}

#[test]
fn ks_55_a_newer_list_begins_the_chain_anew_unless_it_names_a_key_of_it() {
    let chain = Chain::new(5, 6);
    // Signed by somebody who had not heard of the last rotations: they stand.
    for named in [3, 4, 5] {
        let mut keys = chain.heard(5);
        keys.learn_list(&chain.entries[named], 3, days(28));
        assert_eq!(keys.current(), chain.key(5), "{named}");
        assert_eq!(keys.learn(&chain.rotations[1], days(28)), Ok(KeyChange::Known));
    }
    // Another key, or one of the device that went long ago: what the contact key signed counts.
    let other = Device { device_key: DeviceKey([8; 32]), ..chain.entries[0].clone() };
    for (list, now) in [(&other, days(28)), (&chain.entries[0], days(60))] {
        let mut keys = chain.heard(5);
        keys.learn_list(list, 3, now);
        assert_eq!(keys.accepted(now), [list.device_key]);
        // An older list takes nothing back.
        keys.learn_list(&chain.entries[5], 2, now);
        keys.learn_list(&chain.entries[5], 3, now);
        assert_eq!(keys.accepted(now), [list.device_key]);
    }
    // The first rotation after a list goes on from the list's key, whatever its number.
    let mut keys = PeerKeys::of_list(&chain.entries[3], 3);
    assert_eq!(keys.learn(&chain.rotations[2], days(28)), Err(RotationRefusal::NoSuccessor));
    assert_eq!(keys.learn(&chain.rotations[3], days(28)), Ok(KeyChange::Advanced));
    assert_eq!(keys.learn(&chain.rotations[4], days(28)), Ok(KeyChange::Advanced));
    // A list that names another device says nothing of this one.
    let another = Device { id: DeviceId([1; 16]), olm_identity: OlmIdentity([2; 32]), ..other };
    keys.learn_list(&another, 9, days(28));
    assert_eq!(keys.current(), chain.key(5));
}

#[test]
fn ks_56_a_replaced_key_counts_for_28_days() {
    let chain = Chain::new(1, 7);
    let keys = chain.heard(1);
    assert_eq!(keys.accepted(days(27)), [chain.key(1), chain.key(0)]);
    assert_eq!(keys.accepted(days(28)), [chain.key(1)]);
    // Whoever hears of it months later does not give the old key another 28 days.
    let mut late = chain.heard(0);
    assert_eq!(late.learn(&chain.rotations[0], days(60)), Ok(KeyChange::Advanced));
    assert_eq!(late.accepted(days(60)), [chain.key(1)]);
    // What the device says of the future is not believed.
    let mut early = chain.heard(0);
    assert_eq!(early.learn(&chain.rotations[0], NOW.minus_seconds(40 * DAY)), Ok(KeyChange::Advanced));
    assert_eq!(early.accepted(NOW), [chain.key(1)]);
}

#[test]
fn what_is_stored_comes_back_and_damage_is_found() {
    let keys = Chain::new(2, 8).heard(2);
    assert_eq!(PeerKeys::from_bytes(&keys.to_bytes()).unwrap(), keys);
    assert!(PeerKeys::from_bytes(&keys.to_bytes()[1..]).is_err());
}

/// What may happen to a contact's knowledge of a device.
#[derive(Debug, Clone)]
enum Step {
    /// A rotation of the device comes, or comes again.
    Heard(usize),
    /// Somebody who has the key of that place says something else.
    Stolen(usize),
    /// A list that names the key of that place.
    List(usize),
    /// Days go by.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_usize).prop_map(Step::Heard),
        1 => (0..8_usize).prop_map(Step::Stolen),
        2 => (0..9_usize).prop_map(Step::List),
        2 => (0..40_u64).prop_map(Step::Wait),
    ]
}

/// The rules once more, over places in the chain instead of keys: place 100 and more are the thief's.
struct Model {
    current: usize,
    /// Replaced places with their successors, and the days of rotation and of hearing.
    replaced: Vec<(usize, usize, u64, u64)>,
    frozen: bool,
}

impl Model {
    fn learn(&mut self, old: usize, new: usize, since: u64, now: u64) {
        if let Some((_, successor, ..)) = self.replaced.iter().find(|(place, ..)| *place == old) {
            self.frozen |= *successor != new;
        } else if !self.frozen && self.current == old {
            self.replaced.retain(|(.., heard)| now - heard < 90);
            self.replaced.push((old, new, since.min(now), now));
            self.current = new;
        }
    }

    fn late(&self, now: u64) -> impl Iterator<Item = usize> + '_ {
        self.replaced.iter().filter(move |(_, _, since, _)| now - since < 28).map(|(place, ..)| *place)
    }
}

proptest! {
    #[test]
    fn any_order_of_rotations_thieves_and_lists_is_as_in_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let chain = Chain::new(8, 9);
        let mut secrets = Vec::new();
        for n_rotations in 0..8 {
            secrets.push(Chain::new(n_rotations, 9).own.secret());
        }
        let thief = DeviceSecret::from_seed([66; 32]);
        let mut keys = chain.heard(0);
        let mut model = Model { current: 0, replaced: Vec::new(), frozen: false };
        let (mut today, mut list) = (0, 1);
        for step in steps {
            match step {
                Step::Heard(at) => {
                    let _ = keys.learn(&chain.rotations[at], days(today));
                    model.learn(at, at + 1, 7 * at as u64, today);
                }
                Step::Stolen(at) => {
                    let said = DeviceRotation { new: thief.public(), ..said(&chain.rotations[at]) };
                    let _ = keys.learn(&sign_rotation(&said, &secrets[at], &thief), days(today));
                    model.learn(at, 100, 7 * at as u64, today);
                }
                Step::List(at) => {
                    list += 1;
                    keys.learn_list(&chain.entries[at], list, days(today));
                    let is_known = model.current == at || model.late(today).any(|place| place == at);
                    if model.frozen || !is_known {
                        model = Model { current: at, replaced: Vec::new(), frozen: false };
                    }
                }
                Step::Wait(some) => today += some,
            }
            let key = |place: usize| if place == 100 { thief.public() } else { chain.key(place) };
            let mut expected = Vec::new();
            if !model.frozen {
                expected.push(key(model.current));
                expected.extend(model.late(today).map(key));
            }
            prop_assert_eq!(keys.accepted(days(today)), expected);
        }
    }
}
