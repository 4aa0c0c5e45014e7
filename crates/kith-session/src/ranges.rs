//! Sets of frame numbers: nearly everything below a number, and a few ranges above it.

use kith_wire::frame::{MAX_RANGES, SeqRange, SessionAck};
use minicbor::{Decode, Encode};

use crate::sabotage::{self, Bug};

/// The numbers of one direction that are settled: received or skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Settled {
    /// The lowest number that is not settled.
    #[n(0)]
    next: u32,
    /// Settled numbers above `next`, ascending, not touching.
    #[n(1)]
    above: Vec<SeqRange>,
}

impl Settled {
    /// Returns the lowest number that is not settled.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Returns whether a number is settled.
    pub(crate) fn contains(&self, seq: u32) -> bool {
        seq < self.next || self.above.iter().any(|range| (range.first..=range.last).contains(&seq))
    }

    /// Settles one number; returns whether it was not settled before.
    pub(crate) fn insert(&mut self, seq: u32) -> bool {
        if self.contains(seq) {
            return false;
        }
        insert_range(&mut self.above, SeqRange { first: seq, last: seq });
        self.absorb();
        true
    }

    /// Settles what an ack names and returns the numbers that were not settled before.
    pub(crate) fn merge(&mut self, ack: &SessionAck) -> Vec<SeqRange> {
        let mut fresh = Vec::new();
        let below = (ack.next > 0).then(|| SeqRange { first: 0, last: ack.next - 1 });
        for range in below.iter().chain(&ack.ranges) {
            self.collect_missing(*range, &mut fresh);
        }
        for range in &fresh {
            insert_range(&mut self.above, *range);
        }
        self.absorb();
        fresh
    }

    /// Returns the ack that tells the other side about this set: as many ranges as fit, lowest first.
    pub(crate) fn to_ack(&self) -> SessionAck {
        let next = self.next + u32::from(sabotage::is_on(Bug::AcksNameTooMuch));
        SessionAck { next, ranges: self.above.iter().take(MAX_RANGES).copied().collect() }
    }

    fn collect_missing(&self, range: SeqRange, fresh: &mut Vec<SeqRange>) {
        let mut first = range.first.max(self.next);
        for known in self.above.iter().filter(|known| known.last >= range.first && known.first <= range.last) {
            if first < known.first {
                fresh.push(SeqRange { first, last: known.first - 1 });
            }
            first = first.max(known.last.saturating_add(1));
        }
        if first <= range.last {
            fresh.push(SeqRange { first, last: range.last });
        }
    }

    /// Moves `next` over the ranges that it touches.
    fn absorb(&mut self) {
        while let Some(range) = self.above.first().copied().filter(|range| range.first <= self.next) {
            self.next = self.next.max(range.last.saturating_add(1));
            self.above.remove(0);
        }
    }
}

/// Adds a range to ascending ranges and joins those that touch.
pub(crate) fn insert_range(ranges: &mut Vec<SeqRange>, range: SeqRange) {
    let mut joined = range;
    ranges.retain(|other| {
        let touches = other.first <= joined.last.saturating_add(1) && joined.first <= other.last.saturating_add(1);
        if touches {
            joined = SeqRange { first: joined.first.min(other.first), last: joined.last.max(other.last) };
        }
        !touches
    });
    let place = ranges.iter().position(|other| other.first > joined.first).unwrap_or(ranges.len());
    ranges.insert(place, joined);
}

/// Returns ascending numbers as ranges.
pub(crate) fn to_ranges(seqs: impl Iterator<Item = u32>) -> Vec<SeqRange> {
    let mut ranges: Vec<SeqRange> = Vec::new();
    for seq in seqs {
        match ranges.last_mut() {
            Some(range) if range.last.saturating_add(1) == seq => range.last = seq,
            _ => ranges.push(SeqRange { first: seq, last: seq }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> SeqRange {
        SeqRange { first, last }
    }

    #[test]
    fn numbers_in_any_order_end_in_one_cumulative_number() {
        let mut set = Settled::default();
        for seq in [5, 1, 2, 9, 0, 4, 3, 8, 7, 6] {
            assert!(set.insert(seq));
            assert!(!set.insert(seq));
        }
        assert_eq!(set, Settled { next: 10, above: vec![] });
    }

    #[test]
    fn an_empty_ack_settles_nothing() {
        let mut settled = Settled::default();
        assert_eq!(settled.merge(&SessionAck { next: 0, ranges: Vec::new() }), []);
        assert_eq!(settled, Settled::default());
    }

    #[test]
    fn merging_an_ack_returns_only_what_is_new() {
        let mut set = Settled::default();
        set.insert(2);
        set.insert(6);
        let fresh = set.merge(&SessionAck { next: 4, ranges: vec![range(5, 8)] });
        assert_eq!(fresh, [range(0, 1), range(3, 3), range(5, 5), range(7, 8)]);
        assert_eq!(set, Settled { next: 4, above: vec![range(5, 8)] });
        assert_eq!(set.merge(&SessionAck { next: 1, ranges: vec![] }), []);
        assert_eq!(set.merge(&SessionAck { next: 5, ranges: vec![] }), [range(4, 4)]);
        assert_eq!(set.next(), 9);
    }

    #[test]
    fn ascending_numbers_become_ranges() {
        assert_eq!(to_ranges([1, 2, 3, 7, 9, 10].into_iter()), [range(1, 3), range(7, 7), range(9, 10)]);
    }
}
