//! Who has to make room when all places are taken and somebody new comes: whoever has done nothing in the doorway longest.
//!
//! In the doorway is every connection that is not a live one yet, shaking hands, asking, or doing nothing. Whoever means it
//! is through in a moment: so many attackers from many networks shorten the moment, and shut nobody out. Who has asked and
//! waits for the answer, which is the server's time and not theirs, goes last. Live connections
//! stay, because each has its own bounds; so that they leave room for the doorway, they get so many places and no more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use crate::limits::ListenerLimits;

/// All places of a listener.
pub(super) struct Doorway {
    places: Arc<Semaphore>,
    live: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
    /// Rises with everything that anybody does here: moments have an order, and that is all that matters.
    moment: Arc<AtomicU64>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    there: BTreeMap<u64, Visitor>,
}

struct Visitor {
    /// Nothing while its task is being started.
    by: Option<AbortHandle>,
    idle_since: Arc<AtomicU64>,
}

/// A place among all, given back when dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A place among live connections, given back when dropped.
pub(super) struct LivePlace {
    _permit: OwnedSemaphorePermit,
}

/// Being in the doorway; over when dropped.
pub(super) struct Waits {
    doorway: Arc<Doorway>,
    number: u64,
    idle_since: Arc<AtomicU64>,
}

/// Being about to get an answer; over when dropped.
pub(super) struct Answered<'a>(&'a Asks);

impl Doorway {
    pub(super) fn new(limits: &ListenerLimits) -> Arc<Self> {
        let all = limits.max_connections.clamp(1, Semaphore::MAX_PERMITS);
        let live = all.saturating_sub(limits.reserved).max(1);
        let [places, live] = [all, live].map(|n| Arc::new(Semaphore::new(n)));
        Arc::new(Self { places, live, waiting: Mutex::default(), moment: Arc::default() })
    }

