//! What a transaction did, as the log says it: one operation after the other, each a tag and fields of fixed size, least
//! significant byte first.
//!
//! Operations are upserts: read in the order of the log they lead to the tables, also when cleaning has moved some of them
//! to its end. An operation that carries a frame or the like says how long that is; the bytes lie in the record's payload,
//! in the order of the operations.

use kith_home::store::{Account, Blob, Invite, OutgoingKey, Overflow, Queue, Stay};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, BlobId, Hash, LookupKey, ReaderId, RelayId, SenderId, ServerKey, Signature, Verifier};
use kith_wire::time::{Day, Hour, Timestamp};

use super::bytes::Reader;
use super::print::Print;

/// Segments in which versions of a row may lie that a removal makes void: the row's oldest and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl Span {
    /// Returns the span of a row that was written once.
    pub(crate) fn only(segment: u32) -> Self {
        Self { first: segment, last: segment }
    }

    pub(crate) fn holds(self, segment: u32) -> bool {
        self.first <= segment && segment <= self.last
    }

    /// Returns the segments; bytes from the disk may say that the last comes before the first.
    pub(crate) fn range(self) -> std::ops::RangeInclusive<u32> {
        self.first.min(self.last)..=self.last
    }
}

/// A sealed segment as a later one remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) segment: u32,
    pub(crate) length: u32,
}

/// How the log stands when a segment begins; its first operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Roster {
    /// Every older segment that is still needed.
    pub(crate) sealed: Vec<Sealed>,
    /// Which of the two files of secrets counts.
    pub(crate) secrets: u64,
    /// The segment that is being emptied, 0 for none.
    pub(crate) cleaning: u32,
}

/// The part of a queue that changes with each deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueState {
    pub(crate) next_seq: u64,
    pub(crate) length: u32,
    pub(crate) overflow: Overflow,
}

/// A relay without its sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) to: ServerAddress,
    pub(crate) accepted: Hour,
    pub(crate) next_attempt: Timestamp,
    pub(crate) attempts: u32,
    /// Tells whether sealed bytes are the same as those in the log.
    pub(crate) print: Print,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Means nothing, except that somebody wanted to wait for the disk.
    Touch,
    Roster(Roster),
    /// From here on, this generation of the secrets counts.
    Secrets {
        generation: u64,
    },
    /// From here on, live rows of a segment are written again.
    Cleaning {
        segment: u32,
    },
    /// Nothing in a segment is needed any more.
    SegmentGone {
        segment: u32,
    },
    Account {
        key: AccountKey,
        account: Account,
    },
    Invite {
        code: Hash,
        invite: Invite,
    },
    InviteGone {
        code: Hash,
        span: Span,
    },
    Queue {
        reader: ReaderId,
        queue: Queue,
    },
    QueueState {
        reader: ReaderId,
        state: QueueState,
    },
    QueueGone {
        reader: ReaderId,
        span: Span,
    },
    Entry {
        reader: ReaderId,
        seq: u64,
        arrived: Hour,
        length: u32,
    },
    EntryGone {
        reader: ReaderId,
        seq: u64,
        segment: u32,
    },
    Dedup {
        print: Print,
        last_hour: Hour,
    },
    /// Every deposit whose last hour lies before is forgotten. Said first in a segment.
    DedupBefore {
        hour: Hour,
        since: u32,
    },
    Nonce {
        print: Print,
        expires: Timestamp,
    },
    /// Every nonce that expired before is forgotten. Said first in a segment.
    NoncesBefore {
        time: Timestamp,
        since: u32,
    },
    Outgoing {
        key: OutgoingKey,
        relay: Relay,
        length: u32,
    },
    OutgoingState {
        key: OutgoingKey,
        next_attempt: Timestamp,
        attempts: u32,
    },
    OutgoingGone {
        key: OutgoingKey,
        span: Span,
    },
    Returned {
        key: OutgoingKey,
        stored: Hour,
        length: u32,
    },
    ReturnedGone {
        key: OutgoingKey,
        span: Span,
    },
    Blob {
        id: BlobId,
        blob: Blob,
    },
    BlobGone {
        id: BlobId,
        span: Span,
    },
    Chunk {
        id: BlobId,
        number: u32,
        length: u32,
    },
    ChunkGone {
        id: BlobId,
        number: u32,
        segment: u32,
    },
}

