//! The words of a link: sixteen bytes as twelve words that somebody can read out and type (BIP-39, English).

use bip39::{Language, Mnemonic};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::phrase::{UnknownWord, find_word};

/// Words of a link.
pub const LINK_WORDS: usize = 12;

/// Why something that was typed is no link.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkWordsError {
    /// A word is not in the list.
    #[error("{typed} is none of the words that links have")]
    UnknownWord {
        /// As it was typed.
        typed: String,
    },
    /// There are more or fewer words.
    #[error("a link has {LINK_WORDS} words, and these are {found}")]
    WrongCount {
        /// How many there are.
        found: usize,
    },
    /// All words are in the list, and do not belong together.
    #[error("one of the words is another one, or two are in the wrong order")]
    Checksum,
}

/// Writes the words of a link.
pub fn link_words(secret: &[u8; 16]) -> Vec<&'static str> {
    // Sixteen bytes are always twelve words.
    Mnemonic::from_entropy_in(Language::English, secret).map(|mnemonic| mnemonic.words().collect()).unwrap_or_default()
}

/// Reads words as somebody typed them: in any case, with numbers between, each whole or by its first four letters.
///
/// # Errors
/// [`LinkWordsError`] says what is wrong.
pub fn read_link_words(text: &str) -> Result<Zeroizing<[u8; 16]>, LinkWordsError> {
    let mut words = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
        let unknown = |UnknownWord { .. }| LinkWordsError::UnknownWord { typed: word.to_lowercase() };
        words.push(find_word(word).map_err(unknown)?);
    }
    if words.len() != LINK_WORDS {
        return Err(LinkWordsError::WrongCount { found: words.len() });
    }
    let whole = Zeroizing::new(words.join(" "));
    let read = Mnemonic::parse_in_normalized(Language::English, &whole).map_err(|_| LinkWordsError::Checksum)?;
    let (mut entropy, _) = read.to_entropy_array();
    let secret = entropy.first_chunk().map(|secret| Zeroizing::new(*secret));
    entropy.zeroize();
    secret.ok_or(LinkWordsError::Checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in `spec/vectors/attachment.json`.
    const ENTROPY: &[u8; 16] = b"sixteen bytes ok";
    const TEXT: &str = "inflict envelope brown skull finger awake measure company grace october bridge subject";

    #[test]
    fn words_are_those_of_the_specification_however_they_are_typed() {
        assert_eq!(link_words(ENTROPY).join(" "), TEXT);
        let short: Vec<String> = TEXT.split(' ').map(|word| word.chars().take(4).collect()).collect();
        for typed in [TEXT.to_owned(), TEXT.to_uppercase(), short.join("\n 3. "), format!(" 1. {TEXT} ")] {
            assert_eq!(*read_link_words(&typed).unwrap(), *ENTROPY, "{typed}");
        }
    }

    #[test]
    fn words_that_are_wrong_are_told_as_such() {
        let words: Vec<&str> = TEXT.split(' ').collect();
        let swapped = [&[words[1], words[0]], &words[2..]].concat().join(" ");
        let unknown = LinkWordsError::UnknownWord { typed: "kitchenette".into() };
        for (typed, why) in [
            (String::new(), LinkWordsError::WrongCount { found: 0 }),
            (words[..11].join(" "), LinkWordsError::WrongCount { found: 11 }),
            (TEXT.replacen(words[0], "Kitchenette", 1), unknown),
            (swapped, LinkWordsError::Checksum),
        ] {
            assert_eq!(read_link_words(&typed).unwrap_err(), why, "{typed}");
        }
    }
}
