//! Backups: what the segments of a backup file are sealed and chained with (spec/backup.md).
//!
//! Everything comes from the person's user key and the file's label. What is in a segment, and where the bytes lie, is
//! the business of others.

use kith_wire::padding::{LENGTH_BYTES, padme};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::aead::{AeadKey, NONCE_BYTES, OpenError};
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::user::UserSecret;
use crate::{kdf, mac, random};

/// Bytes of a file's label.
pub const LABEL_BYTES: usize = 16;
/// Bytes of a segment's salt.
pub const SALT_BYTES: usize = 16;
/// Bytes of the value by which a user key shows that a file is its own.
pub const CHECK_BYTES: usize = 32;
/// Bytes of the link between two segments.
pub const LINK_BYTES: usize = 32;

/// The shortest padded text of a segment: what little was said since yesterday looks alike.
const LEAST_PADDED: u64 = 4096;

/// Pads the text of a segment, so that sizes tell little; nothing when it is far too long.
pub fn padded(content: &[u8]) -> Option<SecretBytes> {
    let least = content.len().checked_add(LENGTH_BYTES).and_then(|least| u64::try_from(least).ok())?;
    SecretBytes::padded(content, usize::try_from(padme(least.max(LEAST_PADDED))).ok()?)
}

/// What one backup file is sealed with.
pub struct BackupSecret {
    user: UserSecret,
    label: [u8; LABEL_BYTES],
    chain: Zeroizing<[u8; 32]>,
}

/// The readable beginning of a segment, as the chain sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHead {
    /// Its place in the file, from 0.
    pub number: u64,
    /// The link of the segment before; zeros for the first.
    pub previous: [u8; LINK_BYTES],
    /// Bytes that are sealed in it, with their tag.
    pub length: u32,
    /// What the segment is to those around it: the last of a run, or not.
    pub kind: u8,
    /// Makes its key.
    pub salt: [u8; SALT_BYTES],
}

impl BackupSecret {
    /// Derives what the file with this label is sealed with.
    pub fn new(user: &UserSecret, label: [u8; LABEL_BYTES]) -> Self {
        let chain = kdf::derive(user.expose(), Label::BACKUP_CHAIN, &[&label]);
        Self { user: user.clone(), label, chain }
    }

    /// Returns the value that stands in the file's head; it says nothing to whoever has not the user key.
    pub fn check(&self) -> [u8; CHECK_BYTES] {
        *kdf::derive(self.user.expose(), Label::BACKUP_CHECK, &[&self.label])
    }

    /// Returns whether a file with this value is the person's (KE-71).
    pub fn fits(&self, check: &[u8; CHECK_BYTES]) -> bool {
        mac::equal(&self.check(), check)
    }

    /// Draws the salt of a new segment.
    pub fn draw_salt(rng: &mut dyn CryptoRng) -> [u8; SALT_BYTES] {
        random::bytes(rng)
    }

    /// Returns the link that stands in a segment: it holds the segment to its place and to the one before (KE-71).
    pub fn link(&self, head: &SegmentHead) -> [u8; LINK_BYTES] {
        mac::mac(&self.chain, Label::BACKUP_CHAIN, &parts(head, &head.number.to_be_bytes(), &head.length.to_be_bytes()))
    }

    /// Returns whether a link is the right one.
    pub fn is_linked(&self, head: &SegmentHead, link: &[u8; LINK_BYTES]) -> bool {
        mac::equal(&self.link(head), link)
    }

    /// Seals the padded text of a segment with this link. Every segment has a key of its own, so the nonce may be fixed.
    pub fn seal(&self, head: &SegmentHead, link: &[u8; LINK_BYTES], padded: &[u8]) -> Vec<u8> {
        self.key(&head.salt).seal(&[0; NONCE_BYTES], link, padded)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs from what was sealed (KE-71).
    pub fn open(&self, head: &SegmentHead, link: &[u8; LINK_BYTES], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        self.key(&head.salt).open(&[0; NONCE_BYTES], link, sealed)
    }

    fn key(&self, salt: &[u8; SALT_BYTES]) -> AeadKey {
        AeadKey::new(*kdf::derive(self.user.expose(), Label::BACKUP, &[&self.label, salt]))
    }
}

impl std::fmt::Debug for BackupSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupSecret(…)")
    }
}

fn parts<'a>(head: &'a SegmentHead, number: &'a [u8; 8], length: &'a [u8; 4]) -> [&'a [u8]; 5] {
    [number, &head.previous, length, std::slice::from_ref(&head.kind), &head.salt]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> SegmentHead {
        SegmentHead { number: 3, previous: [4; 32], length: 48, kind: 1, salt: [5; 16] }
    }

    fn secret(seed: u8, label: u8) -> BackupSecret {
        BackupSecret::new(&UserSecret::from_seed([seed; 32]), [label; 16])
    }

    #[test]
    fn a_segment_opens_in_its_own_file_and_at_its_own_place_only() {
        let (file, head) = (secret(1, 1), head());
        let link = file.link(&head);
        let sealed = file.seal(&head, &link, b"what was said");
        assert_eq!(file.open(&head, &link, &sealed).unwrap().as_ref(), b"what was said");
        for other in [secret(2, 1), secret(1, 2)] {
            assert!(!other.is_linked(&head, &link));
            assert!(other.open(&head, &link, &sealed).is_err());
        }
        let elsewhere = [
            SegmentHead { number: 4, ..head },
            SegmentHead { previous: [9; 32], ..head },
            SegmentHead { length: 49, ..head },
            SegmentHead { kind: 0, ..head },
            SegmentHead { salt: [6; 16], ..head },
        ];
        assert!(elsewhere.iter().all(|head| !file.is_linked(head, &link)));
        assert!(file.open(&head, &[0; 32], &sealed).is_err());
    }

    #[test]
    fn a_file_says_whose_it_is_to_its_person_only() {
        let file = secret(1, 1);
        assert!(file.fits(&file.check()));
        assert!(!file.fits(&secret(2, 1).check()));
        assert!(!file.fits(&secret(1, 2).check()));
        assert_eq!(format!("{file:?}"), "BackupSecret(…)");
    }
}
