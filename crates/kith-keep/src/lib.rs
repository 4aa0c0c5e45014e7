//! A person's backups at home servers: places, heads and pieces (spec/backup.md), and the requests one by one by which they come and go.
//!
//! Native programs and browsers make the same backups with it. What differs between them they bring along: a [`Way`] to the server, which also tells
//! the time, and a file ([`Stored`]). What is in the file nobody here knows; it is made, sealed and opened elsewhere. Nothing is remembered here.

mod bytes;
mod error;
mod find;
mod home_server;
mod pieces;
mod place;

pub use bytes::Stored;
pub use error::{AskError, KeepError, NotCarried};
pub use find::{FoundAtHome, Holes, fetch, find_all};
pub use home_server::{Asked, HomeServer, Way};
pub use place::{Sending, Sent, free_place, remove_all, send};

#[cfg(test)]
mod tests;
