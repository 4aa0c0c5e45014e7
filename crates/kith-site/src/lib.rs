//! The web app as files: which there are, how a browser gets them, and what it is told that they may do.
//!
//! Whoever serves the app uses this: a home server to everybody, `kith web` to the person at this machine. It opens no socket and
//! knows nothing of the protocol; which requests reach it at all, its user decides. What is in the files is nothing to it.

mod app;
mod folder;
mod own_machine;
mod policy;

pub use app::App;
pub use folder::{PACKAGED, ReadError};
pub use own_machine::OwnMachine;
