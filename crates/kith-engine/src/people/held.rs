//! Why what is written to a contact waits, for the person: computed from the tables, and told when it begins and ends.
//!
//! Nothing is decided here: what is sealed for whom is in `sealing.rs`, what stops a session in `peer_list.rs`.

use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::DeviceId;
use kith_wire::signed::Signed;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Ended, Event, Held};
use crate::ground::database::{StorageError, all, first, run};
use crate::ground::work::Work;
use crate::people::cards;
use crate::people::contacts::{self, Contact, Stage};
use crate::people::renewal;

/// What version 4 adds: what was told last of a contact, why its session has ended, and of each session whether the other side has a list of
/// ours that this device does not know.
pub(crate) const TABLES_4: &str = "
ALTER TABLE contacts ADD COLUMN held INTEGER;
ALTER TABLE contacts ADD COLUMN ended INTEGER;
ALTER TABLE peers ADD COLUMN ghost INTEGER NOT NULL DEFAULT 0;
";

/// Returns why nothing is sealed for a contact now (KE-86); nothing when something is, or when its state says enough.
pub(crate) fn why(db: &Connection, id: ContactId, now: Timestamp) -> Result<Option<Held>, StorageError> {
    let Some(contact) = contacts::find(db, id)? else { return Ok(None) };
    if contact.is_sibling || contact.blocked {
        return Ok(None);
    }
    if contact.stage != Stage::Established {
        return Ok(renewal::is_unanswered(db, id, now)?.then_some(Held::Unanswered));
    }
    if contact.unusable {
        return Ok(has_contradicted(db, id)?.then_some(Held::ListsContradict));
    }
    if !is_named(db, &contact)? {
        return Ok(Some(Held::NotNamed));
    }
    let list = cards::peer_list(db, id)?;
    if list.as_ref().is_some_and(|list| list.not_after < now.day()) {
        return Ok(Some(Held::ListRanOut));
    }
    why_of_sessions(db, id, list.as_ref())
}

/// One session that takes what is written is enough.
fn why_of_sessions(db: &Connection, id: ContactId, list: Option<&DeviceList>) -> Result<Option<Held>, StorageError> {
    let sql = "SELECT device, ghost FROM peers WHERE contact = ?1 AND stopped = 0 AND core IS NOT NULL";
    let sessions = all(db, sql, [id.column()], |row| {
        let device: Option<[u8; 16]> = row.get(0)?;
        Ok((device.map(DeviceId), row.get::<_, bool>(1)?))
    })?;
    let is_named = |device: &Option<DeviceId>| match (device, list) {
        (Some(id), Some(list)) => list.devices.iter().any(|device| device.id == *id),
        _ => true,
    };
    let named: Vec<bool> =
        sessions.iter().filter(|(device, _)| is_named(device)).map(|(_, is_ghost)| *is_ghost).collect();
    Ok(match named.as_slice() {
        [] => Some(Held::NotMet),
        all if all.contains(&false) => None,
        _ => Some(Held::UnknownOwnList),
    })
}

/// Returns whether the own list names this device, or one that is to be told does: whoever writes tells it.
fn is_named(db: &Connection, contact: &Contact) -> Result<bool, StorageError> {
    let Some(device) = contact.device else { return Ok(true) };
    let sql = "SELECT coalesce(next_list, own_list) FROM contacts WHERE id = ?1";
    let bytes = first(db, sql, [contact.id.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let Some(bytes) = bytes else { return Ok(true) };
    let list = Signed::<DeviceList>::from_bytes(&bytes).and_then(|list| list.decode_unverified());
    let list = list.map_err(|_| StorageError::Damaged("contacts"))?;
    Ok(list.devices.iter().any(|listed| listed.id == device))
}

fn has_contradicted(db: &Connection, id: ContactId) -> Result<bool, StorageError> {
    let sql = "SELECT ended FROM contacts WHERE id = ?1";
    let ended = first(db, sql, [id.column()], |row| row.get::<_, Option<i64>>(0))?.flatten();
    Ok(ended == Some(LISTS))
}

/// What the column `ended` says of a session that ended for lists of devices. (Of other reasons it says that there was one.)
const LISTS: i64 = 1;
const OTHER: i64 = 0;

/// Remembers why the last session with a contact has ended.
pub(crate) fn note_end(db: &Connection, id: ContactId, why: Ended) -> Result<(), StorageError> {
    let ended = if why == Ended::Devices { LISTS } else { OTHER };
    run(db, "UPDATE contacts SET ended = ?2 WHERE id = ?1", params![id.column(), ended])?;
    Ok(())
}

/// Tells the person when what holds a contact has changed. That two devices have not met yet is no news: it passes by itself.
pub(crate) fn look(work: &mut Work<'_>, id: ContactId) -> Result<(), StorageError> {
    let held = why(work.db, id, work.now)?.filter(|held| *held != Held::NotMet);
    let sql = "UPDATE contacts SET held = ?2 WHERE id = ?1 AND kind = 0 AND held IS NOT ?2";
    if run(work.db, sql, params![id.column(), held.map(|held| held as i64)])? > 0 {
        work.tell(Event::Held { contact: id, why: held });
    }
    Ok(())
}

/// Looks at every contact: a day has passed, and lists run out by the day.
pub(crate) fn look_at_all(work: &mut Work<'_>) -> Result<(), StorageError> {
    for contact in contacts::established(work.db)? {
        look(work, contact)?;
    }
    Ok(())
}
