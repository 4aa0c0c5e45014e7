//! The outside of sealed requests and of their answers: what a network or a relay can see.

use thiserror::Error;

use crate::id::KemCiphertext;
use crate::limits::{MAX_SEALED_BYTES, SEALED_BYTES, SUITE_XWING, VERSION};
use crate::time::EpochId;

/// The clear header of a sealed request: `version ‖ suite ‖ epoch (u32, big endian)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClearHeader {
    /// The protocol version.
    pub version: u8,
    /// The HPKE suite.
    pub suite: u8,
    /// The week whose key was used.
    pub epoch: EpochId,
}

impl ClearHeader {
    /// Bytes on the wire.
    pub const BYTES: usize = 6;

    /// Returns the header of a version 1, suite 1 request.
    pub const fn current(epoch: EpochId) -> Self {
        Self { version: VERSION, suite: SUITE_XWING, epoch }
    }

    /// Returns the bytes on the wire.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.epoch.0.to_be_bytes();
        [self.version, self.suite, a, b, c, d]
    }
}

/// What a sealed request is for; bound into the seal, so that one cannot be used as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealKind {
    /// One request, one answer.
    OneShot,
    /// The opening of a live connection.
    LiveOpening,
}

/// Why bytes are not a sealed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealedFormError {
    /// KW-8: shorter than a sealed request can be, or longer than allowed.
    #[error("a sealed request has from {SEALED_BYTES} to {MAX_SEALED_BYTES} bytes")]
    BadLength,
    /// KW-9: a version that this code does not speak.
    #[error("version {0} is not spoken here")]
    UnknownVersion(u8),
    /// KW-9: a suite that this code does not speak.
    #[error("suite {0} is not spoken here")]
    UnknownSuite(u8),
}

/// The parts of a sealed request, still closed.
#[derive(Debug, Clone)]
pub struct SealedParts<'a> {
    /// The clear header.
    pub header: ClearHeader,
    /// The X-Wing ciphertext.
    pub enc: KemCiphertext,
    /// The AEAD ciphertext with its tag.
    pub ciphertext: &'a [u8],
}

impl<'a> SealedParts<'a> {
    /// Splits a sealed request.
    ///
    /// # Errors
    /// [`SealedFormError`] for a wrong length (KW-8) or an unknown version or suite (KW-9).
    pub fn split(bytes: &'a [u8]) -> Result<Self, SealedFormError> {
        if !(SEALED_BYTES..=MAX_SEALED_BYTES).contains(&bytes.len()) {
            return Err(SealedFormError::BadLength);
        }
        let (header, rest) = bytes.split_first_chunk::<{ ClearHeader::BYTES }>().ok_or(SealedFormError::BadLength)?;
        let [version, suite, a, b, c, d] = *header;
        if version != VERSION {
            return Err(SealedFormError::UnknownVersion(version));
        }
        if suite != SUITE_XWING {
            return Err(SealedFormError::UnknownSuite(suite));
        }
        let (enc, ciphertext) = rest.split_at_checked(KemCiphertext::SIZE).ok_or(SealedFormError::BadLength)?;
        let enc = KemCiphertext::from_slice(enc).ok_or(SealedFormError::BadLength)?;
        let header = ClearHeader { version, suite, epoch: EpochId(u32::from_be_bytes([a, b, c, d])) };
        Ok(Self { header, enc, ciphertext })
    }
}

/// What comes back for a one-shot request: one byte of kind, then its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneShotReply {
    /// `0`: the request was opened; this is the sealed answer `rn ‖ AEAD`.
    Sealed(Vec<u8>),
    /// `1`: the epoch is unknown; this is the server's current signed descriptor.
    Descriptor(Vec<u8>),
    /// `2`: try again after this many seconds. Never about one queue.
    Busy(u16),
    /// `3`: the request could not be opened. Nothing more is said.
    Refused,
}

impl OneShotReply {
    /// Returns the bytes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (kind, content): (u8, &[u8]) = match self {
            Self::Sealed(bytes) => (0, bytes),
            Self::Descriptor(bytes) => (1, bytes),
            Self::Busy(seconds) => (2, &seconds.to_be_bytes()),
            Self::Refused => (3, &[]),
        };
        let mut out = Vec::with_capacity(1 + content.len());
        out.push(kind);
        out.extend_from_slice(content);
        out
    }

    /// Reads a reply; `None` when it has no such form (KW-10).
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_SEALED_BYTES {
            return None;
        }
        match bytes.split_first()? {
            (0, content) if !content.is_empty() => Some(Self::Sealed(content.to_vec())),
            (1, content) if !content.is_empty() => Some(Self::Descriptor(content.to_vec())),
            (2, content) => content.try_into().ok().map(u16::from_be_bytes).map(Self::Busy),
            (3, []) => Some(Self::Refused),
            _ => None,
        }
    }
}
