//! Secrets print their names and nothing else.

use kith_crypto::aead::AeadKey;
use kith_crypto::dh::DhSecret;
use kith_crypto::kem::KemSecret;
use kith_crypto::password::{Params, derive};
use kith_crypto::sign::{AccountSecret, ContactSecret, LookupSecret, ServerSecret};
use kith_crypto::user::UserSecret;

#[test]
fn secrets_print_their_names_only() {
    let printed = [
        format!("{:?}", AeadKey::new([1; 32])),
        format!("{:?}", DhSecret::from_bytes([1; 32])),
        format!("{:?}", KemSecret::from_seed([1; 32])),
        format!("{:?}", ContactSecret::from_seed([1; 32])),
        format!("{:?}", ServerSecret::from_seed([1; 32])),
        format!("{:?}", LookupSecret::from_seed([1; 32])),
        format!("{:?}", AccountSecret::from_seed([1; 32])),
        format!("{:?}", UserSecret::from_seed([1; 32])),
        format!("{:?}", derive(b"word", &[1; 16], Params::for_tests()).unwrap()),
    ];
    insta::assert_snapshot!(printed.join("\n"), @r"
    AeadKey(…)
    DhSecret(…)
    KemSecret(…)
    ContactSecret(…)
    ServerSecret(…)
    LookupSecret(…)
    AccountSecret(…)
    UserSecret(…)
    WrapKey(…)
    ");
}
