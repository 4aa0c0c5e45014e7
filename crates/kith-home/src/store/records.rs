//! The rows of the tables. Plain data: what a field means for the rules is said where the rules are.

use kith_wire::address::ServerAddress;
use kith_wire::id::{AccountKey, BlobId, Hash, LookupKey, ReaderId, RelayId, SenderId, Signature, Verifier};
use kith_wire::time::{Day, Hour, Timestamp};
use zeroize::Zeroizing;

/// A value of the server itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetaKey {
    /// The seed of the server key. Changes never: whoever has it is this server.
    ServerSeed,
    /// Serial of the descriptor last signed, 8 bytes, most significant first.
    DescriptorSerial,
    /// The signed descriptor itself, so that a restart does not sign another one.
    Descriptor,
    /// Where the numbers of entries begin, 8 bytes, most significant first. Rises with every start.
    Generation,
}

impl MetaKey {
    /// Every key. A store must keep each; the order never changes, because some store the place.
    pub const ALL: [Self; 4] = [Self::ServerSeed, Self::DescriptorSerial, Self::Descriptor, Self::Generation];

    /// Returns the name under which stores keep the value. Never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerSeed => "server-seed",
            Self::DescriptorSerial => "descriptor-serial",
            Self::Descriptor => "descriptor",
            Self::Generation => "generation",
        }
    }
}

const _: () = assert!(MetaKey::ALL.len() == MetaKey::Generation as usize + 1, "a key is missing among all keys");

/// Bytes that are wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Wraps a copy of the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Shows the bytes to code that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the server knows of a device that may create queues here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The UTC day of registration.
    pub created: Day,
    /// Queues that it has.
    pub n_queues: u32,
    /// Bytes reserved by its blobs.
    pub blob_bytes: u64,
    /// Bytes for which those of them count that are kept for long.
    pub kept_bytes: u64,
    /// Deposits of its own that wait to be sent on.
    pub n_outgoing: u32,
    /// The statement by which it was closed, if it was: then it is closed for good.
    pub closed: Option<Signature>,
}

/// An invitation to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Registrations that it is still good for.
    pub uses_left: u32,
    /// Moment from which it is worth nothing.
    pub expires: Timestamp,
}

/// Whether a queue had to drop something since its reader was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Nothing was dropped.
    Complete,
    /// At least one frame was dropped because the queue was full.
    Dropped,
}

/// A place where one device receives from one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name towards the sender.
    pub sender: SenderId,
    /// The account that created it.
    pub account: AccountKey,
    /// Proves the right to read it.
    pub lookup: LookupKey,
    /// Checks the proof of a deposit.
    pub verifier: Verifier,
    /// Sequence number of the next entry; never restarts.
    pub next_seq: u64,
    /// Entries that are there.
    pub length: u32,
    /// Whether something was dropped.
    pub overflow: Overflow,
}

/// One frame in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The hour in which it came. Nothing finer is stored.
    pub arrived: Hour,
    /// The ciphertext.
    pub frame: Vec<u8>,
}

/// What stands for the key under which a nonce was used: nonces of different signers never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NonceScope(pub [u8; 32]);

/// Names a relay: the account that asked for it and the id that it chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutgoingKey {
    /// Who asked.
    pub account: AccountKey,
    /// The id that the client chose.
    pub relay: RelayId,
}

/// Sealed bytes that wait to be sent to another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where they go.
    pub to: ServerAddress,
    /// The sealed request, opaque here.
    pub sealed: Vec<u8>,
    /// The hour in which they were accepted.
    pub accepted: Hour,
    /// When to try next.
    pub next_attempt: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// What came back from a relay, kept until its account has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The hour in which it came back.
    pub stored: Hour,
    /// The encoded notice.
    pub notice: Vec<u8>,
}

/// A sealed file in chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Whose quota it uses.
    pub account: AccountKey,
    /// Bytes of all chunks together.
    pub size: u64,
    /// Chunks that it will have.
    pub n_chunks: u32,
    /// Chunks that are there.
    pub n_present: u32,
    /// Checks the right to read.
    pub read: Verifier,
    /// Checks the right to delete.
    pub delete: Verifier,
    /// The last hour in which it is there.
    pub expires: Hour,
    /// For how long it is meant.
    pub stay: Stay,
}

/// For how long a blob is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stay {
    /// Until those it is for have fetched it.
    #[default]
    Passing,
    /// For as long as its account asks, as backups are.
    Kept,
}

/// Names a row, or what belongs together, for those who read a whole store: backups and checks.
///
/// The order is the one in which rows are listed. What refers to an account comes before the accounts: they are never
/// removed, so whoever reads page by page while others write finds the account of everything that was found before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// A queue with its entries.
    Queue(ReaderId),
    /// A blob with its chunks.
    Blob(BlobId),
    /// Something that waits to be sent.
    Outgoing(OutgoingKey),
    /// All notices that wait for an account.
    Returned(AccountKey),
    /// An invite.
    Invite(Hash),
    /// An account.
    Account(AccountKey),
}

/// Rows in the tables that grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// Queues.
    pub queues: u64,
    /// Frames that wait to be read.
    pub entries: u64,
    /// Deposits remembered.
    pub dedup: u64,
    /// Sealed requests that wait to be sent on.
    pub outgoing: u64,
    /// Blobs, complete or not.
    pub blobs: u64,
}

/// What an operator should know of a store that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// Rows met since the start whose content the disk has lost.
    pub damaged_rows: u64,
    /// Whether room is given back. A part of the store that cannot be read can stop that: then it only grows.
    pub upkeep: Upkeep,
}

/// Whether a store gives room back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Upkeep {
    /// As it should.
    #[default]
    Works,
    /// It has stopped, to keep what cannot be read as it is.
    Stopped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_its_bytes() {
        assert_eq!(format!("{:?}", Secret::new(b"seed")), "Secret(…)");
    }
}
