//! What waits to leave over one live connection.
//!
//! The keeper must never wait for a slow reader, and a slow reader must not make us hold everything for it. So the
//! keeper puts messages here without waiting; the connection's task takes them out at the peer's pace and reads
//! nothing new from a peer that is far behind; and a peer that still gets too far behind is cut. When all that waits
//! for everybody is too much together, whoever is more than a little behind counts as too far behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

/// The keeper's end.
pub(crate) struct Outbox {
    messages: mpsc::UnboundedSender<Bytes>,
    level: Arc<Level>,
}

/// The connection's end.
pub(crate) struct Outgoing {
    messages: mpsc::UnboundedReceiver<Bytes>,
    level: Arc<Level>,
}

/// What the connection's reading side looks at.
#[derive(Clone)]
pub(crate) struct Backlog(Arc<Level>);

#[derive(Default)]
struct Level {
    bytes: AtomicUsize,
    total: Total,
    fell: Notify,
}

impl Level {
    /// Notes a message; returns how much waited before, here and everywhere.
    fn rises(&self, by: usize) -> (usize, usize) {
        (self.bytes.fetch_add(by, Ordering::Relaxed), self.total.0.fetch_add(by, Ordering::Relaxed))
    }

    /// Notes that a message is gone; returns how much waited here before.
    fn falls(&self, by: usize) -> usize {
        self.total.0.fetch_sub(by, Ordering::Relaxed);
        self.bytes.fetch_sub(by, Ordering::Relaxed)
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
    let (sender, receiver) = mpsc::unbounded_channel();
    let level = Arc::new(Level { total: total.clone(), ..Level::default() });
    let outbox = Outbox { messages: sender, level: Arc::clone(&level) };
    let outgoing = Outgoing { messages: receiver, level: Arc::clone(&level) };
    (outbox, outgoing, Backlog(level))
}

impl Outbox {
    /// Adds a message. A connection that has ended takes it and does nothing with it.
    pub(crate) fn put(&self, message: Bytes) -> Result<(), TooFarBehind> {
        let length = message.len();
        let (waiting, everywhere) = self.level.rises(length);
        if self.messages.send(message).is_err() {
            self.level.falls(length);
        }
        let is_too_far = waiting > CUT_BEYOND || (everywhere > CROWDED && waiting > BEHIND);
        if is_too_far { Err(TooFarBehind) } else { Ok(()) }
    }
}

impl Outgoing {
    /// Takes the next message out; `None` when the keeper has let go of the connection.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let message = self.messages.recv().await?;
        let before = self.level.falls(message.len());
        if before > PAUSE_BEYOND && before.saturating_sub(message.len()) <= PAUSE_BEYOND {
            self.level.fell.notify_one();
        }
        Some(message)
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // From here on nothing is put any more; what was is given back.
        self.messages.close();
        while let Ok(message) = self.messages.try_recv() {
            self.level.falls(message.len());
        }
    }
}

impl Backlog {
    /// Waits until the peer has caught up enough to be listened to again. For one waiter at a time.
    pub(crate) async fn bearable(&self) {
        while self.0.bytes.load(Ordering::Relaxed) > PAUSE_BEYOND {
            self.0.fell.notified().await;
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
