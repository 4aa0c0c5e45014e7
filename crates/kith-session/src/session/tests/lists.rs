//! Rules of device lists inside sessions.

use kith_wire::Wire;
use kith_wire::devices::RevocationReason;
use kith_wire::frame::EndReason;
use kith_wire::id::Hash;
use kith_wire::limits::SESSION_WINDOW;
use kith_wire::payload::{Item, ListState};

use crate::pair::{Pair, Side, card, meeting, part, renewed, rng, today};
use crate::{Alarm, ListChange, ListError, OwnDevice, Urgency, list_state, next_list};

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
fn a_list_made_by_a_device_that_did_not_know_of_another_list_is_no_fork() {
    let mut r = rng(29);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    // Two devices of one person make a list at once; each knows only the first.
    let lists =
        [2, 1].map(|slot| next_list(&m.card.devices, &[], 0, slot, &m.card.contact_secret, today(), &mut r).unwrap());
    assert!(lists[0].get().version == 2 && lists[1].get().version == 65_537);
    for list in lists {
        giver.session.set_devices(list);
        let sealed = giver.reply(&mut r).unwrap();
        assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, None);
    }
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
fn ks_36_a_device_that_states_an_older_list_than_before_stops_the_session() {
    let mut pair = Pair::new(30);
    pair.answerer.session.core.lists.stated = 9;
    assert_eq!(pair.giver_says("x").alarm, Some(Alarm::ListForked));
}

#[test]
fn a_list_that_came_another_way_counts_and_a_device_that_has_not_heard_of_it_goes_on() {
    let mut r = rng(43);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renewed(&m.card, &mut r);
    answerer.session.learn_devices(&next).unwrap();
    let sealed = giver.say("x", &mut r);
    assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, None);
    // The answer tells the giver of it; until the giver knows the list itself, nothing is said.
    let told = answerer.reply(&mut r).unwrap();
    giver.hear(&told.frame, &mut r).unwrap();
    let text = answerer.say("y", &mut r);
    assert_eq!(giver.hear(&text.frame, &mut r).unwrap().unknown_own_list, Some(list_state(&next)));
    assert!(!giver.session.may_send_content());
    giver.session.set_devices(next);
    assert!(giver.session.may_send_content() && giver.session.unknown_own_list().is_none());
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
fn ks_38_nothing_is_said_under_a_list_of_ours_that_we_do_not_know() {
    let mut pair = Pair::new(33);
    let ghost = ListState { version: 2, hash: Hash([3; 32]) };
    pair.giver.session.core.lists.peer = ghost;
    let opened = pair.giver_says("x");
    assert_eq!((opened.alarm, opened.unknown_own_list), (None, Some(ghost)));
    assert_eq!(pair.answerer.shown, ["x"]);
    assert!(!pair.answerer.session.may_send_content());
    // A person without another device knows that nobody honest made it.
    let end = pair.answerer.session.stop(Alarm::GhostList, &mut pair.rng).unwrap();
    assert!(pair.answerer.session.is_halted() && end.ack_only);
    let ended = pair.giver.hear(&end.frame, &mut pair.rng).unwrap();
    assert_eq!(ended.alarm, Some(Alarm::EndedByContact(EndReason::DEVICES)));
}

#[test]
fn ks_38_another_list_of_the_stated_version_does_not_make_it_known() {
    let mut r = rng(44);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renewed(&m.card, &mut r);
    answerer.session.core.lists.peer = ListState { version: next.get().version, hash: Hash([3; 32]) };
    let told = answerer.say("x", &mut r);
    giver.hear(&told.frame, &mut r).unwrap();
    giver.session.set_devices(next);
    assert!(!giver.session.may_send_content());
}

#[test]
fn ks_62_the_last_frame_for_a_device_that_is_gone_shows_the_list_that_leaves_it_out() {
    let mut pair = Pair::new(47);
    let list = renewed(&card(&mut rng(48)), &mut rng(49));
    let lost = pair.giver.say("lost on the way", &mut pair.rng);
    let end = pair.giver.session.dismiss(&list, &mut pair.rng).unwrap();
    assert!(pair.giver.session.is_halted() && pair.giver.session.dismiss(&list, &mut pair.rng).is_none());
    let ended = pair.answerer.hear(&end.frame, &mut pair.rng).unwrap();
    assert_eq!(ended.alarm, Some(Alarm::EndedByContact(EndReason::DEVICES)));
    assert_eq!(ended.shown.map(|shown| shown.to_bytes()), Some(list.signed().to_bytes()));
    // It is neither answered nor acknowledged, and nothing comes after it.
    assert!(ended.end.is_none() && !ended.reply_due && ended.parts.is_empty());
    let late = pair.answerer.hear(&lost.frame, &mut pair.rng).unwrap();
    assert!(late.duplicate && late.shown.is_none());
}

