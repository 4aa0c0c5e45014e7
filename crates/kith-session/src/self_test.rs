//! A check at program start that this build refuses forgeries.
//!
//! vodozemac compiled with `cfg(fuzzing)` accepts every MAC and every signature. A program that holds people's
//! messages calls this first and refuses to run when it fails.

use thiserror::Error;

use crate::olm::{OlmAccount, OlmSession};

/// KS-43: this build must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// The ratchet does not work at all.
    #[error("the inner ratchet does not work in this build")]
    Broken,
    /// The ratchet accepted a message with a corrupted MAC.
    #[error("this build accepts forged messages and must not be used")]
    AcceptsForgeries,
}

/// Refuses a build whose ratchet accepts a corrupted MAC (KS-43).
///
/// # Errors
/// [`SelfTestError`] when this build must not be used.
pub fn self_test() -> Result<(), SelfTestError> {
    let (mut sender, mut receiver) = pair().ok_or(SelfTestError::Broken)?;
    let message = sender.encrypt(b"self test").map_err(|_| SelfTestError::Broken)?;
    let mut forged = message.clone();
    if let Some(last) = forged.last_mut() {
        *last ^= 1;
    }
    judge(|bytes| receiver.decrypt(bytes).is_ok_and(|plain| plain.as_slice() == b"self test"), &forged, &message)
}

/// A good ratchet refuses the forged message first and opens the genuine one after it.
fn judge(mut opens: impl FnMut(&[u8]) -> bool, forged: &[u8], genuine: &[u8]) -> Result<(), SelfTestError> {
    if opens(forged) {
        return Err(SelfTestError::AcceptsForgeries);
    }
    if opens(genuine) { Ok(()) } else { Err(SelfTestError::Broken) }
}

/// Two sessions, the first of which has received something and so sends messages with nothing in front.
fn pair() -> Option<(OlmSession, OlmSession)> {
    let (mut ours, theirs) = (OlmAccount::new(), OlmAccount::new());
    let one_time = ours.new_one_time_key()?;
    let mut starter = theirs.start(&ours.identity(), &one_time).ok()?;
    let first = starter.encrypt(b"first").ok()?;
    let (taken_up, _) = ours.take_up(&theirs.identity(), &first).ok()?;
    Some((taken_up, starter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ks_43_this_build_refuses_a_corrupted_mac() {
        assert_eq!(self_test(), Ok(()));
    }

    #[test]
    fn ks_43_a_build_that_opens_everything_or_nothing_is_refused() {
        assert_eq!(judge(|_| true, b"forged", b"genuine"), Err(SelfTestError::AcceptsForgeries));
        assert_eq!(judge(|_| false, b"forged", b"genuine"), Err(SelfTestError::Broken));
    }
}
