//! Kith in browsers: engine, vault and carriers in one Web Worker, and what that worker and the app say to each other.
//!
//! The app is written in TypeScript and decides how things look; everything that matters happens here. Keys, passwords'
//! keys and texts at rest never leave the worker: over the [`contract`] go what a person may see and what they want. There
//! is no user interface in here, and the rules of the protocol are the engine's.
//!
//! Elsewhere than in a browser this library is the contract and its words alone, so that they can be tested.

pub mod contract;
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the worker, which uses it, exists in browsers only")
)]
mod convert;
mod failures;
#[cfg_attr(
    not(target_family = "wasm"),
    expect(dead_code, reason = "the worker, which uses it, exists in browsers only")
)]
mod qr;
#[cfg(target_family = "wasm")]
mod worker;
