//! ChaCha20-Poly1305 (RFC 8439) under keys of one purpose.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret_bytes::SecretBytes;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes that sealing adds.
pub const TAG_BYTES: usize = 16;

/// The ciphertext, its nonce, key or associated data is not what was sealed. Nothing more is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the seal does not open")]
pub struct OpenError;

/// A ChaCha20-Poly1305 key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AeadKey([u8; 32]);

impl AeadKey {
    /// Wraps key bytes, which must be uniformly random.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Shows the key bytes to code that stores them under another key.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plaintext`; a nonce is used once per key.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let sealed =
            ChaCha20Poly1305::new(&self.0.into()).encrypt(&Nonce::from(*nonce), Payload { msg: plaintext, aad });
        debug_assert!(sealed.is_ok(), "ChaCha20-Poly1305 seals everything shorter than 256 GiB");
        sealed.unwrap_or_default()
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs from what was sealed.
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        ChaCha20Poly1305::new(&self.0.into())
            .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad })
            .map(SecretBytes::new)
            .map_err(|_| OpenError)
    }
}

impl std::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AeadKey(…)")
    }
}
