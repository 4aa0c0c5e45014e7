//! The recovery phrase: the person's root secret as 24 words that somebody can write on paper (BIP-39, English).
//!
//! Whoever has it and a backup is the person. It opens no vault: that is the password's business. What is typed is taken
//! as people write it: in any case, in lines and with numbers, words or the four letters by which each can be told.

use bip39::{Language, Mnemonic};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Words of a phrase.
pub const PHRASE_WORDS: usize = 24;
/// Letters by which every word can be told from all others.
const TELLING_LETTERS: usize = 4;

/// The person's root secret, in words. Wiped when dropped, never printed.
pub struct Phrase(Zeroizing<[u8; 32]>);

impl Phrase {
    /// Puts a seed into words.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*seed))
    }

    /// Reads a phrase as somebody typed it.
    ///
    /// # Errors
    /// [`PhraseError`] says what is wrong, and not what would be right.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let typed: Vec<&str> = text.split_whitespace().filter(|word| !is_number(word)).collect();
        let mut words = Vec::with_capacity(typed.len());
        for (place, word) in (1..).zip(&typed) {
            words.push(find_word(word).map_err(|UnknownWord { nearest }| PhraseError::UnknownWord { place, nearest })?);
        }
        if words.len() != PHRASE_WORDS {
            return Err(PhraseError::WrongCount { found: words.len() });
        }
        let whole = Zeroizing::new(words.join(" "));
        let parsed = Mnemonic::parse_in_normalized(Language::English, &whole).map_err(|_| PhraseError::Checksum)?;
        let (mut entropy, length) = parsed.to_entropy_array();
        let seed = entropy.first_chunk().filter(|_| length == 32).map(|seed| Zeroizing::new(*seed));
        entropy.zeroize();
        seed.map(Self).ok_or(PhraseError::Checksum)
    }

    /// Returns the seed.
    pub fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 24 words in their order.
    pub fn words(&self) -> Vec<&'static str> {
        // 32 bytes are always 24 words.
        Mnemonic::from_entropy_in(Language::English, self.0.as_slice())
            .map(|mnemonic| mnemonic.words().collect())
            .unwrap_or_default()
    }

    /// Returns whether what somebody typed is the word at a place, counted from 1.
    pub fn has_word(&self, place: usize, typed: &str) -> bool {
        let word = place.checked_sub(1).and_then(|index| self.words().get(index).copied());
        word.is_some() && find_word(typed).ok() == word
    }
}

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phrase(…)")
    }
}

/// Returns the word of the list that was typed, whole or by its first four letters.
///
/// # Errors
/// [`UnknownWord`] when it is not in the list, with the one that it may have been meant to be.
pub fn find_word(typed: &str) -> Result<&'static str, UnknownWord> {
    let typed = Zeroizing::new(typed.trim().to_lowercase());
    let list = Language::English.word_list();
    let is_it = |word: &&&str| **word == typed.as_str();
    // Words of three letters are whole; a longer one may be told by four.
    let is_begun = |word: &&&str| typed.len() >= TELLING_LETTERS && word.starts_with(typed.as_str());
    let found = list.iter().find(is_it).or_else(|| list.iter().find(is_begun));
    found.copied().ok_or_else(|| UnknownWord { nearest: nearest(&typed) })
}

/// Returns the word of the list that differs in one or two letters, when there is exactly one that differs least.
fn nearest(typed: &str) -> Option<&'static str> {
    let typed: Zeroizing<Vec<char>> = Zeroizing::new(typed.chars().take(LONGEST_TYPED).collect());
    let is_near = |word: &&&str| word.len().abs_diff(typed.len()) <= 2;
    let measured = Language::English.word_list().iter().filter(is_near).map(|word| (distance(&typed, word), *word));
    let closest: Vec<(usize, &'static str)> = measured.filter(|(letters, _)| *letters <= 2).collect();
    let least = closest.iter().map(|(letters, _)| *letters).min()?;
    let mut nearest = closest.iter().filter(|(letters, _)| *letters == least);
    match (nearest.next(), nearest.next()) {
        (Some((_, word)), None) => Some(word),
        _ => None,
    }
}

