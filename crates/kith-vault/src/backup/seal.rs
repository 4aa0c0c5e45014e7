//! Sealing the segments of a backup, one behind the other, for whoever keeps the bytes.

use kith_crypto::backup::BackupSecret;
use kith_crypto::password::Params;
use kith_crypto::user::UserSecret;
use rand_core::CryptoRng;

use super::head::Head;
use super::segment::{Kind, Place};
use super::{BackupFileError, BackupReader};
use crate::Password;

/// Where a run ends in a file, and the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupPlace {
    pub(super) place: Place,
    pub(super) offset: u64,
}

impl BackupPlace {
    /// Returns how many bytes of the file are whole.
    pub const fn end(&self) -> u64 {
        self.offset
    }
}

/// A backup that is being sealed. Its bytes are worth something from the end of a run on: what was not kept to there is as if it
/// had never been sealed.
pub struct BackupSealer {
    secret: BackupSecret,
    at: BackupPlace,
    label: [u8; 16],
}

impl BackupSealer {
    /// Begins a new backup, and returns its first bytes.
    ///
    /// # Errors
    /// [`BackupFileError::Derive`] when the password cannot be turned into a key.
    pub fn begin(
        seed: &[u8; 32],
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Vec<u8>), BackupFileError> {
        let (head, opened) = Head::seal(seed, password, params, rng)?;
        let bytes = head.encode();
        let at = BackupPlace { place: Place::FIRST, offset: length(&bytes) };
        Ok((Self { secret: opened.secret, at, label: *head.label() }, bytes))
    }

    /// Goes on behind the last whole run that a reader has found.
    pub fn behind(reader: &BackupReader) -> Self {
        let label = *reader.label();
        let secret = BackupSecret::new(&UserSecret::from_seed(*reader.seed()), label);
        Self { secret, at: reader.whole(), label }
    }

    /// Returns the label, random and the same as long as the backup is written on.
    pub const fn label(&self) -> &[u8; 16] {
        &self.label
    }

    /// Returns how many bytes the backup has with all that was sealed.
    pub const fn end(&self) -> u64 {
        self.at.offset
    }

    /// Returns the bytes of a segment of the run.
    ///
    /// # Errors
    /// [`BackupFileError::TooLong`] when the content is longer than [`MAX_SEGMENT_CONTENT`](super::MAX_SEGMENT_CONTENT).
    pub fn put(&mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, BackupFileError> {
        self.seal(content, Kind::Middle, rng)
    }

    /// Returns the bytes of the last segment of the run: with it the run is whole.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn finish(&mut self, content: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, BackupFileError> {
        self.seal(content, Kind::Last, rng)
    }

    fn seal(&mut self, content: &[u8], kind: Kind, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, BackupFileError> {
        let bytes = self.at.place.seal(&self.secret, content, kind, rng)?;
        self.at.offset = self.at.offset.saturating_add(length(&bytes));
        Ok(bytes)
    }
}

impl std::fmt::Debug for BackupSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupSealer(…)")
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
