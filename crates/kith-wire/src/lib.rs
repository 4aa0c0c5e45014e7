//! The words of the protocol as types: ids, CBOR objects, frames, addresses, limits.
