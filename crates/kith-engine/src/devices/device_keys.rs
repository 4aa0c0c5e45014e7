//! Device keys that rotate: when this device draws another one towards a contact, and what it knows of the keys of others.
//!
//! Which rotation is believed, the session crate decides (KS-52 to KS-56). Rotations are remembered here, also those that do not follow
//! what is known yet: a list may make them follow, and a new device of the person has heard none.

use kith_crypto::random;
use kith_session::{KeyChange, ListChange, ListedDevice, PeerKeys, RotationRefusal};
use kith_wire::Wire;
use kith_wire::content::KnownBody;
use kith_wire::devices::{Device, DeviceList};
use kith_wire::id::{DeviceId, MessageId};
use kith_wire::rotation::Rotation;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event};
use crate::devices::{own_devices, sync};
use crate::errors::CommandError;
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, count, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::mail::sessions;
use crate::mail::sessions::PeerId;
use crate::people::contacts::{self, Stage};
use crate::people::{cards, own_lists};

/// What version 3 adds. Contacts of before get their turn when it is their turn, one after the other.
pub(crate) const TABLES: &str = "
CREATE TABLE own_rotations (
    contact INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    unheard BLOB
) STRICT;
CREATE TABLE rotation_pace (id INTEGER PRIMARY KEY CHECK (id = 1), hours INTEGER NOT NULL) STRICT;
CREATE TABLE device_keys (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    keys BLOB NOT NULL,
    PRIMARY KEY (contact, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE rotations (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    number INTEGER NOT NULL,
    rotation BLOB NOT NULL,
    PRIMARY KEY (contact, device, number, rotation)
) STRICT, WITHOUT ROWID;
INSERT INTO own_rotations (contact, at) SELECT id, 0 FROM contacts WHERE kind = 0 AND stage = 2 AND own IS NOT NULL;
";

/// Hours between two rotations, when the person has chosen nothing.
const USUAL_HOURS: u32 = 7 * 24;
/// The most hours that a person may choose: within the life of a list.
pub(crate) const MAX_HOURS: u32 = 31 * 24;
/// Rotations of one device that are remembered. More than two lists are apart at the usual pace; whoever chooses a faster one and
/// is met by a new device waits for the next list at worst. 40 KB per device.
const MAX_REMEMBERED: i64 = 100;

/// Chooses how often device keys rotate.
pub(crate) fn set_pace(work: &mut Work<'_>, hours: u32) -> Result<(), CommandError> {
    if !(1..=MAX_HOURS).contains(&hours) {
        return Err(CommandError::BadPace);
    }
    run(work.db, "INSERT OR REPLACE INTO rotation_pace (id, hours) VALUES (1, ?1)", [hours])?;
    for contact in all(work.db, "SELECT contact FROM own_rotations", [], |row| row.get(0).map(ContactId::from_column))?
    {
        begin(work, contact)?;
    }
    Ok(())
}

/// Returns how many hours are between two rotations.
pub(crate) fn pace_hours(db: &Connection) -> Result<u32, StorageError> {
    Ok(chosen_hours(db)?.unwrap_or(USUAL_HOURS))
}

/// Returns the hours that the person has chosen.
pub(crate) fn chosen_hours(db: &Connection) -> Result<Option<u32>, StorageError> {
    first(db, "SELECT hours FROM rotation_pace", [], |row| row.get(0))
}

/// Takes over the hours that the person had chosen on another device.
pub(crate) fn keep_pace(db: &Connection, hours: u32) -> Result<(), StorageError> {
    if (1..=MAX_HOURS).contains(&hours) {
        run(db, "INSERT OR REPLACE INTO rotation_pace (id, hours) VALUES (1, ?1)", [hours])?;
    }
    Ok(())
}

fn pace_seconds(db: &Connection) -> Result<u64, StorageError> {
    Ok(u64::from(pace_hours(db)?) * 3600)
}

/// Draws when this device rotates its key towards a contact for the first time: at any moment, so that what contacts see has nothing
/// in common (KE-40).
pub(crate) fn begin(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let seconds = below(work, pace_seconds(work.db)?);
    let sql = "INSERT INTO own_rotations (contact, at) SELECT id, ?2 FROM contacts WHERE id = ?1 AND kind = 0 \
               ON CONFLICT (contact) DO UPDATE SET at = ?2";
    run(work.db, sql, params![contact.column(), column(work.now.plus_seconds(seconds).0)])?;
    Ok(())
}

/// This device has other keys towards a contact than before: nothing of the old ones is waited for.
pub(crate) fn drawn(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    run(work.db, "DELETE FROM own_rotations WHERE contact = ?1", [contact.column()])?;
    begin(work, contact)
}

/// Forgets what is known of the keys towards a contact.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    for sql in [
        "DELETE FROM own_rotations WHERE contact = ?1",
        "DELETE FROM device_keys WHERE contact = ?1",
        "DELETE FROM rotations WHERE contact = ?1",
    ] {
        run(db, sql, [contact.column()])?;
    }
    Ok(())
}

