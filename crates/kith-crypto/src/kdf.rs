//! Key derivation: HKDF-SHA256 (RFC 5869) with an unambiguous info string.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::label::Label;

/// Derives `N` bytes from key material.
///
/// The material is extracted with an empty salt; the info string is
/// `length (u8) ‖ label`, then for each part `length (u32, big endian) ‖ part`. `N` is at most 8,160.
pub fn derive<const N: usize>(material: &[u8], label: Label, parts: &[&[u8]]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "HKDF-SHA256 gives at most 8,160 bytes") };
    let mut info = label.prefix();
    for part in parts {
        info.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        info.extend_from_slice(part);
    }
    let mut out = Zeroizing::new([0; N]);
    let expanded = Hkdf::<Sha256>::new(None, material).expand(&info, out.as_mut_slice());
    debug_assert!(expanded.is_ok(), "the length was checked when this was compiled");
    out
}

/// Joins secrets into one piece of key material that is wiped when dropped.
pub fn join(secrets: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(secrets.iter().map(|secret| secret.len()).sum()));
    for secret in secrets {
        out.extend_from_slice(secret);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_secrets_stand_one_after_the_other() {
        assert_eq!(join(&[b"ab", b"", b"c"]).as_slice(), b"abc");
    }
}
