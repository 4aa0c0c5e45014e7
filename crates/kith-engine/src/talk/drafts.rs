//! Drafts: kept here, and told to the siblings a moment after the last letter, the newest only (KE-87).

use kith_crypto::random;
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::sync::{Setting, SyncItem};
use rusqlite::params;

use crate::api::{ContactId, Event};
use crate::devices::contact_copies;
use crate::devices::siblings;
use crate::devices::sync;
use crate::errors::CommandError;
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, exists, first, number, run};
use crate::ground::work::Work;
use crate::mail::outbox;
use crate::people::contacts;
use kith_wire::Timestamp;

/// What version 4 adds: when a draft was typed, when it is told, and under which name it was told to whom last.
pub(crate) const TABLES_4: &str = "
ALTER TABLE contacts ADD COLUMN draft_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN draft_due INTEGER;
CREATE INDEX contacts_by_draft ON contacts (draft_due) WHERE draft_due IS NOT NULL;
CREATE TABLE drafts_told (
    contact INTEGER NOT NULL,
    sibling INTEGER NOT NULL,
    message BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (contact, sibling)
) STRICT, WITHOUT ROWID;
";

/// Milliseconds for which a draft rests before it is told: who types changes it with every letter.
const REST_MS: u64 = 2000;
/// When drafts are told.
pub(crate) const PUT_OFF: PutOff =
    PutOff { table: "contacts", time: "draft_due", which: ANY, longest_ms: REST_MS, mended: Mended::AtOnce };

/// Keeps what the person has typed.
pub(crate) fn save(work: &mut Work<'_>, id: ContactId, text: &str) -> Result<(), CommandError> {
    contacts::required(work.db, id)?;
    if text.len() > MAX_BYTES {
        return Err(CommandError::TooLong { limit: MAX_BYTES });
    }
    let is_told = !siblings::linked(work.db)?.is_empty();
    let due = is_told.then(|| column(work.now.0.saturating_add(REST_MS)));
    let sql = "UPDATE contacts SET draft = ?2, draft_at = max(?3, draft_at + 1), draft_due = ?4 \
               WHERE id = ?1 AND draft <> ?2";
    run(work.db, sql, params![id.column(), text, column(work.now.0), due])?;
    Ok(())
}

/// Bytes of the longest draft: what fits into one message.
const MAX_BYTES: usize = 27_000;

/// The person has sent something: what was typed is not waiting any more, on any device.
pub(crate) fn sent(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    save(work, id, "")
}

/// Tells every draft to a sibling that is new.
pub(crate) fn tell_all(work: &mut Work<'_>) -> Result<(), StorageError> {
    run(work.db, "UPDATE contacts SET draft_due = ?1 WHERE kind = 0 AND draft <> ''", [column(work.now.0)])?;
    tell_due(work)
}

/// Tells the drafts of these weeks again to a sibling to which some were not told (KE-77), also that one was sent meanwhile.
pub(crate) fn tell_again(work: &Work<'_>, sibling: ContactId) -> Result<(), StorageError> {
    run(work.db, "DELETE FROM drafts_told WHERE sibling = ?1", [sibling.column()])?;
    let sql = "UPDATE contacts SET draft_due = coalesce(draft_due, ?1) WHERE kind = 0 AND draft_at > ?2";
    let weeks = work.now.minus_seconds(AGAIN_SECONDS);
    run(work.db, sql, params![column(work.now.0), column(weeks.0)])?;
    Ok(())
}

/// Seconds for which drafts are told again: longer than anything is under way.
const AGAIN_SECONDS: u64 = 100 * 24 * 3600;

/// Tells the drafts that have rested. One that waits here still is replaced; one that is sealed is let go first, so that there is
/// never more than one under way from here to a sibling.
pub(crate) fn tell_due(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT id, conversation, draft, draft_at FROM contacts \
               WHERE draft_due <= ?1 AND kind = 0 AND conversation IS NOT NULL";
    let due = all(work.db, sql, [column(work.now.0)], |row| {
        let draft = Setting { at: Timestamp(number(row.get(3)?)), value: row.get::<_, String>(2)? };
        Ok((ContactId::from_column(row.get(0)?), ConversationId(row.get(1)?), draft))
    })?;
    for (id, contact, draft) in due {
        let mut is_told = true;
        for sibling in siblings::linked(work.db)? {
            is_told &= tell(work, id, sibling.contact, SyncItem::Draft { contact, draft: draft.clone() }, draft.at)?;
        }
        if is_told {
            run(work.db, "UPDATE contacts SET draft_due = NULL WHERE id = ?1", [id.column()])?;
        }
    }
    Ok(())
}

/// Tells a draft to one sibling. Returns whether nothing is left to be told.
fn tell(
    work: &mut Work<'_>,
    id: ContactId,
    sibling: ContactId,
    item: SyncItem,
    at: Timestamp,
) -> Result<bool, StorageError> {
    let key = params![id.column(), sibling.column()];
    let sql = "SELECT message, at FROM drafts_told WHERE contact = ?1 AND sibling = ?2";
    let before = first(work.db, sql, key, |row| Ok((MessageId(row.get(0)?), number(row.get(1)?))))?;
    if let Some((message, told)) = before {
        if told == at.0 {
            return Ok(true);
        }
        if exists(work.db, "SELECT 1 FROM frames WHERE message = ?1 AND deposited IS NULL", [message.0])? {
            return Ok(false);
        }
        outbox::withdraw(work.db, sibling, message)?;
    }
    let message = MessageId(random::bytes(work.rng));
    sync::tell_as(work, sibling, message, &item)?;
    let sql = "INSERT OR REPLACE INTO drafts_told (contact, sibling, message, at) VALUES (?1, ?2, ?3, ?4)";
    run(work.db, sql, params![id.column(), sibling.column(), message.0, column(at.0)])?;
    Ok(true)
}

/// A sibling has told a draft: the later one counts, and of two at once the greater one (KE-53).
pub(crate) fn heard(
    work: &mut Work<'_>,
    conversation: ConversationId,
    draft: &Setting<String>,
) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    if draft.at > contact_copies::latest(work.now) || draft.value.len() > MAX_BYTES {
        return Ok(());
    }
    let sql = "UPDATE contacts SET draft_at = ?2, draft = ?3, draft_due = NULL \
               WHERE id = ?1 AND (draft_at, draft) < (?2, ?3)";
    if run(work.db, sql, params![contact.column(), column(draft.at.0), draft.value])? > 0 {
        work.tell(Event::Contact { contact });
    }
    Ok(())
}

/// Returns what a backup says of the draft for a contact; nothing when the person has never written one.
pub(crate) fn for_backup(db: &rusqlite::Connection, id: ContactId) -> Result<Option<Setting<String>>, StorageError> {
    first(db, "SELECT draft, draft_at FROM contacts WHERE id = ?1 AND draft_at > 0", [id.column()], |row| {
        Ok(Setting { at: Timestamp(number(row.get(1)?)), value: row.get(0)? })
    })
}

/// Forgets what was told of a contact, or to a sibling.
pub(crate) fn forget(db: &rusqlite::Connection, id: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM drafts_told WHERE contact = ?1 OR sibling = ?1", [id.column()])?;
    Ok(())
}
