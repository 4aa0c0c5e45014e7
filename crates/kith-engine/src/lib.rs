//! The client: persons, contacts, conversations, outbox and inbox; synchronous and deterministic on SQLite.
//!
//! [`Engine`] takes commands and arrivals, and gives outputs; time and randomness are arguments. It is given an open
//! connection and knows nothing of files, passwords or encryption at rest. There are no sockets, threads, clocks or
//! randomness of its own in here (Olm inside `kith-session` draws its own).
//!
//! The rooms, from the ground up: `ground` (the database, and what one call works with), `mail` (how frames travel),
//! `people` (who is there, and how one meets them), `talk` (what is said), `devices` (the person's other ones),
//! `recovery` (when devices are lost). `engine` opens them to programs, call by call; `queries` shows what is in them.
//!
//! State is committed before anything is sent, and before anything is acknowledged. What goes out is worked out from
//! the tables after every call (`pump`), so a crash between any two steps loses nothing. The rules (`KE-n`) are in
//! `spec/content.md`.

pub mod api;
mod devices;
mod engine;
mod errors;
mod ground;
mod mail;
mod people;
mod queries;
mod recovery;
pub mod sabotage;
mod talk;

pub use api::*;
pub use engine::Engine;
pub use errors::{
    BackupError, CommandError, DeviceError, QueryError, ReceiveError, RefreshError, RestoreError, WakeError,
};
pub use ground::clocks::{Mended, PutOff};
pub use ground::database::StorageError;
pub use ground::schema::{OpenError, SCHEMA_VERSION};
pub use mail::servers::DescriptorError;
pub use talk::windows::MAX_WINDOW;
