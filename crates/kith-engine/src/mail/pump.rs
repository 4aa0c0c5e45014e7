//! What goes to the home server now: after every call, from what the tables say and what is under way.
//!
//! Reads the database and changes only the memory of the link. Whatever is lost on the way is found again by the next
//! look at the tables, so a crash needs no repair here (KE-29).

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};

use kith_crypto::capability::prove;
use kith_crypto::live::ClientOpening;
use kith_crypto::random;
use kith_crypto::request::{live_account, live_reader};
use kith_crypto::sealed::{SealedRequest, seal};
use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::frame::Frame;
use kith_wire::id::{DedupId, Proof, RelayId};
use kith_wire::limits::{MAX_ACKS, MAX_DEPOSIT_HOURS, MAX_READS};
use kith_wire::operation::{Deposit, Operation, Request};
use kith_wire::sealed::SealKind;
use kith_wire::time::Hour;
use rand_core::CryptoRng;
use rusqlite::{Connection, params};

use crate::api::{Connection as Wanted, Output};
use crate::ground::database::{StorageError, all, column, exists, first};
use crate::ground::person::{self, Person};
use crate::mail::connection::{AccountStep, Ahead, Asked, ClockCheck, Link, Live, Phase, Quiet, TIMEOUT_SECONDS};
use crate::mail::jobs::Job;
use crate::mail::queues;
use crate::mail::servers::{self, Freshness, ServerId};
use crate::mail::sessions::{PeerId, SOON_MS};
use crate::mail::transfers;
use crate::people::card_keys;
use crate::recovery::closings;
use crate::talk::attachments;

/// Requests under way at most: bounds what must be asked again when the connection breaks.
const MAX_IN_FLIGHT: usize = 32;
/// Unacknowledged pushes that are wanted: 256 KiB of frames.
const PUSH_WINDOW: u16 = 64;
/// Due frames that are looked at in one go.
const MAX_DUE: usize = 1024;
/// Hours for which a deposit is good: the seven days that servers try, with half a day on either side for clocks.
const DEPOSIT_HOURS: u32 = MAX_DEPOSIT_HOURS - 12;
/// Seconds by which the clocks may differ: half a day, less the hour to which ends are rounded. In such steps what lies between them counts.
const CLOCK_ROOM_SECONDS: i128 = 11 * 3600;

/// A frame that is due, for a device at a server.
struct Due {
    frame: i64,
    peer: PeerId,
    server: ServerId,
}

/// One look at what must go out.
pub(crate) struct Pump<'a> {
    pub(crate) db: &'a Connection,
    pub(crate) link: &'a mut Link,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut dyn CryptoRng,
    pub(crate) out: &'a mut VecDeque<Output>,
}

