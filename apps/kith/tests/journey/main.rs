//! The whole journey with the real programs: two home servers, two people, and what goes wrong on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops when it is not so"
)]

mod arrival;
mod at_home;
mod attachments;
mod contract;
mod devices;
mod eventually;
mod kills;
mod linking;
mod losing;
mod offline;
mod people;
mod previews;
mod restored;
mod running;
mod secrets;
mod settings;
mod support;
mod talk;
