//! Contacts: names, where they stand, and what the person has set for each.
//!
//! How a contact comes to be is in `cards.rs`; what is said is in `conversations.rs`.

use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::{ContactKey, ConversationId, DeviceId};
use kith_wire::signed::Signed;
use rusqlite::{Connection, Row, params};

use crate::api::{ContactId, Event, Receipts};
use crate::devices::sync;
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, first, number, run};
use crate::ground::once;
use crate::ground::work::{LinkEffect, Work};
use crate::mail::{outbox, queues, sessions};
use crate::people::{card_keys, held, introductions, own_lists, spare_cards};
use crate::talk::{attachments, drafts};

pub(crate) const TABLES: &str = "
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    stage INTEGER NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0,
    verified INTEGER NOT NULL DEFAULT 0,
    receipts INTEGER NOT NULL DEFAULT 1,
    disappearing INTEGER,
    disappearing_set INTEGER NOT NULL DEFAULT 0,
    draft TEXT NOT NULL DEFAULT '',
    lamport INTEGER NOT NULL DEFAULT 0,
    conversation BLOB,
    device BLOB,
    secret BLOB,
    own_list BLOB,
    peer_list BLOB,
    card BLOB,
    card_key BLOB,
    expires INTEGER,
    giver BLOB,
    answerer BLOB,
    answered BLOB,
    digits TEXT,
    pq_since INTEGER,
    unusable INTEGER NOT NULL DEFAULT 0,
    fetch_day INTEGER NOT NULL DEFAULT 0,
    fetch_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX contacts_by_card ON contacts (card);
";

/// What version 2 adds: rows that are siblings (`kind` 1), this device's keys towards the contact, when the two met, when each
/// setting was made, and when devices of the contact that were not met are given a card.
pub(crate) const TABLES_2: &str = "
ALTER TABLE contacts ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN own BLOB;
ALTER TABLE contacts ADD COLUMN met_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN name_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN blocked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN receipts_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN introduce_at INTEGER;
ALTER TABLE contacts ADD COLUMN highest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN next_list BLOB;
ALTER TABLE contacts ADD COLUMN announce_at INTEGER;
CREATE INDEX contacts_by_conversation ON contacts (conversation);
";

/// What version 8 adds: by which ids conversations went before, as a contact that starts anew gives its conversation another one; and since
/// when somebody else came as a contact, where before was only that it is so.
pub(crate) const TABLES_8: &str = "
CREATE TABLE conversations_before (
    conversation BLOB PRIMARY KEY,
    contact INTEGER NOT NULL,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_before_by_contact ON conversations_before (contact, place);
UPDATE contacts SET restored_twice = max(verified_at, 1) WHERE restored_twice = 1;
";

impl ContactId {
    pub(crate) fn column(self) -> i64 {
        column(self.0)
    }

    pub(crate) fn from_column(id: i64) -> Self {
        Self(number(id))
    }
}

/// How far the meeting with a contact has come. The numbers are those of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Invited = 0,
    Answered = 1,
    Established = 2,
}

/// What the rooms need to know of a contact.
pub(crate) struct Contact {
    pub(crate) id: ContactId,
    pub(crate) stage: Stage,
    pub(crate) blocked: bool,
    pub(crate) receipts: Receipts,
    pub(crate) disappearing: Option<u32>,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) device: Option<DeviceId>,
    pub(crate) unusable: bool,
    /// Whether the row is one of the person's own devices.
    pub(crate) is_sibling: bool,
}

const COLUMNS: &str = "id, stage, blocked, receipts, disappearing, conversation, device, unusable, kind";

fn read(row: &Row<'_>) -> rusqlite::Result<Contact> {
    let stage = match row.get::<_, i64>(1)? {
        0 => Stage::Invited,
        1 => Stage::Answered,
        _ => Stage::Established,
    };
    let conversation: Option<[u8; 16]> = row.get(5)?;
    let device: Option<[u8; 16]> = row.get(6)?;
    Ok(Contact {
        id: ContactId::from_column(row.get(0)?),
        stage,
        blocked: row.get(2)?,
        receipts: if row.get(3)? { Receipts::Sent } else { Receipts::Withheld },
        disappearing: row.get(4)?,
        conversation: conversation.map(ConversationId),
        device: device.map(DeviceId),
        unusable: row.get(7)?,
        is_sibling: row.get(8)?,
    })
}

