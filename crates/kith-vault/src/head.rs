//! `vault.head`: the one file that a password is tried against.
//!
//! It says how the password becomes a key (Argon2id parameters and salt, both readable by anybody) and carries the
//! vault's secrets sealed under that key. Its readable part is authenticated together with the secrets. It holds
//! nothing about the person, and nothing in it tells a wrong password from a changed byte.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `KITHVALT` |
//! | 2 | vault version |
//! | 4, 4, 4 | Argon2id memory in KiB, passes, lanes |
//! | 16 | salt |
//! | 124 | sealed: nonce 12, database key 32, chunk seed 32, user seed 32, tag 16 |
//!
//! Numbers are big-endian.

use kith_crypto::password::{Params, PasswordError};
use kith_crypto::random;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::Password;
use crate::keys::{self, SEALED_SECRETS_LEN, Secrets};

/// The version of the vault's layout that this program writes. A newer one is refused, never guessed at.
pub const VAULT_VERSION: u16 = 1;

/// The length of the file, to the byte: any other length is damage.
pub(crate) const HEAD_LEN: usize = PREFIX_LEN + SEALED_SECRETS_LEN;

const MAGIC: &[u8; 8] = b"KITHVALT";
const SALT_LEN: usize = 16;
/// The readable part: magic, version, parameters, salt.
const PREFIX_LEN: usize = MAGIC.len() + 2 + 3 * 4 + SALT_LEN;

/// A head whose shape was checked; whether it is genuine shows only when a password opens it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Head {
    params: Params,
    salt: [u8; SALT_LEN],
    sealed: [u8; SEALED_SECRETS_LEN],
}

impl Head {
    /// Seals secrets under a password, with a fresh salt.
    pub(crate) fn seal(
        secrets: &Secrets,
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, PasswordError> {
        let salt = random::bytes(rng);
        let key = keys::head_key(password, &salt, params)?;
        let sealed = key.seal(&prefix(params, &salt), secrets, rng);
        Ok(Self { params, salt, sealed })
    }

    /// Opens the secrets; `None` says that the password, or a byte of the head, is not the right one.
    pub(crate) fn open(&self, password: &Password) -> Result<Option<Secrets>, PasswordError> {
        let key = keys::head_key(password, &self.salt, self.params)?;
        Ok(key.open(&prefix(self.params, &self.salt), &self.sealed))
    }

    /// Returns how the password becomes a key.
    pub(crate) fn params(&self) -> Params {
        self.params
    }

    /// Returns the bytes of the file.
    pub(crate) fn encode(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        let parts = prefix(self.params, &self.salt).into_iter().chain(self.sealed);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        bytes
    }

    /// Reads the bytes of the file.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut rest = bytes;
        if take::<8>(&mut rest)? != *MAGIC {
            return Err(HeadError::NotAHead);
        }
        // The version is looked at before anything else, so that a newer layout may have any length.
        let version = u16::from_be_bytes(take(&mut rest)?);
        if version > VAULT_VERSION {
            return Err(HeadError::Newer { found: version, known: VAULT_VERSION });
        }
        if version == 0 {
            return Err(HeadError::NotAHead);
        }
        let memory_kib = u32::from_be_bytes(take(&mut rest)?);
        let passes = u32::from_be_bytes(take(&mut rest)?);
        let lanes = u32::from_be_bytes(take(&mut rest)?);
        let params = keys::params_found(memory_kib, passes, lanes).ok_or(HeadError::Unreasonable)?;
        let salt = take(&mut rest)?;
        let sealed = take(&mut rest)?;
        if !rest.is_empty() {
            return Err(HeadError::Length);
        }
        Ok(Self { params, salt, sealed })
    }
}

/// Why `vault.head` cannot be tried against any password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeadError {
    /// It does not begin as every head does.
    #[error("vault.head is not a vault's head")]
    NotAHead,
    /// It is shorter or longer than a head.
    #[error("vault.head has a wrong length")]
    Length,
    /// A newer program wrote it; an older one would lose what it does not know.
    #[error("this vault has version {found}, this program knows versions up to {known}")]
    Newer {
        /// The version of the vault.
        found: u16,
        /// The newest version that this program knows.
        known: u16,
    },
    /// Its parameters would need more memory or time than any vault does, or cannot be.
    #[error("vault.head asks for an unreasonable key derivation")]
    Unreasonable,
}

/// Returns the readable part, which the seal authenticates.
fn prefix(params: Params, salt: &[u8; SALT_LEN]) -> [u8; PREFIX_LEN] {
    let (memory_kib, passes, lanes) = params.to_parts();
    let mut bytes = [0; PREFIX_LEN];
    let parts = MAGIC
        .iter()
        .copied()
        .chain(VAULT_VERSION.to_be_bytes())
        .chain(memory_kib.to_be_bytes())
        .chain(passes.to_be_bytes())
        .chain(lanes.to_be_bytes())
        .chain(salt.iter().copied());
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    bytes
}

/// Takes the next bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HeadError> {
    let (front, back) = rest.split_first_chunk().ok_or(HeadError::Length)?;
    *rest = back;
    Ok(*front)
}

#[cfg(test)]
mod tests;
