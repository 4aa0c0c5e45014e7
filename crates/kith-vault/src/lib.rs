//! The client's storage at rest: SQLCipher under Argon2id, sealed attachment chunks, backup files, the recovery phrase, links in words.
//!
//! A [`Vault`] is a folder, on a native file system or in a browser's private one. Without its password it tells how much
//! is in it and when it was used, and nothing else; with the password it gives the engine a database connection, and the
//! client a place for attachments. This crate knows nothing of the protocol, and reads no clock and no global randomness.

mod backup;
mod chunks;
mod database;
mod errors;
mod folder;
mod head;
mod keys;
mod link_words;
mod migrate;
mod password;
mod phrase;
mod strength;
mod vault;

#[cfg(not(target_family = "wasm"))]
pub use backup::BackupWriter;
pub use backup::{
    BACKUP_VERSION, BackupFileError, BackupKey, BackupPlace, BackupReader, BackupSealer, MAX_SEGMENT_CONTENT, Next,
    Segment,
};
pub use chunks::{AttachmentSecret, ChunkStore, FillError, GetError, MAX_CHUNK_LEN, PourError, PutError, Usage};
pub use database::DatabaseError;
pub use errors::{AdoptError, ChangePasswordError, CheckError, CreateError, OpenError, ProveError};
pub use folder::FolderError;
#[cfg(target_family = "wasm")]
pub use folder::{BackupFile, Folder};
pub use head::{HeadError, VAULT_VERSION};
pub use keys::ProofKey;
pub use kith_crypto::password::{Params, PasswordError};
pub use link_words::{LINK_WORDS, LinkWordsError, link_words, read_link_words};
pub use migrate::{MigrateError, Step, migrate};
pub use password::{EmptyPassword, Password};
pub use phrase::{PHRASE_WORDS, Phrase, PhraseError, UnknownWord, find_word};
pub use strength::Strength;
pub use vault::{CheckReport, Keeper, Vault};
