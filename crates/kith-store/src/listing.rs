//! The names of all rows, a few at a time.

use kith_home::store::{RowKey, StoreError};
use kith_wire::id::{AccountKey, BlobId, Hash, ReaderId};
use rusqlite::{Row, params};

use crate::rows::{limit, outgoing_key};
use crate::txn::EmbeddedTxn;

/// Lists the names after `after`, one table after the other, in the order of [`RowKey`].
pub(crate) fn keys_after(
    txn: &EmbeddedTxn<'_>,
    after: Option<&RowKey>,
    most: usize,
) -> Result<Vec<RowKey>, StoreError> {
    let mut found = Vec::new();
    for table in &TABLES {
        let room = most - found.len().min(most);
        if room == 0 {
            break;
        }
        let Some((first, second)) = (table.start)(after) else { continue };
        // An empty blob is smaller than every key.
        let rows = txn.many(table.name, table.sql, params![first, second, limit(room)], table.read)?;
        found.extend(rows);
    }
    Ok(found)
}

/// One table: its name, how its keys are read, and where to begin.
struct Table {
    name: &'static str,
    sql: &'static str,
    read: fn(&Row<'_>) -> Result<RowKey, rusqlite::Error>,
    /// Returns the key after which this table is read, in two columns; `None` when the table lies before `after`.
    start: fn(Option<&RowKey>) -> Option<Columns<'_>>,
}

type Columns<'a> = (&'a [u8], &'a [u8]);

const BEGINNING: Columns<'static> = (&[], &[]);

const TABLES: [Table; 6] = [
    Table {
        name: "queues",
        sql: "SELECT reader FROM queues WHERE reader > ?1 AND ?2 = x'' ORDER BY reader LIMIT ?3",
        read: |row| Ok(RowKey::Queue(ReaderId(row.get(0)?))),
        start: |after| match after {
            None => Some(BEGINNING),
            Some(RowKey::Queue(reader)) => Some((&reader.0, &[])),
            Some(_) => None,
        },
    },
    Table {
        name: "blobs",
        sql: "SELECT id FROM blobs WHERE id > ?1 AND ?2 = x'' ORDER BY id LIMIT ?3",
        read: |row| Ok(RowKey::Blob(BlobId(row.get(0)?))),
        start: |after| match after {
            None | Some(RowKey::Queue(_)) => Some(BEGINNING),
            Some(RowKey::Blob(id)) => Some((&id.0, &[])),
            Some(_) => None,
        },
    },
    Table {
        name: "outgoing",
        sql: "SELECT account, relay FROM outgoing WHERE (account, relay) > (?1, ?2) ORDER BY account, relay LIMIT ?3",
        read: |row| outgoing_key(row).map(RowKey::Outgoing),
        start: |after| match after {
            None | Some(RowKey::Queue(_) | RowKey::Blob(_)) => Some(BEGINNING),
            Some(RowKey::Outgoing(key)) => Some((&key.account.0, &key.relay.0)),
            Some(_) => None,
        },
    },
    Table {
        name: "returned",
        sql: "SELECT DISTINCT account FROM returned WHERE account > ?1 AND ?2 = x'' ORDER BY account LIMIT ?3",
        read: |row| Ok(RowKey::Returned(AccountKey(row.get(0)?))),
        start: |after| match after {
            None | Some(RowKey::Queue(_) | RowKey::Blob(_) | RowKey::Outgoing(_)) => Some(BEGINNING),
            Some(RowKey::Returned(account)) => Some((&account.0, &[])),
            Some(_) => None,
        },
    },
    Table {
        name: "invites",
        sql: "SELECT code FROM invites WHERE code > ?1 AND ?2 = x'' ORDER BY code LIMIT ?3",
        read: |row| Ok(RowKey::Invite(Hash(row.get(0)?))),
        start: |after| match after {
            Some(RowKey::Invite(code)) => Some((&code.0, &[])),
            Some(RowKey::Account(_)) => None,
            _ => Some(BEGINNING),
        },
    },
    Table {
        name: "accounts",
        sql: "SELECT key FROM accounts WHERE key > ?1 AND ?2 = x'' ORDER BY key LIMIT ?3",
        read: |row| Ok(RowKey::Account(AccountKey(row.get(0)?))),
        start: |after| match after {
            Some(RowKey::Account(key)) => Some((&key.0, &[])),
            _ => Some(BEGINNING),
        },
    },
];
