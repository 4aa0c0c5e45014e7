//! A person's device: the real engine on a database in memory, a vault of chunks, and a clock that may be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use kith_crypto::user::UserSecret;
use kith_engine::{AttachmentId, ContactId, Engine, LinkId};
use kith_home::ConnectionId;
use kith_wire::Timestamp;
use kith_wire::address::ServerUrl;
use kith_wire::id::MessageId;
use rusqlite::{Connection, OpenFlags};

use super::linking::Linking;
use super::restoring::Backup;
use super::storage::{Failing, Storage};
use crate::sabotage::Sabotage;

/// Names databases, so that worlds in one process never share any.
static NEXT_DATABASE: AtomicU64 = AtomicU64::new(0);

/// A live connection as the device sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) link: LinkId,
    pub(super) connection: ConnectionId,
    /// The server at its other end: usually the own one.
    pub(super) server: usize,
    /// When the last message arrived in each direction: a stream keeps its order.
    pub(super) up: Timestamp,
    pub(super) down: Timestamp,
}

/// What a device is to its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is being linked.
    New,
    /// The person uses it.
    InUse,
    /// The person has taken it out; whoever has it goes on with it.
    Revoked,
    /// It is somebody else's.
    Strange,
}

/// A person's device.
pub struct Person {
    /// The engine, while the device is on.
    pub(super) engine: Option<Engine>,
    /// Keeps the database alive, and looks into it.
    pub(super) keeper: Connection,
    pub(super) database: String,
    pub(super) user: UserSecret,
    pub(super) standing: Standing,
    pub(super) linking: Option<Linking>,
    /// When it was welcomed, and what it was promised of before: with whom, and which message.
    pub(crate) welcomed: Option<Timestamp>,
    pub(crate) promised: Vec<(usize, MessageId)>,
    /// The newest backup of the person, kept with their first device.
    pub(super) backup: Option<Backup>,
    /// Whether the person started anew with it.
    pub(crate) is_anew: bool,
    /// When it went on from a backup, and from which.
    pub(crate) came_back: Option<Timestamp>,
    pub(crate) restored_from: Option<Backup>,
    /// Who had been told, on all their devices, that the person goes on with another device, when somebody went on from that backup on this one.
    pub(crate) knew_the_first: BTreeSet<usize>,
    /// Where the account is, and by which name the device knows that server.
    pub(super) server: usize,
    pub(super) server_name: ServerUrl,
    /// How far the clock is ahead, in milliseconds.
    pub(super) offset: i64,
    /// Counts starts: what was meant for an earlier life is lost.
    pub(super) life: u32,
    /// Until when the device stays off.
    pub(super) off_until: Timestamp,
    pub(super) line: Option<Line>,
    /// The link whose messages the device still takes.
    pub(super) open: Option<LinkId>,
    pub(super) wake_at: Option<Timestamp>,
    /// Outputs until it dies.
    pub(super) fuse: Option<u32>,
    /// Whether the disk fails.
    pub(super) disk_fails: bool,
    storage: Storage,
    pub(super) vault: BTreeMap<(AttachmentId, u32), Vec<u8>>,
    /// Whom each contact is, and the other way round.
    pub(super) contacts: BTreeMap<ContactId, usize>,
    pub(super) known: BTreeMap<usize, ContactId>,
    /// The newest row of frames that was looked at.
    pub(super) last_frame: i64,
    /// Copies of the database, with when they were made.
    pub(super) copies: Vec<(Timestamp, Copy)>,
}

/// Somebody's data as it was.
pub(super) struct Copy {
    pub(super) keeper: Connection,
    pub(super) database: String,
}

