//! GIF (89a): a head, then pictures and extensions in blocks of up to 255 bytes.

use crate::reading::{take, take_array};
use crate::{Cleaned, Written};

const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const END: u8 = 0x3b;

const PLAIN_TEXT: u8 = 0x01;
const GRAPHICS: u8 = 0xf9;
const COMMENT: u8 = 0xfe;
const APPLICATION: u8 = 0xff;

/// What says how often a moving picture begins again.
const KEPT: [&[u8]; 2] = [b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0"];
/// Where XMP is put.
const XMP: &[u8] = b"\x0bXMP DataXMP";

/// Signature, size of the screen, and what belongs to it, up to the table of colours.
const HEAD_LEN: usize = 13;
/// Where a picture lies, and what belongs to it, up to its table of colours.
const PICTURE_LEN: usize = 9;

/// Whether a file starts like one.
pub(crate) fn is_one(start: &[u8]) -> bool {
    start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a")
}

/// Copies pictures, and the extensions that change how they look; what follows the end is dropped.
pub(crate) fn clean(bytes: &[u8]) -> Option<Cleaned> {
    let mut rest = bytes;
    let mut cleaned = Cleaned::with_room_for(bytes);
    let head = take(&mut rest, HEAD_LEN)?;
    cleaned.keep(head);
    cleaned.keep(take(&mut rest, colours(*head.get(10)?))?);
    loop {
        let [sort] = take_array(&mut rest)?;
        match sort {
            END => {
                cleaned.keep(&[END]);
                cleaned.leave_out_tail(rest);
                return Some(cleaned);
            }
            PICTURE => picture(&mut cleaned, &mut rest)?,
            EXTENSION => extension(&mut cleaned, &mut rest)?,
            _ => return None,
        }
    }
}

fn picture(cleaned: &mut Cleaned, rest: &mut &[u8]) -> Option<()> {
    let about = take(rest, PICTURE_LEN)?;
    cleaned.keep(&[PICTURE]);
    cleaned.keep(about);
    cleaned.keep(take(rest, colours(*about.last()?))?);
    // The size of the first code, then the picture's bits.
    cleaned.keep(take(rest, 1)?);
    cleaned.keep(blocks(rest)?);
    Some(())
}

fn extension(cleaned: &mut Cleaned, rest: &mut &[u8]) -> Option<()> {
    let [label] = take_array(rest)?;
    let content = blocks(rest)?;
    let is_kept = match label {
        GRAPHICS | PLAIN_TEXT => true,
        APPLICATION => KEPT.iter().any(|name| content.starts_with(name)),
        _ => false,
    };
    if is_kept {
        cleaned.keep(&[EXTENSION, label]);
        cleaned.keep(content);
    } else if label == COMMENT || content.starts_with(XMP) {
        cleaned.leave_out_words(content);
    } else {
        cleaned.leave_out(Written::More);
    }
    Some(())
}

/// Takes blocks, each with its length in front, up to the empty one that ends them.
fn blocks<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *rest;
    loop {
        let [length] = take_array(rest)?;
        take(rest, usize::from(length))?;
        if length == 0 {
            return whole.get(..whole.len().checked_sub(rest.len())?);
        }
    }
}

/// How long the table of colours is, as the byte in front of it says.
fn colours(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}
