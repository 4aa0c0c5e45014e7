//! The load: many connections, on each of which the next message goes out when the last one was answered.
//!
//! So senders behave that know nothing of each other, and so all contenders are driven alike, with no pipelining. One thread
//! drives all connections, because the server under test needs the processor more than we do. What the bytes mean, a
//! [`Talk`] knows.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Failure;

/// How to send one kind of message to one kind of server.
pub(crate) trait Talk: Send + Sync + 'static {
    /// What is said once on a new connection; empty when nothing is.
    fn hello(&self, connection: usize) -> Vec<u8>;
    /// The length of the whole answer to it at the beginning of `received`; `None` while it is incomplete.
    fn hello_answered(&self, received: &[u8]) -> Result<Option<usize>, Failure>;
    /// Message number `n`, written to `out`.
    fn message(&self, connection: usize, n: usize, out: &mut Vec<u8>);
    /// The length of the whole answer to a message at the beginning of `received`; `None` while it is incomplete.
    fn answered(&self, received: &[u8]) -> Result<Option<usize>, Failure>;
    /// Whether answers are kept for a closer look after the clock has stopped.
    fn keeps_answers(&self) -> bool {
        false
    }
}

/// What happens when a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaks {
    /// The whole measurement is void.
    AreFaults,
    /// It was meant to.
    AreExpected,
}

/// What the load saw.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// From the first message to the last answer.
    pub(crate) took: Duration,
    /// Messages that were answered.
    pub(crate) n_answered: usize,
    /// From sending to the answer.
    pub(crate) waits: Vec<Duration>,
    /// The kept answers with their message's number.
    pub(crate) answers: Vec<(usize, Vec<u8>)>,
}

struct Shared<T: ?Sized> {
    talk: Arc<T>,
    next: Cell<usize>,
    n_messages: usize,
    outcome: RefCell<Outcome>,
}

/// Sends messages `0..n_messages` over `n_connections`.
pub(crate) fn run<T: Talk + ?Sized>(
    talk: &Arc<T>,
    address: SocketAddr,
    n_connections: usize,
    n_messages: usize,
    breaks: Breaks,
) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let shared =
        Rc::new(Shared { talk: Arc::clone(talk), next: Cell::new(0), n_messages, outcome: RefCell::default() });
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut streams = Vec::with_capacity(n_connections);
        for number in 0..n_connections {
            streams.push(greet(&shared, address, number).await?);
        }
        let started = Instant::now();
        let tasks: Vec<_> = streams
            .into_iter()
            .enumerate()
            .map(|(number, stream)| tokio::task::spawn_local(send_on(Rc::clone(&shared), stream, number)))
            .collect();
        for task in tasks {
            let done = task.await?;
            if breaks == Breaks::AreFaults {
                done?;
            }
        }
        let mut outcome = shared.outcome.take();
        outcome.took = started.elapsed();
        outcome.n_answered = outcome.waits.len();
        Ok(outcome)
    })
}

async fn greet<T: Talk + ?Sized>(shared: &Shared<T>, address: SocketAddr, number: usize) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let hello = shared.talk.hello(number);
    if !hello.is_empty() {
        stream.write_all(&hello).await?;
        let mut received = Vec::new();
        while shared.talk.hello_answered(&received)?.is_none() {
            fill(&mut stream, &mut received).await?;
        }
    }
    Ok(stream)
}

async fn send_on<T: Talk + ?Sized>(shared: Rc<Shared<T>>, mut stream: TcpStream, number: usize) -> Result<(), Failure> {
    let (mut out, mut received) = (Vec::new(), Vec::with_capacity(4096));
    loop {
        let n = shared.next.get();
        if n >= shared.n_messages {
            return Ok(());
        }
        shared.next.set(n + 1);
        out.clear();
        shared.talk.message(number, n, &mut out);
        let sent = Instant::now();
        stream.write_all(&out).await?;
        let length = loop {
            if let Some(length) = shared.talk.answered(&received)? {
                break length;
            }
            fill(&mut stream, &mut received).await?;
        };
        let mut outcome = shared.outcome.borrow_mut();
        outcome.waits.push(sent.elapsed());
        if shared.talk.keeps_answers() {
            outcome.answers.push((n, received[..length].to_vec()));
        }
        received.drain(..length);
    }
}

async fn fill(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), Failure> {
    match stream.read_buf(received).await? {
        0 => Err("the server hung up".into()),
        _ => Ok(()),
    }
}
