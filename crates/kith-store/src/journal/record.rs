//! The frame around what one transaction wrote: a head with lengths, number and checksum, the payload, the operations.
//!
//! ```text
//! segment   magic 8 · format 4 · segment 4 · salt 8 · crc 4 · records
//! record    payload length 4 · operations length 4 · number 8 · crc 4 · payload · operations
//! payload   (crc 4 · bytes) for each operation that has some
//! summary   magic 8 · format 4 · segment 4 · salt 8 · crc 4 · (record's head · operations) for each record
//! ```
//!
//! All numbers least significant byte first; crc is CRC-32C. That of a record covers the segment's salt, the head before it
//! and the operations, not the payload, so that whoever reads the tables back skips frames; each frame has its own. The salt is random: bytes
//! that somebody sent us can never look like a record of this segment.

use crc32c::{crc32c, crc32c_append};

use super::bytes::Reader;

/// The layout of segments that this code writes.
pub(crate) const FORMAT: u32 = 1;
const SEGMENT_MAGIC: [u8; 8] = *b"kith-log";
const SUMMARY_MAGIC: [u8; 8] = *b"kith-sum";
/// Bytes before the first record.
pub(crate) const SEGMENT_HEAD: usize = 28;
/// Bytes before a record's payload.
pub(crate) const RECORD_HEAD: usize = 20;
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
        let mut from = Reader::new(bytes);
        let magic: [u8; 8] = from.array()?;
        let (format, segment, salt, crc) = (from.u32()?, from.u32()?, from.u64()?, from.u32()?);
        let wanted = if kind == Kind::Segment { SEGMENT_MAGIC } else { SUMMARY_MAGIC };
        let is_whole = crc == crc32c(bytes.get(..SEGMENT_HEAD - CHECKSUM)?);
        (is_whole && magic == wanted && format == FORMAT).then_some(Self { segment, salt })
    }
}

/// Begins a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) payload: u32,
    pub(crate) ops: u32,
    pub(crate) number: u64,
    crc: u32,
}

impl RecordHead {
    /// Returns the head of a record; the parts are no longer than 4 GiB.
    pub(crate) fn new(payload: u32, ops: &[u8], number: u64, salt: u64) -> Self {
        let n_ops = u32::try_from(ops.len()).unwrap_or(u32::MAX);
        let mut head = Self { payload, ops: n_ops, number, crc: 0 };
        head.crc = head.checksum(ops, salt);
        head
    }

    pub(crate) fn encode(&self) -> [u8; RECORD_HEAD] {
        let mut out = [0; RECORD_HEAD];
        let fields = [self.payload.to_le_bytes(), self.ops.to_le_bytes()];
        let number = self.number.to_le_bytes();
        let crc = self.crc.to_le_bytes();
        for (to, from) in out.iter_mut().zip(fields.iter().flatten().chain(&number).chain(&crc)) {
            *to = *from;
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8; RECORD_HEAD]) -> Self {
        let mut from = Reader::new(bytes);
        // The array is exactly as long as the fields.
        let mut u32 = || from.u32().unwrap_or_default();
        let (payload, ops) = (u32(), u32());
        let number = from.u64().unwrap_or_default();
        Self { payload, ops, number, crc: from.u32().unwrap_or_default() }
    }

    /// Returns whether these are the operations that the head was written for, in a segment with this salt.
    pub(crate) fn fits(&self, ops: &[u8], salt: u64) -> bool {
        self.crc == self.checksum(ops, salt)
    }

    /// Returns the length of the whole record in a segment.
    pub(crate) fn length(&self) -> u64 {
        RECORD_HEAD as u64 + u64::from(self.payload) + u64::from(self.ops)
    }

    fn checksum(&self, ops: &[u8], salt: u64) -> u32 {
        let mut crc = crc32c(&salt.to_le_bytes());
        crc = crc32c_append(crc, &self.payload.to_le_bytes());
        crc = crc32c_append(crc, &self.ops.to_le_bytes());
        crc = crc32c_append(crc, &self.number.to_le_bytes());
        crc32c_append(crc, ops)
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