impl Pump<'_> {
    /// Moves the connection on and sends what it can carry.
    pub(crate) fn run(&mut self) -> Result<(), StorageError> {
        self.link.end_pauses(self.now);
        if self.link.wanted == Wanted::Unwanted {
            if !matches!(self.link.phase, Phase::Off) {
                self.link.turn_off(self.out);
            }
            return Ok(());
        }
        let Some(person) = person::find(self.db)? else { return Ok(()) };
        self.time_out();
        match &self.link.phase {
            Phase::Off => self.start(&person)?,
            Phase::Waiting { until } if *until <= self.now => self.start(&person)?,
            Phase::Learnt => self.open(&person)?,
            Phase::Waiting { .. } | Phase::Fetching { .. } | Phase::Opening { .. } | Phase::Live(_) => {}
        }
        self.send(&person)
    }

    /// Gives up what has waited too long.
    fn time_out(&mut self) {
        let until = match &self.link.phase {
            Phase::Off | Phase::Waiting { .. } | Phase::Learnt => None,
            Phase::Fetching { since, .. } | Phase::Opening { since, .. } => Some(since.plus_seconds(TIMEOUT_SECONDS)),
            Phase::Live(live) => live.in_flight.values().map(|request| request.until).min(),
        };
        if until.is_some_and(|until| until <= self.now) {
            self.link.lose(self.now, self.rng, self.out);
        }
    }

    /// Starts an attempt: with a fresh descriptor when the one that is known is not of this week.
    fn start(&mut self, person: &Person) -> Result<(), StorageError> {
        match servers::epoch(self.db, person.server, self.now)? {
            Some(epoch) if epoch.freshness == Freshness::Current => self.open(person),
            _ => {
                let id = self.link.new_id();
                self.link.phase = Phase::Fetching { id, since: self.now };
                self.out.push_back(Output::FetchDescriptor { link: id, url: person.address.url.clone() });
                Ok(())
            }
        }
    }

    /// Sends the opening of a live connection.
    fn open(&mut self, person: &Person) -> Result<(), StorageError> {
        let epoch = servers::epoch(self.db, person.server, self.now)?;
        let opening = epoch.map(|epoch| ClientOpening::new(&person.address.key, &epoch.keys, self.rng));
        let Some(Ok(opening)) = opening else {
            self.link.lose(self.now, self.rng, self.out);
            return Ok(());
        };
        let id = self.link.new_id();
        let output = Output::OpenLink { link: id, url: person.address.url.clone(), bytes: opening.bytes.clone() };
        self.out.push_back(output);
        self.link.phase = Phase::Opening { id, since: self.now, opening };
        Ok(())
    }

    /// Sends whatever an open connection should carry now.
    fn send(&mut self, person: &Person) -> Result<(), StorageError> {
        let Some(live) = self.link.live() else { return Ok(()) };
        match live.account {
            AccountStep::Start => {
                let proof = live_account(&person.account, &live.channel.binding);
                live.account = AccountStep::Proving;
                self.ask(Job::Account, proof);
                // Answered with the account: nothing that is to be deposited waits for it.
                self.compare_clocks();
            }
            AccountStep::Proven => {
                live.account = AccountStep::Registering;
                self.ask(Job::Register, Operation::AccountOpen { invite: person.invite.clone() });
            }
            AccountStep::Ready => {
                self.send_reads()?;
                self.send_acks();
                if self.link.live().is_some_and(|live| live.hold.is_none()) {
                    self.compare_clocks();
                    self.send_queues()?;
                    self.send_deposits(person)?;
                    self.send_deletions()?;
                    card_keys::send(self)?;
                    closings::send(self)?;
                    transfers::send(self)?;
                    self.send_quiet()?;
                }
            }
            AccountStep::Proving | AccountStep::Registering | AccountStep::Refused => {}
        }
        Ok(())
    }

    /// Sends a request, if there is a connection.
    pub(crate) fn ask(&mut self, job: Job, operation: Operation) -> Asked {
        match &mut self.link.phase {
            Phase::Live(live) => live.ask(job, operation, self.now, self.out),
            _ => Asked::TooLong,
        }
    }

    /// Returns whether another request may be sent.
    pub(crate) fn has_room(&mut self) -> bool {
        self.link.live().is_some_and(|live| live.in_flight.len() < MAX_IN_FLIGHT)
    }

    /// Returns whether a request of this kind is under way.
    pub(crate) fn is_asking(&mut self, is_it: impl Fn(&Job) -> bool) -> bool {
        self.link.live().is_some_and(|live| live.is_asking(is_it))
    }

    fn send_reads(&mut self) -> Result<(), StorageError> {
        let readable = queues::readable(self.db)?;
        let Some(live) = self.link.live() else { return Ok(()) };
        let new: Vec<_> = readable.into_iter().filter(|queue| !live.reading.contains(&queue.id)).collect();
        let mut readers = Vec::new();
        for queue in &new {
            live.reading.insert(queue.id);
            if let Some((reader, _)) = queue.names {
                readers.push(live_reader(&queue.lookup, reader, &live.channel.binding));
            }
        }
        for readers in readers.chunks(MAX_READS) {
            self.ask(Job::Read, Operation::LiveRead { readers: readers.to_vec(), window: PUSH_WINDOW });
        }
        Ok(())
    }

    /// Acknowledges; while one is under way for a queue, the next ones gather.
    fn send_acks(&mut self) {
        let Some(live) = self.link.live() else { return };
        if live.is_asking(|job| matches!(job, Job::Ack)) {
            return;
        }
        for (reader_id, entries) in std::mem::take(&mut live.acks) {
            for entries in entries.chunks(MAX_ACKS) {
                self.ask(Job::Ack, Operation::Ack { reader_id, entries: entries.to_vec() });
            }
        }
    }

    fn send_queues(&mut self) -> Result<(), StorageError> {
        for queue in queues::wanted(self.db)? {
            let id = queue.id;
            if self.has_room() && !self.is_asking(|job| matches!(job, Job::MakeQueue(other) if *other == id)) {
                let verifier = kith_crypto::capability::send_verifier(&queue.capability);
                let create = Operation::QueueCreate { lookup_key: queue.lookup.public(), verifier };
                self.ask(Job::MakeQueue(id), create);
            }
        }
        for queue in queues::gone(self.db)? {
            let (id, Some((reader_id, _))) = (queue.id, queue.names) else { continue };
            if self.has_room() && !self.is_asking(|job| matches!(job, Job::DeleteQueue(other) if *other == id)) {
                self.ask(Job::DeleteQueue(id), Operation::QueueDelete { reader_id });
            }
        }
        Ok(())
    }

    fn send_deletions(&mut self) -> Result<(), StorageError> {
        for (blob, capability) in attachments::deletions(self.db)? {
            if self.has_room() && !self.is_asking(|job| matches!(job, Job::BlobDelete(other) if *other == blob)) {
                self.ask(Job::BlobDelete(blob), Operation::BlobDelete { blob, capability });
            }
        }
        Ok(())
    }

    /// Asks the time, once on each connection and again after each jump of this device's clock.
    fn compare_clocks(&mut self) {
        if let Some(live) = self.link.live()
            && live.clock == ClockCheck::Due
        {
            live.clock = ClockCheck::Done;
            self.ask(Job::Clock, Operation::Clock);
        }
    }

    /// Deposits the frames that are due, oldest first; a server that cannot be reached holds up only its own (KE-42).
    fn send_deposits(&mut self, person: &Person) -> Result<(), StorageError> {
        // KE-127: one that is good for too long, or for no time, no server takes, and none says so.
        if self.servers_now().is_none() {
            return Ok(());
        }
        let mut reachable = BTreeMap::new();
        let mut after = 0;
        while self.has_room() {
            let due = self.due(after)?;
            for due in &due {
                let is_it = |job: &Job| matches!(job, Job::Deposit { frame, .. } if *frame == due.frame);
                if self.is_asking(is_it) {
                    continue;
                }
                if let Entry::Vacant(entry) = reachable.entry(due.server) {
                    self.refresh(person, due.server)?;
                    entry.insert(servers::epoch(self.db, due.server, self.now)?.is_some());
                }
                if reachable.get(&due.server) != Some(&true) {
                    continue;
                }
                if !self.has_room() {
                    return Ok(());
                }
                self.send_deposit(due)?;
            }
            match due.last() {
                Some(last) if due.len() == MAX_DUE => after = last.frame,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Returns due frames behind one. (Found by when they are due, not in their order: a device that is away has thousands that
    /// are not.)
    fn due(&self, after: i64) -> Result<Vec<Due>, StorageError> {
        let sql = "SELECT f.id, f.peer, p.server FROM frames f JOIN peers p ON p.id = f.peer \
                   JOIN contacts c ON c.id = p.contact \
                   WHERE f.due <= ?1 AND +f.expires > ?1 AND c.blocked = 0 AND +f.id > ?2 ORDER BY +f.id LIMIT ?3";
        let limit = i64::try_from(MAX_DUE).unwrap_or(i64::MAX);
        all(self.db, sql, params![column(self.now.0), after, limit], |row| {
            Ok(Due { frame: row.get(0)?, peer: PeerId(row.get(1)?), server: ServerId(row.get(2)?) })
        })
    }

    fn send_deposit(&mut self, due: &Due) -> Result<(), StorageError> {
        let Some(sealed) = self.seal_deposit(due.frame, due.peer, due.server)? else { return Ok(()) };
        let relay_id = RelayId(random::bytes(self.rng));
        let to = servers::address(self.db, due.server)?;
        self.ask(
            Job::Deposit { frame: due.frame, relay: relay_id },
            Operation::RelayDurable { to, relay_id, sealed: sealed.bytes },
        );
        Ok(())
    }

    /// Seals a frame for its queue: a fresh seal and a fresh dedup id each time.
    fn seal_deposit(
        &mut self,
        frame: i64,
        peer: PeerId,
        server: ServerId,
    ) -> Result<Option<SealedRequest>, StorageError> {
        let (Some(epoch), Some(now)) = (servers::epoch(self.db, server, self.now)?, self.servers_now()) else {
            return Ok(None);
        };
        let queue = first(self.db, "SELECT queue FROM peers WHERE id = ?1", [peer.0], |row| row.get::<_, Vec<u8>>(0))?;
        let queue = queue.and_then(|bytes| QueueAddress::from_bytes(&bytes).ok());
        let bytes = first(self.db, "SELECT bytes FROM frames WHERE id = ?1", [frame], |row| row.get::<_, Vec<u8>>(0))?;
        let frame = bytes.and_then(|bytes| Frame::from_slice(&bytes));
        let (Some(queue), Some(frame)) = (queue, frame) else { return Err(StorageError::Damaged("frames")) };
        let deposit = Deposit {
            sender_id: queue.sender_id,
            proof: Proof([0; 32]),
            dedup: DedupId(random::bytes(self.rng)),
            expires: Hour(now.hour().0.saturating_add(DEPOSIT_HOURS)),
            frame,
        };
        let deposit = prove(deposit, &queue.capability, &queue.server.key);
        let request = Request { operation: Operation::Deposit(deposit), signatures: Vec::new() };
        Ok(seal(&queue.server.key, &epoch.keys, SealKind::OneShot, &request.to_bytes(), self.rng).ok())
    }

    /// Returns the time by which the end of a deposit is counted, once the home server was asked: how long it is good, another server counts by
    /// its own. That is this device's clock; where the two differ by more than a deposit has room for, what lies between them is taken off in steps
    /// of as much: a home server that says a time of its own to one account marks no deposits by it (KE-127).
    fn servers_now(&mut self) -> Option<Timestamp> {
        let ahead = match self.link.live()?.ahead {
            Ahead::Unknown => return None,
            Ahead::Untold => 0,
            Ahead::By(seconds) => i128::from(seconds),
        };
        let steps = if ahead.unsigned_abs() > CLOCK_ROOM_SECONDS.unsigned_abs() {
            (ahead + ahead.signum() * CLOCK_ROOM_SECONDS / 2) / CLOCK_ROOM_SECONDS
        } else {
            0
        };
        let seconds = i128::from(self.now.seconds()) - steps * CLOCK_ROOM_SECONDS;
        u64::try_from(seconds).ok().map(Timestamp::from_seconds)
    }

    /// Fetches a server's descriptor through the own one when the one known is not of this week.
    pub(crate) fn refresh(&mut self, person: &Person, server: ServerId) -> Result<(), StorageError> {
        let epoch = servers::epoch(self.db, server, self.now)?;
        if epoch.is_some_and(|epoch| epoch.freshness == Freshness::Current) || self.link.is_paused(server) {
            return Ok(());
        }
        if !self.is_asking(|job| matches!(job, Job::Descriptor(other) if *other == server)) {
            let url = if server == person.server {
                person.address.url.clone()
            } else {
                servers::address(self.db, server)?.url
            };
            self.ask(Job::Descriptor(server), Operation::DescriptorOf { url });
        }
        Ok(())
    }

    /// When nothing waits any more, asks the time: the answer comes after everything that the server had to say before.
    fn send_quiet(&mut self) -> Result<(), StorageError> {
        let Some(live) = self.link.live() else { return Ok(()) };
        if live.quiet != Quiet::Busy || !is_idle(live) || self.has_work()? {
            return Ok(());
        }
        if let Some(live) = self.link.live() {
            live.quiet = Quiet::Asked;
        }
        self.ask(Job::Clock, Operation::Clock);
        Ok(())
    }

    /// Returns whether the tables hold anything that should be with the home server by now. What another server keeps up
    /// that does not answer is not waited for: it goes on after the pause.
    fn has_work(&self) -> Result<bool, StorageError> {
        let replies = "SELECT 1 FROM peers p JOIN contacts c ON c.id = p.contact \
                       WHERE p.reply_at <= ?1 AND c.blocked = 0";
        let uploads = "SELECT 1 FROM attachments a JOIN contacts c ON c.id = a.contact \
                       WHERE a.state = 0 AND a.outgoing = 1 AND c.blocked = 0 AND c.stage = 2 AND c.unusable = 0";
        let soon = column(self.now.0.saturating_add(SOON_MS));
        if exists(self.db, replies, [soon])?
            || exists(self.db, uploads, [])?
            || exists(self.db, "SELECT 1 FROM queues WHERE state IN (0, 4)", [])?
            || exists(self.db, "SELECT 1 FROM blob_deletions", [])?
            || card_keys::has_uploads(self.db)?
        {
            return Ok(true);
        }
        let asked = "SELECT p.server FROM frames f JOIN peers p ON p.id = f.peer JOIN contacts c ON c.id = p.contact \
                     WHERE f.due <= ?1 AND +f.expires > ?1 AND c.blocked = 0 \
                     UNION SELECT a.server FROM attachments a JOIN contacts c ON c.id = a.contact \
                     WHERE a.state = 0 AND a.outgoing = 0 AND c.blocked = 0 \
                     UNION SELECT server FROM card_requests UNION SELECT server FROM word_requests \
                     UNION SELECT server FROM closings_sent WHERE due <= ?1";
        let servers = all(self.db, asked, [column(self.now.0)], |row| row.get(0).map(ServerId))?;
        Ok(servers.into_iter().any(|server| !self.link.is_paused(server)))
    }
}

fn is_idle(live: &Live) -> bool {
    live.in_flight.is_empty() && live.acks.is_empty() && live.with_vault.is_empty() && live.loaded.is_empty()
}
