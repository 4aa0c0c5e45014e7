//! Backups at a home server: what names, opens and deletes them there (spec/backup.md).
//!
//! Everything comes from the person's user key and the server's key, so that phrase and address find a backup, and two servers have nothing in
//! common. Whoever has this secret reads, replaces and deletes the person's backups at that one server, and nothing else: contact keys are in them
//! sealed to the user key, which nobody gets from here.

use kith_wire::id::{AttachmentKey, BlobId, DeleteCapability, Hash, ReadCapability, ServerKey};
use kith_wire::limits::SEALED_CHUNK_BYTES;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::aead::{AeadKey, NONCE_BYTES, OpenError, TAG_BYTES};
use crate::attachment::NewBlob;
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::user::UserSecret;
use crate::{kdf, random};

/// Bytes of the salt in front of a sealed head.
const SALT_BYTES: usize = 16;
/// Bytes of the padded text of a head: with salt and tag one whole chunk, so that no head tells how many pieces there are.
const HEAD_BYTES: usize = SEALED_CHUNK_BYTES - SALT_BYTES - TAG_BYTES;

/// The secret of a person's backups at one home server (KC-12). Programs hold it while they are open, in memory only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct HomeBackupSecret([u8; 32]);

/// Which of the two heads of a place: a new one never lies where the one before lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one.
    Even = 0,
    /// The other.
    Odd = 1,
}

/// Where a head lies at the server, and the rights to it.
pub struct HeadPlace {
    /// The name of its blob.
    pub id: BlobId,
    /// The right to read it.
    pub read: ReadCapability,
    /// The right to delete it.
    pub delete: DeleteCapability,
}

impl HomeBackupSecret {
    /// Derives the secret of a person's backups at the server with this key.
    pub fn new(user: &UserSecret, server: &ServerKey) -> Self {
        Self(*kdf::derive(user.expose(), Label::HOME_BACKUP, &[&server.0]))
    }

    /// Returns what stands for the user key in a file that lies there: the file opens with nothing else.
    pub fn file_secret(&self) -> UserSecret {
        UserSecret::from_seed(*kdf::derive(&self.0, Label::HOME_BACKUP_FILE, &[]))
    }

    /// Derives where one of the two heads of a place lies.
    pub fn place(&self, place: u8, side: Side) -> HeadPlace {
        let at = [place, side as u8];
        HeadPlace {
            id: BlobId(*kdf::derive(&self.0, Label::HOME_BACKUP_PLACE, &[&at, b"id"])),
            read: ReadCapability::new(*kdf::derive(&self.0, Label::HOME_BACKUP_PLACE, &[&at, b"read"])),
            delete: DeleteCapability::new(*kdf::derive(&self.0, Label::HOME_BACKUP_PLACE, &[&at, b"delete"])),
        }
    }

    /// Derives names and keys of a piece of a file: the same for the same bytes, so that an upload that was interrupted goes on (KC-14).
    pub fn piece(&self, label: &[u8; 16], bytes: u64, hash: &Hash) -> NewBlob {
        let size = bytes.to_be_bytes();
        let material = |use_: &'static [u8]| [label.as_slice(), &size, &hash.0, use_];
        NewBlob {
            id: BlobId(*kdf::derive(&self.0, Label::HOME_BACKUP_PIECE, &material(b"id"))),
            key: AttachmentKey::new(*kdf::derive(&self.0, Label::HOME_BACKUP_PIECE, &material(b"key"))),
            read: ReadCapability::new(*kdf::derive(&self.0, Label::HOME_BACKUP_PIECE, &material(b"read"))),
            delete: DeleteCapability::new(*kdf::derive(&self.0, Label::HOME_BACKUP_PIECE, &material(b"delete"))),
        }
    }

    /// Seals a head for its place: always one whole chunk (KC-13). Nothing when it is too long.
    pub fn seal_head(&self, at: &BlobId, head: &[u8], rng: &mut dyn CryptoRng) -> Option<Vec<u8>> {
        let padded = SecretBytes::padded(head, HEAD_BYTES)?;
        let salt: [u8; SALT_BYTES] = random::bytes(rng);
        // The key is new each time, so the nonce may be fixed.
        let sealed = self.head_key(at, &salt).seal(&[0; NONCE_BYTES], &at.0, &padded);
        Some([salt.as_slice(), &sealed].concat())
    }

