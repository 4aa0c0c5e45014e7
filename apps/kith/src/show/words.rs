//! Names and sentences, as people read them.

use kith_engine::ContactView;

use super::one_line;
use crate::context::contact_id;

/// Returns the name of a contact, with its id where another one is called the same.
pub(crate) fn name_among(contact: &ContactView, all: &[ContactView]) -> String {
    let name = one_line(&contact.name);
    let is_double = all.iter().any(|other| other.id != contact.id && other.name == contact.name);
    if is_double { format!("{name} ({})", contact_id(contact.id)) } else { name }
}

/// Begins with a large letter.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_with_a_large_letter() {
        assert_eq!(sentence("éa link has twelve words."), "Éa link has twelve words.");
        assert_eq!((sentence(""), sentence("24 words.")), (String::new(), "24 words.".to_owned()));
    }
}
