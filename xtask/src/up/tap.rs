//! A tap on the wire: passes bytes between whoever connects and one home server, and keeps a copy.
//!
//! It understands just enough of HTTP and WebSocket to say how long each Kith message was. It changes nothing.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use crate::failure::Failure;

/// What a network between two parties sees of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    /// Towards the server.
    pub(crate) up: Stream,
    /// From the server.
    pub(crate) down: Stream,
}

/// The bytes of one direction, from the first one on, and how many of them had passed at the mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    bytes: Vec<u8>,
    before: usize,
}

/// A tap in front of one home server.
#[derive(Debug)]
pub(crate) struct Tap {
    address: SocketAddr,
    upstream: Arc<OnceLock<SocketAddr>>,
    seen: Arc<Mutex<Vec<Connection>>>,
}

/// How much of every connection had passed at some moment.
#[derive(Debug)]
pub(crate) struct Mark(Vec<(usize, usize)>);

impl Tap {
    /// Starts listening on a free port of loopback.
    pub(crate) fn start() -> Result<Self, Failure> {
        let trouble = |error| Failure::new(format!("no port of loopback is free: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(trouble)?;
        let address = listener.local_addr().map_err(trouble)?;
        let (upstream, seen) = (Arc::new(OnceLock::new()), Arc::new(Mutex::new(Vec::new())));
        let tap = Self { address, upstream: Arc::clone(&upstream), seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(server) = upstream.get().and_then(|address| TcpStream::connect(address).ok()) else {
                    continue;
                };
                pass(client, server, &seen);
            }
        });
        Ok(tap)
    }

    /// Says where the server behind the tap listens.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        // The first answer stays: a server does not move while it runs.
        let _ = self.upstream.set(server);
    }

    /// Returns the URL under which the world reaches the server.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Notes how much has passed until now.
    pub(crate) fn mark(&self) -> Mark {
        Mark(lock(&self.seen).iter().map(|seen| (seen.up.bytes.len(), seen.down.bytes.len())).collect())
    }

    /// Returns all connections; what their streams tell is what has passed since the mark.
    pub(crate) fn since(&self, mark: &Mark) -> Vec<Connection> {
        let mut seen = lock(&self.seen).clone();
        for (connection, (up, down)) in seen.iter_mut().zip(&mark.0) {
            connection.up.before = *up;
            connection.down.before = *down;
        }
        seen
    }
}

impl Stream {
    /// Returns the bytes that passed since the mark.
    pub(crate) fn news(&self) -> &[u8] {
        self.bytes.get(self.before..).unwrap_or_default()
    }

    /// Returns the bodies of one-shot requests that ended since the mark.
    pub(crate) fn requests(&self) -> Vec<&[u8]> {
        let mut rest = self.bytes.as_slice();
        let mut out = Vec::new();
        while let Some((body, after)) = one_shot(rest) {
            rest = after;
            out.extend(body.filter(|_| self.is_news(rest)));
        }
        out
    }

    /// Returns the binary WebSocket messages, unmasked, that ended since the mark (RFC 6455 §5.2).
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        let mut rest = match find(&self.bytes, b"\r\n\r\n") {
            Some(end) if self.bytes.starts_with(b"GET ") || self.bytes.starts_with(b"HTTP/1.1 101") => {
                self.bytes.get(end + 4..).unwrap_or_default()
            }
            _ => return Vec::new(),
        };
        let mut out = Vec::new();
        while let Some((message, after)) = message(rest) {
            rest = after;
            out.extend(message.filter(|_| self.is_news(rest)));
        }
        out
    }

    /// Whether what ended where `rest` begins ended after the mark.
    fn is_news(&self, rest: &[u8]) -> bool {
        self.bytes.len() - rest.len() > self.before
    }
}

