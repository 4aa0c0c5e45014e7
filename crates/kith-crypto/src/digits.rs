//! The sixty digits that two people compare.

use kith_wire::id::Hash;

use crate::kdf;
use crate::label::Label;

/// Returns twelve groups of five decimal digits from a transcript hash.
///
/// Each group is a 40-bit number modulo 100,000 (as in Signal's safety numbers): together about 199 bits.
pub fn comparison_digits(transcript: &Hash) -> [String; 12] {
    let bytes = kdf::derive::<60>(&transcript.0, Label::DIGITS, &[]);
    let mut groups: [String; 12] = Default::default();
    for (group, chunk) in groups.iter_mut().zip(bytes.chunks_exact(5)) {
        let number = chunk.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        *group = format!("{:05}", number % 100_000);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's hmac and hashlib from the prose of `spec/crypto.md` alone.
    #[test]
    fn the_digits_are_those_of_the_specification() {
        let expected = "17799 51168 94913 75862 35530 28174 00646 22244 43330 48534 79128 31147";
        assert_eq!(comparison_digits(&Hash([7; 32])).join(" "), expected);
    }
}
