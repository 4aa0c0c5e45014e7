//! What somebody may have meant by a name that is not known.

/// Returns the candidate that differs least from `word`, when it differs little enough to be meant.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let measured = candidates.map(|candidate| (distance(word, candidate), candidate));
    let (letters, candidate) = measured.min_by_key(|(letters, _)| *letters)?;
    (letters <= candidate.chars().count() / 3).then_some(candidate)
}

/// Letters that must be changed, added or left out to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    // Nobody means a name of ours by something much longer; so a long line costs no time.
    let one: Vec<char> = one.chars().take(LONGEST).collect();
    let other: Vec<char> = other.chars().collect();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut corner = std::mem::replace(&mut last[0], row + 1);
        for (column, wanted) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != wanted);
            corner = last[column + 1];
            last[column + 1] = changed.min(last[column] + 1).min(corner + 1);
        }
    }
    last[other.len()]
}

/// The longest name that is compared; ours have half of that.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_seen_and_another_word_is_not_taken_for_one() {
        let known = ["listen", "public_url", "registration", "limits.connections", "limits.connects_per_network"];
        for (typed, meant) in [
            ("listn", Some("listen")),
            ("publicurl", Some("public_url")),
            ("registraton", Some("registration")),
            ("limits.conections", Some("limits.connections")),
            ("limits.connects_per_net", Some("limits.connects_per_network")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), meant, "{typed}");
        }
        assert_eq!(nearest(&"listen".repeat(10_000), known.into_iter()), None);
    }
}
