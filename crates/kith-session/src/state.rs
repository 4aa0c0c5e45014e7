//! States at rest: CBOR in buffers that are wiped. Whoever stores them encrypts them.

use minicbor::{Decode, Encode};
use thiserror::Error;
use zeroize::Zeroizing;

/// The version of the encodings of all states in this crate.
pub(crate) const STATE_VERSION: u8 = 1;

/// Room for a usual state, so that growing leaves no copies behind.
const ROOM: usize = 32 * 1024;

/// Why stored bytes are not a state. Bytes at rest are our own, so this means damage or a newer version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes are not a state that this version reads.
    #[error("the stored state is damaged or from a newer version")]
    Unreadable,
    /// KS-42: the early frames given are not those that the state remembers.
    #[error("the stored early frames do not belong to the stored session")]
    EarlyFrames,
}

/// Encodes a state.
pub(crate) fn to_bytes<T: Encode<()>>(state: &T) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(ROOM));
    let result = minicbor::encode(state, &mut *out);
    debug_assert!(result.is_ok(), "writing into a vector cannot fail");
    out
}

/// Decodes a state.
pub(crate) fn from_bytes<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, StateError> {
    minicbor::decode(bytes).map_err(|_| StateError::Unreadable)
}
