//! A vault from outside: what its files show, who may open it, and what happens when somebody changed them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail as loudly as its tests"
)]

mod at_rest;
mod compatibility;
mod lifecycle;
mod support;
mod tampering;
