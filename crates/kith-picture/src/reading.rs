//! Reading bytes from the front, and noting what was left out.

use crate::{Cleaned, Written};

/// Takes `n` bytes off the front.
pub(crate) fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(n)?;
    *rest = back;
    Some(front)
}

/// Takes as many bytes off the front as an array has.
pub(crate) fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (front, back) = rest.split_first_chunk::<N>()?;
    *rest = back;
    Some(*front)
}

/// Whether these bytes occur.
pub(crate) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

impl Cleaned {
    /// A file of which nothing is written yet, with room for one of this length.
    pub(crate) fn with_room_for(bytes: &[u8]) -> Self {
        Self { bytes: Vec::with_capacity(bytes.len()), removed: std::collections::BTreeSet::new() }
    }

    /// Copies what belongs to the picture.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Notes that something was left out.
    pub(crate) fn leave_out(&mut self, what: Written) {
        self.removed.insert(what);
    }

    /// Notes that a text in XMP (ISO 16684) or of another kind was left out. Programs copy the place into it.
    pub(crate) fn leave_out_words(&mut self, text: &[u8]) {
        self.leave_out(Written::Words);
        if contains(text, b"GPSL") {
            self.leave_out(Written::Place);
        }
    }

    /// Notes what follows the picture's end, if anything does.
    pub(crate) fn leave_out_tail(&mut self, rest: &[u8]) {
        if !rest.is_empty() {
            self.leave_out(Written::More);
        }
    }
}
