//! The few messages between a connection and its program, for one direction.
//!
//! A channel like others, but small: it holds nothing while nothing is in it. Most connections of a server wait, and have two of them.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// The end that messages go into. The window is closed for the other end when every clone is gone.
pub(super) struct Sender(Arc<Window>);

/// The end that messages come out of.
pub(super) struct Receiver(Arc<Window>);

/// Why a message was not taken; it is given back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many as fit are there.
    Full(Bytes),
    /// Nobody will take it out any more.
    Closed(Bytes),
}

struct Window {
    bound: usize,
    state: Mutex<State>,
    came: Notify,
    went: Notify,
    closed: Notify,
}

struct State {
    messages: VecDeque<Bytes>,
    n_senders: usize,
    is_received: bool,
}

/// Makes a window for at most `bound` messages.
pub(super) fn window(bound: usize) -> (Sender, Receiver) {
    let state = State { messages: VecDeque::new(), n_senders: 1, is_received: true };
    let (came, went, closed) = (Notify::new(), Notify::new(), Notify::new());
    let window = Arc::new(Window { bound: bound.max(1), state: Mutex::new(state), came, went, closed });
    (Sender(Arc::clone(&window)), Receiver(window))
}

impl Window {
    /// A panic while the lock was held cannot leave a message half there.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Puts a message in if there is room now.
    pub(super) fn try_send(&self, message: Bytes) -> Result<(), Refused> {
        let mut state = self.0.state();
        if !state.is_received {
            return Err(Refused::Closed(message));
        }
        if state.messages.len() >= self.0.bound {
            return Err(Refused::Full(message));
        }
        state.messages.push_back(message);
        drop(state);
        self.0.came.notify_one();
        Ok(())
    }

    /// Puts a message in as soon as there is room; fails when nobody will take it out.
    pub(super) async fn send(&self, message: Bytes) -> Result<(), Refused> {
        let mut message = match self.try_send(message) {
            Err(Refused::Full(back)) => back,
            outcome => return outcome,
        };
        loop {
            let mut went = pin!(self.0.went.notified());
            // Asked for before looking, so that what goes in between is not missed.
            went.as_mut().enable();
            match self.try_send(message) {
                Err(Refused::Full(back)) => message = back,
                outcome => return outcome,
            }
            went.await;
        }
    }

    /// Returns when nobody will take anything out any more.
    pub(super) async fn closed(&self) {
        loop {
            let mut closed = pin!(self.0.closed.notified());
            closed.as_mut().enable();
            if !self.0.state().is_received {
                return;
            }
            closed.await;
        }
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.0.state().n_senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.n_senders = state.n_senders.saturating_sub(1);
        let is_last = state.n_senders == 0;
        drop(state);
        if is_last {
            self.0.came.notify_one();
        }
    }
}

impl Receiver {
    /// Takes out the next message if it is there.
    pub(super) fn try_recv(&mut self) -> Option<Bytes> {
        let mut state = self.0.state();
        let message = state.messages.pop_front()?;
        if state.messages.is_empty() {
            state.messages = VecDeque::new();
        }
        drop(state);
        self.0.went.notify_one();
        Some(message)
    }

    /// Tells whether a message is there.
    pub(super) fn has_some(&self) -> bool {
        !self.0.state().messages.is_empty()
    }

    /// Takes out the next message; nothing when all have been taken and no more can come. When it is given up, nothing is lost.
    pub(super) async fn recv(&mut self) -> Option<Bytes> {
        loop {
            // Looked at first: whoever leaves after the last look has left word.
            let may_come = self.0.state().n_senders > 0;
            if let Some(message) = self.try_recv() {
                return Some(message);
            }
            if !may_come {
                return None;
            }
            self.0.came.notified().await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_received = false;
        let left = std::mem::take(&mut state.messages);
        drop(state);
        drop(left);
        self.0.went.notify_waiters();
        self.0.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(byte: u8) -> Bytes {
        vec![byte].into()
    }

    #[tokio::test]
    async fn messages_come_out_in_order_and_then_the_end() {
        let (sender, mut receiver) = window(3);
        let other = sender.clone();
        for byte in 0..3 {
            sender.send(message(byte)).await.unwrap();
        }
        assert_eq!(other.try_send(message(9)), Err(Refused::Full(message(9))));
        drop((sender, other));
        for byte in 0..3 {
            assert_eq!(receiver.recv().await, Some(message(byte)));
        }
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn who_waits_for_room_gets_it_or_hears_that_there_will_be_none() {
        let (sender, mut receiver) = window(1);
        sender.send(message(0)).await.unwrap();
        let waiting: Vec<_> = (1..=3_u8)
            .map(|byte| {
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(message(byte)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        for byte in 0..3 {
            assert_eq!(receiver.recv().await, Some(message(byte)));
        }
        tokio::task::yield_now().await;
        assert_eq!(receiver.recv().await, Some(message(3)));
        drop(receiver);
        sender.closed().await;
        for waits in waiting {
            assert_eq!(waits.await.unwrap(), Ok(()));
        }
        assert_eq!(sender.send(message(4)).await, Err(Refused::Closed(message(4))));
    }

    #[tokio::test]
    async fn whoever_waits_when_the_other_end_leaves_is_woken() {
        let (sender, receiver) = window(1);
        sender.send(message(0)).await.unwrap();
        let (blocked, watching) = (sender.clone(), sender.clone());
        let blocked = tokio::spawn(async move { blocked.send(message(1)).await });
        let watching = tokio::spawn(async move { watching.closed().await });
        tokio::task::yield_now().await;
        drop(receiver);
        assert_eq!(blocked.await.unwrap(), Err(Refused::Closed(message(1))));
        watching.await.unwrap();

        let (sender, mut receiver) = window(1);
        let waiting = tokio::spawn(async move { receiver.recv().await });
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!(waiting.await.unwrap(), None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_lost_and_nobody_is_forgotten_between_threads() {
        let (sender, mut receiver) = window(2);
        let senders: Vec<_> = (0..4_u8)
            .map(|byte| {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for _ in 0..2000 {
                        sender.send(message(byte)).await.unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let mut counts = [0; 4];
        while let Some(message) = receiver.recv().await {
            counts[usize::from(message[0])] += 1;
        }
        assert_eq!(counts, [2000; 4]);
        for sender in senders {
            sender.await.unwrap();
        }
    }
}
