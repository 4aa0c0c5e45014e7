//! Takes out of pictures what cameras and programs write into them: place, time, owner, thumbnails, second pictures.
//!
//! JPEG, PNG, WebP and GIF are known. The picture itself is copied byte for byte: nothing is decoded, nothing gets worse by it. Of what a camera
//! wrote one thing stays, because the picture would lie on its side without it: how it is to be turned. Colour profiles stay, because
//! colours would change. Films, sounds and documents are not looked into at all: whoever sends one sends what is in it.

mod exif;
mod gif;
mod jpeg;
mod png;
mod reading;
mod webp;

use std::collections::BTreeSet;

use thiserror::Error;

/// As many bytes of a file's beginning as [`sort`] looks at.
pub const START_BYTES: usize = 16;

/// What a file is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A picture that [`clean`] knows.
    Known(Kind),
    /// A picture of a kind that it does not know, and that says more than it shows: HEIC, AVIF, JPEG XL in a container, TIFF and what
    /// cameras make of it.
    Unknown,
    /// Something else, or a kind of picture in which nobody writes.
    Other,
}

/// A kind of picture that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JPEG (ITU T.81).
    Jpeg,
    /// PNG (ISO 15948), also with its moving pictures.
    Png,
    /// WebP (RFC 9649), also with its moving pictures.
    WebP,
    /// GIF (89a).
    Gif,
}

/// Something that was in a picture and is not for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// Where it was taken.
    Place,
    /// What the camera wrote: when, with which camera, how, a small picture of the whole.
    Camera,
    /// What programs and people wrote: names, comments, what was done to it.
    Words,
    /// Other parts that are not needed to show it: second pictures, films, what follows its end, what nobody knows.
    More,
}

/// A picture without what does not belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The file.
    pub bytes: Vec<u8>,
    /// What was taken out; empty when the file is as it was.
    pub removed: BTreeSet<Written>,
}

/// Why nothing was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CleanError {
    /// It is none of the kinds that are known.
    #[error("place and time cannot be taken out of this kind of picture")]
    UnknownKind,
    /// It starts like a picture and is none, or is cut short.
    #[error("the picture is damaged")]
    Damaged,
}

/// Says what a file is, by its first [`START_BYTES`] bytes. Names and media types are not asked: anybody may write them.
#[must_use]
pub fn sort(start: &[u8]) -> Sort {
    if start.starts_with(jpeg::START) {
        Sort::Known(Kind::Jpeg)
    } else if start.starts_with(png::SIGNATURE) {
        Sort::Known(Kind::Png)
    } else if webp::is_one(start) {
        Sort::Known(Kind::WebP)
    } else if gif::is_one(start) {
        Sort::Known(Kind::Gif)
    } else if is_unknown_picture(start) {
        Sort::Unknown
    } else {
        Sort::Other
    }
}

/// Returns the picture without what does not belong to it. What comes out is at most 64 bytes longer than what goes in, and the same when it is
/// cleaned once more.
///
/// # Errors
/// [`CleanError`] when it is of another kind or damaged.
pub fn clean(bytes: &[u8]) -> Result<Cleaned, CleanError> {
    let Sort::Known(kind) = sort(bytes) else { return Err(CleanError::UnknownKind) };
    let cleaned = match kind {
        Kind::Jpeg => jpeg::clean(bytes),
        Kind::Png => png::clean(bytes),
        Kind::WebP => webp::clean(bytes),
        Kind::Gif => gif::clean(bytes),
    };
    cleaned.ok_or(CleanError::Damaged)
}

/// Names of kinds, where files in boxes (ISO 14496-12) say what they are.
const BRANDS: [&[u8; 4]; 10] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"crx "];

/// How JPEG XL in a container starts, and the two orders of bytes of TIFF.
const STARTS: [&[u8]; 3] = [b"\0\0\0\x0cJXL ", b"II*\0", b"MM\0*"];

fn is_unknown_picture(start: &[u8]) -> bool {
    let brand = start.get(4..8).filter(|name| *name == b"ftyp").and_then(|_| start.get(8..12));
    brand.is_some_and(|brand| BRANDS.iter().any(|known| known.as_slice() == brand))
        || STARTS.iter().any(|known| start.starts_with(known))
}

#[cfg(test)]
mod tests;
