//! The home server's storage behind the store trait of `kith-home`.
//!
//! [`Embedded`] keeps everything in one SQLite file (`docs/decisions/0002-embedded-store.md` says why). There are no
//! protocol rules in here: rows come and go as the rules ask.

mod embedded;
pub mod journal;
mod listing;
mod rows;
mod schema;
mod txn;

#[cfg(test)]
mod tests;

pub use embedded::Embedded;
pub use journal::{Journal, JournalError, JournalTxn};
pub use txn::EmbeddedTxn;
