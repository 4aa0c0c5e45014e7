//! Reading a segment or its summary record by record.

use std::io;
use std::ops::RangeInclusive;

use super::files::LogFile;
use super::op::Op;
use super::record::{CHECKSUM, Kind, RECORD_HEAD, RecordHead, SEGMENT_HEAD, SegmentHead, open_payload};

/// Bytes that can be read at a place.
pub(crate) trait Source {
    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()>;
}

impl<F: LogFile> Source for F {
    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.read_at(bytes, at)
    }
}

/// A file in memory.
pub(crate) struct Loaded(pub(crate) Vec<u8>);

impl Source for Loaded {
    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let found = start.checked_add(bytes.len()).and_then(|end| self.0.get(start..end));
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Why a scan stopped before the end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What begins at this byte of the file is not a record.
    Damaged(u64),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(problem: io::Error) -> Self {
        Self::Io(problem)
    }
}

/// One record, its payload not read.
pub(crate) struct Record {
    pub(crate) head: RecordHead,
    /// Where it begins in the segment.
    pub(crate) origin: u64,
    pub(crate) ops: Vec<Op>,
    /// The operations as they are written.
    pub(crate) raw: Vec<u8>,
}

impl Record {
    /// Returns the operations, each with the offset at which its part of the payload lies in the segment, if it has one.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (&Op, u32)> {
        let mut next = self.origin + RECORD_HEAD as u64;
        self.ops.iter().map(move |op| {
            let at = next;
            if let Some(length) = op.payload_length() {
                next += CHECKSUM as u64 + u64::from(length);
            }
            // The log refuses transactions beyond 1 GiB, and begins a segment long before it is as long.
            (op, u32::try_from(at).unwrap_or(u32::MAX))
        })
    }

    /// Returns where the next record begins.
    pub(crate) fn end(&self) -> u64 {
        self.origin + self.head.length()
    }

    fn payload_length(&self) -> u64 {
        self.ops.iter().filter_map(Op::payload_length).map(|length| CHECKSUM as u64 + u64::from(length)).sum()
    }

    /// Reads the payload and returns whether it is what was written.
    pub(crate) fn payload_is_whole(&self, source: &impl Source) -> io::Result<bool> {
        for (op, offset) in self.placed() {
            let Some(length) = op.payload_length() else { continue };
            let mut part = vec![0; CHECKSUM + usize::try_from(length).unwrap_or(usize::MAX - CHECKSUM)];
            source.read(&mut part, u64::from(offset))?;
            if open_payload(&part).is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A walk through a file.
pub(crate) struct Scan<'a, S> {
    source: &'a S,
    kind: Kind,
    salt: u64,
    /// The place in this file, and what it is in the segment.
    at: u64,
    origin: u64,
    /// Where the file ends.
    end: u64,
    /// The number that the next record must have, once one was seen.
    number: Option<u64>,
}

/// Returns the head of a file; `None` when it has none.
pub(crate) fn read_head(source: &impl Source, kind: Kind) -> Option<SegmentHead> {
    let mut head = [0; SEGMENT_HEAD];
    source.read(&mut head, 0).ok()?;
    SegmentHead::decode(&head, kind)
}

/// Returns the format of a segment that another release wrote.
pub(crate) fn read_other_format(source: &impl Source) -> Option<u32> {
    let mut head = [0; SEGMENT_HEAD];
    source.read(&mut head, 0).ok()?;
    SegmentHead::other_format(&head, Kind::Segment)
}

impl<'a, S: Source> Scan<'a, S> {
    /// Starts after the head of a file that ends at `end`.
    pub(crate) fn new(source: &'a S, kind: Kind, salt: u64, end: u64) -> Self {
        let first = SEGMENT_HEAD as u64;
        Self { source, kind, salt, at: first, origin: first, end, number: None }
    }

    /// Starts at a record of a segment.
    pub(crate) fn at(source: &'a S, salt: u64, end: u64, record: u64) -> Self {
        Self { at: record, origin: record, ..Self::new(source, Kind::Segment, salt, end) }
    }

    /// Returns where the next record begins in the segment.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Returns the number of the record that would follow those that were read.
    pub(crate) fn next_number(&self) -> Option<u64> {
        self.number
    }

    /// Reads the next record; `None` at the end. After an error the scan is where it was.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Stop> {
        let left = self.end.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        let damaged = Stop::Damaged(self.at);
        if left < RECORD_HEAD as u64 {
            return Err(damaged);
        }
        let mut head = [0; RECORD_HEAD];
        self.source.read(&mut head, self.at)?;
        let head = RecordHead::decode(&head);
        let skipped = if self.kind == Kind::Segment { u64::from(head.payload) } else { 0 };
        let follows = self.number.is_none_or(|number| number == head.number);
        if !follows || !head.is_of(self.salt) || left < RECORD_HEAD as u64 + skipped + u64::from(head.ops) {
            return Err(damaged);
        }
        let mut bytes = vec![0; usize::try_from(head.ops).unwrap_or(usize::MAX)];
        self.source.read(&mut bytes, self.at + RECORD_HEAD as u64 + skipped)?;
        let ops = if head.fits(&bytes) { Op::decode_all(&bytes) } else { None };
        let record = Record { head, origin: self.origin, ops: ops.ok_or(Stop::Damaged(self.at))?, raw: bytes };
        if record.payload_length() != u64::from(head.payload) {
            return Err(damaged);
        }
        self.at += RECORD_HEAD as u64 + skipped + u64::from(head.ops);
        self.origin = record.end();
        self.number = head.number.checked_add(1);
        Ok(Some(record))
    }

    /// Looks for records behind a place where none can be read.
    ///
    /// A few records may be on their way to the disk at the same time, and each may arrive or not. Those behind tell what was
    /// durable when they were written.
    pub(crate) fn search_behind(&self) -> io::Result<Search> {
        let length = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let mut rest = vec![0; length];
        self.source.read(&mut rest, self.at)?;
        let first = self.number.unwrap_or(0);
        // What cannot be read may have a good head itself, which tells of those before it.
        Ok(search(&rest, first..=first.saturating_add(length as u64), self.salt))
    }
}

/// What a search for records found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Search {
    /// Up to which byte of the segment all was durable, by what the records say; 0 when there is none.
    pub(crate) certain: u64,
    /// Bytes that were looked at, those twice that were looked at twice: what the search has cost.
    pub(crate) n_looked_at: u64,
}

/// Looks for heads of records of this segment. At each byte it looks at one head's length at most, whatever the bytes are.
fn search(bytes: &[u8], numbers: RangeInclusive<u64>, salt: u64) -> Search {
    let mut search = Search { certain: 0, n_looked_at: 0 };
    for window in bytes.windows(RECORD_HEAD).filter_map(|window| window.first_chunk()) {
        search.n_looked_at += RECORD_HEAD as u64;
        let head = RecordHead::decode(window);
        if numbers.contains(&head.number) && head.is_of(salt) {
            search.certain = search.certain.max(head.certain.into());
        }
    }
    search
}
