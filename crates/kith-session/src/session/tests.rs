//! Rules of sessions, one test each, and the promises made to people.

mod edges;
mod end;
mod lists;

use std::collections::BTreeMap;

use kith_crypto::hash::hash_kem_key;
use kith_crypto::kem::KemSecret;
use kith_wire::frame::{Frame, SeqRange};
use kith_wire::limits::{CONTENT_WINDOW, PART_BYTES, SESSION_WINDOW};
use kith_wire::payload::Item;
use kith_wire::time::Timestamp;

use super::Session;
use crate::pair::{NOW, Pair, Side, flipped, meeting, part, rng};
use crate::{Alarm, FrameError, SealError, StateError, Urgency};

fn restored(side: &Side) -> Session {
    Session::restore(&side.session.core_bytes(), side.early.clone().into_iter()).unwrap()
}

/// The frame is refused, and the state has not changed.
#[track_caller]
fn refuses(side: &mut Side, frame: &Frame) {
    let before = side.session.core_bytes();
    let n_early = side.session.early.len();
    assert_eq!(side.session.open(frame, NOW, &mut rng(99)).unwrap_err(), FrameError);
    assert_eq!(*side.session.core_bytes(), *before);
    assert_eq!(side.session.early.len(), n_early);
}

#[test]
fn two_hundred_messages_in_reverse_arrive_complete_and_in_order() {
    let mut pair = Pair::new(1);
    let texts: Vec<String> = (0..200).map(|number| format!("message {number}")).collect();
    let frames: Vec<_> = texts.iter().map(|text| pair.giver.say(text, &mut pair.rng)).collect();
    for sealed in frames.iter().rev() {
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    }
    assert_eq!(pair.answerer.shown, texts);
    assert!(pair.answerer.early.is_empty());
    pair.settle();
    assert!(pair.giver.unacked.values().all(|sealed| sealed.ack_only));
}

#[test]
fn a_lost_frame_is_deposited_again_with_the_same_bytes() {
    let mut pair = Pair::new(2);
    let lost = pair.giver.say("first", &mut pair.rng);
    pair.giver_says("second");
    pair.settle();
    assert!(pair.answerer.shown.is_empty());
    assert_eq!(pair.giver.unacked.keys().copied().collect::<Vec<_>>(), [lost.seq]);
    pair.answerer.hear(&lost.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.answerer.shown, ["first", "second"]);
    pair.settle();
    assert!(pair.giver.unacked.is_empty());
}

#[test]
fn ks_24_a_copy_of_the_state_does_not_open_a_frame_already_shown() {
    let mut pair = Pair::new(3);
    let overtaken = pair.giver.say("overtaken", &mut pair.rng);
    let sealed = pair.giver.say("secret", &mut pair.rng);
    for sealed in [&sealed, &overtaken] {
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    }
    let mut thief = restored(&pair.answerer);
    let nothing_received = crate::ranges::Settled::default();
    for sealed in [sealed, overtaken] {
        let opened = thief.open(&sealed.frame, NOW, &mut pair.rng).unwrap();
        assert!(opened.duplicate && opened.parts.is_empty());
        let located = thief.core.epochs.locate(&thief.binding(crate::chain::Role::Giver), &sealed.frame).unwrap();
        assert!(thief.core.epochs.stage(&located, &nothing_received).is_none());
    }
}

#[test]
fn every_flipped_byte_of_a_frame_is_refused_and_changes_nothing() {
    let mut pair = Pair::new(4);
    let sealed = pair.giver.say("hello", &mut pair.rng);
    let before = pair.answerer.session.core_bytes();
    for at in 0..Frame::SIZE {
        let outcome = pair.answerer.session.open(&flipped(&sealed.frame, at), NOW, &mut pair.rng);
        assert_eq!(outcome.unwrap_err(), FrameError, "byte {at}");
    }
    assert_eq!(*pair.answerer.session.core_bytes(), *before);
    pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.answerer.shown, ["hello"]);
}