impl Op {
    /// Returns how many bytes lie in the payload for this operation, without their checksum.
    pub(crate) fn payload_length(&self) -> Option<u32> {
        match self {
            Self::Entry { length, .. }
            | Self::Outgoing { length, .. }
            | Self::Returned { length, .. }
            | Self::Chunk { length, .. } => Some(*length),
            _ => None,
        }
    }

    /// Returns the segments that may hold versions of the row that this operation removes.
    pub(crate) fn removes_in(&self) -> Option<Span> {
        match self {
            Self::InviteGone { span, .. }
            | Self::QueueGone { span, .. }
            | Self::OutgoingGone { span, .. }
            | Self::ReturnedGone { span, .. }
            | Self::BlobGone { span, .. } => Some(*span),
            Self::EntryGone { segment, .. } | Self::ChunkGone { segment, .. } => Some(Span::only(*segment)),
            _ => None,
        }
    }

    /// Appends the operation.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer(out);
        match self {
            Self::Touch => writer.tag(0),
            Self::Roster(roster) => writer.tag(1).roster(roster),
            Self::Secrets { generation } => writer.tag(2).u64(*generation),
            Self::Cleaning { segment } => writer.tag(3).u32(*segment),
            Self::SegmentGone { segment } => writer.tag(4).u32(*segment),
            Self::Account { key, account } => match account.closed {
                None => writer.tag(5).put(&key.0).account(account),
                Some(signature) => writer.tag(26).put(&key.0).account(account).put(&signature.0),
            },
            Self::Invite { code, invite } => writer.tag(6).put(&code.0).u32(invite.uses_left).u64(invite.expires.0),
            Self::InviteGone { code, span } => writer.tag(7).put(&code.0).span(*span),
            Self::Queue { reader, queue } => writer.tag(8).put(&reader.0).queue(queue),
            Self::QueueState { reader, state } => writer.tag(9).put(&reader.0).state(*state),
            Self::QueueGone { reader, span } => writer.tag(10).put(&reader.0).span(*span),
            Self::Entry { reader, seq, arrived, length } => {
                writer.tag(11).put(&reader.0).u64(*seq).u32(arrived.0).u32(*length)
            }
            Self::EntryGone { reader, seq, segment } => writer.tag(12).put(&reader.0).u64(*seq).u32(*segment),
            Self::Dedup { print, last_hour } => writer.tag(13).put(&print.0).u32(last_hour.0),
            Self::DedupBefore { hour, since } => writer.tag(14).u32(hour.0).u32(*since),
            Self::Nonce { print, expires } => writer.tag(15).put(&print.0).u64(expires.0),
            Self::NoncesBefore { time, since } => writer.tag(16).u64(time.0).u32(*since),
            Self::Outgoing { key, relay, length } => writer.tag(17).key(key).relay(relay).u32(*length),
            Self::OutgoingState { key, next_attempt, attempts } => {
                writer.tag(18).key(key).u64(next_attempt.0).u32(*attempts)
            }
            Self::OutgoingGone { key, span } => writer.tag(19).key(key).span(*span),
            Self::Returned { key, stored, length } => writer.tag(20).key(key).u32(stored.0).u32(*length),
            Self::ReturnedGone { key, span } => writer.tag(21).key(key).span(*span),
            Self::Blob { id, blob } => writer.tag(22).put(&id.0).blob(blob),
            Self::BlobGone { id, span } => writer.tag(23).put(&id.0).span(*span),
            Self::Chunk { id, number, length } => writer.tag(24).put(&id.0).u32(*number).u32(*length),
            Self::ChunkGone { id, number, segment } => writer.tag(25).put(&id.0).u32(*number).u32(*segment),
        };
    }

    /// Reads one operation; `None` for bytes that are none.
    pub(crate) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.u8()? {
            0 => Self::Touch,
            1 => Self::Roster(roster(from)?),
            2 => Self::Secrets { generation: from.u64()? },
            3 => Self::Cleaning { segment: from.u32()? },
            4 => Self::SegmentGone { segment: from.u32()? },
            5 => Self::Account { key: AccountKey(from.array()?), account: account(from)? },
            6 => {
                let code = Hash(from.array()?);
                Self::Invite { code, invite: Invite { uses_left: from.u32()?, expires: Timestamp(from.u64()?) } }
            }
            7 => Self::InviteGone { code: Hash(from.array()?), span: span(from)? },
            8 => Self::Queue { reader: ReaderId(from.array()?), queue: queue(from)? },
            9 => Self::QueueState { reader: ReaderId(from.array()?), state: state(from)? },
            10 => Self::QueueGone { reader: ReaderId(from.array()?), span: span(from)? },
            11 => {
                let (reader, seq) = (ReaderId(from.array()?), from.u64()?);
                Self::Entry { reader, seq, arrived: Hour(from.u32()?), length: from.u32()? }
            }
            12 => Self::EntryGone { reader: ReaderId(from.array()?), seq: from.u64()?, segment: from.u32()? },
            13 => Self::Dedup { print: Print(from.array()?), last_hour: Hour(from.u32()?) },
            14 => Self::DedupBefore { hour: Hour(from.u32()?), since: from.u32()? },
            15 => Self::Nonce { print: Print(from.array()?), expires: Timestamp(from.u64()?) },
            16 => Self::NoncesBefore { time: Timestamp(from.u64()?), since: from.u32()? },
            17 => Self::Outgoing { key: key(from)?, relay: relay(from)?, length: from.u32()? },
            18 => {
                let (key, next_attempt) = (key(from)?, Timestamp(from.u64()?));
                Self::OutgoingState { key, next_attempt, attempts: from.u32()? }
            }
            19 => Self::OutgoingGone { key: key(from)?, span: span(from)? },
            20 => Self::Returned { key: key(from)?, stored: Hour(from.u32()?), length: from.u32()? },
            21 => Self::ReturnedGone { key: key(from)?, span: span(from)? },
            22 => Self::Blob { id: BlobId(from.array()?), blob: blob(from)? },
            23 => Self::BlobGone { id: BlobId(from.array()?), span: span(from)? },
            24 => Self::Chunk { id: BlobId(from.array()?), number: from.u32()?, length: from.u32()? },
            26 => {
                let (key, account) = (AccountKey(from.array()?), account(from)?);
                Self::Account { key, account: Account { closed: Some(Signature(from.array()?)), ..account } }
            }
            25 => Self::ChunkGone { id: BlobId(from.array()?), number: from.u32()?, segment: from.u32()? },
            _ => return None,
        })
    }

    /// Reads all operations of a record.
    pub(crate) fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut from = Reader::new(bytes);
        let mut ops = Vec::new();
        while !from.is_empty() {
            ops.push(Self::decode(&mut from)?);
        }
        Some(ops)
    }
}

