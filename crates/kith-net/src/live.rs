//! A live connection: binary messages in both directions until one side ends it.
//!
//! Both sides run the same [`run`] beside whatever uses the two halves. It pings when nothing was sent for a
//! while, gives up on a peer that is silent or stops reading, and makes the peer wait when the program is slow.
//! It knows no opening, no keys and no meaning: the first message is as opaque as the last.

mod frames;
mod reader;
mod window;
mod writer;

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

pub(crate) use frames::Role;

use self::frames::Opcode;
use self::reader::{ReadError, Reader, Received};
use self::window::{Receiver, Refused, Sender, window};
use self::writer::Writer;
use crate::limits::{LiveLimits, MAX_MESSAGE};
use crate::pace::Turns;

/// The half of a live connection that messages go into. When every clone of it is dropped the connection is
/// closed after what was sent has left.
#[derive(Clone)]
pub struct LiveSender {
    outgoing: Sender,
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

    /// Hands over one message if there is room for it now, and gives it back otherwise: then [`LiveSender::send`] waits, or tells why not.
    ///
    /// # Errors
    ///
    /// The message.
    pub fn offer(&self, message: Bytes) -> Result<(), Bytes> {
        if message.len() > MAX_MESSAGE {
            return Err(message);
        }
        self.outgoing.try_send(message).map_err(|(Refused::Full(message) | Refused::Closed(message))| message)
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
        self.outgoing.try_send(message).map_err(|refused| match refused {
            Refused::Full(_) => SendError::Full,
            Refused::Closed(_) => SendError::Ended,
        })
    }

    /// Returns when the connection has ended, for whatever reason.
    pub async fn ended(&self) {
        self.outgoing.closed().await;
    }
}

/// The half of a live connection that messages come out of.
pub struct LiveReceiver {
    incoming: Receiver,
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
    let (outgoing, from_program) = window(limits.window);
    let (to_program, incoming) = window(limits.window);
    let end = Arc::new(OnceLock::new());
    let inner = Inner { from_program, to_program, end: Arc::clone(&end), turns };
    (LiveSender { outgoing }, LiveReceiver { incoming, end }, inner)
}

/// The far ends of the two halves.
pub(crate) struct Inner {
    from_program: Receiver,
    to_program: Sender,
    end: Arc<OnceLock<LiveEnd>>,
    /// Turns of which each message that comes in takes one.
    turns: Turns,
}

/// Moves messages until the connection ends or `going_away` resolves, then closes it.
///
/// What the future holds while nothing happens is what a server's connection costs. So everything stands in one place and is lent from there,
/// and what happens seldom has memory of its own for as long.
pub(crate) fn run<S, G>(
    stream: S,
    role: Role,
    limits: LiveLimits,
    inner: Inner,
    going_away: G,
) -> impl Future<Output = ()> + use<S, G>
where
    S: AsyncRead + AsyncWrite + Unpin,
    G: Future<Output = ()> + Unpin,
{
    let (reading, writing) = tokio::io::split(stream);
    let (reader, writer) = (Reader::new(reading, role, limits.message), Writer::new(writing, role));
    let mut line = Line { reader, writer, limits, inner: Some(inner), pong: Pong::default(), going_away };
    async move {
        let farewell = line.talk().await;
        Box::pin(line.leave(farewell)).await;
    }
}

/// A connection while it lasts.
struct Line<S, G> {
    reader: Reader<ReadHalf<S>>,
    writer: Writer<WriteHalf<S>>,
    limits: LiveLimits,
    /// Gone once the program has been told that the connection ends.
    inner: Option<Inner>,
    pong: Pong,
    going_away: G,
}

