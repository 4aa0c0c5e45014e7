//! Backup files: what a person keeps beside the vault, to be somebody again when every device is lost (spec/backup.md).
//!
//! A file has a head, which password and recovery phrase open, and behind it sealed segments in runs. What is in a
//! segment is not looked at here. A run that is not whole is as if it had never been begun: files are only ever written
//! at their end, or whole and renamed.

mod head;
mod read;
mod seal;
mod segment;
#[cfg(not(target_family = "wasm"))]
mod write;

use std::path::Path;

use kith_crypto::password::PasswordError;
use thiserror::Error;

use crate::Password;
use crate::folder::FolderError;
use crate::phrase::Phrase;

pub use head::BACKUP_VERSION;
pub use read::{BackupReader, Next, Segment};
pub use seal::{BackupPlace, BackupSealer};
pub use segment::MAX_SEGMENT_CONTENT;
#[cfg(not(target_family = "wasm"))]
pub use write::BackupWriter;

/// What opens a backup file.
pub enum BackupKey<'a> {
    /// The password that the vault had when the file was written last.
    Password(&'a Password),
    /// The recovery phrase.
    Phrase(&'a Phrase),
    /// The person's root secret, on a device that has it.
    Seed(&'a [u8; 32]),
}

/// Why a backup file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupFileError {
    /// KE-70: it does not begin as backup files do, or is shorter than every one of them.
    #[error("this is no backup file")]
    NotABackup,
    /// KE-70: a newer program wrote it.
    #[error("this backup has version {found}, this program knows versions up to {known}")]
    Newer {
        /// The version of the file.
        found: u16,
        /// The newest version that this program knows.
        known: u16,
    },
    /// The head asks for more memory or time than any backup does.
    #[error("this backup asks for an unreasonable key derivation")]
    Unreasonable,
    /// KE-71: the password does not open it. A head of which bytes were changed looks the same.
    #[error("the password does not open this backup")]
    WrongPassword,
    /// KE-71: the file is another person's, or its head was changed.
    #[error("this is a backup of somebody else")]
    OtherPerson,
    /// KE-71: bytes were changed, left out or put elsewhere.
    #[error("the backup is damaged at its segment {number}")]
    Damaged {
        /// Which segment does not fit, counted from 0.
        number: u64,
    },
    /// Another program writes this file right now.
    #[error("another program is writing this backup")]
    InUse,
    /// A segment would hold more than fits.
    #[error("a segment of {length} bytes is too long")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The password could not be turned into a key.
    #[error(transparent)]
    Derive(#[from] PasswordError),
    /// The file system refused.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

fn failed(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> BackupFileError {
    let path = path.to_owned();
    move |source| FolderError::new(action, &path, source).into()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
