//! What waits to leave over one live connection.
//!
//! The keeper must never wait for a slow reader, and a slow reader must not make us hold everything for it. So the
//! keeper puts messages here without waiting; the connection's task takes them out at the peer's pace and reads
//! nothing new from a peer that is far behind; and a peer that still gets too far behind is cut.

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
    fell: Notify,
}

/// The peer reads so slowly that the connection has to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFarBehind;

/// Makes the ends.
pub(crate) fn outbox() -> (Outbox, Outgoing, Backlog) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let level = Arc::new(Level::default());
    let outbox = Outbox { messages: sender, level: Arc::clone(&level) };
    let outgoing = Outgoing { messages: receiver, level: Arc::clone(&level) };
    (outbox, outgoing, Backlog(level))
}

impl Outbox {
    /// Adds a message. A connection that has ended takes it and does nothing with it.
    pub(crate) fn put(&self, message: Bytes) -> Result<(), TooFarBehind> {
        let waiting = self.level.bytes.fetch_add(message.len(), Ordering::Relaxed);
        let _ = self.messages.send(message);
        if waiting > CUT_BEYOND { Err(TooFarBehind) } else { Ok(()) }
    }
}

impl Outgoing {
    /// Takes the next message out; `None` when the keeper has let go of the connection.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let message = self.messages.recv().await?;
        let before = self.level.bytes.fetch_sub(message.len(), Ordering::Relaxed);
        if before > PAUSE_BEYOND && before.saturating_sub(message.len()) <= PAUSE_BEYOND {
            self.level.fell.notify_one();
        }
        Some(message)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_leave_in_order_and_end_with_the_keeper() {
        let (outbox, mut outgoing, _) = outbox();
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
        let (outbox, mut outgoing, backlog) = outbox();
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
        let (outbox, _outgoing, _) = outbox();
        let outcomes: Vec<_> = (0..20).map(|_| outbox.put(Bytes::from(vec![0; 1024 * 1024]))).collect();
        assert!(outcomes.first() == Some(&Ok(())) && outcomes.last() == Some(&Err(TooFarBehind)));
    }
}
