//! What somebody's data lie on: it fails, fills up, is copied, and can be looked into.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::World;

/// Makes the engine's storage fail once, at a chosen place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fuse {
    /// So many steps of SQLite's machine from now, in units of eight; off at zero.
    pub(crate) steps: Arc<AtomicU32>,
    /// So many commits from now; off at zero.
    pub(crate) commits: Arc<AtomicU32>,
}

impl Fuse {
    /// Counts down; says whether zero was reached just now.
    fn burns(counter: &AtomicU32) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1)
    }

    pub(super) fn put_into(&self, connection: &mut Connection) {
        let (steps, commits) = (Arc::clone(&self.steps), Arc::clone(&self.commits));
        connection.progress_handler(8, Some(move || Self::burns(&steps))).unwrap();
        connection.commit_hook(Some(move || Self::burns(&commits))).unwrap();
    }

    pub(crate) fn clear(&self) {
        self.steps.store(0, Ordering::SeqCst);
        self.commits.store(0, Ordering::SeqCst);
    }
}

/// Somebody's data as it was.
pub(crate) struct Backup {
    keeper: Connection,
    name: String,
}

/// Whether somebody's storage works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Working,
    Failing,
}

/// Opens a database in memory; under a name that is a path, one on disk with the settings of the vault.
pub(crate) fn connect(name: &str) -> Connection {
    if name.starts_with('/') {
        let connection = Connection::open(name).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").unwrap();
        return connection;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{name}?mode=memory&cache=shared"), flags).unwrap()
}

impl World {
    /// Somebody's database may not grow beyond so many pages more than it has.
    pub(crate) fn limit_disk(&mut self, who: usize, n_pages: i64) {
        let limit = self.count(who, "PRAGMA page_count") + n_pages;
        self.people[who].keeper.pragma_update(None, "max_page_count", limit).unwrap();
    }

    /// Whether somebody's storage may fail from now on without that being a mistake.
    pub(crate) fn may_fail(&mut self, who: usize, disk: Disk) {
        self.people[who].disk = disk;
    }

    /// Makes every write to somebody's storage fail, or work again.
    pub(crate) fn set_disk(&mut self, who: usize, disk: Disk) {
        self.people[who].disk = disk;
        let sql = if disk == Disk::Failing { "BEGIN EXCLUSIVE" } else { "ROLLBACK" };
        self.people[who].keeper.execute_batch(sql).unwrap();
    }

    /// Copies somebody's data as it is now.
    pub(crate) fn back_up(&mut self, who: usize) -> Backup {
        let name = format!("{}-backup-{}", self.people[who].name, self.steps);
        let backup = Backup { keeper: connect(&name), name };
        let target = format!("file:{}?mode=memory&cache=shared", backup.name);
        self.people[who].keeper.execute("VACUUM INTO ?1", [target]).unwrap();
        backup
    }

    /// Somebody goes on from a copy of older data.
    pub(crate) fn restore(&mut self, who: usize, backup: Backup) {
        let person = &mut self.people[who];
        (person.name, person.keeper) = (backup.name, backup.keeper);
        self.crash(who);
    }

    /// Returns the one number that a query on somebody's tables gives.
    pub(crate) fn count(&self, who: usize, sql: &str) -> i64 {
        self.people[who].keeper.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Returns the own device list for each contact, in order.
    pub(crate) fn lists(&self, who: usize) -> Vec<Vec<u8>> {
        let mut statement = self.people[who].keeper.prepare("SELECT own_list FROM contacts ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Returns everything in somebody's tables as text.
    pub(crate) fn dump(&self, who: usize) -> String {
        let keeper = &self.people[who].keeper;
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%' ORDER BY name";
        let mut statement = keeper.prepare(sql).unwrap();
        let tables: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut out = String::new();
        for table in tables {
            let mut rows = keeper.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let n_columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values = (0..n_columns).map(|column| match row.get_ref(column).unwrap() {
                    ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                });
                out.push_str(&format!("{table}: {}\n", values.collect::<Vec<_>>().join("|")));
            }
        }
        out
    }
}
