//! PNG (ISO 15948): a signature and a row of chunks, each with length, name and check sum.

use crate::exif::{self, Turn};
use crate::reading::{take, take_array};
use crate::{Cleaned, Written};

/// How every PNG starts.
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

const CHECK_SUM_LEN: usize = 4;

/// What is needed to show the picture, what changes how it looks, and what makes it move.
const KEPT: [&[u8; 4]; 18] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs",
    b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL", b"fdAT",
];

/// Copies the chunks that are needed to show the picture; what follows the last one is dropped.
pub(crate) fn clean(bytes: &[u8]) -> Option<Cleaned> {
    let mut rest = bytes;
    let mut cleaned = Cleaned::with_room_for(bytes);
    let mut turn = None;
    cleaned.keep(take(&mut rest, SIGNATURE.len())?);
    loop {
        let length: [u8; 4] = take_array(&mut rest)?;
        let name: [u8; 4] = take_array(&mut rest)?;
        let content = take(&mut rest, usize::try_from(u32::from_be_bytes(length)).ok()?)?;
        let check_sum = take(&mut rest, CHECK_SUM_LEN)?;
        if KEPT.contains(&&name) {
            for part in [&length, name.as_slice(), content, check_sum] {
                cleaned.keep(part);
            }
        } else {
            other(&mut cleaned, &name, content, &mut turn)?;
        }
        if &name == b"IEND" {
            cleaned.leave_out_tail(rest);
            return Some(cleaned);
        }
    }
}

/// Leaves a chunk out, but for how the picture is turned. `turn` is that, once it was said.
fn other(cleaned: &mut Cleaned, name: &[u8; 4], content: &[u8], turn: &mut Option<Turn>) -> Option<()> {
    match name {
        b"eXIf" => {
            let found = exif::read(content);
            exif::leave_out(cleaned, content, &found);
            if let Some(found) = found.turn.filter(|_| turn.is_none()) {
                *turn = Some(found);
                let written = found.written();
                cleaned.keep(&u32::try_from(written.len()).ok()?.to_be_bytes());
                let named = [name.as_slice(), &written].concat();
                cleaned.keep(&named);
                cleaned.keep(&check_sum(&named).to_be_bytes());
            }
        }
        b"tIME" => cleaned.leave_out(Written::Camera),
        b"tEXt" | b"zTXt" | b"iTXt" => cleaned.leave_out_words(content),
        _ => cleaned.leave_out(Written::More),
    }
    Some(())
}

/// The check sum of a chunk: CRC-32 over name and content, bit by bit, because it is made for 30 bytes at most.
fn check_sum(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    });
    !sum
}
