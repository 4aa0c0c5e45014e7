//! Signed objects and signed requests: every way in which a signature must not fit.

use kith_crypto::capability::{
    delete_verifier, is_proven, may_delete, may_read, new_send, prove, read_verifier, send_verifier,
};
use kith_crypto::live::{ClientOpening, LiveChannel, accept_opening};
use kith_crypto::request::{
    RequestStamp, live_account, live_reader, sign_as_account, sign_as_reader, verify, verify_live_account,
    verify_live_reader,
};
use kith_crypto::rotation::{open_rotation, sign_rotation};
use kith_crypto::sealed::EpochSecret;
use kith_crypto::sign::{
    AccountSecret, ContactSecret, DeviceSecret, LookupSecret, ServerSecret, VerifyError, open, open_by,
};
use kith_wire::Wire;
use kith_wire::descriptor::{Descriptor, ServerLimits, VersionRange};
use kith_wire::devices::{Device, DeviceList};
use kith_wire::ext::{Ext, Extension, Importance};
use kith_wire::frame::Frame;
use kith_wire::id::{
    DedupId, DeleteCapability, DeviceId, DeviceKey, Hash, Nonce, OlmIdentity, Proof, ReadCapability, ReaderId,
    SenderId, ServerKey, Signature,
};
use kith_wire::operation::{Deposit, Operation, SignerRole};
use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::signed::Signed;
use kith_wire::time::{Day, EpochId, Hour};

use crate::rng;

fn list(secret: &ContactSecret) -> DeviceList {
    let device = Device {
        id: DeviceId([1; 16]),
        device_key: DeviceKey([3; 32]),
        olm_identity: OlmIdentity([2; 32]),
        added_in: 1,
    };
    let list = DeviceList {
        contact_key: secret.public(),
        version: 1,
        previous: Hash([0; 32]),
        issued: Day(20_000),
        not_after: Day(20_090),
        devices: vec![device],
        revoked: vec![],
        ext: Ext::new(),
        padding: vec![],
    };
    list.padded().unwrap()
}

fn descriptor(secret: &ServerSecret) -> Descriptor {
    Descriptor {
        versions: VersionRange::OURS,
        server_key: secret.public(),
        serial: 1,
        urls: vec![],
        epochs: vec![],
        limits: ServerLimits { retention_hours: 504, max_blob_bytes: 0, invite_only: false },
        successor: None,
        ext: Ext::new(),
    }
}

#[test]
fn kc_3_only_the_exact_bytes_under_the_right_label_verify() {
    let secret = ContactSecret::generate(&mut rng());
    let signed = secret.sign(&list(&secret));
    assert!(open(signed.clone()).is_ok());
    for at in (0..64).step_by(7) {
        let mut signature = *signed.signature();
        signature.0[at] ^= 1;
        let changed: Signed<DeviceList> = Signed::new(signed.body().to_vec(), signature);
        assert_eq!(open(changed).map(|_| ()), Err(VerifyError::BadSignature), "{at}");
    }
    let other_day = DeviceList { issued: Day(20_001), ..list(&secret) };
    let moved = Signed::<DeviceList>::new(other_day.to_bytes(), *signed.signature());
    assert_eq!(open(moved).map(|_| ()), Err(VerifyError::BadSignature));
}

#[test]
fn kc_3_a_signature_over_the_body_without_its_label_does_not_verify() {
    use ed25519_dalek::{Signer, SigningKey};
    let secret = ContactSecret::generate(&mut rng());
    let body = list(&secret).to_bytes();
    let key = SigningKey::from_bytes(secret.expose());
    let check = |prefix: &[u8]| {
        let signature = Signature(key.sign(&[prefix, &body].concat()).to_bytes());
        open(Signed::<DeviceList>::new(body.clone(), signature)).map(|_| ())
    };
    assert_eq!(check(b""), Err(VerifyError::BadSignature));
    assert_eq!(check(b"\x0bkith/1/card"), Err(VerifyError::BadSignature));
    assert_eq!(check(b"kith/1/device-list"), Err(VerifyError::BadSignature));
    assert_eq!(check(b"\x12kith/1/device-list"), Ok(()));
}

#[test]
fn kc_3_keys_of_small_order_sign_nothing() {
    // With the identity as key, R = identity and s = 0 satisfy the lax equation for every message.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let secret = ContactSecret::generate(&mut rng());
    let forged = DeviceList { contact_key: kith_wire::id::ContactKey(identity), ..list(&secret) };
    let signed = Signed::<DeviceList>::new(forged.to_bytes(), Signature(signature));
    assert_eq!(open(signed).map(|_| ()), Err(VerifyError::BadSignature));
}

