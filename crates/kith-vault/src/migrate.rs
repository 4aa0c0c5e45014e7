//! Brings a schema up to the version that this program knows, one step after the other, and never down.
//!
//! Each owner of tables has a name and a list of steps; the list only ever grows at its end. This file owns one table,
//! `schema_versions`, and knows nothing of the others.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use thiserror::Error;

/// One step from a version to the next. A released step is never edited, only followed by another.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Statements that need no decisions.
    Sql(&'static str),
    /// A change that has to look at the rows.
    Code(fn(&Transaction<'_>) -> rusqlite::Result<()>),
}

/// Runs the steps that a database has not seen yet; returns the version it has then, which is the number of steps.
///
/// Every step is one transaction together with the note that it ran: after a crash it has happened whole or not at all.
/// A database that has seen more steps than are given was used by a newer program and is refused untouched.
pub fn migrate(connection: &mut Connection, name: &'static str, steps: &[Step]) -> Result<u32, MigrateError> {
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let found = version(connection, name)?;
    if found > known {
        return Err(MigrateError::Newer { name, found, known });
    }
    for (step, number) in steps.iter().zip(1..).skip_while(|(_, number)| *number <= found) {
        run(connection, name, *step, number).map_err(|source| MigrateError::Step { name, number, source })?;
    }
    Ok(known)
}

fn run(connection: &mut Connection, name: &str, step: Step, number: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions
         (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    match step {
        Step::Sql(statements) => transaction.execute_batch(statements)?,
        Step::Code(change) => change(&transaction)?,
    }
    transaction.execute(
        "INSERT INTO schema_versions (name, version) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        (name, number),
    )?;
    transaction.commit()
}

/// Returns how many steps the database has seen under a name.
fn version(connection: &Connection, name: &str) -> rusqlite::Result<u32> {
    let has_versions: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions')",
        [],
        |row| row.get(0),
    )?;
    if !has_versions {
        return Ok(0);
    }
    let found = connection
        .query_row("SELECT version FROM schema_versions WHERE name = ?1", [name], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// Why a schema was not brought up to date. The steps before stay done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A newer program has used this database; an older one would lose what it does not know.
    #[error("the {name} tables have version {found}, this program knows versions up to {known}")]
    Newer {
        /// Whose tables.
        name: &'static str,
        /// The version they have.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A step failed and left nothing behind.
    #[error("step {number} of the {name} tables failed")]
    Step {
        /// Whose tables.
        name: &'static str,
        /// The version that the step leads to.
        number: u32,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// The version could not be read.
    #[error("the version of the tables could not be read")]
    Database(#[from] rusqlite::Error),
}

#[cfg(test)]
mod tests;
