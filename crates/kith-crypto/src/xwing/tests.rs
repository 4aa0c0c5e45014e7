//! Against two other implementations; the vectors of the draft are in `tests/crypto/known_answers.rs`.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use x_wing::kem::{Decapsulate, Decapsulator, KeyExport};

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn keys_ciphertexts_and_secrets_are_those_of_the_x_wing_crate(seed: [u8; 32], randomness: [[u8; 32]; 2], flip: usize) {
        let ours = DecapsulationKey::expand(&seed);
        let theirs = x_wing::DecapsulationKey::from(seed);
        let their_public = theirs.encapsulation_key().to_bytes();
        prop_assert_eq!(ours.public().as_slice(), their_public.as_slice());

        let randomness: [u8; 64] = joined(&randomness[0], &randomness[1]);
        let (ciphertext, shared) = EncapsulationKey::check(ours.public()).unwrap().encapsulate(&randomness);
        let (their_ciphertext, their_shared) = theirs.encapsulation_key().encapsulate_deterministic((&randomness).into());
        prop_assert_eq!(ciphertext.0.as_slice(), their_ciphertext.as_slice());
        prop_assert_eq!(shared.as_slice(), their_shared.as_slice());
        prop_assert_eq!(&ours.decapsulate(&ciphertext.0), &shared);

        // A damaged one gives what the other implementation gives, and not the secret.
        let mut damaged = ciphertext;
        damaged.0[flip % CIPHERTEXT_BYTES] ^= 1;
        let their_damaged = x_wing::Ciphertext::try_from(damaged.0.as_slice()).unwrap();
        let opened = ours.decapsulate(&damaged.0);
        let their_opened = theirs.decapsulate(&their_damaged);
        prop_assert_eq!(opened.as_slice(), their_opened.as_slice());
        prop_assert_ne!(opened, shared);
    }

    #[test]
    fn hpke_derives_and_understands_the_same_keys(material: Vec<u8>) {
        type Reference = hpke::kem::XWing;
        let (ours, public) = XWing::derive_keypair(&material);
        let (reference, reference_public) = Reference::derive_keypair(&material);
        prop_assert_eq!(ours.to_bytes(), reference.to_bytes());
        prop_assert_eq!(public.to_bytes(), reference_public.to_bytes());

        let mut rng = StdRng::seed_from_u64(1);
        let (shared, ciphertext) = XWing::encap_with_rng(&public, None, &mut rng).unwrap();
        let ciphertext = <Reference as Kem>::EncappedKey::from_bytes(&ciphertext.to_bytes()).unwrap();
        prop_assert_eq!(&shared.0, &Reference::decap(&reference, None, &ciphertext).unwrap().0);
    }
}

#[test]
fn numbers_and_sizes_are_those_of_hpke() {
    assert_eq!(XWing::KEM_ID, <hpke::kem::XWing as Kem>::KEM_ID);
    assert_eq!((EncapsulationKey::size(), Ciphertext::size()), (KEY_BYTES, CIPHERTEXT_BYTES));
}

#[test]
fn keys_and_ciphertexts_of_other_lengths_or_out_of_range_are_refused() {
    let public = *DecapsulationKey::expand(&[1; 32]).public();
    assert!(EncapsulationKey::from_bytes(&public[1..]).is_err());
    assert!(Ciphertext::from_bytes(&[0; CIPHERTEXT_BYTES + 1]).is_err());
    assert!(DecapsulationKey::from_bytes(&[0; 31]).is_err());
    let mut unreduced = public;
    unreduced[..3].fill(0xff);
    assert_eq!(EncapsulationKey::from_bytes(&unreduced).unwrap_err(), HpkeError::ValidationError);
}

#[test]
fn nobody_is_authenticated_as_a_sender() {
    let secret = DecapsulationKey::expand(&[1; 32]);
    let sender = secret.public.clone();
    let ciphertext = sender.encapsulate(&[2; 64]).0;
    assert!(XWing::decap(&secret, Some(&sender), &ciphertext).is_err());
    let mut rng = StdRng::seed_from_u64(1);
    assert!(XWing::encap_with_rng(&sender, Some((&secret, &sender)), &mut rng).is_err());
}
