//! What waits to leave over one live connection.
//!
//! The keeper must never wait for a slow reader, and a slow reader must not make us hold everything for it. So the
//! keeper puts messages here without waiting; the connection's task takes them out at the peer's pace and reads
//! nothing new from a peer that is far behind; and a peer that still gets too far behind is cut. When all that waits
//! for everybody is too much together, whoever is more than a little behind counts as too far behind.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// The keeper's end.
pub(crate) struct Outbox(Arc<Shared>);

/// The connection's end.
pub(crate) struct Outgoing(Arc<Shared>);

/// What the connection's reading side looks at.
pub(crate) struct Backlog(Arc<Shared>);

/// What all ends share. Most connections of a server wait, so it holds nothing while nothing is in it.
struct Shared {
    line: Mutex<Line>,
    total: Total,
    came: Notify,
    fell: Notify,
}

/// What waits.
struct Line {
    messages: VecDeque<Bytes>,
    n_bytes: usize,
    is_fed: bool,
    is_emptied: bool,
}

impl Shared {
    /// A panic while the lock was held cannot leave a message half there.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next message out if it is there.
    fn take(&self) -> Option<Bytes> {
        let mut line = self.line();
        let message = line.messages.pop_front()?;
        if line.messages.is_empty() {
            line.messages = VecDeque::new();
        }
        let before = line.n_bytes;
        line.n_bytes = before.saturating_sub(message.len());
        let has_caught_up = before > PAUSE_BEYOND && line.n_bytes <= PAUSE_BEYOND;
        drop(line);
        self.total.0.fetch_sub(message.len(), Ordering::Relaxed);
        if has_caught_up {
            self.fell.notify_one();
        }
        Some(message)
    }
}

/// Bytes that wait for all connections together.
#[derive(Clone, Default)]
pub(crate) struct Total(Arc<AtomicUsize>);

/// The peer reads so slowly that the connection has to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFarBehind;

/// Makes the ends.
pub(crate) fn outbox(total: &Total) -> (Outbox, Outgoing, Backlog) {
    let line = Line { messages: VecDeque::new(), n_bytes: 0, is_fed: true, is_emptied: true };
    let (came, fell) = (Notify::new(), Notify::new());
    let shared = Arc::new(Shared { line: Mutex::new(line), total: total.clone(), came, fell });
    (Outbox(Arc::clone(&shared)), Outgoing(Arc::clone(&shared)), Backlog(shared))
}

impl Outbox {
    /// Adds a message. A connection that has ended takes it and does nothing with it.
    pub(crate) fn put(&self, message: Bytes) -> Result<(), TooFarBehind> {
        let length = message.len();
        let mut line = self.0.line();
        if !line.is_emptied {
            return Ok(());
        }
        let waiting = line.n_bytes;
        line.n_bytes = waiting.saturating_add(length);
        line.messages.push_back(message);
        let everywhere = self.0.total.0.fetch_add(length, Ordering::Relaxed);
        drop(line);
        self.0.came.notify_one();
        let is_too_far = waiting > CUT_BEYOND || (everywhere > CROWDED && waiting > BEHIND);
        if is_too_far { Err(TooFarBehind) } else { Ok(()) }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.line().is_fed = false;
        self.0.came.notify_one();
    }
}

impl Outgoing {
    /// Takes the next message out; `None` when the keeper has let go of the connection.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Looked at first: whoever lets go after the last look has left word.
            let may_come = self.0.line().is_fed;
            if let Some(message) = self.0.take() {
                return Some(message);
            }
            if !may_come {
                return None;
            }
            self.0.came.notified().await;
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // From here on nothing is put any more; what was is given back.
        self.0.line().is_emptied = false;
        while self.0.take().is_some() {}
    }
}

impl Backlog {
    /// Waits until the peer has caught up enough to be listened to again.
    pub(crate) async fn bearable(&self) {
        loop {
            let mut fell = pin!(self.0.fell.notified());
            // Asked for before looking, so that nothing is missed in between.
            fell.as_mut().enable();
            if self.0.line().n_bytes <= PAUSE_BEYOND {
                return;
            }
            fell.await;
        }
    }
}

/// Bytes waiting for one connection beyond which nothing more is read from it: a few of the largest answers.
const PAUSE_BEYOND: usize = 512 * 1024;
/// Bytes waiting for one connection beyond which it is cut. Well above the pause, a full push window and the
/// answers to all requests that were read before the pause.
const CUT_BEYOND: usize = 8 * 1024 * 1024;

/// Bytes waiting for all connections together beyond which slow readers are cut: what a small computer can spare.
const CROWDED: usize = 64 * 1024 * 1024;
/// Bytes waiting for one connection that make it a slow reader then: less than a phone on a bad link has waiting for long.
const BEHIND: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_leave_in_order_and_end_with_the_keeper() {
        let (outbox, mut outgoing, _) = outbox(&Total::default());
        for n in 0..3_u8 {
            outbox.put(Bytes::from(vec![n])).unwrap();
        }
        drop(outbox);
        for n in 0..3_u8 {
            assert_eq!(outgoing.next().await.unwrap(), vec![n]);
        }
        assert_eq!(outgoing.next().await, None);
    }

    #[tokio::test]
    async fn a_peer_that_is_behind_is_not_listened_to_until_it_caught_up() {
        let (outbox, mut outgoing, backlog) = outbox(&Total::default());
        backlog.bearable().await;
        outbox.put(Bytes::from(vec![0; PAUSE_BEYOND])).unwrap();
        outbox.put(Bytes::from(vec![0; 1])).unwrap();
        let waiting = tokio::spawn(async move { backlog.bearable().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outgoing.next().await.unwrap();
        waiting.await.unwrap();
    }

    #[test]
    fn a_peer_that_is_far_behind_is_cut() {
        let (outbox, _outgoing, _) = outbox(&Total::default());
        let outcomes: Vec<_> = (0..20).map(|_| outbox.put(Bytes::from(vec![0; 1024 * 1024]))).collect();
        assert!(outcomes.first() == Some(&Ok(())) && outcomes.last() == Some(&Err(TooFarBehind)));
    }

    #[test]
    fn many_slow_readers_together_are_cut_long_before_each_of_them_would_be() {
        let total = Total::default();
        let ends: Vec<_> = (0..100).map(|_| outbox(&total)).collect();
        let mebibyte = || Bytes::from(vec![0; 1024 * 1024]);
        let cut = ends.iter().filter(|(outbox, ..)| outbox.put(mebibyte()).is_err() || outbox.put(mebibyte()).is_err());
        assert!(cut.count() > 60);
        // One that reads is not among them.
        let (quick, quick_end, _) = outbox(&total);
        assert_eq!(quick.put(Bytes::from(vec![0; 4096])), Ok(()));
        drop((ends, quick, quick_end));
        assert_eq!(total.0.load(Ordering::Relaxed), 0, "what nobody took is given back");
    }
}
