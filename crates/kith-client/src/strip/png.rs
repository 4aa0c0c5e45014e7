//! PNG (ISO 15948): a signature and a row of chunks, each with length, name and check sum.

use super::take;

/// How every PNG starts.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Copies the chunks that are needed to show the picture; what follows the last one is dropped.
pub(super) fn strip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(take(&mut rest, SIGNATURE.len())?);
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, _) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let chunk = take(&mut rest, length.checked_add(CHUNK_OVERHEAD)?)?;
        if is_kept(name) {
            out.extend_from_slice(chunk);
        }
        if name == b"IEND" {
            return Some(out);
        }
    }
}

/// Upper-case names are needed to show the picture; of the others, those that change how it looks, or make it move.
fn is_kept(name: &[u8; 4]) -> bool {
    let [first, ..] = name;
    let looks: [&[u8; 4]; 13] = [
        b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"cICP", b"mDCV", b"cLLI", b"acTL",
        b"fcTL",
    ];
    first.is_ascii_uppercase() || looks.contains(&name) || name == b"fdAT"
}

/// Length, name and check sum.
const CHUNK_OVERHEAD: usize = 12;
