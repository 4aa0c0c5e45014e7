//! What the server knows of its live connections. Memory only: a device connects again and proves itself again.

use std::collections::{BTreeMap, BTreeSet};

use kith_crypto::live::{LiveBinding, LiveChannel, RecordError};
use kith_crypto::secret_bytes::SecretBytes;
use kith_wire::id::{AccountKey, ReaderId, RelayId};

use crate::io::{ConnectionId, Held, Output};
use crate::sabotage::{self, Bug};

/// Unacknowledged pushes on one connection at most (KH-28), whatever the client wants: 1 MiB of frames.
const MAX_WINDOW: u16 = 256;

/// All live connections.
#[derive(Default)]
pub(crate) struct Connections {
    /// Each in memory of its own: the nodes of a map that grows at its end are half empty.
    open: BTreeMap<ConnectionId, Box<Connection>>,
    /// The one connection that reads a queue. The latest wins (KH-27).
    readers: BTreeMap<ReaderId, ConnectionId>,
    /// The connection that proved an account last.
    accounts: BTreeMap<AccountKey, ConnectionId>,
    /// Which registered account each connection counts for, the older ones first (KH-42).
    places: BTreeSet<(AccountKey, ConnectionId)>,
    to_tell: BTreeSet<ConnectionId>,
    overflows: BTreeSet<(ConnectionId, ReaderId)>,
    ready: BTreeSet<ConnectionId>,
    /// Connections that the rules ended since the last commit: only a commit lets the program know.
    closing: BTreeSet<ConnectionId>,
    /// Of those, the ones that the program hears of when the last commit is durable.
    leaving: BTreeSet<ConnectionId>,
    /// What seals the last records of connections that the rules ended, until the program hears of it.
    farewells: BTreeMap<ConnectionId, LiveChannel>,
}

struct Connection {
    channel: LiveChannel,
    account: Option<AccountKey>,
    /// Whether it has proven anything that a stranger cannot make up.
    standing: Standing,
    /// Notices told on this connection and not yet acknowledged.
    told: BTreeSet<RelayId>,
    window: u16,
    in_flight: BTreeSet<(ReaderId, u64)>,
    reads: Reads,
    /// The queue that was pushed from last; the next one is first in the next round.
    last: Option<ReaderId>,
}

/// What a connection is worth keeping for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Keys that anybody can make, or none.
    Stranger,
    /// A registered account, or the right to read a queue; it counts for that account, or for the one that made the queue.
    Known(AccountKey),
}

/// The queues that a connection reads, in the order of their names. Most read a few, and wait: this is no larger than what is in it.
#[derive(Default)]
struct Reads(Vec<(ReaderId, Reading)>);

impl Reads {
    fn names(&self) -> impl Iterator<Item = &ReaderId> {
        self.0.iter().map(|(reader, _)| reader)
    }

    fn get_mut(&mut self, reader: &ReaderId) -> Option<&mut Reading> {
        let at = self.0.binary_search_by(|(other, _)| other.cmp(reader)).ok()?;
        self.0.get_mut(at).map(|(_, reading)| reading)
    }

    fn insert(&mut self, reader: ReaderId, reading: Reading) {
        match self.0.binary_search_by(|(other, _)| other.cmp(&reader)) {
            Ok(at) => {
                if let Some(place) = self.0.get_mut(at) {
                    place.1 = reading;
                }
            }
            Err(at) => {
                if self.0.len() < FEW {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (reader, reading));
            }
        }
    }

    fn remove(&mut self, reader: &ReaderId) {
        if let Ok(at) = self.0.binary_search_by(|(other, _)| other.cmp(reader)) {
            self.0.remove(at);
        }
    }
}

/// Queues for which room is made one by one.
const FEW: usize = 4;
/// The ends of all names.
const FIRST: ConnectionId = ConnectionId(0);
const LAST: ConnectionId = ConnectionId(u64::MAX);

/// How far one queue was pushed.
struct Reading {
    /// The next number to push.
    from: u64,
    /// Whether there may be more in the store.
    waiting: bool,
}

impl Connections {
    pub(crate) fn is_open(&self, id: ConnectionId) -> bool {
        self.open.contains_key(&id)
    }

    pub(crate) fn begin(&mut self, id: ConnectionId, channel: LiveChannel) {
        let connection = Connection {
            channel,
            account: None,
            standing: Standing::Stranger,
            told: BTreeSet::new(),
            window: 0,
            in_flight: BTreeSet::new(),
            reads: Reads::default(),
            last: None,
        };
        self.open.insert(id, Box::new(connection));
    }

    /// Forgets a connection and all that was to be said on it.
    pub(crate) fn end(&mut self, id: ConnectionId) {
        self.closing.remove(&id);
        self.leaving.remove(&id);
        self.farewells.remove(&id);
        self.take(id);
    }

