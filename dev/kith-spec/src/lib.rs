//! What the tests of the specification share: a documented stream of "random" bytes, and files of test vectors.
//!
//! The tests themselves are in `tests/spec`. They make every vector again and compare it with the file in
//! `spec/vectors` byte for byte; they never make vectors up from what the file says.

pub mod file;
pub mod stream;
