//! JPEG (ITU T.81): a row of segments, each with a marker; the picture's bits follow a "start of scan".

use super::take;

/// How every JPEG starts.
pub(super) const START: &[u8] = &[0xff, 0xd8];

const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const COMMENT: u8 = 0xfe;
const APP0: u8 = 0xe0;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;

/// Copies everything up to the end of the image except segments that are about it; what follows the end (films,
/// second pictures) is dropped.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(take(&mut rest, START.len())?);
    loop {
        let marker = next_marker(&mut rest)?;
        if marker == END_OF_IMAGE {
            out.extend_from_slice(&[0xff, END_OF_IMAGE]);
            return Some(out);
        }
        if is_alone(marker) {
            out.extend_from_slice(&[0xff, marker]);
            continue;
        }
        let (length, _) = rest.split_first_chunk::<2>()?;
        let segment = take(&mut rest, usize::from(u16::from_be_bytes(*length)))?;
        if segment.len() < 2 {
            return None;
        }
        if is_kept(marker, segment.get(2..)?) {
            out.extend_from_slice(&[0xff, marker]);
            out.extend_from_slice(segment);
        }
        if marker == START_OF_SCAN {
            let length = length_of_bits(rest)?;
            let bits = take(&mut rest, length)?;
            out.extend_from_slice(bits);
        }
    }
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

/// Of the application segments only those stay that change the colours: JFIF, the colour profile and Adobe's.
fn is_kept(marker: u8, content: &[u8]) -> bool {
    match marker {
        APP0 => content.starts_with(b"JFIF\0"),
        APP2 => content.starts_with(b"ICC_PROFILE\0"),
        APP14 => content.starts_with(b"Adobe"),
        0xe1..=APP15 | COMMENT => false,
        _ => true,
    }
}

/// The bits of a scan reach to the next marker that is neither a stuffed zero nor a restart.
fn length_of_bits(rest: &[u8]) -> Option<usize> {
    rest.windows(2).position(|pair| matches!(pair, [0xff, second] if !matches!(second, 0 | 0xd0..=0xd7 | 0xff)))
}
