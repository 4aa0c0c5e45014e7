//! The receiving side of a WebSocket: bytes become messages.
//!
//! While nothing comes it holds next to nothing, so that a server can keep many connections that wait. A message that has begun is
//! put together in one buffer that grows with what came, whatever was declared; it may have so many bytes, come in so many frames, and be
//! waited for so long.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout};

use super::frames::{Forbidden, Head, MAX_HEAD, Opcode, Role, mask};
use crate::limits::MAX_MESSAGE;

/// Messages out of a byte stream.
pub(super) struct Reader<R> {
    stream: R,
    role: Role,
    patience: Duration,
    /// Bytes that were read and not used yet: those in `fresh` from `n_used` on.
    fresh: [u8; FRESH],
    n_used: usize,
    n_fresh: usize,
    head: [u8; MAX_HEAD],
    n_head: usize,
    /// The frame whose payload comes, and how much of it is missing.
    frame: Option<Head>,
    n_missing: usize,
    /// The message that has begun: its frames so far, and how long the rest was waited for. While nobody reads, nobody waits.
    message: BytesMut,
    n_frames: usize,
    control: BytesMut,
    waited: Duration,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Message(Bytes),
    Ping(Bytes),
    Pong,
    /// The other side ends the connection, for the reason of this number.
    Close(Option<u16>),
}

/// Why nothing comes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The stream ended or broke.
    Broken,
    /// The rest of a message did not come.
    Stalled,
    /// A message is longer than [`MAX_MESSAGE`].
    TooLarge,
    /// A frame that RFC 6455 forbids.
    Forbidden,
    /// Text, or more pieces than make sense.
    Unwelcome,
}

impl From<Forbidden> for ReadError {
    fn from(_: Forbidden) -> Self {
        Self::Forbidden
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads frames from a stream that is about to bring its first; no message may be waited for longer than `patience`.
    pub(super) fn new(stream: R, role: Role, patience: Duration) -> Self {
        Self {
            stream,
            role,
            patience,
            fresh: [0; FRESH],
            n_used: 0,
            n_fresh: 0,
            head: [0; MAX_HEAD],
            n_head: 0,
            frame: None,
            n_missing: 0,
            message: BytesMut::new(),
            n_frames: 0,
            control: BytesMut::new(),
            waited: Duration::ZERO,
        }
    }

    /// Returns what comes next. When it is given up while it waits, nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Received, ReadError> {
        loop {
            let Some(head) = self.frame else {
                self.read_head().await?;
                continue;
            };
            if self.n_missing > 0 {
                self.read_payload(head.opcode).await?;
                continue;
            }
            self.frame = None;
            if let Some(received) = self.end_frame(head)? {
                return Ok(received);
            }
        }
    }

    /// Reads on until a head is whole, and notes what is to come.
    async fn read_head(&mut self) -> Result<(), ReadError> {
        if self.n_used == self.n_fresh {
            (self.n_used, self.n_fresh) = (0, 0);
            let (left, since) = (self.left(), Instant::now());
            self.n_fresh = patiently(left, self.stream.read(&mut self.fresh)).await?;
            self.has_waited(left, since);
        }
        while let Some(byte) = self.fresh.get(self.n_used..self.n_fresh).and_then(|fresh| fresh.first()) {
            if let Some(place) = self.head.get_mut(self.n_head) {
                *place = *byte;
            }
            (self.n_head, self.n_used) = (self.n_head + 1, self.n_used + 1);
            if let Some(head) = Head::parse(self.head.get(..self.n_head).unwrap_or_default(), self.role)? {
                self.n_head = 0;
                return self.begin_frame(head);
            }
        }
        Ok(())
    }

