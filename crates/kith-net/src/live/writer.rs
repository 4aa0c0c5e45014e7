//! The sending side of a WebSocket: messages become bytes. What has begun to leave leaves whole, also when whoever sent it stopped
//! waiting.

use std::future::poll_fn;
use std::io::{Error, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::frames::{Head, Opcode, Role, mask};

/// Messages into a byte stream.
pub(super) struct Writer<W> {
    stream: W,
    role: Role,
    /// What has to leave, from `n_gone` on. Given back when all of it has left.
    waiting: Vec<u8>,
    n_gone: usize,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(stream: W, role: Role) -> Self {
        Self { stream, role, waiting: Vec::new(), n_gone: 0 }
    }

    /// Puts a frame that is a whole message behind what waits.
    ///
    /// # Errors
    ///
    /// The system has no randomness for a client's mask.
    pub(super) fn put(&mut self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let mut with = None;
        if self.role == Role::Client {
            let mut bytes = [0; 4];
            SysRng.try_fill_bytes(&mut bytes).map_err(Error::other)?;
            with = Some(bytes);
        }
        let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        Head { is_last: true, opcode, mask: with, length }.write(&mut self.waiting);
        let begins = self.waiting.len();
        self.waiting.extend_from_slice(payload);
        if let Some(with) = with {
            mask(self.waiting.get_mut(begins..).unwrap_or_default(), with);
        }
        Ok(())
    }

    /// Makes room at once for so much and some more, where it would be made bit by bit.
    pub(super) fn make_room(&mut self, n_bytes: usize) {
        self.waiting.reserve(n_bytes + n_bytes / 4);
    }

    /// Tells how many bytes wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len().saturating_sub(self.n_gone)
    }

    /// Returns when everything has left. When it is given up, the next call goes on where it was.
    pub(super) async fn flush(&mut self) -> Result<()> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Lets leave what the stream takes now; ready when that is everything.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while let Some(rest) = self.waiting.get(self.n_gone..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                n => self.n_gone += n,
            }
        }
        (self.waiting, self.n_gone) = (Vec::new(), 0);
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes.
    pub(super) async fn shut(&mut self) {
        let _ = self.stream.shutdown().await;
    }
}
