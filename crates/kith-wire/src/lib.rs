//! The words of the protocol as types: ids, CBOR objects, frames, addresses, limits.
//!
//! This crate turns bytes into typed, bounded, canonical objects and back, and does nothing else. A value that
//! came out of a decoder is *well formed*, never *authentic*: whatever carries a signature is a
//! [`Signed`](signed::Signed) whose content is reached only through the verifying functions of `kith-crypto`.
//! There is no cryptographic operation, no clock and no IO in here.
//!
//! The objects are those of `spec/kith.cddl`; the rules (`KW-n`) are in `spec/wire.md`.

pub mod address;
pub mod backup;
pub mod blob;
pub mod card;
pub mod codec;
pub mod content;
pub mod descriptor;
pub mod devices;
pub mod ext;
pub mod frame;
pub mod id;
pub mod limits;
pub mod link;
pub mod live;
pub mod operation;
pub mod own;
pub mod padding;
pub mod payload;
pub mod picture;
pub mod preview;
pub mod rotation;
pub mod sabotage;
mod scan;
pub mod sealed;
pub mod signed;
pub mod sync;
pub mod time;

pub use codec::{DecodeError, Wire};
pub use time::Timestamp;