#[test]
fn a_restart_after_every_step_changes_nothing() {
    let mut pair = Pair::new(5);
    let mut expected = Vec::new();
    for round in 0..60 {
        let (first, second) = (format!("{round} a"), format!("{round} b"));
        let one = pair.giver.say(&first, &mut pair.rng);
        pair.giver.restart();
        let two = pair.giver.say(&second, &mut pair.rng);
        pair.giver.restart();
        for sealed in [two, one] {
            pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
            pair.answerer.restart();
        }
        while let Some(sealed) = pair.answerer.reply(&mut pair.rng) {
            pair.answerer.restart();
            pair.giver.hear(&sealed.frame, &mut pair.rng).unwrap();
            pair.giver.restart();
        }
        expected.extend([first, second]);
    }
    assert_eq!(pair.answerer.shown, expected);
    assert!(pair.giver.n_epochs >= 1);
}

#[test]
fn ks_21_a_frame_of_another_session_does_not_open() {
    let (mut pair, mut other) = (Pair::new(6), Pair::new(7));
    let foreign = other.giver.say("not for you", &mut other.rng);
    refuses(&mut pair.answerer, &foreign.frame);
    let own = pair.answerer.say("echo", &mut pair.rng);
    refuses(&mut pair.answerer, &own.frame);
}

#[test]
fn ks_22_a_header_that_contradicts_its_epoch_is_refused() {
    let mut pair = Pair::new(8);
    pair.giver_says("hello");
    pair.giver.session.core.epochs.send_mut().base += 1;
    let sealed = pair.giver.say("moved base", &mut pair.rng);
    refuses(&mut pair.answerer, &sealed.frame);
}

#[test]
fn ks_22_an_epoch_cannot_begin_before_the_end_of_the_one_before() {
    // The answerer's first frame of epoch 1 claims that epoch 1 began after it.
    let mut r = rng(9);
    let meeting = meeting(&mut r);
    let mut giver = Side::new(meeting.met.session);
    let mut answerer = meeting.answered.answerer.confirm(&meeting.met.confirm.frame, NOW, &mut r).unwrap().session;
    answerer.core.epochs.send_mut().base = 9;
    let sealed = answerer.seal(vec![part("x")], Urgency::Content, &mut r).unwrap();
    refuses(&mut giver, &sealed.frame);
}

#[test]
fn ks_23_a_frame_beyond_the_window_is_refused() {
    for (ahead, is_accepted) in [(SESSION_WINDOW - 1, true), (SESSION_WINDOW, false)] {
        let mut pair = Pair::new(10);
        for _ in 0..ahead {
            pair.giver.session.core.epochs.send_mut().advance();
        }
        pair.giver.session.core.outgoing.next += ahead;
        pair.giver.session.core.outgoing.acked =
            (0..pair.giver.session.core.outgoing.next).fold(crate::ranges::Settled::default(), |mut set, seq| {
                set.insert(seq);
                set
            });
        let sealed = pair.giver.say("far ahead", &mut pair.rng);
        if is_accepted {
            pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
        } else {
            refuses(&mut pair.answerer, &sealed.frame);
        }
    }
}

#[test]
fn ks_24_a_frame_opens_once() {
    let mut pair = Pair::new(11);
    let early = pair.giver.say("one", &mut pair.rng);
    let late = pair.giver.say("two", &mut pair.rng);
    for sealed in [&late, &early, &late, &early] {
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    }
    assert_eq!(pair.answerer.shown, ["one", "two"]);
    let before = pair.answerer.session.core_bytes();
    assert!(pair.answerer.hear(&late.frame, &mut pair.rng).unwrap().duplicate);
    assert_eq!(*pair.answerer.session.core_bytes(), *before);
}

#[test]
fn ks_25_the_inner_text_is_bound_to_header_and_devices() {
    let mut pair = Pair::new(12);
    let (one, two) = (pair.giver.say("one", &mut pair.rng), pair.giver.say("two", &mut pair.rng));
    // Header of one frame, inner text of the other.
    let spliced = [&one.frame.as_bytes()[..40], &two.frame.as_bytes()[40..]].concat();
    refuses(&mut pair.answerer, &Frame::from_slice(&spliced).unwrap());
    // The same keys with another device in the associated data.
    pair.giver.session.core.own_identity.0[0] ^= 1;
    let elsewhere = pair.giver.say("three", &mut pair.rng);
    refuses(&mut pair.answerer, &elsewhere.frame);
}