#[test]
fn kc_3_a_signature_with_s_above_the_group_order_is_refused() {
    let secret = ContactSecret::generate(&mut rng());
    let signed = secret.sign(&list(&secret));
    // s + L signs the same under lax rules: two signatures for one object.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut signature = *signed.signature();
    let mut carry = 0_u16;
    for (slot, add) in signature.0[32..].iter_mut().zip(order) {
        carry += u16::from(*slot) + u16::from(add);
        *slot = carry as u8;
        carry >>= 8;
    }
    let changed = Signed::<DeviceList>::new(signed.body().to_vec(), signature);
    assert_eq!(open(changed).map(|_| ()), Err(VerifyError::BadSignature));
}

#[test]
fn kc_4_an_object_by_somebody_else_is_refused() {
    let mut rng = rng();
    let (expected, other) = (ServerSecret::generate(&mut rng), ServerSecret::generate(&mut rng));
    let theirs = other.sign(&descriptor(&other));
    assert_eq!(open_by(theirs.clone(), &expected.public().0).map(|_| ()), Err(VerifyError::WrongSigner));
    assert!(open_by(theirs, &other.public().0).is_ok());
    // Naming the expected one does not help whoever lacks the key.
    let posing = other.sign(&descriptor(&expected));
    assert_eq!(open_by(posing, &expected.public().0).map(|_| ()), Err(VerifyError::BadSignature));
}

