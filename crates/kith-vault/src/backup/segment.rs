//! One segment: a readable beginning that is held to its place by a link, and sealed content behind it.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of what is sealed |
//! | 1 | kind: 0 another segment of the run follows, 1 the last of its run |
//! | 16 | salt |
//! | 32 | link |
//! | length | sealed: padded content, tag 16 |

use kith_crypto::aead::TAG_BYTES;
use kith_crypto::backup::{BackupSecret, LINK_BYTES, SALT_BYTES, SegmentHead, padded};
use kith_crypto::secret_bytes::SecretBytes;
use rand_core::CryptoRng;

use super::BackupFileError;

/// The most bytes of content in one segment: a reader holds one at a time.
pub const MAX_SEGMENT_CONTENT: usize = 1 << 20;
/// What is sealed is at most so long: content, its length, an eighth of padding, tag.
const MAX_SEALED: u32 = (1 << 20) + (1 << 17) + 64;
/// The readable beginning of a segment.
pub(super) const BEGIN_LEN: usize = 4 + 1 + SALT_BYTES + LINK_BYTES;

/// Where the next segment of a file goes, or comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    number: u64,
    previous: [u8; LINK_BYTES],
}

/// Whether a run goes on behind a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Middle = 0,
    Last = 1,
}

/// The readable beginning of a segment that is the one of its place.
pub(super) struct Begin {
    head: SegmentHead,
    link: [u8; LINK_BYTES],
    pub(super) kind: Kind,
}

impl Place {
    /// The first one.
    pub(super) const FIRST: Self = Self { number: 0, previous: [0; LINK_BYTES] };

    /// Returns how many segments come before.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Makes the segment of this place, and moves on.
    pub(super) fn seal(
        &mut self,
        secret: &BackupSecret,
        content: &[u8],
        kind: Kind,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, BackupFileError> {
        let too_long = || BackupFileError::TooLong { length: content.len() };
        if content.len() > MAX_SEGMENT_CONTENT {
            return Err(too_long());
        }
        let padded = padded(content).ok_or_else(too_long)?;
        let length = u32::try_from(padded.len() + TAG_BYTES).map_err(|_| too_long())?;
        let salt = BackupSecret::draw_salt(rng);
        let head = SegmentHead { number: self.number, previous: self.previous, length, kind: kind as u8, salt };
        let link = secret.link(&head);
        let mut bytes = Vec::with_capacity(BEGIN_LEN + padded.len() + TAG_BYTES);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(head.kind);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&link);
        bytes.extend_from_slice(&secret.seal(&head, &link, &padded));
        self.go_on(link);
        Ok(bytes)
    }

    /// Reads the beginning of a segment; `None` when it is not the one of this place (KE-71).
    pub(super) fn begin(&self, secret: &BackupSecret, bytes: &[u8; BEGIN_LEN]) -> Option<Begin> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let link = *rest.first_chunk()?;
        let length = u32::from_be_bytes(*length);
        let head = SegmentHead { number: self.number, previous: self.previous, length, kind: *kind, salt: *salt };
        let kind = match kind {
            0 => Kind::Middle,
            1 => Kind::Last,
            _ => return None,
        };
        let is_good = secret.is_linked(&head, &link) && length <= MAX_SEALED;
        is_good.then_some(Begin { head, link, kind })
    }

    /// Opens the segment of this place, and moves on; `None` when it does not open (KE-71).
    pub(super) fn open(&mut self, secret: &BackupSecret, begin: &Begin, sealed: &[u8]) -> Option<SecretBytes> {
        let content = secret.open(&begin.head, &begin.link, sealed).ok()?.unpadded().ok()?;
        self.go_on(begin.link);
        Some(content)
    }

    const fn go_on(&mut self, link: [u8; LINK_BYTES]) {
        self.number = self.number.saturating_add(1);
        self.previous = link;
    }
}

impl Begin {
    /// Returns how many sealed bytes follow.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.head.length).unwrap_or(usize::MAX)
    }
}
