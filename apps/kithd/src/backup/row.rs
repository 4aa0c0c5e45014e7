//! One row of a backup, in memory and in bytes. It knows neither files nor stores.
//!
//! A row is a tag byte and its fields in the order of the record: numbers with their most significant byte first, keys
//! and ids as they are, and everything of varying length behind its length in four bytes. What a tag means never changes.

use kith_home::store::{
    Account, Blob, Entry, Invite, MetaKey, Outgoing, OutgoingKey, Overflow, Queue, Returned, Secret, Stay,
};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, BlobId, Hash, LookupKey, ReaderId, RelayId, SenderId, ServerKey, Signature, Verifier};
use kith_wire::time::{Day, EpochId, Hour, Timestamp};

use super::Totals;

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// A queue; its entries follow.
    Queue(ReaderId, Queue),
    /// An entry of the last queue.
    Entry(u64, Entry),
    /// A blob; its chunks follow.
    Blob(BlobId, Blob),
    /// A chunk of the last blob.
    Chunk(u32, Vec<u8>),
    /// The last blob was removed before all its chunks were read.
    Gone,
    /// The disk had lost something before it could be read.
    Lost(Lost),
    /// Something that waits to be sent.
    Outgoing(OutgoingKey, Outgoing),
    /// A notice that waits for its account.
    Returned(OutgoingKey, Returned),
    /// An invite.
    Invite(Hash, Invite),
    /// An account.
    Account(AccountKey, Account),
    /// The seed of an epoch.
    EpochKey(EpochId, Secret),
    /// A value of the server itself.
    Meta(MetaKey, Secret),
    /// The end, with the number of rows of each kind before it.
    End(Totals),
}

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// An entry of the last queue.
    Entry,
    /// A chunk of the last blob.
    Chunk,
    /// The bytes of something that waits to be sent, or of a notice: the row is there without them.
    Content,
}

/// The bytes are no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRow;

mod tag {
    pub(super) const QUEUE: u8 = 1;
    pub(super) const ENTRY: u8 = 2;
    pub(super) const BLOB: u8 = 3;
    pub(super) const CHUNK: u8 = 4;
    pub(super) const GONE: u8 = 5;
    pub(super) const OUTGOING: u8 = 6;
    pub(super) const RETURNED: u8 = 7;
    pub(super) const INVITE: u8 = 8;
    pub(super) const ACCOUNT: u8 = 9;
    pub(super) const EPOCH_KEY: u8 = 10;
    pub(super) const META: u8 = 11;
    pub(super) const END: u8 = 12;
    pub(super) const LOST: u8 = 13;
    pub(super) const CLOSED_ACCOUNT: u8 = 14;
}

impl Row {
    /// Appends the row's bytes.
    pub(crate) fn write(&self, into: &mut Vec<u8>) {
        let mut out = Out(into);
        match self {
            Self::Queue(reader, queue) => {
                out.u8(tag::QUEUE).raw(&reader.0).raw(&queue.sender.0).raw(&queue.account.0).raw(&queue.lookup.0);
                out.raw(&queue.verifier.0).u64(queue.next_seq).u32(queue.length);
                out.u8(u8::from(queue.overflow == Overflow::Dropped));
            }
            Self::Entry(seq, entry) => drop(out.u8(tag::ENTRY).u64(*seq).u32(entry.arrived.0).long(&entry.frame)),
            Self::Blob(id, blob) => {
                out.u8(tag::BLOB).raw(&id.0).raw(&blob.account.0).u64(blob.size).u32(blob.n_chunks).u32(blob.n_present);
                out.raw(&blob.read.0).raw(&blob.delete.0).u32(blob.expires.0).u8(u8::from(blob.stay == Stay::Kept));
            }
            Self::Chunk(number, bytes) => drop(out.u8(tag::CHUNK).u32(*number).long(bytes)),
            Self::Gone => drop(out.u8(tag::GONE)),
            Self::Lost(lost) => drop(out.u8(tag::LOST).u8(lost.number())),
            Self::Outgoing(key, outgoing) => {
                out.u8(tag::OUTGOING).raw(&key.account.0).raw(&key.relay.0).long(outgoing.to.url.as_str().as_bytes());
                out.raw(&outgoing.to.key.0).long(&outgoing.sealed).u32(outgoing.accepted.0);
                out.u64(outgoing.next_attempt.0).u32(outgoing.attempts);
            }
            Self::Returned(key, returned) => {
                out.u8(tag::RETURNED).raw(&key.account.0).raw(&key.relay.0).u32(returned.stored.0);
                out.long(&returned.notice);
            }
            Self::Invite(code, invite) => {
                out.u8(tag::INVITE).raw(&code.0).u32(invite.uses_left).u64(invite.expires.0);
            }
            Self::Account(key, account) => {
                let tag = if account.closed.is_some() { tag::CLOSED_ACCOUNT } else { tag::ACCOUNT };
                out.u8(tag).raw(&key.0).u32(account.created.0).u32(account.n_queues).u64(account.blob_bytes);
                out.u64(account.kept_bytes).u32(account.n_outgoing);
                if let Some(signature) = account.closed {
                    out.raw(&signature.0);
                }
            }
            Self::EpochKey(epoch, seed) => drop(out.u8(tag::EPOCH_KEY).u32(epoch.0).long(seed.expose())),
            Self::Meta(key, value) => drop(out.u8(tag::META).long(key.name().as_bytes()).long(value.expose())),
            Self::End(totals) => {
                out.u8(tag::END);
                totals.each().into_iter().for_each(|(_, n)| {
                    out.u64(n);
                });
            }
        }
    }

