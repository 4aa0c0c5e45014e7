//! The home server: what it keeps in memory between transactions, and how it starts.

use kith_wire::Timestamp;
use kith_wire::id::ServerKey;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::batch::{Batch, MayPush};
use crate::config::{Config, Room};
use crate::housekeeping::Housekeeping;
use crate::identity::Identity;
use crate::io::{ConnectionId, Held, Output};
use crate::live::Connections;
use crate::numbers::Numbers;
use crate::opener::Opener;
use crate::outbox::Outbox;
use crate::relay::Exchanges;
use crate::store::{Store, StoreError, Txn};

/// The rules of one home server. All that must survive is in the store; a crash loses connections and nothing else.
pub struct Home {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) numbers: Numbers,
    pub(crate) connections: Connections,
    pub(crate) exchanges: Exchanges,
    pub(crate) outbox: Outbox,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) room: Room,
    /// Whether the last batch was dropped without its commit.
    state: MemoryState,
    /// The descriptor that the program hands out.
    handed_out: Vec<u8>,
    /// What was committed and is not known to be durable.
    pub(crate) staged: Staged,
}

/// What was committed and is not known to be durable.
#[derive(Default)]
pub(crate) struct Staged {
    /// What is held back until then.
    held: Vec<Held>,
    /// Whether it makes numbers sure that must not be told before.
    makes_numbers_sure: bool,
    /// The descriptor, if it is another one with it.
    descriptor: Option<Vec<u8>>,
}

impl Staged {
    pub(crate) fn is_sure_of_numbers(&self) -> bool {
        !self.makes_numbers_sure
    }
}

/// Whether the memory agrees with the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MemoryState {
    Agrees,
    /// A batch changed the memory and was not committed.
    Ahead,
}

/// Why a home server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// KH-1: no URL is configured, or more than four; nobody could be told where the server is.
    #[error("the server needs from one to four URLs, {n_urls} are configured")]
    BadUrls {
        /// How many are configured.
        n_urls: usize,
    },
}

/// URLs in a descriptor at most (KH-1). Four of 200 bytes leave room for the keys.
const MAX_URLS: usize = 4;

