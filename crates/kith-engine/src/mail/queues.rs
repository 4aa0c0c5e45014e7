//! The own queues: spare ones, those of contacts, old ones that are still read, and those to be deleted.
//!
//! Every queue is at the own home server and has a lookup key and a send capability of its own.

use kith_crypto::capability::new_send;
use kith_crypto::sign::LookupSecret;
use kith_wire::Timestamp;
use kith_wire::address::QueueAddress;
use kith_wire::id::{ReaderId, SendCapability, SenderId};
use rusqlite::{Connection, Row, params};

use crate::api::ContactId;
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, count, exists, first, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::sessions::{self, PeerId};
use crate::people::introductions;

pub(crate) const TABLES: &str = "
CREATE TABLE queues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lookup BLOB NOT NULL,
    capability BLOB NOT NULL,
    reader BLOB UNIQUE,
    sender BLOB,
    state INTEGER NOT NULL,
    contact INTEGER,
    retires INTEGER
) STRICT;
CREATE INDEX queues_by_contact ON queues (contact);
";

/// A queue in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueueId(pub(crate) i64);

/// Where a queue stands. The numbers are those of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueState {
    /// Drawn here, not yet made at the home server.
    Wanted = 0,
    /// Made, and nobody knows it.
    Spare = 1,
    /// A contact writes here, or was told to.
    Used = 2,
    /// A contact was moved away; read until it retires.
    Old = 3,
    /// To be deleted at the home server.
    Gone = 4,
}

/// Queues that wait for the next cards. Making one needs a round trip, so that without them a card could not be made offline.
const SPARE_QUEUES: u64 = 3;

/// A queue.
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) lookup: LookupSecret,
    pub(crate) capability: SendCapability,
    pub(crate) names: Option<(ReaderId, SenderId)>,
    pub(crate) state: QueueState,
    pub(crate) contact: Option<ContactId>,
}

const COLUMNS: &str = "id, lookup, capability, reader, sender, state, contact";

fn read(row: &Row<'_>) -> rusqlite::Result<Queue> {
    let reader: Option<[u8; 24]> = row.get(3)?;
    let sender: Option<[u8; 24]> = row.get(4)?;
    let state = match row.get::<_, i64>(5)? {
        0 => QueueState::Wanted,
        1 => QueueState::Spare,
        2 => QueueState::Used,
        3 => QueueState::Old,
        _ => QueueState::Gone,
    };
    let contact: Option<i64> = row.get(6)?;
    Ok(Queue {
        id: QueueId(row.get(0)?),
        lookup: LookupSecret::from_seed(row.get(1)?),
        capability: SendCapability::new(row.get(2)?),
        names: reader.zip(sender).map(|(reader, sender)| (ReaderId(reader), SenderId(sender))),
        state,
        contact: contact.map(ContactId::from_column),
    })
}

/// Draws queues until there are enough spare ones. They are made at the home server when it can be reached.
pub(crate) fn keep_spare(work: &mut Work<'_>) -> Result<(), StorageError> {
    let there = count(work.db, "SELECT count(*) FROM queues WHERE state IN (0, 1)", [])?;
    // Contacts that a sibling has met need one each.
    let waiting = introductions::waiting_for_queues(work.db)?.len() as u64;
    for _ in there..SPARE_QUEUES + waiting {
        let lookup = LookupSecret::generate(work.rng);
        let capability = new_send(work.rng);
        run(
            work.db,
            "INSERT INTO queues (lookup, capability, state) VALUES (?1, ?2, 0)",
            params![lookup.expose(), capability.expose()],
        )?;
    }
    Ok(())
}

/// Remembers the names that the home server gave. Returns whether they are new, as they must be: two contacts with a
/// name in common could tell that they know the same person.
pub(crate) fn made(db: &Connection, id: QueueId, reader: ReaderId, sender: SenderId) -> Result<bool, StorageError> {
    let names = params![id.0, reader.0, sender.0];
    if exists(db, "SELECT 1 FROM queues WHERE id <> ?1 AND (reader = ?2 OR sender = ?3)", names)? {
        return Ok(false);
    }
    run(db, "UPDATE queues SET reader = ?2, sender = ?3, state = 1 WHERE id = ?1 AND state = 0", names)?;
    Ok(true)
}

/// Gives a spare queue to a contact (KE-6: a queue belongs to one contact for ever) and returns its address.
pub(crate) fn take_spare(work: &mut Work<'_>, contact: ContactId) -> Result<(QueueId, QueueAddress), CommandError> {
    let sql = format!("SELECT {COLUMNS} FROM queues WHERE state = 1 ORDER BY id LIMIT 1");
    let queue = first(work.db, &sql, [], read)?.ok_or(CommandError::NoSpareQueue)?;
    run(work.db, "UPDATE queues SET state = 2, contact = ?2 WHERE id = ?1", params![queue.id.0, contact.column()])?;
    keep_spare(work)?;
    let address = address(work.db, &queue)?;
    Ok((queue.id, address))
}

