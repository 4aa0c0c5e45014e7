//! Rules of confirmations.

use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::sign::ContactSecret;
use kith_wire::card::CardPurpose;
use kith_wire::descriptor::VersionRange;
use kith_wire::frame::{Frame, FrameHeader};
use kith_wire::id::{ConfirmNonce, Hash, OlmIdentity};
use kith_wire::payload::ListState;

use super::{AnswerCardError, Answerer, ConfirmError, answer};
use crate::check_card;
use crate::forge::{self, ConfirmDraft};
use crate::pair::{NOW, answered, card, flipped, queue, renewed, rng, today};

/// The confirmation is refused, and the answerer's state has not changed.
#[track_caller]
fn refusal(answerer: &Answerer, frame: &Frame) -> ConfirmError {
    let before = answerer.to_bytes();
    let Err(error) = answerer.confirm(frame, NOW, &mut rng(99)) else { panic!("the confirmation was accepted") };
    assert_eq!(*answerer.to_bytes(), *before);
    error
}

#[track_caller]
fn refusal_of_bent(bend: impl FnOnce(&mut ConfirmDraft)) -> ConfirmError {
    let mut r = rng(1);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let frame = forge::confirm(&made.giver, &answered.answer, &mut r, bend);
    refusal(&answered.answerer, &frame)
}

#[test]
fn both_sides_see_the_same_digits_and_conversation() {
    let mut r = rng(2);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let met = made.giver.accept(&answered.answer, NOW, &mut r).unwrap();
    let answerer = Answerer::from_bytes(&answered.answerer.to_bytes()).unwrap();
    let confirmed = answerer.confirm(&met.confirm.frame, NOW, &mut r).unwrap();
    assert_eq!(confirmed.digits, met.digits);
    assert_eq!(confirmed.conversation, met.conversation);
    assert_eq!(confirmed.peer_devices.hash(), made.devices.hash());
    assert!(confirmed.session.is_established());
}

#[test]
fn the_forge_makes_good_confirmations_when_nothing_is_bent() {
    let mut r = rng(3);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let frame = forge::confirm(&made.giver, &answered.answer, &mut r, |_| {});
    assert!(answered.answerer.confirm(&frame, NOW, &mut r).is_ok());
}

#[test]
fn a_card_without_its_key_cannot_be_answered() {
    let mut r = rng(4);
    let mut offer = card(&mut r).offer;
    offer.kem = None;
    let queue = queue(2, &mut r);
    let outcome = answer(
        &check_card(offer, CardPurpose::Contact, NOW).unwrap(),
        ContactSecret::generate(&mut r),
        queue,
        today(),
        &mut r,
    )
    .map(|_| ());
    assert_eq!(outcome, Err(AnswerCardError::NeedsKem));
}

#[test]
fn ks_14_only_the_first_frame_of_epoch_zero_is_a_confirmation() {
    let mut r = rng(5);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let met = made.giver.accept(&answered.answer, NOW, &mut r).unwrap();
    for at in 0..Frame::SIZE {
        let outcome = answered.answerer.confirm(&flipped(&met.confirm.frame, at), NOW, &mut r).map(|_| ());
        assert_eq!(outcome, Err(ConfirmError::NotAConfirmation), "byte {at}");
    }
    for header in [
        FrameHeader { epoch: 1, seq: 0, base: 0 },
        FrameHeader { epoch: 0, seq: 1, base: 0 },
        FrameHeader { epoch: 0, seq: 0, base: 1 },
    ] {
        assert_eq!(refusal_of_bent(|draft| draft.header = header), ConfirmError::NotAConfirmation);
    }
}

#[test]
fn ks_15_another_nonce_than_the_card_committed_to_is_refused() {
    assert_eq!(refusal_of_bent(|draft| draft.hello.nonce = ConfirmNonce::new([1; 32])), ConfirmError::Commitment);
}

#[test]
fn ks_16_a_confirmation_of_another_meeting_is_refused() {
    assert_eq!(refusal_of_bent(|draft| draft.transcript = Some(Hash([1; 32]))), ConfirmError::Transcript);
    assert_eq!(refusal_of_bent(|draft| draft.card = Hash([1; 32])), ConfirmError::Transcript);
    let other = KemSecret::generate(&mut rng(6)).public();
    let (ciphertext, _) = encapsulate(&other, &mut rng(7)).unwrap();
    assert_eq!(refusal_of_bent(|draft| draft.hello.ciphertext = ciphertext), ConfirmError::Transcript);
}

#[test]
fn ks_17_a_giver_that_speaks_only_other_versions_is_refused() {
    assert_eq!(
        refusal_of_bent(|draft| draft.hello.versions = VersionRange { min: 2, max: 3 }),
        ConfirmError::NoCommonVersion
    );
}

#[test]
fn ks_18_card_confirmation_and_list_must_agree() {
    let other = card(&mut rng(8));
    assert_eq!(refusal_of_bent(|draft| draft.devices = other.devices.signed().clone()), ConfirmError::Devices);
    assert_eq!(refusal_of_bent(|draft| draft.hello.devices = Hash([1; 32])), ConfirmError::Devices);
    assert_eq!(
        refusal_of_bent(|draft| draft.mine = ListState { version: 2, hash: draft.mine.hash }),
        ConfirmError::Devices
    );
    // A list of the right person that names another device.
    let mut r = rng(9);
    let made = card(&mut r);
    let answered = answered(&made, &mut r);
    let mut list = renewed(&made, &mut r).into_inner();
    list.devices[0].olm_identity = OlmIdentity([9; 32]);
    let list = kith_crypto::sign::open(made.contact_secret.sign(&list)).unwrap();
    let frame = forge::confirm(&made.giver, &answered.answer, &mut r, |draft| {
        draft.devices = list.signed().clone();
        draft.hello.devices = list.hash();
        draft.mine = crate::list_state(&list);
    });
    assert_eq!(refusal(&answered.answerer, &frame), ConfirmError::Devices);
}