    fn begin_frame(&mut self, head: Head) -> Result<(), ReadError> {
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        match head.opcode {
            Opcode::Text => return Err(ReadError::Unwelcome),
            // What goes on must have begun, and what begins must not be going on.
            Opcode::Continuation if self.n_frames == 0 => return Err(ReadError::Forbidden),
            Opcode::Binary if self.n_frames > 0 => return Err(ReadError::Forbidden),
            Opcode::Continuation | Opcode::Binary => {
                if length > MAX_MESSAGE - self.message.len() {
                    return Err(ReadError::TooLarge);
                }
                self.n_frames += 1;
                if self.n_frames > MAX_FRAMES {
                    return Err(ReadError::Unwelcome);
                }
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong => {}
        }
        (self.frame, self.n_missing) = (Some(head), length);
        Ok(())
    }

    /// Takes what is there of a payload, or reads more of it.
    async fn read_payload(&mut self, opcode: Opcode) -> Result<(), ReadError> {
        let (left, since) = (self.left(), Instant::now());
        let payload = if opcode.is_control() { &mut self.control } else { &mut self.message };
        let fresh = self.fresh.get(self.n_used..self.n_fresh).unwrap_or_default();
        let n = if fresh.is_empty() {
            payload.reserve(self.n_missing.min(READ_AT_ONCE));
            let mut bounded = (&mut self.stream).take(u64::try_from(self.n_missing).unwrap_or(u64::MAX));
            patiently(left, bounded.read_buf(payload)).await?
        } else {
            let fresh = fresh.get(..self.n_missing).unwrap_or(fresh);
            // Room for all of it when that is little: most messages are, and need no second piece of memory then.
            payload.reserve(self.n_missing.min(READ_AT_ONCE));
            payload.extend_from_slice(fresh);
            self.n_used += fresh.len();
            fresh.len()
        };
        self.n_missing = self.n_missing.saturating_sub(n);
        self.has_waited(left, since);
        Ok(())
    }

    /// Takes the mask off a frame that is whole; returns what it completes.
    fn end_frame(&mut self, head: Head) -> Result<Option<Received>, ReadError> {
        let payload = if head.opcode.is_control() { &mut self.control } else { &mut self.message };
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        if let (Some(with), Some(own)) = (head.mask, payload.len().checked_sub(length)) {
            mask(payload.get_mut(own..).unwrap_or_default(), with);
        }
        if head.opcode.is_control() {
            // In the middle of a message it is no sign that the message goes on.
            if self.n_frames == 0 {
                self.waited = Duration::ZERO;
            }
            let payload = std::mem::take(&mut self.control).freeze();
            return match (head.opcode, &*payload) {
                (Opcode::Ping, _) => Ok(Some(Received::Ping(payload))),
                (Opcode::Close, []) => Ok(Some(Received::Close(None))),
                (Opcode::Close, [_]) => Err(ReadError::Forbidden),
                (Opcode::Close, [first, second, ..]) => {
                    Ok(Some(Received::Close(Some(u16::from_be_bytes([*first, *second])))))
                }
                _ => Ok(Some(Received::Pong)),
            };
        }
        if !head.is_last {
            return Ok(None);
        }
        (self.n_frames, self.waited) = (0, Duration::ZERO);
        Ok(Some(Received::Message(std::mem::take(&mut self.message).freeze())))
    }

    /// How long may still be waited; for ever between two messages.
    fn left(&self) -> Option<Duration> {
        let is_between = self.n_head == 0 && self.frame.is_none() && self.n_frames == 0;
        (!is_between).then(|| self.patience.saturating_sub(self.waited))
    }

    fn has_waited(&mut self, left: Option<Duration>, since: Instant) {
        if left.is_some() {
            self.waited += since.elapsed();
        }
    }
}

/// Waits for bytes as long as there is patience left.
async fn patiently(
    left: Option<Duration>,
    read: impl Future<Output = std::io::Result<usize>>,
) -> Result<usize, ReadError> {
    let mut read = pin!(read);
    let outcome = match left {
        None => read.await,
        Some(left) => {
            // What is there already needs no clock. What does not come has one of its own, so that connections on which nothing has begun
            // hold no room for it.
            let now = poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await;
            match now {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => Box::pin(timeout(left, read)).await.map_err(|_| ReadError::Stalled)?,
            }
        }
    };
    match outcome {
        Ok(0) | Err(_) => Err(ReadError::Broken),
        Ok(n) => Ok(n),
    }
}

/// Bytes that are read when nobody knows what comes: all of a connection that waits. A head and a ping fit.
const FRESH: usize = 128;
/// Bytes that a payload's buffer is ahead of it.
const READ_AT_ONCE: usize = 16 * 1024;
/// Frames of one message. A program that cuts the largest message into pieces of a hundred bytes is odd, one that sends
/// more is up to no good.
const MAX_FRAMES: usize = 1024;

#[cfg(test)]
mod tests;
