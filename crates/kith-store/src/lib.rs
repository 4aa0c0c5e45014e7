//! The home server's storage behind the store trait of `kith-home`.
//!
//! [`Journal`] is an append-only log with its tables in memory (`docs/decisions/0007-log-store.md` says why). There are no
//! protocol rules in here: rows come and go as the rules ask.

pub mod ahead;
pub mod journal;

pub use ahead::{Ahead, Waiting};
pub use journal::{Journal, JournalError, JournalTxn};
