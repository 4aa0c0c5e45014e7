//! Rules of device lists inside sessions.

use kith_wire::id::Hash;
use kith_wire::payload::{Item, ListState};

use crate::pair::{Pair, Side, meeting, part, rng, today};
use crate::{Alarm, list_state, renew_list};

#[test]
fn ks_36_another_list_of_the_same_version_stops_the_session() {
    let mut pair = Pair::new(27);
    pair.giver.session.core.lists.own.hash = Hash([9; 32]);
    assert_eq!(pair.giver_says("x").alarm, Some(Alarm::ListForked));
    assert!(pair.answerer.shown.is_empty() && pair.answerer.session.is_halted());

    let mut pair = Pair::new(28);
    pair.giver.session.core.lists.peer.hash = Hash([9; 32]);
    assert_eq!(pair.giver_says("x").alarm, Some(Alarm::ListForked));
}

#[test]
fn ks_36_a_list_that_does_not_follow_the_one_before_stops_the_session() {
    let mut r = rng(29);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let other = renew_list(&m.card.devices, &m.card.contact_secret, today(), &mut r).unwrap();
    let mut list = other.get().clone();
    list.previous = Hash([5; 32]);
    giver.session.set_devices(kith_crypto::sign::open(m.card.contact_secret.sign(&list)).unwrap());
    let sealed = giver.reply(&mut r).unwrap();
    assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, Some(Alarm::ListForked));
}

#[test]
fn ks_36_a_second_list_of_one_version_stops_the_session() {
    let mut r = rng(42);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let mut list = m.card.devices.get().clone();
    list.not_after.0 -= 1;
    let second = m.card.contact_secret.sign(&list);
    let sealed = giver.session.seal_items(Some(vec![Item::Devices(second)]), &mut r).unwrap();
    assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, Some(Alarm::ListForked));
}

#[test]
fn ks_36_an_older_list_than_known_stops_the_session() {
    let mut pair = Pair::new(30);
    pair.answerer.session.core.lists.peer.version += 1;
    assert_eq!(pair.giver_says("x").alarm, Some(Alarm::ListForked));
}

#[test]
fn ks_37_a_list_by_somebody_else_is_dropped() {
    let mut pair = Pair::new(31);
    let mut r = rng(32);
    let other = meeting(&mut r);
    let items = vec![Item::Devices(other.card.devices.signed().clone()), Item::Part(part("x"))];
    let sealed = pair.giver.session.seal_items(Some(items), &mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::Unreadable));
    assert!(opened.peer_devices.is_none() && opened.parts.is_empty());
}

#[test]
fn ks_38_a_list_of_ours_that_we_never_made_stops_the_session() {
    let mut pair = Pair::new(33);
    pair.giver.session.core.lists.peer = ListState { version: 2, hash: Hash([3; 32]) };
    assert_eq!(pair.giver_says("x").alarm, Some(Alarm::GhostList));
    assert!(pair.answerer.session.is_halted());
}

#[test]
fn ks_39_a_list_without_the_device_of_the_session_stops_it() {
    let mut r = rng(34);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renew_list(&m.card.devices, &m.card.contact_secret, today(), &mut r).unwrap();
    let mut list = next.get().clone();
    list.devices[0].olm_identity.0[0] ^= 1;
    giver.session.set_devices(kith_crypto::sign::open(m.card.contact_secret.sign(&list)).unwrap());
    let sealed = giver.reply(&mut r).unwrap();
    assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, Some(Alarm::DeviceRevoked));
    assert!(answerer.session.is_halted());
}

#[test]
fn a_newer_list_reaches_the_contact_even_when_its_frame_expires() {
    let mut r = rng(35);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renew_list(&m.card.devices, &m.card.contact_secret, today(), &mut r).unwrap();
    giver.session.set_devices(next.clone());
    let lost = giver.reply(&mut r).unwrap();
    giver.expire(lost.seq);
    let again = giver.reply(&mut r).unwrap();
    let opened = answerer.hear(&again.frame, &mut r).unwrap();
    assert_eq!(opened.peer_devices.map(|list| list_state(&list)), Some(list_state(&next)));
    let ack = answerer.reply(&mut r).unwrap();
    giver.hear(&ack.frame, &mut r).unwrap();
    assert!(giver.session.core.lists.pending.is_none());
}
