//! As much of the NATS protocol as the comparison needs: publishing with `+OK`, publishing into a stream of JetStream with
//! its ack, subscribing, and pulling what waits.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::load::Talk;
use crate::Failure;

/// Publications of one size.
pub(crate) struct Publications {
    /// What they carry.
    pub(crate) payload: Vec<u8>,
    /// Number of subjects that take turns.
    pub(crate) n_subjects: usize,
    /// What answers them.
    pub(crate) answered_by: AnsweredBy,
}

/// What answers a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnsweredBy {
    /// The server, when it has read it.
    Server,
    /// The stream, when it has stored it.
    Stream,
}

impl Talk for Publications {
    fn hello(&self, connection: usize) -> Vec<u8> {
        let is_verbose = self.answered_by == AnsweredBy::Server;
        let mut hello = connect(is_verbose);
        if !is_verbose {
            hello += &format!("SUB _INBOX.{connection} 1\r\n");
        }
        (hello + "PING\r\n").into_bytes()
    }

    fn hello_answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        if received.windows(4).any(|window| window == b"-ERR") {
            return Err(format!("nats refused: {}", String::from_utf8_lossy(received)).into());
        }
        Ok(received.ends_with(b"PONG\r\n").then_some(received.len()))
    }

    fn message(&self, connection: usize, n: usize, out: &mut Vec<u8>) {
        let subject = format!("kith.{}", n % self.n_subjects);
        let reply = match self.answered_by {
            AnsweredBy::Server => String::new(),
            AnsweredBy::Stream => format!("_INBOX.{connection}"),
        };
        publish(&subject, &reply, &self.payload, out);
    }

    fn answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        // A server that wants to know whether we live asks again in minutes; by then the load is over.
        if let Some(rest) = received.strip_prefix(PING) {
            return Ok(self.answered(rest)?.map(|length| PING.len() + length));
        }
        if PING.starts_with(received) {
            return Ok(None);
        }
        match self.answered_by {
            AnsweredBy::Server if received.len() < 5 => Ok(None),
            AnsweredBy::Server if received.starts_with(b"+OK\r\n") => Ok(Some(5)),
            AnsweredBy::Server => Err(format!("nats said {}", String::from_utf8_lossy(received)).into()),
            AnsweredBy::Stream => match message(received)? {
                None => Ok(None),
                Some(found) => {
                    let ack: Value = serde_json::from_slice(&received[found.start..found.end - 2])?;
                    if ack["seq"].is_u64() { Ok(Some(found.end)) } else { Err(format!("not stored: {ack}").into()) }
                }
            },
        }
    }
}

/// A question that may come at any time.
const PING: &[u8] = b"PING\r\n";

fn connect(is_verbose: bool) -> String {
    format!("CONNECT {}\r\n", json!({"verbose": is_verbose, "pedantic": false, "lang": "rust", "version": "0"}))
}