/// Appends fields.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.put(&[tag])
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn span(&mut self, span: Span) -> &mut Self {
        self.u32(span.first).u32(span.last)
    }

    fn key(&mut self, key: &OutgoingKey) -> &mut Self {
        self.put(&key.account.0).put(&key.relay.0)
    }

    fn roster(&mut self, roster: &Roster) -> &mut Self {
        self.u64(roster.secrets).u32(roster.cleaning).u32(u32::try_from(roster.sealed.len()).unwrap_or(u32::MAX));
        for sealed in &roster.sealed {
            self.u32(sealed.segment).u32(sealed.length);
        }
        self
    }

    fn account(&mut self, account: &Account) -> &mut Self {
        self.u32(account.created.0)
            .u32(account.n_queues)
            .u64(account.blob_bytes)
            .u64(account.kept_bytes)
            .u32(account.n_outgoing)
    }

    fn state(&mut self, state: QueueState) -> &mut Self {
        self.u64(state.next_seq).u32(state.length).put(&[u8::from(state.overflow == Overflow::Dropped)])
    }

    fn queue(&mut self, queue: &Queue) -> &mut Self {
        self.put(&queue.sender.0).put(&queue.account.0).put(&queue.lookup.0).put(&queue.verifier.0);
        self.state(QueueState { next_seq: queue.next_seq, length: queue.length, overflow: queue.overflow })
    }

    fn relay(&mut self, relay: &Relay) -> &mut Self {
        let url = relay.to.url.as_str().as_bytes();
        // A URL has at most 200 bytes.
        self.put(&u16::try_from(url.len()).unwrap_or(u16::MAX).to_le_bytes()).put(url).put(&relay.to.key.0);
        self.u32(relay.accepted.0).u64(relay.next_attempt.0).u32(relay.attempts).put(&relay.print.0)
    }

    fn blob(&mut self, blob: &Blob) -> &mut Self {
        self.put(&blob.account.0).u64(blob.size).u32(blob.n_chunks).u32(blob.n_present);
        self.put(&blob.read.0).put(&blob.delete.0).u32(blob.expires.0).put(&[u8::from(blob.stay == Stay::Kept)])
    }
}

