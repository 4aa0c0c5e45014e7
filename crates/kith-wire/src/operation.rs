//! What a home server can be asked, and what it answers: the inside of sealed requests.

use minicbor::{Decode, Encode};

use crate::address::{ServerAddress, ServerUrl};
use crate::codec::Wire;
use crate::frame::Frame;
use crate::id::{
    AccountKey, BlobId, DedupId, DeleteCapability, InviteCode, LookupKey, Nonce, Proof, ReadCapability, ReaderId,
    RelayId, SenderId, Signature, Verifier,
};
use crate::limits::MAX_SEALED_BYTES;
use crate::time::Hour;

/// A number that a home server gives to an entry of a queue; rises within the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct EntryId(#[n(0)] pub u64);

/// A frame on its way into a queue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Deposit {
    /// The queue.
    #[n(0)]
    pub sender_id: SenderId,
    /// HMAC under the send verifier over the rest and the server key.
    #[n(1)]
    pub proof: Proof,
    /// Makes the deposit idempotent until it expires.
    #[n(2)]
    pub dedup: DedupId,
    /// The last hour in which the server accepts it.
    #[n(3)]
    pub expires: Hour,
    /// The frame.
    #[n(4)]
    pub frame: Frame,
}

impl Wire for Deposit {
    const NAME: &'static str = "deposit";
    const MAX_BYTES: usize = 4224;
}

/// The right to read one queue over a live connection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LiveReader {
    /// The queue.
    #[n(0)]
    pub reader_id: ReaderId,
    /// By the queue's lookup key, over the connection's binding value and the reader id.
    #[n(1)]
    pub signature: Signature,
}

