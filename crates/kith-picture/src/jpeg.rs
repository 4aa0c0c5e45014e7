//! JPEG (ITU T.81): a row of segments, each with a marker; the picture's bits follow a "start of scan".

use crate::exif::{self, Turn};
use crate::reading::{take, take_array};
use crate::{Cleaned, Written};

/// How every JPEG starts.
pub(crate) const START: &[u8] = &[0xff, 0xd8];

const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const COMMENT: u8 = 0xfe;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
const APP13: u8 = 0xed;
const APP14: u8 = 0xee;

const JFIF: &[u8] = b"JFIF\0";
/// Bytes of JFIF up to the size of the small picture inside.
const JFIF_LEN: usize = 12;

/// Copies everything up to the end of the image except segments that are about it; what follows the end (films,
/// second pictures) is dropped.
pub(crate) fn clean(bytes: &[u8]) -> Option<Cleaned> {
    let mut rest = bytes;
    let mut cleaned = Cleaned::with_room_for(bytes);
    let mut turn = None;
    cleaned.keep(take(&mut rest, START.len())?);
    loop {
        let marker = next_marker(&mut rest)?;
        if marker == END_OF_IMAGE {
            cleaned.keep(&[0xff, END_OF_IMAGE]);
            cleaned.leave_out_tail(rest);
            return Some(cleaned);
        }
        if is_alone(marker) {
            cleaned.keep(&[0xff, marker]);
            continue;
        }
        let length = usize::from(u16::from_be_bytes(take_array(&mut rest)?)).checked_sub(2)?;
        let content = take(&mut rest, length)?;
        segment(&mut cleaned, marker, content, &mut turn)?;
        if marker == START_OF_SCAN {
            let length = length_of_bits(rest)?;
            cleaned.keep(take(&mut rest, length)?);
        }
    }
}

/// Keeps a segment, or as much of it as the picture needs. `turn` is how it is turned, once that was said.
fn segment(cleaned: &mut Cleaned, marker: u8, content: &[u8], turn: &mut Option<Turn>) -> Option<()> {
    match marker {
        APP0 if content.starts_with(JFIF) => {
            // It ends with a small picture, which shows what was cut off since.
            let about = content.get(..JFIF_LEN)?;
            if content.get(JFIF_LEN..)? != [0, 0] {
                cleaned.leave_out(Written::More);
            }
            write(cleaned, marker, &[about, &[0, 0]].concat())
        }
        APP1 if content.starts_with(exif::NAME) => {
            let tiff = content.get(exif::NAME.len()..)?;
            let found = exif::read(tiff);
            exif::leave_out(cleaned, tiff, &found);
            match found.turn.filter(|_| turn.is_none()) {
                None => Some(()),
                Some(found) => {
                    *turn = Some(found);
                    write(cleaned, marker, &[exif::NAME, &found.written()].concat())
                }
            }
        }
        APP2 if content.starts_with(b"ICC_PROFILE\0") => write(cleaned, marker, content),
        APP14 if content.starts_with(b"Adobe") => write(cleaned, marker, content),
        APP1 | APP13 | COMMENT => {
            cleaned.leave_out_words(content);
            Some(())
        }
        // Frames, tables and scans, as T.81 and its extensions number them.
        0xc0..=0xcf | START_OF_SCAN..=0xdf => write(cleaned, marker, content),
        _ => {
            cleaned.leave_out(Written::More);
            Some(())
        }
    }
}

fn write(cleaned: &mut Cleaned, marker: u8, content: &[u8]) -> Option<()> {
    let length = u16::try_from(content.len().checked_add(2)?).ok()?;
    cleaned.keep(&[0xff, marker]);
    cleaned.keep(&length.to_be_bytes());
    cleaned.keep(content);
    Some(())
}

/// Markers may be filled up with any number of 0xff in front.
fn next_marker(rest: &mut &[u8]) -> Option<u8> {
    if take(rest, 1)? != [0xff] {
        return None;
    }
    loop {
        match take(rest, 1)? {
            [0xff] => {}
            [0] => return None,
            [marker] => return Some(*marker),
            _ => return None,
        }
    }
}

/// Markers without a segment behind them.
fn is_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xd0..=0xd7)
}

/// The bits of a scan reach to the next marker that is neither a stuffed zero nor a restart.
fn length_of_bits(rest: &[u8]) -> Option<usize> {
    rest.windows(2).position(|pair| matches!(pair, [0xff, second] if !matches!(second, 0 | 0xd0..=0xd7 | 0xff)))
}
