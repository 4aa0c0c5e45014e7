//! How sessions end: copied states are noticed, and both sides learn of it.

use kith_wire::frame::{EndReason, SeqRange};

use super::restored;
use crate::pair::{NOW, Pair, Side, meeting, part, rng};
use crate::{Alarm, Opened, SealError, Sealed, Urgency};

/// The frame with which a side ends; whoever hears it stops too, and says nothing.
#[track_caller]
fn ends(opened: Opened, alarm: Alarm) -> Sealed {
    assert_eq!(opened.alarm, Some(alarm));
    let end = opened.end.expect("it is said");
    assert!(end.ack_only);
    end
}

#[track_caller]
fn hears_the_end(side: &mut Side, end: &Sealed, reason: EndReason) {
    let opened = side.hear(&end.frame, &mut rng(98)).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::EndedByContact(reason)));
    assert!(opened.end.is_none() && opened.parts.is_empty() && !opened.reply_due);
    assert!(side.session.is_halted() && !side.session.owes_reply());
    let refused = side.session.seal(vec![part("x")], Urgency::Content, &mut rng(97));
    assert_eq!(refused.unwrap_err(), SealError::Unusable);
}

/// The answerer goes on from a copy of its state while the giver has heard more from it since.
fn with_restored_answerer(seed: u64) -> Pair {
    let mut pair = Pair::new(seed);
    pair.giver_says("one");
    pair.settle();
    let copy = restored(&pair.answerer);
    pair.answerer_says("since the copy");
    pair.settle();
    pair.answerer = Side::new(copy);
    pair
}

#[test]
fn ks_45_a_restored_state_is_told_by_the_acknowledgement_of_what_it_never_sent() {
    let mut pair = with_restored_answerer(60);
    let sealed = pair.giver.say("how are you?", &mut pair.rng);
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert!(opened.parts.is_empty() && opened.acked.is_empty() && pair.answerer.session.is_halted());
    let end = ends(opened, Alarm::OwnStateCopied);
    // Its number was used before: the contact sees two frames under one number, and stops for that.
    let opened = pair.giver.hear(&end.frame, &mut pair.rng).unwrap();
    ends(opened, Alarm::PeerStateCopied);
}

#[test]
fn ks_45_a_range_of_what_was_never_sent_stops_the_session() {
    let mut pair = Pair::new(61);
    let next = pair.answerer.session.core.outgoing.next;
    let received = &mut pair.giver.session.core.incoming.received;
    received.insert(next + 3);
    let end = ends(pair.giver_says("x"), Alarm::OwnStateCopied);
    hears_the_end(&mut pair.giver, &end, EndReason::COPIED);
    // What was sent may be acknowledged.
    let mut pair = Pair::new(61);
    pair.answerer_says("x");
    assert_eq!(pair.giver_says("x").alarm, None);
}

#[test]
fn ks_46_two_frames_under_one_number_stop_the_session() {
    let mut pair = with_restored_answerer(62);
    let sealed = pair.answerer.say("I am back", &mut pair.rng);
    let opened = pair.giver.hear(&sealed.frame, &mut pair.rng).unwrap();
    let end = ends(opened, Alarm::PeerStateCopied);
    hears_the_end(&mut pair.answerer, &end, EndReason::COPIED);
    pair.giver.restart();
    assert!(pair.giver.session.is_halted());
}

#[test]
fn ks_46_a_giver_restored_to_before_the_meeting_is_noticed() {
    let mut r = rng(63);
    let m = meeting(&mut r);
    let mut answerer = Side::new(m.confirmed.session);
    assert!(answerer.hear(&m.met.confirm.frame, &mut r).unwrap().alarm.is_none(), "the same bytes are a repetition");
    let again = m.card.giver.accept(&m.answered.answer, NOW, &mut r).unwrap();
    let opened = answerer.hear(&again.confirm.frame, &mut r).unwrap();
    assert_eq!(opened.alarm, Some(Alarm::PeerStateCopied));
}

#[test]
fn ks_46_a_number_that_was_skipped_may_still_come() {
    let mut pair = Pair::new(64);
    let lost = pair.giver.say("lost", &mut pair.rng);
    pair.giver.expire(lost.seq);
    pair.giver_says("later");
    let opened = pair.answerer.hear(&lost.frame, &mut pair.rng).unwrap();
    assert!(opened.duplicate && opened.alarm.is_none());
}

#[test]
fn ks_47_both_sides_learn_that_the_inner_layer_refused() {
    let mut pair = Pair::new(65);
    let mut other = Pair::new(66);
    std::mem::swap(&mut pair.giver.session.core.olm, &mut other.giver.session.core.olm);
    let end = ends(pair.giver_says("x"), Alarm::SessionUnusable);
    hears_the_end(&mut pair.giver, &end, EndReason::UNREADABLE);
}

