//! Rules of cards.

use kith_crypto::kem::KemSecret;
use kith_wire::Wire;
use kith_wire::card::{Card, CardOffer, CardPurpose};
use kith_wire::ext::{Extension, Importance};
use kith_wire::id::{DhKey, KemKey, OlmIdentity, OlmOneTimeKey};
use kith_wire::time::{Hour, Timestamp};

use super::{CardError, NewCard, check_card};
use crate::pair::{NOW, card, checked, rng};

/// The giver signs a changed card; `check_card` says what is wrong with it.
fn refusal(bend: impl FnOnce(&mut Card)) -> Option<CardError> {
    let made = card(&mut rng(1));
    let mut changed = made.offer.card.decode_unverified().unwrap();
    bend(&mut changed);
    let offer = CardOffer { card: made.contact_secret.sign(&changed), kem: made.offer.kem };
    check_card(offer, CardPurpose::Contact, NOW).err()
}

fn with_flipped_body(made: &NewCard, at: usize) -> CardOffer {
    let mut body = made.offer.card.body().to_vec();
    body[at] ^= 1;
    let signature = *made.offer.card.signature();
    CardOffer { card: kith_wire::signed::Signed::new(body, signature), kem: made.offer.kem.clone() }
}

#[test]
fn a_fresh_card_is_accepted() {
    let made = card(&mut rng(2));
    let checked = checked(&made);
    assert_eq!(checked.hash(), made.hash);
    assert!(!checked.needs_kem());
    assert!(made.offer.to_bytes().len() < CardOffer::MAX_BYTES);
    let without_kem = CardOffer { kem: None, ..made.offer };
    assert!(without_kem.to_bytes().len() < 600, "{} bytes in a QR code", without_kem.to_bytes().len());
}

#[test]
fn ks_1_every_flipped_byte_of_a_card_is_refused() {
    let made = card(&mut rng(3));
    for at in 0..made.offer.card.body().len() {
        let error = check_card(with_flipped_body(&made, at), CardPurpose::Contact, NOW).unwrap_err();
        let is_refused = matches!(error, CardError::Signature | CardError::Malformed(_));
        // A card that claims another version is that, whatever else is wrong with it.
        assert!(is_refused || matches!(error, CardError::Unsupported { .. }), "byte {at}: {error}");
    }
}

#[test]
fn ks_1_a_card_signed_by_somebody_else_is_refused() {
    let (made, other) = (card(&mut rng(4)), card(&mut rng(5)));
    let body = made.offer.card.decode_unverified().unwrap();
    let offer = CardOffer { card: other.contact_secret.sign(&body), kem: made.offer.kem };
    assert_eq!(check_card(offer, CardPurpose::Contact, NOW).unwrap_err(), CardError::Signature);
}

#[test]
fn ks_2_a_card_of_a_later_version_is_not_called_damaged() {
    let made = card(&mut rng(12));
    let signature = *made.offer.card.signature();
    let refusal_of = |body: &[u8]| {
        let card = kith_wire::signed::Signed::new(body.to_vec(), signature);
        check_card(CardOffer { card, kem: None }, CardPurpose::Contact, NOW).unwrap_err()
    };
    // An array of three: version 2, suite 1, and what this version cannot know.
    assert_eq!(refusal_of(&[0x83, 2, 1, 0xf6]), CardError::Unsupported { version: 2, suite: 1 });
    assert!(matches!(refusal_of(&[0x83, 1, 1, 0xf6]), CardError::Malformed(_)));
    assert!(matches!(refusal_of(&[0x81, 2]), CardError::Malformed(_)));
}

#[test]
fn ks_2_another_version_or_suite_is_refused() {
    assert_eq!(refusal(|card| card.version = 2), Some(CardError::Unsupported { version: 2, suite: 1 }));
    assert_eq!(refusal(|card| card.suite = 9), Some(CardError::Unsupported { version: 1, suite: 9 }));
}

#[test]
fn ks_3_a_card_is_good_until_the_end_of_its_last_hour() {
    let made = card(&mut rng(6));
    let last = made.offer.card.decode_unverified().unwrap().not_after;
    let end = Timestamp::from_seconds(Hour(last.0 + 1).start().seconds() - 1);
    assert!(check_card(made.offer.clone(), CardPurpose::Contact, end).is_ok());
    let over = Hour(last.0 + 1).start();
    assert_eq!(check_card(made.offer, CardPurpose::Contact, over).unwrap_err(), CardError::Expired { not_after: last });
}

#[test]
fn ks_4_an_unknown_critical_extension_is_refused_and_an_optional_one_is_not() {
    let extension = |importance| Extension { importance, value: vec![1] };
    assert_eq!(
        refusal(|card| card.ext.insert(7, extension(Importance::Critical))),
        Some(CardError::UnknownExtension(7))
    );
    assert_eq!(refusal(|card| card.ext.insert(7, extension(Importance::Optional))), None);
}

#[test]
fn ks_5_public_keys_of_low_order_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for low in [[0; 32], one] {
        assert_eq!(refusal(|card| card.olm_identity = OlmIdentity(low)), Some(CardError::WeakKey));
        assert_eq!(refusal(|card| card.olm_one_time = OlmOneTimeKey(low)), Some(CardError::WeakKey));
        assert_eq!(refusal(|card| card.dh = DhKey(low)), Some(CardError::WeakKey));
    }
}

#[test]
fn ks_6_the_key_beside_the_card_must_be_the_one_it_names() {
    let made = card(&mut rng(7));
    let offer = CardOffer { kem: None, ..made.offer.clone() };
    let checked = check_card(offer, CardPurpose::Contact, NOW).unwrap();
    assert!(checked.needs_kem());
    let other = KemSecret::generate(&mut rng(8)).public();
    assert_eq!(checked.clone().with_kem(other).unwrap_err(), CardError::WrongKem);
    assert!(!checked.with_kem(made.offer.kem.unwrap()).unwrap().needs_kem());
}

#[test]
fn ks_6_a_key_that_nobody_honest_makes_is_refused_even_when_the_card_names_it() {
    // Coefficients above the ML-KEM modulus.
    let mut bytes = *KemSecret::generate(&mut rng(9)).public().as_bytes();
    bytes[..3].copy_from_slice(&[0xff; 3]);
    let bad = KemKey::new(bytes);
    let made = card(&mut rng(10));
    let mut changed = made.offer.card.decode_unverified().unwrap();
    changed.kem_hash = kith_crypto::hash::hash_kem_key(&bad);
    let offer = CardOffer { card: made.contact_secret.sign(&changed), kem: Some(bad) };
    assert_eq!(check_card(offer, CardPurpose::Contact, NOW).unwrap_err(), CardError::WrongKem);
}

#[test]
fn the_blob_of_a_card_is_found_by_both_sides() {
    let made = card(&mut rng(11));
    let found = checked(&made).blob();
    assert_eq!(found.id, made.blob.id);
    assert_eq!(found.read.expose(), made.blob.read.expose());
    assert_eq!(found.key.expose(), made.blob.key.expose());
    assert_ne!(found.read.expose(), found.key.expose());
}
