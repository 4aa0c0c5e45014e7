//! Numbers of entries that are never given twice, also not by a server that has forgotten that it gave them.
//!
//! Frames may be pushed before they are durable (KH-4), so a crash can forget a number that a reader has heard. Were it
//! given to another frame, a late ack of the first would remove the second, unread. So whenever the memory begins anew, numbers
//! begin anew too, far above all that can have been given (KH-15).

use kith_wire::time::Timestamp;

use crate::store::{MetaKey, Secret, StoreError, Txn};

/// Room for the numbers of one generation: two thousand million for each second in which there was none before it, so that
/// the numbers of a queue never come near the next generation while the clock goes on.
pub(crate) const SPAN_BITS: u32 = 21;
/// Generations at most: numbers stay below 2^63, which every store can hold. Enough for milliseconds until the year 2109.
const MAX_GENERATION: u64 = (1 << (63 - SPAN_BITS)) - 1;
/// Generations between two starts at least, also when the clock stands still or goes back: room for 30 million frames in one
/// queue. No more than a start takes in milliseconds, so that a server which starts again and again is not ahead of the clock.
const STRIDE: u64 = 16;

/// Where numbers begin.
pub(crate) struct Numbers {
    generation: u64,
}

/// Returns the first generation that a clock allows: the milliseconds since 1970. It is above all that was ever given by a server whose
/// clock was right, so two servers that go on from one backup differ whenever they did not begin in the same millisecond.
pub fn generation_at(now: Timestamp) -> u64 {
    now.0.min(MAX_GENERATION)
}

impl Numbers {
    /// Begins a generation. Its numbers may be told to anybody once `txn` is durable.
    ///
    /// It is above the one before and not below what the clock says: so it is also above what a server has given since the
    /// backup from which it goes on.
    pub(crate) fn begin<T: Txn>(txn: &mut T, now: Timestamp) -> Result<Self, StoreError> {
        let before = match txn.meta(MetaKey::Generation)? {
            Some(bytes) => {
                u64::from_be_bytes(bytes.expose().try_into().map_err(|_| StoreError::Damaged { table: "meta" })?)
            }
            None => 0,
        };
        let generation = before.saturating_add(STRIDE).max(generation_at(now)).min(MAX_GENERATION);
        txn.set_meta(MetaKey::Generation, &Secret::new(&generation.to_be_bytes()))?;
        Ok(Self { generation })
    }

    /// Returns the number of the next entry of a queue whose next number was to be `next`.
    pub(crate) fn next(&self, next: u64) -> u64 {
        next.max((self.generation << SPAN_BITS) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::store::memory::Memory;

    #[test]
    fn kh_15_each_generation_is_above_the_one_before_whatever_the_clock_says() {
        let mut store = Memory::new();
        let mut last = 0;
        for second in [1_800_000_000, 1_800_000_000, 10, 1_800_000_001] {
            let mut txn = store.begin().unwrap();
            let numbers = Numbers::begin(&mut txn, Timestamp::from_seconds(second)).unwrap();
            txn.commit().unwrap();
            let first = numbers.next(last);
            assert!(first > last && numbers.next(first + 1) == first + 1);
            last = first + 30_000_000;
        }
        assert!(last >> SPAN_BITS >= 1_800_000_001_000);
    }

    #[test]
    fn kh_15_numbers_fit_into_every_store_though_the_clock_is_far_ahead() {
        let mut store = Memory::new();
        let numbers = Numbers::begin(&mut store.begin().unwrap(), Timestamp(u64::MAX)).unwrap();
        assert!(i64::try_from(numbers.next(1) + (1 << (SPAN_BITS - 1))).is_ok());
    }
}