    /// Forgets a connection; what seals its records is left.
    fn take(&mut self, id: ConnectionId) -> Option<LiveChannel> {
        let connection = self.open.remove(&id)?;
        for reader in connection.reads.names() {
            if self.readers.get(reader) == Some(&id) {
                self.readers.remove(reader);
            }
            self.overflows.remove(&(id, *reader));
        }
        if let Some(account) = connection.account
            && self.accounts.get(&account) == Some(&id)
        {
            self.accounts.remove(&account);
        }
        if let Standing::Known(account) = connection.standing {
            self.places.remove(&(account, id));
        }
        self.to_tell.remove(&id);
        self.ready.remove(&id);
        Some(connection.channel)
    }

    /// Ends a connection of which the program must hear.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        if let Some(channel) = self.take(id) {
            self.farewells.insert(id, channel);
        }
        self.closing.insert(id);
    }

    /// Ends every connection, once more also those of which the program has not heard: what was to tell it was lost.
    pub(crate) fn end_all(&mut self, out: &mut Vec<Held>) {
        let mut closing = std::mem::take(&mut self.closing);
        closing.append(&mut self.leaving);
        closing.retain(|_| !sabotage::is_on(Bug::ClosesAreForgotten));
        closing.extend(self.open.keys());
        out.extend(closing.iter().map(|id| Held::Output(Output::Close { connection: *id })));
        let mut farewells = std::mem::take(&mut self.farewells);
        let open = std::mem::take(&mut self.open);
        farewells.extend(open.into_iter().map(|(id, connection)| (id, connection.channel)));
        *self = Self { closing, farewells, ..Self::default() };
    }

    /// A commit lets the program know, once it is durable.
    pub(crate) fn closes_leave(&mut self) {
        self.leaving.append(&mut self.closing);
    }

    /// The program knows of all closes that a commit let it know.
    pub(crate) fn closes_are_known(&mut self) {
        self.leaving.clear();
    }

    pub(crate) fn open_record(&mut self, id: ConnectionId, record: &[u8]) -> Option<SecretBytes> {
        self.open.get_mut(&id)?.channel.open(record).ok()
    }

    /// Seals a record; `None` when the connection has ended.
    pub(crate) fn seal_record(&mut self, id: ConnectionId, message: &[u8]) -> Option<Result<Vec<u8>, RecordError>> {
        let channel = match self.open.get_mut(&id) {
            Some(connection) => &mut connection.channel,
            None => self.farewells.get_mut(&id)?,
        };
        Some(channel.seal(message))
    }

    /// Nothing is said any more on a connection of whose end the program hears.
    pub(crate) fn said_all(&mut self, id: ConnectionId) {
        self.farewells.remove(&id);
    }

    pub(crate) fn binding(&self, id: ConnectionId) -> Option<&LiveBinding> {
        Some(&self.open.get(&id)?.channel.binding)
    }

    pub(crate) fn account(&self, id: ConnectionId) -> Option<AccountKey> {
        self.open.get(&id)?.account
    }

    pub(crate) fn set_account(&mut self, id: ConnectionId, account: AccountKey) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.account = Some(account);
            self.accounts.insert(account, id);
            self.to_tell.insert(id);
        }
    }

    /// Notes that a connection has proven a registered account, or the right to read a queue that the account made. Returns the oldest of
    /// the others that count for the account when there are more than `most` (KH-42).
    pub(crate) fn set_known(&mut self, id: ConnectionId, account: AccountKey, most: usize) -> Option<ConnectionId> {
        let connection = self.open.get_mut(&id)?;
        if connection.standing != Standing::Stranger {
            // It counts once, for whoever was proven first.
            return None;
        }
        connection.standing = Standing::Known(account);
        self.places.insert((account, id));
        let of_account = || self.places.range((account, FIRST)..=(account, LAST)).map(|(_, other)| *other);
        if of_account().nth(most).is_some() { of_account().find(|other| *other != id) } else { None }
    }

    /// Returns the connections that have proven an account, or count for it.
    pub(crate) fn of_account(&self, account: &AccountKey) -> BTreeSet<ConnectionId> {
        let places = self.places.range((*account, FIRST)..=(*account, LAST)).map(|(_, id)| *id);
        places.chain(self.accounts.get(account).copied()).collect()
    }

    pub(crate) fn is_known(&self, id: ConnectionId) -> bool {
        self.open.get(&id).is_some_and(|connection| connection.standing != Standing::Stranger)
    }

    /// Notes that something came back for an account.
    pub(crate) fn came_back(&mut self, account: &AccountKey) {
        if let Some(id) = self.accounts.get(account) {
            self.to_tell.insert(*id);
        }
    }

    /// Returns whether a notice is new on a connection.
    pub(crate) fn tells(&mut self, id: ConnectionId, relay: RelayId) -> bool {
        self.open.get_mut(&id).is_some_and(|connection| connection.told.insert(relay))
    }

    /// Notes that a notice is gone; there may be room for others.
    pub(crate) fn notice_read(&mut self, account: &AccountKey, relay: RelayId) {
        let Some(id) = self.accounts.get(account) else { return };
        if let Some(connection) = self.open.get_mut(id) {
            connection.told.remove(&relay);
            self.to_tell.insert(*id);
        }
    }

    pub(crate) fn take_accounts_to_tell(&mut self) -> BTreeSet<ConnectionId> {
        std::mem::take(&mut self.to_tell)
    }

    pub(crate) fn set_window(&mut self, id: ConnectionId, window: u16) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.window = window.min(MAX_WINDOW);
            self.ready.insert(id);
        }
    }

    /// Lets a connection read a queue from its first unacknowledged frame (KH-29); whatever connection did before does
    /// no more.
    pub(crate) fn read(&mut self, id: ConnectionId, reader: ReaderId) {
        if !self.open.contains_key(&id) {
            return;
        }
        self.forget_queue(&reader);
        if let Some(connection) = self.open.get_mut(&id) {
            connection.reads.insert(reader, Reading { from: 0, waiting: true });
            self.readers.insert(reader, id);
            self.ready.insert(id);
        }
    }

    pub(crate) fn may_read(&self, id: ConnectionId, reader: &ReaderId) -> bool {
        self.readers.get(reader) == Some(&id)
    }

    /// Stops reading a queue.
    pub(crate) fn forget_queue(&mut self, reader: &ReaderId) {
        let Some(id) = self.readers.remove(reader) else { return };
        self.overflows.remove(&(id, *reader));
        if let Some(connection) = self.open.get_mut(&id) {
            connection.reads.remove(reader);
            connection.in_flight.retain(|(other, _)| other != reader);
            self.ready.insert(id);
        }
    }

    /// Notes that a frame came into a queue.
    pub(crate) fn arrived(&mut self, reader: &ReaderId) {
        let Some(id) = self.readers.get(reader) else { return };
        if let Some(reading) = self.open.get_mut(id).and_then(|connection| connection.reads.get_mut(reader)) {
            reading.waiting = true;
            self.ready.insert(*id);
        }
    }

    /// Notes that a frame was dropped from a queue.
    pub(crate) fn overflowed(&mut self, reader: &ReaderId) {
        if let Some(id) = self.readers.get(reader) {
            self.overflows.insert((*id, *reader));
        }
    }

    pub(crate) fn take_overflows(&mut self) -> BTreeSet<(ConnectionId, ReaderId)> {
        std::mem::take(&mut self.overflows)
    }

    /// Notes that an entry is gone: its place in the window is free.
    pub(crate) fn acked(&mut self, reader: &ReaderId, seq: u64) {
        let Some(id) = self.readers.get(reader) else { return };
        if let Some(connection) = self.open.get_mut(id)
            && connection.in_flight.remove(&(*reader, seq))
        {
            self.ready.insert(*id);
        }
    }

    pub(crate) fn take_ready(&mut self) -> BTreeSet<ConnectionId> {
        std::mem::take(&mut self.ready)
    }

    /// Returns the queue whose turn it is, from which number on, and how many pushes the window still allows.
    pub(crate) fn next_push(&self, id: ConnectionId) -> Option<(ReaderId, u64, usize)> {
        let connection = self.open.get(&id)?;
        let room = usize::from(connection.window).checked_sub(connection.in_flight.len())?;
        if room == 0 {
            return None;
        }
        let after = |reader: &ReaderId| connection.last.is_none_or(|last| *reader > last);
        let mut waiting = connection.reads.0.iter().filter(|(_, reading)| reading.waiting);
        let first = waiting.clone().find(|(reader, _)| after(reader)).or_else(|| waiting.next());
        first.map(|(reader, reading)| (*reader, reading.from, room))
    }

    /// Notes that an entry was pushed.
    pub(crate) fn pushed(&mut self, id: ConnectionId, reader: ReaderId, seq: u64) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        connection.in_flight.insert((reader, seq));
        if let Some(reading) = connection.reads.get_mut(&reader) {
            reading.from = seq.saturating_add(1);
        }
    }

    /// Ends a queue's turn.
    pub(crate) fn ran(&mut self, id: ConnectionId, reader: ReaderId, exhausted: bool) {
        let Some(connection) = self.open.get_mut(&id) else { return };
        connection.last = Some(reader);
        if let (true, Some(reading)) = (exhausted, connection.reads.get_mut(&reader)) {
            reading.waiting = false;
        }
    }
}
