//! One process owns a folder; the others hand it their commands.
//!
//! The owner listens on a socket in the folder that only its user may open. Whoever connects proves that they know the
//! password, and the owner proves it too, without the password changing hands: both sides answer random numbers with a
//! key that only the password gives. Then the command goes over as it was typed, and its lines come back; what it asks is
//! answered at the caller's terminal. Commands that need the password for more than that carry it over, after both sides have
//! proved theirs; so does every other one when the owner has something to sign that waits for it.

mod call;
mod serve;
mod socket;
mod words;

pub(crate) use call::{Called, call};
pub(crate) use serve::Owner;
pub(crate) use words::{Request, command_id};

#[cfg(test)]
mod tests;