impl Person {
    pub(super) fn new(
        user: UserSecret,
        (server, server_name): (usize, ServerUrl),
        now: Timestamp,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let database = fresh_name();
        let keeper = connect(&database);
        // It looks at everything that leaves the device, also at what is not committed.
        let _ = keeper.execute_batch("PRAGMA read_uncommitted = 1");
        let mut person = Self {
            engine: None,
            keeper,
            database,
            user,
            standing: Standing::InUse,
            linking: None,
            welcomed: None,
            promised: Vec::new(),
            backup: None,
            is_anew: false,
            came_back: None,
            restored_from: None,
            knew_the_first: BTreeSet::new(),
            server,
            server_name,
            offset: 0,
            life: 0,
            off_until: Timestamp(0),
            line: None,
            open: None,
            wake_at: None,
            fuse: None,
            disk_fails: false,
            storage: Storage::default(),
            vault: BTreeMap::new(),
            contacts: BTreeMap::new(),
            known: BTreeMap::new(),
            last_frame: 0,
            copies: Vec::new(),
        };
        person.start(now);
        sabotage.into_iter().for_each(|sabotage| sabotage.spoil(&person.keeper));
        person
    }

    /// Returns the engine, while the device is on.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Returns the people whom it knows.
    pub(crate) fn known_people(&self) -> Vec<usize> {
        self.known.keys().copied().collect()
    }

    /// Returns whether the person has taken it out.
    pub(crate) fn is_revoked(&self) -> bool {
        self.standing == Standing::Revoked
    }

    /// Returns whether the person uses it.
    pub(crate) fn is_in_use(&self) -> bool {
        self.standing == Standing::InUse
    }

    /// Returns what the device's clock says.
    pub(super) fn local(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.offset))
    }

    /// Returns when something happens that the device's clock has set.
    pub(super) fn world_time(&self, local: Timestamp) -> Timestamp {
        Timestamp(local.0.saturating_add_signed(self.offset.saturating_neg()))
    }

    /// Starts the engine from what was committed.
    pub(super) fn start(&mut self, now: Timestamp) {
        let db = self.storage.under(connect(&self.database));
        self.engine = Engine::open(db, self.local(now)).ok();
    }

    /// Copies the database as it is now.
    fn copy(&self) -> Copy {
        let database = fresh_name();
        let keeper = connect(&database);
        let target = format!("file:{database}?mode=memory&cache=shared");
        let copied = self.keeper.execute("VACUUM INTO ?1", [target]);
        debug_assert!(copied.is_ok(), "{copied:?}");
        Copy { keeper, database }
    }

    /// Keeps a copy of the database as it is now, and so many altogether.
    pub(super) fn keep_copy(&mut self, now: Timestamp, most: usize) {
        if !self.disk_fails {
            let copy = self.copy();
            self.copies.push((now, copy));
            let excess = self.copies.len().saturating_sub(most);
            self.copies.drain(..excess);
        }
    }

    /// The disk fails from now on: no write begins, commits fail, or any statement does after some work.
    pub(super) fn fail_disk(&mut self, how: Failing) {
        self.mend_disk();
        self.disk_fails = match how {
            Failing::Locked => self.keeper.execute_batch("BEGIN EXCLUSIVE").is_ok(),
            how => {
                self.storage.fail(how);
                true
            }
        };
    }

    /// The disk works again.
    pub(super) fn mend_disk(&mut self) {
        self.storage.mend();
        if !self.keeper.is_autocommit() {
            let _ = self.keeper.execute_batch("ROLLBACK");
        }
        self.disk_fails = false;
    }

    /// The database may not grow any more, or may again.
    pub(super) fn set_disk_full(&self, full: bool) {
        let pages: i64 = self.keeper.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap_or(1);
        let most = if full { pages } else { 1 << 30 };
        let _ = self.keeper.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get::<_, i64>(0));
    }
}

fn fresh_name() -> String {
    format!("sim-{}", NEXT_DATABASE.fetch_add(1, Ordering::Relaxed))
}

/// Opens a database in memory that lives as long as somebody has it open.
#[allow(clippy::expect_used, reason = "a world without memory for a database cannot go on")]
pub(super) fn connect(name: &str) -> Connection {
    // A world lives on one thread.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{name}?mode=memory&cache=shared"), flags).expect("there is memory")
}
