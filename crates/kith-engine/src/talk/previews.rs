//! Previews: what a page is about whose address stands in a text, as its sender told. They stand beside their texts and go with them.

use kith_wire::id::MessageId;
use kith_wire::preview::Preview;
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::ground::database::{StorageError, first, run};

/// What version 6 adds. An edit or a deletion, from wherever it comes, takes the preview away: it was about the text of before (KE-118).
pub(crate) const TABLES_6: &str = "
CREATE TABLE previews (
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    preview BLOB NOT NULL,
    PRIMARY KEY (contact, message)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER preview_of_other_text AFTER UPDATE OF kind, edit_lamport ON messages
WHEN old.kind <> new.kind OR old.edit_lamport <> new.edit_lamport BEGIN
    DELETE FROM previews WHERE contact = new.contact AND message = new.message;
END;
CREATE TRIGGER preview_of_nothing AFTER DELETE ON messages BEGIN
    DELETE FROM previews WHERE contact = old.contact AND message = old.message;
END;
";

/// Keeps what of a preview may stand beside its text (KE-117).
pub(crate) fn keep(
    db: &Connection,
    contact: ContactId,
    message: MessageId,
    text: &str,
    preview: Option<Preview>,
) -> Result<(), StorageError> {
    let Some(preview) = preview.and_then(|preview| preview.fitting(text)) else { return Ok(()) };
    let Ok(bytes) = minicbor::to_vec(&preview) else { return Ok(()) };
    let sql = "INSERT OR REPLACE INTO previews (contact, message, preview) VALUES (?1, ?2, ?3)";
    run(db, sql, params![contact.column(), message.0, bytes])?;
    Ok(())
}

/// Returns the preview beside a message, if there is one.
pub(crate) fn find(db: &Connection, contact: ContactId, message: MessageId) -> Result<Option<Preview>, StorageError> {
    let sql = "SELECT preview FROM previews WHERE contact = ?1 AND message = ?2";
    let bytes = first(db, sql, params![contact.column(), message.0], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(bytes.and_then(|bytes| minicbor::decode(&bytes).ok()))
}
