//! The sixty digits that two people compare.

use kith_wire::id::{ConfirmNonce, Hash};

use crate::kdf;
use crate::label::Label;

/// Returns twelve groups of five decimal digits for a meeting: of `H(Card)`, `H(Answer)` and the nonce that the card
/// commits to and the confirmation shows (`spec/meeting.md`, "Comparison").
///
/// Each group is a 40-bit number modulo 100,000 (as in Signal's safety numbers): together about 199 bits.
pub fn comparison_digits(nonce: &ConfirmNonce, card: &Hash, answer: &Hash) -> [String; 12] {
    let bytes = kdf::derive::<60>(nonce.expose(), Label::DIGITS, &[&card.0, &answer.0]);
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
        let expected = "41670 54883 27376 35108 85182 69327 04579 55131 63426 17897 45290 85721";
        let digits = comparison_digits(&ConfirmNonce::new([7; 32]), &Hash([8; 32]), &Hash([9; 32]));
        assert_eq!(digits.join(" "), expected);
    }
}
