//! Which chunks of an attachment are there.

/// Which chunks are there: bit `i % 8` of byte `i / 8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunks {
    bits: Vec<u8>,
    total: u32,
}

impl Chunks {
    /// Returns a map in which nothing is there.
    pub(super) fn none(total: u32) -> Self {
        Self { bits: vec![0; usize::try_from(total.div_ceil(8)).unwrap_or(0)], total }
    }

    /// Takes a map from elsewhere; bits beyond the last chunk mean nothing.
    pub(crate) fn new(mut bits: Vec<u8>, total: u32) -> Self {
        bits.resize(usize::try_from(total.div_ceil(8)).unwrap_or(0), 0);
        Self { bits, total }
    }

    /// Returns whether a chunk is there.
    pub(crate) fn has(&self, index: u32) -> bool {
        let byte = usize::try_from(index / 8).ok().and_then(|place| self.bits.get(place));
        byte.is_some_and(|byte| byte & (1 << (index % 8)) != 0)
    }

    /// A chunk is there now; one beyond the last is none.
    pub(super) fn add(&mut self, index: u32) {
        let byte = usize::try_from(index / 8).ok().and_then(|place| self.bits.get_mut(place));
        if let Some(byte) = byte.filter(|_| index < self.total) {
            *byte |= 1 << (index % 8);
        }
    }

    /// Returns how many chunks there are in all.
    pub(crate) const fn total(&self) -> u32 {
        self.total
    }

    /// Returns how many chunks are there.
    pub(crate) fn done(&self) -> u32 {
        (0..self.total).map(|index| u32::from(self.has(index))).sum()
    }

    /// Returns the chunks that are not there, ascending.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.total).filter(|index| !self.has(*index))
    }

    /// Returns the map as it is stored and travels.
    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }
}
