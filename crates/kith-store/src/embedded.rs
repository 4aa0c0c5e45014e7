//! One SQLite file: how it is opened, and what every connection is told.

use std::path::Path;
use std::time::Duration;

use kith_home::store::{Store, StoreError};
use rusqlite::{Connection, OpenFlags};

use crate::rows::failed;
use crate::schema;
use crate::txn::EmbeddedTxn;

/// The name of the file inside the server's data folder.
const FILE: &str = "home.db";

/// How long a transaction waits for another process, such as the one that makes an invite.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared: more than there are.
const STATEMENTS: usize = 96;

/// What every connection is told.
///
/// `synchronous=FULL` in WAL mode: a commit returns after the log is on the disk. The cache is 1 MiB, because the
/// whole server shall stay under 15 MiB when idle; the log is cut back to 4 MiB after a burst.
/// `secure_delete=FAST` wipes what lies in pages that are written anyway; epoch keys get more, see
/// [`EmbeddedTxn`].
const PRAGMAS: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -1024;
PRAGMA temp_store = MEMORY;
PRAGMA journal_size_limit = 4194304;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA secure_delete = FAST;
PRAGMA trusted_schema = OFF;
";

/// The embedded store of a home server.
///
/// A transaction writes into SQLite's log and is durable when its commit returns. A second process may open the same
/// file for a short transaction of its own.
pub struct Embedded {
    pub(crate) db: Connection,
    /// Whether an erased key may still be in the log.
    pub(crate) owes_checkpoint: bool,
}

impl Embedded {
    /// Opens the store in a folder, or creates it there.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a store of a newer release, [`StoreError::Damaged`] for a file that is no
    /// store, [`StoreError::Backend`] when the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = folder.join(FILE);
        create_private(&file)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&file, flags).map_err(failed("file"))?;
        db.busy_timeout(BUSY).map_err(failed("file"))?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        prepare_to_shrink(&db)?;
        db.execute_batch(PRAGMAS).map_err(failed("file"))?;
        schema::prepare(&db)?;
        Ok(Self { db, owes_checkpoint: false })
    }
}

impl Store for Embedded {
    type Txn<'a> = EmbeddedTxn<'a>;

    fn begin(&mut self) -> Result<EmbeddedTxn<'_>, StoreError> {
        EmbeddedTxn::begin(&self.db, &mut self.owes_checkpoint)
    }
}

/// Lets the file give pages back. A file from before this was possible is written anew once, if the disk has room for
/// that; without room it works as before and does not shrink.
fn prepare_to_shrink(db: &Connection) -> Result<(), StoreError> {
    let is_new = db.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).map_err(failed("file"))? == 0;
    let mode: i64 = db.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).map_err(failed("file"))?;
    if mode == INCREMENTAL {
        return Ok(());
    }
    db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(failed("file"))?;
    if !is_new {
        let _ = db.execute_batch("VACUUM");
    }
    Ok(())
}

/// `PRAGMA auto_vacuum` of a file whose free pages can be given back a few at a time.
const INCREMENTAL: i64 = 2;

/// Makes the file, readable by its owner only, unless it is there. SQLite gives the log the same mode.
fn create_private(file: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(|problem| StoreError::Backend(Box::new(problem)))
}
