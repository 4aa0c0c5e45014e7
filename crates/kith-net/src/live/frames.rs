//! Heads of WebSocket frames (RFC 6455 §5.2): how they become bytes, and what they may say. What is in a frame is none of
//! its business.

/// Which end of a connection this is. A client masks what it sends, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) is_last: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) length: u64,
}

/// The bytes are no head that the other end may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forbidden;

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn of(number: u8) -> Result<Self, Forbidden> {
        match number {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(Forbidden),
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

impl Head {
    /// Reads a head that came from the other end of `role`'s connection; nothing while bytes are missing.
    ///
    /// # Errors
    ///
    /// No extension is agreed on, so that reserved bits are refused; so are masks where they do not belong and lengths that are
    /// not written in the shortest way or that no control frame has.
    pub(super) fn parse(bytes: &[u8], role: Role) -> Result<Option<Self>, Forbidden> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::of(first & 15)?;
        let (is_last, is_masked, short) = (first & 128 != 0, second & 128 != 0, second & 127);
        let is_out_of_order = opcode.is_control() && (!is_last || short > 125);
        if first & 0x70 != 0 || is_out_of_order || is_masked != (role == Role::Server) {
            return Err(Forbidden);
        }
        let (length, rest, least) = match short {
            126 => {
                let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*long)), rest, 126)
            }
            127 => {
                let Some((long, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*long), rest, 1 << 16)
            }
            short => (u64::from(short), rest, 0),
        };
        if length < least || length > i64::MAX.unsigned_abs() {
            return Err(Forbidden);
        }
        let mask = match (is_masked, rest.first_chunk()) {
            (false, _) => None,
            (true, Some(mask)) => Some(*mask),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self { is_last, opcode, mask, length }))
    }

    /// Appends the head to what leaves.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        let mask_bit = if self.mask.is_some() { 128 } else { 0 };
        into.push(if self.is_last { 128 } else { 0 } | self.opcode.number());
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(short @ 0..126), _) => into.push(short | mask_bit),
            (_, Ok(middle)) => {
                into.push(126 | mask_bit);
                into.extend_from_slice(&middle.to_be_bytes());
            }
            _ => {
                into.push(127 | mask_bit);
                into.extend_from_slice(&self.length.to_be_bytes());
            }
        }
        into.extend(self.mask.into_iter().flatten());
    }
}

/// Applies a mask to a payload from its beginning, or takes it off.
pub(super) fn mask(payload: &mut [u8], mask: [u8; 4]) {
    let mut quads = payload.chunks_exact_mut(4);
    for quad in &mut quads {
        for (byte, with) in quad.iter_mut().zip(mask) {
            *byte ^= with;
        }
    }
    for (byte, with) in quads.into_remainder().iter_mut().zip(mask) {
        *byte ^= with;
    }
}

/// Bytes of the longest head: two, a length of eight, a mask of four.
pub(super) const MAX_HEAD: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_back_as_they_were_written_and_not_before_they_are_whole() {
        for (role, mask) in [(Role::Server, Some([1, 2, 3, 4])), (Role::Client, None)] {
            for length in [0, 1, 125, 126, 65_535, 65_536, 1 << 40] {
                let head = Head { is_last: length != 1, opcode: Opcode::Binary, mask, length };
                let mut bytes = Vec::new();
                head.write(&mut bytes);
                assert!(bytes.len() <= MAX_HEAD);
                for n in 0..bytes.len() {
                    assert_eq!(Head::parse(&bytes[..n], role), Ok(None), "{length} {n}");
                }
                assert_eq!(Head::parse(&bytes, role), Ok(Some(head)));
            }
        }
    }

    #[test]
    fn what_the_rules_forbid_is_refused() {
        for bytes in [
            // Reserved bits, reserved opcodes.
            &b"\xc2\x80"[..],
            b"\xa2\x80",
            b"\x92\x80",
            b"\x83\x80",
            b"\x8f\x80",
            // Control frames in pieces, or too long.
            b"\x09\x80",
            b"\x88\xfe",
            b"\x89\xff",
            // No mask from a client.
            b"\x82\x01",
            // Lengths that are not the shortest, or none.
            b"\x82\xfe\x00\x7d",
            b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff",
            b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00",
        ] {
            assert_eq!(Head::parse(bytes, Role::Server), Err(Forbidden), "{bytes:02x?}");
        }
        assert_eq!(Head::parse(b"\x82\x81", Role::Client), Err(Forbidden), "a mask from a server");
    }

    #[test]
    fn a_mask_taken_off_leaves_what_was_there() {
        for length in 0..20 {
            let plain: Vec<u8> = (0..length).collect();
            let mut masked = plain.clone();
            mask(&mut masked, [1, 2, 3, 255]);
            assert!(masked.iter().enumerate().all(|(at, byte)| *byte == plain[at] ^ [1, 2, 3, 255][at % 4]));
            mask(&mut masked, [1, 2, 3, 255]);
            assert_eq!(masked, plain);
        }
    }
}
