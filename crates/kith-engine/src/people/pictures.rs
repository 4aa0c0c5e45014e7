//! Pictures that the person has chosen for contacts. As names do, they tell how the person sees somebody: the person's devices and backups
//! have them, and nobody else learns of them (KE-140).

use kith_wire::Timestamp;
use kith_wire::id::ConversationId;
use kith_wire::picture::is_small;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event};
use crate::devices::{contact_copies, sync};
use crate::engine::Engine;
use crate::errors::{CommandError, QueryError};
use crate::ground::database::{StorageError, column, first, number, run};
use crate::ground::work::Work;
use crate::people::contacts;

/// What version 9 adds: the pictures, empty where one was taken away again, when each was chosen, and that a backup says so.
pub(crate) const TABLES_9: &str = "
CREATE TABLE pictures (contact INTEGER PRIMARY KEY, picture BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TRIGGER picture_of_nobody AFTER DELETE ON contacts BEGIN
    DELETE FROM pictures WHERE contact = old.id;
END;
CREATE TRIGGER backup_picture_added AFTER INSERT ON pictures BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs)
    WHERE id = new.contact AND changed <> (SELECT number FROM backup_runs);
END;
CREATE TRIGGER backup_picture_changed AFTER UPDATE ON pictures BEGIN
    UPDATE contacts SET changed = (SELECT number FROM backup_runs)
    WHERE id = new.contact AND changed <> (SELECT number FROM backup_runs);
END;
";

/// A picture, or that there is none any more, and when that was chosen.
pub(crate) struct Chosen {
    pub(crate) at: Timestamp,
    pub(crate) picture: Vec<u8>,
}

impl Engine {
    /// Returns the picture that the person has chosen for a contact: a JPEG of at most 16 KiB and 512 pixels a side.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn picture(&self, contact: ContactId) -> Result<Option<Vec<u8>>, QueryError> {
        let chosen = find(&self.db, contact)?;
        Ok(chosen.map(|chosen| chosen.picture).filter(|picture| !picture.is_empty()))
    }
}

/// Chooses a picture for a contact, or takes it away, and tells the siblings.
pub(crate) fn choose(work: &mut Work<'_>, id: ContactId, picture: Option<&[u8]>) -> Result<(), CommandError> {
    contacts::required(work.db, id)?;
    if picture.is_some_and(|bytes| !is_small(bytes)) {
        return Err(CommandError::BadPicture);
    }
    let sql = "INSERT INTO pictures (contact, picture, at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (contact) DO UPDATE SET picture = ?2, at = max(?3, at + 1)";
    run(work.db, sql, params![id.column(), picture.unwrap_or_default(), column(work.now.0)])?;
    work.tell(Event::Contact { contact: id });
    // The siblings hear of a contact that is being met when it is there, and of its picture then.
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND peer_list IS NOT NULL";
    match first(work.db, sql, [id.column()], |_| Ok(()))? {
        Some(()) => Ok(tell(work, id, None)?),
        None => Ok(()),
    }
}

/// Tells the siblings, or one of them, what was chosen for a contact, if ever anything was.
pub(crate) fn tell(work: &mut Work<'_>, id: ContactId, to: Option<ContactId>) -> Result<(), StorageError> {
    let conversation = contacts::find(work.db, id)?.and_then(|known| known.conversation);
    let (Some(contact), Some(Chosen { at, picture })) = (conversation, find(work.db, id)?) else { return Ok(()) };
    let item = SyncItem::Picture { contact, at, picture };
    match to {
        Some(sibling) => sync::tell_one(work, sibling, &item),
        None => sync::tell(work, &item),
    }
}

/// A sibling or a backup says what was chosen: the later one counts, and of two at once the greater one (KE-53).
pub(crate) fn heard(
    work: &mut Work<'_>,
    conversation: ConversationId,
    Chosen { at, picture }: &Chosen,
) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    if *at > contact_copies::latest(work.now) || !(picture.is_empty() || is_small(picture)) {
        return Ok(());
    }
    let sql = "INSERT INTO pictures (contact, picture, at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (contact) DO UPDATE SET picture = ?2, at = ?3 WHERE (at, picture) < (?3, ?2)";
    if run(work.db, sql, params![contact.column(), picture, column(at.0)])? > 0 {
        work.tell(Event::Contact { contact });
    }
    Ok(())
}

/// Returns what was chosen for a contact last; nothing when nothing ever was.
pub(crate) fn find(db: &Connection, id: ContactId) -> Result<Option<Chosen>, StorageError> {
    first(db, "SELECT picture, at FROM pictures WHERE contact = ?1", [id.column()], |row| {
        Ok(Chosen { at: Timestamp(number(row.get(1)?)), picture: row.get(0)? })
    })
}
