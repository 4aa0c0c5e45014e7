//! The tables, and the version that says which tables they are.

use rusqlite::{Connection, OptionalExtension};

use kith_home::store::{SCHEMA_VERSION, StoreError};

use crate::rows::failed;

/// Frames and chunks lie in tables with a rising row number, so that new ones are appended; everything small is
/// clustered by its key. Nothing has a time finer than the protocol needs.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE epoch_keys (epoch INTEGER PRIMARY KEY, seed BLOB NOT NULL) STRICT;
CREATE TABLE accounts (
  key BLOB PRIMARY KEY, created INTEGER NOT NULL, n_queues INTEGER NOT NULL, blob_bytes INTEGER NOT NULL,
  n_outgoing INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE invites (code BLOB PRIMARY KEY, uses_left INTEGER NOT NULL, expires INTEGER NOT NULL)
  WITHOUT ROWID, STRICT;
CREATE TABLE queues (
  reader BLOB PRIMARY KEY, sender BLOB NOT NULL UNIQUE, lookup BLOB NOT NULL UNIQUE, account BLOB NOT NULL,
  verifier BLOB NOT NULL, next_seq INTEGER NOT NULL, length INTEGER NOT NULL, overflow INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, reader BLOB NOT NULL, seq INTEGER NOT NULL, arrived INTEGER NOT NULL, frame BLOB NOT NULL,
  UNIQUE (reader, seq)
) STRICT;
CREATE INDEX entries_by_hour ON entries (arrived);
CREATE TABLE dedup (sender BLOB NOT NULL, id BLOB NOT NULL, last_hour INTEGER NOT NULL, PRIMARY KEY (sender, id))
  WITHOUT ROWID, STRICT;
CREATE INDEX dedup_by_hour ON dedup (last_hour);
CREATE TABLE nonces (scope BLOB NOT NULL, nonce BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (scope, nonce))
  WITHOUT ROWID, STRICT;
CREATE INDEX nonces_by_expiry ON nonces (expires);
CREATE TABLE outgoing (
  account BLOB NOT NULL, relay BLOB NOT NULL, url TEXT NOT NULL, server_key BLOB NOT NULL, sealed BLOB NOT NULL,
  accepted INTEGER NOT NULL, next_attempt INTEGER NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (account, relay)
) STRICT;
CREATE INDEX outgoing_by_destination ON outgoing (url, server_key, next_attempt);
CREATE INDEX outgoing_by_due ON outgoing (next_attempt);
CREATE INDEX outgoing_by_hour ON outgoing (accepted);
CREATE TABLE returned (
  account BLOB NOT NULL, relay BLOB NOT NULL, stored INTEGER NOT NULL, notice BLOB NOT NULL,
  PRIMARY KEY (account, relay)
) STRICT;
CREATE INDEX returned_by_hour ON returned (stored);
CREATE TABLE blobs (
  id BLOB PRIMARY KEY, account BLOB NOT NULL, size INTEGER NOT NULL, n_chunks INTEGER NOT NULL,
  n_present INTEGER NOT NULL, read BLOB NOT NULL, del BLOB NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX blobs_by_expiry ON blobs (expires);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY, blob BLOB NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (blob, number)
) STRICT;
";

/// The name of the row in `meta` that holds the version.
const VERSION_NAME: &str = "schema";

/// Creates the tables of an empty store; checks the version of any other.
pub(crate) fn prepare(db: &Connection) -> Result<(), StoreError> {
    db.execute_batch("BEGIN IMMEDIATE").map_err(failed("schema"))?;
    let prepared = create_or_check(db);
    let end = if prepared.is_ok() { "COMMIT" } else { "ROLLBACK" };
    db.execute_batch(end).map_err(failed("schema"))?;
    prepared
}

fn create_or_check(db: &Connection) -> Result<(), StoreError> {
    let tables: i64 = db
        .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
        .map_err(failed("schema"))?;
    if tables == 0 {
        db.execute_batch(TABLES).map_err(failed("schema"))?;
        return write_version(db, SCHEMA_VERSION);
    }
    let found = read_version(db)?;
    match found.cmp(&SCHEMA_VERSION) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::NewerSchema { found, known: SCHEMA_VERSION }),
        // Version 1 is the first: nothing older was ever written.
        std::cmp::Ordering::Less => Err(StoreError::Damaged { table: "meta" }),
    }
}

fn read_version(db: &Connection) -> Result<u32, StoreError> {
    let bytes: Option<[u8; 4]> = db
        .query_row("SELECT value FROM meta WHERE name = ?1", [VERSION_NAME], |row| row.get(0))
        .optional()
        .map_err(|_| StoreError::Damaged { table: "meta" })?;
    bytes.map(u32::from_be_bytes).ok_or(StoreError::Damaged { table: "meta" })
}

/// Writes the version row.
pub(crate) fn write_version(db: &Connection, version: u32) -> Result<(), StoreError> {
    db.execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", (VERSION_NAME, version.to_be_bytes()))
        .map_err(failed("meta"))?;
    Ok(())
}
