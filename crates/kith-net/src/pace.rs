//! How often something may happen: so many times a second, and some more at once after a rest.
//!
//! It keeps one moment and no history. Who waits is served in the order of asking, and sleeps until its own turn comes:
//! a thousand who wait cost a thousand timers, not a thousand wake-ups for each turn.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A steady rate with a reserve.
pub(crate) struct Pace {
    /// Time between two turns; zero when there is no bound.
    step: Duration,
    /// How far ahead of the steady rate turns may be taken.
    reserve: Duration,
    /// When the next turn would be at the steady rate; nothing before the first one.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    /// A pace of `per_second` turns, of which `at_once` may be taken after a rest. Without a rate there is no bound.
    pub(crate) fn new(per_second: u32, at_once: u32) -> Self {
        let step = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        Self { step, reserve: step.saturating_mul(at_once.saturating_sub(1)), due: Mutex::default() }
    }

    /// Takes a turn if there is one now.
    pub(crate) fn try_turn(&self, now: Instant) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = due.map_or(now, |due| due.max(now));
        let is_free = next <= now + self.reserve;
        if is_free {
            *due = Some(next + self.step);
        }
        is_free
    }

    /// Takes the next turn and returns when it has come. A turn that somebody gave up waiting for is lost.
    pub(crate) async fn turn(&self) {
        let now = Instant::now();
        let mine = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = due.map_or(now, |due| due.max(now));
            *due = Some(mine + self.step);
            mine
        };
        if mine > now + self.reserve {
            // Seldom, so it has memory of its own: connections that wait for something else hold no room for it.
            Box::pin(sleep_until(mine - self.reserve)).await;
        }
    }

    /// Tells whether it is as if nothing had ever happened.
    pub(crate) fn is_rested(&self, now: Instant) -> bool {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).is_none_or(|due| due <= now)
    }
}

/// The turns that many share, or nothing where nobody counts.
#[derive(Clone, Default)]
pub(crate) struct Turns(pub(crate) Option<Arc<Pace>>);

impl Turns {
    /// Waits until there is a turn.
    pub(crate) async fn next(&self) {
        if let Some(pace) = &self.0 {
            pace.turn().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_once_from_the_reserve_and_then_at_the_rate() {
        let pace = Pace::new(10, 5);
        let start = Instant::now();
        for _ in 0..25 {
            pace.turn().await;
        }
        // Five at once, twenty more at ten a second.
        let took = start.elapsed().as_millis();
        assert!((2000..2100).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_not_there_is_not_taken_and_a_rest_brings_it_back() {
        let pace = Pace::new(10, 3);
        let now = Instant::now();
        assert_eq!((0..9).filter(|_| pace.try_turn(now)).count(), 3);
        assert!(!pace.is_rested(now));
        let later = now + Duration::from_secs(1);
        assert!(pace.is_rested(later));
        assert_eq!((0..9).filter(|_| pace.try_turn(later)).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nobody_waits() {
        let pace = Pace::new(0, 0);
        let start = Instant::now();
        for _ in 0..10_000 {
            pace.turn().await;
        }
        assert!(start.elapsed().is_zero() && pace.try_turn(start) && pace.is_rested(Instant::now()));
    }
}
