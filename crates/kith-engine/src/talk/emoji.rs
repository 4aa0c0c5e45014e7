//! What a reaction may be: one emoji (KE-97).
//!
//! The shape is that of a possible emoji of Unicode's technical standard 51; the characters are given as ranges that later versions of
//! Unicode fill. Whether a screen has a picture for it is not asked.

use std::iter::Peekable;
use std::str::Chars;

/// Bytes of a reaction: the longest emoji that people send have 35.
const MAX_EMOJI_BYTES: usize = 64;

/// Joins several into one picture.
const JOINER: char = '\u{200d}';
/// Asks for the picture instead of the letter.
const AS_PICTURE: char = '\u{fe0f}';
/// Puts what stands before on a key.
const KEYCAP: char = '\u{20e3}';
/// Ends a row of tags.
const END_OF_TAGS: char = '\u{e007f}';

/// Returns whether a text is one emoji, or empty, which takes a reaction back.
pub(crate) fn is_reaction(text: &str) -> bool {
    text.is_empty() || text.len() <= MAX_EMOJI_BYTES && is_emoji(text)
}

fn is_emoji(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    loop {
        if !takes_element(&mut rest) {
            return false;
        }
        match rest.next() {
            None => return true,
            Some(JOINER) => {}
            Some(_) => return false,
        }
    }
}

/// Takes what may stand alone or between joiners. Returns whether it was there.
fn takes_element(rest: &mut Peekable<Chars<'_>>) -> bool {
    match rest.next() {
        Some(first) if is_region(first) => rest.next_if(|next| is_region(*next)).is_some(),
        Some('0'..='9' | '#' | '*') => {
            rest.next_if_eq(&AS_PICTURE);
            rest.next_if_eq(&KEYCAP).is_some()
        }
        Some(first) if is_picture(first) => takes_modification(rest),
        _ => false,
    }
}

/// Takes a tone of skin, the wish for a picture, or tags, where there is one of these. Returns whether it is whole.
fn takes_modification(rest: &mut Peekable<Chars<'_>>) -> bool {
    if rest.next_if(|next| matches!(next, '\u{1f3fb}'..='\u{1f3ff}')).is_some() {
        return true;
    }
    if rest.next_if_eq(&AS_PICTURE).is_some() {
        rest.next_if_eq(&KEYCAP);
        return true;
    }
    let mut is_tagged = false;
    while rest.next_if(|next| matches!(next, '\u{e0020}'..='\u{e007e}')).is_some() {
        is_tagged = true;
    }
    !is_tagged || rest.next_if_eq(&END_OF_TAGS).is_some()
}

/// One of the letters of which two are a flag.
const fn is_region(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}')
}

const fn is_picture(character: char) -> bool {
    let is_in_planes = matches!(character, '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1faff}');
    let is_symbol = matches!(
        character,
        '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}' | '\u{2b00}'..='\u{2bff}'
    );
    is_in_planes
        || is_symbol
        || matches!(character, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | 'Ⓜ' | '〰' | '〽' | '㊗' | '㊙')
}

#[cfg(test)]
mod tests {
    use super::is_reaction;

    #[test]
    fn ke_97_one_emoji_of_any_shape_is_a_reaction_and_so_is_nothing() {
        let england = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        let family = "👨🏿\u{200d}👩🏽\u{200d}👧🏻\u{200d}👦🏼";
        for text in [
            "",
            "👍",
            "👍🏽",
            "❤",
            "❤\u{fe0f}",
            "❤\u{fe0f}\u{200d}🔥",
            "🇨🇭",
            "7\u{fe0f}\u{20e3}",
            england,
            family,
            "🫠",
            "☑",
        ] {
            assert!(is_reaction(text), "{text:?}");
        }
    }

    #[test]
    fn ke_97_words_letters_several_emoji_and_what_changes_the_line_are_no_reaction() {
        let tower = format!("e{}", "\u{301}".repeat(20));
        let unended = "🏴\u{e0067}\u{e0062}";
        let long = "🔥\u{200d}".repeat(9) + "🔥";
        let not = [
            "ok",
            "7",
            "👍👍",
            "👍 ",
            " ",
            "\u{202e}👍",
            "👍\u{202e}",
            "\n",
            "🇨",
            "🇨🇭🇨🇭",
            "👍\u{200d}",
            "\u{200d}👍",
            "\u{fe0f}",
            "👍🏽🏽",
            "\u{301}",
            "👍\u{301}",
            &tower,
            unended,
            &long,
        ];
        for text in not {
            assert!(!is_reaction(text), "{text:?}");
        }
    }
}
