//! A home server: the real rules on a store in memory, and an operator who may be anybody.

use std::collections::{BTreeMap, BTreeSet};

use kith_home::store::memory::Memory;
use kith_home::store::records::Entry;
use kith_home::store::{Store, StoreError, Txn};
use kith_home::{Config, ConnectionId, ExchangeId, Home, Input, Output, Room, Ticket};
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::id::ReaderId;
use kith_wire::time::Hour;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::flaky::{Disk, Flaky};
use crate::names;
use crate::step::Vice;

/// Who waits for the reply to a one-shot request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub(super) server: usize,
    pub(super) life: u32,
    pub(super) exchange: ExchangeId,
    /// The reply is lost on the way.
    pub(super) loses: bool,
}

/// That a batch was committed, or why there was none.
type Ended = Result<(), StoreError>;

/// How the disk has taken what was staged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Synced {
    /// It is durable, and this leaves.
    Durable(Vec<Output>),
    /// It is gone.
    Lost,
    /// It is durable, and the program is told that it is not.
    Hidden,
}

/// A batch that the disk has not yet taken for good.
pub(super) struct Staged {
    /// Whoever waits for its answers.
    pub(super) tickets: Vec<Ticket>,
}

/// A home server.
pub struct Server {
    /// The rules, while it runs.
    pub(super) home: Option<Home>,
    pub(super) store: Flaky,
    /// Until when the disk fails or is full, and until when there is little room on it.
    pub(super) disk_until: Timestamp,
    pub(super) scarce_until: Timestamp,
    pub(super) backup: Option<Memory>,
    /// Its names, the preferred one first.
    pub(super) urls: Vec<ServerUrl>,
    pub(super) life: u32,
    /// What waits for the disk.
    pub(super) inbox: Vec<Input>,
    /// Batches that the rules have ended and the disk has not.
    pub(super) staged: Vec<Staged>,
    /// The store before the first of them, as far as it may be needed.
    before: Option<Memory>,
    pub(super) waiting: BTreeMap<Ticket, Asker>,
    /// Connections whose messages it takes, and whose they are.
    pub(super) lines: BTreeMap<ConnectionId, usize>,
    pub(super) open: BTreeSet<ConnectionId>,
    pub(super) tick_at: Option<Timestamp>,
    /// Outputs until it dies.
    pub(super) fuse: Option<u32>,
    /// Descriptors that it ever handed out.
    pub(super) descriptors: Vec<Vec<u8>>,
    /// Until when it hands out others, and what somebody else has signed for its names.
    pub(super) lies_until: Timestamp,
    forged: Option<Vec<u8>>,
    /// How far its clock is ahead, in milliseconds.
    pub(super) offset: i64,
    /// Frames that its operator has kept.
    kept: Vec<(ReaderId, Entry)>,
}

/// Seconds for which a server lies about its descriptor once it begins to: devices ask seldom.
const LIES_SECONDS: u64 = 12 * 3_600;
/// How many frames an operator keeps for later.
const MAX_KEPT: usize = 200;

impl Server {
    pub(super) fn new(urls: Vec<ServerUrl>, seed: u64) -> Self {
        Self {
            home: None,
            store: Flaky::new(seed),
            disk_until: Timestamp(0),
            scarce_until: Timestamp(0),
            backup: None,
            urls,
            life: 0,
            inbox: Vec::new(),
            staged: Vec::new(),
            before: None,
            waiting: BTreeMap::new(),
            lines: BTreeMap::new(),
            open: BTreeSet::new(),
            tick_at: None,
            fuse: None,
            descriptors: Vec::new(),
            lies_until: Timestamp(0),
            forged: None,
            offset: 0,
            kept: Vec::new(),
        }
    }

