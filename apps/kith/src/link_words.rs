//! The words of a link, as `kith` shows them and asks for them.

use kith_client::{link_words, read_link_words};
use kith_wire::id::LinkSecret;

use crate::failure::Failure;

/// Writes the words of a link.
pub(crate) fn to_words(secret: &LinkSecret) -> String {
    link_words(secret.expose()).join(" ")
}

/// Reads words as somebody typed them.
pub(crate) fn from_words(text: &str) -> Result<LinkSecret, Failure> {
    let read = read_link_words(text).map_err(|error| {
        let hint = "read them once more from the other device, and type all twelve in their order";
        Failure::new("bad_words", error.to_string(), hint)
    })?;
    Ok(LinkSecret::new(*read))
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
    }
}