/// Returns whether a home server has made any queue.
pub(crate) fn are_known(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM queues WHERE reader IS NOT NULL", [])
}

/// Returns whether a card could be made now.
pub(crate) fn spare(db: &Connection) -> Result<u64, StorageError> {
    count(db, "SELECT count(*) FROM queues WHERE state = 1", [])
}

/// Returns what a contact needs in order to write into a queue.
pub(crate) fn address(db: &Connection, queue: &Queue) -> Result<QueueAddress, StorageError> {
    let person = person::find(db)?.ok_or(StorageError::Damaged("person"))?;
    let (_, sender_id) = queue.names.ok_or(StorageError::Damaged("queues"))?;
    Ok(QueueAddress { server: person.address, sender_id, capability: queue.capability.clone() })
}

/// Returns a queue by its reader's name.
pub(crate) fn by_reader(db: &Connection, reader: &ReaderId) -> Result<Option<Queue>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM queues WHERE reader = ?1"), [reader.0], read)
}

/// Returns the queues of a contact, oldest first.
pub(crate) fn of_contact(db: &Connection, contact: ContactId) -> Result<Vec<Queue>, StorageError> {
    all(db, &format!("SELECT {COLUMNS} FROM queues WHERE contact = ?1 ORDER BY id"), [contact.column()], read)
}

/// Returns the queues that are not made yet.
pub(crate) fn wanted(db: &Connection) -> Result<Vec<Queue>, StorageError> {
    all(db, &format!("SELECT {COLUMNS} FROM queues WHERE state = 0 ORDER BY id"), [], read)
}

/// Returns the queues to delete.
pub(crate) fn gone(db: &Connection) -> Result<Vec<Queue>, StorageError> {
    all(db, &format!("SELECT {COLUMNS} FROM queues WHERE state = 4 ORDER BY id"), [], read)
}

/// Returns the queues to prove reading for: those of contacts that are not blocked (KE-7), and those to delete.
pub(crate) fn readable(db: &Connection) -> Result<Vec<Queue>, StorageError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM queues WHERE reader IS NOT NULL AND (state = 4 OR (state IN (2, 3) AND contact IN \
         (SELECT id FROM contacts WHERE blocked = 0))) ORDER BY id"
    );
    all(db, &sql, [], read)
}

/// A device of the contact writes into `sender` now. When all of them do, older queues of theirs retire a day later, for what
/// is still under way; until then they are read for those that are silent, but not for ever (KE-47).
pub(crate) fn moved(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    sender: &SenderId,
) -> Result<(), StorageError> {
    let queues = of_contact(work.db, contact)?;
    let named = queues.iter().find(|queue| queue.names.is_some_and(|(_, own)| own == *sender));
    let Some(newest) = named.map(|queue| queue.id) else { return Ok(()) };
    sessions::writes_to(work.db, peer, newest)?;
    let all_did = sessions::writing_elsewhere(work.db, contact, newest)?.is_empty();
    let seconds = if all_did { RETIRES_AFTER_SECONDS } else { SILENT_SECONDS };
    let retires = column(work.now.plus_seconds(seconds).0);
    for queue in queues.iter().filter(|queue| queue.id < newest) {
        let sql =
            "UPDATE queues SET state = 3, retires = min(coalesce(retires, ?2), ?2) WHERE id = ?1 AND state IN (2, 3)";
        run(work.db, sql, params![queue.id.0, retires])?;
    }
    Ok(())
}

/// Seconds for which an old queue is read after the contact's devices use the new one.
const RETIRES_AFTER_SECONDS: u64 = 24 * 3600;
/// Seconds for which an old queue is read for devices of the contact that have not said that they use the new one: as long as
/// anything can be under way to them, and back.
const SILENT_SECONDS: u64 = 28 * 24 * 3600;

/// Lets old queues go whose time is over.
pub(crate) fn retire(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    run(db, "UPDATE queues SET state = 4, contact = NULL WHERE state = 3 AND retires <= ?1", [column(now.0)])?;
    Ok(())
}

/// Lets all queues of a contact go.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "UPDATE queues SET state = 4, contact = NULL WHERE contact = ?1", [contact.column()])?;
    Ok(())
}

/// Removes a queue that the home server has deleted.
pub(crate) fn deleted(db: &Connection, id: QueueId) -> Result<(), StorageError> {
    run(db, "DELETE FROM queues WHERE id = ?1 AND state = 4", [id.0])?;
    Ok(())
}

#[cfg(test)]
mod tests;