    /// Returns what the server's clock says.
    pub(super) fn local(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.offset))
    }

    /// Starts the rules on what the store holds.
    pub(super) fn start(&mut self, now: Timestamp, rng: &mut StdRng) {
        let config = Config::new(self.urls.clone());
        let local = self.local(now);
        self.home = Home::open(&mut self.store, config, local, rng).ok();
        if let Some(descriptor) = self.home.as_ref().map(|home| home.descriptor().to_vec()) {
            self.keep_descriptor(&descriptor);
        }
        self.measure_room(now);
    }

    /// Tells the rules how much room there is, as the program does with each tick.
    pub(super) fn measure_room(&mut self, now: Timestamp) {
        let room = if now < self.scarce_until { Room::Scarce } else { Room::Ample };
        self.home.iter_mut().for_each(|home| home.set_room(room));
    }

    /// The disk is another one from now on; it works again at that time.
    pub(super) fn set_disk(&mut self, disk: Disk, until: Timestamp) {
        self.store.disk = disk;
        self.disk_until = until;
    }

    /// Handles inputs in one batch. Returns what is pushed before the commit, and how the commit ended; nothing when the
    /// server dies between the two, or over a push.
    pub(super) fn batch(
        &mut self,
        inputs: Vec<Input>,
        now: Timestamp,
        rng: &mut StdRng,
    ) -> (Vec<Output>, Option<Ended>) {
        let now = self.local(now);
        let may_be_lost = self.fuse.is_some() || self.store.disk != Disk::Works;
        if self.staged.is_empty() && may_be_lost {
            self.before = Some(self.store.inner.clone());
        }
        let Some(home) = self.home.as_mut() else { return (Vec::new(), None) };
        let begun = home.begin(&mut self.store, now, rng);
        let handled = begun.and_then(|batch| inputs.into_iter().try_fold(batch, |batch, input| batch.handle(input)));
        match handled.and_then(|mut batch| Ok((batch.pushes()?, batch))) {
            Err(problem) => (Vec::new(), Some(Err(problem))),
            Ok((pushes, batch)) => {
                let dies = !pushes.is_empty() && self.fuse.is_some_and(|left| left as usize <= pushes.len());
                let ended = if dies { None } else { Some(batch.stage()) };
                (pushes, ended)
            }
        }
    }

    /// What becomes of all that is staged: the disk has taken it, or, where it fails, has lost it, or has it and says that it does not.
    pub(super) fn sync(&mut self, rng: &mut StdRng) -> Synced {
        let before = self.before.take();
        let fate = if self.store.disk == Disk::Fails { rng.random_range(0..3) } else { 0 };
        if fate == 0 || before.is_none() {
            return Synced::Durable(self.home.as_mut().map(Home::durable).unwrap_or_default());
        }
        self.home.iter_mut().for_each(Home::lost);
        match before.filter(|_| fate == 1) {
            Some(before) => {
                self.store.inner = before;
                Synced::Lost
            }
            None => Synced::Hidden,
        }
    }

    /// The server has died: what the disk had not taken may be there or not.
    pub(super) fn forget_staged(&mut self, rng: &mut StdRng) {
        self.staged.clear();
        if let Some(before) = self.before.take().filter(|_| rng.random()) {
            self.store.inner = before;
        }
    }

    /// Hands a descriptor out from now on.
    pub(super) fn keep_descriptor(&mut self, descriptor: &[u8]) {
        if self.descriptors.last().is_none_or(|last| last != descriptor) {
            self.descriptors.push(descriptor.to_vec());
        }
    }

    /// Returns the descriptor that somebody who asks gets, and in what way it is a lie.
    pub(super) fn descriptor(&self, now: Timestamp, rng: &mut StdRng) -> (Vec<u8>, Option<&'static str>) {
        let newest = self.descriptors.last().cloned().unwrap_or_default();
        if now >= self.lies_until || rng.random_ratio(1, 4) {
            return (newest, None);
        }
        let any = rng.random_range(0..self.descriptors.len());
        let old = self.descriptors.get(any).cloned().unwrap_or_default();
        match (rng.random_range(0..3), &self.forged) {
            (0, Some(forged)) => (forged.clone(), Some("forged descriptor handed out")),
            (1, _) => {
                let mut damaged = old;
                flip(&mut damaged, rng);
                (damaged, Some("damaged descriptor handed out"))
            }
            _ if old == newest => (newest, None),
            _ => (old, Some("old descriptor handed out")),
        }
    }

    /// Returns when a relay is due next, by the world's clock.
    pub(super) fn next_due(&mut self) -> Option<Timestamp> {
        let due = self.store.inner.begin().ok()?.next_due().ok()??;
        Some(Timestamp(due.0.saturating_add_signed(self.offset.saturating_neg())))
    }

    /// The operator does something. Returns whether there was anything to do it to.
    pub(super) fn indulge(&mut self, vice: Vice, now: Timestamp, rng: &mut StdRng) -> bool {
        match vice {
            Vice::OldDescriptor => {
                self.lies_until = now.plus_seconds(LIES_SECONDS);
                // Whoever has the name and not the key signs with another one.
                let config = Config::new(self.urls.clone());
                let forger = Home::open(&mut Memory::new(), config, now, rng).ok();
                self.forged = forger.map(|forger| forger.descriptor().to_vec());
                // Counted when somebody is given one.
                false
            }
            Vice::Forget => self.forget(rng).is_some(),
            _ => {
                let done = self.touch_a_frame(vice, rng).is_some();
                self.keep_frames();
                done
            }
        }
    }

    fn forget(&mut self, rng: &mut StdRng) -> Option<()> {
        let mut txn = self.store.inner.begin().ok()?;
        let keys = txn.outgoing_before(Hour(u32::MAX), 1_000).ok()?;
        let key = keys.get(rng.random_range(0..keys.len().max(1)))?;
        let account = txn.account(&key.account).ok()??;
        txn.remove_outgoing(key).ok()?;
        let n_outgoing = account.n_outgoing.saturating_sub(1);
        txn.put_account(&key.account, &kith_home::store::records::Account { n_outgoing, ..account }).ok()?;
        txn.commit().ok()
    }

    fn touch_a_frame(&mut self, vice: Vice, rng: &mut StdRng) -> Option<()> {
        if vice == Vice::Replay {
            let (reader, entry) = self.kept.get(rng.random_range(0..self.kept.len().max(1)))?.clone();
            return self.put(&reader, entry);
        }
        let (reader, seq, entry) = self.some_frame(rng)?;
        match vice {
            Vice::Drop => self.take(&reader, seq),
            Vice::Repeat => self.put(&reader, entry),
            Vice::Splice => {
                let (other, ..) = self.some_frame(rng)?;
                self.put(&other, entry)
            }
            Vice::Swap => {
                let (other, other_seq, other_entry) = self.some_frame(rng)?;
                self.take(&reader, seq)?;
                if (reader, seq) != (other, other_seq) {
                    self.take(&other, other_seq)?;
                }
                self.put(&reader, other_entry)?;
                self.put(&other, entry)
            }
            _ => {
                let mut entry = entry;
                flip(&mut entry.frame, rng);
                self.take(&reader, seq)?;
                self.put(&reader, entry)
            }
        }
    }

    fn some_frame(&mut self, rng: &mut StdRng) -> Option<(ReaderId, u64, Entry)> {
        let txn = self.store.inner.begin().ok()?;
        let all = txn.entries_before(Hour(u32::MAX), 1_000).ok()?;
        let (reader, seq) = *all.get(rng.random_range(0..all.len().max(1)))?;
        let (_, entry) = txn.entries(&reader, seq, 1).ok()?.into_iter().next()?;
        Some((reader, seq, entry))
    }

    fn take(&mut self, reader: &ReaderId, seq: u64) -> Option<()> {
        let mut txn = self.store.inner.begin().ok()?;
        let mut queue = txn.queue(reader).ok()??;
        if txn.remove_entry(reader, seq).ok()? {
            queue.length = queue.length.saturating_sub(1);
            txn.update_queue(reader, &queue).ok()?;
        }
        txn.commit().ok()
    }

    fn put(&mut self, reader: &ReaderId, entry: Entry) -> Option<()> {
        let mut txn = self.store.inner.begin().ok()?;
        let mut queue = txn.queue(reader).ok()??;
        txn.insert_entry(reader, queue.next_seq, &entry).ok()?;
        queue.next_seq += 1;
        queue.length += 1;
        txn.update_queue(reader, &queue).ok()?;
        txn.commit().ok()
    }

    /// The operator keeps copies of what is there, for later.
    pub(super) fn keep_frames(&mut self) {
        let Ok(txn) = self.store.inner.begin() else { return };
        let Ok(all) = txn.entries_before(Hour(u32::MAX), 50) else { return };
        for (reader, seq) in all {
            let found = txn.entries(&reader, seq, 1).ok().and_then(|entries| entries.into_iter().next());
            if let Some((_, entry)) = found {
                self.kept.push((reader, entry));
            }
        }
        let excess = self.kept.len().saturating_sub(MAX_KEPT);
        self.kept.drain(..excess);
    }
}

/// Changes one bit.
pub(super) fn flip(bytes: &mut [u8], rng: &mut StdRng) {
    if !bytes.is_empty() {
        let at = rng.random_range(0..bytes.len());
        bytes[at] ^= 1 << rng.random_range(0..8);
    }
}

/// Returns a name of a server, by its number and how many names it had before.
#[allow(clippy::expect_used, reason = "the names are ours")]
pub(super) fn server_name(place: usize, n_before: usize) -> ServerUrl {
    let host = names::server(place);
    let url =
        if n_before == 0 { format!("https://{host}.example") } else { format!("https://{host}-{n_before}.example") };
    ServerUrl::parse(&url).expect("it is a good name")
}
