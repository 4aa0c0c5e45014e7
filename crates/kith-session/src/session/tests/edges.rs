//! The edges of sessions: what fits to the byte, what is said once, what nothing may follow.

use kith_crypto::sign::ContactSecret;
use kith_wire::Wire;
use kith_wire::frame::{EndReason, SessionAck};
use kith_wire::limits::{PART_BYTES, SESSION_WINDOW};
use kith_wire::payload::{Item, Payload};
use kith_wire::time::Timestamp;

use super::super::outgoing::{ITEM_OVERHEAD, PAYLOAD_OVERHEAD};
use crate::chain::Role;
use crate::pair::{NOW, Pair, Side, meeting, part, renewed, rng, today};
use crate::ranges::Settled;
use crate::{Alarm, SealError, Urgency, list_state};

/// Bytes of a part that leave so much room in its frame.
fn leaving(room: usize) -> usize {
    Payload::MAX_BYTES - PAYLOAD_OVERHEAD - ITEM_OVERHEAD - room
}

/// Two sides whose giver starts an epoch with its next frame that has room.
fn ripe(seed: u64) -> Pair {
    let mut pair = Pair::new(seed);
    let is_about_to_start = |pair: &Pair| {
        let core = &pair.giver.session.core;
        core.epochs.is_about_to_start(core.outgoing.next, &core.outgoing.acked, &core.incoming.received)
    };
    while !is_about_to_start(&pair) {
        pair.giver_says("x");
        pair.answerer_says("y");
    }
    pair
}

#[test]
fn parts_fit_to_the_byte() {
    let text = |length: usize| part(&"x".repeat(length));
    let second = leaving(0) - ITEM_OVERHEAD - PART_BYTES;
    let mut pair = Pair::new(80);
    let fits = pair.giver.session.seal(vec![text(PART_BYTES), text(second)], Urgency::Content, &mut pair.rng);
    assert!(fits.is_ok());
    let refused = pair.giver.session.seal(vec![text(PART_BYTES), text(second + 1)], Urgency::Content, &mut pair.rng);
    assert_eq!(refused.unwrap_err(), SealError::TooLong);
}

#[test]
fn a_list_goes_with_a_part_that_leaves_it_room() {
    for (spare, goes) in [(0, true), (1, false)] {
        let mut r = rng(81);
        let m = meeting(&mut r);
        let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
        giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
        let next = renewed(&m.card, &mut r);
        let length = next.signed().body().len() + 72 + ITEM_OVERHEAD;
        giver.session.set_devices(next.clone());
        let text = "x".repeat(leaving(length) + spare);
        let sealed = giver.say(&text, &mut r);
        let opened = answerer.hear(&sealed.frame, &mut r).unwrap();
        assert_eq!(opened.peer_devices.is_some(), goes, "{spare} bytes more");
        assert_eq!(giver.session.owes_reply(), !goes);
    }
}

#[test]
fn an_own_list_is_announced_once() {
    let mut r = rng(82);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let next = renewed(&m.card, &mut r);
    giver.session.set_devices(next.clone());
    let first = giver.reply(&mut r).unwrap();
    assert!(answerer.hear(&first.frame, &mut r).unwrap().peer_devices.is_some());
    let again = giver.session.seal_items(Some(vec![Item::Devices(next.signed().clone())]), &mut r).unwrap();
    assert!(answerer.hear(&again.frame, &mut r).unwrap().peer_devices.is_none());
}

#[test]
fn ks_37_nothing_of_a_payload_counts_beside_a_forged_list() {
    let mut r = rng(83);
    let m = meeting(&mut r);
    let (mut giver, mut answerer) = (Side::new(m.met.session), Side::new(m.confirmed.session));
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    let good = renewed(&m.card, &mut r);
    let mut forged = good.get().clone();
    forged.version += 1;
    forged.previous = good.hash();
    let forged = ContactSecret::generate(&mut r).sign(&forged);
    let items = vec![Item::Devices(good.signed().clone()), Item::Devices(forged)];
    let sealed = giver.session.seal_items(Some(items), &mut r).unwrap();
    let before = answerer.session.core.lists.peer;
    let opened = answerer.hear(&sealed.frame, &mut r).unwrap();
    assert_eq!((opened.alarm, opened.peer_devices.is_some()), (Some(Alarm::Unreadable), false));
    assert_eq!(answerer.session.core.lists.peer, before);
    assert_ne!(list_state(&good), before);
}

