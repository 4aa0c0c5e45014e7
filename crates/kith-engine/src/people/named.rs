//! Devices of contacts that lists have named, or revoked: awaited until they are met, or gone for good.

use kith_wire::devices::DeviceList;
use kith_wire::id::DeviceId;
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::ground::database::{StorageError, column, count, exists, run};

pub(crate) const TABLES: &str = "
CREATE TABLE peers_revoked (contact INTEGER NOT NULL, device BLOB NOT NULL, PRIMARY KEY (contact, device)) STRICT, WITHOUT ROWID;
";

/// What version 4 adds: devices that a list of a contact named before they were met.
pub(crate) const TABLES_4: &str = "
CREATE TABLE peers_awaited (contact INTEGER NOT NULL, device BLOB NOT NULL, PRIMARY KEY (contact, device)) STRICT, WITHOUT ROWID;
";

/// Devices of a contact that are awaited, or were, at most.
const MAX_AWAITED: u64 = 64;
/// Revocations that are remembered of a contact.
const MAX_REVOKED: u64 = 256;

/// A device is awaited from the first list that names it until it is met or revoked, also when a later list, made without knowing of it,
/// does not name it: the contact's other devices count it as named, and pass nothing on to it (KE-55).
pub(crate) fn await_one(db: &Connection, contact: ContactId, device: DeviceId) -> Result<(), StorageError> {
    let sql = "INSERT OR IGNORE INTO peers_awaited (contact, device) SELECT ?1, ?2 \
               WHERE (SELECT count(*) FROM peers_awaited WHERE contact = ?1) < ?3";
    run(db, sql, params![contact.column(), device.0, column(MAX_AWAITED)])?;
    Ok(())
}

/// Returns how many devices of a contact were named and are not met yet.
pub(crate) fn n_awaited(db: &Connection, contact: ContactId) -> Result<u64, StorageError> {
    let sql = "SELECT count(*) FROM peers_awaited a WHERE a.contact = ?1 \
               AND NOT EXISTS (SELECT 1 FROM peers p WHERE p.contact = a.contact AND p.device = a.device) \
               AND NOT EXISTS (SELECT 1 FROM peers_revoked r WHERE r.contact = a.contact AND r.device = a.device)";
    count(db, sql, [contact.column()])
}

/// Remembers whom a contact's list revokes: for good, also when a later list, made without knowing of it, names them again (KE-60).
pub(crate) fn note_revoked(db: &Connection, contact: ContactId, list: &DeviceList) -> Result<(), StorageError> {
    list.revoked.iter().try_for_each(|revoked| note_gone(db, contact, revoked.id))
}

/// Remembers a device that no list revokes and that is a device of the contact no more.
pub(crate) fn note_gone(db: &Connection, contact: ContactId, device: DeviceId) -> Result<(), StorageError> {
    let sql = "INSERT OR IGNORE INTO peers_revoked (contact, device) SELECT ?1, ?2 \
               WHERE (SELECT count(*) FROM peers_revoked WHERE contact = ?1) < ?3";
    run(db, sql, params![contact.column(), device.0, column(MAX_REVOKED)])?;
    Ok(())
}

/// Returns whether any list of a contact has revoked a device.
pub(crate) fn is_revoked(db: &Connection, contact: ContactId, device: DeviceId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM peers_revoked WHERE contact = ?1 AND device = ?2";
    exists(db, sql, params![contact.column(), device.0])
}

/// Forgets what the lists of a contact have said of its devices.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM peers_revoked WHERE contact = ?1", [contact.column()])?;
    run(db, "DELETE FROM peers_awaited WHERE contact = ?1", [contact.column()])?;
    Ok(())
}
