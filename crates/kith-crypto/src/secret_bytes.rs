//! Plaintext of any length that is wiped when it is dropped, all at once.
//!
//! `Zeroizing<Vec<u8>>` writes each byte on its own, which for a frame costs a tenth of opening it. Here the memory is
//! filled in one go, and a barrier that the compiler cannot look through keeps it from leaving that out.

use std::fmt;
use std::ops::{Deref, Range};

use kith_wire::padding::{LENGTH_BYTES, PaddingError, pad_to, unpad};
use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

/// Secret bytes. The whole allocation is wiped, also what lies around the bytes that are left.
#[derive(Default)]
pub struct SecretBytes {
    allocation: Vec<u8>,
    /// Which bytes of the allocation are meant.
    range: Range<usize>,
}

impl SecretBytes {
    /// Takes bytes over without copying them.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), allocation: bytes }
    }

    /// Pads `content` to exactly `total` bytes; `None` when it does not fit.
    pub fn padded(content: &[u8], total: usize) -> Option<Self> {
        pad_to(content, total).map(Self::new)
    }

    /// Takes the padding off, where it is.
    ///
    /// # Errors
    /// [`PaddingError`] when this was not padded.
    pub fn unpadded(mut self) -> Result<Self, PaddingError> {
        let length = unpad(&self)?.len();
        let start = self.range.start + LENGTH_BYTES;
        self.range = start..start + length;
        Ok(self)
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.allocation.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Zeroize for SecretBytes {
    fn zeroize(&mut self) {
        self.range = 0..0;
        self.allocation.clear();
        self.allocation.resize(self.allocation.capacity(), 0);
        optimization_barrier(self.allocation.as_slice());
        self.allocation.clear();
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_leaves_nothing_and_keeps_the_allocation_that_it_wiped() {
        let mut secret = SecretBytes::new(b"attack at dawn".to_vec());
        let (place, room) = (secret.allocation.as_ptr(), secret.allocation.capacity());
        secret.zeroize();
        assert!(secret.is_empty());
        assert_eq!((secret.allocation.as_ptr(), secret.allocation.capacity()), (place, room));
    }

    #[test]
    fn padding_comes_off_where_it_is() {
        let padded = SecretBytes::padded(b"attack", 64).unwrap();
        let place = padded.as_ptr();
        let content = padded.unpadded().unwrap();
        assert_eq!(&*content, b"attack");
        assert_eq!(content.as_ptr(), place.wrapping_add(LENGTH_BYTES));
        assert!(content.unpadded().is_err());
        assert!(SecretBytes::default().unpadded().is_err());
    }

    #[test]
    fn secret_bytes_do_not_print_themselves() {
        assert_eq!(format!("{:?}", SecretBytes::new(b"attack".to_vec())), "SecretBytes(6 bytes)");
    }
}
