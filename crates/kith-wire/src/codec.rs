//! Deterministic CBOR (RFC 8949 §4.2) with bounds that hold before anything is allocated.
//!
//! Decoding is strict, twice. First a walk over the bytes refuses what is not the one encoding of *some* value: long
//! integer forms, indefinite lengths, duplicate or unordered map keys, tags, floating point, trailing bytes. It also
//! covers what is kept undecoded: bodies of a newer version. Then the decoded object is encoded again and must give
//! the same bytes; that refuses extra fields and spelled-out empty ones.

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::scan::{Flaw, scan};

/// The deepest nesting of arrays and maps that any Kith object may have (KW-2).
pub const MAX_DEPTH: usize = 8;

/// Why bytes are not a Kith object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// KW-1: the object is longer than its type allows.
    #[error("{object} is {length} bytes long, at most {limit} are allowed")]
    TooLong {
        /// Name of the object in `spec/kith.cddl`.
        object: &'static str,
        /// Bytes offered.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// KW-2: arrays and maps are nested deeper than [`MAX_DEPTH`].
    #[error("{object} is nested too deeply")]
    TooDeep {
        /// Name of the object in `spec/kith.cddl`.
        object: &'static str,
    },
    /// KW-3: the bytes are not this object's deterministic encoding.
    #[error("{object} is not deterministic CBOR")]
    NotCanonical {
        /// Name of the object in `spec/kith.cddl`.
        object: &'static str,
    },
    /// KW-4: the bytes do not have the shape of the object.
    #[error("{object} is malformed")]
    Malformed {
        /// Name of the object in `spec/kith.cddl`.
        object: &'static str,
    },
}

/// An object of the protocol with one deterministic encoding.
pub trait Wire: Encode<()> + for<'b> Decode<'b, ()> + Sized {
    /// The object's name in `spec/kith.cddl`.
    const NAME: &'static str;
    /// The longest encoding that is accepted, in bytes (KW-1).
    const MAX_BYTES: usize;

    /// Returns the deterministic encoding.
    fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Decodes exactly one object from `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are too long (KW-1), too deep (KW-2), not canonical (KW-3) or not of this
    /// shape (KW-4).
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let object = Self::NAME;
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooLong { object, length: bytes.len(), limit: Self::MAX_BYTES });
        }
        scan(bytes).map_err(|flaw| match flaw {
            Flaw::TooDeep => DecodeError::TooDeep { object },
            Flaw::NotCanonical => DecodeError::NotCanonical { object },
            Flaw::Malformed => DecodeError::Malformed { object },
        })?;
        let value: Self = minicbor::decode(bytes).map_err(|_| DecodeError::Malformed { object })?;
        if value.to_bytes() != bytes {
            return Err(DecodeError::NotCanonical { object });
        }
        Ok(value)
    }
}

/// Returns the CBOR encoding of a value.
pub(crate) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    // Most objects are shorter, and before a long string there is room for what comes ahead of it.
    let mut out = Vec::with_capacity(128);
    // Writing into a vector cannot fail, and no encoder of this crate reports an error of its own.
    let result = minicbor::encode(value, &mut out);
    debug_assert!(result.is_ok(), "an encoder of kith-wire reported an error");
    out
}
