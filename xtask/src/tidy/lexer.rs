//! Separates code from comments and literals, so that checks do not stumble over words in prose.
//!
//! It is no parser: it knows where comments, strings and characters begin and end, and nothing else of Rust.

/// A source text in two layers of equal length. What belongs to the other layer, or is inside a literal, is blank.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Layers {
    /// Code without comments and without the insides of literals.
    pub(super) code: String,
    /// Comments, documentation included.
    pub(super) comments: String,
}

/// What a piece of text is.
#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Separates a source text. Offsets in both layers are offsets in the text.
pub(super) fn layers(text: &str) -> Layers {
    let mut layers = Layers { code: String::with_capacity(text.len()), comments: String::with_capacity(text.len()) };
    let mut rest = text;
    let mut before = ' ';
    while !rest.is_empty() {
        let (kind, length) = piece(rest, before);
        let (head, tail) = rest.split_at(length);
        push(&mut layers.code, head, matches!(kind, Kind::Code));
        push(&mut layers.comments, head, matches!(kind, Kind::Comment));
        before = head.chars().next_back().unwrap_or(' ');
        rest = tail;
    }
    layers
}

fn push(layer: &mut String, text: &str, is_shown: bool) {
    if is_shown {
        layer.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '\n' => layer.push('\n'),
            other => layer.extend(std::iter::repeat_n(' ', other.len_utf8())),
        }
    }
}

/// Tells what stands at the start of `rest`, and how many bytes of it.
fn piece(rest: &str, before: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if !is_word(before)
        && let Some(length) = raw_string(rest)
    {
        return (Kind::Literal, length);
    }
    if rest.starts_with('"') {
        return (Kind::Literal, quoted(rest, '"'));
    }
    if rest.starts_with('\'') && is_character(rest) {
        return (Kind::Literal, quoted(rest, '\''));
    }
    (Kind::Code, rest.chars().next().map_or(1, char::len_utf8))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth += 1;
            2
        } else if tail.starts_with("*/") {
            depth -= 1;
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Returns the length of a raw string at the start, if there is one: `r"…"`, `br#"…"#`.
fn raw_string(rest: &str) -> Option<usize> {
    let after_prefix = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let body = after_prefix.trim_start_matches('#');
    let n_hashes = after_prefix.len() - body.len();
    let inside = body.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(n_hashes));
    let opening = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |at| opening + at + end.len()))
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            other if other == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Tells a character (`'a'`, `'\n'`) from a lifetime (`'a`).
fn is_character(rest: &str) -> bool {
    let mut characters = rest.chars().skip(1);
    match characters.next() {
        Some('\\') => true,
        Some(_) => characters.next() == Some('\''),
        None => false,
    }
}

/// Returns whether a character can be part of a name.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_layers(text: &str, code: &str, comments: &str) {
        let found = layers(text);
        assert_eq!((found.code.as_str(), found.comments.as_str()), (code, comments));
    }

    #[test]
    fn comments_leave_the_code() {
        assert_layers("a // b\nc", "a     \nc", "  // b\n ");
        assert_layers("a /* b /* c */ d */ e", "a                   e", "  /* b /* c */ d */  ");
    }

    #[test]
    fn literals_are_in_neither_layer() {
        assert_layers("f(\"// \\\" x\") // y", "f(         )     ", "             // y");
        assert_layers("r#\"a\" // b\"#;", "            ;", "             ");
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        assert_layers("<'a>('\"', '\\'')", "<'a>(   ,     )", "               ");
    }

    #[test]
    fn layers_keep_offsets_and_lines_of_any_text() {
        let text = "ä /* ö\nü */ \"é\nx\" 'ß'";
        let found = layers(text);
        assert_eq!((found.code.len(), found.comments.len()), (text.len(), text.len()));
        assert_eq!(found.code.lines().count(), text.lines().count());
    }
}