fn publish(subject: &str, reply: &str, payload: &[u8], out: &mut Vec<u8>) {
    let space = if reply.is_empty() { "" } else { " " };
    out.extend_from_slice(format!("PUB {subject}{space}{reply} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// A message that a server sends: where its payload starts, where the message ends, and where a reply goes.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    start: usize,
    end: usize,
    reply: Option<String>,
}

/// Finds a `MSG` at the beginning; `None` while it is incomplete.
fn message(received: &[u8]) -> Result<Option<Found>, Failure> {
    let Some(line) = line_len(received) else { return Ok(None) };
    let text = std::str::from_utf8(&received[..line - 2])?;
    let words: Vec<&str> = text.split(' ').collect();
    let (reply, length) = match words.as_slice() {
        ["MSG", _, _, length] => (None, length),
        ["MSG", _, _, reply, length] => (Some((*reply).to_owned()), length),
        _ => return Err(format!("nats said {text}").into()),
    };
    let end = line + length.parse::<usize>()? + 2;
    Ok((received.len() >= end).then_some(Found { start: line, end, reply }))
}

fn line_len(received: &[u8]) -> Option<usize> {
    received.windows(2).position(|window| window == b"\r\n").map(|at| at + 2)
}

/// A blocking client.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects and subscribes to one subject.
    pub(crate) fn connect(address: SocketAddr, subject: &str) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all((connect(false) + &format!("SUB {subject} 1\r\nPING\r\n")).as_bytes())?;
        let mut client = Self { stream, received: Vec::new() };
        while client.line()? != "PONG" {}
        Ok(client)
    }

    /// Publishes without an answer.
    pub(crate) fn publish(&mut self, subject: &str, reply: &str, payload: &[u8]) -> Result<(), Failure> {
        let mut out = Vec::with_capacity(payload.len() + 64);
        publish(subject, reply, payload, &mut out);
        Ok(self.stream.write_all(&out)?)
    }

    /// Waits for a message and returns its payload and where a reply goes.
    pub(crate) fn take(&mut self) -> Result<(Vec<u8>, Option<String>), Failure> {
        loop {
            if self.received.starts_with(b"PING\r\n") {
                self.received.drain(..6);
                self.stream.write_all(b"PONG\r\n")?;
            } else if let Some(found) = message(&self.received)? {
                let payload = self.received[found.start..found.end - 2].to_vec();
                self.received.drain(..found.end);
                return Ok((payload, found.reply));
            } else {
                self.fill()?;
            }
        }
    }

    /// Asks JetStream for something and returns what it says.
    pub(crate) fn ask(&mut self, inbox: &str, subject: &str, question: &Value) -> Result<Value, Failure> {
        self.publish(subject, inbox, question.to_string().as_bytes())?;
        let said: Value = serde_json::from_slice(&self.take()?.0)?;
        if said["error"].is_null() { Ok(said) } else { Err(format!("{subject}: {}", said["error"]).into()) }
    }

    /// Lets reading fail after some silence.
    pub(crate) fn set_patience(&self, patience: std::time::Duration) -> Result<(), Failure> {
        Ok(self.stream.set_read_timeout(Some(patience))?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(line) = line_len(&self.received) {
                let text = String::from_utf8_lossy(&self.received[..line - 2]).into_owned();
                self.received.drain(..line);
                return Ok(text);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err("nats hung up".into()),
            n => {
                self.received.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }
}

/// Makes the stream that keeps everything, and the consumer that pulls it.
pub(crate) fn make_stream(address: SocketAddr) -> Result<(), Failure> {
    let mut client = Client::connect(address, "_INBOX.make")?;
    let stream = json!({"name": "KITH", "subjects": ["kith.>"], "storage": "file", "retention": "workqueue"});
    client.ask("_INBOX.make", "$JS.API.STREAM.CREATE.KITH", &stream)?;
    let consumer = json!({"stream_name": "KITH", "config": {
        "durable_name": "reader", "ack_policy": "explicit", "deliver_policy": "all", "max_ack_pending": 1024}});
    client.ask("_INBOX.make", "$JS.API.CONSUMER.DURABLE.CREATE.KITH.reader", &consumer)?;
    Ok(())
}

/// Pulls and acknowledges `n` messages; waits for the last ack to be confirmed. Returns the payloads' first eight bytes.
pub(crate) fn drain(address: SocketAddr, n: usize) -> Result<Vec<u64>, Failure> {
    let mut client = Client::connect(address, "_INBOX.drain")?;
    client.set_patience(std::time::Duration::from_secs(5))?;
    let mut numbers = Vec::with_capacity(n);
    while numbers.len() < n {
        let batch = (n - numbers.len()).min(64);
        let pull = json!({"batch": batch, "expires": 3_000_000_000_u64}).to_string();
        client.publish("$JS.API.CONSUMER.MSG.NEXT.KITH.reader", "_INBOX.drain", pull.as_bytes())?;
        for _ in 0..batch {
            let (payload, reply) = client.take()?;
            let Some(reply) = reply else { return Err("the stream gave less than it took".into()) };
            let is_last = numbers.len() + 1 == n;
            client.publish(&reply, if is_last { "_INBOX.drain" } else { "" }, b"+ACK")?;
            numbers.push(payload.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes)));
        }
    }
    client.take()?;
    Ok(numbers)
}

/// Returns how many messages the stream holds.
pub(crate) fn n_kept(address: SocketAddr) -> Result<usize, Failure> {
    let mut client = Client::connect(address, "_INBOX.kept")?;
    let info = client.ask("_INBOX.kept", "$JS.API.STREAM.INFO.KITH", &json!({}))?;
    Ok(usize::try_from(info["state"]["messages"].as_u64().ok_or("a stream without a number")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_when_its_last_byte_is_there() {
        let bytes = b"MSG kith.0 1 $JS.ACK.x 5\r\nhello\r\nMSG";
        let found = Found { start: 26, end: 33, reply: Some("$JS.ACK.x".into()) };
        assert_eq!(message(bytes).unwrap(), Some(found));
        for cut in 0..33 {
            assert_eq!(message(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        assert!(message(b"-ERR 'no'\r\n").is_err());
    }

    #[test]
    fn an_ack_without_a_number_is_a_fault() {
        let talk = Publications { payload: Vec::new(), n_subjects: 1, answered_by: AnsweredBy::Stream };
        let ack = b"MSG _INBOX.1 1 25\r\n{\"stream\":\"KITH\",\"seq\":7}\r\n";
        assert_eq!(talk.answered(ack).unwrap(), Some(ack.len()));
        assert!(talk.answered(b"MSG _INBOX.1 1 14\r\n{\"error\":\"no\"}\r\n").is_err());
    }

    #[test]
    fn questions_between_answers_are_passed_over() {
        let talk = Publications { payload: Vec::new(), n_subjects: 1, answered_by: AnsweredBy::Server };
        let bytes = b"PING\r\nPING\r\n+OK\r\n";
        for cut in 0..bytes.len() {
            assert_eq!(talk.answered(&bytes[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(talk.answered(bytes).unwrap(), Some(bytes.len()));
        assert!(talk.answered(b"-ERR 'no'\r\n").is_err());
    }

    #[test]
    fn publications_state_their_length() {
        let mut out = Vec::new();
        publish("kith.1", "", b"abc", &mut out);
        publish("kith.1", "_INBOX.2", b"", &mut out);
        assert_eq!(out, b"PUB kith.1 3\r\nabc\r\nPUB kith.1 _INBOX.2 0\r\n\r\n");
    }
}
