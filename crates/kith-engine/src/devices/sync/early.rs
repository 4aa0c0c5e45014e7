//! What siblings and contacts say before that to which it belongs is here: kept, and taken in its turn (KE-53).
//!
//! One sibling may tell of a contact later than another one tells what was said to it; and a contact may say that a message was read
//! before the sibling that wrote it has told it.

use kith_wire::Wire;
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, MessageState};
use crate::devices::siblings;
use crate::ground::database::{StorageError, all, count, first, run};
use crate::ground::work::Work;
use crate::people::contacts;
use crate::talk::conversations::{self, state_column, state_of_column};

/// Items that are kept of contacts that are not known yet.
const MAX_ITEMS: u64 = 10_000;
/// States that are kept in a conversation.
const MAX_STATES: u64 = 10_000;

/// Keeps an item about a contact that this device has not heard of. Returns whether it did.
pub(super) fn keep(work: &Work<'_>, sibling: ContactId, item: &SyncItem) -> Result<bool, StorageError> {
    let Some(conversation) = conversation_of(item) else { return Ok(false) };
    if contacts::by_conversation(work.db, conversation)?.is_some() || super::is_forgotten(work, conversation)? {
        return Ok(false);
    }
    if count(work.db, "SELECT count(*) FROM early_items", [])? < MAX_ITEMS {
        let sql = "INSERT INTO early_items (conversation, sibling, item) VALUES (?1, ?2, ?3)";
        run(work.db, sql, params![conversation.0, sibling.column(), item.to_bytes()])?;
    }
    Ok(true)
}

/// Takes the items about a contact out that is known now, in the order in which they came, each with who told it.
pub(super) fn take(work: &Work<'_>, conversation: ConversationId) -> Result<Vec<(ContactId, SyncItem)>, StorageError> {
    let sql = "SELECT sibling, item FROM early_items WHERE conversation = ?1 ORDER BY id";
    let items = all(work.db, sql, [conversation.0], |row| {
        Ok((ContactId::from_column(row.get(0)?), row.get::<_, Vec<u8>>(1)?))
    })?;
    forget(work.db, conversation)?;
    Ok(items.into_iter().filter_map(|(from, bytes)| Some((from, SyncItem::from_bytes(&bytes).ok()?))).collect())
}

/// Forgets what was kept about a contact.
pub(super) fn forget(db: &Connection, conversation: ConversationId) -> Result<(), StorageError> {
    run(db, "DELETE FROM early_items WHERE conversation = ?1", [conversation.0])?;
    Ok(())
}

fn conversation_of(item: &SyncItem) -> Option<ConversationId> {
    match item {
        SyncItem::List { contact, .. }
        | SyncItem::Introduction { contact, .. }
        | SyncItem::CardForYou { contact, .. }
        | SyncItem::History { contact, .. }
        | SyncItem::Changed { contact, .. }
        | SyncItem::Seen { contact, .. }
        | SyncItem::States { contact, .. }
        | SyncItem::Rotation { contact, .. }
        | SyncItem::Restored { contact, .. }
        | SyncItem::Draft { contact, .. }
        | SyncItem::Picture { contact, .. } => Some(*contact),
        SyncItem::Said { content } | SyncItem::Heard { content } => Some(content.conversation),
        _ => None,
    }
}

/// Keeps how far a message has come that no sibling has told yet.
pub(crate) fn keep_state(
    work: &Work<'_>,
    contact: ContactId,
    message: MessageId,
    state: MessageState,
) -> Result<(), StorageError> {
    let kept = "SELECT count(*) FROM early_states WHERE contact = ?1";
    if siblings::linked(work.db)?.is_empty() || count(work.db, kept, [contact.column()])? >= MAX_STATES {
        return Ok(());
    }
    // What was read has not expired.
    let sql = "INSERT INTO early_states (contact, message, state) VALUES (?1, ?2, ?3) \
               ON CONFLICT (contact, message) DO UPDATE SET state = ?3 WHERE state = 4 OR state < ?3 AND ?3 < 4";
    run(work.db, sql, params![contact.column(), message.0, state_column(state)])?;
    Ok(())
}

/// A message was added: it comes as far as it has come.
pub(crate) fn take_early_state(
    work: &mut Work<'_>,
    contact: ContactId,
    message: MessageId,
) -> Result<(), StorageError> {
    let key = params![contact.column(), message.0];
    let sql = "SELECT state FROM early_states WHERE contact = ?1 AND message = ?2";
    let Some(state) = first(work.db, sql, key, |row| row.get(0))? else { return Ok(()) };
    run(work.db, "DELETE FROM early_states WHERE contact = ?1 AND message = ?2", key)?;
    conversations::advance_in(work, contact, message, state_of_column(state))
}
