//! X25519 (RFC 7748) with keys that are used once.

use kith_wire::id::DhKey;
use rand_core::CryptoRng;
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::random;

/// KC-1: a public key of low order, with which everybody knows the shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the public key has low order")]
pub struct LowOrderKey;

/// An X25519 secret that is used for one agreement.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DhSecret([u8; 32]);

impl DhSecret {
    /// Draws a secret.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(random::bytes(rng))
    }

    /// Takes a stored secret back.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Shows the secret bytes to code that stores them encrypted.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the public key.
    pub fn public(&self) -> DhKey {
        DhKey(PublicKey::from(&StaticSecret::from(self.0)).to_bytes())
    }

    /// Agrees with the other side's public key.
    ///
    /// # Errors
    /// [`LowOrderKey`] when the result would not depend on our secret (KC-1).
    pub fn agree(&self, theirs: &DhKey) -> Result<Zeroizing<[u8; 32]>, LowOrderKey> {
        let shared = StaticSecret::from(self.0).diffie_hellman(&PublicKey::from(theirs.0));
        if shared.was_contributory() { Ok(Zeroizing::new(shared.to_bytes())) } else { Err(LowOrderKey) }
    }
}

impl std::fmt::Debug for DhSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DhSecret(…)")
    }
}

/// Refuses a Curve25519 public key of low order. The keys are public: nothing is hidden about the time that it takes.
///
/// # Errors
/// [`LowOrderKey`] when eight times the point is the identity (KC-1).
pub fn check_not_low_order(key: &[u8; 32]) -> Result<(), LowOrderKey> {
    let mut point = *key;
    // X25519 does not look at the highest bit (RFC 7748, §5).
    let [.., last] = &mut point;
    *last &= 0x7f;
    if LOW_ORDER.contains(&point) { Err(LowOrderKey) } else { Ok(()) }
}

/// Every encoding below 2^255 of a point of low order, on the curve or on its twist: Bernstein's list at <https://cr.yp.to/ecdh.html#validate>, without those
/// that differ in the highest bit only. To compare with seven takes a hundredth of the time of multiplying by eight.
const LOW_ORDER: [[u8; 32]; 7] = {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let (mut prime, mut above) = (minus_one, minus_one);
    (prime[0], above[0]) = (0xed, 0xee);
    let mut one = [0; 32];
    one[0] = 1;
    // Order two, and four; the prime and what follows it are 0 and 1 once more.
    [[0; 32], one, minus_one, prime, above, EIGHTH, OTHER_EIGHTH]
};
/// The two points of order eight.
const EIGHTH: [u8; 32] = [
    0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d,
    0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
];
const OTHER_EIGHTH: [u8; 32] = [
    0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c,
    0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
];

#[cfg(test)]
mod tests {
    use curve25519_dalek::montgomery::MontgomeryPoint;
    use proptest::prelude::*;

    use super::*;

    /// What the list stands for.
    fn is_gone_after_eight(key: &[u8; 32]) -> bool {
        MontgomeryPoint(*key).mul_bits_be([true, false, false, false].into_iter()).0 == [0; 32]
    }

    fn is_refused(key: &[u8; 32]) -> bool {
        check_not_low_order(key).is_err()
    }

    #[test]
    fn kc_1_the_list_is_what_eight_times_is_nothing_and_nothing_beside_it() {
        for point in LOW_ORDER {
            for last_bit in [0, 0x80] {
                let mut key = point;
                key[31] |= last_bit;
                assert!(is_refused(&key) && is_gone_after_eight(&key), "{key:02x?}");
                // Neighbours, of which some are on the list too.
                for (idx, bit) in (0..32).flat_map(|idx| (0..8).map(move |bit| (idx, bit))) {
                    let mut other = key;
                    other[idx] ^= 1 << bit;
                    assert_eq!(is_refused(&other), is_gone_after_eight(&other), "{other:02x?}");
                }
            }
        }
        // Every encoding that is not the shortest: from the prime to 2^255.
        for first in 0xe0..=0xff {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (first, 0x7f);
            assert_eq!(is_refused(&key), is_gone_after_eight(&key), "{key:02x?}");
        }
    }

    proptest! {
        #[test]
        fn kc_1_the_list_and_eight_times_agree_on_any_bytes(key: [u8; 32]) {
            prop_assert_eq!(is_refused(&key), is_gone_after_eight(&key));
        }
    }
}