#[test]
fn ks_26_a_skip_of_later_frames_is_refused() {
    let mut pair = Pair::new(14);
    let next = pair.giver.session.core.outgoing.next;
    pair.giver.session.core.outgoing.skipped = vec![SeqRange { first: next, last: next }];
    let sealed = pair.giver.say("x", &mut pair.rng);
    refuses(&mut pair.answerer, &sealed.frame);
}

#[test]
fn ks_27_an_early_message_waits_and_its_row_comes_and_goes() {
    let mut pair = Pair::new(15);
    let one = pair.giver.say("one", &mut pair.rng);
    let two = pair.giver.say("two", &mut pair.rng);
    let opened = pair.answerer.hear(&two.frame, &mut pair.rng).unwrap();
    assert!(opened.parts.is_empty());
    assert_eq!(opened.early_added.as_ref().map(|(seq, _)| *seq), Some(two.seq));
    pair.answerer.restart();
    let opened = pair.answerer.hear(&one.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.early_removed, [two.seq]);
    assert_eq!(pair.answerer.shown, ["one", "two"]);
}

#[test]
fn ks_28_an_expired_frame_becomes_a_skip_and_order_goes_on() {
    let mut pair = Pair::new(16);
    let expired = pair.giver.say("expired", &mut pair.rng);
    pair.giver_says("after");
    assert!(pair.answerer.shown.is_empty());
    pair.giver.expire(expired.seq);
    assert!(pair.giver.session.owes_reply());
    let announcement = pair.giver.reply(&mut pair.rng).unwrap();
    assert!(!announcement.ack_only, "an announcement wants an acknowledgement");
    pair.answerer.hear(&announcement.frame, &mut pair.rng).unwrap();
    pair.settle();
    assert_eq!(pair.answerer.shown, ["after"]);
    assert!(pair.giver.unacked.values().all(|sealed| sealed.ack_only));
    assert!(pair.giver.session.core.outgoing.skipped.is_empty());
    // The original comes late and is dropped.
    assert!(pair.answerer.hear(&expired.frame, &mut pair.rng).unwrap().duplicate);
    pair.giver_says("more");
    assert_eq!(pair.answerer.shown, ["after", "more"]);
}

#[test]
fn ks_28_a_skip_of_a_received_frame_does_nothing() {
    let mut pair = Pair::new(17);
    let gap = pair.giver.say("gap", &mut pair.rng);
    let early = pair.giver.say("early", &mut pair.rng);
    pair.answerer.hear(&early.frame, &mut pair.rng).unwrap();
    pair.giver.expire(early.seq);
    pair.settle();
    pair.answerer.hear(&gap.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.answerer.shown, ["gap", "early"]);
}

#[test]
fn ks_28_more_skips_than_fit_into_one_frame_are_all_announced() {
    let mut pair = Pair::new(18);
    let mut kept = Vec::new();
    for number in 0..240 {
        let sealed = pair.giver.say(&number.to_string(), &mut pair.rng);
        if number % 2 == 0 {
            pair.giver.expire(sealed.seq);
        } else {
            kept.push((number.to_string(), sealed));
        }
    }
    for (_, sealed) in &kept {
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    }
    pair.settle();
    assert_eq!(pair.answerer.shown, kept.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>());
}

#[test]
fn ks_29_an_ack_only_frame_asks_for_no_other() {
    let mut pair = Pair::new(19);
    pair.giver_says("hello");
    let ack = pair.answerer.reply(&mut pair.rng).unwrap();
    assert!(ack.ack_only);
    let opened = pair.giver.hear(&ack.frame, &mut pair.rng).unwrap();
    assert!(!opened.reply_due);
    assert!(pair.giver.reply(&mut pair.rng).is_none());
}

