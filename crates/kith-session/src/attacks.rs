//! The attack table of `spec/meeting.md`, row by row: each attack fails, or its stated limit is shown.

use kith_crypto::dh::DhSecret;
use kith_crypto::hash::hash_kem_key;
use kith_crypto::kem::KemSecret;
use kith_crypto::sign::ContactSecret;
use kith_wire::Wire;
use kith_wire::card::{AnswerParts, CardOffer, CardPurpose};
use kith_wire::frame::{Control, Frame, FrameHeader, Inner};

use crate::chain::{Role, RootKeys, SendChain};
use crate::giver::Giver;
use crate::pair::{NOW, answered, answered_by_anybody, card, checked, meeting, rng};
use crate::ranges::Settled;
use crate::seal::Binding;
use crate::secret::Secret;
use crate::{AnswerError, ConfirmError, LateAnswer, NewCard, check_card, forge};

fn copy(giver: &Giver) -> Giver {
    Giver::from_bytes(&giver.to_bytes()).unwrap()
}

/// A card of Mallory's that is Alice's in everything but the signer.
fn resigned(made: &NewCard, mallory: &ContactSecret) -> CardOffer {
    let mut stolen = made.offer.card.decode_unverified().unwrap();
    stolen.contact_key = mallory.public();
    CardOffer { card: mallory.sign(&stolen), kem: made.offer.kem.clone() }
}

#[test]
fn ks_19_a_replayed_answer_opens_nothing_new() {
    let mut r = rng(1);
    let (first, second) = (card(&mut r), card(&mut r));
    let answered = answered(&first, &mut r);
    let met = first.giver.accept(&answered.answer, NOW, &mut r).unwrap();
    // At the same card it is only recognised; at another card of the same person it is nothing.
    assert_eq!(met.answered.classify(&answered.answer), LateAnswer::Same);
    assert_eq!(second.giver.accept(&answered.answer, NOW, &mut r).map(|_| ()), Err(AnswerError::NotAnAnswer));
    // The session does not take it for a frame either.
    let mut session = met.session;
    let before = session.core_bytes();
    assert!(session.open(&answered.answer, NOW, &mut r).is_err());
    assert_eq!(*session.core_bytes(), *before);
}

#[test]
fn a_replayed_card_gives_another_answer_and_confirmations_do_not_fit_across() {
    let mut r = rng(2);
    let made = card(&mut r);
    let (first, again) = (answered(&made, &mut r), answered(&made, &mut r));
    let met = made.giver.accept(&first.answer, NOW, &mut r).unwrap();
    assert_eq!(met.answered.classify(&again.answer), LateAnswer::Different);
    let outcome = again.answerer.confirm(&met.confirm.frame, NOW, &mut r).map(|_| ());
    assert_eq!(outcome, Err(ConfirmError::NotAConfirmation));
}

