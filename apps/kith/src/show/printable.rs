//! Text of others, made harmless for a terminal.
//!
//! A terminal obeys control characters; other characters turn the direction of what follows, break the line, or cannot be
//! seen at all, so that two texts look the same and are not. Joiners, variation selectors and tags stay where scripts and
//! emoji need them. What programs get is untouched: `--json` escapes what must be escaped and nothing else.

/// Returns a text for a terminal. Line breaks stay, indented, so that no text can pretend to be the next line.
pub(crate) fn printable(text: &str) -> String {
    harmless(text, "\n    ")
}

/// Returns a name for a terminal or a file system: one line, whatever is in it.
pub(crate) fn one_line(text: &str) -> String {
    harmless(text, " ")
}

/// Returns whether nothing of a name would be seen.
pub(crate) fn is_blank(name: &str) -> bool {
    one_line(name).trim().is_empty()
}

fn harmless(text: &str, line_break: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // What was kept last decides whether something invisible may follow it.
    let mut last = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_kept = match kind(letter) {
            Kind::Break => {
                out.push_str(line_break);
                last = None;
                continue;
            }
            Kind::Space => {
                out.push(' ');
                last = None;
                continue;
            }
            Kind::Control => {
                out.push('\u{fffd}');
                last = None;
                continue;
            }
            Kind::Hidden => false,
            Kind::Joiner => is_seen(last) && is_seen(letters.peek().copied()),
            Kind::Selector => is_seen(last) && last.map(kind) != Some(Kind::Selector),
            Kind::Tag => last.is_some_and(|last| last == FLAG || kind(last) == Kind::Tag),
            Kind::Seen => true,
        };
        if is_kept {
            out.push(letter);
            last = Some(letter);
        }
    }
    out
}

/// What a character does on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Ends a line.
    Break,
    /// Moves on without being a letter.
    Space,
    /// Commands the terminal.
    Control,
    /// Is not seen, and changes what is.
    Hidden,
    /// Joins two letters, or keeps them apart.
    Joiner,
    /// Chooses the look of the letter before.
    Selector,
    /// Spells the region of a flag.
    Tag,
    /// Is seen.
    Seen,
}

/// Sorts a character: the general categories Cf, Zl and Zp of Unicode 16, and the letters that are drawn as nothing.
/// The marks that stand before Arabic, Kaithi or Syriac numbers are of Cf too, but they are seen.
fn kind(letter: char) -> Kind {
    match letter {
        '\n' | '\u{2028}' | '\u{2029}' => Kind::Break,
        '\t' => Kind::Space,
        '\u{200c}' | '\u{200d}' => Kind::Joiner,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Kind::Selector,
        '\u{e0020}'..='\u{e007f}' => Kind::Tag,
        // Soft hyphen, joiner of graphemes, fillers.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => {
            Kind::Hidden
        }
        // Marks, embeddings, overrides and isolates of direction; spaces and operators without width.
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => Kind::Hidden,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' => Kind::Hidden,
        // Controls of shorthand and of music, and the rest of the plane of tags.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => Kind::Hidden,
        letter if letter.is_control() => Kind::Control,
        _ => Kind::Seen,
    }
}

/// Returns whether a joiner or a selector may stand beside this: emoji have selectors before joiners.
fn is_seen(letter: Option<char>) -> bool {
    letter.is_some_and(|letter| !letter.is_whitespace() && matches!(kind(letter), Kind::Seen | Kind::Selector))
}

/// The flag that tags may follow: England, Scotland, Wales.
const FLAG: char = '\u{1f3f4}';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_commanded() {
        assert_eq!(printable("a\u{7}\u{1b}[2Jb\u{9b}c\u{85}d\rE"), "a\u{fffd}\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}E");
        assert_eq!(printable("a\tb"), "a b");
    }

    #[test]
    fn every_line_break_is_indented_or_gone() {
        assert_eq!(printable("a\nb\u{2028}c\u{2029}d"), "a\n    b\n    c\n    d");
        assert_eq!(one_line("a\nb\u{2028}c\u{2029}d"), "a b c d");
    }

    #[test]
    fn nothing_turns_direction_and_nothing_hides() {
        let hidden = "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200e}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\
            \u{2066}\u{2069}\u{206f}\u{3164}\u{feff}\u{fff9}\u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e007f}";
        for letter in hidden.chars() {
            assert_eq!(printable(&format!("a{letter}b")), "ab", "{letter:?}");
        }
    }

    #[test]
    fn scripts_and_emoji_stay_whole() {
        for text in [
            "👩‍👩‍👧",
            "❤️‍🔥",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "葛\u{e0100}",
            "\u{600}١٢",
            "שלום",
            "e\u{301}",
            "1️⃣",
        ] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn joiners_selectors_and_tags_on_their_own_are_gone() {
        for (text, shown) in [
            ("\u{200d}a\u{200d}", "a"),
            ("a\u{200c}\u{200c}b", "a\u{200c}b"),
            ("a \u{200d} b", "a  b"),
            ("\u{fe0f}a", "a"),
            ("a\u{fe0f}\u{fe01}b", "a\u{fe0f}b"),
            ("a\u{e0067}b", "ab"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
    }
}
