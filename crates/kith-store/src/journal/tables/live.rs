//! How many bytes of each segment are still needed; cleaning picks segments by it.

use std::collections::BTreeMap;

use kith_wire::time::Hour;

/// Bytes that one remembered deposit takes in the log.
const DEDUP_BYTES: u64 = 21;
/// Bytes that a removal takes in the log.
const REMOVAL_BYTES: u64 = 41;

/// What is needed of one segment.
#[derive(Default)]
struct Share {
    bytes: u64,
    /// Remembered deposits by their last hour. Their rows do not know where they lie, and whole hours of them end together.
    dedup: BTreeMap<Hour, u32>,
    /// Removals by the last segment that they concern: needed while that is there.
    removals: BTreeMap<u32, u32>,
    /// Whether it holds frames or the like that are not needed any more.
    has_voids: bool,
}

/// What is needed of each segment.
#[derive(Default)]
pub(crate) struct Live {
    shares: BTreeMap<u32, Share>,
}

impl Live {
    pub(crate) fn add(&mut self, segment: u32, bytes: u64) {
        let share = self.shares.entry(segment).or_default();
        share.bytes = share.bytes.saturating_add(bytes);
    }

    pub(crate) fn sub(&mut self, segment: u32, bytes: u64) {
        if let Some(share) = self.shares.get_mut(&segment) {
            share.bytes = share.bytes.saturating_sub(bytes);
        }
    }

    /// Notes that something that people wrote is not needed any more, and still there.
    pub(crate) fn note_void(&mut self, segment: u32) {
        if let Some(share) = self.shares.get_mut(&segment) {
            share.has_voids = true;
        }
    }

    /// Returns the segments that hold something of the kind.
    pub(crate) fn with_voids(&self) -> impl Iterator<Item = u32> {
        self.shares.iter().filter(|(_, share)| share.has_voids).map(|(segment, _)| *segment)
    }

    pub(crate) fn add_dedup(&mut self, segment: u32, hour: Hour) {
        let n = self.shares.entry(segment).or_default().dedup.entry(hour).or_default();
        *n = n.saturating_add(1);
    }

    pub(crate) fn sub_dedup(&mut self, segment: u32, hour: Hour) {
        let n = self.shares.get_mut(&segment).and_then(|share| share.dedup.get_mut(&hour));
        if let Some(n) = n {
            *n = n.saturating_sub(1);
        }
    }

    /// Forgets counts of deposits whose last hour lies before.
    pub(crate) fn forget_dedup_before(&mut self, hour: Hour) {
        for share in self.shares.values_mut() {
            share.dedup = share.dedup.split_off(&hour);
        }
    }

    /// Counts a removal of a row in another segment.
    pub(crate) fn add_removal(&mut self, segment: u32, void: u32) {
        if segment != void {
            let n = self.shares.entry(segment).or_default().removals.entry(void).or_default();
            *n = n.saturating_add(1);
        }
    }

    pub(crate) fn sub_removal(&mut self, segment: u32, void: u32) {
        let n = self.shares.get_mut(&segment).and_then(|share| share.removals.get_mut(&void));
        if let Some(n) = n {
            *n = n.saturating_sub(1);
        }
    }

    /// Forgets a segment that is gone.
    pub(crate) fn forget(&mut self, segment: u32) {
        self.shares.remove(&segment);
        for share in self.shares.values_mut() {
            share.removals.remove(&segment);
        }
    }

    /// Returns about how many bytes of a segment are needed.
    pub(crate) fn of(&self, segment: u32) -> u64 {
        self.shares.get(&segment).map_or(0, |share| {
            let n_dedup: u64 = share.dedup.values().map(|n| u64::from(*n)).sum();
            let n_removals: u64 = share.removals.values().map(|n| u64::from(*n)).sum();
            share.bytes.saturating_add(n_dedup * DEDUP_BYTES).saturating_add(n_removals * REMOVAL_BYTES)
        })
    }
}
