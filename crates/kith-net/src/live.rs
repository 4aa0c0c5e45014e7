//! A live connection: binary messages in both directions until one side ends it.
//!
//! Both sides run the same [`run`] beside whatever uses the two halves. It pings when nothing was sent for a
//! while, gives up on a peer that is silent or stops reading, and makes the peer wait when the program is slow.
//! It knows no opening, no keys and no meaning: the first message is as opaque as the last.

pub(crate) mod watched;

use std::future::Future;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_websockets::{CloseCode, Message, WebSocketStream};

use crate::limits::{LiveLimits, MAX_MESSAGE};
use crate::pace::Turns;

/// The half of a live connection that messages go into. When every clone of it is dropped the connection is
/// closed after what was sent has left.
#[derive(Clone)]
pub struct LiveSender {
    outgoing: mpsc::Sender<Bytes>,
}

impl LiveSender {
    /// Hands over one message, waiting while the window is full. Success says nothing about arrival.
    ///
    /// # Errors
    ///
    /// The connection has ended, or the message is larger than [`MAX_MESSAGE`].
    pub async fn send(&self, message: Bytes) -> Result<(), SendError> {
        if message.len() > MAX_MESSAGE {
            return Err(SendError::TooLarge { length: message.len() });
        }
        self.outgoing.send(message).await.map_err(|_| SendError::Ended)
    }

    /// Hands over one message if there is room for it now.
    ///
    /// # Errors
    ///
    /// As [`LiveSender::send`], and [`SendError::Full`] when the peer reads too slowly.
    pub fn try_send(&self, message: Bytes) -> Result<(), SendError> {
        if message.len() > MAX_MESSAGE {
            return Err(SendError::TooLarge { length: message.len() });
        }
        self.outgoing.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Ended,
        })
    }

    /// Returns when the connection has ended, for whatever reason.
    pub async fn ended(&self) {
        self.outgoing.closed().await;
    }
}

/// The half of a live connection that messages come out of.
pub struct LiveReceiver {
    incoming: mpsc::Receiver<Bytes>,
    end: Arc<OnceLock<LiveEnd>>,
}

impl LiveReceiver {
    /// Returns the next message.
    ///
    /// # Errors
    ///
    /// Once the connection has ended and what it brought was taken, every call returns why.
    pub async fn next(&mut self) -> Result<Bytes, LiveEnd> {
        let next = self.incoming.recv().await;
        next.ok_or_else(|| self.end.get().copied().unwrap_or(LiveEnd::Broken))
    }
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection has ended; the receiving half tells why.
    #[error("the live connection has ended")]
    Ended,
    /// The window is full.
    #[error("the other side reads too slowly")]
    Full,
    /// The message is larger than any carrier takes.
    #[error("a message of {length} bytes exceeds the limit of {MAX_MESSAGE}")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
}

/// Why a live connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LiveEnd {
    /// One of the sides closed it in order.
    #[error("the live connection was closed")]
    Closed,
    /// The server goes away, most likely to come back at once.
    #[error("the server is restarting")]
    GoingAway,
    /// Nothing was heard for too long.
    #[error("the live connection fell silent")]
    Silent,
    /// The other side stopped reading, or did not finish a message that it had begun.
    #[error("the other side stopped in the middle of a message")]
    Stalled,
    /// The other side sent a message larger than [`MAX_MESSAGE`].
    #[error("a message exceeded the limit of {MAX_MESSAGE} bytes")]
    TooLarge,
    /// The other side broke the rules of WebSocket, sent text, or sent more pings or pieces of messages than make sense.
    #[error("the other side does not speak this protocol")]
    Malformed,
    /// The connection underneath broke.
    #[error("the connection broke")]
    Broken,
}

/// The two halves and what [`run`] needs to serve them.
pub(crate) fn channel(limits: &LiveLimits, turns: Turns) -> (LiveSender, LiveReceiver, Inner) {
    let (outgoing, from_program) = mpsc::channel(limits.window.max(1));
    let (to_program, incoming) = mpsc::channel(limits.window.max(1));
    let end = Arc::new(OnceLock::new());
    let inner = Inner { from_program, to_program, end: Arc::clone(&end), turns };
    (LiveSender { outgoing }, LiveReceiver { incoming, end }, inner)
}

/// The far ends of the two halves.
pub(crate) struct Inner {
    from_program: mpsc::Receiver<Bytes>,
    to_program: mpsc::Sender<Bytes>,
    end: Arc<OnceLock<LiveEnd>>,
    /// Turns of which each message that comes in takes one.
    turns: Turns,
}