#[test]
fn ks_29_a_lost_ack_only_frame_is_named_when_an_ack_shows_it() {
    let mut pair = Pair::new(20);
    pair.giver_says("one");
    let lost = pair.answerer.reply(&mut pair.rng).unwrap();
    assert!(lost.ack_only);
    pair.answerer_says("reply");
    let ack = pair.giver.reply(&mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&ack.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.missing_ack_frames, [lost.seq]);
    pair.giver.hear(&lost.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.giver.shown, ["reply"]);
}

#[test]
fn ks_48_a_frame_that_stands_behind_one_lost_twice_is_asked_for_again() {
    let mut pair = Pair::new(44);
    pair.giver_says("one");
    let lost = pair.answerer.reply(&mut pair.rng).unwrap();
    let waits = pair.answerer.say("reply", &mut pair.rng);
    pair.giver.hear(&waits.frame, &mut pair.rng).unwrap();
    let ack = pair.giver.reply(&mut pair.rng).unwrap();
    assert_eq!(pair.answerer.hear(&ack.frame, &mut pair.rng).unwrap().missing_ack_frames, [lost.seq]);
    // The copy is lost too, and nobody has anything to say.
    assert!(pair.giver.reply(&mut pair.rng).is_none() && pair.answerer.reply(&mut pair.rng).is_none());
    pair.giver.restart();
    assert!(pair.giver.session.owe_again());
    let again = pair.giver.reply(&mut pair.rng).unwrap();
    assert!(again.ack_only);
    assert_eq!(pair.answerer.hear(&again.frame, &mut pair.rng).unwrap().missing_ack_frames, [lost.seq]);
    pair.giver.hear(&lost.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.giver.shown, ["reply"]);
    assert!(!pair.giver.session.owe_again() && pair.giver.reply(&mut pair.rng).is_none());
}

#[test]
fn ks_29_a_repeated_frame_brings_a_lost_acknowledgement_again() {
    let mut pair = Pair::new(21);
    let sealed = pair.giver.say("one", &mut pair.rng);
    pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    let lost = pair.answerer.reply(&mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.missing_ack_frames, [lost.seq]);
    assert!(!opened.reply_due);
    pair.giver.hear(&lost.frame, &mut pair.rng).unwrap();
    assert!(pair.giver.unacked.is_empty());
}

#[test]
fn ks_29_two_crossed_ack_only_frames_do_not_call_each_other_for_ever() {
    let mut pair = Pair::new(42);
    let (one, two) = (pair.giver.say("one", &mut pair.rng), pair.answerer.say("two", &mut pair.rng));
    pair.answerer.hear(&one.frame, &mut pair.rng).unwrap();
    pair.giver.hear(&two.frame, &mut pair.rng).unwrap();
    let from_giver = pair.giver.reply(&mut pair.rng).unwrap();
    let from_answerer = pair.answerer.reply(&mut pair.rng).unwrap();
    assert!(from_giver.ack_only && from_answerer.ack_only);
    pair.answerer.hear(&from_giver.frame, &mut pair.rng).unwrap();
    pair.giver.hear(&from_answerer.frame, &mut pair.rng).unwrap();
    // Somebody on the way repeats one frame. It may bring one acknowledgement again, which brings nothing.
    let opened = pair.answerer.hear(&one.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.missing_ack_frames, [from_answerer.seq]);
    let opened = pair.giver.hear(&from_answerer.frame, &mut pair.rng).unwrap();
    assert!(opened.duplicate && opened.missing_ack_frames.is_empty());
    pair.answerer.restart();
    let opened = pair.answerer.hear(&from_giver.frame, &mut pair.rng).unwrap();
    assert!(opened.duplicate && opened.missing_ack_frames.is_empty());
}

#[test]
fn ks_29_one_ack_calls_for_a_few_ack_only_frames_at_most() {
    let mut pair = Pair::new(43);
    for number in 0..100 {
        pair.giver_says(&number.to_string());
        pair.answerer.reply(&mut pair.rng).unwrap();
    }
    pair.answerer_says("after a hundred lost acknowledgements");
    let ack = pair.giver.reply(&mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&ack.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.missing_ack_frames.len(), kith_wire::frame::MAX_RANGES);
    // Frames that carry key material are deposited again as ever.
    let with_keys: Vec<_> = pair.answerer.unacked.values().filter(|sealed| !sealed.ack_only).cloned().collect();
    with_keys.iter().for_each(|sealed| _ = pair.giver.hear(&sealed.frame, &mut pair.rng).unwrap());
    while !pair.answerer.again.is_empty() {
        for seq in std::mem::take(&mut pair.answerer.again) {
            let sealed = pair.answerer.unacked.get(&seq).cloned();
            pair.giver.hear(&sealed.unwrap().frame, &mut pair.rng).unwrap();
        }
        pair.answerer_says("more");
        pair.settle();
    }
    assert!(pair.giver.shown.len() > 2, "what was said after the lost frames is shown");
}