/// Letters that must be changed, added, left out or swapped with their neighbour to make one word of another.
fn distance(typed: &[char], word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=word.len()).collect();
    for (row, letter) in typed.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in word.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&last, column) + usize::from(letter != other);
            let mut least = changed.min(at(&last, column + 1) + 1).min(at(&next, column) + 1);
            let is_swapped =
                row > 0 && column > 0 && typed.get(row - 1) == Some(other) && word.get(column - 1) == Some(letter);
            if is_swapped {
                least = least.min(at(&before, column - 1) + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(typed.len())
}

/// People number their words.
fn is_number(word: &str) -> bool {
    word.trim_end_matches(['.', ':', ')']).bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters of a word that are compared; the longest of the list has eight.
const LONGEST_TYPED: usize = 16;

/// Why something typed is no recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PhraseError {
    /// It has another number of words.
    #[error("a recovery phrase has {PHRASE_WORDS} words, these are {found}")]
    WrongCount {
        /// How many there are.
        found: usize,
    },
    /// A word is not in the list.
    #[error("word {place} is none that recovery phrases are made of")]
    UnknownWord {
        /// Which one, counted from 1.
        place: usize,
        /// The one that it may have been meant to be.
        nearest: Option<&'static str>,
    },
    /// All words are in the list, but not all are the right ones, or not in their order.
    #[error("these 24 words are no recovery phrase: at least one is another word, or their order is another one")]
    Checksum,
}

/// A word that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no word that recovery phrases are made of")]
pub struct UnknownWord {
    /// The one that it may have been meant to be.
    pub nearest: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZEROS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                         abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art";

    #[test]
    fn known_seeds_have_their_known_words() {
        // Test vectors of BIP-39.
        assert_eq!(Phrase::of_seed(&[0; 32]).words().join(" "), ZEROS);
        let last = Phrase::of_seed(&[0xff; 32]).words();
        assert_eq!((last[0], last[23], last.len()), ("zoo", "vote", 24));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_seed_comes_back_from_its_words(seed: [u8; 32], upper: bool, short: bool, numbered: bool) {
            let mut text = String::new();
            for (place, word) in (1..).zip(Phrase::of_seed(&seed).words()) {
                let word = if short { word.get(..4).unwrap_or(word) } else { word };
                let word = if upper { word.to_uppercase() } else { word.to_owned() };
                let number = if numbered { format!("{place}. ") } else { String::new() };
                text.push_str(&format!("{number}{word}\n"));
            }
            let read = Phrase::parse(&text).unwrap();
            prop_assert_eq!(read.seed(), &seed);
        }

        #[test]
        fn nothing_that_is_typed_makes_it_stop(text in ".{0,300}") {
            let _ = Phrase::parse(&text);
            let _ = find_word(&text);
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_what_would_be_right() {
        let wrong = |text: &str| Phrase::parse(text).unwrap_err();
        assert_eq!(wrong("abandon ability"), PhraseError::WrongCount { found: 2 });
        assert_eq!(wrong(&ZEROS.replace("art", "arm")), PhraseError::Checksum);
        let misspelt = ZEROS.replacen("abandon", "abnadon", 1);
        assert_eq!(wrong(&misspelt), PhraseError::UnknownWord { place: 1, nearest: Some("abandon") });
        assert_eq!(wrong(&ZEROS.replace("art", "xyzzyx")), PhraseError::UnknownWord { place: 24, nearest: None });
    }

    #[test]
    fn words_are_told_by_four_letters_and_short_ones_by_all() {
        assert_eq!(find_word(" ABAN "), Ok("abandon"));
        assert_eq!(find_word("art"), Ok("art"));
        assert_eq!(find_word("arti"), Ok("artist"));
        assert!(find_word("ar").is_err() && find_word("aba").is_err() && find_word("").is_err());
        assert!(find_word("abandoned").is_err());
        let phrase = Phrase::of_seed(&[0; 32]);
        assert!(phrase.has_word(24, "Art") && phrase.has_word(1, "aban"));
        assert!(!phrase.has_word(24, "arm") && !phrase.has_word(0, "abandon") && !phrase.has_word(25, "art"));
        assert_eq!(format!("{phrase:?}"), "Phrase(…)");
    }
}
