//! Commands that were done already: said again under the same name, they give the same reply and do nothing (KE-39).
//!
//! A program that hands a command to another process cannot know whether it was done when that process dies before the
//! answer. So it gives the command a name, and says it again.

use kith_wire::Timestamp;
use kith_wire::id::MessageId;
use rusqlite::{Connection, params};

use crate::api::{CommandId, ContactId, Reply};
use crate::ground::database::{StorageError, column, first, run};

pub(crate) const TABLES: &str = "
CREATE TABLE done (
    id BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    contact INTEGER,
    message BLOB
) STRICT, WITHOUT ROWID;
";

/// Seconds for which a name is remembered: longer than anybody tries again.
const REMEMBERED_SECONDS: u64 = 24 * 3600;
/// Names that are remembered at most: under a hundred bytes each.
const MAX_REMEMBERED: u32 = 1000;

/// Returns the reply to a command that was done under this name.
pub(crate) fn reply(db: &Connection, id: CommandId) -> Result<Option<Reply>, StorageError> {
    let row = first(db, "SELECT contact, message FROM done WHERE id = ?1", [id.0], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<[u8; 16]>>(1)?))
    })?;
    Ok(row.map(|row| match row {
        (_, Some(message)) => Reply::Message(MessageId(message)),
        (Some(contact), None) => Reply::Contact(ContactId::from_column(contact)),
        (None, None) => Reply::Done,
    }))
}

/// Remembers what came of a command. A card is a secret that is told once: of it only the contact is remembered.
pub(crate) fn remember(db: &Connection, id: CommandId, now: Timestamp, reply: &Reply) -> Result<(), StorageError> {
    let (contact, message) = match reply {
        // Words are told once, too.
        Reply::Done | Reply::Words(_) => (None, None),
        Reply::Card { contact, .. } | Reply::Contact(contact) => (Some(contact.column()), None),
        Reply::Message(message) => (None, Some(message.0)),
    };
    let sql = "INSERT INTO done (id, at, contact, message) VALUES (?1, ?2, ?3, ?4)";
    run(db, sql, params![id.0, column(now.0), contact, message])?;
    let old = "DELETE FROM done WHERE at < ?1 OR id NOT IN (SELECT id FROM done ORDER BY at DESC LIMIT ?2)";
    run(db, old, params![column(now.minus_seconds(REMEMBERED_SECONDS).0), MAX_REMEMBERED])?;
    Ok(())
}

/// Forgets all of it: a contact that is forgotten leaves nothing.
pub(crate) fn forget(db: &Connection) -> Result<(), StorageError> {
    run(db, "DELETE FROM done", [])?;
    Ok(())
}