#[test]
fn ks_28_skips_never_bring_a_gap_that_olm_refuses() {
    let mut pair = Pair::new(44);
    for _ in 0..2 {
        let mut lost = Vec::new();
        while pair.giver.session.may_send_content() {
            lost.push(pair.giver.say("never arrives", &mut pair.rng).seq);
        }
        lost.into_iter().for_each(|seq| pair.giver.expire(seq));
        // The announcement is lost as well, and given up; only an acknowledgement arrives.
        let announcement = pair.giver.reply(&mut pair.rng).unwrap();
        pair.answerer_says("hello");
        let ack = pair.giver.reply(&mut pair.rng).unwrap();
        assert!(ack.ack_only);
        pair.answerer.hear(&ack.frame, &mut pair.rng).unwrap();
        pair.answerer_says("anybody there?");
        pair.giver.expire(announcement.seq);
    }
    pair.settle();
    assert!(pair.answerer.alarms.is_empty() && !pair.answerer.session.is_halted());
    pair.giver_says("here");
    assert_eq!(pair.answerer.shown, ["here"]);
}

#[test]
fn ks_41_nothing_of_a_payload_with_a_malformed_part_counts() {
    let mut pair = Pair::new(45);
    let mut bad = part("bad");
    bad.index = 3;
    let items = vec![Item::Part(part("good")), Item::Part(bad)];
    let sealed = pair.giver.session.seal_items(Some(items), &mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::Unreadable));
    assert!(opened.parts.is_empty());
}

#[test]
fn ks_30_content_stops_before_the_window_is_full_and_control_at_its_end() {
    let mut pair = Pair::new(22);
    let before = pair.giver.session.unacknowledged();
    for _ in before..CONTENT_WINDOW {
        pair.giver.session.seal(vec![part("x")], Urgency::Content, &mut pair.rng).unwrap();
    }
    assert!(!pair.giver.session.may_send_content());
    let core = pair.giver.session.core_bytes();
    let refused = pair.giver.session.seal(vec![part("x")], Urgency::Content, &mut pair.rng);
    assert_eq!(refused.unwrap_err(), SealError::WindowFull);
    assert_eq!(*pair.giver.session.core_bytes(), *core);
    for _ in CONTENT_WINDOW..SESSION_WINDOW {
        pair.giver.session.seal(vec![part("x")], Urgency::Control, &mut pair.rng).unwrap();
    }
    let refused = pair.giver.session.seal(vec![part("x")], Urgency::Control, &mut pair.rng);
    assert_eq!(refused.unwrap_err(), SealError::WindowFull);
}

#[test]
fn one_full_part_fits_beside_key_material_and_two_do_not() {
    let mut pair = Pair::new(23);
    let full = part(&"x".repeat(PART_BYTES));
    for _ in 0..100 {
        let sealed = pair.giver.session.seal(vec![full.clone()], Urgency::Content, &mut pair.rng).unwrap();
        pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
        pair.settle();
    }
    assert!(pair.giver.session.epoch() > 1);
    let refused = pair.giver.session.seal(vec![full.clone(), full], Urgency::Content, &mut pair.rng);
    assert_eq!(refused.unwrap_err(), SealError::TooLong);
}