    /// Takes one row off the front of `bytes`, which may be anything.
    ///
    /// # Errors
    /// [`NoRow`] for bytes that are none; then nothing is said about what remains.
    pub(crate) fn read(bytes: &mut &[u8]) -> Result<Self, NoRow> {
        let mut from = In(bytes);
        Ok(match from.u8()? {
            tag::QUEUE => Self::Queue(ReaderId(from.raw()?), from.queue()?),
            tag::ENTRY => Self::Entry(from.u64()?, Entry { arrived: Hour(from.u32()?), frame: from.long()?.to_vec() }),
            tag::BLOB => Self::Blob(BlobId(from.raw()?), from.blob()?),
            tag::CHUNK => Self::Chunk(from.u32()?, from.long()?.to_vec()),
            tag::GONE => Self::Gone,
            tag::LOST => {
                let number = from.u8()?;
                let known = [Lost::Entry, Lost::Chunk, Lost::Content];
                Self::Lost(known.into_iter().find(|lost| lost.number() == number).ok_or(NoRow)?)
            }
            tag::OUTGOING => Self::Outgoing(from.outgoing_key()?, from.outgoing()?),
            tag::RETURNED => {
                let key = from.outgoing_key()?;
                Self::Returned(key, Returned { stored: Hour(from.u32()?), notice: from.long()?.to_vec() })
            }
            tag::INVITE => {
                let code = Hash(from.raw()?);
                Self::Invite(code, Invite { uses_left: from.u32()?, expires: Timestamp(from.u64()?) })
            }
            tag::ACCOUNT => Self::Account(AccountKey(from.raw()?), from.account()?),
            tag::CLOSED_ACCOUNT => {
                let (key, account) = (AccountKey(from.raw()?), from.account()?);
                Self::Account(key, Account { closed: Some(Signature(from.raw()?)), ..account })
            }
            tag::EPOCH_KEY => Self::EpochKey(EpochId(from.u32()?), Secret::new(from.long()?)),
            tag::META => {
                let name = from.long()?;
                let key = META.into_iter().find(|key| key.name().as_bytes() == name).ok_or(NoRow)?;
                Self::Meta(key, Secret::new(from.long()?))
            }
            tag::END => {
                let mut totals = Totals::default();
                for field in totals.each_mut() {
                    *field = from.u64()?;
                }
                Self::End(totals)
            }
            _ => return Err(NoRow),
        })
    }
}

impl Lost {
    /// Returns the number that stands for it. Changes never.
    fn number(self) -> u8 {
        match self {
            Self::Entry => 0,
            Self::Chunk => 1,
            Self::Content => 2,
        }
    }
}

/// All values of the server itself.
pub(crate) const META: [MetaKey; 4] =
    [MetaKey::ServerSeed, MetaKey::DescriptorSerial, MetaKey::Descriptor, MetaKey::Generation];

struct Out<'a>(&'a mut Vec<u8>);

impl Out<'_> {
    fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Nothing that a store holds comes near four gigabytes.
    fn long(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).raw(bytes)
    }
}

struct In<'a, 'b>(&'a mut &'b [u8]);

impl<'b> In<'_, 'b> {
    fn raw<const N: usize>(&mut self) -> Result<[u8; N], NoRow> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(NoRow)?;
        *self.0 = tail;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, NoRow> {
        self.raw().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, NoRow> {
        self.raw().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, NoRow> {
        self.raw().map(u64::from_be_bytes)
    }

    fn long(&mut self) -> Result<&'b [u8], NoRow> {
        let length = usize::try_from(self.u32()?).map_err(|_| NoRow)?;
        let (head, tail) = self.0.split_at_checked(length).ok_or(NoRow)?;
        *self.0 = tail;
        Ok(head)
    }

    fn queue(&mut self) -> Result<Queue, NoRow> {
        Ok(Queue {
            sender: SenderId(self.raw()?),
            account: AccountKey(self.raw()?),
            lookup: LookupKey(self.raw()?),
            verifier: Verifier(self.raw()?),
            next_seq: self.u64()?,
            length: self.u32()?,
            overflow: match self.u8()? {
                0 => Overflow::Complete,
                1 => Overflow::Dropped,
                _ => return Err(NoRow),
            },
        })
    }

    fn blob(&mut self) -> Result<Blob, NoRow> {
        Ok(Blob {
            account: AccountKey(self.raw()?),
            size: self.u64()?,
            n_chunks: self.u32()?,
            n_present: self.u32()?,
            read: Verifier(self.raw()?),
            delete: Verifier(self.raw()?),
            expires: Hour(self.u32()?),
            stay: match self.u8()? {
                0 => Stay::Passing,
                1 => Stay::Kept,
                _ => return Err(NoRow),
            },
        })
    }

    fn outgoing_key(&mut self) -> Result<OutgoingKey, NoRow> {
        Ok(OutgoingKey { account: AccountKey(self.raw()?), relay: RelayId(self.raw()?) })
    }

    fn outgoing(&mut self) -> Result<Outgoing, NoRow> {
        let url = std::str::from_utf8(self.long()?).map_err(|_| NoRow)?;
        let url = ServerUrl::parse(url).map_err(|_| NoRow)?;
        Ok(Outgoing {
            to: ServerAddress { url, key: ServerKey(self.raw()?) },
            sealed: self.long()?.to_vec(),
            accepted: Hour(self.u32()?),
            next_attempt: Timestamp(self.u64()?),
            attempts: self.u32()?,
        })
    }

    fn account(&mut self) -> Result<Account, NoRow> {
        Ok(Account {
            created: Day(self.u32()?),
            n_queues: self.u32()?,
            blob_bytes: self.u64()?,
            kept_bytes: self.u64()?,
            n_outgoing: self.u32()?,
            closed: None,
        })
    }
}
