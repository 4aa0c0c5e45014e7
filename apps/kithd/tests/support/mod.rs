//! The real binary as a child process, and a client that speaks the protocol to it.

#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod client;
mod process;

pub(crate) use client::{Device, Home, Line, answer_in};
pub(crate) use process::{Kithd, kithd};
