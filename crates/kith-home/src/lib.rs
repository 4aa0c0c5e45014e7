//! The home server's rules: queues, capabilities, forwarding, quotas.
//!
//! Everything here is synchronous and deterministic over the [`store`] trait: time and randomness are arguments,
//! bytes come in as [`Input`]s and go out as [`Output`]s. There are no sockets, no threads, no clock and no plaintext of
//! anybody's messages in here, and nothing of a session between devices.
//!
//! ```text
//! let mut batch = home.begin(&mut store, now, &mut rng)?;
//! for input in inputs { batch = batch.handle(input)?; }
//! for output in batch.commit()? { … }      // the only way to the outputs: after the commit
//! ```
//!
//! The rules (`KH-n`) are in `spec/home.md`.

mod accounts;
mod batch;
mod blobs;
mod caller;
mod config;
mod deposits;
mod home;
mod housekeeping;
mod identity;
mod io;
mod live;
mod numbers;
mod opener;
mod operations;
mod outbox;
mod queues;
mod relay;
mod removal;
pub mod sabotage;
pub mod store;

#[cfg(test)]
mod tests;

pub use accounts::{InviteError, create_invite};
pub use batch::Batch;
pub use config::{Config, Quotas, Registration, Retention, Room};
pub use home::{Home, OpenError};
pub use io::{Ask, ConnectionId, ExchangeId, ExchangeOutcome, Input, Output, Ticket};
pub use numbers::generation_at;
pub use opener::{OpenedRequest, Opener, SealableAnswer, Unopened};
pub use removal::{REMOVED, Removal, RemoveError, accounts_after, remove_account};
