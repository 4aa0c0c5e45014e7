//! Padding: sizes that say as little as possible.
//!
//! A padded text is `u32 length (big endian) ‖ content ‖ zeros`. Its total size is either one fixed size or, above
//! that, a Padmé size (Nikitin et al., *Reducing Metadata Leakage from Encrypted Files and Communication with
//! PURBs*, 2019, §4), which leaks O(log log n) bits and costs at most 12 %.

use thiserror::Error;

/// KW-7: why bytes are not a padded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the padding is not valid")]
pub struct PaddingError;

/// Bytes of the length in front.
pub const LENGTH_BYTES: usize = 4;

/// Returns the smallest Padmé size that holds `length` bytes.
pub fn padme(length: u64) -> u64 {
    let Some(exponent) = length.checked_ilog2().map(u64::from) else { return 0 };
    let mantissa_bits = u64::from(exponent.max(1).ilog2()) + 1;
    let low_bits = exponent.saturating_sub(mantissa_bits);
    let mask = (1_u64 << low_bits) - 1;
    // Above the last Padmé size of 64 bits nothing can be rounded up; no such length exists in practice.
    length.checked_add(mask).map_or(u64::MAX, |sum| sum & !mask)
}

/// Pads `content` to exactly `total` bytes; `None` when it does not fit.
pub fn pad_to(content: &[u8], total: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(total);
    pad_into(&mut out, content, total).ok()?;
    Some(out)
}

/// Appends `content`, padded to exactly `total` bytes, to what is there.
///
/// # Errors
/// [`PaddingError`] when it does not fit; then nothing is appended.
pub fn pad_into(out: &mut Vec<u8>, content: &[u8], total: usize) -> Result<(), PaddingError> {
    let length = u32::try_from(content.len()).map_err(|_| PaddingError)?;
    if content.len().checked_add(LENGTH_BYTES).is_none_or(|least| least > total) {
        return Err(PaddingError);
    }
    let end = out.len() + total;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
    out.resize(end, 0);
    Ok(())
}

/// Takes the content out of a padded text.
///
/// # Errors
/// [`PaddingError`] when the length does not fit or the padding is not all zero (KW-7).
pub fn unpad(padded: &[u8]) -> Result<&[u8], PaddingError> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_BYTES>().ok_or(PaddingError)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| PaddingError)?;
    let (content, zeros) = rest.split_at_checked(length).ok_or(PaddingError)?;
    // All of them are looked at, many at once.
    if zeros.iter().fold(0, |any, byte| any | byte) != 0 {
        return Err(PaddingError);
    }
    Ok(content)
}
