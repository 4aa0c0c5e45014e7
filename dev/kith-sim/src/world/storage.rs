//! What is under a device's database: a disk that works, fails at commits, or fails somewhere in the middle of a statement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

/// How a device's disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// Nobody gets to write.
    Locked,
    /// Everything can be written, and no commit succeeds.
    Commits,
    /// A statement fails after so many steps of work, and all after it.
    Statements(u32),
}

/// Work between two looks at the disk, in instructions of the database.
const WORK: i32 = 100;
/// Works: any other number is how many steps are left.
const WORKS: u32 = u32::MAX;

/// The disk of one device.
#[derive(Clone)]
pub(super) struct Storage {
    commits: Arc<AtomicU32>,
    statements: Arc<AtomicU32>,
}

impl Default for Storage {
    fn default() -> Self {
        Self { commits: Arc::new(AtomicU32::new(WORKS)), statements: Arc::new(AtomicU32::new(WORKS)) }
    }
}

impl Storage {
    /// Puts a connection on this disk.
    pub(super) fn under(&self, mut db: Connection) -> Connection {
        let (commits, statements) = (Arc::clone(&self.commits), Arc::clone(&self.statements));
        let hooked = db.commit_hook(Some(move || spend(&commits)));
        let handled = db.progress_handler(WORK, Some(move || spend(&statements)));
        debug_assert!(hooked.is_ok() && handled.is_ok());
        db
    }

    pub(super) fn fail(&self, how: Failing) {
        match how {
            Failing::Locked => {}
            Failing::Commits => self.commits.store(0, Ordering::Relaxed),
            Failing::Statements(left) => self.statements.store(left, Ordering::Relaxed),
        }
    }

    pub(super) fn mend(&self) {
        self.commits.store(WORKS, Ordering::Relaxed);
        self.statements.store(WORKS, Ordering::Relaxed);
    }
}

/// Takes one of what is left. Returns whether nothing was.
fn spend(left: &AtomicU32) -> bool {
    let spent = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| match left {
        WORKS => Some(WORKS),
        left => left.checked_sub(1),
    });
    spent.is_err()
}
