//! X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 in one, secure while either is.

use kith_wire::id::{KemCiphertext, KemKey};
use rand_core::CryptoRng;
use thiserror::Error;
use x_wing::kem::{Decapsulate, Decapsulator, Encapsulate, KeyExport};
use x_wing::{DecapsulationKey, EncapsulationKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::dh::check_not_low_order;
use crate::random;

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
        let key = DecapsulationKey::from(self.0);
        KemKey::new(key.encapsulation_key().to_bytes().into())
    }

    /// Takes the shared secret out of a ciphertext.
    ///
    /// A ciphertext for another key gives an unrelated secret, not an error: ML-KEM rejects implicitly.
    ///
    /// # Errors
    /// [`KemError`] when the X25519 share has low order (KC-2).
    pub fn decapsulate(&self, ciphertext: &KemCiphertext) -> Result<Zeroizing<[u8; 32]>, KemError> {
        check_x25519_share(ciphertext.as_bytes())?;
        let array = x_wing::Ciphertext::try_from(ciphertext.as_bytes().as_slice()).map_err(|_| KemError)?;
        Ok(Zeroizing::new(DecapsulationKey::from(self.0).decapsulate(&array).into()))
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
    check_x25519_share(key.as_bytes())?;
    EncapsulationKey::try_from(key.as_bytes().as_slice()).map(|_| ()).map_err(|_| KemError)
}

/// Makes a fresh shared secret and its ciphertext.
///
/// # Errors
/// [`KemError`] when `key` is not a valid encapsulation key (KC-2).
pub fn encapsulate(key: &KemKey, rng: &mut dyn CryptoRng) -> Result<(KemCiphertext, Zeroizing<[u8; 32]>), KemError> {
    check_key(key)?;
    let key = EncapsulationKey::try_from(key.as_bytes().as_slice()).map_err(|_| KemError)?;
    let (ciphertext, shared) = key.encapsulate_with_rng(rng);
    Ok((KemCiphertext::new(ciphertext.into()), Zeroizing::new(shared.into())))
}

/// In both keys and ciphertexts of X-Wing the X25519 share stands last.
pub(crate) fn check_x25519_share(bytes: &[u8]) -> Result<(), KemError> {
    let (_, share) = bytes.split_last_chunk::<32>().ok_or(KemError)?;
    check_not_low_order(share).map_err(|_| KemError)
}
