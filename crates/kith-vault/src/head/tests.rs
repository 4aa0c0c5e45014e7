//! The head's bytes: round trips, refusals, and a frozen head of version 1.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;

fn password(text: &str) -> Password {
    Password::new(text.to_owned()).unwrap()
}

fn sealed_head() -> (Head, Secrets) {
    let mut rng = StdRng::seed_from_u64(1);
    let secrets = Secrets::generate(&mut rng);
    let head = Head::seal(&secrets, &password("right"), Params::for_tests(), &mut rng).unwrap();
    (head, secrets)
}

#[test]
fn right_password_opens_the_same_secrets() {
    let (head, secrets) = sealed_head();
    let opened = Head::decode(&head.encode()).ok().unwrap().open(&password("right")).unwrap().unwrap();
    assert_eq!(opened.database_key, secrets.database_key);
    assert_eq!(opened.chunk_seed, secrets.chunk_seed);
    assert_eq!(opened.user_seed, secrets.user_seed);
    assert!(head.open(&password("wrong")).unwrap().is_none());
}

#[test]
fn same_password_seals_differently_each_time() {
    let mut rng = StdRng::seed_from_u64(2);
    let secrets = Secrets::generate(&mut rng);
    let mut seal = || Head::seal(&secrets, &password("same"), Params::for_tests(), &mut rng).unwrap();
    let (one, other) = (seal(), seal());
    assert_ne!(one.salt, other.salt);
    assert_ne!(one.sealed, other.sealed);
}

#[test]
fn changed_byte_never_opens() {
    let (head, _) = sealed_head();
    let bytes = head.encode();
    for position in 0..HEAD_LEN {
        let mut changed = bytes;
        changed[position] ^= 1;
        let opened = Head::decode(&changed).map(|head| head.open(&password("right")));
        assert!(!matches!(opened, Ok(Ok(Some(_)))), "byte {position}");
    }
}

#[test]
fn other_lengths_are_refused() {
    let bytes = sealed_head().0.encode();
    for length in 0..HEAD_LEN {
        assert_eq!(Head::decode(&bytes[..length]).err(), Some(HeadError::Length), "{length} bytes");
    }
    let longer: Vec<u8> = bytes.into_iter().chain([0]).collect();
    assert_eq!(Head::decode(&longer).err(), Some(HeadError::Length));
}

#[test]
fn newer_version_of_any_length_is_refused_by_name() {
    let newer = [MAGIC.as_slice(), &[0, 2], b"whatever comes then"].concat();
    assert_eq!(Head::decode(&newer).err(), Some(HeadError::Newer { found: 2, known: 1 }));
    let zero = [MAGIC.as_slice(), &[0, 0], &[0; 120]].concat();
    assert_eq!(Head::decode(&zero).err(), Some(HeadError::NotAHead));
}

#[test]
fn unreasonable_parameters_are_refused_before_any_work() {
    let bytes = sealed_head().0.encode();
    // Memory, passes and lanes at their largest, and at zero.
    for (position, value) in [(10, 0xff), (14, 0xff), (18, 0xff), (13, 0), (17, 0), (21, 0)] {
        let mut changed = bytes;
        if value == 0 {
            changed[position - 3..=position].fill(0);
        } else {
            changed[position] = value;
        }
        assert_eq!(Head::decode(&changed).err(), Some(HeadError::Unreasonable), "byte {position}");
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused_and_encode_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(head) = Head::decode(&bytes) {
            prop_assert_eq!(head.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn any_reasonable_head_round_trips(
        lanes in 1..=16_u32,
        passes in 1..=16_u32,
        memory in 128..=1_048_576_u32,
        salt: [u8; 16],
        filling: u8,
    ) {
        let params = keys::params_found(memory, passes, lanes).unwrap();
        let head = Head { params, salt, sealed: [filling; SEALED_SECRETS_LEN] };
        let bytes = head.encode();
        prop_assert_eq!(bytes.len(), HEAD_LEN);
        prop_assert!(Head::decode(&bytes).is_ok_and(|decoded| decoded == head));
    }
}
