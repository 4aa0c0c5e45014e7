//! Attacks on the real server over real sockets, while an honest client goes on beside them.
//!
//! Attackers come from another network than the client, on a thread of their own. In each case the client's round trip
//! stays within twice of what it was, descriptors and memory stay bounded, and what defends is seen at work: without it
//! the test fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test, as assertions do")]

mod crowds;
mod floods;
mod http;
mod inside;
mod live;
mod noise;
mod siege;
mod slow;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