/// Returns a contact.
pub(crate) fn find(db: &Connection, id: ContactId) -> Result<Option<Contact>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM contacts WHERE id = ?1"), [id.column()], read)
}

/// Returns a contact, or refuses. Siblings are no contacts.
pub(crate) fn required(db: &Connection, id: ContactId) -> Result<Contact, CommandError> {
    find(db, id)?.filter(|contact| !contact.is_sibling).ok_or(CommandError::UnknownContact)
}

/// Returns the contact of a conversation, also by an id that it had before.
pub(crate) fn by_conversation(
    db: &Connection,
    conversation: ConversationId,
) -> Result<Option<ContactId>, StorageError> {
    if let Some(contact) = by_present_conversation(db, conversation)? {
        return Ok(Some(contact));
    }
    let sql = "SELECT contact FROM conversations_before WHERE conversation = ?1";
    first(db, sql, [conversation.0], |row| row.get(0).map(ContactId::from_column))
}

/// Returns the contact whose conversation has that id now.
pub(crate) fn by_present_conversation(
    db: &Connection,
    conversation: ConversationId,
) -> Result<Option<ContactId>, StorageError> {
    let sql = "SELECT id FROM contacts WHERE conversation = ?1 AND kind = 0";
    first(db, sql, [conversation.0], |row| row.get(0).map(ContactId::from_column))
}

/// Returns whether a conversation is, or was, the one with somebody else: whoever names it would take that contact's place.
pub(crate) fn is_anothers(db: &Connection, id: ContactId, conversation: ConversationId) -> Result<bool, StorageError> {
    Ok(by_conversation(db, conversation)?.is_some_and(|owner| owner != id))
}

