//! Whom somebody who came back from a backup is not back with yet: for programs in one word, for people with what is waited for.

use kith_engine::{ContactState, ContactView, Restoring};

use super::number;

/// Names for programs how far a contact is.
pub(crate) const fn return_code(restoring: Restoring) -> &'static str {
    match restoring {
        Restoring::NeedsPassword => "needs_password",
        Restoring::Told => "told",
        Restoring::Unanswered => "unanswered",
        Restoring::NeedsCard => "needs_card",
    }
}

/// Says it in a few words, for a list of contacts.
pub(crate) const fn return_briefly(restoring: Restoring) -> &'static str {
    match restoring {
        Restoring::NeedsPassword => {
            "does not know yet that you are back, and is told after `kith sync`; messages wait until then"
        }
        Restoring::Told => {
            "hears within six hours that you are back, or at once when you write; messages wait for their answer"
        }
        Restoring::Unanswered => {
            "was told days ago that you are back, and does not answer: they are away, or SOMEBODY CAME BACK FROM THIS BACKUP BEFORE YOU, \
             so ask them by another way"
        }
        Restoring::NeedsCard => "needs a new card",
    }
}

/// Returns the contacts that have not answered yet since the person came back.
pub(crate) fn not_back_with(contacts: &[ContactView]) -> Vec<&ContactView> {
    let waits = |contact: &&ContactView| contact.restoring.is_some() && contact.state != ContactState::Blocked;
    contacts.iter().filter(waits).collect()
}

/// Says how many there are, and where more is said; nothing when it is nobody.
pub(crate) fn return_line(n_contacts: usize) -> Option<String> {
    let have = match n_contacts {
        0 => return None,
        1 => "has",
        _ => "have",
    };
    let contacts = number(n_contacts, "contact");
    Some(format!("{contacts} {have} not answered yet since you came back; `kith contacts` says who, and what helps"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_of_a_return_that_is_over() {
        assert_eq!(return_line(0), None);
        assert!(return_line(1).unwrap().starts_with("one contact has not answered yet"));
        assert!(return_line(2).unwrap().starts_with("2 contacts have not answered yet"));
    }
}