#[test]
fn ks_34_the_key_of_a_frame_that_never_came_lives_ninety_days() {
    let later = |days: u64| Timestamp::from_seconds(NOW.seconds() + days * 86_400);
    for (days, is_opened) in [(90, true), (91, false)] {
        let mut pair = Pair::new(24);
        let late = pair.giver.say("late", &mut pair.rng);
        pair.giver_says("first");
        let trigger = pair.giver.say("trigger", &mut pair.rng);
        pair.answerer.hear_at(&trigger.frame, later(days), &mut pair.rng).unwrap();
        let outcome = pair.answerer.hear_at(&late.frame, later(days), &mut pair.rng);
        assert_eq!(outcome.is_ok(), is_opened, "{days} days");
    }
}

#[test]
fn ks_35_a_failure_of_the_inner_layer_stops_the_session() {
    let mut pair = Pair::new(25);
    // The outer layer is right, the Olm message is one of another session.
    let mut other = Pair::new(26);
    std::mem::swap(&mut pair.giver.session.core.olm, &mut other.giver.session.core.olm);
    let opened = pair.giver_says("x");
    assert_eq!(opened.alarm, Some(Alarm::SessionUnusable));
    assert!(opened.parts.is_empty() && pair.answerer.session.is_halted());
    let refused = pair.answerer.session.seal(vec![part("x")], Urgency::Content, &mut pair.rng);
    assert_eq!(refused.unwrap_err(), SealError::Unusable);
    pair.answerer.restart();
    assert!(pair.answerer.session.is_halted());
}

#[test]
fn ks_40_the_card_giver_sends_nothing_before_the_answerer_has_confirmed() {
    let mut r = rng(36);
    let m = meeting(&mut r);
    let mut giver = m.met.session;
    assert!(!giver.is_established() && !giver.may_send_content());
    let refused = giver.seal(vec![part("x")], Urgency::Content, &mut r);
    assert_eq!(refused.unwrap_err(), SealError::NotEstablished);
    let opened = giver.open(&m.confirmed.first.frame, NOW, &mut r).unwrap();
    assert!(opened.established && giver.may_send_content());
    assert_eq!(opened.acked, [SeqRange { first: 0, last: 0 }]);
}

#[test]
fn ks_41_an_unreadable_payload_is_dropped_and_the_session_goes_on() {
    let mut pair = Pair::new(37);
    let mut bad = part("x");
    bad.index = 3;
    let sealed = pair.giver.session.seal_items(Some(vec![Item::Part(bad)]), &mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::Unreadable));
    assert_eq!(pair.giver_says("fine").alarm, None);
    assert_eq!(pair.answerer.shown, ["fine"]);
}

#[test]
fn ks_42_early_frames_of_another_session_are_refused() {
    let mut pair = Pair::new(38);
    pair.giver.say("lost", &mut pair.rng);
    pair.giver_says("early");
    let core = pair.answerer.session.core_bytes();
    let outcome = |early: BTreeMap<u32, Vec<u8>>| Session::restore(&core, early.into_iter()).map(|_| ());
    assert_eq!(outcome(pair.answerer.early.clone()), Ok(()));
    assert_eq!(outcome(BTreeMap::new()), Err(StateError::EarlyFrames));
    assert_eq!(Session::restore(&core[1..], std::iter::empty()).map(|_| ()), Err(StateError::Unreadable));
}

#[test]
fn ks_32_an_answer_to_no_open_question_changes_nothing() {
    let mut pair = Pair::new(40);
    let key = KemSecret::generate(&mut pair.rng).public();
    let (ciphertext, _) = kith_crypto::kem::encapsulate(&key, &mut pair.rng).unwrap();
    let item = Item::EpochCiphertext { epoch: 2, key: hash_kem_key(&key), ciphertext };
    let sealed = pair.answerer.session.seal_items(Some(vec![item]), &mut pair.rng).unwrap();
    let opened = pair.giver.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert!(!opened.new_epoch && opened.alarm.is_none());
    pair.giver_says("still here");
    assert_eq!(pair.answerer.shown, ["still here"]);
}

#[test]
fn the_stored_core_stays_small() {
    let mut pair = Pair::new(41);
    for round in 0..100 {
        pair.giver_says(&format!("{round}"));
        pair.answerer_says(&format!("{round}"));
    }
    let length = pair.giver.session.core_bytes().len();
    assert!(length < 10 * 1024, "{length} bytes");
}
