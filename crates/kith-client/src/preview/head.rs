//! What a page says about itself in its head: `og:` words, the usual description, and the title. Pages are anybody's: they are cut into tokens,
//! never followed, never run.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{HtmlString, StartTag, Token, Tokenizer};
use kith_wire::preview::{MAX_DESCRIPTION_CHARS, MAX_TITLE_CHARS, is_seen};

/// What a page is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// What it is called.
    pub(super) title: String,
    /// What it says about itself; may be empty.
    pub(super) description: String,
    /// A picture, as the page names it.
    pub(super) picture: Option<String>,
}

/// Bytes of a title that are looked at: what is behind them would be cut off anyway.
const MAX_TITLE_BYTES: usize = 4096;

/// Reads the head of a page; nothing when it does not say what it is called, or is not in UTF-8.
pub(super) fn read(bytes: &[u8]) -> Option<About> {
    let html = text_of(bytes)?;
    let mut emitter = DefaultEmitter::default();
    // The text of titles, scripts and styles is not markup.
    emitter.naively_switch_states(true);
    let mut found = Found::default();
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        if !found.take(token) {
            break;
        }
    }
    let title = [&found.og_title, &found.title]
        .into_iter()
        .map(|text| plain(text, MAX_TITLE_CHARS))
        .find(|text| !text.is_empty())?;
    let description =
        [&found.og_description, &found.description].into_iter().map(|text| plain(text, MAX_DESCRIPTION_CHARS));
    let description = description.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    Some(About { title, description, picture: Some(found.picture).filter(|picture| !picture.is_empty()) })
}

/// The text of a page of which only the first bytes were read, perhaps; nothing when it is in another encoding.
fn text_of(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok(),
        Err(_) => None,
    }
}

#[derive(Default)]
struct Found {
    og_title: String,
    title: String,
    og_description: String,
    description: String,
    picture: String,
    is_in_title: bool,
}

impl Found {
    /// Takes a token in. Returns whether the head goes on.
    fn take(&mut self, token: Token) -> bool {
        match token {
            Token::StartTag(tag) if tag.name.as_slice() == b"meta" => self.meta(&tag),
            // Drawings inside of the page have titles, too; the head's comes first.
            Token::StartTag(tag) if tag.name.as_slice() == b"title" => self.is_in_title = self.title.is_empty(),
            Token::StartTag(tag) if tag.name.as_slice() == b"body" => return false,
            Token::EndTag(tag) if tag.name.as_slice() == b"title" => self.is_in_title = false,
            Token::EndTag(tag) if tag.name.as_slice() == b"head" => return false,
            Token::String(text) if self.is_in_title && self.title.len() < MAX_TITLE_BYTES => {
                self.title.push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
        true
    }

    fn meta(&mut self, tag: &StartTag<()>) {
        let said = |name: &[u8]| {
            tag.attributes.get(&HtmlString(name.to_vec())).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let (Some(name), Some(content)) = (said(b"property").or_else(|| said(b"name")), said(b"content")) else {
            return;
        };
        let place = match name.to_ascii_lowercase().as_str() {
            "og:title" => &mut self.og_title,
            "og:description" => &mut self.og_description,
            "description" => &mut self.description,
            "og:image" | "og:image:url" | "og:image:secure_url" => &mut self.picture,
            _ => return,
        };
        if place.is_empty() {
            *place = content;
        }
    }
}

/// A text in one line, without signs that are not seen or turn the line round, and so short.
fn plain(text: &str, max_chars: usize) -> String {
    let seen = text.split(|sign: char| sign.is_whitespace() || sign.is_control());
    let words: Vec<String> =
        seen.map(|word| word.chars().filter(|sign| is_seen(*sign) || JOINERS.contains(sign)).collect()).collect();
    let line = words.into_iter().filter(|word| word.chars().any(is_seen)).collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max_chars {
        return line;
    }
    let mut cut: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Signs by which letters and emoji are joined, parted or coloured.
const JOINERS: [char; 3] = ['\u{200c}', '\u{200d}', '\u{fe0f}'];
