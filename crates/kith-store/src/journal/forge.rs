//! Segments that hold whatever somebody wants, with checksums that are right: what a fuzzer could not get past otherwise.

use super::bytes::Reader;
use super::op::Op;
use super::record::{Kind, RecordHead, SegmentHead, push_payload};

/// The salt of forged segments.
const SALT: u64 = 7;
/// What contents consist of.
const FILL: u8 = 0x5a;

/// Bytes of a part of a payload at most.
const LONGEST: u32 = 1 << 16;

/// Returns a segment of records, each of which the bytes describe as the length of its operations, two bytes, and these. Where
/// operations speak of content there is some, in the length that they say. What is left at the end is left out.
pub fn segment(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = SegmentHead { segment: number, salt: SALT }.encode(Kind::Segment);
    let mut from = Reader::new(bytes);
    let mut records = 1..;
    while let Some(ops) = from.u16().and_then(|length| from.take(length.into())) {
        let mut payload = Vec::new();
        for length in Op::decode_all(ops).unwrap_or_default().iter().filter_map(Op::payload_length) {
            let length = usize::try_from(length.min(LONGEST)).unwrap_or_default();
            push_payload(&mut payload, &vec![FILL; length]);
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let head = RecordHead::new(length, ops, records.next().unwrap_or_default(), 0, SALT);
        out.extend_from_slice(&head.encode());
        out.extend_from_slice(&payload);
        out.extend_from_slice(ops);
    }
    out
}
