//! Which segment to empty, and when.
//!
//! A busy server empties the segment with the least in it whenever the log is longer than twice what is needed plus
//! four segments. Housekeeping does more: segments of which half is not needed, and after a day every segment with a
//! frame or the like that is not needed any more, so that what was read leaves the disk.

use super::super::Journal;
use super::super::files::Files;
use super::super::txn::JournalTxn;

/// Segments that the log may have besides twice what is needed.
const SPARE: u64 = 4;
/// Hours after which content that nobody needs leaves the disk.
const VOID_HOURS: u32 = 24;
/// Parts of a segment's length after which shares are worth a look again.
const LOOKS: u64 = 16;

impl<F: Files> Journal<F> {
    /// Returns a segment to empty because the log is too long.
    pub(crate) fn pick_when_full(&mut self) -> Option<u32> {
        if self.upkeep.since_look < self.upkeep.segment_bytes / LOOKS {
            return None;
        }
        self.upkeep.since_look = 0;
        let live = &self.tables.live;
        let sealed: u64 = self.sealed.values().map(|length| u64::from(*length)).sum();
        let needed: u64 = self.sealed.keys().chain([&self.head.segment]).map(|segment| live.of(*segment)).sum();
        let allowed = needed.saturating_mul(2).saturating_add(SPARE * self.upkeep.segment_bytes);
        if sealed.saturating_add(self.head.length) <= allowed {
            return None;
        }
        self.sealed
            .iter()
            .map(|(segment, length)| (share(live.of(*segment), *length), *segment))
            .min()
            .map(|(_, it)| it)
    }

    /// Returns a segment that is worth emptying when there is time.
    pub(crate) fn pick_when_idle(&self) -> Option<u32> {
        let live = &self.tables.live;
        let by_share = self.sealed.iter().map(|(segment, length)| (share(live.of(*segment), *length), *segment));
        let least = by_share.min().filter(|(share, _)| *share < HALF).map(|(_, segment)| segment);
        least.or_else(|| self.sealed.keys().copied().find(|segment| self.is_overdue(*segment)))
    }

    /// Returns whether a segment has held content that nobody needs for too long.
    fn is_overdue(&self, segment: u32) -> bool {
        let since = self.upkeep.voids.get(&segment);
        since.is_some_and(|since| since.0.saturating_add(VOID_HOURS) <= self.upkeep.hour.0)
    }

    /// Returns whether the segment that grows should be sealed so that it can be emptied.
    fn head_is_stale(&self) -> bool {
        let void = self.head.length.saturating_sub(self.tables.live.of(self.head.segment));
        void > self.upkeep.segment_bytes / 4 || self.is_overdue(self.head.segment)
    }
}

impl<F: Files> JournalTxn<'_, F> {
    /// Has this commit clean up to so many bytes, and returns whether there is something to clean.
    pub(crate) fn tidy(&mut self, bytes: u64) -> bool {
        let journal = &mut *self.journal;
        if let Some(first) = journal.tables.dedup.first_hour() {
            journal.tables.live.forget_dedup_before(first);
        }
        for segment in journal.tables.live.with_voids() {
            journal.upkeep.voids.entry(segment).or_insert(journal.upkeep.hour);
        }
        if journal.upkeep.is_off {
            return false;
        }
        // Done before the next transaction; this one writes into the segment as it is.
        journal.owed.roll |= journal.head_is_stale();
        if journal.cleaning.is_some() || journal.pick_when_idle().is_some() {
            self.tidies = bytes;
        }
        self.tidies > 0 || journal.owed.roll
    }
}

/// Half of a segment, as [`share`] counts.
const HALF: u64 = 500;

/// Returns how many thousandths of a segment are needed.
fn share(live: u64, length: u32) -> u64 {
    live.saturating_mul(1000) / u64::from(length.max(1))
}
