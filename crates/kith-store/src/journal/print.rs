//! Fingerprints: 16 bytes that stand for the names of a deposit or a nonce.
//!
//! SipHash-2-4 with 128 bits of output under a key that only this store knows. Whoever chooses the names cannot make
//! two of them meet, and 16 bytes instead of 40 or 48 lie in memory and in the log for each.

/// Stands for a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Print(pub(crate) [u8; 16]);

/// The key of a store's fingerprints. Changes never, as the log is full of them.
#[derive(Clone, Copy)]
pub(crate) struct PrintKey(pub(crate) [u8; 16]);

impl PrintKey {
    /// Returns the fingerprint of two byte strings. The first must have one length for each use of the key.
    pub(crate) fn print(&self, first: &[u8], second: &[u8]) -> Print {
        let mut state = State::new(u128::from_le_bytes(self.0));
        let mut word = [0_u8; 8];
        let mut n_bytes = 0_usize;
        for byte in first.iter().chain(second) {
            if let Some(place) = word.get_mut(n_bytes % 8) {
                *place = *byte;
            }
            n_bytes += 1;
            if n_bytes.is_multiple_of(8) {
                state.absorb(u64::from_le_bytes(word));
                word = [0; 8];
            }
        }
        let [length, ..] = n_bytes.to_le_bytes();
        word[7] = length;
        state.absorb(u64::from_le_bytes(word));
        Print(state.finish().to_le_bytes())
    }
}

/// The four words of SipHash.
struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn new(key: u128) -> Self {
        let (low, high) = (low_half(key), low_half(key >> 64));
        Self {
            v0: low ^ 0x736f_6d65_7073_6575,
            v1: high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: low ^ 0x6c79_6765_6e65_7261,
            v3: high ^ 0x7465_6462_7974_6573,
        }
    }

    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.rounds(2);
        self.v0 ^= word;
    }

    fn finish(mut self) -> u128 {
        self.v2 ^= 0xee;
        self.rounds(4);
        let low = self.v0 ^ self.v1 ^ self.v2 ^ self.v3;
        self.v1 ^= 0xdd;
        self.rounds(4);
        let high = self.v0 ^ self.v1 ^ self.v2 ^ self.v3;
        u128::from(low) | (u128::from(high) << 64)
    }

    fn rounds(&mut self, n: usize) {
        for _ in 0..n {
            self.v0 = self.v0.wrapping_add(self.v1);
            self.v1 = self.v1.rotate_left(13) ^ self.v0;
            self.v0 = self.v0.rotate_left(32);
            self.v2 = self.v2.wrapping_add(self.v3);
            self.v3 = self.v3.rotate_left(16) ^ self.v2;
            self.v0 = self.v0.wrapping_add(self.v3);
            self.v3 = self.v3.rotate_left(21) ^ self.v0;
            self.v2 = self.v2.wrapping_add(self.v1);
            self.v1 = self.v1.rotate_left(17) ^ self.v2;
            self.v2 = self.v2.rotate_left(32);
        }
    }
}

fn low_half(value: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = value.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference implementation's vectors for 128 bits: key 00..0f, messages 00, 00..0e.
    #[test]
    fn prints_are_siphash_2_4_with_128_bits() {
        let key = PrintKey([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        let message: Vec<u8> = (0..15).collect();
        let expected = [0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3, 0xd9];
        assert_eq!(key.print(&message[..6], &message[6..]).0, expected);
        let empty = [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93];
        assert_eq!(key.print(&[], &[]).0, empty);
    }
}
