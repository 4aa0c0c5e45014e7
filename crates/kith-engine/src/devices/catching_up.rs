//! Catching up: a sibling that was away for longer than what it was told is kept, or that was met late, is told again.
//!
//! Changes of messages are numbered. For each sibling this device remembers up to which number everything was with it some weeks ago. When
//! something that was told to it was given up, or it comes back after weeks, it is told everything that changed since (KE-77), a few at a
//! time (KE-78): first the person's devices, contacts and whom the person forgot, then messages. Whatever it knows already changes nothing.

use kith_wire::Timestamp;
use kith_wire::id::{ConversationId, DeviceId, MessageId};
use kith_wire::own::OwnDevice;
use kith_wire::sync::{PastMessage, SyncItem};
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::devices::history::{self, ITEM_BYTES, ITEM_MESSAGES, UNDER_WAY};
use crate::devices::own_devices;
use crate::devices::siblings::{self, Sibling, State};
use crate::devices::sync;
use crate::ground::database::{StorageError, all, column, exists, first, number, run};
use crate::ground::work::Work;
use crate::people::contacts;
use crate::talk::drafts;

/// What version 4 adds: each change of a message gives it a number, its edition, once there is a sibling; what is known of what siblings know; and who is
/// being told again.
pub(crate) const TABLES_4: &str = "
ALTER TABLE messages ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_by_edition ON messages (edition) WHERE edition > 0;
CREATE TABLE editions (id INTEGER PRIMARY KEY CHECK (id = 1), newest INTEGER NOT NULL) STRICT;
INSERT INTO editions (id, newest) VALUES (1, 0);
CREATE TRIGGER edition_of_new AFTER INSERT ON messages WHEN EXISTS (SELECT 1 FROM siblings) BEGIN
    UPDATE editions SET newest = newest + 1;
    UPDATE messages SET edition = (SELECT newest FROM editions) WHERE id = new.id;
END;
CREATE TRIGGER edition_of_old AFTER UPDATE OF kind, text, edit_lamport, lamport, state, disappears ON messages
WHEN EXISTS (SELECT 1 FROM siblings) AND (old.kind, old.text, old.edit_lamport, old.lamport, old.state, coalesce(old.disappears, 0))
    <> (new.kind, new.text, new.edit_lamport, new.lamport, new.state, coalesce(new.disappears, 0)) BEGIN
    UPDATE editions SET newest = newest + 1;
    UPDATE messages SET edition = (SELECT newest FROM editions) WHERE id = new.id;
END;
CREATE TRIGGER edition_by_reaction AFTER INSERT ON reactions WHEN EXISTS (SELECT 1 FROM siblings) BEGIN
    UPDATE editions SET newest = newest + 1;
    UPDATE messages SET edition = (SELECT newest FROM editions) WHERE contact = new.contact AND message = new.message;
END;
CREATE TRIGGER edition_of_reaction AFTER UPDATE ON reactions WHEN EXISTS (SELECT 1 FROM siblings) BEGIN
    UPDATE editions SET newest = newest + 1;
    UPDATE messages SET edition = (SELECT newest FROM editions) WHERE contact = new.contact AND message = new.message;
