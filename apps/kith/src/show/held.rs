//! Why what is written to a contact waits: for programs in one word, for people with what to do about it.

use kith_engine::Held;

/// Names the reason for programs.
pub(crate) fn held_code(held: Held) -> &'static str {
    match held {
        Held::NotNamed => "not_named",
        Held::NotMet => "not_met",
        Held::UnknownOwnList => "unknown_own_list",
        Held::ListRanOut => "list_ran_out",
        Held::ListsContradict => "lists_contradict",
        Held::Unanswered => "unanswered",
        _ => "other",
    }
}

/// Says the reason in a few words, for a list of contacts.
pub(crate) fn held_briefly(held: Held) -> &'static str {
    match held {
        Held::NotNamed => "waits for your password",
        Held::NotMet => "your devices have not met yet",
        Held::UnknownOwnList => "waits for another device of yours",
        Held::ListRanOut => "their list of devices has run out",
        Held::ListsContradict => "their lists of devices contradict each other",
        Held::Unanswered => "nobody answered: ask for another card",
        _ => "waits",
    }
}

/// Says why what is written to somebody waits, and what can be done.
pub(crate) fn held_words(held: Held, name: &str) -> String {
    match held {
        Held::NotNamed => format!(
            "What you write to {name} waits: your list of devices for {name} does not name this one yet. Any command with your password \
             here changes that, `kith sync` for instance."
        ),
        Held::NotMet => format!(
            "What you write to {name} waits: this device and {name}'s have not met yet. It goes out by itself when both of you have been online."
        ),
        Held::UnknownOwnList => format!(
            "What you write to {name} waits: {name} knows a newer list of your devices than this one does. Bring your other devices online \
             (`kith sync` on each); then it goes out. If you did not change your devices, look at `kith device list` on each."
        ),
        Held::ListRanOut => format!(
            "What you write to {name} waits: {name}'s list of devices has run out, because nobody has entered the password there for three \
             months. It goes out when {name} does; ask them to, by another way."
        ),
        Held::ListsContradict => format!(
            "What you write to {name} waits: {name}'s lists of devices contradict each other, which happens when somebody tries to add a \
             device. Ask {name} by another way, and give them a new card: `kith card new --name CONTACT`."
        ),
        Held::Unanswered => format!(
            "What you write to {name} waits: nobody has answered since the two of you began to be introduced. {name} may be away, or has no place for \
             your answer any more. Ask {name} for another card: `kith card accept CARD --name CONTACT`."
        ),
        _ => format!("What you write to {name} waits."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_says_who_waits_for_what() {
        let all = [
            Held::NotNamed,
            Held::NotMet,
            Held::UnknownOwnList,
            Held::ListRanOut,
            Held::ListsContradict,
            Held::Unanswered,
        ];
        let codes: std::collections::BTreeSet<_> = all.iter().map(|held| held_code(*held)).collect();
        assert_eq!(codes.len(), all.len());
        for held in all {
            let words = held_words(held, "Bela");
            assert!(words.starts_with("What you write to Bela waits: ") && words.len() > 100, "{words}");
        }
    }
}