fn lock(seen: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes bytes in both directions until both sides have ended.
fn pass(client: TcpStream, server: TcpStream, seen: &Arc<Mutex<Vec<Connection>>>) {
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
    let place = {
        let mut all = lock(seen);
        all.push(Connection::default());
        all.len() - 1
    };
    let copy = |from: TcpStream, to: TcpStream, pick: fn(&mut Connection) -> &mut Vec<u8>| {
        let seen = Arc::clone(seen);
        thread::spawn(move || copy_one_way(from, to, &seen, place, pick));
    };
    copy(client, server, |connection| &mut connection.up.bytes);
    copy(server_too, client_too, |connection| &mut connection.down.bytes);
}

fn copy_one_way(
    mut from: TcpStream,
    mut to: TcpStream,
    seen: &Mutex<Vec<Connection>>,
    place: usize,
    pick: fn(&mut Connection) -> &mut Vec<u8>,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        if let Some(connection) = lock(seen).get_mut(place) {
            pick(connection).extend_from_slice(bytes);
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Splits off one request; there is a body when it is a `POST`. A server asks for descriptors on the same connections.
fn one_shot(up: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (head, rest) = up.split_at_checked(find(up, b"\r\n\r\n")? + 4)?;
    let head = std::str::from_utf8(head).ok()?;
    if !head.starts_with("POST ") {
        return Some((None, rest));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    let (body, rest) = rest.split_at_checked(length)?;
    Some((Some(body), rest))
}

/// Splits off one frame; the message is there when the frame is a binary one.
fn message(bytes: &[u8]) -> Option<(Option<Vec<u8>>, &[u8])> {
    let ([kind, length], rest) = bytes.split_first_chunk::<2>()?;
    let (count, rest) = match length & 0x7F {
        126 => rest.split_first_chunk::<2>().map(|(size, rest)| (u64::from(u16::from_be_bytes(*size)), rest))?,
        127 => rest.split_first_chunk::<8>().map(|(size, rest)| (u64::from_be_bytes(*size), rest))?,
        short => (u64::from(short), rest),
    };
    let (mask, rest) = match length & 0x80 {
        0 => ([0; 4], rest),
        _ => rest.split_first_chunk::<4>().map(|(mask, rest)| (*mask, rest))?,
    };
    let (payload, rest) = rest.split_at_checked(usize::try_from(count).ok()?)?;
    let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some(((kind & 0x0F == 2).then_some(plain), rest))
}

/// Returns where `needle` first stands.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: &[u8], before: usize) -> Stream {
        Stream { bytes: bytes.to_vec(), before }
    }

    #[test]
    fn the_bodies_of_one_shot_requests_are_found_from_the_mark_on() {
        let head = b"POST /kith/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
        let up = [b"GET /kith/v1 HTTP/1.1\r\n\r\n", head.as_slice(), b"hello", head, b"again"].concat();
        assert_eq!(stream(&up, 0).requests(), [b"hello", b"again"]);
        assert_eq!(stream(&up, up.len() - 3).requests(), [b"again"]);
        assert!(stream(b"GET / HTTP/1.1\r\n\r\n", 0).requests().is_empty());
    }

    #[test]
    fn masked_and_unmasked_binary_messages_are_read_and_pings_passed_over() {
        let mut bytes = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        bytes.extend([0x82, 3, b'a', b'b', b'c', 0x89, 1, 0, 0x82, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2]);
        assert_eq!(stream(&bytes, 0).messages(), [b"abc".to_vec(), b"hi".to_vec()]);
        // The mark may stand in the middle of a frame.
        assert_eq!(stream(&bytes, bytes.len() - 1).messages(), [b"hi".to_vec()]);
    }

    #[test]
    fn bytes_pass_unchanged_and_are_kept() -> std::io::Result<()> {
        let server = TcpListener::bind("127.0.0.1:0")?;
        let tap = Tap::start().map_err(std::io::Error::other)?;
        tap.lead_to(server.local_addr()?);
        let before = tap.mark();
        let mut client = TcpStream::connect(tap.address)?;
        client.write_all(b"question")?;
        let (mut peer, _) = server.accept()?;
        let mut question = [0; 8];
        peer.read_exact(&mut question)?;
        peer.write_all(b"answer")?;
        let mut answer = [0; 6];
        client.read_exact(&mut answer)?;
        assert_eq!((&question, &answer), (b"question", b"answer"));
        let seen = tap.since(&before);
        assert_eq!(
            seen.first().map(|one| (one.up.news(), one.down.news())),
            Some((question.as_slice(), answer.as_slice()))
        );
        Ok(())
    }
}