END;
CREATE TABLE told (
    device BLOB PRIMARY KEY,
    level INTEGER NOT NULL,
    before INTEGER NOT NULL,
    marked INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    behind INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE catching_up (
    sibling INTEGER NOT NULL,
    only INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    next INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (sibling, only)
) STRICT, WITHOUT ROWID;
";

/// What version 5 adds to contacts: when siblings last told each other what a device of the contact may have said to one of them only, and whether they
/// have to do so again.
pub(crate) const TABLES_5: &str = "
ALTER TABLE contacts ADD COLUMN lost_at INTEGER;
ALTER TABLE contacts ADD COLUMN lost_again INTEGER NOT NULL DEFAULT 0;
";

/// Seconds between two times at which siblings tell each other a contact's messages because a device of it was taken out: a contact that links and takes
/// out devices all day costs the person no more than that.
pub(crate) const LOST_AGAIN_SECONDS: u64 = 24 * 3600;
/// Seconds of silence after which a sibling is told again what changed: half of the time for which a queue keeps a frame. What contacts
/// said to it meanwhile may have been given up, and of that nobody here knows.
const AWAY_SECONDS: u64 = 10 * 24 * 3600;
/// Seconds, at least, for which everything must have been with a sibling before it is not told again: what a contact said then has
/// come to both, or comes yet.
const MARGIN_SECONDS: u64 = 14 * 24 * 3600;
/// Seconds between two notes that a sibling was heard.
const NOTE_SECONDS: u64 = 3600;
/// Seconds for which a revoked sibling is waited for, to tell it so.
const WAITING_SECONDS: u64 = 366 * 24 * 3600;
/// Seconds by which clocks may differ where it matters whether a message is of before a device was linked.
const CLOCKS_DIFFER_SECONDS: u64 = 3600;

/// What is known of what a sibling knows.
struct Told {
    device: DeviceId,
    /// Everything up to this change was with it at `marked`.
    level: i64,
    /// Everything up to this one was with it long before that.
    before: i64,
    marked: Timestamp,
    heard: Timestamp,
    /// Something that it was told was given up.
    is_behind: bool,
}

fn find(db: &Connection, device: DeviceId) -> Result<Option<Told>, StorageError> {
    let sql = "SELECT level, before, marked, heard, behind FROM told WHERE device = ?1";
    first(db, sql, [device.0], |row| {
        let (marked, heard) = (Timestamp(number(row.get(2)?)), Timestamp(number(row.get(3)?)));
        Ok(Told { device, level: row.get(0)?, before: row.get(1)?, marked, heard, is_behind: row.get(4)? })
    })
}

fn newest(db: &Connection) -> Result<i64, StorageError> {
    Ok(first(db, "SELECT newest FROM editions", [], |row| row.get(0))?.unwrap_or(0))
}

/// A device was linked, here or by this one: from now on it is told everything.
pub(crate) fn linked(work: &Work<'_>, device: DeviceId) -> Result<(), StorageError> {
    let level = newest(work.db)?;
    remember(work, device, level)
}

/// Remembers a sibling to which nothing after `before` is known to have been told.
fn remember(work: &Work<'_>, device: DeviceId, before: i64) -> Result<(), StorageError> {
    let sql =
        "INSERT OR IGNORE INTO told (device, level, before, marked, heard, behind) VALUES (?1, ?2, ?3, ?4, ?4, 0)";
    run(work.db, sql, params![device.0, newest(work.db)?, before, column(work.now.0)])?;
    Ok(())
}

/// Something that was told to a sibling was given up: it is behind, until it is heard again (KE-77).
pub(crate) fn given_up(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let sql =
        "UPDATE told SET behind = 1 WHERE behind = 0 AND device = (SELECT device FROM siblings WHERE contact = ?1)";
    run(db, sql, [contact.column()])?;
    Ok(())
}

/// A device is none of the person's any more. What it told one sibling and not the other, these two tell each other (KE-79).
pub(crate) fn revoked(db: &Connection, device: DeviceId) -> Result<(), StorageError> {
    run(db, "UPDATE told SET behind = 1 WHERE device <> ?1", [device.0])?;
    Ok(())
}

/// Forgets what a device knows that is dropped.
pub(crate) fn forget(db: &Connection, device: DeviceId) -> Result<(), StorageError> {
    run(db, "DELETE FROM told WHERE device = ?1", [device.0])?;
    Ok(())
}

/// A frame of a sibling opened. One that was behind, was away for long or is heard for the first time is told what it lacks.
pub(crate) fn heard(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some(sibling) = siblings::find(work.db, contact)? else { return Ok(()) };
    if own_devices::is_revoked(work.db)? {
        return Ok(());
    }
    let Some(device) = sibling.device.filter(|_| matches!(sibling.state, State::Linked | State::Revoked)) else {
        return Ok(());
    };
    match find(work.db, device)? {
        Some(told) => {
            let silence = work.now.0.abs_diff(told.heard.0) / 1000;
            if told.is_behind || silence >= AWAY_SECONDS {
                begin(work, &sibling, &told)?;
            } else if silence >= NOTE_SECONDS {
                note_heard(work, device)?;
            }
            mark(work, &sibling, &told)?;
        }
        None => meet(work, &sibling, device)?,
    }
    go_on(work)
}

fn note_heard(work: &Work<'_>, device: DeviceId) -> Result<(), StorageError> {
    run(work.db, "UPDATE told SET heard = ?2 WHERE device = ?1", params![device.0, column(work.now.0)])?;
    Ok(())
}

/// Two siblings have met that a third one linked (KE-80): of what changed before, the older one may not have told the newer one everything, nor
/// the other way round.
fn meet(work: &mut Work<'_>, sibling: &Sibling, device: DeviceId) -> Result<(), StorageError> {
    let lowest = first(work.db, "SELECT min(before) FROM told", [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    remember(work, device, lowest.unwrap_or(newest(work.db)?))?;
    match find(work.db, device)? {
        Some(told) => begin(work, sibling, &told),
        None => Ok(()),
    }
}

/// Begins to tell a sibling what changed. A revoked one is told that it was revoked, and nothing else.
fn begin(work: &mut Work<'_>, sibling: &Sibling, told: &Told) -> Result<(), StorageError> {
    let sql = "UPDATE told SET behind = 0, heard = ?2 WHERE device = ?1";
    run(work.db, sql, params![told.device.0, column(work.now.0)])?;
    if let Some(devices) = own_devices::signed_list(work.db)? {
        sync::tell_one(work, sibling.contact, &SyncItem::Devices { devices })?;
    }
    if sibling.state == State::Revoked {
        return Ok(());
    }
    drafts::tell_again(work, sibling.contact)?;
    add(work, sibling, told, None)
}

/// Adds a job: everything, or the messages of one contact.
fn add(work: &Work<'_>, sibling: &Sibling, told: &Told, only: Option<ContactId>) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    let day = |device: DeviceId| own.one(device).map_or(0, |device| device.since.0);
    // What was before this device was linked, an older one has from elsewhere.
    let is_older = day(told.device) < day(own.device);
    let since = if is_older { own.one(own.device).map_or(Timestamp(0), linked_at) } else { Timestamp(0) };
    let sql = "INSERT OR REPLACE INTO catching_up (sibling, only, contact, next, since) VALUES (?1, ?2, ?3, ?4, ?5)";
    let (only, contact) = only.map_or((EVERYBODY, 0), |only| (only.column(), ALL_CONTACTS));
    run(work.db, sql, params![sibling.contact.column(), only, contact, told.before, column(since.0)])?;
    Ok(())
}

/// A device of a contact was taken out. What it had said to one device and not yet to the other, these two tell each other (KE-79): once a day for a
/// contact, and what is lost meanwhile the next time.
pub(crate) fn lost_one(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let before = column(work.now.minus_seconds(LOST_AGAIN_SECONDS).0);
    let sql = "UPDATE contacts SET lost_at = ?2, lost_again = 0 WHERE id = ?1 AND (lost_at IS NULL OR lost_at <= ?3 OR lost_at > ?2)";
    if run(work.db, sql, params![contact.column(), column(work.now.0), before])? == 0 {
        run(work.db, "UPDATE contacts SET lost_again = 1 WHERE id = ?1", [contact.column()])?;
        return Ok(());
    }
    for sibling in siblings::linked(work.db)? {
        let Some(device) = sibling.device else { continue };
        if let Some(told) = find(work.db, device)? {
            add(work, &sibling, &told, Some(contact))?;
        }
    }
    go_on(work)
}

/// What stands for all contacts.
const EVERYBODY: i64 = 0;

/// Returns when a device was linked, at the earliest.
fn linked_at(device: &OwnDevice) -> Timestamp {
    device.since.start().minus_seconds(CLOCKS_DIFFER_SECONDS)
}

/// When everything is with a sibling, and was some weeks ago too, less must be told again.
fn mark(work: &Work<'_>, sibling: &Sibling, told: &Told) -> Result<(), StorageError> {
    if work.now < told.marked.plus_seconds(MARGIN_SECONDS) && told.marked <= work.now {
        return Ok(());
    }
    let is_open = "SELECT 1 FROM outgoing WHERE contact = ?1 \
                   UNION ALL SELECT 1 FROM frames f JOIN peers p ON p.id = f.peer WHERE p.contact = ?1 AND f.message IS NOT NULL \
                   UNION ALL SELECT 1 FROM catching_up WHERE sibling = ?1 \
                   UNION ALL SELECT 1 FROM history WHERE sibling = ?1 AND next < last";
    if told.is_behind || exists(work.db, is_open, [sibling.contact.column()])? {
        return Ok(());
    }
    let sql = "UPDATE told SET before = ?2, level = ?3, marked = ?4 WHERE device = ?1";
    run(work.db, sql, params![told.device.0, told.level, newest(work.db)?, column(work.now.0)])?;
    Ok(())
}

/// Drops revoked siblings that were not heard for so long that nobody waits for them any more.
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT s.device FROM siblings s JOIN told t ON t.device = s.device WHERE s.state = 3 AND t.heard <= ?1";
    let before = column(work.now.minus_seconds(WAITING_SECONDS).0);
    for device in all(work.db, sql, [before], |row| row.get(0).map(DeviceId))? {
        siblings::drop_device(work, device)?;
    }
    let before = column(work.now.minus_seconds(LOST_AGAIN_SECONDS).0);
    let sql = "SELECT id FROM contacts WHERE lost_again = 1 AND (lost_at <= ?1 OR lost_at > ?2)";
    for contact in all(work.db, sql, [before, column(work.now.0)], |row| row.get(0).map(ContactId::from_column))? {
        lost_one(work, contact)?;
    }
    go_on(work)
}

struct Job {
    sibling: ContactId,
    /// Whose messages are told: all, or those of one contact.
    only: i64,
    contact: i64,
    next: i64,
    since: i64,
}

/// Tells what fits now: nothing while much of what was told before is still under way (KE-78).
pub(crate) fn go_on(work: &mut Work<'_>) -> Result<(), StorageError> {
    let jobs = all(work.db, "SELECT sibling, only, contact, next, since FROM catching_up", [], |row| {
        let sibling = ContactId::from_column(row.get(0)?);
        Ok(Job { sibling, only: row.get(1)?, contact: row.get(2)?, next: row.get(3)?, since: row.get(4)? })
    })?;
    for mut job in jobs {
        let mut step = Step::Told;
        while step == Step::Told && history::n_under_way(work.db, job.sibling)? < UNDER_WAY {
            step = tell_contact(work, &mut job)?;
            if step == Step::Done {
                step = tell_messages(work, &mut job)?;
            }
        }
        if step == Step::Done {
            let sql = "DELETE FROM catching_up WHERE sibling = ?1 AND only = ?2";
            run(work.db, sql, params![job.sibling.column(), job.only])?;
        } else {
            let sql = "UPDATE catching_up SET contact = ?3, next = ?4 WHERE sibling = ?1 AND only = ?2";
            run(work.db, sql, params![job.sibling.column(), job.only, job.contact, job.next])?;
        }
    }
    Ok(())
}

/// Whether there was something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Told,
    Done,
}

/// The place of a job that has told all contacts.
const ALL_CONTACTS: i64 = i64::MAX;
/// Conversations in one item: half of the longest one.
const FORGOTTEN_AT_ONCE: usize = 800;

/// Tells the next contact, and after the last one whom the person has forgotten.
fn tell_contact(work: &mut Work<'_>, job: &mut Job) -> Result<Step, StorageError> {
    if job.contact == ALL_CONTACTS {
        return Ok(Step::Done);
    }
    let sql = "SELECT min(id) FROM contacts WHERE kind = 0 AND stage = 2 AND id > ?1";
    let next = first(work.db, sql, [job.contact], |row| row.get::<_, Option<i64>>(0))?.flatten();
    if let Some(next) = next {
        job.contact = next;
        sync::tell_contact(work, ContactId::from_column(next), Some(job.sibling))?;
        return Ok(Step::Told);
    }
    job.contact = ALL_CONTACTS;
    let sql = "SELECT conversation FROM forgotten";
    let forgotten = all(work.db, sql, [], |row| row.get(0).map(ConversationId))?;
    for contacts in forgotten.chunks(FORGOTTEN_AT_ONCE) {
        sync::tell_one(work, job.sibling, &SyncItem::AllForgotten { contacts: contacts.to_vec() })?;
    }
    Ok(Step::Told)
}

/// Tells the next few messages of one conversation, in the order of their last changes. Of before the sibling was linked it takes only
/// what it has; so it does of what disappears after it was read: nobody knows here whether it was gone there already.
fn tell_messages(work: &mut Work<'_>, job: &mut Job) -> Result<Step, StorageError> {
    let linked = linked_since(work.db, job.sibling)?;
    let sql = "SELECT edition, contact, message, sent >= ?5 AND (direction = 1 OR lifetime IS NULL) FROM messages \
               WHERE edition > ?1 AND sent >= ?2 AND (?4 = 0 OR contact = ?4) ORDER BY edition LIMIT ?3";
    let key = params![job.next, job.since, ITEM_MESSAGES, job.only, column(linked.0)];
    let found = all(work.db, sql, key, |row| {
        let contact = ContactId::from_column(row.get(1)?);
        Ok((row.get::<_, i64>(0)?, contact, MessageId(row.get(2)?), row.get::<_, bool>(3)?))
    })?;
    let Some((_, contact, _, is_new)) = found.first().copied() else { return Ok(Step::Done) };
    let (mut messages, mut bytes) = (Vec::new(), 0);
    for (edition, _, message, _) in found.into_iter().take_while(|(_, of, _, new)| (*of, *new) == (contact, is_new)) {
        if let Some(past) = history::past_message(work.db, contact, message)? {
            let length = past.body.as_ref().map_or(0, Vec::len) + 256;
            if !messages.is_empty() && bytes + length > ITEM_BYTES {
                break;
            }
            bytes += length;
            messages.push(past);
        }
        job.next = edition;
    }
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    if let Some(contact) = conversation.filter(|_| !messages.is_empty()) {
        sync::tell_one(work, job.sibling, &item(contact, messages, is_new))?;
    }
    Ok(Step::Told)
}

fn item(contact: ConversationId, messages: Vec<PastMessage>, is_new: bool) -> SyncItem {
    if is_new {
        SyncItem::History { contact, messages, told: 0, total: 0 }
    } else {
        SyncItem::Changed { contact, messages }
    }
}

fn linked_since(db: &Connection, sibling: ContactId) -> Result<Timestamp, StorageError> {
    let device = siblings::find(db, sibling)?.and_then(|sibling| sibling.device);
    let own = own_devices::find(db)?;
    let device = device.and_then(|device| own.as_ref()?.one(device));
    Ok(device.map_or(Timestamp(0), linked_at))
}
