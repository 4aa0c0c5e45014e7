//! The home server's storage behind the store trait of `kith-home`.
//!
//! [`Journal`] is an append-only log with its tables in memory (`docs/decisions/0007-log-store.md` says why). There are no
//! protocol rules in here: rows come and go as the rules ask. The feature `sqlite` adds `Embedded`, the store that was before it, to
//! compare with.

#[cfg(feature = "sqlite")]
mod embedded;
pub mod journal;
#[cfg(feature = "sqlite")]
mod listing;
#[cfg(feature = "sqlite")]
mod rows;
#[cfg(feature = "sqlite")]
mod schema;
#[cfg(feature = "sqlite")]
mod txn;

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;

#[cfg(feature = "sqlite")]
pub use embedded::Embedded;
pub use journal::{Journal, JournalError, JournalTxn};
#[cfg(feature = "sqlite")]
pub use txn::EmbeddedTxn;
