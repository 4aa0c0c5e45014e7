//! The user key: the root secret of a person, opened only at a password entry.
//!
//! Between password entries a device holds only the public half, to which it seals what must wait: contact keys.

use kith_wire::id::{KemCiphertext, KemKey};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::aead::{AeadKey, NONCE_BYTES, OpenError};
use crate::hash::hash_kem_ciphertext;
use crate::kem::{KemError, KemSecret, encapsulate};
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::sign::PersonSecret;
use crate::{kdf, random};

/// The root secret of a person: a 32-byte seed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct UserSecret([u8; 32]);

/// The public half of the user key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKey(pub KemKey);

impl UserSecret {
    /// Draws a user key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self(random::bytes(rng))
    }

    /// Takes a stored seed back.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// Shows the seed to code that stores it under the password.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the public half.
    pub fn public(&self) -> UserKey {
        UserKey(self.kem().public())
    }

    /// Opens what [`UserKey::seal`] sealed.
    ///
    /// # Errors
    /// [`OpenError`] when it was sealed to another key, for another purpose, or changed.
    pub fn open(&self, purpose: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (enc, box_) = sealed.split_at_checked(KemCiphertext::SIZE).ok_or(OpenError)?;
        let enc = KemCiphertext::from_slice(enc).ok_or(OpenError)?;
        let shared = self.kem().decapsulate(&enc).map_err(|_| OpenError)?;
        seal_key(&shared, &enc).open(&[0; NONCE_BYTES], purpose, box_)
    }

    /// Returns the key that signs the list of the person's own devices.
    pub fn person(&self) -> PersonSecret {
        PersonSecret::from_seed(*kdf::derive(&self.0, Label::USER_SIGN, &[]))
    }

    fn kem(&self) -> KemSecret {
        KemSecret::from_seed(*kdf::derive(&self.0, Label::USER_SEAL, &[b"x-wing"]))
    }
}

impl UserKey {
    /// Seals secret bytes so that only the next password entry opens them: `ciphertext 1,120 ‖ AEAD`.
    ///
    /// # Errors
    /// [`KemError`] when this is not a valid key.
    pub fn seal(&self, purpose: &[u8], secret: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, KemError> {
        let (enc, shared) = encapsulate(&self.0, rng)?;
        // The key is fresh for every seal, so the nonce may be fixed.
        let box_ = seal_key(&shared, &enc).seal(&[0; NONCE_BYTES], purpose, secret);
        Ok([enc.as_bytes().as_slice(), &box_].concat())
    }
}

fn seal_key(shared: &[u8; 32], enc: &KemCiphertext) -> AeadKey {
    AeadKey::new(*kdf::derive(shared, Label::USER_SEAL, &[&hash_kem_ciphertext(enc).0]))
}

impl std::fmt::Debug for UserSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserSecret(…)")
    }
}
