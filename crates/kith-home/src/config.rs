//! What the operator decides.

use kith_wire::address::ServerUrl;

/// What the operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the server is reached, the preferred one first. Stands in the descriptor.
    pub urls: Vec<ServerUrl>,
    /// Who may register.
    pub registration: Registration,
    /// What one account may use.
    pub quotas: Quotas,
    /// How long things are kept.
    pub retention: Retention,
}

impl Config {
    /// Returns the defaults for a server at these URLs: open, 21 days.
    pub fn new(urls: Vec<ServerUrl>) -> Self {
        Self { urls, registration: Registration::Open, quotas: Quotas::default(), retention: Retention::default() }
    }
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Whoever asks.
    Open,
    /// Whoever has an invite.
    Invite,
}

/// What one account may use. Each bound times the number of accounts is what the operator must be able to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Queues: one for each contact of a device; rotation needs a second one for a while.
    pub queues: u32,
    /// Frames in one queue, 4 KiB each: twice a session's window, so that an honest sender never fills it.
    pub queue_frames: u32,
    /// Bytes of all its blobs.
    pub blob_bytes: u64,
    /// Bytes of those that are kept for long (KH-45): a person's backups. They count among all its blobs too.
    pub kept_bytes: u64,
    /// Deposits that wait to be sent on, 5,376 bytes each.
    pub outgoing: u32,
    /// Live connections on which it, or the right to read one of its queues, was proven (KH-42). A device needs one; some more are
    /// not known to be dead yet when its network changes often.
    pub connections: usize,
    /// Exchanges with other servers for which it waits (KH-31).
    pub exchanges: usize,
    /// The same over all accounts, with one server: one that lets everybody wait is not to hold all places.
    pub exchanges_with_a_server: usize,
    /// The same over all accounts and servers. Each may hold two messages of 96 KiB.
    pub exchanges_of_all: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            queues: 2_048,
            queue_frames: 4_000,
            blob_bytes: 1 << 30,
            kept_bytes: 256 << 20,
            outgoing: 4_096,
            connections: 8,
            exchanges: 16,
            exchanges_with_a_server: 64,
            exchanges_of_all: 512,
        }
    }
}

/// Whether the disk has room for more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Room {
    /// Enough.
    #[default]
    Ample,
    /// So little that what is left is needed for reading, acknowledging and removing (KH-40).
    Scarce,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Hours for frames nobody fetched.
    pub frame_hours: u32,
    /// Hours for blobs.
    pub blob_hours: u32,
    /// Hours for blobs that are kept for long, from when their account has last asked for that (KH-46).
    pub kept_hours: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { frame_hours: 21 * 24, blob_hours: 21 * 24, kept_hours: 400 * 24 }
    }
}
