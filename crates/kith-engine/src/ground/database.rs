//! Small helpers over SQLite: rows to values, and one error for everything that storage does wrong.
//!
//! No table is named here; each room keeps its own.

use rusqlite::{Connection, OptionalExtension, Params, Row};
use thiserror::Error;

/// Why the device's own storage could not do what was asked. The call changed nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StorageError {
    /// SQLite failed: disk full, input or output error, wrong key.
    #[error("the device's storage failed")]
    Database(#[from] rusqlite::Error),
    /// A row holds something that this code cannot have written.
    #[error("the device's storage is damaged: {0}")]
    Damaged(&'static str),
}

/// The largest number that fits a column.
const MAX_COLUMN: u64 = i64::MAX as u64;

/// Returns a number as SQLite keeps it; larger ones become the largest.
pub(crate) fn column(number: u64) -> i64 {
    i64::try_from(number.min(MAX_COLUMN)).unwrap_or(i64::MAX)
}

/// Returns a number that SQLite kept.
pub(crate) fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// Runs a statement and returns how many rows it changed.
pub(crate) fn run(db: &Connection, sql: &str, params: impl Params) -> Result<usize, StorageError> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Returns the first row, if there is one.
pub(crate) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StorageError> {
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// Returns all rows.
pub(crate) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StorageError> {
    Ok(db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
}

/// Returns whether there is a row.
pub(crate) fn exists(db: &Connection, sql: &str, params: impl Params) -> Result<bool, StorageError> {
    Ok(db.prepare_cached(sql)?.exists(params)?)
}

/// Returns the one number that a query gives, zero when it gives none.
pub(crate) fn count(db: &Connection, sql: &str, params: impl Params) -> Result<u64, StorageError> {
    Ok(number(first(db, sql, params, |row| row.get::<_, Option<i64>>(0))?.flatten().unwrap_or(0)))
}