impl<S, G> Line<S, G>
where
    S: AsyncRead + AsyncWrite + Unpin,
    G: Future<Output = ()> + Unpin,
{
    /// Moves messages until there is a reason to end.
    async fn talk(&mut self) -> Farewell {
        let Self { reader, writer, limits, inner, pong, going_away } = self;
        let Some(Inner { from_program, to_program, turns, .. }) = inner else {
            return Farewell::of(LiveEnd::Closed);
        };
        tokio::select! {
            farewell = read(reader, limits, turns, to_program, pong) => farewell,
            farewell = write(writer, limits, from_program, pong) => farewell,
            () = going_away => Farewell::of(LiveEnd::GoingAway),
        }
    }

    /// Ends the connection.
    async fn leave(&mut self, farewell: Farewell) {
        // The program is told before the peer is: nothing it hands over from here on would leave.
        if let Some(inner) = self.inner.take() {
            let _ = inner.end.set(farewell.end);
        }
        let closing = close(&mut self.reader, &mut self.writer, farewell);
        let _ = timeout(at_most(self.limits.close), closing).await;
    }
}

/// Why a connection ends, and what the peer is told of it.
#[derive(Clone, Copy)]
struct Farewell {
    end: LiveEnd,
    /// Nothing when there is nobody to tell.
    code: Option<u16>,
    /// Whether the other side is heard out until it says goodbye as well. Not when it has, and not when it keeps no rules.
    is_heard_out: bool,
}

impl Farewell {
    fn of(end: LiveEnd) -> Self {
        let code = match end {
            LiveEnd::Broken | LiveEnd::Stalled => None,
            LiveEnd::GoingAway => Some(GOING_AWAY),
            LiveEnd::Malformed => Some(UNSUPPORTED),
            LiveEnd::TooLarge => Some(TOO_BIG),
            LiveEnd::Closed | LiveEnd::Silent => Some(NORMAL),
        };
        Self { end, code, is_heard_out: !matches!(end, LiveEnd::Malformed | LiveEnd::TooLarge) }
    }

    fn answer(code: Option<u16>) -> Self {
        let is_restart = code == Some(GOING_AWAY) || code == Some(SERVICE_RESTART);
        let end = if is_restart { LiveEnd::GoingAway } else { LiveEnd::Closed };
        Self { end, code: Some(NORMAL), is_heard_out: false }
    }
}

impl From<ReadError> for Farewell {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Broken => Self::of(LiveEnd::Broken),
            ReadError::Stalled => Self::of(LiveEnd::Stalled),
            ReadError::TooLarge => Self::of(LiveEnd::TooLarge),
            ReadError::Forbidden => Self { code: Some(PROTOCOL_ERROR), ..Self::of(LiveEnd::Malformed) },
            ReadError::Unwelcome => Self::of(LiveEnd::Malformed),
        }
    }
}

/// The answer to the latest ping, on its way from the reading side to the writing one. An answer that was not sent before
/// the next ping came need not be sent (RFC 6455 §5.5.3).
#[derive(Default)]
struct Pong {
    payload: Mutex<Option<Bytes>>,
    is_due: Notify,
}

impl Pong {
    fn put(&self, payload: Bytes) {
        *self.payload.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
        self.is_due.notify_one();
    }

    async fn due(&self) -> Bytes {
        loop {
            if let Some(payload) = self.payload.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return payload;
            }
            self.is_due.notified().await;
        }
    }
}

