//! The async SDK for native programs: engine, vault and carriers in one.
//!
//! A [`Client`] is one person: it owns their folder, gives the engine what the world brings, does what the engine asks,
//! and tells the program what happened. It runs on one thread, inside a [`tokio::task::LocalSet`]. It decides nothing about
//! the protocol (that is the engine's), knows no user interface, and writes no log line about a person.

mod attach;
mod backup;
mod chunks;
mod client;
mod devices;
mod drive;
mod home_backup;
mod home_restore;
mod links;
mod picture;
mod preview;
mod restore;
mod save;
mod sync;
mod way;

pub use attach::{AttachError, Attached, Attachment, Metadata};
pub use backup::{BackUpError, BackedUp, BackupKind, Growth};
pub use client::{Client, ClientError, Options, proof_key};
pub use devices::DeviceActionError;
pub use drive::{Events, Notice};
pub use home_backup::{Before, HomeBackedUp, HomeBackupError, HomeStep};
pub use home_restore::HomeBackups;
pub use picture::small_picture;
pub use preview::{PreviewError, Previews};
pub use restore::{Backup, Damage, RestoreFailure};
pub use save::{Overwrite, SaveError};
pub use sync::SyncError;

pub use kith_keep::{FoundAtHome, KeepError};
pub use kith_net::{AddressPolicy, CarrierError};
pub use kith_picture::{CleanError, Written};
pub use kith_vault::{
    BackupFileError, BackupKey, ChangePasswordError, CreateError, LINK_WORDS, LinkWordsError, PHRASE_WORDS, Params,
    Password, Phrase, PhraseError, ProofKey, Strength, find_word, link_words, read_link_words,
};
