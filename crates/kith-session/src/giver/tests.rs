//! Rules of answers.

use kith_crypto::sign::ContactSecret;
use kith_wire::card::AnswerParts;
use kith_wire::ext::{Extension, Importance};
use kith_wire::frame::Frame;
use kith_wire::id::{DhKey, Hash, KemKey, OlmIdentity};
use kith_wire::time::{Hour, Timestamp};

use super::{AnswerError, AnsweredCard, Giver, LATE_HOURS, LateAnswer};
use crate::forge::{self, AnswerDraft};
use crate::olm::OlmAccount;
use crate::pair::{NOW, answered, card, checked, flipped, rng};

/// The answer is refused, and the giver's state has not changed.
#[track_caller]
fn refusal(giver: &Giver, frame: &Frame) -> AnswerError {
    let before = giver.to_bytes();
    let Err(error) = giver.accept(frame, NOW, &mut rng(99)) else { panic!("the answer was accepted") };
    assert_eq!(*giver.to_bytes(), *before);
    error
}

#[track_caller]
fn refusal_of_bent(bend: impl FnOnce(&mut AnswerDraft)) -> AnswerError {
    let mut r = rng(1);
    let made = card(&mut r);
    let frame = forge::answer(&checked(&made), &mut r, bend);
    refusal(&made.giver, &frame)
}

#[test]
fn an_honest_answer_is_accepted_after_any_number_of_bad_ones() {
    let mut r = rng(2);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    for at in (0..Frame::SIZE).step_by(97) {
        assert_eq!(refusal(&made.giver, &flipped(&answered.answer, at)), AnswerError::NotAnAnswer);
    }
    let giver = Giver::from_bytes(&made.giver.to_bytes()).unwrap();
    let met = giver.accept(&answered.answer, NOW, &mut r).unwrap();
    assert_eq!(met.peer.contact_key, answered.contact_secret.public());
    assert_eq!(met.conversation, made.conversation);
    assert!(!met.session.is_established());
}

#[test]
fn the_forge_makes_good_answers_when_nothing_is_bent() {
    let mut r = rng(3);
    let made = card(&mut r);
    let frame = forge::answer(&checked(&made), &mut r, |_| {});
    assert!(made.giver.accept(&frame, NOW, &mut r).is_ok());
}

#[test]
fn ks_7_every_flipped_byte_of_an_answer_is_no_answer() {
    let mut r = rng(4);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    for at in 0..Frame::SIZE {
        let outcome = made.giver.accept(&flipped(&answered.answer, at), NOW, &mut r).map(|_| ());
        assert_eq!(outcome, Err(AnswerError::NotAnAnswer), "byte {at}");
    }
}

#[test]
fn ks_8_an_answer_may_be_late_by_the_time_it_can_lie_on_the_way() {
    let mut r = rng(5);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let last = Hour(made.giver.not_after.0 + LATE_HOURS).start();
    assert!(made.giver.accept(&answered.answer, last, &mut r).is_ok());
    let too_late = Timestamp::from_seconds(last.seconds() + 3600);
    assert_eq!(made.giver.accept(&answered.answer, too_late, &mut r).map(|_| ()), Err(AnswerError::TooLate));
}

#[test]
fn ks_9_changes_under_a_right_hmac_do_not_open() {
    let mut r = rng(6);
    let made = card(&mut r);
    let parts = AnswerParts::from_frame(&answered(&made, &mut r).answer).unwrap();
    let card = checked(&made);
    let mut other = parts.clone();
    other.sealed[100] ^= 1;
    assert_eq!(refusal(&made.giver, &forge::with_mac(&card, other)), AnswerError::Unreadable);
    let other = AnswerParts { ephemeral: DhKey([9; 32]), ..parts.clone() };
    assert_eq!(refusal(&made.giver, &forge::with_mac(&card, other)), AnswerError::Unreadable);
    let other = AnswerParts { ephemeral: DhKey([0; 32]), ..parts };
    assert_eq!(refusal(&made.giver, &forge::with_mac(&card, other)), AnswerError::Unreadable);
    assert_eq!(refusal_of_bent(|draft| draft.root_card = Hash([4; 32])), AnswerError::Unreadable);
}

#[test]
fn ks_10_a_forged_answer_card_is_refused() {
    assert_eq!(refusal_of_bent(|draft| draft.signer = ContactSecret::generate(&mut rng(7))), AnswerError::Forged);
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.card = Hash([4; 32])), AnswerError::Forged);
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.exchange = Hash([4; 32])), AnswerError::Forged);
}

#[test]
fn ks_11_an_answer_card_that_this_version_cannot_follow_is_refused() {
    let critical = Extension { importance: Importance::Critical, value: vec![] };
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.version = 2), AnswerError::Unsupported);
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.suite = 2), AnswerError::Unsupported);
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.ext.insert(1, critical)), AnswerError::Unsupported);
    assert_eq!(
        refusal_of_bent(|draft| draft.answer_card.olm_identity = OlmIdentity([0; 32])),
        AnswerError::Unsupported
    );
    let mut bytes = *checked(&card(&mut rng(8))).kem().unwrap().as_bytes();
    bytes[..3].copy_from_slice(&[0xff; 3]);
    assert_eq!(refusal_of_bent(|draft| draft.answer_card.kem = KemKey::new(bytes)), AnswerError::Unsupported);
}

#[test]
fn ks_12_the_own_card_is_not_answered() {
    let mut r = rng(9);
    let made = card(&mut r);
    let frame = forge::answer(&checked(&made), &mut r, |draft| {
        draft.signer = ContactSecret::from_seed(*made.contact_secret.expose());
        draft.answer_card.contact_key = made.contact_secret.public();
    });
    assert_eq!(refusal(&made.giver, &frame), AnswerError::OwnCard);
}

#[test]
fn ks_13_the_inner_ratchet_must_prove_both_cards() {
    assert_eq!(refusal_of_bent(|draft| draft.proof_card = Hash([4; 32])), AnswerError::Unproven);
    assert_eq!(refusal_of_bent(|draft| draft.proof_answer_card = Some(Hash([4; 32]))), AnswerError::Unproven);
    // The pre-key message comes from another identity than the answer card names.
    assert_eq!(refusal_of_bent(|draft| draft.account = OlmAccount::new()), AnswerError::Unproven);
}

#[test]
fn ks_20_what_comes_to_an_answered_card_is_told_apart() {
    let mut r = rng(10);
    let made = card(&mut r);
    let (first, second) = (answered(&made, &mut r), answered(&made, &mut r));
    let met = made.giver.accept(&first.answer, NOW, &mut r).unwrap();
    let remainder = AnsweredCard::from_bytes(&met.answered.to_bytes()).unwrap();
    assert_eq!(remainder.classify(&first.answer), LateAnswer::Same);
    assert_eq!(remainder.classify(&second.answer), LateAnswer::Different);
    assert_eq!(remainder.classify(&flipped(&first.answer, 5)), LateAnswer::Garbage);
    assert_eq!(met.answer_hash, remainder.answer);
}