#[test]
fn tampering_truncation_and_exchanged_fields_fail() {
    let mut r = rng(3);
    let made = card(&mut r);
    let bytes = made.offer.to_bytes();
    for length in 0..bytes.len() {
        assert!(CardOffer::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
    // Two keys of one size change places, under the giver's own signature: another card, another meeting.
    let mut exchanged = made.offer.card.decode_unverified().unwrap();
    std::mem::swap(&mut exchanged.olm_identity.0, &mut exchanged.dh.0);
    let offer = CardOffer { card: made.contact_secret.sign(&exchanged), kem: made.offer.kem.clone() };
    let answered = answered_by_anybody(&check_card(offer, CardPurpose::Contact, NOW).unwrap(), &mut r);
    assert_eq!(made.giver.accept(&answered.answer, NOW, &mut r).map(|_| ()), Err(AnswerError::Unreadable));
}

#[test]
fn an_unknown_key_share_fails() {
    // Mallory hands Alice's card to Bob as his own, and Bob's answer to Alice.
    let mut r = rng(4);
    let made = card(&mut r);
    let mallory = ContactSecret::generate(&mut r);
    let offer = resigned(&made, &mallory);
    let bob = answered_by_anybody(&check_card(offer, CardPurpose::Contact, NOW).unwrap(), &mut r);
    assert_eq!(made.giver.accept(&bob.answer, NOW, &mut r).map(|_| ()), Err(AnswerError::Unreadable));
}

#[test]
fn misbinding_bobs_ratchet_to_mallorys_identity_fails() {
    let mut r = rng(5);
    let made = card(&mut r);
    let bob = answered(&made, &mut r);
    let parts = AnswerParts::from_frame(&bob.answer).unwrap();
    let (_, inside) = made.giver.open_inside(&parts).unwrap();
    let theirs = kith_crypto::sign::open(inside.answer_card).unwrap();
    // Mallory signs an answer card with Bob's Olm identity, without Bob's Olm secret.
    let forged = forge::answer(&checked(&made), &mut r, |draft| {
        draft.answer_card.olm_identity = theirs.get().olm_identity;
    });
    assert_eq!(made.giver.accept(&forged, NOW, &mut r).map(|_| ()), Err(AnswerError::Unproven));
}

#[test]
fn a_thief_of_the_contact_key_cannot_confirm_in_its_owners_name() {
    // The thief has Alice's card, contact key and device list, but not the card's one-use keys.
    let mut r = rng(6);
    let made = card(&mut r);
    let bob = answered(&made, &mut r);
    let mut thief = copy(&made.giver);
    thief.kem = Secret::new(*KemSecret::generate(&mut r).expose());
    assert_eq!(thief.accept(&bob.answer, NOW, &mut r).map(|_| ()), Err(AnswerError::Unreadable));
    let mut thief = copy(&made.giver);
    thief.dh = Secret::new(*DhSecret::generate(&mut r).expose());
    assert_eq!(thief.accept(&bob.answer, NOW, &mut r).map(|_| ()), Err(AnswerError::Unreadable));
    // A confirmation of another answer that the thief made up is none for Bob.
    let own_answer = forge::answer(&checked(&made), &mut r, |_| {});
    let confirm = forge::confirm(&made.giver, &own_answer, &mut r, |_| {});
    assert_eq!(bob.answerer.confirm(&confirm, NOW, &mut r).map(|_| ()), Err(ConfirmError::NotAConfirmation));
}

#[test]
fn whoever_answers_a_bearer_card_first_is_accepted_and_the_second_is_noticed() {
    // The stated limit: a card is for whoever has it. The contact stays unverified, and Bob's answer warns Alice.
    let mut r = rng(7);
    let made = card(&mut r);
    let (mallory, bob) = (answered(&made, &mut r), answered(&made, &mut r));
    let met = made.giver.accept(&mallory.answer, NOW, &mut r).unwrap();
    assert_eq!(met.peer.contact_key, mallory.contact_secret.public());
    assert_eq!(met.answered.classify(&bob.answer), LateAnswer::Different);
    assert!(bob.answerer.confirm(&met.confirm.frame, NOW, &mut r).is_err());
}

#[test]
fn the_digits_cannot_be_ground_because_their_nonce_was_committed_to() {
    let mut r = rng(8);
    let made = card(&mut r);
    let bob = answered(&made, &mut r);
    // The giver, or who has all its keys, tries other nonces to reach chosen digits.
    for number in 0..20 {
        let ground = forge::confirm(&made.giver, &bob.answer, &mut r, |draft| {
            draft.hello.nonce = kith_wire::id::ConfirmNonce::new([number; 32]);
        });
        assert_eq!(bob.answerer.confirm(&ground, NOW, &mut r).map(|_| ()), Err(ConfirmError::Commitment));
    }
    let digits = meeting(&mut r).met.digits;
    assert!(digits.iter().all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit())));
}

#[test]
fn the_giver_cannot_try_other_digits_once_it_has_seen_the_answer() {
    // What the giver may still choose then does not enter them: the conversation, its device list, the ciphertext.
    let mut r = rng(12);
    let made = card(&mut r);
    let bob = answered(&made, &mut r);
    let mut digits_with = |number| {
        let confirm = forge::confirm(&made.giver, &bob.answer, &mut r, |draft| {
            draft.hello.conversation = kith_wire::id::ConversationId([number; 16]);
        });
        bob.answerer.confirm(&confirm, NOW, &mut r).unwrap().digits
    };
    assert_eq!(digits_with(1), digits_with(2));
}

