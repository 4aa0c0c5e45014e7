//! Passwords: Argon2id (RFC 9106) and what is wrapped under its output.

use argon2::{Algorithm, Argon2, Version};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::aead::{AeadKey, NONCE_BYTES, OpenError};
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::{kdf, random};

/// Cost parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Why parameters are not accepted, or a derivation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// KC-10: below 19 MiB and two passes, the floor of RFC 9106's successors in practice (OWASP).
    #[error("the password parameters are too weak")]
    TooWeak,
    /// KC-10: more than 4 GiB, 64 passes or 64 lanes: a damaged header, not a choice.
    #[error("the password parameters are out of bounds")]
    OutOfBounds,
    /// The memory could not be had.
    #[error("not enough memory to check the password")]
    OutOfMemory,
}

impl Params {
    /// For desktops: 256 MiB, three passes, four lanes.
    pub const DESKTOP: Self = Self { memory_kib: 256 * 1024, passes: 3, lanes: 4 };
    /// For phones and browsers: 64 MiB, three passes, four lanes.
    pub const PHONE: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };

    /// Returns parameters read from a header.
    ///
    /// # Errors
    /// [`PasswordError`] outside the bounds; in a release build also below the floor (KC-10).
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, PasswordError> {
        Self::checked(memory_kib, passes, lanes, if cfg!(debug_assertions) { Build::Debug } else { Build::Release })
    }

    /// The check apart from the build that it runs in, so that debug builds can test what release builds do.
    fn checked(memory_kib: u32, passes: u32, lanes: u32, build: Build) -> Result<Self, PasswordError> {
        let bounded = memory_kib <= 4 * 1024 * 1024 && (1..=64).contains(&passes) && (1..=64).contains(&lanes);
        if !bounded || memory_kib < lanes.saturating_mul(8) {
            return Err(PasswordError::OutOfBounds);
        }
        let params = Self { memory_kib, passes, lanes };
        if build == Build::Release && params.is_below_floor() {
            return Err(PasswordError::TooWeak);
        }
        Ok(params)
    }

    /// Cheap parameters for tests; absent from release builds.
    #[cfg(debug_assertions)]
    pub const fn for_tests() -> Self {
        Self { memory_kib: 64, passes: 1, lanes: 1 }
    }

    /// Returns memory in KiB, passes and lanes, for a header.
    pub const fn to_parts(self) -> (u32, u32, u32) {
        (self.memory_kib, self.passes, self.lanes)
    }

    /// Returns whether the parameters are weaker than 19 MiB and two passes.
    pub const fn is_below_floor(self) -> bool {
        self.memory_kib < 19 * 1024 || self.passes < 2
    }
}

/// Which kind of program this is: only tests may be cheap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Build {
    Debug,
    Release,
}

/// The key that a password gives: wraps other keys, nothing else.
pub struct WrapKey(AeadKey);

/// Derives the wrapping key from a password. Takes the time and memory that `params` say.
///
/// # Errors
/// [`PasswordError`] when the parameters or the memory do not allow it.
pub fn derive(password: &[u8], salt: &[u8; 16], params: Params) -> Result<WrapKey, PasswordError> {
    let costs = argon2::Params::new(params.memory_kib, params.passes, params.lanes, Some(32))
        .map_err(|_| PasswordError::OutOfBounds)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, costs)
        .hash_password_into(password, salt, out.as_mut_slice())
        .map_err(|_| PasswordError::OutOfMemory)?;
    Ok(WrapKey(AeadKey::new(*kdf::derive(out.as_slice(), Label::AT_REST, &[b"wrap"]))))
}

impl WrapKey {
    /// Wraps secret bytes: `nonce ‖ AEAD`, 28 bytes longer. `aad` is bound, not hidden.
    pub fn seal(&self, aad: &[u8], secret: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random::bytes(rng);
        let mut out = nonce.to_vec();
        out.extend_from_slice(&self.0.seal(&nonce, aad, secret));
        out
    }

    /// Unwraps what [`seal`](Self::seal) wrapped.
    ///
    /// # Errors
    /// [`OpenError`] when the password was another one, or anything was changed.
    pub fn open(&self, aad: &[u8], wrapped: &[u8]) -> Result<SecretBytes, OpenError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError)?;
        self.0.open(nonce, aad, sealed)
    }
}

impl std::fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WrapKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kc_10_a_release_build_refuses_weak_parameters() {
        for (memory, passes) in [(19 * 1024 - 1, 2), (19 * 1024, 1), (64, 1)] {
            assert_eq!(Params::checked(memory, passes, 1, Build::Release), Err(PasswordError::TooWeak));
            assert!(Params::checked(memory, passes, 1, Build::Debug).is_ok());
        }
        assert!(Params::checked(19 * 1024, 2, 1, Build::Release).is_ok());
    }

    #[test]
    fn kc_10_parameters_out_of_bounds_are_a_damaged_header() {
        let (memory, most) = (64 * 1024, 4 * 1024 * 1024);
        for (memory, passes, lanes) in
            [(most + 1, 3, 4), (memory, 0, 4), (memory, 65, 4), (memory, 3, 0), (memory, 3, 65), (31, 1, 4)]
        {
            let found = Params::new(memory, passes, lanes);
            assert_eq!(found, Err(PasswordError::OutOfBounds), "{memory} {passes} {lanes}");
        }
        for (memory, passes, lanes) in [(most, 64, 64), (memory, 1, 1), (8 * 4, 1, 4)] {
            let found = Params::new(memory, passes, lanes).map(Params::to_parts);
            assert_eq!(found, Ok((memory, passes, lanes)), "the bounds themselves are allowed");
        }
        assert_eq!(Params::new(memory, 3, 4), Ok(Params::PHONE));
        assert!(!Params::DESKTOP.is_below_floor() && !Params::PHONE.is_below_floor());
    }
}
