//! X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one, secure while either is.

use kith_wire::id::{KemCiphertext, KemKey};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::dh::check_not_low_order;
use crate::random;
use crate::xwing::{DecapsulationKey, EncapsulationKey};

/// KC-2: the key or ciphertext is not one that honest software makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the X-Wing key or ciphertext is not valid")]
pub struct KemError;

/// An X-Wing decapsulation key: its 32-byte seed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KemSecret([u8; 32]);

impl KemSecret {
    /// Draws a secret.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(random::bytes(rng))
    }

    /// Takes a stored seed back.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// Shows the seed to code that stores it encrypted.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the encapsulation key.
    pub fn public(&self) -> KemKey {
        KemKey::new(*self.expand().public())
    }

    /// Takes the shared secret out of a ciphertext.
    ///
    /// A ciphertext for another key gives an unrelated secret, not an error: ML-KEM rejects implicitly.
    ///
    /// # Errors
    /// [`KemError`] when the X25519 share has low order (KC-2).
    pub fn decapsulate(&self, ciphertext: &KemCiphertext) -> Result<Zeroizing<[u8; 32]>, KemError> {
        check_x25519_share(ciphertext.as_bytes())?;
        Ok(self.expand().decapsulate(ciphertext.as_bytes()))
    }

    /// Expands the seed into what opens ciphertexts.
    pub(crate) fn expand(&self) -> DecapsulationKey {
        DecapsulationKey::expand(&self.0)
    }
}

impl std::fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KemSecret(…)")
    }
}

/// Checks an encapsulation key: the ML-KEM modulus and the order of the X25519 share.
///
/// # Errors
/// [`KemError`] when either is wrong (KC-2).
pub fn check_key(key: &KemKey) -> Result<(), KemError> {
    checked_key(key).map(|_| ())
}

pub(crate) fn checked_key(key: &KemKey) -> Result<EncapsulationKey, KemError> {
    check_x25519_share(key.as_bytes())?;
    EncapsulationKey::check(key.as_bytes()).ok_or(KemError)
}

/// Makes a fresh shared secret and its ciphertext.
///
/// # Errors
/// [`KemError`] when `key` is not a valid encapsulation key (KC-2).
pub fn encapsulate(key: &KemKey, rng: &mut dyn CryptoRng) -> Result<(KemCiphertext, Zeroizing<[u8; 32]>), KemError> {
    let randomness = Zeroizing::new(random::bytes(rng));
    let (ciphertext, shared) = checked_key(key)?.encapsulate(&randomness);
    Ok((KemCiphertext::new(*ciphertext.0), shared))
}

/// In both keys and ciphertexts of X-Wing the X25519 share stands last.
pub(crate) fn check_x25519_share(bytes: &[u8]) -> Result<(), KemError> {
    let (_, share) = bytes.split_last_chunk::<32>().ok_or(KemError)?;
    check_not_low_order(share).map_err(|_| KemError)
}
