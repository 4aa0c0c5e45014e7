//! Takes out of pictures what cameras and programs write into them: place, time, owner, thumbnails.
//!
//! JPEG and PNG are known; anything else is refused, because "removed" must mean removed. The picture itself is copied
//! byte for byte, nothing is decoded. A turned JPEG loses its note "show me turned" with the rest.

mod jpeg;
mod png;

use thiserror::Error;

/// Why nothing was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StripError {
    /// It is neither JPEG nor PNG.
    #[error("this is neither a JPEG nor a PNG picture, so nothing can be taken out of it")]
    UnknownKind,
    /// It starts like a picture and is none, or is cut short.
    #[error("the picture is damaged")]
    Damaged,
}

/// Returns the picture without what does not belong to it.
///
/// # Errors
/// [`StripError`] when it is of another kind or damaged.
pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, StripError> {
    if bytes.starts_with(jpeg::START) {
        jpeg::strip(bytes).ok_or(StripError::Damaged)
    } else if bytes.starts_with(png::SIGNATURE) {
        png::strip(bytes).ok_or(StripError::Damaged)
    } else {
        Err(StripError::UnknownKind)
    }
}

/// Takes `n` bytes off the front.
fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(n)?;
    *rest = back;
    Some(front)
}

#[cfg(test)]
mod tests;
