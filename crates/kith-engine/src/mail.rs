//! How frames travel: queues, sessions, the outbox, the inbox, and the live connection to the home server.

pub(crate) mod answers;
pub(crate) mod arrivals;
pub(crate) mod connection;
pub(crate) mod expiry;
pub(crate) mod inbox;
pub(crate) mod jobs;
pub(crate) mod outbox;
pub(crate) mod pump;
pub(crate) mod queues;
pub(crate) mod rotation;
pub(crate) mod sealing;
pub(crate) mod servers;
pub(crate) mod sessions;
pub(crate) mod transfers;
