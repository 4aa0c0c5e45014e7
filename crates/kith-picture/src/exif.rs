//! What cameras write (EXIF, CIPA DC-008): a small TIFF file inside the picture. Two things of it are looked at: how the picture is to be
//! turned, which stays, and whether it says where it was taken, which is told to whoever sends it.

use crate::reading::take_array;
use crate::{Cleaned, Written};

/// How the content begins in JPEG, and in WebP by mistake of some programs.
pub(crate) const NAME: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;
const PLACE: u16 = 0x8825;
/// A 16-bit number, as a type of TIFF.
const SHORT: u16 = 3;

/// How a picture is to be turned and mirrored: a number from 2 to 8. 1 means not at all, and then nothing needs to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(u8);

impl Turn {
    /// Returns EXIF that says this and nothing else.
    pub(crate) fn written(self) -> Vec<u8> {
        let [high, low] = ORIENTATION.to_be_bytes();
        // Big endian, one directory behind the head with one entry, and none after it.
        let head = [b"MM\0*".as_slice(), &8_u32.to_be_bytes(), &1_u16.to_be_bytes()].concat();
        let entry = [high, low, 0, 3, 0, 0, 0, 1, 0, self.0, 0, 0];
        [head.as_slice(), &entry, &0_u32.to_be_bytes()].concat()
    }
}

/// What was found in EXIF.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) turn: Option<Turn>,
    says_place: bool,
}

/// Reads what matters. Whatever is not as it should be says nothing: it goes with the rest.
pub(crate) fn read(tiff: &[u8]) -> Found {
    let mut found = Found::default();
    // A place that cannot be found for certain is one all the same.
    read_into(tiff, &mut found).unwrap_or_default();
    found
}

/// Notes that EXIF was left out of a picture, unless all that it said is still said.
pub(crate) fn leave_out(cleaned: &mut Cleaned, tiff: &[u8], found: &Found) {
    if found.turn.is_some_and(|turn| turn.written() == tiff) {
        return;
    }
    cleaned.leave_out(Written::Camera);
    if found.says_place {
        cleaned.leave_out(Written::Place);
    }
}

/// Numbers as a TIFF file writes them.
#[derive(Clone, Copy)]
enum Order {
    LittleEndian,
    BigEndian,
}

impl Order {
    fn short(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::LittleEndian => u16::from_le_bytes(bytes),
            Self::BigEndian => u16::from_be_bytes(bytes),
        }
    }

    fn long(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::LittleEndian => u32::from_le_bytes(bytes),
            Self::BigEndian => u32::from_be_bytes(bytes),
        }
    }
}

/// Goes through the first directory: at most 65,535 entries of 12 bytes each, and no further than the bytes reach.
fn read_into(tiff: &[u8], found: &mut Found) -> Option<()> {
    let mut rest = tiff;
    let order = match &take_array::<4>(&mut rest)? {
        b"II*\0" => Order::LittleEndian,
        b"MM\0*" => Order::BigEndian,
        _ => return None,
    };
    let at = usize::try_from(order.long(take_array(&mut rest)?)).ok()?;
    let mut directory = tiff.get(at..)?;
    for _ in 0..order.short(take_array(&mut directory)?) {
        let tag = order.short(take_array(&mut directory)?);
        let kind = order.short(take_array(&mut directory)?);
        let _count: [u8; 4] = take_array(&mut directory)?;
        let value = order.short(take_array(&mut directory)?);
        let _second_half: [u8; 2] = take_array(&mut directory)?;
        match (tag, kind, u8::try_from(value)) {
            (ORIENTATION, SHORT, Ok(turn @ 2..=8)) if found.turn.is_none() => found.turn = Some(Turn(turn)),
            (PLACE, _, _) => found.says_place = true,
            _ => {}
        }
    }
    Some(())
}