/// An operation of a home server. The numbers are wire values.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum Operation {
    /// Writes a frame into a queue. Anybody with the capability; the answer is uniform.
    #[n(0)]
    Deposit(#[n(0)] Deposit),
    /// Reads up to `limit` frames of a queue after `after`. Reader.
    #[n(1)]
    Fetch {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
        /// Only entries with higher numbers.
        #[n(1)]
        after: EntryId,
        /// At most this many frames.
        #[n(2)]
        limit: u16,
    },
    /// Deletes entries of a queue; unknown ones succeed. Reader.
    #[n(2)]
    Ack {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
        /// The entries.
        #[n(1)]
        entries: Vec<EntryId>,
    },
    /// Registers the account key. Account.
    #[n(3)]
    AccountOpen {
        /// Needed where registration is by invite.
        #[n(0)]
        invite: Option<InviteCode>,
    },
    /// Creates a queue, or answers with the one that this lookup key already has. Account and reader.
    #[n(4)]
    QueueCreate {
        /// Who reads and manages the queue.
        #[n(0)]
        lookup_key: LookupKey,
        /// Derived from the send capability.
        #[n(1)]
        verifier: Verifier,
    },
    /// Deletes a queue with all that is in it. Reader.
    #[n(5)]
    QueueDelete {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
    },
    /// Replaces the send capability of a queue. Reader.
    #[n(6)]
    QueueRotate {
        /// The queue.
        #[n(0)]
        reader_id: ReaderId,
        /// Derived from the new send capability.
        #[n(1)]
        verifier: Verifier,
    },
    /// Passes a sealed request to another server and its reply back. Account.
    #[n(7)]
    Relay {
        /// The other server.
        #[n(0)]
        to: ServerAddress,
        /// The sealed request, opaque here.
        #[cbor(n(1), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// Stores a sealed request, answers at once, and delivers it within seven days. Account.
    #[n(8)]
    RelayDurable {
        /// The other server.
        #[n(0)]
        to: ServerAddress,
        /// Makes the operation idempotent within the account.
        #[n(1)]
        relay_id: RelayId,
        /// The sealed request, opaque here.
        #[cbor(n(2), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// Says that the notice about a durable relay was read. Account.
    #[n(9)]
    ReturnAck {
        /// The relay.
        #[n(0)]
        relay_id: RelayId,
    },
    /// Fetches another server's descriptor. Account.
    #[n(10)]
    DescriptorOf {
        /// The other server.
        #[n(0)]
        url: ServerUrl,
    },
    /// Reserves a blob; idempotent for the same account and sizes. Account.
    #[n(11)]
    BlobCreate {
        /// Its name, chosen by the client.
        #[n(0)]
        blob: BlobId,
        /// Its chunks, each of 65,552 bytes but the last.
        #[n(1)]
        chunks: u32,
        /// Its size in bytes, all chunks together.
        #[n(2)]
        bytes: u64,
        /// Derived from the read capability.
        #[n(3)]
        read: Verifier,
        /// Derived from the delete capability.
        #[n(4)]
        delete: Verifier,
    },
    /// Stores one chunk of a blob; the same again succeeds. Account.
    #[n(12)]
    BlobPut {
        /// The blob.
        #[n(0)]
        blob: BlobId,
        /// Which chunk, from 0.
        #[n(1)]
        index: u32,
        /// The sealed chunk.
        #[cbor(n(2), with = "minicbor::bytes")]
        chunk: Vec<u8>,
    },
    /// Asks which chunks of a blob are there. Account.
    #[n(13)]
    BlobStatus {
        /// The blob.
        #[n(0)]
        blob: BlobId,
    },
    /// Reads one chunk of a blob. Whoever has the read capability; absent and denied look alike.
    #[n(14)]
    BlobGet {
        /// The blob.
        #[n(0)]
        blob: BlobId,
        /// Which chunk, from 0.
        #[n(1)]
        index: u32,
        /// The right to read.
        #[n(2)]
        capability: ReadCapability,
    },
    /// Deletes a blob. Whoever has the delete capability; the answer is uniform.
    #[n(15)]
    BlobDelete {
        /// The blob.
        #[n(0)]
        blob: BlobId,
        /// The right to delete.
        #[n(1)]
        capability: DeleteCapability,
    },
    /// Asks for the server's time.
    #[n(16)]
    Clock,
    /// Proves the account of a live connection.
    #[n(17)]
    LiveAccount {
        /// The account.
        #[n(0)]
        account: AccountKey,
        /// Over the connection's binding value.
        #[n(1)]
        signature: Signature,
    },
    /// Proves the right to read queues on a live connection, and starts pushes from them.
    #[n(18)]
    LiveRead {
        /// The queues.
        #[n(0)]
        readers: Vec<LiveReader>,
        /// Unacknowledged pushes that the client wants at most, over all queues of the connection.
        #[n(1)]
        window: u16,
    },
    /// Closes an account for good. Whoever has the statement that its device left with the person's others; the answer is uniform.
    #[n(19)]
    AccountClose {
        /// The account.
        #[n(0)]
        account: AccountKey,
        /// Over the server's key and the account's.
        #[n(1)]
        signature: Signature,
    },
    /// Keeps whole blobs for long, or for as long again: all of them or none. Account.
    #[n(20)]
    BlobKeep {
        /// The blobs.
        #[n(0)]
        blobs: Vec<BlobId>,
    },
}

impl Wire for Operation {
    const NAME: &'static str = "operation";
    const MAX_BYTES: usize = MAX_SEALED_BYTES;
}

/// In which role a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SignerRole {
    /// By the account key.
    #[n(0)]
    Account,
    /// By a queue's lookup key.
    #[n(1)]
    Reader,
}

/// A signature on a one-shot request.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RequestSignature {
    /// In which role.
    #[n(0)]
    pub role: SignerRole,
    /// The Ed25519 public key of that role.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Used once within the signature window.
    #[n(2)]
    pub nonce: Nonce,
    /// The client's time in seconds since 1970.
    #[n(3)]
    pub time: u64,
    /// Over label, server key, role, operation, nonce and time.
    #[n(4)]
    pub signature: Signature,
}

/// The inside of a one-shot sealed request.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct Request {
    /// What is asked.
    #[n(0)]
    pub operation: Operation,
    /// By whom: empty, or one signature for each role that the operation needs.
    #[n(1)]
    pub signatures: Vec<RequestSignature>,
}