    /// Gives a place if there is one.
    pub(super) fn try_enter(&self) -> Option<Place> {
        Some(Place { _permit: Arc::clone(&self.places).try_acquire_owned().ok()? })
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Place {
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(permit) => Place { _permit: permit },
            // The semaphore is never closed; should that change, nobody more comes in.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives a live connection its place, unless those that may be are taken.
    pub(super) fn try_stay(&self) -> Option<LivePlace> {
        Some(LivePlace { _permit: Arc::clone(&self.live).try_acquire_owned().ok()? })
    }

    /// Notes that somebody comes.
    pub(super) fn wait(self: &Arc<Self>) -> Waits {
        let mut waiting = self.waiting();
        let number = waiting.next;
        waiting.next += 1;
        let idle_since = Arc::new(AtomicU64::new(self.moment.fetch_add(1, Ordering::Relaxed)));
        waiting.there.insert(number, Visitor { by: None, idle_since: Arc::clone(&idle_since) });
        drop(waiting);
        Waits { doorway: Arc::clone(self), number, idle_since }
    }

    /// Notes how whoever came as `number` can be sent away, unless it has left already.
    pub(super) fn can_be_ended(&self, number: u64, by: AbortHandle) {
        if let Some(there) = self.waiting().there.get_mut(&number) {
            there.by = Some(by);
        }
    }

    /// Sends away whoever has done nothing longest, and if everybody waits for an answer, whoever came first; returns whether
    /// there was anybody. Looks at everybody, which takes some microseconds for a thousand, and happens when all places are taken.
    pub(super) fn send_the_idlest_away(&self) -> bool {
        let mut waiting = self.waiting();
        let there = waiting.there.iter().filter(|(_, visitor)| visitor.by.is_some());
        let idlest = there.min_by_key(|(_, visitor)| visitor.idle_since.load(Ordering::Relaxed));
        let idlest = idlest.map(|(number, _)| *number);
        let visitor = idlest.and_then(|number| waiting.there.remove(&number));
        let Some(by) = visitor.and_then(|visitor| visitor.by) else { return false };
        // Under the lock: whoever leaves the doorway at this moment learns that it was sent away.
        by.abort();
        true
    }

    /// A panic while the lock was held cannot leave an entry half there.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns where requests of this connection tell how they go.
    pub(super) fn for_answers(&self) -> Asks {
        Asks { idle_since: Arc::clone(&self.idle_since), moment: Arc::clone(&self.doorway.moment) }
    }

    /// Leaves the doorway for a live connection; returns whether it may, or was sent away meanwhile.
    pub(super) fn leave(self) -> bool {
        self.doorway.waiting().there.remove(&self.number).is_some()
    }
}

/// Where a request tells that it has come whole and is being answered, and that it was answered.
pub(super) struct Asks {
    idle_since: Arc<AtomicU64>,
    moment: Arc<AtomicU64>,
}

impl Asks {
    pub(super) fn begin(&self) -> Answered<'_> {
        self.idle_since.store(NOT_IDLE, Ordering::Relaxed);
        Answered(self)
    }

    pub(super) fn end(&self) {
        self.idle_since.store(self.moment.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Later than every moment.
const NOT_IDLE: u64 = u64::MAX;

impl Drop for Waits {
    fn drop(&mut self) {
        self.doorway.waiting().there.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doorway(all: usize, reserved: usize) -> Arc<Doorway> {
        Doorway::new(&ListenerLimits { max_connections: all, reserved, ..ListenerLimits::default() })
    }

    #[tokio::test]
    async fn the_oldest_is_sent_away_first_and_gives_its_place() {
        let doorway = doorway(2, 0);
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let (place, waits) = (doorway.try_enter().unwrap(), doorway.wait());
            let number = waits.number();
            let task = tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop((place, waits));
            });
            doorway.can_be_ended(number, task.abort_handle());
            tasks.push(task);
        }
        assert!(doorway.try_enter().is_none());
        assert!(doorway.send_the_idlest_away());
        let _place = doorway.enter().await;
        let second = tasks.pop().unwrap();
        assert!(tasks.pop().unwrap().await.unwrap_err().is_cancelled());
        assert!(!second.is_finished());
    }

    #[tokio::test]
    async fn who_was_sent_away_while_leaving_learns_of_it_and_who_has_left_is_not_sent_away() {
        let doorway = doorway(2, 0);
        let (slow, quick) = (doorway.wait(), doorway.wait());
        let idle = tokio::spawn(std::future::pending::<()>());
        doorway.can_be_ended(slow.number(), idle.abort_handle());
        doorway.can_be_ended(quick.number(), idle.abort_handle());
        assert!(quick.leave());
        assert!(doorway.send_the_idlest_away());
        assert!(!slow.leave());
        assert!(!doorway.send_the_idlest_away(), "nobody is there");
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_goes_last() {
        let doorway = doorway(2, 0);
        let (asks, idle) = (doorway.wait(), doorway.wait());
        let task = tokio::spawn(std::future::pending::<()>());
        doorway.can_be_ended(asks.number(), task.abort_handle());
        doorway.can_be_ended(idle.number(), task.abort_handle());
        let answers = asks.for_answers();
        let answered = answers.begin();
        assert!(doorway.send_the_idlest_away());
        assert!(!idle.leave(), "it was sent away, though it came later");
        drop(answered);
        assert!(doorway.send_the_idlest_away());
        assert!(!asks.leave());
    }

    #[tokio::test]
    async fn who_was_answered_goes_after_those_who_have_done_nothing_since() {
        let doorway = doorway(2, 0);
        let (busy, idle) = (doorway.wait(), doorway.wait());
        let task = tokio::spawn(std::future::pending::<()>());
        doorway.can_be_ended(busy.number(), task.abort_handle());
        doorway.can_be_ended(idle.number(), task.abort_handle());
        busy.for_answers().end();
        assert!(doorway.send_the_idlest_away());
        assert!(!idle.leave() && busy.leave());
    }

    #[test]
    fn live_connections_leave_room() {
        let doorway = doorway(8, 3);
        let stay: Vec<_> = (0..9).filter_map(|_| doorway.try_stay()).collect();
        assert_eq!(stay.len(), 5);
        drop(stay);
        assert!(doorway.try_stay().is_some());
    }
}
