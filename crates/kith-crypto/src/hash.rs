//! Labelled SHA-256.

use kith_wire::id::{Hash, KemCiphertext, KemKey};
use kith_wire::signed::{Signable, Signed};
use sha2::{Digest, Sha256};

use crate::label::Label;

/// Returns `SHA-256(length ‖ label ‖ bytes)`.
pub fn hash(label: Label, bytes: &[u8]) -> Hash {
    let mut hasher = Hasher::new(label);
    hasher.update(bytes);
    hasher.finish()
}

/// Returns the hash of an object under its own label.
pub fn hash_object<T: Signable>(object: &T) -> Hash {
    hash(Label::of_object(T::LABEL), &object.to_bytes())
}

/// Returns the hash of a signed object's body: what `H(Card)` and its like mean.
pub fn hash_signed<T: Signable>(signed: &Signed<T>) -> Hash {
    hash(Label::of_object(T::LABEL), signed.body())
}

/// Returns the hash of an X-Wing key.
pub fn hash_kem_key(key: &KemKey) -> Hash {
    hash(Label::KEM_KEY, key.as_bytes())
}

/// Returns the hash of an X-Wing ciphertext.
pub fn hash_kem_ciphertext(ciphertext: &KemCiphertext) -> Hash {
    hash(Label::KEM_CIPHERTEXT, ciphertext.as_bytes())
}

/// Hashes a long input piece by piece.
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts with a label.
    pub fn new(label: Label) -> Self {
        let mut inner = Sha256::new();
        inner.update(label.prefix());
        Self(inner)
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the hash of all that was added.
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}
