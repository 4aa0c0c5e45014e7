//! The specification against the code: vectors made again, vectors against `kith.cddl`, tables against constants.
#![expect(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a test that fails by a panic is a test that fails"
)]

mod cddl_check;
mod derivation;
#[path = "../../../../crates/kith-wire/tests/wire/examples.rs"]
mod examples;
#[path = "../../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod fuzz_checks;
mod fuzz_replay;
mod objects;
mod sealed;
mod signed;
mod tables;
