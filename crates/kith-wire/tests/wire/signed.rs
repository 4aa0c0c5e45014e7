//! What signed objects say of themselves before anybody checks a signature: their signer, extensions and bytes.

use kith_wire::card::{AnswerCard, Card};
use kith_wire::codec::Wire;
use kith_wire::descriptor::{Descriptor, VersionRange};
use kith_wire::devices::DeviceList;
use kith_wire::ext::{Extension, Importance};
use kith_wire::id::Signature;
use kith_wire::signed::{Signable, Signed};

use crate::examples;

#[test]
fn kc_4_every_signed_object_names_the_key_that_signs_it() {
    let (card, answer) = (examples::card(), examples::answer_card());
    assert_eq!(card.signer(), card.contact_key.0);
    assert_eq!(answer.signer(), answer.contact_key.0);
    let (list, descriptor) = (examples::device_list(1, 0), examples::descriptor());
    assert_eq!(list.signer(), list.contact_key.0);
    assert_eq!(descriptor.signer(), descriptor.server_key.0);
    let rotation = examples::device_rotation();
    assert_eq!(rotation.signer(), rotation.old.0);
}

#[test]
fn kw_5_every_signed_object_shows_its_own_extensions() {
    let critical = || Extension { importance: Importance::Critical, value: vec![] };
    let card = {
        let mut card = examples::card();
        card.ext.insert(11, critical());
        card
    };
    let answer = {
        let mut answer = examples::answer_card();
        answer.ext.insert(12, critical());
        answer
    };
    let list = {
        let mut list = examples::device_list(1, 0);
        list.ext.insert(13, critical());
        list
    };
    let descriptor = {
        let mut descriptor = examples::descriptor();
        descriptor.ext.insert(14, critical());
        descriptor
    };
    assert_eq!(card.ext().unknown_critical(Card::KNOWN_EXTENSIONS), Some(11));
    assert_eq!(answer.ext().unknown_critical(AnswerCard::KNOWN_EXTENSIONS), Some(12));
    assert_eq!(list.ext().unknown_critical(DeviceList::KNOWN_EXTENSIONS), Some(13));
    assert_eq!(descriptor.ext().unknown_critical(Descriptor::KNOWN_EXTENSIONS), Some(14));
}

#[test]
fn a_signed_object_gives_back_the_bytes_and_the_signature_it_was_made_of() {
    let card = examples::card();
    let signed = Signed::<Card>::new(card.to_bytes(), Signature([9; 64]));
    assert_eq!((signed.body(), signed.signature()), (card.to_bytes().as_slice(), &Signature([9; 64])));
    assert_eq!(signed.decode_unverified().map(|card| card.to_bytes()), Ok(card.to_bytes()));
}

#[test]
fn kw_1_a_signed_object_may_be_longer_than_its_body_by_signature_and_heads() {
    // 1 byte of array head, up to 5 of string head, 2 and 64 of signature.
    assert_eq!(Signed::<Card>::MAX_BYTES, Card::MAX_BYTES + 72);
    assert_eq!(Signed::<DeviceList>::MAX_BYTES, DeviceList::MAX_BYTES + 72);
}

#[test]
fn signed_objects_are_equal_when_both_body_and_signature_are() {
    let of = |body: &[u8], signature| Signed::<Card>::new(body.to_vec(), Signature([signature; 64]));
    assert_eq!(of(b"one", 1), of(b"one", 1));
    assert_ne!(of(b"one", 1), of(b"two", 1));
    assert_ne!(of(b"one", 1), of(b"one", 2));
}

#[test]
fn two_sides_meet_at_the_highest_version_that_both_speak() {
    let common = |(a, b), (c, d)| VersionRange { min: a, max: b }.common(VersionRange { min: c, max: d });
    assert_eq!(common((1, 5), (2, 9)), Some(5));
    assert_eq!(common((2, 9), (1, 5)), Some(5));
    assert_eq!(common((1, 3), (3, 3)), Some(3));
    assert_eq!(common((1, 2), (3, 4)), None);
    assert_eq!(common((3, 4), (1, 2)), None);
}
