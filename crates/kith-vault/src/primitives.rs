//! Stand-in for the password and storage keys of `kith-crypto`.

#![allow(missing_docs, unreachable_pub, reason = "goes away as soon as kith-crypto has these keys")]

use argon2::{Algorithm, Argon2, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    pub memory_kib: u32,
    pub iterations: u32,
    pub lanes: u32,
}

impl Params {
    pub const DESKTOP: Self = Self { memory_kib: 256 * 1024, iterations: 3, lanes: 4 };
    #[cfg(debug_assertions)]
    pub fn for_tests() -> Self {
        Self { memory_kib: 64, iterations: 1, lanes: 1 }
    }
}

#[derive(Zeroize, ZeroizeOnDrop)]
pub struct WrapKey([u8; 32]);

pub fn derive(password: &[u8], salt: &[u8; 16], params: &Params) -> Option<WrapKey> {
    let inner = argon2::Params::new(params.memory_kib, params.iterations, params.lanes, Some(32)).ok()?;
    let mut key = WrapKey([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, inner).hash_password_into(password, salt, &mut key.0).ok()?;
    Some(key)
}

impl WrapKey {
    pub fn seal(&self, rng: &mut impl CryptoRng, aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let cipher = XChaCha20Poly1305::new(&self.0.into());
        let mut sealed = nonce.to_vec();
        sealed.extend(cipher.encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad }).ok()?);
        Some(sealed)
    }
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<24>()?;
        let cipher = XChaCha20Poly1305::new(&self.0.into());
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: body, aad }).ok().map(Zeroizing::new)
    }
}

pub fn kdf(seed: &[u8; 32], label: &[u8], input: &[u8]) -> WrapKey {
    let mut key = WrapKey([0; 32]);
    let hk = hkdf::Hkdf::<sha2::Sha256>::new(None, seed);
    let _ = hk.expand_multi_info(&[label, input], &mut key.0);
    key
}
impl WrapKey {
    pub fn name(&self, index: u32) -> [u8; 16] {
        let mut n = [0; 16];
        let k = kdf(&self.0, b"name", &index.to_be_bytes());
        n.copy_from_slice(k.0.first_chunk::<16>().unwrap_or(&[0; 16]));
        n
    }
}