/// KE-129: a conversation goes on under another id, unless that is somebody else's. Siblings that have not heard of it go by the old one.
pub(crate) fn goes_on_as(db: &Connection, id: ContactId, conversation: ConversationId) -> Result<(), StorageError> {
    if is_anothers(db, id, conversation)? {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO conversations_before (conversation, contact, place) \
               SELECT conversation, id, (SELECT coalesce(max(place), 0) + 1 FROM conversations_before) FROM contacts \
               WHERE id = ?1 AND kind = 0 AND conversation <> ?2";
    run(db, sql, params![id.column(), conversation.0])?;
    let sql = "DELETE FROM conversations_before WHERE conversation = ?2 OR contact = ?1 AND place NOT IN \
               (SELECT place FROM conversations_before WHERE contact = ?1 ORDER BY place DESC LIMIT ?3)";
    run(db, sql, params![id.column(), conversation.0, MAX_BEFORE])?;
    run(db, "UPDATE contacts SET conversation = ?2 WHERE id = ?1", params![id.column(), conversation.0])?;
    Ok(())
}

/// Returns by which ids the conversation with a contact went before, the newest last.
pub(crate) fn conversations_before(db: &Connection, id: ContactId) -> Result<Vec<ConversationId>, StorageError> {
    let sql = "SELECT conversation FROM conversations_before WHERE contact = ?1 ORDER BY place";
    all(db, sql, [id.column()], |row| row.get(0).map(ConversationId))
}

/// Ids of before that are remembered of a conversation: a person starts anew less often in the time for which a sibling may be away.
pub(crate) const MAX_BEFORE: u32 = 8;

/// Returns the contacts that siblings are told.
pub(crate) fn established(db: &Connection) -> Result<Vec<ContactId>, StorageError> {
    let sql = "SELECT id FROM contacts WHERE kind = 0 AND stage = 2 ORDER BY id";
    all(db, sql, [], |row| row.get(0).map(ContactId::from_column))
}

/// Returns the contacts for which lists are signed.
pub(crate) fn with_keys(db: &Connection) -> Result<Vec<ContactId>, StorageError> {
    let sql = "SELECT id FROM contacts WHERE kind = 0 AND stage = 2 AND secret IS NOT NULL AND own_list IS NOT NULL ORDER BY id";
    all(db, sql, [], |row| row.get(0).map(ContactId::from_column))
}

/// Returns the key with which a contact signs device lists.
pub(crate) fn peer_key(db: &Connection, id: ContactId) -> Result<Option<ContactKey>, StorageError> {
    let sql = "SELECT peer_list FROM contacts WHERE id = ?1";
    let bytes = first(db, sql, [id.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let list = bytes.map(|bytes| Signed::<DeviceList>::from_bytes(&bytes).and_then(|list| list.decode_unverified()));
    let list = list.transpose().map_err(|_| StorageError::Damaged("contacts"))?;
    Ok(list.map(|list| list.contact_key))
}

/// Returns a contact to whom something can be written, or refuses.
pub(crate) fn writable(db: &Connection, id: ContactId) -> Result<Contact, CommandError> {
    let contact = required(db, id)?;
    if contact.blocked {
        return Err(CommandError::Blocked);
    }
    if contact.unusable {
        return Err(CommandError::SessionUnusable);
    }
    Ok(contact)
}

/// Bytes of the longest name.
const MAX_NAME_BYTES: usize = 200;

/// Returns the name when it can be shown in one line.
pub(crate) fn check_name(name: &str) -> Result<&str, CommandError> {
    let name = name.trim();
    let fine = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if fine { Ok(name) } else { Err(CommandError::BadName) }
}

/// Adds a contact and returns its id. A missing name is made up from the id.
pub(crate) fn add(db: &Connection, name: Option<&str>, stage: Stage) -> Result<ContactId, CommandError> {
    let name = name.map(check_name).transpose()?;
    let sql = "INSERT INTO contacts (name, stage) VALUES (?1, ?2)";
    run(db, sql, params![name.unwrap_or_default(), stage as i64])?;
    let id = db.last_insert_rowid();
    if name.is_none() {
        run(db, "UPDATE contacts SET name = ?2 WHERE id = ?1", params![id, format!("Contact {id}")])?;
    }
    Ok(ContactId::from_column(id))
}

/// Adds a contact whose name cannot be shown: it gets one that is made up.
pub(crate) fn add_nameless(db: &Connection, stage: Stage) -> Result<ContactId, StorageError> {
    match add(db, None, stage) {
        Ok(id) => Ok(id),
        Err(CommandError::Storage(problem)) => Err(problem),
        Err(_) => Err(StorageError::Damaged("contacts")),
    }
}

/// Gives a contact another name.
pub(crate) fn rename(work: &mut Work<'_>, id: ContactId, name: &str) -> Result<(), CommandError> {
    let name = check_name(name)?;
    set(work, id, "UPDATE contacts SET name = ?2, name_at = max(?3, name_at + 1) WHERE id = ?1", name)
}

/// The digits were the same.
pub(crate) fn confirm_verified(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    if required(work.db, id)?.stage == Stage::Invited {
        return Err(CommandError::NotEstablished);
    }
    set(work, id, CONFIRM, true)
}

/// Later than every alarm that comparing answers, on all devices, whatever the clock says (KE-130).
const CONFIRM: &str = "UPDATE contacts SET verified = ?2, verified_at = max(?3, verified_at + 1, restored_twice + 1, \
                       coalesce(restored_at, 0) + 1, coalesce(refused_another, 0) + 1) WHERE id = ?1";

/// Whether the contact is told what the person has read.
pub(crate) fn set_receipts(work: &mut Work<'_>, id: ContactId, receipts: Receipts) -> Result<(), CommandError> {
    set(
        work,
        id,
        "UPDATE contacts SET receipts = ?2, receipts_at = max(?3, receipts_at + 1) WHERE id = ?1",
        receipts == Receipts::Sent,
    )
}

/// Stops receiving: queues are not read any more, nothing is sent (KE-7).
pub(crate) fn block(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    set(work, id, "UPDATE contacts SET blocked = ?2, blocked_at = max(?3, blocked_at + 1) WHERE id = ?1", true)?;
    work.effects.link = LinkEffect::Reopen;
    Ok(())
}

/// Receives again.
pub(crate) fn unblock(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    set(work, id, "UPDATE contacts SET blocked = ?2, blocked_at = max(?3, blocked_at + 1) WHERE id = ?1", false)?;
    Ok(is_heard_again(work, id)?)
}

/// A contact is not blocked any more: what waited goes out, and its devices that were heard of meanwhile are met.
pub(crate) fn is_heard_again(work: &mut Work<'_>, id: ContactId) -> Result<(), StorageError> {
    outbox::seal_waiting(work, id)?;
    introductions::go_on(work, id)?;
    spare_cards::go_on(work, id)
}

/// Changes a setting, and tells the siblings.
pub(crate) fn set(
    work: &mut Work<'_>,
    id: ContactId,
    sql: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), CommandError> {
    required(work.db, id)?;
    run(work.db, sql, params![id.column(), value, column(work.now.0)])?;
    work.tell(Event::Contact { contact: id });
    Ok(sync::tell_contact(work, id, None)?)
}

/// Deletes a contact with everything that is known of it (KE-12).
pub(crate) fn forget(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    required(work.db, id)?;
    sync::forget(work, id)?;
    Ok(erase(work, id)?)
}

/// Erases everything that is known of a contact.
pub(crate) fn erase(work: &mut Work<'_>, id: ContactId) -> Result<(), StorageError> {
    own_lists::forget(work.db, id)?;
    attachments::forget_contact(work, id)?;
    card_keys::forget(work.db, id)?;
    queues::forget(work.db, id)?;
    sessions::forget(work.db, id)?;
    once::forget(work.db)?;
    drafts::forget(work.db, id)?;
    for sql in [
        "DELETE FROM outgoing WHERE contact = ?1",
        "DELETE FROM reactions WHERE contact = ?1",
        "DELETE FROM early_actions WHERE contact = ?1",
        "DELETE FROM messages WHERE contact = ?1",
        "DELETE FROM unopened WHERE contact = ?1",
        "DELETE FROM seen_early WHERE contact = ?1",
        "DELETE FROM early_states WHERE contact = ?1",
        "DELETE FROM catching_up WHERE only = ?1",
        "DELETE FROM conversations_before WHERE contact = ?1",
        "DELETE FROM contacts WHERE id = ?1",
    ] {
        run(work.db, sql, [id.column()])?;
    }
    work.tell(Event::Contact { contact: id });
    Ok(())
}

/// The highest Lamport number that is believed, and used: a contact that jumps there must not make this side's next
/// content one that nobody takes (KE-20).
pub(crate) const MAX_LAMPORT: u64 = (1 << 48) - 1;
/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 3600;
/// The highest number with which a conversation begins: a clock that is wrong by 34,000 years leaves numbers for as many messages.
const LATEST_START: u64 = 1 << 40;

/// Draws the next Lamport number of a conversation. At the highest one it stays: device and message id give the order then.
pub(crate) fn next_lamport(db: &Connection, id: ContactId) -> Result<u64, StorageError> {
    let sql = "UPDATE contacts SET lamport = min(lamport + 1, ?2) WHERE id = ?1";
    run(db, sql, params![id.column(), column(MAX_LAMPORT)])?;
    let lamport = first(db, "SELECT lamport FROM contacts WHERE id = ?1", [id.column()], |row| row.get(0))?;
    lamport.map(number).ok_or(StorageError::Damaged("contacts"))
}

/// KE-126: a conversation begins with the seconds at which the day began by the clock, and not with 1. Somebody who starts anew, and is taken for
/// who they were, knows no number of before: so what they say next stands below what was said in the years before. Contacts who compare learn
/// no more than the day, which lists say too.
pub(crate) fn begin_lamport(work: &Work<'_>, id: ContactId) -> Result<(), StorageError> {
    let began = work.now.seconds() / DAY_SECONDS * DAY_SECONDS;
    saw_lamport(work.db, id, began.min(LATEST_START))
}

/// Moves the Lamport counter behind one that was seen.
pub(crate) fn saw_lamport(db: &Connection, id: ContactId, seen: u64) -> Result<(), StorageError> {
    let sql = "UPDATE contacts SET lamport = max(lamport, ?2) WHERE id = ?1";
    run(db, sql, params![id.column(), column(seen)])?;
    Ok(())
}

/// Sets how far the meeting has come. Siblings are told of a contact that is established.
pub(crate) fn set_stage(work: &mut Work<'_>, id: ContactId, stage: Stage) -> Result<(), StorageError> {
    let before = find(work.db, id)?.map(|contact| contact.stage);
    let sql = "UPDATE contacts SET stage = ?2, met_at = CASE WHEN ?2 = 2 AND stage < 2 THEN max(?3, met_at + 1) ELSE met_at END WHERE id = ?1";
    run(work.db, sql, params![id.column(), stage as i64, column(work.now.0)])?;
    work.tell(Event::Contact { contact: id });
    if stage == Stage::Established && before != Some(stage) {
        sync::contact_made(work, id)?;
    }
    held::look(work, id)
}
