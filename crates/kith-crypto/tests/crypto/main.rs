//! The rules of `spec/crypto.md`, known answers of others, sizes and redaction.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that fails by a panic is a test that fails"
)]

mod keys;
mod known_answers;
mod redaction;
mod requests;
mod signatures;
mod sizes;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// A generator that gives the same in every run.
fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}
