//! Sees where messages begin and end on their way in, so that one that does not end is noticed.
//!
//! What puts frames together into messages tells nobody of a message that has only begun. A peer could hold its buffers
//! for ever by sending the rest ever slower, with a ping in between as a sign of life. This stream fails when one message
//! is waited for too long, or comes in too many frames. It reads heads of frames only; whether they make sense, others check.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A byte stream on which WebSocket frames arrive.
pub(crate) struct Watched<S> {
    stream: S,
    frames: Frames,
    patience: Duration,
    /// How long the message that has begun was waited for. While nobody reads, nobody waits.
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Watched<S> {
    /// Watches a stream that is about to bring its first frame; no message may be waited for longer than `patience`.
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, frames: Frames::default(), patience, waited: Duration::ZERO, waiting: None }
    }

    fn brought(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        let n_whole = self.frames.n_whole;
        self.frames.see(bytes)?;
        if self.frames.n_whole != n_whole {
            self.waited = Duration::ZERO;
        }
        Ok(())
    }

    /// Becomes ready when the rest of what has begun was waited for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.frames.is_between() {
            return Poll::Pending;
        }
        let left = self.patience.saturating_sub(self.waited);
        let (_, over) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        over.as_mut().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(this.brought(buffer.filled().get(before..).unwrap_or_default())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(this.poll_patience(cx));
                Poll::Ready(Err(ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in a sequence of frames a stream is (RFC 6455 §5.2).
#[derive(Default)]
struct Frames {
    /// The bytes of an unfinished head, the first two of the current one otherwise.
    head: [u8; MAX_HEAD],
    n_head: usize,
    /// Bytes of the current frame that are still to come.
    to_come: u64,
    /// Frames of the message that has begun.
    n_frames: usize,
    /// Messages, and control frames outside of them, that came whole.
    n_whole: u64,
}

impl Frames {
    fn is_between(&self) -> bool {
        self.n_head == 0 && self.to_come == 0 && self.n_frames == 0
    }

    fn see(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.to_come > 0 {
                let n = usize::try_from(self.to_come).unwrap_or(usize::MAX).min(bytes.len());
                bytes = bytes.get(n..).unwrap_or_default();
                self.to_come = self.to_come.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
                if self.to_come > 0 {
                    return Ok(());
                }
            } else {
                bytes = rest;
                if !self.is_head_whole(first) || self.to_come > 0 {
                    continue;
                }
            }
            self.end_frame()?;
        }
        Ok(())
    }

    /// Takes a byte of a head; once it is whole, its length is in `to_come`.
    fn is_head_whole(&mut self, byte: u8) -> bool {
        if let Some(place) = self.head.get_mut(self.n_head) {
            *place = byte;
        }
        self.n_head += 1;
        let [_, second, ..] = self.head;
        let (n_length, n_mask) = (
            match second & 127 {
                126 => 2,
                127 => 8,
                _ => 0,
            },
            if second < 128 { 0 } else { 4 },
        );
        if self.n_head < 2 + n_length + n_mask {
            return false;
        }
        let long = self.head.get(2..2 + n_length).unwrap_or_default();
        let length = long.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        self.to_come = if n_length == 0 { u64::from(second & 127) } else { length };
        self.n_head = 0;
        true
    }

    fn end_frame(&mut self) -> Result<()> {
        let [first, ..] = self.head;
        let (is_last, is_control) = (first & 128 != 0, first & 8 != 0);
        if is_control {
            // In the middle of a message it is no sign that the message goes on.
            self.n_whole += u64::from(self.n_frames == 0);
        } else if is_last {
            self.n_frames = 0;
            self.n_whole += 1;
        } else {
            self.n_frames += 1;
            if self.n_frames > MAX_FRAMES {
                return Err(Error::from(ErrorKind::InvalidData));
            }
        }
        Ok(())
    }
}

/// Frames of one message. Only their number is bounded here: a program that cuts the largest message into pieces of a
/// hundred bytes is odd, one that sends more is up to no good.
const MAX_FRAMES: usize = 1024;
/// Bytes of the longest head: two, a length of eight, a mask of four.
const MAX_HEAD: usize = 14;

#[cfg(test)]
mod tests;
