//! Small pictures: beside the preview of a page, and the one that a person has chosen for a contact.

use crate::limits::MAX_PICTURE_BYTES;

/// Whether these bytes are a JPEG (ITU T.81) that is small, also when it is decoded: whoever sees it decodes it.
#[must_use]
pub fn is_small(bytes: &[u8]) -> bool {
    let has_small_sides =
        |(height, width): (u16, u16)| (1..=MAX_SIDE).contains(&height) && (1..=MAX_SIDE).contains(&width);
    bytes.len() <= MAX_PICTURE_BYTES && size_of(bytes).is_some_and(has_small_sides)
}

/// Pixels of a side, at most.
pub const MAX_SIDE: u16 = 512;

/// Returns height and width; nothing unless there is one head of a frame, before the first scan, and an end behind it.
///
/// Before the scan only segments are taken whose length every decoder reads in the same way (T.81, table B.1): others have none, or are passed
/// over in different ways, and a second head could hide in what one of the two takes for a segment.
fn size_of(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    let mut size = None;
    loop {
        let ([0xff, marker], behind) = rest.split_first_chunk::<2>()? else { return None };
        let length = usize::from(u16::from_be_bytes(*behind.first_chunk::<2>()?));
        let (segment, behind) = behind.split_at_checked(length).filter(|_| length >= 2)?;
        match *marker {
            BASELINE..=PROGRESSIVE => {
                let [_, _, _, high, low, wide, narrow] = *segment.first_chunk::<7>()?;
                let found = (u16::from_be_bytes([high, low]), u16::from_be_bytes([wide, narrow]));
                size = Some(found).filter(|_| size.is_none());
                size?;
            }
            // What follows is the picture, in which no second head may hide.
            SCAN => {
                let hides = behind.windows(2).any(|pair| matches!(pair, [0xff, marker] if is_frame(*marker)));
                return size.filter(|_| !hides && behind.ends_with(&[0xff, 0xd9]));
            }
            HUFFMAN_TABLES | QUANTISATION_TABLES | RESTARTS | APPLICATION..=LAST_APPLICATION | COMMENT => {}
            _ => return None,
        }
        rest = behind;
    }
}

const BASELINE: u8 = 0xc0;
const PROGRESSIVE: u8 = 0xc2;
const HUFFMAN_TABLES: u8 = 0xc4;
const SCAN: u8 = 0xda;
const QUANTISATION_TABLES: u8 = 0xdb;
const RESTARTS: u8 = 0xdd;
const APPLICATION: u8 = 0xe0;
const LAST_APPLICATION: u8 = 0xef;
const COMMENT: u8 = 0xfe;

/// Heads of frames of all kinds, as T.81 numbers them.
const fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}
