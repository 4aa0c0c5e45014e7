//! X25519 (RFC 7748) with keys that are used once.

use curve25519_dalek::montgomery::MontgomeryPoint;
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

/// Refuses a Curve25519 public key of low order.
///
/// # Errors
/// [`LowOrderKey`] when eight times the point is the identity (KC-1).
pub fn check_not_low_order(key: &[u8; 32]) -> Result<(), LowOrderKey> {
    let eight = [true, false, false, false];
    let times_eight = MontgomeryPoint(*key).mul_bits_be(eight.into_iter());
    if times_eight.0 == [0; 32] { Err(LowOrderKey) } else { Ok(()) }
}
