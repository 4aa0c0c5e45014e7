//! As much of MQTT 3.1.1 as the comparison needs: publishing with QoS 1, a session that outlives its connection, acks.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::load::Talk;
use crate::Failure;

/// The subscriber whose messages wait for it.
const SUBSCRIBER: &str = "kith-bench-reader";

/// Publications of one size.
pub(crate) struct Publications {
    /// What they carry.
    pub(crate) payload: Vec<u8>,
    /// Number of topics that take turns.
    pub(crate) n_topics: usize,
}

impl Talk for Publications {
    fn hello(&self, connection: usize) -> Vec<u8> {
        connect(&format!("kith-bench-{connection}"), true)
    }

    fn hello_answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        whole(received, 0x20)
    }

    fn message(&self, _: usize, n: usize, out: &mut Vec<u8>) {
        publish(&format!("kith/{}", n % self.n_topics), &self.payload, packet_id(n), out);
    }

    fn answered(&self, received: &[u8]) -> Result<Option<usize>, Failure> {
        whole(received, 0x40)
    }
}

/// Zero is not allowed.
fn packet_id(n: usize) -> u16 {
    (n % 65_535) as u16 + 1
}

/// Checks that a packet of one kind stands at the beginning and returns its whole length.
fn whole(received: &[u8], kind: u8) -> Result<Option<usize>, Failure> {
    match packet(received)? {
        None => Ok(None),
        Some(found) if found.kind & 0xf0 == kind => Ok(Some(found.end)),
        Some(found) => Err(format!("MQTT packet {:#x} instead of {kind:#x}", found.kind).into()),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Packet {
    kind: u8,
    start: usize,
    end: usize,
}

/// Finds the first packet; `None` while it is incomplete.
fn packet(received: &[u8]) -> Result<Option<Packet>, Failure> {
    let mut length = 0_usize;
    for (idx, byte) in received.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (idx - 1));
        if byte & 0x80 == 0 {
            let (start, end) = (idx + 1, idx + 1 + length);
            return Ok((received.len() >= end).then_some(Packet { kind: received[0], start, end }));
        }
    }
    if received.len() > 4 { Err("an MQTT length of five bytes".into()) } else { Ok(None) }
}

fn write_length(mut length: usize, out: &mut Vec<u8>) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn connect(client: &str, is_clean: bool) -> Vec<u8> {
    let mut content = Vec::new();
    write_text("MQTT", &mut content);
    content.extend_from_slice(&[4, u8::from(is_clean) << 1, 0, 0]);
    write_text(client, &mut content);
    of(0x10, &content)
}

fn of(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    write_length(content.len(), &mut out);
    out.extend_from_slice(content);
    out
}

fn publish(topic: &str, payload: &[u8], id: u16, out: &mut Vec<u8>) {
    out.push(0x32);
    write_length(2 + topic.len() + 2 + payload.len(), out);
    write_text(topic, out);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A blocking client.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects as the subscriber whose session stays.
    pub(crate) fn subscriber(address: SocketAddr) -> Result<Self, Failure> {
        Self::connect(address, SUBSCRIBER, false)
    }

    /// Connects as somebody without a session.
    pub(crate) fn publisher(address: SocketAddr) -> Result<Self, Failure> {
        Self::connect(address, "kith-bench-publisher", true)
    }

    fn connect(address: SocketAddr, client: &str, is_clean: bool) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&connect(client, is_clean))?;
        let mut client = Self { stream, received: Vec::new() };
        match client.next()?.as_slice() {
            [0x20, _, 0] => Ok(client),
            other => Err(format!("mosquitto refused: {other:?}").into()),
        }
    }

    /// Subscribes to everything with QoS 1.
    pub(crate) fn subscribe(&mut self) -> Result<(), Failure> {
        let mut content = vec![0, 1];
        write_text("kith/#", &mut content);
        content.push(1);
        self.stream.write_all(&of(0x82, &content))?;
        match self.next()?.as_slice() {
            [0x90, 0, 1, 1] => Ok(()),
            other => Err(format!("no subscription: {other:?}").into()),
        }
    }

    /// Publishes without waiting for the ack.
    pub(crate) fn publish(&mut self, n: usize, payload: &[u8]) -> Result<(), Failure> {
        let mut out = Vec::with_capacity(payload.len() + 32);
        publish("kith/0", payload, packet_id(n), &mut out);
        Ok(self.stream.write_all(&out)?)
    }

    /// Waits for a publication, acknowledges it and returns its payload; other packets are passed over.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let packet = self.next()?;
            let [kind, content @ ..] = packet.as_slice() else { continue };
            if kind & 0xf0 != 0x30 {
                continue;
            }
            let topic = usize::from(u16::from_be_bytes(*content.first_chunk().ok_or("half a publication")?));
            if kind & 0x06 == 0 {
                return Ok(content[2 + topic..].to_vec());
            }
            let id = content.get(2 + topic..4 + topic).ok_or("half a publication")?;
            self.stream.write_all(&[0x40, 2, id[0], id[1]])?;
            return Ok(content[4 + topic..].to_vec());
        }
    }

    /// Lets reading fail after some silence.
    pub(crate) fn set_patience(&self, patience: std::time::Duration) -> Result<(), Failure> {
        Ok(self.stream.set_read_timeout(Some(patience))?)
    }

    /// Says good-bye after the acks that are on their way have arrived.
    pub(crate) fn leave(mut self) -> Result<(), Failure> {
        // A ping is answered behind everything that came before it.
        self.stream.write_all(&[0xc0, 0])?;
        while self.next()?.first() != Some(&0xd0) {}
        Ok(self.stream.write_all(&[0xe0, 0])?)
    }

    /// Returns the next packet: its first byte and its content.
    fn next(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(found) = packet(&self.received)? {
                let mut out = vec![found.kind];
                out.extend_from_slice(&self.received[found.start..found.end]);
                self.received.drain(..found.end);
                return Ok(out);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk)? {
                0 => return Err("mosquitto hung up".into()),
                n => self.received.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_standard() {
        for (length, bytes) in [
            (0, vec![0]),
            (127, vec![127]),
            (128, vec![0x80, 1]),
            (16_383, vec![0xff, 0x7f]),
            (16_384, vec![0x80, 0x80, 1]),
        ] {
            let mut out = Vec::new();
            write_length(length, &mut out);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_publication_is_found_whole_or_not_at_all() {
        let mut bytes = Vec::new();
        publish("kith/3", &[9; 5376], 258, &mut bytes);
        let found = packet(&bytes).unwrap().unwrap();
        assert_eq!((found.kind, found.end), (0x32, bytes.len()));
        assert_eq!(bytes[found.start..found.start + 10], *b"\0\x06kith/3\x01\x02");
        assert_eq!(packet(&bytes[..bytes.len() - 1]).unwrap(), None);
        assert_eq!(packet(&[0x32]).unwrap(), None);
        assert!(packet(&[0x32, 0x80, 0x80, 0x80, 0x80, 1]).is_err());
    }

    #[test]
    fn an_ack_of_another_kind_is_a_fault() {
        assert_eq!(whole(&[0x40, 2, 0, 1], 0x40).unwrap(), Some(4));
        assert!(whole(&[0x20, 2, 0, 0], 0x40).is_err());
        assert_ne!(packet_id(65_534), 0);
        assert_ne!(packet_id(65_535), 0);
    }
}
