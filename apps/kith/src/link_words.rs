//! The words of a link, as `kith` shows them and asks for them.

use kith_client::{LinkWordsError, PHRASE_WORDS, link_words, read_link_words};
use kith_wire::id::LinkSecret;

use crate::failure::Failure;

/// Writes the words of a link.
pub(crate) fn to_words(secret: &LinkSecret) -> String {
    link_words(secret.expose()).join(" ")
}

/// Reads words as somebody typed them.
pub(crate) fn from_words(text: &str) -> Result<LinkSecret, Failure> {
    let read = read_link_words(text).map_err(|error| Failure::new("bad_words", message(&error, text), hint(&error)))?;
    Ok(LinkSecret::new(*read))
}

/// Says which word it is, by its place: it was typed among twelve.
fn message(error: &LinkWordsError, text: &str) -> String {
    let LinkWordsError::UnknownWord { typed } = error else { return error.to_string() };
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    match words.position(|word| word.to_lowercase() == *typed) {
        Some(place) => format!("word {}, {typed}, is none of the words that links have", place + 1),
        None => error.to_string(),
    }
}

fn hint(error: &LinkWordsError) -> &'static str {
    match error {
        LinkWordsError::WrongCount { found: PHRASE_WORDS } => {
            "a recovery phrase has so many: type it nowhere but where `kith restore` asks for it, and here the twelve words of the other device"
        }
        _ => "read them once more from the other device, and type all twelve in their order",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_wrong_are_told_as_such() {
        let secret = LinkSecret::new(*b"sixteen bytes ok");
        assert_eq!(from_words(&to_words(&secret)).unwrap().expose(), secret.expose());
        let failure = from_words("kitchenette").unwrap_err();
        assert_eq!((failure.code.as_str(), failure.message.contains("kitchenette")), ("bad_words", true));
        let slip = from_words("1. inflict 2. kitchenette").unwrap_err();
        assert!(slip.message.starts_with("word 2, kitchenette, is none"), "{}", slip.message);
        let phrase = from_words(&format!("{0} {0}", to_words(&secret))).unwrap_err();
        assert!(phrase.hint.starts_with("a recovery phrase has so many"), "{}", phrase.hint);
    }
}
