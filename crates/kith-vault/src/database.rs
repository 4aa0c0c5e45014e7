//! `kith.db`: opens the encrypted database, proves the key, and sets what must be the same on every platform.
//!
//! The tables in it are not the vault's business: the engine owns its schema and runs it through `migrate`.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;
use zeroize::Zeroizing;

/// The database's file; SQLite puts its write-ahead log beside it under the same name with an ending.
pub(crate) const DATABASE: &str = "kith.db";
/// What SQLite may have put beside the database.
pub(crate) const COMPANIONS: [&str; 3] = ["kith.db-wal", "kith.db-journal", "kith.db-shm"];

/// `Kith` in ASCII, so that the file says what it is to whoever holds its key, and so that a new one is not empty:
/// an empty database would accept every key.
const APPLICATION_ID: i32 = 0x4b69_7468;

/// Fixes everything about the encryption that the library might one day choose differently.
const FORMAT: &str = "PRAGMA cipher_compatibility = 4; PRAGMA cipher_page_size = 4096;";

/// Set before the first read. Exclusive locking keeps the index of the write-ahead log in memory instead of in a file
/// in clear; nothing temporary reaches the disk; deleted content is overwritten; a commit is on the disk when it
/// returns.
const HABITS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA synchronous = FULL;
    PRAGMA mmap_size = 0;
";

/// Fills a new, empty database file so that it can be opened from now on.
pub(crate) fn initialise(path: &Path, key: &[u8; 32]) -> Result<(), DatabaseError> {
    let connection = keyed(path, key)?;
    begin_log(&connection)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    close(connection)
}

/// Opens the database and proves that the key is its key.
pub(crate) fn open(path: &Path, key: &[u8; 32]) -> Result<Connection, DatabaseError> {
    let connection = keyed(path, key)?;
    // The first page comes off the disk here; with a wrong key, or in a changed file, it does not authenticate.
    let application_id: i32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .and_then(|()| connection.pragma_query_value(None, "application_id", |row| row.get(0)))?;
    if application_id != APPLICATION_ID {
        return Err(DatabaseError::Damaged);
    }
    begin_log(&connection)?;
    Ok(connection)
}

/// Closes the database; what the write-ahead log holds moves into the file.
pub(crate) fn close(connection: Connection) -> Result<(), DatabaseError> {
    connection.close().map_err(|(_connection, error)| error.into())
}

/// Reads every page and every index, and names what is wrong.
pub(crate) fn check(connection: &Connection) -> Result<Vec<String>, DatabaseError> {
    // The page check reads the file itself, so everything has to be in it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let mut findings = rows(connection, "PRAGMA cipher_integrity_check")?;
    findings.extend(rows(connection, "PRAGMA integrity_check")?.into_iter().filter(|row| row != "ok"));
    let broken = rows(connection, "SELECT \"table\" FROM pragma_foreign_key_check")?;
    findings.extend(broken.into_iter().map(|table| format!("a row of {table} refers to nothing")));
    Ok(findings)
}

/// Opens the file with its key set, before anything was read.
fn keyed(path: &Path, key: &[u8; 32]) -> Result<Connection, DatabaseError> {
    let connection = Connection::open_with_flags(path, FLAGS)?;
    // The library wipes what it frees from here on, the key among it. It would also write its complaints to
    // standard error, where they help nobody: they come back as errors.
    connection.execute_batch("PRAGMA cipher_memory_security = ON; PRAGMA cipher_log_level = NONE;")?;
    set_key(&connection, key)?;
    connection.execute_batch(FORMAT)?;
    connection.execute_batch(HABITS)?;
    Ok(connection)
}

/// Elsewhere than in a browser the folder makes the file, for its owner's eyes only.
#[cfg(not(target_family = "wasm"))]
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
#[cfg(target_family = "wasm")]
const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX).union(OpenFlags::SQLITE_OPEN_CREATE);

fn set_key(connection: &Connection, key: &[u8; 32]) -> Result<(), DatabaseError> {
    // Room for all of it at once: a string that grows leaves copies behind.
    let mut statement = Zeroizing::new(String::with_capacity(96));
    statement.push_str("PRAGMA key = \"x'");
    for byte in key {
        write!(statement, "{byte:02x}").map_err(|_| DatabaseError::NotEncrypted)?;
    }
    statement.push_str("'\"");
    // The error is dropped on purpose: it may quote the statement, and with it the key.
    connection.execute_batch(&statement).map_err(|_| DatabaseError::NotEncrypted)?;
    // A plain SQLite ignores what it does not know and would write everything in clear.
    match connection.query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0)) {
        Ok(version) if !version.is_empty() => Ok(()),
        _ => Err(DatabaseError::NotEncrypted),
    }
}

fn begin_log(connection: &Connection) -> Result<(), DatabaseError> {
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode == "wal" { Ok(()) } else { Err(DatabaseError::Damaged) }
}

fn rows(connection: &Connection, statement: &str) -> Result<Vec<String>, DatabaseError> {
    let mut statement = connection.prepare(statement)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Why the database could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// It is missing, or it is not the one that belongs to this head, or its bytes were changed.
    #[error("the database is damaged or does not belong to this vault")]
    Damaged,
    /// The program was built with a database library that does not encrypt. Nothing was written.
    #[error("this program was built without database encryption")]
    NotEncrypted,
    /// The database library failed otherwise: a full disk, say.
    #[error("the database failed")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged,
            _ => Self::Sqlite(error),
        }
    }
}
