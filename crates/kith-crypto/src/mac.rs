//! HMAC-SHA256 (RFC 2104) over labelled strings.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::label::Label;

/// Returns `HMAC(key, length ‖ label ‖ parts…)`. The parts must have fixed sizes, or carry their own lengths.
pub fn mac(key: &[u8; 32], label: Label, parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = <Hmac<Sha256> as KeyInit>::new(&(*key).into_block());
    hmac.update(&label.prefix());
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

/// Returns whether `given` is the right MAC, in time that does not depend on where they differ.
pub fn verify(key: &[u8; 32], label: Label, parts: &[&[u8]], given: &[u8; 32]) -> bool {
    mac(key, label, parts).ct_eq(given).into()
}

/// Compares two 32-byte strings in constant time.
pub fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

/// HMAC pads short keys with zeros to one hash block (RFC 2104 §2).
trait IntoBlock {
    fn into_block(self) -> hmac::digest::common::Key<Hmac<Sha256>>;
}

impl IntoBlock for [u8; 32] {
    fn into_block(self) -> hmac::digest::common::Key<Hmac<Sha256>> {
        let mut block = [0; 64];
        for (slot, byte) in block.iter_mut().zip(self) {
            *slot = byte;
        }
        block.into()
    }
}
