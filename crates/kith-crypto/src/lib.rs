//! The only crate that names cryptographic primitives: role-typed keys, labels, key derivation, sealing.
//!
//! Every key is usable for one purpose only, and every signed, hashed, authenticated or derived string starts
//! with a registered [`Label`](label::Label). Functions are pure: no state, no clock, no IO; randomness is an
//! argument. Secrets are wiped when dropped and cannot be printed. The rules (`KC-n`) are in `spec/crypto.md`.

pub mod aead;
pub mod attachment;
pub mod backup;
pub mod capability;
mod chacha;
pub mod dh;
pub mod digits;
pub mod hash;
pub mod home_backup;
pub mod kdf;
pub mod kem;
pub mod label;
pub mod live;
pub mod mac;
pub mod password;
pub mod random;
pub mod request;
pub mod rotation;
pub mod sealed;
pub mod secret_bytes;
pub mod sign;
pub mod user;
mod x25519;
mod xwing;

pub use rand_core::CryptoRng;
