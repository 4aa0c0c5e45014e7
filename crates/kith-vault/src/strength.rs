//! An honest guess at how long a password holds against somebody who has the folder.
//!
//! Argon2id makes each try costly; a thief with a hundred graphics cards is taken to make a hundred thousand a second. The guess counts what
//! a guesser counts: words, repeats, runs and years are cheap. It refuses nothing. The app guesses by the same rule
//! (`apps/web/src/lib/strength.ts`), and both are held to the same cases.

use std::collections::BTreeSet;

/// How well a password protects: how long such a thief needs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// No time: it is one of the first that anybody would try.
    Common,
    /// Less than a minute.
    Seconds,
    /// Less than an hour.
    Minutes,
    /// Less than a day.
    Hours,
    /// About a week.
    Days,
    /// Less than a year.
    Months,
    /// A few hundred years, which more patience and more machines make less.
    Years,
    /// Longer than anybody lives, whatever the thief has.
    Good,
}

/// Says how well a password protects.
pub(crate) fn of(password: &str) -> Strength {
    let plain = password.to_lowercase();
    if is_common(plain.trim_end_matches(|letter: char| letter.is_whitespace() || "!.?".contains(letter))) {
        return Strength::Common;
    }
    let bits = by_letters(password).min(by_words(password));
    let held = HOLDS.iter().find(|(_, most)| bits < *most);
    held.map_or(Strength::Good, |(strength, _)| *strength)
}

/// Bits that a guesser must try who goes letter by letter.
fn by_letters(password: &str) -> f64 {
    let letters: Vec<char> = password.chars().collect();
    let each = alphabet(&letters).log2();
    let mut bits = 0.0;
    let mut before = None;
    for letter in &letters {
        // Repeats and runs like 1234 add next to nothing.
        let is_run = before.is_some_and(|before: char| u32::from(before).abs_diff(u32::from(*letter)) <= 1);
        bits += if is_run { 0.5 } else { each };
        before = Some(*letter);
    }
    // A repeated half is guessed as the half.
    let (half, rest) = letters.split_at(letters.len() / 2);
    if half.len() > 2 && half == rest { bits / 2.0 + 1.0 } else { bits }
}

/// Letters among which each one is chosen.
fn alphabet(letters: &[char]) -> f64 {
    let has = |is: fn(char) -> bool| letters.iter().any(|letter| is(*letter));
    let mut size = 0.0;
    if has(|letter| letter.is_alphabetic() && !letter.is_uppercase()) {
        size += 26.0;
    }
    if has(char::is_uppercase) {
        size += 26.0;
    }
    if has(char::is_numeric) {
        size += 10.0;
    }
    if has(|letter| !letter.is_alphanumeric()) {
        size += 20.0;
    }
    f64::max(size, 10.0)
}

/// What a part of a password is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    Letters,
    Digits,
    Others,
}

fn made_of(letter: char) -> Made {
    if letter.is_alphabetic() {
        Made::Letters
    } else if letter.is_numeric() {
        Made::Digits
    } else {
        Made::Others
    }
}

/// Bits that a guesser must try who goes word by word.
fn by_words(password: &str) -> f64 {
    let letters: Vec<char> = password.chars().collect();
    let mut seen = BTreeSet::new();
    let mut bits = 0.0;
    for part in letters.chunk_by(|one, other| made_of(*one) == made_of(*other)) {
        let made = part.first().map_or(Made::Others, |letter| made_of(*letter));
        // Long strings without words are what the other count is for.
        if made == Made::Letters && part.len() >= UNLIKELY {
            return f64::INFINITY;
        }
        let plain = part.iter().collect::<String>().to_lowercase();
        bits += if seen.contains(&plain) { 1.0 } else { bits_of_part(part, &plain, made) };
        seen.insert(plain);
    }
    bits
}

fn bits_of_part(part: &[char], plain: &str, made: Made) -> f64 {
    let n_letters = u32::try_from(part.len()).map_or(f64::INFINITY, f64::from);
    match made {
        Made::Letters if part.len() <= 3 => n_letters * 5.7,
        Made::Letters if is_common(plain) => 6.0,
        Made::Letters => f64::min(13.0, n_letters * 4.2),
        Made::Digits if part.len() == 4 && (plain.starts_with("19") || plain.starts_with("20")) => 6.0,
        Made::Digits if is_common(plain) => 4.0,
        Made::Digits => f64::min(n_letters * 3.3, 26.0),
        Made::Others if plain == " " || plain == "-" => 0.5,
        Made::Others => n_letters * 4.3,
    }
}

fn is_common(plain: &str) -> bool {
    COMMON.split_whitespace().any(|common| common == plain)
}

/// What anybody would try first.
const COMMON: &str = "password passwort passw0rd motdepasse contraseña 123456 1234567 12345678 123456789 1234567890 qwerty qwertz azerty \
                      qwertyuiop qwertzuiop iloveyou letmein welcome admin monkey dragon football baseball sunshine princess master shadow \
                      superman hallo schatz bonjour kith secret abc123 111111 000000 123123 password1 hello";
/// Below how many bits a good guesser needs no longer: a hundred thousand a second are 2^22.5 in a minute, and so on.
const HOLDS: [(Strength, f64); 6] = [
    (Strength::Seconds, 22.5),
    (Strength::Minutes, 28.4),
    (Strength::Hours, 33.0),
    (Strength::Days, 36.0),
    (Strength::Months, 41.5),
    (Strength::Years, 50.0),
];
/// Letters in a row that are no word.
const UNLIKELY: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_as_in_the_app() {
        let cases: Vec<(String, String)> = serde_json::from_str(include_str!("strength/cases.json")).unwrap();
        assert!(cases.len() >= 18);
        for (password, strength) in cases {
            let judged = format!("{:?}", of(&password)).to_lowercase();
            assert_eq!(judged, strength, "{password:?}");
        }
    }

    #[test]
    fn no_text_is_too_long_or_too_strange_to_judge() {
        assert_eq!(of(&"é1 ".repeat(100_000)), Strength::Good);
        assert_eq!(of(&"\u{0}".repeat(100_000)), Strength::Good);
        assert_eq!(of("\u{1f512}"), Strength::Seconds);
    }
}
