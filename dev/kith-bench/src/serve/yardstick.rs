//! The yardstick: the least that a durable queue server can be. A log, a list of positions for each queue in memory, and
//! one `fdatasync` for all messages that wait. No names, no rights, no cryptography, no expiry, no index on the disk.
//!
//! Every message in both directions is `length (u32) ‖ kind ‖ queue (u32) ‖ …`, numbers big endian:
//! `D` deposits the rest and is answered with `K` once it is durable; `F` fetches up to 64 messages, answered with `count (u16)`
//! and `length (u32) ‖ bytes` for each; `A count (u32)` forgets that many, answered with `K` once that is durable.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::load::Talk;
use crate::Failure;

/// Messages of one fetch.
const FETCH: usize = 64;
/// Bytes that a client reads at once, as that of a home server does.
const ANSWERS: usize = 128 * 1024;

/// What waits for the disk.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Who to tell, with the position at which the message begins.
    tell: Vec<(oneshot::Sender<u64>, u64)>,
}

#[derive(Default)]
struct Log {
    waiting: Mutex<Waiting>,
    some: Condvar,
}

/// Serves on a free port until it is killed; prints the port.
pub(crate) fn child(folder: &str) -> Result<(), Failure> {
    let file = File::options().create_new(true).read(true).append(true).open(Path::new(folder).join("log"))?;
    let (log, writer) = (Arc::new(Log::default()), file.try_clone()?);
    let to_write = Arc::clone(&log);
    std::thread::spawn(move || to_write.write_all_to(writer));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let queues: Rc<Queues> = Rc::new(Queues { log, file, positions: RefCell::default() });
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(Rc::clone(&queues).serve(stream));
        }
    })
}

impl Log {
    /// The one writer: takes everything that waits, writes it, makes it durable, tells everybody.
    fn write_all_to(&self, mut file: File) {
        let mut end = 0;
        loop {
            let Ok(waiting) = self.waiting.lock() else { return };
            let Ok(mut waiting) = self.some.wait_while(waiting, |waiting| waiting.tell.is_empty()) else { return };
            let batch = std::mem::take(&mut *waiting);
            drop(waiting);
            if file.write_all(&batch.bytes).and_then(|()| file.sync_data()).is_err() {
                return;
            }
            for (tell, at) in batch.tell {
                let _ = tell.send(end + at);
            }
            end += batch.bytes.len() as u64;
        }
    }

    async fn append(&self, bytes: &[u8]) -> Option<u64> {
        let (tell, told) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().ok()?;
            let at = waiting.bytes.len() as u64;
            waiting.bytes.extend_from_slice(bytes);
            waiting.tell.push((tell, at));
        }
        self.some.notify_one();
        told.await.ok()
    }
}

/// Where a message lies in the log.
type Position = (u64, usize);

struct Queues {
    log: Arc<Log>,
    file: File,
    positions: RefCell<Vec<VecDeque<Position>>>,
}

impl Queues {
    async fn serve(self: Rc<Self>, mut stream: tokio::net::TcpStream) {
        let mut received = Vec::with_capacity(16 * 1024);
        loop {
            let mut answers = Vec::new();
            while let Some(length) = message_len(&received) {
                let Some(answer) = self.answer(&received[..length]).await else { return };
                answers.extend_from_slice(&answer);
                received.drain(..length);
            }
            if !answers.is_empty() && stream.write_all(&answers).await.is_err() {
                return;
            }
            if !matches!(stream.read_buf(&mut received).await, Ok(1..)) {
                return;
            }
        }
    }

    async fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (head, rest) = message.split_first_chunk::<9>()?;
        let [_, _, _, _, kind, queue @ ..] = *head;
        let queue = usize::try_from(u32::from_be_bytes(queue)).ok()?;
        match kind {
            b'D' => {
                let at = self.log.append(message).await?;
                self.with(queue, |positions| positions.push_back((at + 9, rest.len())));
                Some(vec![b'K'])
            }
            b'A' => {
                self.log.append(message).await?;
                let count = u32::from_be_bytes(*rest.first_chunk()?);
                self.with(queue, |positions| positions.drain(..positions.len().min(count as usize)).for_each(drop));
                Some(vec![b'K'])
            }
            b'F' => {
                let found: Vec<Position> =
                    self.with(queue, |positions| positions.iter().take(FETCH).copied().collect());
                let mut out = u16::try_from(found.len()).ok()?.to_be_bytes().to_vec();
                for (at, length) in found {
                    out.extend_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
                    let start = out.len();
                    out.resize(start + length, 0);
                    self.file.read_exact_at(&mut out[start..], at).ok()?;
                }
                Some(out)
            }
            _ => None,
        }
    }

    fn with<R>(&self, queue: usize, work: impl FnOnce(&mut VecDeque<Position>) -> R) -> R {
        let mut all = self.positions.borrow_mut();
        if all.len() <= queue {
            all.resize_with(queue + 1, VecDeque::new);
        }
        work(&mut all[queue])
    }
}

