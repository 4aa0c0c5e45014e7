//! Names and sentences, as people read them.

use kith_engine::{ContactView, Direction, MessageState, MessageView};
use kith_wire::Timestamp;

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

/// Says for how long no device of the contact has confirmed what the home server took: whoever wrote it may want to ask in another way. Why, nobody
/// knows here. Nothing while one tick says enough.
pub(crate) fn unconfirmed(message: &MessageView, now: Timestamp) -> String {
    let days = now.0.saturating_sub(message.sent.0) / DAY_MS;
    let is_news =
        message.direction == Direction::Out && message.state == MessageState::Accepted && days >= PATIENCE_DAYS;
    if is_news { format!(" not confirmed for {days} days") } else { String::new() }
}

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Most people are online within a week. After sixty days a message has expired (KE-15).
const PATIENCE_DAYS: u64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_with_a_large_letter() {
        assert_eq!(sentence("éa link has twelve words."), "Éa link has twelve words.");
        assert_eq!((sentence(""), sentence("24 words.")), (String::new(), "24 words.".to_owned()));
    }
}