#[test]
fn ks_28_the_key_of_a_skipped_frame_is_erased() {
    let mut pair = Pair::new(84);
    let lost = pair.giver.say("lost", &mut pair.rng);
    pair.giver_says("overtakes it");
    pair.giver.expire(lost.seq);
    let stages = |side: &Side| {
        let epochs = &side.session.core.epochs;
        let located = epochs.locate(&side.session.binding(Role::Giver), &lost.frame).unwrap();
        epochs.stage(&located, &Settled::default()).is_some()
    };
    assert!(stages(&pair.answerer));
    pair.giver_says("announces the skip");
    assert!(!stages(&pair.answerer));
}

#[test]
fn what_was_never_sent_cannot_be_given_up() {
    let mut pair = Pair::new(85);
    let next = pair.giver.session.core.outgoing.next;
    let before = pair.giver.session.core_bytes();
    pair.giver.session.skip(&[next]);
    assert_eq!(*pair.giver.session.core_bytes(), *before);
}

#[test]
fn an_ack_only_frame_that_was_given_up_is_not_asked_for_and_the_others_are() {
    let mut pair = Pair::new(86);
    let mut acks = Vec::new();
    for text in ["one", "two"] {
        let said = pair.giver.say(text, &mut pair.rng);
        pair.answerer.hear(&said.frame, &mut pair.rng).unwrap();
        acks.push(pair.answerer.reply(&mut pair.rng).unwrap().seq);
    }
    pair.answerer.expire(acks[0]);
    assert_eq!(pair.answerer.session.core.outgoing.ack_only, acks[1..]);
}

#[test]
fn ks_30_a_full_session_owes_nothing_and_an_ended_one_neither() {
    let mut pair = Pair::new(87);
    pair.answerer_says("wants an acknowledgement");
    assert!(pair.giver.session.owes_reply());
    let next = pair.giver.session.core.outgoing.acked.next();
    pair.giver.session.core.outgoing.next = next + SESSION_WINDOW;
    assert!(!pair.giver.session.owes_reply());
    pair.giver.session.core.outgoing.next = next + SESSION_WINDOW - 1;
    assert!(pair.giver.session.owes_reply());
    let end = pair.answerer.session.seal_end(EndReason::COPIED, None, &mut pair.rng).unwrap();
    pair.giver.hear(&end.frame, &mut pair.rng).unwrap();
    assert!(pair.giver.session.core.incoming.ack_owed && !pair.giver.session.owes_reply());
}

#[test]
fn numbers_end_before_they_repeat() {
    for (next, is_sealed) in [(u32::MAX - 2, true), (u32::MAX - 1, false)] {
        let mut pair = Pair::new(88);
        let outgoing = &mut pair.giver.session.core.outgoing;
        outgoing.next = next;
        outgoing.acked.merge(&SessionAck { next, ranges: Vec::new() });
        let mut copy = super::restored(&pair.giver);
        assert_eq!(copy.seal_end(EndReason::COPIED, None, &mut rng(1)).is_some(), is_sealed);
        let sealed = pair.giver.session.seal(vec![part("x")], Urgency::Content, &mut pair.rng);
        assert_eq!(sealed.map(|sealed| sealed.seq).ok(), is_sealed.then_some(next));
    }
}

#[test]
fn both_sides_notice_a_new_epoch_and_when_it_began() {
    let mut pair = ripe(89);
    let later = Timestamp(NOW.0 + 5_000);
    let key = pair.giver.say("key", &mut pair.rng);
    pair.answerer.hear_at(&key.frame, later, &mut pair.rng).unwrap();
    let ciphertext = pair.answerer.say("ciphertext", &mut pair.rng);
    let opened = pair.giver.hear_at(&ciphertext.frame, later, &mut pair.rng).unwrap();
    assert!(opened.new_epoch && !opened.established);
    assert_eq!((pair.giver.session.epoch(), pair.giver.session.epoch_since()), (2, later));
    let first = pair.giver.say("first of it", &mut pair.rng);
    let opened = pair.answerer.hear_at(&first.frame, later, &mut pair.rng).unwrap();
    assert!(opened.new_epoch && !opened.established);
    assert_eq!((pair.answerer.session.epoch(), pair.answerer.session.epoch_since()), (2, later));
}

