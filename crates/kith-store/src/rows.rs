//! Between rows of SQLite and the records of the rules.

use kith_home::store::{Account, Blob, Entry, Invite, Outgoing, OutgoingKey, Overflow, Queue, Returned, StoreError};
use kith_wire::address::{ServerAddress, ServerUrl};
use kith_wire::id::{AccountKey, LookupKey, RelayId, SenderId, ServerKey, Verifier};
use kith_wire::time::{Day, Hour, Timestamp};
use rusqlite::{Error, ErrorCode, Row};

/// Turns SQLite's complaint about a table into the trait's error.
pub(crate) fn failed(table: &'static str) -> impl Fn(Error) -> StoreError {
    move |problem| match problem {
        Error::SqliteFailure(failure, _) if failure.code == ErrorCode::ConstraintViolation => {
            StoreError::Conflict { table }
        }
        Error::SqliteFailure(failure, _)
            if matches!(failure.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) =>
        {
            StoreError::Damaged { table }
        }
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::InvalidColumnIndex(..) => StoreError::Damaged { table },
        other => StoreError::Backend(Box::new(other)),
    }
}

/// Returns a number as SQLite keeps it. Times beyond the year 292 million become that year.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Returns a limit as SQLite takes it.
pub(crate) fn limit(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reads a number that was never negative.
pub(crate) fn unsigned(row: &Row<'_>, idx: usize) -> Result<u64, Error> {
    let value: i64 = row.get(idx)?;
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(idx, value))
}

pub(crate) fn account(row: &Row<'_>) -> Result<Account, Error> {
    Ok(Account {
        created: Day(row.get(0)?),
        n_queues: row.get(1)?,
        blob_bytes: unsigned(row, 2)?,
        n_outgoing: row.get(3)?,
    })
}

pub(crate) fn invite(row: &Row<'_>) -> Result<Invite, Error> {
    Ok(Invite { uses_left: row.get(0)?, expires: Timestamp(unsigned(row, 1)?) })
}

/// The columns of [`queue`], the reader first.
pub(crate) const QUEUE: &str = "reader, sender, account, lookup, verifier, next_seq, length, overflow";

pub(crate) fn queue(row: &Row<'_>) -> Result<([u8; 24], Queue), Error> {
    let overflow: bool = row.get(7)?;
    let queue = Queue {
        sender: SenderId(row.get(1)?),
        account: AccountKey(row.get(2)?),
        lookup: LookupKey(row.get(3)?),
        verifier: Verifier(row.get(4)?),
        next_seq: unsigned(row, 5)?,
        length: row.get(6)?,
        overflow: if overflow { Overflow::Dropped } else { Overflow::Complete },
    };
    Ok((row.get(0)?, queue))
}

pub(crate) fn entry(row: &Row<'_>) -> Result<(u64, Entry), Error> {
    Ok((unsigned(row, 0)?, Entry { arrived: Hour(row.get(1)?), frame: row.get(2)? }))
}

/// The columns of [`outgoing`].
pub(crate) const OUTGOING: &str = "account, relay, url, server_key, sealed, accepted, next_attempt, attempts";

pub(crate) fn outgoing(row: &Row<'_>) -> Result<(OutgoingKey, Outgoing), Error> {
    let outgoing = Outgoing {
        to: address(row, 2)?,
        sealed: row.get(4)?,
        accepted: Hour(row.get(5)?),
        next_attempt: Timestamp(unsigned(row, 6)?),
        attempts: row.get(7)?,
    };
    Ok((outgoing_key(row)?, outgoing))
}

pub(crate) fn outgoing_key(row: &Row<'_>) -> Result<OutgoingKey, Error> {
    Ok(OutgoingKey { account: AccountKey(row.get(0)?), relay: RelayId(row.get(1)?) })
}

/// Reads a URL and the server key in the column after it.
pub(crate) fn address(row: &Row<'_>, idx: usize) -> Result<ServerAddress, Error> {
    let text: String = row.get(idx)?;
    let url = ServerUrl::parse(&text)
        .map_err(|problem| Error::FromSqlConversionFailure(idx, rusqlite::types::Type::Text, Box::new(problem)))?;
    Ok(ServerAddress { url, key: ServerKey(row.get(idx + 1)?) })
}

pub(crate) fn returned(row: &Row<'_>) -> Result<(RelayId, Returned), Error> {
    Ok((RelayId(row.get(0)?), Returned { stored: Hour(row.get(1)?), notice: row.get(2)? }))
}

pub(crate) fn blob(row: &Row<'_>) -> Result<Blob, Error> {
    Ok(Blob {
        account: AccountKey(row.get(0)?),
        size: unsigned(row, 1)?,
        n_chunks: row.get(2)?,
        n_present: row.get(3)?,
        read: Verifier(row.get(4)?),
        delete: Verifier(row.get(5)?),
        expires: Hour(row.get(6)?),
    })
}
