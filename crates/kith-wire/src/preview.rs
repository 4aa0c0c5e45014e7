//! What a web page is about, as whoever sends its address tells: text and a small picture, so that the reader loads nothing.

use minicbor::{Decode, Encode};

use crate::picture;

/// Bytes of the address, at most.
const MAX_ADDRESS_BYTES: usize = 2048;
/// Characters of the title, at most.
pub const MAX_TITLE_CHARS: usize = 120;
/// Characters of the description, at most.
pub const MAX_DESCRIPTION_CHARS: usize = 280;

/// A preview of a page whose address stands in a text.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Preview {
    /// The address, as it stands in the text.
    #[n(0)]
    pub address: String,
    /// What the page is called.
    #[n(1)]
    pub title: String,
    /// What it says about itself; may be empty.
    #[n(2)]
    pub description: String,
    /// A small picture of it, a JPEG.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub picture: Option<Vec<u8>>,
}

/// What pages say about themselves tells what people talk about.
impl std::fmt::Debug for Preview {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Preview(…)")
    }
}

impl Preview {
    /// Returns what of a preview may stand beside a text (KE-117): nothing unless it is about an address in the text, small, and plain text; and
    /// without its picture when that is none.
    #[must_use]
    pub fn fitting(self, text: &str) -> Option<Self> {
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        let is_about_the_text = self.address.starts_with("https://") && stands_alone(&self.address, text);
        let is_small = self.address.len() <= MAX_ADDRESS_BYTES
            && self.title.chars().count() <= MAX_TITLE_CHARS
            && self.title.chars().any(is_seen)
            && self.description.chars().count() <= MAX_DESCRIPTION_CHARS;
        let fits = is_about_the_text
            && is_small
            && [&self.address, &self.title, &self.description].into_iter().all(|text| is_plain(text));
        fits.then(|| Self { picture: self.picture.filter(|bytes| picture::is_small(bytes)), ..self })
    }
}

/// Whether an address is a word of the text, with nothing beside it but brackets, quotation marks and what ends sentences: as the beginning of
/// another one it leads elsewhere.
fn stands_alone(address: &str, text: &str) -> bool {
    text.match_indices(address).any(|(place, _)| {
        let before = text.get(..place).unwrap_or_default();
        let behind = text.get(place..).and_then(|rest| rest.strip_prefix(address)).unwrap_or_default();
        let is_beside = |sign: char| BESIDE.contains(sign);
        let is_begin = before.trim_end_matches(is_beside).chars().next_back().is_none_or(char::is_whitespace);
        is_begin && behind.trim_start_matches(is_beside).chars().next().is_none_or(char::is_whitespace)
    })
}

/// Signs that may stand beside an address and are no part of it.
const BESIDE: &str = "()[]{}<>\"'“”‘’„«».,;:!?…*_~،؛؟。、";

/// Whether a sign is seen: no space, and none of those that have no width, or only turn a line round.
pub fn is_seen(sign: char) -> bool {
    let is_unseen = matches!(sign,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}');
    !is_unseen && !sign.is_whitespace() && !sign.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_PICTURE_BYTES;

    fn preview(address: &str, picture: Option<Vec<u8>>) -> Preview {
        Preview { address: address.to_owned(), title: "Plum cake".to_owned(), description: String::new(), picture }
    }

    #[test]
    fn ke_117_an_address_is_a_word_of_its_text() {
        let bank = "https://bank.example";
        let fits = |text: &str| preview(bank, None).fitting(text).is_some();
        for text in [
            "https://bank.example",
            "See (https://bank.example).",
            "“https://bank.example”, she said",
            "https://bank.example.evil https://bank.example!",
        ] {
            assert!(fits(text), "{text}");
        }
        for text in [
            "https://bank.example.evil.example/",
            "https://bank.example@evil.example",
            "https://bank.example-sign-in.example",
            "https://bank.example/a",
            "https://evil.example/?https://bank.example",
            "xhttps://bank.example",
            "bank.example",
        ] {
            assert!(!fits(text), "{text}");
        }
    }

    #[test]
    fn ke_117_a_title_is_seen() {
        for title in ["", " ", "\u{200b}", "\u{3164}\u{61c}", "\u{e0041}"] {
            let preview = Preview { title: title.to_owned(), ..preview("https://a.example", None) };
            assert_eq!(preview.fitting("https://a.example"), None, "{title:?}");
        }
    }

    fn jpeg(heads: &[(u16, u16)], hidden: &[u8]) -> Vec<u8> {
        let head = |(high, wide): &(u16, u16)| {
            [&[0xff, 0xc2, 0, 11, 8], high.to_be_bytes().as_slice(), &wide.to_be_bytes(), &[1, 1, 0x11, 0]].concat()
        };
        let heads: Vec<u8> = heads.iter().flat_map(head).collect();
        let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3].as_slice();
        [[0xff, 0xd8].as_slice(), &heads, scan, hidden, &[0xff, 0xd9]].concat()
    }

    #[test]
    fn ke_117_a_picture_is_small_when_it_is_decoded() {
        let is_kept = |picture: Vec<u8>| {
            let preview = preview("https://a.example", Some(picture)).fitting("https://a.example");
            preview.unwrap().picture.is_some()
        };
        assert!(is_kept(jpeg(&[(512, 512)], &[])));
        for heads in [[(513, 1)].as_slice(), &[(1, 11_000)], &[(0, 8)], &[], &[(8, 8), (8, 8)]] {
            assert!(!is_kept(jpeg(heads, &[])), "{heads:?}");
        }
        assert!(!is_kept(jpeg(&[(8, 8)], &[0xff, 0xc0, 0, 11])), "a second head behind the scan");
        // What some decoders take for a segment and others do not: a large head hides from those who do, and the small one from the others.
        let large = [0xff, 0xc0, 0, 11, 8, 0x3e, 0x80, 0x3e, 0x80, 1, 1, 0x11, 0, 0xff, 0xfe, 0, 15];
        let small = [0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
        let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xff, 0xd9];
        for marker in [0x00, 0x01, 0x02, 0xc8, 0xcc, 0xd0, 0xd7, 0xd8, 0xd9, 0xdc, 0xde, 0xdf, 0xf0, 0xff] {
            let hides = [&[0xff, 0xd8, 0xff, marker, 0, 19], large.as_slice(), &small, &scan].concat();
            assert!(!is_kept(hides), "{marker:x}");
        }
        assert!(
            is_kept([&[0xff, 0xd8, 0xff, 0xe1, 0, 19], large.as_slice(), &small, &scan].concat()),
            "EXIF is passed over by all"
        );
        assert!(
            !is_kept([&[0xff, 0xd8, 0xff, 0xdb, 0, 1], small.as_slice(), &scan].concat()),
            "a length without itself"
        );
        let whole = jpeg(&[(8, 8)], &[]);
        for length in 0..whole.len() {
            assert!(!is_kept([&whole[..length], &[0xff, 0xd9]].concat()) || length >= whole.len() - 5, "{length}");
        }
        assert!(!is_kept([whole, vec![0; MAX_PICTURE_BYTES]].concat()));
    }
}
