//! Frames that nothing opens, counted for each contact: many in a row mean that one of the two devices went on from an
//! old copy of its data, too old for the sessions to notice (KS-45, KS-46). Nothing else shows it.

use rusqlite::{Connection, params};

use crate::api::{ContactId, Event};
use crate::ground::database::{StorageError, first, run};
use crate::ground::work::Work;
use crate::sabotage::{self, Bug};

pub(crate) const TABLES: &str = "
CREATE TABLE unopened (
    contact INTEGER PRIMARY KEY,
    frames INTEGER NOT NULL
) STRICT;
";

/// Frames in a row after which the person is told. A few may be late copies of what was settled long ago.
pub(crate) const TELLING_FRAMES: u32 = 12;

/// Nothing opened a frame that was meant for a contact's queue (KE-41).
pub(crate) fn note(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "INSERT INTO unopened (contact, frames) VALUES (?1, 1) ON CONFLICT DO UPDATE SET frames = frames + 1";
    run(work.db, sql, [contact.column()])?;
    let sql = "SELECT frames FROM unopened WHERE contact = ?1";
    if first(work.db, sql, [contact.column()], |row| row.get::<_, u32>(0))? == Some(TELLING_FRAMES)
        && !sabotage::is_on(Bug::NothingIsSaid)
    {
        work.tell(Event::Unopened { contact });
    }
    Ok(())
}

/// A frame opened, or the contact is met anew: counting begins again.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM unopened WHERE contact = ?1", params![contact.column()])?;
    Ok(())
}

/// Returns whether so much did not open that a new card is in order.
pub(crate) fn is_telling(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    let sql = "SELECT frames FROM unopened WHERE contact = ?1";
    let frames = first(db, sql, [contact.column()], |row| row.get::<_, u32>(0))?;
    Ok(frames.is_some_and(|frames| frames >= TELLING_FRAMES))
}
