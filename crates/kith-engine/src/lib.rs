//! The client: persons, contacts, conversations, outbox and inbox; synchronous and deterministic on SQLite.
//!
//! [`Engine`] takes commands and arrivals, and gives outputs; time and randomness are arguments. It is given an open
//! connection and knows nothing of files, passwords or encryption at rest. There are no sockets, threads, clocks or
//! randomness of its own in here (Olm inside `kith-session` draws its own).
//!
//! State is committed before anything is sent, and before anything is acknowledged. What goes out is worked out from
//! the tables after every call (`pump`), so a crash between any two steps loses nothing. The rules (`KE-n`) are in
//! `spec/content.md`.

mod actions;
mod answers;
pub mod api;
mod arrivals;
mod attachments;
mod backup;
mod card_keys;
mod cards;
mod catching_up;
mod clocks;
mod closings;
mod contact_copies;
mod contacts;
mod contents;
mod conversations;
mod database;
mod device_keys;
mod disappearing;
mod drafts;
mod emoji;
mod engine;
mod errors;
mod expiry;
mod held;
mod history;
mod home_backup;
mod inbox;
mod introductions;
mod jobs;
mod link;
mod link_words;
mod linking;
mod once;
mod outbox;
mod own_devices;
mod own_lists;
mod peer_list;
mod person;
mod pump;
mod queries;
mod queues;
mod receipts;
mod renewal;
mod replaced;
mod restore;
mod restored;
mod rotation;
pub mod sabotage;
mod schema;
mod sealing;
mod search;
mod servers;
mod sessions;
mod sibling_meetings;
mod siblings;
mod spare_cards;
mod sync;
mod transfers;
mod unopened;
mod windows;
mod work;

pub use api::*;
pub use database::StorageError;
pub use engine::Engine;
pub use errors::{
    BackupError, CommandError, DeviceError, QueryError, ReceiveError, RefreshError, RestoreError, WakeError,
};
pub use schema::{OpenError, SCHEMA_VERSION};
pub use servers::DescriptorError;
pub use windows::MAX_WINDOW;
