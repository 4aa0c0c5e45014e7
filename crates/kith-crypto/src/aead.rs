//! ChaCha20-Poly1305 (RFC 8439) under keys of one purpose.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Nonce, Tag};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::chacha::Cipher;
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
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        sealed.extend_from_slice(plaintext);
        self.seal_behind(nonce, aad, &mut sealed, 0);
        sealed
    }

    /// Seals what stands in `bytes` from `begin` on, where it is; a nonce is used once per key.
    pub(crate) fn seal_behind(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], bytes: &mut Vec<u8>, begin: usize) {
        let text = bytes.get_mut(begin..).unwrap_or_default();
        let tag = self.cipher().encrypt_inout_detached(&Nonce::from(*nonce), aad, text.into());
        debug_assert!(tag.is_ok(), "ChaCha20-Poly1305 seals everything shorter than 256 GiB");
        match tag {
            Ok(tag) => bytes.extend_from_slice(&tag),
            // Nothing leaves that is not sealed.
            Err(_) => bytes.zeroize(),
        }
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs from what was sealed.
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(OpenError)?;
        let mut text = text.to_vec();
        let opened = self.cipher().decrypt_inout_detached(
            &Nonce::from(*nonce),
            aad,
            text.as_mut_slice().into(),
            &Tag::from(*tag),
        );
        opened.map(|()| SecretBytes::new(text)).map_err(|_| OpenError)
    }

    fn cipher(&self) -> Cipher {
        Cipher::new(&self.0.into())
    }
}

impl std::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AeadKey(…)")
    }
}
