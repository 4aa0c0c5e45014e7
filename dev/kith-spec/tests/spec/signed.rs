//! `spec/vectors/signed.json`: every signed object, and signatures on requests.

use kith_crypto::hash::{hash_kem_key, hash_signed};
use kith_crypto::kem::KemSecret;
use kith_crypto::request::{RequestStamp, sign_as_account, sign_as_reader, verify};
use kith_crypto::rotation::{open_rotation, sign_rotation};
use kith_crypto::sign::{
    AccountSecret, ContactSecret, DeviceSecret, LookupSecret, Role, ServerSecret, SigningSecret, open,
};
use kith_spec::file::{check, hex};
use kith_wire::Wire;
use kith_wire::card::{AnswerCard, Card};
use kith_wire::descriptor::{Descriptor, EpochKeys};
use kith_wire::devices::DeviceList;
use kith_wire::id::{DhKey, Hash, Nonce, ReaderId, ServerKey};
use kith_wire::link::card_to_link;
use kith_wire::operation::{Operation, Request};
use kith_wire::rotation::DeviceRotation;
use kith_wire::signed::Signable;
use kith_wire::time::EpochId;
use serde_json::{Value, json};

use crate::examples;

fn vector<R: Role, T: Signable + Clone>(rule: &str, secret: &SigningSecret<R>, object: &T) -> Value {
    let signed = secret.sign(object);
    assert!(open(signed.clone()).is_ok(), "{rule}");
    json!({
        "seed": hex(secret.expose()),
        "label": T::LABEL,
        "body": hex(signed.body()),
        "hash": hex(hash_signed(&signed).0),
        "signature": hex(signed.signature().0),
        "object": rule,
        "cbor": hex(signed.to_bytes()),
    })
}

#[test]
fn signed_objects_are_those_in_the_file() {
    let (contact, server) = (ContactSecret::from_seed([1; 32]), ServerSecret::from_seed([2; 32]));
    let kem = KemSecret::from_seed([3; 32]).public();
    let list = DeviceList { contact_key: contact.public(), ..examples::device_list(2, 1) };
    let first = DeviceList { version: 1, previous: Hash([0; 32]), ..examples::device_list(1, 0) };
    let first = DeviceList { contact_key: contact.public(), ..first }.padded().expect("there is room");
    let card = Card { contact_key: contact.public(), kem_hash: hash_kem_key(&kem), ..examples::card() };
    let answer = AnswerCard { contact_key: contact.public(), kem: kem.clone(), ..examples::answer_card() };
    let epochs = vec![EpochKeys { id: EpochId(2964), kem: kem.clone(), dh: DhKey([9; 32]) }];
    let descriptor = Descriptor { server_key: server.public(), epochs, ..examples::descriptor() };
    let (old, new) = (DeviceSecret::from_seed([4; 32]), DeviceSecret::from_seed([5; 32]));
    let said = DeviceRotation { old: old.public(), new: new.public(), ..examples::device_rotation() };
    let rotation = sign_rotation(&said, &old, &new);
    assert!(open_rotation(&rotation).is_ok());
    let offer = kith_wire::card::CardOffer { card: contact.sign(&card), kem: Some(kem.clone()) };
    let file = json!({
        "about": "Ed25519 over u8 length ‖ label ‖ body. The hash is SHA-256 over the same string.",
        "kem": { "seed": hex([3; 32]), "key": hex(kem.as_bytes()), "hash": hex(hash_kem_key(&kem).0) },
        "objects": [
            vector("signed-descriptor", &server, &descriptor),
            vector("signed-card", &contact, &card),
            vector("signed-answer-card", &contact, &answer),
            vector("signed-device-list", &contact, &first),
            vector("signed-device-list", &contact, &list),
            vector("signed-device-rotation", &old, &said),
        ],
        "rotation": { "seed_of_new": hex(new.expose()), "object": "rotation", "cbor": hex(rotation.to_bytes()) },
        "link": { "object": "card-offer", "cbor": hex(offer.to_bytes()), "link": card_to_link(&offer) },
    });
    check("signed.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn request_signatures_are_those_in_the_file() {
    let (account, lookup) = (AccountSecret::from_seed([1; 32]), LookupSecret::from_seed([2; 32]));
    let stamp = RequestStamp { server: ServerKey([3; 32]), nonce: Nonce([4; 16]), time: 1_792_540_800 };
    let vector = |seed: [u8; 32], operation: Operation, signature| {
        assert!(verify(&signature, &operation, &stamp.server));
        let operation_bytes = hex(operation.to_bytes());
        let value = hex(signature.signature.0);
        let request = Request { operation, signatures: vec![signature] };
        json!({ "seed": hex(seed), "operation": operation_bytes, "signature": value, "object": "request", "cbor": hex(request.to_bytes()) })
    };
    let open = Operation::AccountOpen { invite: None };
    let delete = Operation::QueueDelete { reader_id: ReaderId([5; 24]) };
    let by_account = sign_as_account(&account, &open, &stamp);
    let by_reader = sign_as_reader(&lookup, &delete, &stamp);
    let file = json!({
        "about": "Ed25519 over u8 length ‖ \"kith/1/request\" ‖ server key ‖ role ‖ H(operation) ‖ nonce ‖ u64 time.",
        "server_key": hex(stamp.server.0),
        "nonce": hex(stamp.nonce.0),
        "time": stamp.time,
        "by_account": vector([1; 32], open, by_account),
        "by_reader": vector([2; 32], delete, by_reader),
    });
    check("request.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}