#[test]
fn ks_47_the_end_is_said_again_to_whoever_goes_on_and_only_to_them() {
    let mut pair = Pair::new(67);
    pair.answerer.session.core.lists.stated = 9;
    let end = ends(pair.giver_says("x"), Alarm::ListForked);
    pair.answerer.restart();
    // The end is lost; the giver goes on.
    let more = pair.giver.say("are you there?", &mut pair.rng);
    for _ in 0..2 {
        let opened = pair.answerer.hear(&more.frame, &mut pair.rng).unwrap();
        assert_eq!((opened.missing_ack_frames, opened.parts.len()), (vec![end.seq], 0));
    }
    hears_the_end(&mut pair.giver, &end, EndReason::DEVICES);
    let opened = pair.giver.hear(&end.frame, &mut pair.rng).unwrap();
    assert!(opened.missing_ack_frames.is_empty() && opened.alarm.is_none());
}

#[test]
fn ks_47_two_sides_that_stopped_by_themselves_do_not_answer_each_other() {
    let mut pair = Pair::new(68);
    pair.answerer.session.core.lists.stated = 9;
    pair.giver.session.core.lists.stated = 9;
    let (one, two) = (pair.giver.say("x", &mut pair.rng), pair.answerer.say("y", &mut pair.rng));
    let mut ends_of = |side: &mut Side, sealed: &Sealed| {
        let opened = side.hear(&sealed.frame, &mut pair.rng).unwrap();
        ends(opened, Alarm::ListForked)
    };
    let ends = [ends_of(&mut pair.answerer, &one), ends_of(&mut pair.giver, &two)];
    for _ in 0..2 {
        for (side, end) in [(&mut pair.giver, &ends[0]), (&mut pair.answerer, &ends[1])] {
            let opened = side.hear(&end.frame, &mut pair.rng).unwrap();
            assert!(opened.missing_ack_frames.is_empty() && opened.alarm.is_none());
        }
    }
}

#[test]
fn ks_47_an_end_that_expired_is_not_said_again() {
    let mut pair = Pair::new(72);
    pair.answerer.session.core.lists.stated = 9;
    let end = ends(pair.giver_says("x"), Alarm::ListForked);
    pair.answerer.session.skip(&[end.seq]);
    assert!(pair.giver_says("y").missing_ack_frames.is_empty());
}

#[test]
fn ks_47_a_reason_from_a_newer_version_ends_too() {
    let mut pair = Pair::new(69);
    let end = pair.giver.session.seal_end(EndReason(200), None, &mut pair.rng).unwrap();
    hears_the_end(&mut pair.answerer, &end, EndReason(200));
}

#[test]
fn ks_47_what_waited_for_an_earlier_frame_is_still_said_at_the_end() {
    let mut pair = Pair::new(71);
    pair.giver.say("lost for ever", &mut pair.rng);
    pair.giver_says("waits");
    pair.giver_says("waits too");
    let end = pair.giver.session.seal_end(EndReason::COPIED, None, &mut pair.rng).unwrap();
    pair.answerer.hear(&end.frame, &mut pair.rng).unwrap();
    assert_eq!(pair.answerer.shown, ["waits", "waits too"]);
    assert!(pair.answerer.early.is_empty());
    pair.answerer.restart();
}

#[test]
fn the_end_acknowledges_nothing() {
    // What the other side shows or not is unknown from then on: its sender says so to the person.
    let mut pair = Pair::new(70);
    let lost = pair.answerer.say("on its way", &mut pair.rng);
    pair.giver.session.core.incoming.received.insert(lost.seq);
    let end = pair.giver.session.seal_end(EndReason::COPIED, None, &mut pair.rng).unwrap();
    let opened = pair.answerer.hear(&end.frame, &mut pair.rng).unwrap();
    assert_eq!(opened.acked, Vec::<SeqRange>::new());
}

#[test]
fn a_stopped_session_opens_no_content() {
    let mut pair = Pair::new(39);
    let sealed = pair.giver.say("x", &mut pair.rng);
    pair.answerer.session.seal_end(EndReason::COPIED, None, &mut pair.rng).unwrap();
    pair.answerer.session.core.condition = crate::session::Condition::Halted;
    let before = pair.answerer.session.core_bytes();
    let opened = pair.answerer.hear(&sealed.frame, &mut pair.rng).unwrap();
    assert!(opened.duplicate && pair.answerer.shown.is_empty());
    assert_eq!(*pair.answerer.session.core_bytes(), *before);
}