/// Moves messages until the connection ends or `going_away` resolves, then closes it.
pub(crate) async fn run<S, G>(socket: WebSocketStream<S>, limits: LiveLimits, inner: Inner, going_away: G)
where
    S: AsyncRead + AsyncWrite + Unpin,
    G: Future<Output = ()>,
{
    let Inner { mut from_program, to_program, end: told, turns } = inner;
    let (mut sink, mut stream) = socket.split();
    let end = tokio::select! {
        end = read(&mut stream, &limits, &turns, &to_program) => end,
        end = write(&mut sink, &limits, &mut from_program) => end,
        () = going_away => LiveEnd::GoingAway,
    };
    // The program is told before the peer is: nothing it hands over from here on would leave.
    let _ = told.set(end);
    drop((from_program, to_program));
    close(&mut sink, &mut stream, end, &limits).await;
}

async fn read<S>(
    stream: &mut SplitStream<WebSocketStream<S>>,
    limits: &LiveLimits,
    turns: &Turns,
    to_program: &mpsc::Sender<Bytes>,
) -> LiveEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut n_signs, mut count_until) = (0_usize, Instant::now() + limits.idle);
    loop {
        // Anything counts as a sign of life, pings and pongs included.
        let message = match timeout(limits.idle, stream.next()).await {
            Err(_) => return LiveEnd::Silent,
            Ok(None) => return LiveEnd::Broken,
            Ok(Some(Err(error))) => return end_of(&error),
            Ok(Some(Ok(message))) => message,
        };
        if message.is_binary() {
            turns.next().await;
            if to_program.send(message.into_payload().into()).await.is_err() {
                return LiveEnd::Closed;
            }
        } else if let Some((code, _)) = message.as_close() {
            let is_restart = code == CloseCode::GOING_AWAY || code == CloseCode::SERVICE_RESTART;
            return if is_restart { LiveEnd::GoingAway } else { LiveEnd::Closed };
        } else if message.is_text() {
            return LiveEnd::Malformed;
        } else {
            // A ping or a pong.
            if Instant::now() > count_until {
                (n_signs, count_until) = (0, Instant::now() + limits.idle);
            }
            n_signs += 1;
            if n_signs > limits.pings {
                return LiveEnd::Malformed;
            }
        }
    }
}

async fn write<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    limits: &LiveLimits,
    from_program: &mut mpsc::Receiver<Bytes>,
) -> LiveEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Pings go out on time whatever else is sent: a browser never pings, it only answers.
    let mut next_ping = Instant::now() + limits.ping_every;
    loop {
        let message = match timeout_at(next_ping, from_program.recv()).await {
            Ok(Some(bytes)) => Message::binary(bytes),
            Ok(None) => return LiveEnd::Closed,
            Err(_) => {
                next_ping = Instant::now() + limits.ping_every;
                Message::ping(Bytes::new())
            }
        };
        match timeout(limits.write, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return end_of(&error),
            Err(_) => return LiveEnd::Stalled,
        }
    }
}

/// Says goodbye, and waits a little until the other side has said it too.
async fn close<S>(
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    stream: &mut SplitStream<WebSocketStream<S>>,
    end: LiveEnd,
    limits: &LiveLimits,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let code = match end {
        LiveEnd::Broken | LiveEnd::Stalled => return,
        LiveEnd::GoingAway => CloseCode::GOING_AWAY,
        LiveEnd::Malformed => CloseCode::UNSUPPORTED_DATA,
        LiveEnd::Closed | LiveEnd::Silent | LiveEnd::TooLarge => CloseCode::NORMAL_CLOSURE,
    };
    let goodbye = async {
        // Fails when the peer was first to close, or was told of its mistake already; then only the flush counts.
        let _ = sink.send(Message::close(Some(code), "")).await;
        // What still arrives was not taken by the program and is not acknowledged to the peer. Of somebody who keeps no
        // rules not much is read any more: the end may come before the farewell then.
        let mut n_left = if end == LiveEnd::Malformed { FEW } else { usize::MAX };
        while let Some(Ok(_)) = stream.next().await {
            n_left -= 1;
            if n_left == 0 {
                return;
            }
        }
        let _ = sink.close().await;
    };
    let _ = timeout(at_most(limits.close), goodbye).await;
}

/// Messages that are read after the last word to somebody who keeps no rules.
const FEW: usize = 64;

fn end_of(error: &tokio_websockets::Error) -> LiveEnd {
    match error {
        tokio_websockets::Error::PayloadTooLong { .. } => LiveEnd::TooLarge,
        tokio_websockets::Error::Protocol(_) => LiveEnd::Malformed,
        tokio_websockets::Error::AlreadyClosed => LiveEnd::Closed,
        tokio_websockets::Error::Io(error) if error.kind() == ErrorKind::TimedOut => LiveEnd::Stalled,
        tokio_websockets::Error::Io(error) if error.kind() == ErrorKind::InvalidData => LiveEnd::Malformed,
        _ => LiveEnd::Broken,
    }
}

/// Keeps a mistaken configuration from turning a goodbye into a leak.
fn at_most(wanted: Duration) -> Duration {
    wanted.min(Duration::from_secs(30))
}
