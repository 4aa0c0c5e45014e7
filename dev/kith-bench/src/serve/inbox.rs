//! Bytes that came over a connection and were not looked at yet. It costs the load little: nothing is moved for each message, and a
//! connection on which little comes holds little.

use std::io::Read;
use std::ops::Range;

use crate::Failure;

/// The bytes.
#[derive(Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// What was not looked at.
    fresh: Range<usize>,
}

/// Room at first: an idle connection has no more.
const LEAST: usize = 2 * 1024;
/// Room beyond which more is made only for a message that needs it.
const ENOUGH: usize = 128 * 1024;

impl Inbox {
    /// Returns what was not looked at.
    pub(crate) fn fresh(&self) -> &[u8] {
        &self.bytes[self.fresh.clone()]
    }

    /// Notes that so many bytes were looked at, and returns part of them.
    pub(crate) fn take(&mut self, n_bytes: usize, part: Range<usize>) -> &[u8] {
        let begin = self.fresh.start;
        self.fresh.start += n_bytes;
        &self.bytes[begin + part.start..begin + part.end]
    }

    /// Waits for more.
    pub(crate) fn fill(&mut self, stream: &mut impl Read) -> Result<(), Failure> {
        if self.fresh.is_empty() {
            self.fresh = 0..0;
        }
        if self.fresh.end == self.bytes.len() {
            if self.fresh.start > 0 && self.bytes.len() >= ENOUGH {
                self.bytes.copy_within(self.fresh.clone(), 0);
                self.fresh = 0..self.fresh.len();
            } else {
                self.bytes.resize((2 * self.bytes.len()).max(LEAST), 0);
            }
        }
        match stream.read(&mut self.bytes[self.fresh.end..])? {
            0 => Err("the server hung up".into()),
            n => {
                self.fresh.end += n;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives some bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let n = bytes.len().min(self.1).min(self.0.len());
            bytes[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn what_comes_in_pieces_of_any_size_is_taken_in_messages_of_any_other() {
        let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8 ^ (n >> 8) as u8).collect();
        for (piece, message) in [(1, 10_000), (70_000, 7), (4_390, 4_386), (1_000_000, 300_000)] {
            let (mut stream, mut inbox, mut received) = (Pieces(&sent, piece), Inbox::default(), Vec::new());
            while received.len() + message <= sent.len() {
                while inbox.fresh().len() < message {
                    inbox.fill(&mut stream).unwrap();
                }
                received.extend_from_slice(inbox.take(message, 0..message));
            }
            assert_eq!(received, sent[..received.len()]);
        }
        assert!(Inbox::default().fill(&mut Pieces(&[], 1)).is_err());
    }
}
