//! The password a person types: held for a moment, wiped when dropped, never printed.
//!
//! This file does not derive keys from it. How good one is, `strength.rs` judges.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::strength::{self, Strength};

/// A password as it was typed, wiped from memory when dropped.
///
/// It has neither `Debug` nor `Clone`, so that it cannot reach a log by accident. Its bytes are used as given: two
/// keyboards that write the same character as different code points make two different passwords.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text of a password; an empty one is refused, because it would look like protection and be none.
    pub fn new(text: String) -> Result<Self, EmptyPassword> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(EmptyPassword);
        }
        Ok(Self(text))
    }

    /// Returns how well it protects, for the person who chooses it. None is refused for it.
    pub fn strength(&self) -> Strength {
        strength::of(&self.0)
    }

    /// Returns the bytes that the key derivation takes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The refusal of a password without a single character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an empty password protects nothing")]
pub struct EmptyPassword;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_password_is_refused() {
        assert!(Password::new(String::new()).is_err());
        assert!(Password::new(" ".to_owned()).is_ok());
    }
}
