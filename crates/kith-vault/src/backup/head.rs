//! The head of a backup file: whose it is, and the person's root secret under the password.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `KITHBACK` |
//! | 2 | version |
//! | 16 | label, random |
//! | 32 | check: derived from the root secret and the label |
//! | 4, 4, 4 | Argon2id memory in KiB, passes, lanes |
//! | 16 | salt |
//! | 60 | sealed: nonce 12, root secret 32, tag 16 |
//!
//! Numbers are big-endian. As in `vault.head`, what is readable is authenticated together with the secret.

use kith_crypto::backup::{BackupSecret, CHECK_BYTES, LABEL_BYTES};
use kith_crypto::password::{self, Params};
use kith_crypto::random;
use kith_crypto::user::UserSecret;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{BackupFileError, BackupKey};
use crate::Password;
use crate::keys;

/// The version of backup files that this program writes. A newer one is refused, never guessed at.
pub const BACKUP_VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"KITHBACK";
const SALT_LEN: usize = 16;
const SLOT_LEN: usize = 12 + 32 + 16;
/// The length of a head.
pub(super) const HEAD_LEN: usize = 8 + 2 + LABEL_BYTES + CHECK_BYTES + 3 * 4 + SALT_LEN + SLOT_LEN;

/// A head whose shape was checked.
pub(super) struct Head {
    label: [u8; LABEL_BYTES],
    check: [u8; CHECK_BYTES],
    params: Params,
    salt: [u8; SALT_LEN],
    slot: [u8; SLOT_LEN],
}

/// A file that was opened: the person's root secret, and what the segments are sealed with.
pub(super) struct Opened {
    pub(super) seed: Zeroizing<[u8; 32]>,
    pub(super) secret: BackupSecret,
}

impl Head {
    /// Makes the head of a new file.
    pub(super) fn seal(
        seed: &[u8; 32],
        password: &Password,
        params: Params,
        rng: &mut dyn CryptoRng,
    ) -> Result<(Self, Opened), BackupFileError> {
        let label = random::bytes(rng);
        let opened = opened(seed, label);
        let mut head =
            Self { label, check: opened.secret.check(), params, salt: random::bytes(rng), slot: [0; SLOT_LEN] };
        let key = password::derive(password.as_bytes(), &head.salt, params)?;
        let sealed = key.seal(&head.readable(), seed, rng);
        head.slot.iter_mut().zip(sealed).for_each(|(byte, part)| *byte = part);
        Ok((head, opened))
    }

    /// Opens it, if the key is the one of this file (KE-71).
    pub(super) fn open(&self, key: &BackupKey<'_>) -> Result<Opened, BackupFileError> {
        let seed = match key {
            BackupKey::Password(password) => self.open_slot(password)?.ok_or(BackupFileError::WrongPassword)?,
            BackupKey::Phrase(phrase) => Zeroizing::new(*phrase.seed()),
            BackupKey::Seed(seed) => Zeroizing::new(**seed),
        };
        let opened = opened(&seed, self.label);
        if opened.secret.fits(&self.check) { Ok(opened) } else { Err(BackupFileError::OtherPerson) }
    }

    /// Returns whether a password opens it.
    pub(super) fn is_opened_by(&self, password: &Password) -> Result<bool, BackupFileError> {
        Ok(self.open_slot(password)?.is_some())
    }

    fn open_slot(&self, password: &Password) -> Result<Option<Zeroizing<[u8; 32]>>, BackupFileError> {
        let key = password::derive(password.as_bytes(), &self.salt, self.params)?;
        let opened = key.open(&self.readable(), &self.slot).ok();
        Ok(opened.and_then(|seed| seed.first_chunk().map(|seed| Zeroizing::new(*seed))))
    }

    /// Returns the label, which also names files.
    pub(super) const fn label(&self) -> &[u8; LABEL_BYTES] {
        &self.label
    }

    /// Returns the bytes of the file's beginning.
    pub(super) fn encode(&self) -> Vec<u8> {
        [self.readable().as_slice(), &self.slot].concat()
    }

    /// Reads the file's beginning (KE-70).
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BackupFileError> {
        let mut rest = bytes;
        if take::<8>(&mut rest)? != *MAGIC {
            return Err(BackupFileError::NotABackup);
        }
        let version = u16::from_be_bytes(take(&mut rest)?);
        if version > BACKUP_VERSION {
            return Err(BackupFileError::Newer { found: version, known: BACKUP_VERSION });
        }
        if version == 0 {
            return Err(BackupFileError::NotABackup);
        }
        let (label, check) = (take(&mut rest)?, take(&mut rest)?);
        let memory_kib = u32::from_be_bytes(take(&mut rest)?);
        let passes = u32::from_be_bytes(take(&mut rest)?);
        let lanes = u32::from_be_bytes(take(&mut rest)?);
        let params = keys::params_found(memory_kib, passes, lanes).ok_or(BackupFileError::Unreasonable)?;
        Ok(Self { label, check, params, salt: take(&mut rest)?, slot: take(&mut rest)? })
    }

    fn readable(&self) -> Vec<u8> {
        let (memory_kib, passes, lanes) = self.params.to_parts();
        let mut out = Vec::with_capacity(HEAD_LEN);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&BACKUP_VERSION.to_be_bytes());
        out.extend_from_slice(&self.label);
        out.extend_from_slice(&self.check);
        [memory_kib, passes, lanes].iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        out.extend_from_slice(&self.salt);
        out
    }
}

fn opened(seed: &[u8; 32], label: [u8; LABEL_BYTES]) -> Opened {
    let secret = BackupSecret::new(&UserSecret::from_seed(*seed), label);
    Opened { seed: Zeroizing::new(*seed), secret }
}

/// Takes the next bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BackupFileError> {
    let (front, back) = rest.split_first_chunk().ok_or(BackupFileError::NotABackup)?;
    *rest = back;
    Ok(*front)
}
