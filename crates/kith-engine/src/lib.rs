//! The client: persons, contacts, conversations, outbox and inbox; synchronous and deterministic on SQLite.

pub mod api;
