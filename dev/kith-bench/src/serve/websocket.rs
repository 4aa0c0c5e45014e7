//! As much of WebSocket (RFC 6455) as a client in a benchmark needs: one handshake, whole binary messages, pongs.

use std::ops::Range;

use crate::Failure;

/// Asks for the upgrade. The key need not be secret or new: it only keeps caches out.
pub(crate) const HANDSHAKE: &[u8] =
    b"GET /kith/v1/live HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// What a frame is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole message.
    Binary,
    /// Wants a pong.
    Ping,
    /// A pong.
    Other,
}

/// A frame at the beginning of what was received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where its payload lies.
    pub(crate) payload: Range<usize>,
}

/// Returns the length of the whole answer to the handshake.
pub(crate) fn handshake_len(received: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    if !received.starts_with(b"HTTP/1.1 101 ") {
        return Err("the server does not switch to WebSocket".into());
    }
    Ok(Some(end + 4))
}

/// Finds the first frame; `None` while it is incomplete.
pub(crate) fn frame_in(received: &[u8]) -> Result<Option<Frame>, Failure> {
    let [first, second, rest @ ..] = received else { return Ok(None) };
    let kind = match first {
        0x82 => Kind::Binary,
        0x89 => Kind::Ping,
        0x8a => Kind::Other,
        0x88 => return Err("the server ended a live connection".into()),
        other => return Err(format!("no frame begins with {other}").into()),
    };
    let (start, length) = match (second, rest) {
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (10, usize::try_from(u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))?)
        }
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (126 | 127, _) => return Ok(None),
        (length, _) => (2, usize::from(*length)),
    };
    let payload = start..start + length;
    Ok((received.len() >= payload.end).then_some(Frame { kind, payload }))
}

/// Writes a binary message.
pub(crate) fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

/// Writes a pong.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    frame(0x8a, payload)
}

/// The mask is zero: masks protect proxies from pages, and there are neither here.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => out.push(0x80 | length),
        (_, Ok(length)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_found_when_their_last_byte_is_there() {
        for length in [0_usize, 125, 126, 65_535, 65_536] {
            let mut unmasked = frame(0x82, &vec![1; length]);
            let mask_at = unmasked.len() - length - 4;
            unmasked.drain(mask_at..mask_at + 4);
            unmasked[1] &= 0x7f;
            let found = frame_in(&unmasked).unwrap().unwrap();
            assert_eq!(found, Frame { kind: Kind::Binary, payload: mask_at..mask_at + length });
            assert_eq!(frame_in(&unmasked[..unmasked.len() - 1]).unwrap(), None);
        }
    }

    #[test]
    fn a_closing_server_is_a_fault() {
        assert!(frame_in(&[0x88, 2, 3, 232]).is_err());
    }
}
