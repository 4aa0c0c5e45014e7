//! What the world brings, and what the program around the engine is asked to do.

use kith_wire::address::ServerUrl;

use super::{AttachmentId, Event, LinkId};

/// What the world brought.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Arrival {
    /// A descriptor that [`Output::FetchDescriptor`] asked for.
    Descriptor {
        /// The attempt.
        link: LinkId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A message of a live connection.
    Live {
        /// The connection.
        link: LinkId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A connection, or the attempt at one or at a descriptor, ended.
    LinkClosed {
        /// The connection.
        link: LinkId,
        /// Why, as far as the carrier knows.
        reason: LinkFailure,
    },
    /// A sealed chunk that [`Output::LoadChunk`] asked for.
    ChunkLoaded {
        /// The attachment.
        attachment: AttachmentId,
        /// Which chunk.
        index: u32,
        /// Its sealed bytes; `None` when the file layer has lost it.
        sealed: Option<Vec<u8>>,
    },
    /// The vault could neither read nor write a chunk: a full disk, say. The attachment rests until the person starts it again.
    ChunkFailed {
        /// The attachment.
        attachment: AttachmentId,
        /// Which chunk.
        index: u32,
    },
    /// A chunk from [`Output::StoreChunk`] is durable.
    ChunkStored {
        /// The attachment.
        attachment: AttachmentId,
        /// Which chunk.
        index: u32,
    },
}

/// Why a connection ended, as far as a carrier can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFailure {
    /// Nobody answers there.
    Unreachable,
    /// Somebody answers there, but not like a home server.
    NotAHomeServer,
    /// It ended, as connections do.
    Closed,
}

/// What the program around the engine is asked to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Output {
    /// Open a live connection and send `bytes` as its first message.
    OpenLink {
        /// Names the attempt in arrivals.
        link: LinkId,
        /// The home server.
        url: ServerUrl,
        /// The opening.
        bytes: Vec<u8>,
    },
    /// Send a message on a live connection.
    SendLive {
        /// The connection.
        link: LinkId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Close a live connection.
    CloseLink {
        /// The connection.
        link: LinkId,
    },
    /// Fetch the home server's descriptor.
    FetchDescriptor {
        /// Names the attempt in arrivals.
        link: LinkId,
        /// The home server.
        url: ServerUrl,
    },
    /// Bring a sealed chunk from the vault.
    LoadChunk {
        /// The attachment.
        attachment: AttachmentId,
        /// The attachment under which the vault has the chunk: another one when a file is lent to a sibling.
        from: AttachmentId,
        /// Which chunk.
        index: u32,
    },
    /// Put a sealed chunk into the vault, durably.
    StoreChunk {
        /// The attachment.
        attachment: AttachmentId,
        /// Which chunk.
        index: u32,
        /// Its sealed bytes, already checked to open.
        sealed: Vec<u8>,
    },
    /// Delete all chunks of an attachment from the vault.
    DropChunks {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// Tell the person.
    Event(Event),
}