/// Draws a number of seconds below a bound.
pub(crate) fn below(work: &mut Work<'_>, seconds: u64) -> u64 {
    (u64::from(u32::from_be_bytes(random::bytes(work.rng))) * seconds) >> 32
}

/// Rotates the key towards the contact whose time has come (KE-61). When it has come for several, because the device was off, the others
/// follow one after the other.
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT contact FROM own_rotations WHERE at <= ?1 ORDER BY at, contact";
    let due = all(work.db, sql, [column(work.now.0)], |row| row.get(0).map(ContactId::from_column))?;
    if due.is_empty() {
        return Ok(());
    }
    let pace = pace_seconds(work.db)?;
    let between = (pace / (4 * count(work.db, "SELECT count(*) FROM own_rotations", [])?.max(1))).min(3600);
    for (place, contact) in (0..).zip(due) {
        let seconds = if place == 0 {
            rotate(work, contact)?;
            least_pause(pace) + below(work, longest_pause(pace) - least_pause(pace))
        } else {
            between * place * 2 + below(work, between)
        };
        let at = column(work.now.plus_seconds(seconds).0);
        run(work.db, "UPDATE own_rotations SET at = ?2 WHERE contact = ?1", params![contact.column(), at])?;
    }
    Ok(())
}

/// The shortest time between two rotations: a quarter less than the pace.
const fn least_pause(pace: u64) -> u64 {
    pace * 3 / 4
}

/// The longest time between two rotations: a quarter more than the pace.
const fn longest_pause(pace: u64) -> u64 {
    pace * 5 / 4
}

/// Returns when keys rotate.
pub(crate) fn put_off(db: &Connection) -> Result<PutOff, StorageError> {
    let longest_ms = longest_pause(pace_seconds(db)?) * 1000;
    Ok(PutOff { table: "own_rotations", time: "at", which: ANY, longest_ms, mended: Mended::ByAsMuch })
}

/// Draws the next key towards a contact, and tells its devices and the siblings (KE-62), unless the last one was heard by nobody (KE-61).
fn rotate(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let is_unheard = "SELECT 1 FROM own_rotations WHERE contact = ?1 AND unheard IS NOT NULL";
    let Some(known) = contacts::find(work.db, contact)? else { return forget(work.db, contact) };
    let is_reachable = known.stage == Stage::Established && !known.blocked && !known.unusable && !known.is_sibling;
    if !is_reachable || own_devices::is_revoked(work.db)? || exists(work.db, is_unheard, [contact.column()])? {
        return Ok(());
    }
    let (Some(conversation), Some(mut own)) = (known.conversation, own_lists::own_device(work.db, contact)?) else {
        return Ok(());
    };
    let is_named = own_lists::newest(work.db, contact)?.is_some_and(|list| is_named(list.get(), own.id()));
    if !is_named || !has_session(work.db, contact)? {
        return Ok(());
    }
    let Some(rotation) = own.rotate(work.now, work.rng) else { return Ok(()) };
    let sql = "UPDATE contacts SET own = ?2 WHERE id = ?1";
    run(work.db, sql, params![contact.column(), own.to_bytes().as_slice()])?;
    remember(work.db, contact, own.id(), &rotation)?;
    let message = MessageId(random::bytes(work.rng));
    let sql = "UPDATE own_rotations SET unheard = ?2 WHERE contact = ?1";
    run(work.db, sql, params![contact.column(), message.0])?;
    let lamport = contacts::next_lamport(work.db, contact)?;
    let body = KnownBody::Rotation { rotation: rotation.clone() };
    let content = NewContent { peer: None, message, lamport, disappears: None, body, attachment: None };
    if let Err(CommandError::Storage(problem)) = outbox::send(work, contact, content) {
        return Err(problem);
    }
    sync::tell(work, &SyncItem::Rotation { contact: conversation, rotation })
}

fn is_named(list: &DeviceList, id: DeviceId) -> bool {
    list.devices.iter().any(|device| device.id == id)
}