fn span(from: &mut Reader<'_>) -> Option<Span> {
    Some(Span { first: from.u32()?, last: from.u32()? })
}

fn key(from: &mut Reader<'_>) -> Option<OutgoingKey> {
    Some(OutgoingKey { account: AccountKey(from.array()?), relay: RelayId(from.array()?) })
}

fn roster(from: &mut Reader<'_>) -> Option<Roster> {
    let (secrets, cleaning) = (from.u64()?, from.u32()?);
    let mut sealed = Vec::new();
    for _ in 0..from.u32()? {
        sealed.push(Sealed { segment: from.u32()?, length: from.u32()? });
    }
    Some(Roster { sealed, secrets, cleaning })
}

fn account(from: &mut Reader<'_>) -> Option<Account> {
    let (created, n_queues) = (Day(from.u32()?), from.u32()?);
    let (blob_bytes, kept_bytes) = (from.u64()?, from.u64()?);
    Some(Account { created, n_queues, blob_bytes, kept_bytes, n_outgoing: from.u32()?, closed: None })
}

fn state(from: &mut Reader<'_>) -> Option<QueueState> {
    let (next_seq, length) = (from.u64()?, from.u32()?);
    let overflow = match from.u8()? {
        0 => Overflow::Complete,
        1 => Overflow::Dropped,
        _ => return None,
    };
    Some(QueueState { next_seq, length, overflow })
}

fn queue(from: &mut Reader<'_>) -> Option<Queue> {
    let (sender, account) = (SenderId(from.array()?), AccountKey(from.array()?));
    let (lookup, verifier) = (LookupKey(from.array()?), Verifier(from.array()?));
    let QueueState { next_seq, length, overflow } = state(from)?;
    Some(Queue { sender, account, lookup, verifier, next_seq, length, overflow })
}

fn relay(from: &mut Reader<'_>) -> Option<Relay> {
    let length = usize::from(from.u16()?);
    let url = ServerUrl::parse(std::str::from_utf8(from.take(length)?).ok()?).ok()?;
    let to = ServerAddress { url, key: ServerKey(from.array()?) };
    let (accepted, next_attempt) = (Hour(from.u32()?), Timestamp(from.u64()?));
    Some(Relay { to, accepted, next_attempt, attempts: from.u32()?, print: Print(from.array()?) })
}

fn blob(from: &mut Reader<'_>) -> Option<Blob> {
    let (account, size) = (AccountKey(from.array()?), from.u64()?);
    let (n_chunks, n_present) = (from.u32()?, from.u32()?);
    let (read, delete) = (Verifier(from.array()?), Verifier(from.array()?));
    let expires = Hour(from.u32()?);
    let stay = match from.u8()? {
        0 => Stay::Passing,
        1 => Stay::Kept,
        _ => return None,
    };
    Some(Blob { account, size, n_chunks, n_present, read, delete, expires, stay })
}