async fn read<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    limits: &LiveLimits,
    turns: &Turns,
    to_program: &Sender,
    pong: &Pong,
) -> Farewell {
    let (mut n_signs, mut count_until) = (0_usize, Instant::now() + limits.idle);
    loop {
        // Anything counts as a sign of life, pings and pongs included.
        let received = match timeout(limits.idle, reader.next()).await {
            Err(_) => return Farewell::of(LiveEnd::Silent),
            Ok(Err(error)) => return error.into(),
            Ok(Ok(received)) => received,
        };
        match received {
            Received::Message(message) => {
                turns.next().await;
                match to_program.try_send(message) {
                    Ok(()) => {}
                    Err(Refused::Closed(_)) => return Farewell::of(LiveEnd::Closed),
                    Err(Refused::Full(message)) => {
                        if Box::pin(to_program.send(message)).await.is_err() {
                            return Farewell::of(LiveEnd::Closed);
                        }
                    }
                }
                continue;
            }
            Received::Close(code) => return Farewell::answer(code),
            Received::Ping(payload) => pong.put(payload),
            Received::Pong => {}
        }
        if Instant::now() > count_until {
            (n_signs, count_until) = (0, Instant::now() + limits.idle);
        }
        n_signs += 1;
        if n_signs > limits.pings {
            return Farewell::of(LiveEnd::Malformed);
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W>,
    limits: &LiveLimits,
    from_program: &mut Receiver,
    pong: &Pong,
) -> Farewell {
    // Pings go out on time whatever else is sent: a browser never pings, it only answers.
    let mut next_ping = Instant::now() + limits.ping_every;
    loop {
        let is_put = tokio::select! {
            message = from_program.recv() => match message {
                None => return Farewell::of(LiveEnd::Closed),
                Some(message) => put_with_more(writer, &message, from_program),
            },
            payload = pong.due() => writer.put(Opcode::Pong, &payload),
            () = sleep_until(next_ping) => {
                next_ping = Instant::now() + limits.ping_every;
                writer.put(Opcode::Ping, &[])
            }
        };
        if is_put.is_err() {
            return Farewell::of(LiveEnd::Broken);
        }
        // What the system takes at once needs no clock.
        let has_left = match poll_fn(|context| Poll::Ready(writer.poll_flush(context))).await {
            Poll::Ready(has_left) => Ok(has_left),
            Poll::Pending => Box::pin(timeout(limits.write, writer.flush())).await,
        };
        match has_left {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Farewell::of(LiveEnd::Broken),
            Err(_) => return Farewell::of(LiveEnd::Stalled),
        }
    }
}

/// Puts a message and those behind it, as far as they are there already: they leave together.
fn put_with_more<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W>,
    message: &[u8],
    from_program: &mut Receiver,
) -> std::io::Result<()> {
    if from_program.has_some() {
        writer.make_room(TOGETHER);
    }
    writer.put(Opcode::Binary, message)?;
    while writer.n_waiting() < TOGETHER {
        let Some(more) = from_program.try_recv() else { break };
        writer.put(Opcode::Binary, &more)?;
    }
    Ok(())
}

/// Says goodbye, and waits until the other side has said it too.
async fn close<R, W>(reader: &mut Reader<R>, writer: &mut Writer<W>, farewell: Farewell)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Some(code) = farewell.code else { return };
    if writer.put(Opcode::Close, &code.to_be_bytes()).is_err() || writer.flush().await.is_err() {
        return;
    }
    // What still arrives was not taken by the program and is not acknowledged to the peer.
    while farewell.is_heard_out && !matches!(reader.next().await, Ok(Received::Close(_)) | Err(_)) {}
    writer.shut().await;
}

/// Keeps a mistaken configuration from turning a goodbye into a leak.
fn at_most(wanted: Duration) -> Duration {
    wanted.min(Duration::from_secs(30))
}

/// Bytes of messages that leave together.
const TOGETHER: usize = 32 * 1024;

/// Why a connection is closed (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const TOO_BIG: u16 = 1009;
const SERVICE_RESTART: u16 = 1012;

#[cfg(test)]
mod tests {
    use super::*;

    /// A server keeps thousands of these, and nearly all wait.
    #[tokio::test]
    async fn a_connection_that_waits_is_small() {
        let limits = LiveLimits::default();
        let (stream, _peer) = tokio::io::duplex(1);
        let (_sender, _receiver, inner) = channel(&limits, Turns::default());
        let future = run(stream, Role::Server, limits, inner, Box::pin(std::future::pending()));
        let n_bytes = size_of_val(&future);
        assert!(n_bytes <= 1_600, "{n_bytes}");
    }
}