impl Home {
    /// Starts a home server on a store; makes its keys when the store is empty.
    ///
    /// # Errors
    /// [`OpenError`] when the store cannot be used or the configuration names no URL (KH-1).
    pub fn open<S: Store>(
        store: &mut S,
        config: Config,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, OpenError> {
        if config.urls.is_empty() || config.urls.len() > MAX_URLS {
            return Err(OpenError::BadUrls { n_urls: config.urls.len() });
        }
        let mut txn = store.begin()?;
        let identity = Identity::open(&mut txn, &config, now, rng)?;
        let numbers = Numbers::begin(&mut txn, now)?;
        txn.commit()?;
        let handed_out = identity.descriptor().to_vec();
        Ok(Self {
            config,
            identity,
            handed_out,
            numbers,
            connections: Connections::default(),
            exchanges: Exchanges::default(),
            outbox: Outbox::default(),
            housekeeping: Housekeeping::default(),
            room: Room::default(),
            state: MemoryState::Agrees,
            staged: Staged::default(),
        })
    }

    /// Returns the server's identity.
    pub fn server_key(&self) -> ServerKey {
        self.identity.key()
    }

    /// Returns the signed descriptor. May change with every commit; [`Output::Descriptor`](crate::Output) says so.
    pub fn descriptor(&self) -> &[u8] {
        self.identity.descriptor()
    }

    /// Returns what opens one-shot requests outside the rules. Another one may be due after every commit.
    pub fn opener(&self) -> &Opener {
        self.identity.opener()
    }

    /// Says whether the disk has room for more. A disk that is really full fails every commit, also those that would
    /// free something; so this is to be said before (KH-40).
    pub fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// Tells whether a live connection has proven a registered account or the right to read a queue. Others are made by
    /// anybody at no cost, and the program bounds how many wait and for how long (KH-39). May change with every commit.
    pub fn is_known(&self, connection: ConnectionId) -> bool {
        self.connections.is_known(connection)
    }

    /// Opens a batch: one transaction, one moment. What it answers leaves when it is durable only (KH-4): with [`Batch::commit`], or after [`Batch::stage`].
    ///
    /// When the batch before was dropped without its commit, or could not be opened, the memory is set back: live connections end and
    /// whoever waited for another server is not answered.
    ///
    /// # Errors
    /// [`StoreError`] when storage is not usable.
    pub fn begin<'a, S: Store>(
        &'a mut self,
        store: &'a mut S,
        now: Timestamp,
        rng: &'a mut (dyn CryptoRng + Send),
    ) -> Result<Batch<'a, S::Txn<'a>>, StoreError> {
        let mut txn = match store.begin() {
            Ok(txn) => txn,
            Err(problem) => {
                // The inputs that this batch was for are lost: ends of connections and exchanges may be among them.
                self.state = MemoryState::Ahead;
                return Err(problem);
            }
        };
        let mut out = Vec::new();
        let mut may_push = MayPush::AtOnce;
        if self.state == MemoryState::Ahead {
            self.identity = Identity::open(&mut txn, &self.config, now, rng)?;
            self.numbers = Numbers::begin(&mut txn, now)?;
            may_push = MayPush::AfterCommit;
            if self.identity.descriptor() != self.handed_out {
                // Whatever was to announce it was lost with its batch.
                out.push(Held::Output(Output::Descriptor { bytes: self.identity.descriptor().to_vec() }));
            }
            self.connections.end_all(&mut out);
            self.exchanges = std::mem::take(&mut self.exchanges).forgotten();
            self.outbox = Outbox::default();
        }
        self.state = MemoryState::Ahead;
        Ok(Batch { home: self, txn, now, rng, out, may_push })
    }

    /// Notes that all that was staged is durable, and gives out what was held: [`Batch::stage`](crate::Batch::stage).
    #[must_use]
    pub fn durable(&mut self) -> Vec<Output> {
        self.connections.closes_are_known();
        let Staged { held, descriptor, .. } = std::mem::take(&mut self.staged);
        if let Some(descriptor) = descriptor {
            self.handed_out = descriptor;
        }
        self.let_out(held)
    }

    /// Seals what leaves now.
    pub(crate) fn let_out(&mut self, held: Vec<Held>) -> Vec<Output> {
        let mut out = Vec::with_capacity(held.len());
        for held in held {
            match held {
                Held::Output(output) => {
                    if let Output::Close { connection } = &output {
                        self.connections.said_all(*connection);
                    }
                    out.push(output);
                }
                Held::Record { connection, content } => match self.connections.seal_record(connection, &content) {
                    Some(Ok(message)) => out.push(Output::Live { connection, message }),
                    // No rule makes one that is too long, and nobody counts to the end of the numbers.
                    Some(Err(_)) => {
                        self.connections.end(connection);
                        out.push(Output::Close { connection });
                    }
                    None => {}
                },
            }
        }
        out
    }

    /// Notes that what was staged is not durable and the store was set back: the memory is set back with the next batch, as after one
    /// that was dropped.
    pub fn lost(&mut self) {
        self.staged = Staged::default();
        self.state = MemoryState::Ahead;
    }

    /// The memory agrees with what the store says, durable or not.
    pub(crate) fn stage(&mut self, held: Vec<Held>, may_push: MayPush) {
        self.staged.held.extend(held);
        self.staged.makes_numbers_sure |= may_push == MayPush::AfterCommit;
        self.state = MemoryState::Agrees;
        self.connections.closes_leave();
        if self.handed_out != self.identity.descriptor() {
            self.staged.descriptor = Some(self.identity.descriptor().to_vec());
        }
    }
}
