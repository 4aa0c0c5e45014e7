//! What another team would check of the encoding: canonical form, rules, hostile bytes, limits.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that fails by a panic is a test that fails"
)]

mod answers;
mod canonical;
mod examples;
mod hostile;
mod limits;
mod redaction;
mod rules;
mod signed;
mod times;
mod urls;