#[test]
fn kc_11_a_rotation_is_signed_by_the_key_that_goes_and_the_one_that_comes() {
    let mut rng = rng();
    let (old, new, other) =
        (DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
    let said = DeviceRotation {
        device: DeviceId([1; 16]),
        number: 1,
        previous: Hash([0; 32]),
        old: old.public(),
        new: new.public(),
        since: Hour(498_000),
        ext: Ext::new(),
    };
    let good = sign_rotation(&said, &old, &new);
    assert_eq!(open_rotation(&good).map(|opened| opened.into_inner()), Ok(said.clone()));
    // Each of the two alone, the two in each other's place, and the old one twice.
    for (by_old, by_new) in [(&old, &other), (&other, &new), (&new, &old), (&old, &old)] {
        let bad = sign_rotation(&said, by_old, by_new);
        assert_eq!(open_rotation(&bad).map(|_| ()), Err(VerifyError::BadSignature));
    }
    // Both over something else.
    let later = sign_rotation(&DeviceRotation { since: Hour(498_001), ..said }, &old, &new);
    let mixed = Rotation { statement: good.statement, by_new: later.by_new };
    assert_eq!(open_rotation(&mixed).map(|_| ()), Err(VerifyError::BadSignature));
}

#[test]
fn kw_5_an_unknown_critical_extension_refuses_a_signed_object() {
    let secret = ServerSecret::generate(&mut rng());
    let mut object = descriptor(&secret);
    object.ext.insert(4, Extension { importance: Importance::Optional, value: vec![1] });
    assert!(open(secret.sign(&object)).is_ok());
    object.ext.insert(5, Extension { importance: Importance::Critical, value: vec![] });
    assert_eq!(open(secret.sign(&object)).map(|_| ()), Err(VerifyError::UnknownCritical(5)));
    assert_eq!(open_by(secret.sign(&object), &secret.public().0).map(|_| ()), Err(VerifyError::UnknownCritical(5)));
}

#[test]
fn kc_5_a_request_signature_covers_server_role_operation_nonce_and_time() {
    let mut rng = rng();
    let (account, lookup) = (AccountSecret::generate(&mut rng), LookupSecret::generate(&mut rng));
    let operation = Operation::QueueDelete { reader_id: ReaderId([1; 24]) };
    let stamp = RequestStamp { server: ServerKey([2; 32]), nonce: Nonce([3; 16]), time: 1_000 };
    let by_account = sign_as_account(&account, &operation, &stamp);
    let by_reader = sign_as_reader(&lookup, &operation, &stamp);
    assert!(verify(&by_account, &operation, &stamp.server) && verify(&by_reader, &operation, &stamp.server));
    assert_eq!((by_account.role, by_reader.role), (SignerRole::Account, SignerRole::Reader));

    for signature in [by_account, by_reader] {
        assert!(!verify(&signature, &operation, &ServerKey([9; 32])), "another server");
        assert!(!verify(&signature, &Operation::Clock, &stamp.server), "another operation");
        let swapped = match signature.role {
            SignerRole::Account => SignerRole::Reader,
            SignerRole::Reader => SignerRole::Account,
        };
        for changed in [
            kith_wire::operation::RequestSignature { role: swapped, ..signature.clone() },
            kith_wire::operation::RequestSignature { nonce: Nonce([4; 16]), ..signature.clone() },
            kith_wire::operation::RequestSignature { time: 1_001, ..signature.clone() },
            kith_wire::operation::RequestSignature {
                key: account.public().0.map(|byte| byte ^ 1),
                ..signature.clone()
            },
        ] {
            assert!(!verify(&changed, &operation, &stamp.server), "{changed:?}");
        }
    }
}

/// Returns both ends of a live connection.
fn channels() -> (LiveChannel, LiveChannel) {
    let mut rng = rng();
    let server = ServerSecret::generate(&mut rng).public();
    let epoch = EpochSecret::generate(EpochId(2900), &mut rng);
    let opening = ClientOpening::new(&server, &epoch.public(), &mut rng).unwrap();
    let (answer, at_server) = accept_opening(&server, &epoch, &opening.bytes, &mut rng).unwrap();
    (opening.accept(&answer).unwrap(), at_server)
}

#[test]
fn kc_5_a_live_proof_fits_one_connection_one_role_and_one_queue() {
    let mut rng = rng();
    let (account, lookup) = (AccountSecret::generate(&mut rng), LookupSecret::generate(&mut rng));
    let (client, server) = channels();
    let mut other_rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(99);
    let other = {
        let server = ServerSecret::generate(&mut other_rng).public();
        let epoch = EpochSecret::generate(EpochId(2900), &mut other_rng);
        let opening = ClientOpening::new(&server, &epoch.public(), &mut other_rng).unwrap();
        accept_opening(&server, &epoch, &opening.bytes, &mut other_rng).unwrap().1
    };
    let Operation::LiveAccount { account: key, signature } = live_account(&account, &client.binding) else {
        unreachable!("it makes a live-account operation")
    };
    assert!(verify_live_account(&key, &signature, &server.binding));
    assert!(!verify_live_account(&key, &signature, &other.binding));

    let reader = live_reader(&lookup, ReaderId([1; 24]), &client.binding);
    assert!(verify_live_reader(&lookup.public(), &reader, &server.binding));
    assert!(!verify_live_reader(&lookup.public(), &reader, &other.binding));
    let moved = kith_wire::operation::LiveReader { reader_id: ReaderId([2; 24]), ..reader };
    assert!(!verify_live_reader(&lookup.public(), &moved, &server.binding));
}

#[test]
fn kc_6_a_deposit_proof_fits_one_server_queue_and_frame() {
    let capability = new_send(&mut rng());
    let stored = send_verifier(&capability);
    let server = ServerKey([1; 32]);
    let deposit = Deposit {
        sender_id: SenderId([2; 24]),
        proof: Proof([0; 32]),
        dedup: DedupId([3; 16]),
        expires: Hour(4),
        frame: Frame::new([5; 4096]),
    };
    assert!(!is_proven(&deposit, &stored, &server));
    let deposit = prove(deposit, &capability, &server);
    assert!(is_proven(&deposit, &stored, &server));
    assert!(!is_proven(&deposit, &stored, &ServerKey([9; 32])));
    assert!(!is_proven(
        &deposit,
        &send_verifier(&new_send(&mut <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(5))),
        &server
    ));
    for changed in [
        Deposit { sender_id: SenderId([9; 24]), ..deposit.clone() },
        Deposit { dedup: DedupId([9; 16]), ..deposit.clone() },
        Deposit { expires: Hour(9), ..deposit.clone() },
        Deposit { frame: Frame::new([9; 4096]), ..deposit.clone() },
    ] {
        assert!(!is_proven(&changed, &stored, &server));
    }
}

#[test]
fn capabilities_of_different_kinds_have_different_verifiers() {
    let (read, delete) = (ReadCapability::new([1; 32]), DeleteCapability::new([1; 32]));
    let (stored_read, stored_delete) = (read_verifier(&read), delete_verifier(&delete));
    assert_ne!(stored_read, stored_delete);
    assert!(may_read(&read, &stored_read) && may_delete(&delete, &stored_delete));
    assert!(!may_read(&ReadCapability::new([2; 32]), &stored_read));
    assert!(!may_delete(&DeleteCapability::new([2; 32]), &stored_delete));
    // Whoever steals what the server stores has no capability.
    assert!(!may_read(&ReadCapability::new(stored_read.0), &stored_read));
}
