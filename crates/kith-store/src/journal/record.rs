//! The frame around what one transaction wrote: a head with lengths, number and checksum, the payload, the operations.
//!
//! ```text
//! segment   magic 8 · format 4 · segment 4 · salt 8 · crc 4 · records
//! record    payload length 4 · operations length 4 · number 8 · certain 4 · head crc 4 · operations crc 4 · payload · operations
//! payload   (crc 4 · bytes) for each operation that has some
//! summary   magic 8 · format 4 · segment 4 · salt 8 · crc 4 · (record's head · operations) for each record
//! ```
//!
//! All numbers least significant byte first; crc is CRC-32C. The first one of a record covers the segment's salt and the head
//! before it, so that whoever looks for records among bytes of any kind does the same little work at each of them. The second
//! one covers the first and the operations, not the payload, so that whoever reads the tables back skips frames; each frame has its own. The
//! salt is random: bytes that somebody sent us can never look like a record of this segment.
//!
//! A record is written before those before it need be durable. "Certain" says up to which byte of the segment all was durable
//! when it was written: what cannot be read before that was lost, what cannot be read behind it may have been on its way.
//!
//! The layout of a file's head never changes, so that every release recognises the format of every other one.

use crc32c::{crc32c, crc32c_append};

use super::bytes::Reader;

/// The layout of segments that this code writes. Format 1 had one checksum a record.
pub(crate) const FORMAT: u32 = 3;
const SEGMENT_MAGIC: [u8; 8] = *b"kith-log";
const SUMMARY_MAGIC: [u8; 8] = *b"kith-sum";
/// Bytes before the first record.
pub(crate) const SEGMENT_HEAD: usize = 28;
/// Bytes before a record's payload.
pub(crate) const RECORD_HEAD: usize = 28;
/// Bytes before each part of the payload.
pub(crate) const CHECKSUM: usize = 4;

/// Which kind of file a head begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Records in full.
    Segment,
    /// Records without their payload.
    Summary,
}

/// Begins a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) segment: u32,
    pub(crate) salt: u64,
}

impl SegmentHead {
    pub(crate) fn encode(self, kind: Kind) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEAD);
        out.extend_from_slice(if kind == Kind::Segment { &SEGMENT_MAGIC } else { &SUMMARY_MAGIC });
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.salt.to_le_bytes());
        let crc = crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a head; `None` for anything else, also for that of another format.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEAD], kind: Kind) -> Option<Self> {
        Self::decode_any(bytes, kind).filter(|(_, format)| *format == FORMAT).map(|(head, _)| head)
    }

    /// Returns the format of a file that another release wrote; `None` for ours, and for what is no head.
    pub(crate) fn other_format(bytes: &[u8; SEGMENT_HEAD], kind: Kind) -> Option<u32> {
        Self::decode_any(bytes, kind).map(|(_, format)| format).filter(|format| *format != FORMAT)
    }

    fn decode_any(bytes: &[u8; SEGMENT_HEAD], kind: Kind) -> Option<(Self, u32)> {
        let mut from = Reader::new(bytes);
        let magic: [u8; 8] = from.array()?;
        let (format, segment, salt, crc) = (from.u32()?, from.u32()?, from.u64()?, from.u32()?);
        let wanted = if kind == Kind::Segment { SEGMENT_MAGIC } else { SUMMARY_MAGIC };
        let is_whole = crc == crc32c(bytes.get(..SEGMENT_HEAD - CHECKSUM)?);
        (is_whole && magic == wanted).then_some((Self { segment, salt }, format))
    }
}

/// Begins a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) payload: u32,
    pub(crate) ops: u32,
    pub(crate) number: u64,
    /// Up to where the segment was durable when the record was written.
    pub(crate) certain: u32,
    /// Over the salt and what is above.
    head_crc: u32,
    /// Over the other one and the operations.
    ops_crc: u32,
}

impl RecordHead {
    /// Returns the head of a record; the parts are no longer than 4 GiB.
    pub(crate) fn new(payload: u32, ops: &[u8], number: u64, certain: u32, salt: u64) -> Self {
        let n_ops = u32::try_from(ops.len()).unwrap_or(u32::MAX);
        let mut head = Self { payload, ops: n_ops, number, certain, head_crc: 0, ops_crc: 0 };
        head.head_crc = head.checksum(salt);
        head.ops_crc = crc32c_append(head.head_crc, ops);
        head
    }

    pub(crate) fn encode(&self) -> [u8; RECORD_HEAD] {
        let mut out = [0; RECORD_HEAD];
        let lengths = [self.payload.to_le_bytes(), self.ops.to_le_bytes()];
        let number = self.number.to_le_bytes();
        let others = [self.certain.to_le_bytes(), self.head_crc.to_le_bytes(), self.ops_crc.to_le_bytes()];
        let fields = lengths.iter().flatten().chain(&number).chain(others.iter().flatten());
        for (to, from) in out.iter_mut().zip(fields) {
            *to = *from;
        }
        out
    }

    /// Reads a head of whatever bytes; [`is_of`](Self::is_of) says whether it is one.
    pub(crate) fn decode(bytes: &[u8; RECORD_HEAD]) -> Self {
        let mut from = Reader::new(bytes);
        // The array is exactly as long as the fields.
        let mut u32 = || from.u32().unwrap_or_default();
        let (payload, ops) = (u32(), u32());
        let number = from.u64().unwrap_or_default();
        let mut u32 = || from.u32().unwrap_or_default();
        Self { payload, ops, number, certain: u32(), head_crc: u32(), ops_crc: u32() }
    }

    /// Returns whether it was written in a segment with this salt.
    pub(crate) fn is_of(&self, salt: u64) -> bool {
        self.head_crc == self.checksum(salt)
    }

    /// Returns whether these are the operations that the head was written for.
    pub(crate) fn fits(&self, ops: &[u8]) -> bool {
        self.ops_crc == crc32c_append(self.head_crc, ops)
    }

    /// Returns the length of the whole record in a segment.
    pub(crate) fn length(&self) -> u64 {
        RECORD_HEAD as u64 + u64::from(self.payload) + u64::from(self.ops)
    }

    fn checksum(&self, salt: u64) -> u32 {
        let mut crc = crc32c(&salt.to_le_bytes());
        crc = crc32c_append(crc, &self.payload.to_le_bytes());
        crc = crc32c_append(crc, &self.ops.to_le_bytes());
        crc = crc32c_append(crc, &self.number.to_le_bytes());
        crc32c_append(crc, &self.certain.to_le_bytes())
    }
}

/// Appends a part to a payload, its checksum first.
pub(crate) fn push_payload(payload: &mut Vec<u8>, bytes: &[u8]) {
    payload.extend_from_slice(&crc32c(bytes).to_le_bytes());
    payload.extend_from_slice(bytes);
}

/// Returns the bytes of a part of a payload; `None` when they are not what was written.
pub(crate) fn open_payload(part: &[u8]) -> Option<&[u8]> {
    let (crc, bytes) = part.split_first_chunk::<CHECKSUM>()?;
    (u32::from_le_bytes(*crc) == crc32c(bytes)).then_some(bytes)
}
