//! The words of a link: sixteen bytes as twelve words that somebody can read out and type (BIP-39, English).

use bip39::{Language, Mnemonic};
use kith_wire::id::LinkSecret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::Failure;

/// Words of a link.
const WORDS: usize = 12;
/// Letters by which every word of the list can be told from all others.
const TELLING_LETTERS: usize = 4;

/// Writes the words of a link.
pub(crate) fn to_words(secret: &LinkSecret) -> String {
    // Sixteen bytes are always twelve words.
    let words = Mnemonic::from_entropy_in(Language::English, secret.expose());
    words.map(|words| words.words().collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

/// Reads words as somebody typed them: in any case, with numbers between, each whole or by its first four letters.
pub(crate) fn from_words(text: &str) -> Result<LinkSecret, Failure> {
    let typed = Zeroizing::new(text.to_lowercase());
    let mut words = Vec::new();
    for word in typed.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()) {
        words.push(find(word).ok_or_else(|| bad(format!("{word} is none of the words that links have")))?);
    }
    if words.len() != WORDS {
        return Err(bad(format!("a link has {WORDS} words, and these are {}", words.len())));
    }
    let whole = Zeroizing::new(words.join(" "));
    let read = Mnemonic::parse_in_normalized(Language::English, &whole);
    let wrong = "one of the words is another one, or two are in the wrong order";
    let (mut entropy, _) = read.map_err(|_| bad(wrong))?.to_entropy_array();
    let secret = entropy.first_chunk().map(|secret| LinkSecret::new(*secret));
    entropy.zeroize();
    secret.ok_or_else(|| bad("these are no words of a link"))
}

fn find(typed: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    let whole = list.iter().find(|word| **word == typed);
    let begun = || list.iter().find(|word| typed.len() >= TELLING_LETTERS && word.starts_with(typed));
    whole.or_else(begun).copied()
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new("bad_words", message, "read them once more from the other device, and type all twelve in their order")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in `spec/vectors/attachment.json`.
    const ENTROPY: &[u8; 16] = b"sixteen bytes ok";
    const TEXT: &str = "inflict envelope brown skull finger awake measure company grace october bridge subject";

    #[test]
    fn words_are_those_of_the_specification_however_they_are_typed() {
        assert_eq!(to_words(&LinkSecret::new(*ENTROPY)), TEXT);
        let short: Vec<String> = TEXT.split(' ').map(|word| word.chars().take(4).collect()).collect();
        for typed in [TEXT.to_owned(), TEXT.to_uppercase(), short.join("\n 3. "), format!(" 1. {TEXT} ")] {
            assert_eq!(from_words(&typed).unwrap().expose(), ENTROPY, "{typed}");
        }
    }

    #[test]
    fn words_that_are_wrong_are_told_as_such() {
        let words: Vec<&str> = TEXT.split(' ').collect();
        let swapped = [&[words[1], words[0]], &words[2..]].concat().join(" ");
        for (typed, says) in [
            (String::new(), "these are 0"),
            (words[..11].join(" "), "these are 11"),
            (TEXT.replacen(words[0], "kitchenette", 1), "kitchenette is none"),
            (swapped, "another one"),
        ] {
            let failure = from_words(&typed).unwrap_err();
            assert!(failure.code == "bad_words" && failure.message.contains(says), "{typed}: {failure:?}");
        }
    }
}