fn has_session(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    for peer in sessions::in_use(db, contact)? {
        if peer.session(db)?.is_some_and(|session| session.is_established()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A device of a contact has acknowledged a content: when it was the last rotation, there may be a next one.
pub(crate) fn acked(db: &Connection, message: MessageId) -> Result<(), StorageError> {
    run(db, "UPDATE own_rotations SET unheard = NULL WHERE unheard = ?1", [message.0])?;
    Ok(())
}

/// A device of a contact said that it has another key (KE-62). Only of devices that the contact's list names: nobody else is asked.
pub(crate) fn heard(work: &mut Work<'_>, contact: ContactId, rotation: &Rotation) -> Result<(), StorageError> {
    let Some(list) = cards::peer_list(work.db, contact)? else { return Ok(()) };
    let named = device_of(rotation).filter(|device| is_named(&list, *device));
    if named.is_some() && learn(work, contact, rotation)? {
        let conversation = contacts::find(work.db, contact)?.and_then(|known| known.conversation);
        let Some(contact) = conversation else { return Ok(()) };
        sync::tell(work, &SyncItem::Rotation { contact, rotation: rotation.clone() })?;
    }
    Ok(())
}

/// A sibling said that it has another key towards a contact, or passed on what a device of the contact said.
pub(crate) fn told(work: &mut Work<'_>, contact: ContactId, rotation: &Rotation) -> Result<(), StorageError> {
    learn(work, contact, rotation)?;
    Ok(())
}

fn device_of(rotation: &Rotation) -> Option<DeviceId> {
    rotation.statement.decode_unverified().ok().map(|said| said.device)
}

/// Takes a rotation into account, and remembers it for lists to come. Returns whether it is news.
fn learn(work: &mut Work<'_>, contact: ContactId, rotation: &Rotation) -> Result<bool, StorageError> {
    let Some(id) = device_of(rotation) else { return Ok(false) };
    if contacts::find(work.db, contact)?.is_none_or(|known| known.device == Some(id)) {
        return Ok(false);
    }
    let Some(mut keys) = known_or_listed(work.db, contact, id)? else { return Ok(false) };
    let change = keys.learn(rotation, work.now);
    if change == Err(RotationRefusal::Invalid) || change == Ok(KeyChange::Known) {
        return Ok(false);
    }
    remember(work.db, contact, id, rotation)?;
    if change == Ok(KeyChange::Advanced) {
        catch_up(work, contact, &mut keys)?;
    }
    store(work.db, contact, &keys)?;
    if change == Ok(KeyChange::Forked) {
        work.tell(Event::DeviceKeyForked { contact });
    }
    Ok(change.is_ok())
}

/// Takes remembered rotations into account that follow by now.
fn catch_up(work: &mut Work<'_>, contact: ContactId, keys: &mut PeerKeys) -> Result<(), StorageError> {
    for rotation in remembered(work.db, contact, keys.device())? {
        if keys.learn(&rotation, work.now) == Ok(KeyChange::Forked) {
            work.tell(Event::DeviceKeyForked { contact });
        }
    }
    Ok(())
}

/// A newer list is known, of the contact's or the person's devices (KS-55).
pub(crate) fn listed(work: &mut Work<'_>, contact: ContactId, list: &DeviceList) -> Result<(), StorageError> {
    let own = own_lists::own_device(work.db, contact)?;
    for device in &list.devices {
        if let Some(own) = own.as_ref().filter(|own| own.id() == device.id) {
            // Whoever has the list has the key: it need not have heard of the rotation.
            if own.entry(1).device_key == device.device_key {
                run(work.db, "UPDATE own_rotations SET unheard = NULL WHERE contact = ?1", [contact.column()])?;
            }
            continue;
        }
        if let Some(mut keys) = known(work.db, contact, device.id)? {
            keys.learn_list(device, list.version, work.now);
            catch_up(work, contact, &mut keys)?;
            store(work.db, contact, &keys)?;
        }
    }
    Ok(())
}

/// Returns a device as it is met by now; nothing when its keys contradict each other (KS-54).
pub(crate) fn current(
    work: &Work<'_>,
    contact: ContactId,
    device: ListedDevice,
) -> Result<Option<ListedDevice>, StorageError> {
    match known(work.db, contact, device.id())? {
        Some(keys) => Ok(device.rotated(&keys, work.now)),
        None => Ok(Some(device)),
    }
}

/// Returns the newest keys of the devices that a list names, where it names others.
pub(crate) fn changes(db: &Connection, contact: ContactId, list: &DeviceList) -> Result<Vec<ListChange>, StorageError> {
    let own = own_lists::own_device(db, contact)?;
    let mut changes = Vec::new();
    for device in &list.devices {
        let key = match own.as_ref().filter(|own| own.id() == device.id) {
            Some(own) => Some(own.entry(1).device_key),
            None => known(db, contact, device.id)?.map(|keys| keys.current()),
        };
        changes.extend(key.filter(|key| *key != device.device_key).map(|key| ListChange::Key(device.id, key)));
    }
    Ok(changes)
}

/// Tells a new device of the person what was heard of the keys of all devices, its own siblings' included.
pub(crate) fn tell_known(work: &mut Work<'_>, contact: ContactId, to: ContactId) -> Result<(), StorageError> {
    let known = contacts::find(work.db, contact)?.and_then(|known| known.conversation);
    let Some(conversation) = known else { return Ok(()) };
    for rotation in all_remembered(work.db, contact)? {
        sync::tell_one(work, to, &SyncItem::Rotation { contact: conversation, rotation })?;
    }
    Ok(())
}

/// Returns what was heard of the keys of all devices towards a contact, its own and the person's.
pub(crate) fn all_remembered(db: &Connection, contact: ContactId) -> Result<Vec<Rotation>, StorageError> {
    let sql = "SELECT DISTINCT device FROM rotations WHERE contact = ?1";
    let devices = all(db, sql, [contact.column()], |row| row.get(0).map(DeviceId))?;
    let rotations = devices.into_iter().map(|device| remembered(db, contact, device));
    Ok(rotations.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Tells a device of a contact that was restored from a backup the keys of the person's devices since the newest list: what was told
/// before, a device told that is gone.
pub(crate) fn tell_since_list(work: &mut Work<'_>, contact: ContactId, peer: PeerId) -> Result<(), StorageError> {
    let Some(list) = own_lists::newest(work.db, contact)? else { return Ok(()) };
    for device in &list.get().devices {
        let mut key = device.device_key;
        for rotation in remembered(work.db, contact, device.id)? {
            let Ok(said) = rotation.statement.decode_unverified() else { continue };
            if said.old != key {
                continue;
            }
            key = said.new;
            let message = MessageId(random::bytes(work.rng));
            let lamport = contacts::next_lamport(work.db, contact)?;
            let body = KnownBody::Rotation { rotation };
            let content = NewContent { peer: Some(peer), message, lamport, disappears: None, body, attachment: None };
            if let Err(CommandError::Storage(problem)) = outbox::send(work, contact, content) {
                return Err(problem);
            }
        }
    }
    Ok(())
}

fn known(db: &Connection, contact: ContactId, device: DeviceId) -> Result<Option<PeerKeys>, StorageError> {
    let sql = "SELECT keys FROM device_keys WHERE contact = ?1 AND device = ?2";
    let bytes = first(db, sql, params![contact.column(), device.0], |row| row.get::<_, Vec<u8>>(0))?;
    let keys = bytes.map(|bytes| PeerKeys::from_bytes(&bytes)).transpose();
    keys.map_err(|_| StorageError::Damaged("device_keys"))
}

fn known_or_listed(db: &Connection, contact: ContactId, id: DeviceId) -> Result<Option<PeerKeys>, StorageError> {
    if let Some(keys) = known(db, contact, id)? {
        return Ok(Some(keys));
    }
    let lists = [cards::peer_list(db, contact)?, own_lists::newest(db, contact)?.map(|list| list.into_inner())];
    let find = |list: &DeviceList| {
        let device: &Device = list.devices.iter().find(|device| device.id == id)?;
        Some(PeerKeys::of_list(device, list.version))
    };
    Ok(lists.iter().flatten().find_map(find))
}

fn store(db: &Connection, contact: ContactId, keys: &PeerKeys) -> Result<(), StorageError> {
    let sql = "INSERT OR REPLACE INTO device_keys (contact, device, keys) VALUES (?1, ?2, ?3)";
    run(db, sql, params![contact.column(), keys.device().0, keys.to_bytes().as_slice()])?;
    Ok(())
}

fn remember(db: &Connection, contact: ContactId, device: DeviceId, rotation: &Rotation) -> Result<(), StorageError> {
    let number = rotation.statement.decode_unverified().map_or(0, |said| said.number);
    let sql = "INSERT OR IGNORE INTO rotations (contact, device, number, rotation) VALUES (?1, ?2, ?3, ?4)";
    run(db, sql, params![contact.column(), device.0, number, rotation.to_bytes()])?;
    let sql = "DELETE FROM rotations WHERE contact = ?1 AND device = ?2 AND (number, rotation) IN \
               (SELECT number, rotation FROM rotations WHERE contact = ?1 AND device = ?2 \
                ORDER BY number DESC, rotation LIMIT -1 OFFSET ?3)";
    run(db, sql, params![contact.column(), device.0, MAX_REMEMBERED])?;
    Ok(())
}

fn remembered(db: &Connection, contact: ContactId, device: DeviceId) -> Result<Vec<Rotation>, StorageError> {
    let sql = "SELECT rotation FROM rotations WHERE contact = ?1 AND device = ?2 ORDER BY number, rotation";
    let rows = all(db, sql, params![contact.column(), device.0], |row| row.get::<_, Vec<u8>>(0))?;
    rows.iter().map(|bytes| Rotation::from_bytes(bytes).map_err(|_| StorageError::Damaged("rotations"))).collect()
}
