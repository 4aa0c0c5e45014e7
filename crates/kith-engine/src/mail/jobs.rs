//! What a request to the home server is for, so that its answer finds its way back.

use kith_crypto::sealed::PendingAnswer;
use kith_wire::id::{BlobId, RelayId};

use crate::api::{AttachmentId, ContactId};
use crate::mail::queues::QueueId;
use crate::mail::servers::ServerId;

/// What a request is for.
pub(crate) enum Job {
    /// Proves the account.
    Account,
    /// Registers the account.
    Register,
    /// Proves reading.
    Read,
    /// Makes a queue.
    MakeQueue(QueueId),
    /// Deletes a queue.
    DeleteQueue(QueueId),
    /// Acknowledges entries.
    Ack,
    /// Deposits a frame.
    Deposit { frame: i64, relay: RelayId },
    /// Fetches another server's descriptor.
    Descriptor(ServerId),
    /// Reserves a blob.
    BlobCreate(AttachmentId),
    /// Asks which chunks are there.
    BlobStatus(AttachmentId),
    /// Uploads a chunk.
    BlobPut(AttachmentId, u32),
    /// Downloads a chunk through the own server.
    BlobGet { attachment: AttachmentId, index: u32, blob: BlobId, server: ServerId, pending: PendingAnswer },
    /// Deletes a blob.
    BlobDelete(BlobId),
    /// Reserves the blob of a card's key.
    CardCreate(ContactId),
    /// Uploads a card's key.
    CardPut(ContactId),
    /// Downloads a card's key through the own server.
    CardGet { contact: ContactId, server: ServerId, pending: PendingAnswer },
    /// Closes the account of a revoked device at its home server.
    CloseAccount { closing: i64, server: ServerId, pending: PendingAnswer },
    /// Says that a notice was read.
    ReturnAck,
    /// Asks for the time, and by that whether everything was said.
    Clock,
}

impl Job {
    /// Returns whether the own server must ask another one before it can answer.
    pub(crate) const fn asks_another_server(&self) -> bool {
        matches!(self, Self::Descriptor(_) | Self::BlobGet { .. } | Self::CardGet { .. } | Self::CloseAccount { .. })
    }
}