impl Wire for Request {
    const NAME: &'static str = "request";
    const MAX_BYTES: usize = MAX_SEALED_BYTES;
}

/// Why a home server refuses something to its own, authenticated user. The numbers are wire values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
#[non_exhaustive]
pub enum Refusal {
    /// The operation needs a signature that is missing or wrong.
    #[n(0)]
    NotAuthorised,
    /// The account is not registered here.
    #[n(1)]
    UnknownAccount,
    /// Registration needs a valid invite.
    #[n(2)]
    InviteNeeded,
    /// The account has used up its quota.
    #[n(3)]
    QuotaExceeded,
    /// The operation's arguments are out of bounds or contradict what is stored.
    #[n(4)]
    Invalid,
    /// The other server could not be reached; try later.
    #[n(5)]
    Unreachable,
    /// The other server's address is not allowed here.
    #[n(6)]
    ForbiddenDestination,
    /// Absent, or not for the asker: nothing more is said.
    #[n(7)]
    NotFound,
}

/// A frame in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct QueueEntry {
    /// Its number, for the ack.
    #[n(0)]
    pub entry: EntryId,
    /// The frame.
    #[n(1)]
    pub frame: Frame,
}

/// A home server's answer. The numbers are wire values.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
#[non_exhaustive]
pub enum Answer {
    /// Done, or taken; to strangers the only answer there is.
    #[n(0)]
    Accepted,
    /// Refused.
    #[n(1)]
    Refused {
        /// Why.
        #[n(0)]
        reason: Refusal,
    },
    /// The signature is right but its time is not: sign again with this time and nonce.
    #[n(2)]
    Stale {
        /// The server's time in seconds since 1970.
        #[n(0)]
        time: u64,
        /// A nonce that the next signature may use.
        #[n(1)]
        nonce: Nonce,
    },
    /// The queue's two names.
    #[n(3)]
    Queue {
        /// Towards its reader.
        #[n(0)]
        reader_id: ReaderId,
        /// Towards its sender.
        #[n(1)]
        sender_id: SenderId,
    },
    /// Frames, oldest first.
    #[n(4)]
    Frames {
        /// The frames.
        #[n(0)]
        entries: Vec<QueueEntry>,
        /// Whether newer frames were dropped because the queue was full.
        #[n(1)]
        overflowed: bool,
        /// Whether there are more.
        #[n(2)]
        more: bool,
    },
    /// What the other server replied: a one-shot reply, opaque here.
    #[n(5)]
    Relayed {
        /// The reply.
        #[cbor(n(0), with = "minicbor::bytes")]
        reply: Vec<u8>,
    },
    /// A signed descriptor.
    #[n(6)]
    Descriptor {
        /// Its bytes.
        #[cbor(n(0), with = "minicbor::bytes")]
        descriptor: Vec<u8>,
    },
    /// Which chunks of a blob are there: bit `i % 8` of byte `i / 8`.
    #[n(7)]
    BlobStatus {
        /// The bits.
        #[cbor(n(0), with = "minicbor::bytes")]
        present: Vec<u8>,
    },
    /// One chunk of a blob.
    #[n(8)]
    BlobChunk {
        /// The sealed chunk.
        #[cbor(n(0), with = "minicbor::bytes")]
        chunk: Vec<u8>,
    },
    /// The server's time in seconds since 1970.
    #[n(9)]
    Clock {
        /// The time.
        #[n(0)]
        time: u64,
    },
    /// Try again after this many seconds.
    #[n(10)]
    Busy {
        /// Seconds.
        #[n(0)]
        seconds: u16,
    },
    /// To whoever proves an account that was closed: the statement that closed it.
    #[n(11)]
    Closed {
        /// As it came.
        #[n(0)]
        signature: Signature,
    },
}

impl Wire for Answer {
    const NAME: &'static str = "answer";
    const MAX_BYTES: usize = MAX_SEALED_BYTES;
}