/// Returns the whole length of the first message; `None` while it is incomplete.
fn message_len(received: &[u8]) -> Option<usize> {
    let length = 4 + u32::from_be_bytes(*received.first_chunk()?) as usize;
    (received.len() >= length).then_some(length)
}

fn write_message(kind: u8, queue: u32, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(5 + content.len() as u32).to_be_bytes());
    out.push(kind);
    out.extend_from_slice(&queue.to_be_bytes());
    out.extend_from_slice(content);
}

/// Deposits of one size.
pub(crate) struct Deposits {
    /// What they carry.
    pub(crate) payload: Vec<u8>,
    /// Number of queues that take turns.
    pub(crate) n_queues: usize,
}

impl Talk for Deposits {
    fn hello(&self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn hello_answered(&self, _: &[u8]) -> Result<Option<usize>, Failure> {
        Ok(Some(0))
    }

    fn message(&self, _: usize, n: usize, out: &mut Vec<u8>) {
        write_message(b'D', (n % self.n_queues) as u32, &self.payload, out);
    }

    fn answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        match received.first() {
            None => Ok(None),
            Some(b'K') => Ok(Some(1)),
            Some(_) => Err("the yardstick is out of step".into()),
        }
    }
}

/// Fetches and acknowledges all of one queue; returns how many messages that were. The ack of one fetch and the next fetch
/// travel together, as pushes and acks of a home server do.
pub(crate) fn drain(address: SocketAddr, queue: u32) -> Result<usize, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::with_capacity(ANSWERS, stream.try_clone()?);
    let mut request = Vec::new();
    write_message(b'F', queue, &[], &mut request);
    let mut total = 0;
    loop {
        stream.write_all(&request)?;
        if total > 0 {
            answers.read_exact(&mut [0])?;
        }
        let count = read_fetched(&mut answers)?;
        if count == 0 {
            return Ok(total);
        }
        total += count;
        request.clear();
        write_message(b'A', queue, &u32::try_from(count)?.to_be_bytes(), &mut request);
        write_message(b'F', queue, &[], &mut request);
    }
}

fn read_fetched(stream: &mut impl Read) -> Result<usize, Failure> {
    let mut count = [0; 2];
    stream.read_exact(&mut count)?;
    let count = usize::from(u16::from_be_bytes(count));
    let mut bytes = Vec::new();
    for _ in 0..count {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        bytes.resize(u32::from_be_bytes(length) as usize, 0);
        stream.read_exact(&mut bytes)?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_whole_when_their_last_byte_is_there() {
        let mut bytes = Vec::new();
        write_message(b'D', 3, b"hello", &mut bytes);
        assert_eq!(bytes, b"\0\0\0\x0aD\0\0\0\x03hello");
        assert_eq!(message_len(&bytes), Some(14));
        assert_eq!(message_len(&bytes[..13]), None);
        assert_eq!(message_len(&bytes[..3]), None);
    }

    #[test]
    fn the_log_gives_back_what_was_put_in_and_forgets_what_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::options().create_new(true).read(true).append(true).open(folder.path().join("log")).unwrap();
        let (log, writer) = (Arc::new(Log::default()), file.try_clone().unwrap());
        let to_write = Arc::clone(&log);
        std::thread::spawn(move || to_write.write_all_to(writer));
        let queues = Queues { log, file, positions: RefCell::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |kind, queue, content: &[u8]| {
            let mut message = Vec::new();
            write_message(kind, queue, content, &mut message);
            runtime.block_on(queues.answer(&message)).unwrap()
        };
        assert_eq!(ask(b'D', 0, b"one"), b"K");
        assert_eq!(ask(b'D', 1, b"other"), b"K");
        assert_eq!(ask(b'D', 0, b"two"), b"K");
        assert_eq!(ask(b'F', 0, b""), b"\0\x02\0\0\0\x03one\0\0\0\x03two");
        assert_eq!(ask(b'A', 0, &[0, 0, 0, 1]), b"K");
        assert_eq!(ask(b'F', 0, b""), b"\0\x01\0\0\0\x03two");
        assert_eq!(ask(b'F', 1, b""), b"\0\x01\0\0\0\x05other");
    }
}
