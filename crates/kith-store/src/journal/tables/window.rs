//! The next readers in order, while somebody lists all of them.
//!
//! Queues lie in memory in no order, and a listing asks for a few at a time. Looking through all of them for each
//! page would hold up deposits on a large server; so the first page finds many, and the next ones take from these.

use std::collections::BTreeSet;
use std::ops::Bound;

use kith_wire::id::ReaderId;

/// Readers found at once: 3 MiB of memory while a listing goes on, and sixteen looks through a million queues.
const READERS: usize = 1 << 16;

/// All readers of a stretch of the order.
pub(crate) struct Window {
    /// The stretch begins after this one.
    after: Option<ReaderId>,
    /// The stretch ends with this one; with none, at the end of the order.
    last: Option<ReaderId>,
    readers: BTreeSet<ReaderId>,
}

impl Window {
    /// Finds the readers that come after one.
    pub(crate) fn find(all: impl Iterator<Item = ReaderId>, after: Option<ReaderId>, limit: usize) -> Self {
        let limit = limit.max(READERS);
        let mut readers = BTreeSet::new();
        let mut is_cut = false;
        for reader in all.filter(|reader| after.is_none_or(|after| *reader > after)) {
            if readers.len() < limit {
                readers.insert(reader);
            } else {
                is_cut = true;
                if readers.last().is_some_and(|last| reader < *last) {
                    readers.pop_last();
                    readers.insert(reader);
                }
            }
        }
        let last = if is_cut { readers.last().copied() } else { None };
        Self { after, last, readers }
    }

    /// Returns so many readers after one, if this stretch knows them.
    pub(crate) fn page(&self, after: Option<ReaderId>, limit: usize) -> Option<Vec<ReaderId>> {
        if after < self.after || self.last.is_some_and(|last| after > Some(last)) {
            return None;
        }
        let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let found: Vec<ReaderId> = self.readers.range((start, Bound::Unbounded)).take(limit).copied().collect();
        (found.len() == limit || self.last.is_none()).then_some(found)
    }

    /// Hears of a queue that is new.
    pub(crate) fn add(&mut self, reader: ReaderId) {
        if Some(reader) > self.after && self.last.is_none_or(|last| reader <= last) {
            self.readers.insert(reader);
        }
    }

    /// Hears of a queue that is gone.
    pub(crate) fn remove(&mut self, reader: &ReaderId) {
        self.readers.remove(reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(n: u32) -> ReaderId {
        let mut name = [0; 24];
        name[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b9).to_be_bytes());
        ReaderId(name)
    }

    #[test]
    fn a_listing_page_by_page_finds_all_and_what_comes_and_goes_meanwhile() {
        let all: Vec<ReaderId> = (0..100_000).map(reader).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        let mut window = Window::find(all.iter().copied(), None, 3);
        let mut listed: Vec<ReaderId> = Vec::new();
        let mut n_looks = 1;
        loop {
            let page = window.page(listed.last().copied(), 300).unwrap_or_else(|| {
                n_looks += 1;
                window = Window::find(all.iter().copied(), listed.last().copied(), 300);
                window.page(listed.last().copied(), 300).unwrap()
            });
            listed.extend(&page);
            if page.len() < 300 {
                break;
            }
        }
        assert_eq!(listed, sorted);
        assert_eq!(n_looks, 2);
        let newcomer = ReaderId([0xfe; 24]);
        window.add(newcomer);
        window.remove(sorted.last().unwrap());
        let before = sorted[sorted.len() - 2];
        let mut expected: Vec<ReaderId> = if newcomer > before { vec![newcomer] } else { vec![] };
        expected.sort_unstable();
        assert_eq!(window.page(Some(before), 9).unwrap(), expected);
    }
}
