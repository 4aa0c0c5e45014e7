//! Agreements, capsules, attachments, derivation: each with what must be refused.

use std::collections::BTreeSet;

use kith_crypto::attachment::{ChunkError, NewBlob, open_chunk, seal_chunk};
use kith_crypto::dh::{DhSecret, LowOrderKey, check_not_low_order};
use kith_crypto::digits::comparison_digits;
use kith_crypto::kem::{KemError, KemSecret, check_key, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::sealed::{EpochSecret, SealError, seal};
use kith_crypto::sign::ServerSecret;
use kith_crypto::user::UserSecret;
use kith_crypto::{hash, kdf, mac, password};
use kith_wire::blob::BlobShape;
use kith_wire::id::{AttachmentKey, ConfirmNonce, DhKey, Hash, KemCiphertext, KemKey, ReplySecret};
use kith_wire::sealed::SealKind;
use kith_wire::signed::Signable;
use kith_wire::time::EpochId;

use crate::rng;

/// Points of low order on Curve25519 and its twist, and their encodings above the prime.
fn low_order_points() -> Vec<[u8; 32]> {
    let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap();
    let with_first = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    vec![
        with_first(0, 0, 0),
        with_first(1, 0, 0),
        hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        // p − 1, p, p + 1, and p with the ignored highest bit.
        with_first(0xec, 0xff, 0x7f),
        with_first(0xed, 0xff, 0x7f),
        with_first(0xee, 0xff, 0x7f),
        with_first(0xed, 0xff, 0xff),
        with_first(0, 0, 0x80),
    ]
}

#[test]
fn kc_1_low_order_keys_are_refused() {
    let secret = DhSecret::generate(&mut rng());
    for point in low_order_points() {
        assert_eq!(check_not_low_order(&point), Err(LowOrderKey), "{point:02x?}");
        assert_eq!(secret.agree(&DhKey(point)).map(|_| ()), Err(LowOrderKey), "{point:02x?}");
    }
    let public = secret.public();
    assert_eq!(check_not_low_order(&public.0), Ok(()));
    let other = DhSecret::generate(&mut rng());
    assert_eq!(secret.agree(&other.public()).unwrap(), other.agree(&public).unwrap());
}

#[test]
fn kc_2_x_wing_keys_and_ciphertexts_are_checked() {
    let secret = KemSecret::generate(&mut rng());
    let public = secret.public();
    assert_eq!(check_key(&public), Ok(()));
    for point in low_order_points() {
        let mut bytes = *public.as_bytes();
        bytes[1184..].copy_from_slice(&point);
        let key = KemKey::new(bytes);
        assert_eq!(check_key(&key), Err(KemError));
        assert_eq!(encapsulate(&key, &mut rng()).map(|_| ()), Err(KemError));
        let mut bytes = *encapsulate(&public, &mut rng()).unwrap().0.as_bytes();
        bytes[1088..].copy_from_slice(&point);
        assert_eq!(secret.decapsulate(&KemCiphertext::new(bytes)).map(|_| ()), Err(KemError));
    }
    // A coefficient of 3,329 or more is not reduced: FIPS 203 §7.2 calls for the modulus check.
    for at in [0, 600, 1149] {
        let mut bytes = *public.as_bytes();
        bytes[at..at + 3].copy_from_slice(&[0xff; 3]);
        assert_eq!(check_key(&KemKey::new(bytes)), Err(KemError), "{at}");
    }
}

#[test]
fn kc_2_nothing_is_sealed_to_a_bad_epoch_key() {
    let server = ServerSecret::generate(&mut rng()).public();
    let mut epoch = EpochSecret::generate(EpochId(2900), &mut rng()).public();
    epoch.kem = KemKey::new([0xff; 1216]);
    let found = seal(&server, &epoch, SealKind::OneShot, b"hello", &mut rng()).map(|_| ());
    assert_eq!(found, Err(SealError::BadKey));
}

#[test]
fn a_changed_capsule_gives_another_secret() {
    let secret = KemSecret::generate(&mut rng());
    let (ciphertext, shared) = encapsulate(&secret.public(), &mut rng()).unwrap();
    assert_eq!(*secret.decapsulate(&ciphertext).unwrap(), *shared);
    for at in [0, 500, 1087, 1088, 1119] {
        let mut bytes = *ciphertext.as_bytes();
        bytes[at] ^= 1;
        let other = secret.decapsulate(&KemCiphertext::new(bytes)).unwrap();
        assert_ne!(*other, *shared, "{at}");
    }
}

#[test]
fn kc_9_a_chunk_opens_only_in_its_place() {
    let shape = BlobShape::of(150_000).unwrap();
    let key = AttachmentKey::new([7; 32]);
    assert_eq!(shape.chunks, 3);
    let sealed = seal_chunk(&key, shape, 1, b"the middle").unwrap();
    let opened = open_chunk(&key, shape, 1, &sealed).unwrap();
    assert_eq!((&opened[..10], opened.len()), (&b"the middle"[..], 65_536));
    let damaged = |found: Result<_, ChunkError>| matches!(found.map(|_| ()), Err(ChunkError::Damaged(_)));
    assert!(damaged(open_chunk(&key, shape, 0, &sealed)), "another index");
    assert!(damaged(open_chunk(&key, BlobShape::of(190_000).unwrap(), 1, &sealed)), "another size");
    assert!(damaged(open_chunk(&AttachmentKey::new([8; 32]), shape, 1, &sealed)), "another key");
    assert!(damaged(open_chunk(&key, shape, 1, &sealed[1..])), "cut");
    let mut changed = sealed;
    changed[100] ^= 1;
    assert!(damaged(open_chunk(&key, shape, 1, &changed)), "changed");
    assert_eq!(open_chunk(&key, shape, 3, &changed).map(|_| ()), Err(ChunkError::NoSuchChunk(3)));
    assert_eq!(seal_chunk(&key, shape, 3, b"").map(|_| ()), Err(ChunkError::NoSuchChunk(3)));
    assert_eq!(seal_chunk(&key, shape, 0, &[0; 65_537]).map(|_| ()), Err(ChunkError::TooLong));
}

#[test]
fn a_chunk_may_fill_its_place_to_the_last_byte() {
    let (key, shape) = (AttachmentKey::new([7; 32]), BlobShape::of(150_000).unwrap());
    let sealed = seal_chunk(&key, shape, 0, &[1; 65_536]).unwrap();
    assert_eq!(open_chunk(&key, shape, 0, &sealed).unwrap().as_ref(), [1; 65_536]);
}

#[test]
fn the_blob_of_a_card_is_the_same_for_both_sides() {
    let secret = ReplySecret::new([3; 32]);
    let (one, other) = (NewBlob::of_card(&secret, &mut rng()), NewBlob::of_card(&secret, &mut rng()));
    assert_eq!(one.id, other.id);
    assert_eq!((one.key.expose(), one.read.expose()), (other.key.expose(), other.read.expose()));
    assert_ne!(one.key.expose(), one.read.expose());
}

#[test]
fn a_user_seal_opens_for_its_purpose_only() {
    let user = UserSecret::generate(&mut rng());
    let sealed = user.public().seal(b"contact 1", b"a key", &mut rng()).unwrap();
    assert_eq!(user.open(b"contact 1", &sealed).unwrap().as_ref(), b"a key");
    assert!(user.open(b"contact 2", &sealed).is_err());
    assert!(UserSecret::from_seed([9; 32]).open(b"contact 1", &sealed).is_err());
    for at in [0, 1119, 1120, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(user.open(b"contact 1", &changed).is_err(), "{at}");
    }
    assert!(user.open(b"contact 1", &sealed[..1000]).is_err());
}

#[test]
fn a_password_opens_what_it_wrapped_and_nothing_else() {
    let params = password::Params::for_tests();
    let wrap = |word: &[u8]| password::derive(word, &[5; 16], params).unwrap();
    let wrapped = wrap(b"right").seal(b"header", b"database key", &mut rng());
    assert_eq!(wrap(b"right").open(b"header", &wrapped).unwrap().as_ref(), b"database key");
    assert!(wrap(b"wrong").open(b"header", &wrapped).is_err());
    assert!(wrap(b"right").open(b"other", &wrapped).is_err());
    assert!(wrap(b"right").open(b"header", &wrapped[..11]).is_err());
}

#[test]
fn labels_are_distinct_ascii_and_short() {
    use kith_wire::{card, descriptor, devices};
    let of_objects =
        [card::Card::LABEL, card::AnswerCard::LABEL, descriptor::Descriptor::LABEL, devices::DeviceList::LABEL];
    let all: Vec<&str> = Label::REGISTERED.iter().map(|label| label.as_str()).chain(of_objects).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    for label in all {
        assert!(label.starts_with("kith/1/") && label.len() <= 64 && label.is_ascii(), "{label}");
    }
}

#[test]
fn derivation_keeps_parts_apart() {
    let derive = |label, parts: &[&[u8]]| *kdf::derive::<32>(b"secret", label, parts);
    let results = [
        derive(Label::LIVE, &[b"ab", b"c"]),
        derive(Label::LIVE, &[b"a", b"bc"]),
        derive(Label::LIVE, &[b"abc"]),
        derive(Label::LIVE, &[b"abc", b""]),
        derive(Label::LIVE_BIND, &[b"abc"]),
        derive(Label::LIVE, &[]),
    ];
    assert_eq!(results.iter().collect::<BTreeSet<_>>().len(), results.len());
    assert_ne!(hash::hash(Label::CARD_BLOB_ID, b"x"), hash::hash(Label::CARD_BLOB_KEY, b"x"));
    let right = mac::mac(&[1; 32], Label::CONFIRM, &[b"x"]);
    assert!(mac::verify(&[1; 32], Label::CONFIRM, &[b"x"], &right));
    assert!(!mac::verify(&[1; 32], Label::ANSWER_MAC, &[b"x"], &right));
    assert!(!mac::verify(&[2; 32], Label::CONFIRM, &[b"x"], &right));
}

#[test]
fn comparison_digits_are_twelve_groups_of_five() {
    let of = |nonce, card, answer| {
        comparison_digits(&ConfirmNonce::new([nonce; 32]), &Hash([card; 32]), &Hash([answer; 32]))
    };
    let digits = of(1, 2, 3);
    assert!(digits.iter().all(|group| group.len() == 5 && group.bytes().all(|byte| byte.is_ascii_digit())));
    for other in [of(0, 2, 3), of(1, 0, 3), of(1, 2, 0), of(1, 3, 2)] {
        assert_ne!(digits, other);
    }
}
