//! The only crate that names cryptographic primitives: role-typed keys, labels, sealed requests.