#[test]
fn key_material_that_found_no_room_goes_out_by_itself() {
    let mut pair = ripe(90);
    pair.giver_says("key");
    // The answer to the key must wait: two parts leave it no room, and their frame says all else that is owed.
    let parts = vec![part(&"x".repeat(PART_BYTES)), part(&"x".repeat(600))];
    pair.answerer.session.seal(parts, Urgency::Content, &mut pair.rng).unwrap();
    assert!(!pair.answerer.session.core.incoming.ack_owed && pair.answerer.session.owes_reply());
    assert!(pair.answerer.reply(&mut pair.rng).is_some());
    assert!(!pair.answerer.session.owes_reply());
}

#[test]
fn key_material_goes_with_parts_that_leave_it_room() {
    let room = kith_wire::id::KemKey::SIZE + ITEM_OVERHEAD;
    let second = leaving(room) - ITEM_OVERHEAD - PART_BYTES;
    for (spare, goes) in [(0, true), (1, false)] {
        let mut pair = ripe(91);
        let parts = vec![part(&"x".repeat(PART_BYTES)), part(&"x".repeat(second + spare))];
        let sealed = pair.giver.session.seal(parts, Urgency::Content, &mut pair.rng).unwrap();
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
        assert_eq!(pair.answerer.session.core.epochs.must_speak(), goes, "{spare} bytes more");
    }
}

#[test]
fn ks_22_an_old_epoch_ends_where_the_next_begins() {
    let mut pair = ripe(92);
    pair.giver_says("key");
    pair.giver.say("missing, so that the old epoch lives", &mut pair.rng);
    pair.answerer_says("ciphertext");
    let copy = super::restored(&pair.giver);
    // In truth the giver goes on under the new epoch; its first frame is lost, the second tells where the epoch began.
    let lost = pair.giver.say("lost", &mut pair.rng);
    pair.giver_says("second");
    // A copy that was made to go on under the old one claims the same number.
    let chain = pair.answerer.session.core.epochs.oldest();
    let header = kith_wire::frame::FrameHeader { epoch: 1, seq: lost.seq, base: chain.base.unwrap() };
    let inner = kith_wire::frame::Inner {
        olm: Vec::new(),
        control: kith_wire::frame::Control { ack: copy.core.incoming.received.to_ack(), skips: Vec::new(), end: None },
    };
    let staged = chain.stage(lost.seq, chain.base.unwrap(), |_| false).unwrap();
    let forged = copy.binding(Role::Giver).seal(&chain.header, &staged.message, header, &inner, &mut pair.rng).unwrap();
    super::refuses(&mut pair.answerer, &forged);
}

#[test]
fn a_list_of_the_same_version_is_not_announced_again() {
    let mut r = rng(93);
    let m = meeting(&mut r);
    let mut giver = Side::new(m.met.session);
    giver.hear(&m.confirmed.first.frame, &mut r).unwrap();
    giver.reply(&mut r);
    giver.session.set_devices(m.card.devices.clone());
    assert!(giver.session.core.lists.pending.is_none());
}

#[test]
fn a_repetition_reminds_of_an_owed_acknowledgement() {
    let mut pair = Pair::new(94);
    let said = pair.giver.say("hello", &mut pair.rng);
    assert!(pair.answerer.hear(&said.frame, &mut pair.rng).unwrap().reply_due);
    assert!(pair.answerer.hear(&said.frame, &mut pair.rng).unwrap().reply_due);
    pair.answerer.reply(&mut pair.rng).unwrap();
    assert!(!pair.answerer.hear(&said.frame, &mut pair.rng).unwrap().reply_due);
}

#[test]
fn of_quiet_frames_the_newest_ranges_are_remembered() {
    let mut incoming = Pair::new(95).giver.session.core.incoming;
    incoming.quiet.clear();
    for number in 0..=20 {
        incoming.note_quiet(2 * number);
        assert_eq!(incoming.quiet.len(), 20.min(number as usize + 1));
    }
    assert_eq!((incoming.quiet[0].first, incoming.quiet[19].last), (2, 40));
}

#[test]
fn lists_are_dated_back_by_up_to_three_days() {
    let days: std::collections::BTreeSet<u32> = (0..60)
        .map(|seed| {
            let made = crate::pair::card(&mut rng(seed));
            today().0 - made.devices.get().issued.0
        })
        .collect();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}