#[test]
fn the_answerer_cannot_try_digits_because_each_answer_needs_the_nonce_and_the_second_is_noticed() {
    let mut r = rng(14);
    let made = card(&mut r);
    let (one, two) = (answered(&made, &mut r), answered(&made, &mut r));
    let met = made.giver.accept(&one.answer, NOW, &mut r).unwrap();
    let other = copy(&made.giver).accept(&two.answer, NOW, &mut r).unwrap();
    assert_ne!(met.digits, other.digits);
    assert_eq!(met.answered.classify(&two.answer), LateAnswer::Different);
}

#[test]
fn ks_44_the_answerer_says_nothing_in_epoch_zero() {
    let mut r = rng(13);
    let made = card(&mut r);
    let bob = answered(&made, &mut r);
    let parts = AnswerParts::from_frame(&bob.answer).unwrap();
    let (root, inside) = made.giver.open_inside(&parts).unwrap();
    let theirs = kith_crypto::sign::open(inside.answer_card).unwrap();
    let mut session = made.giver.accept(&bob.answer, NOW, &mut r).unwrap().session;
    // Bob has the keys of epoch 0 in his direction before he has the confirmation.
    let (_, send, _) = RootKeys::expand(&root).split(Role::Answerer);
    let mut send = SendChain::new(0, 0, send);
    let key = send.advance();
    let control = Control { ack: Settled::default().to_ack(), skips: Vec::new(), end: None };
    let (from, to) = (theirs.get().olm_identity, made.giver.account.identity());
    let binding = Binding { sender: Role::Answerer, from, to };
    let header = FrameHeader { epoch: 0, seq: 0, base: 0 };
    let frame = binding.seal(&send.header, &key, header, &Inner { olm: Vec::new(), control }, &mut r).unwrap();
    let before = session.core_bytes();
    assert!(session.open(&frame, NOW, &mut r).is_err());
    assert_eq!(*session.core_bytes(), *before);
}

#[test]
fn an_active_quantum_attacker_is_seen_by_pairs_that_compare() {
    // The stated limit: whoever forges signatures sits in the middle. Both meetings work, and the digits differ.
    let mut r = rng(9);
    let alice = card(&mut r);
    let mallorys_kem = KemSecret::generate(&mut r);
    let mut forged = alice.offer.card.decode_unverified().unwrap();
    forged.kem_hash = hash_kem_key(&mallorys_kem.public());
    let offer = CardOffer { card: alice.contact_secret.sign(&forged), kem: Some(mallorys_kem.public()) };
    let bobs_view = check_card(offer, CardPurpose::Contact, NOW).unwrap();
    let bob = answered_by_anybody(&bobs_view, &mut r);
    // Mallory, with a quantum computer, has Alice's classical secrets.
    let mut mallory = copy(&alice.giver);
    mallory.card = bobs_view.hash();
    mallory.kem = Secret::new(*mallorys_kem.expose());
    let to_bob = mallory.accept(&bob.answer, NOW, &mut r).unwrap();
    let to_alice = answered(&alice, &mut r);
    let alices = alice.giver.accept(&to_alice.answer, NOW, &mut r).unwrap();
    assert_ne!(to_bob.digits, alices.digits);
}

#[test]
fn two_contacts_who_compare_cards_find_only_the_server() {
    let mut r = rng(10);
    let (one, two) = (card(&mut r), card(&mut r));
    let (one, two) = (checked(&one), checked(&two));
    let (a, b) = (one.card(), two.card());
    assert_ne!(a.card_id, b.card_id);
    assert_ne!(a.contact_key, b.contact_key);
    assert_ne!(a.olm_identity, b.olm_identity);
    assert_ne!(a.olm_one_time, b.olm_one_time);
    assert_ne!(a.dh, b.dh);
    assert_ne!(a.kem_hash, b.kem_hash);
    assert_ne!(a.reply_secret.expose(), b.reply_secret.expose());
    assert_ne!(a.commitment, b.commitment);
    assert_eq!(a.queue.server, b.queue.server);
}

#[test]
fn answers_and_frames_have_one_size() {
    let mut r = rng(11);
    let m = meeting(&mut r);
    for frame in [&m.answered.answer, &m.met.confirm.frame, &m.confirmed.first.frame] {
        assert_eq!(frame.as_bytes().len(), Frame::SIZE);
    }
}
