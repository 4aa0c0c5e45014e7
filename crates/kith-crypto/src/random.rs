//! Random bytes from the caller's generator.

use rand_core::CryptoRng;

/// Returns `N` bytes from `rng`.
pub fn bytes<const N: usize>(rng: &mut dyn CryptoRng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill_bytes(&mut out);
    out
}