    /// Opens a head from its place.
    ///
    /// # Errors
    /// [`OpenError`] when it is not what this person sealed for this place (KC-13).
    pub fn open_head(&self, at: &BlobId, sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let (salt, sealed) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(OpenError)?;
        let padded = self.head_key(at, salt).open(&[0; NONCE_BYTES], &at.0, sealed)?;
        padded.unpadded().map_err(|_| OpenError)
    }

    fn head_key(&self, at: &BlobId, salt: &[u8; SALT_BYTES]) -> AeadKey {
        AeadKey::new(*kdf::derive(&self.0, Label::HOME_BACKUP_HEAD, &[&at.0, salt]))
    }
}

impl Side {
    /// Returns the side of the head with a number: each lies on the other side than the one before.
    pub const fn of(number: u64) -> Self {
        if number.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }
}

impl std::fmt::Debug for HomeBackupSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomeBackupSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn secret(user: u8, server: u8) -> HomeBackupSecret {
        HomeBackupSecret::new(&UserSecret::from_seed([user; 32]), &ServerKey([server; 32]))
    }

    #[test]
    fn kc_12_each_person_and_server_have_a_secret_that_tells_nothing_of_the_user_key() {
        let (own, user) = (secret(1, 1), UserSecret::from_seed([1; 32]));
        assert_ne!(own.file_secret().expose(), user.expose());
        assert_ne!(own.0, *own.file_secret().expose());
        for other in [secret(1, 2), secret(2, 1)] {
            assert_ne!(own.place(0, Side::Even).id, other.place(0, Side::Even).id);
            assert_ne!(own.file_secret().expose(), other.file_secret().expose());
        }
        assert_eq!(own.place(0, Side::Even).id, secret(1, 1).place(0, Side::Even).id);
        assert_eq!(format!("{own:?}"), "HomeBackupSecret(…)");
    }

    #[test]
    fn kc_13_a_head_has_one_size_and_opens_at_its_place_for_its_person_only() {
        let (own, mut rng) = (secret(1, 1), StdRng::seed_from_u64(13));
        let (here, there) = (own.place(0, Side::Even).id, own.place(0, Side::Odd).id);
        let sealed = own.seal_head(&here, b"two pieces", &mut rng).unwrap();
        assert_eq!(sealed.len(), SEALED_CHUNK_BYTES);
        assert_eq!(own.seal_head(&here, &[7; 60_000], &mut rng).unwrap().len(), SEALED_CHUNK_BYTES);
        assert!(own.seal_head(&here, &[7; HEAD_BYTES], &mut rng).is_none());
        assert_eq!(own.open_head(&here, &sealed).unwrap().as_ref(), b"two pieces");
        assert!(own.open_head(&there, &sealed).is_err());
        assert!(secret(2, 1).open_head(&here, &sealed).is_err());
        assert!(secret(1, 2).open_head(&here, &sealed).is_err());
        for at in [0, 20, SEALED_CHUNK_BYTES - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(own.open_head(&here, &changed).is_err());
        }
        assert!(own.open_head(&here, &sealed[..10]).is_err());
    }

    #[test]
    fn kc_14_a_piece_has_names_and_keys_of_its_own_for_its_bytes_in_its_file() {
        let own = secret(1, 1);
        let piece = own.piece(&[1; 16], 9, &Hash([2; 32]));
        let again = own.piece(&[1; 16], 9, &Hash([2; 32]));
        assert_eq!(piece.id, again.id);
        assert_eq!(piece.key.expose(), again.key.expose());
        assert_ne!(piece.read.expose(), piece.delete.expose());
        let others = [
            own.piece(&[3; 16], 9, &Hash([2; 32])),
            own.piece(&[1; 16], 8, &Hash([2; 32])),
            own.piece(&[1; 16], 9, &Hash([4; 32])),
            secret(1, 2).piece(&[1; 16], 9, &Hash([2; 32])),
        ];
        assert!(others.iter().all(|other| other.id != piece.id && other.key.expose() != piece.key.expose()));
    }
}