#[test]
fn ks_62_a_list_shown_in_any_other_frame_is_passed_over() {
    let mut pair = Pair::new(50);
    let list = renewed(&card(&mut rng(48)), &mut rng(49));
    let items = vec![Item::Yours(list.signed().clone()), Item::Part(part("x"))];
    let sealed = pair.giver.session.seal_items(Some(items), &mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert!(opened.shown.is_none() && opened.alarm.is_none() && opened.parts.len() == 1);
}

#[test]
fn ks_62_where_olm_would_refuse_the_frame_the_session_ends_without_the_list() {
    let mut pair = Pair::new(51);
    let list = renewed(&card(&mut rng(48)), &mut rng(49));
    while pair.giver.session.unacknowledged() < SESSION_WINDOW {
        pair.giver.session.seal(vec![part("x")], Urgency::Control, &mut pair.rng).unwrap();
    }
    let end = pair.giver.session.dismiss(&list, &mut pair.rng).unwrap();
    assert!(end.ack_only && pair.giver.session.is_halted());
}

#[test]
fn ks_39_a_list_that_gives_the_device_of_the_session_another_identity_stops_it() {
    let mut r = rng(34);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renewed(&m.card, &mut r);
    let mut list = next.get().clone();
    list.devices[0].olm_identity.0[0] ^= 1;
    giver.session.set_devices(kith_crypto::sign::open(m.card.contact_secret.sign(&list)).unwrap());
    let sealed = giver.reply(&mut r).unwrap();
    assert_eq!(answerer.hear(&sealed.frame, &mut r).unwrap().alarm, Some(Alarm::DeviceRevoked));
    assert!(answerer.session.is_halted());
}

#[test]
fn ks_39_a_revoked_device_is_talked_to_no_more_and_one_that_a_list_forgot_is() {
    let mut r = rng(45);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let id = m.card.own.id();
    let secret = &m.card.contact_secret;
    let other = ListChange::Add(OwnDevice::generate(&mut r).entry(1));
    let both = next_list(&m.card.devices, &[other], 0, 2, secret, today(), &mut r).unwrap();
    let revoke = ListChange::Revoke(id, RevocationReason::Compromised);
    let revoked = next_list(&both, &[revoke], 0, 2, secret, today(), &mut r).unwrap();
    let mut forgotten = both.get().clone();
    forgotten.devices.retain(|device| device.id != id);
    forgotten.version = revoked.get().version + 65_536;
    forgotten.padding.clear();
    let forgotten = kith_crypto::sign::open(secret.sign(&forgotten.padded().unwrap())).unwrap();
    assert_eq!(answerer.session.learn_devices(&forgotten), Ok(()));
    // Also an older list than the newest one revokes for good.
    assert_eq!(answerer.session.learn_devices(&revoked), Err(Alarm::DeviceRevoked));
}

#[test]
fn a_list_keeps_eight_devices_and_the_latest_eight_revocations() {
    let mut r = rng(46);
    let card = card(&mut r);
    let mut list = card.devices.clone();
    let others: Vec<_> = (0..7).map(|_| OwnDevice::generate(&mut r)).collect();
    let add: Vec<_> = others.iter().map(|other| ListChange::Add(other.entry(1))).collect();
    list = next_list(&list, &add, 0, 3, &card.contact_secret, today(), &mut r).unwrap();
    assert_eq!(list.get().devices.len(), 8);
    let ninth = ListChange::Add(OwnDevice::generate(&mut r).entry(1));
    let refused = next_list(&list, &[ninth], 0, 3, &card.contact_secret, today(), &mut r);
    assert_eq!(refused.unwrap_err(), ListError::TooMany);
    for other in &others {
        let swap = [ListChange::Revoke(other.id(), RevocationReason::Retired), ListChange::Add(other.entry(1))];
        list = next_list(&list, &swap, 0, 3, &card.contact_secret, today(), &mut r).unwrap();
    }
    assert_eq!((list.get().devices.len(), list.get().revoked.len()), (1, 7));
    let none = [ListChange::Revoke(card.own.id(), RevocationReason::Retired)];
    let refused = next_list(&list, &none, 0, 3, &card.contact_secret, today(), &mut r);
    assert_eq!(refused.unwrap_err(), ListError::NotRepresentable);
}

#[test]
fn a_newer_list_reaches_the_contact_even_when_its_frame_expires() {
    let mut r = rng(35);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renewed(&m.card, &mut r);
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
