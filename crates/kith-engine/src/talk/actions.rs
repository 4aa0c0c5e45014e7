//! Reactions, edits and deletions, by either side, also when they come before the message that they are about.

use kith_wire::id::MessageId;
use rusqlite::{Connection, params};

use crate::api::{AttachmentId, ContactId, Direction, MessageChange};
use crate::devices::sync;
use crate::ground::database::{StorageError, all, column, count, first, number, run};
use crate::ground::work::Work;
use crate::talk::attachments;
use crate::talk::conversations::direction_column;
use crate::talk::emoji::is_reaction;

/// What is done to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reacts; empty takes the reaction back.
    React(String),
    /// A new text.
    Edit(String),
    /// Takes it back.
    Delete,
}

/// Something done to a message by somebody.
pub(crate) struct Act {
    pub(crate) contact: ContactId,
    pub(crate) target: MessageId,
    pub(crate) by: Direction,
    pub(crate) lamport: u64,
    pub(crate) action: Action,
}

/// Actions kept for messages that are not there yet, in one conversation: beyond, a contact could fill the disk.
const MAX_EARLY: u64 = 1000;
/// Bytes of the texts in them: nine of the longest edits.
const MAX_EARLY_BYTES: u64 = 256 * 1024;

struct Target {
    author: i64,
    kind: i64,
    attachment: Option<AttachmentId>,
}

/// Applies an action, or keeps it until its message comes (KE-21). Returns what changed to be seen.
pub(crate) fn apply(work: &mut Work<'_>, act: &Act) -> Result<Option<MessageChange>, StorageError> {
    if !is_acceptable(&act.action) {
        return Ok(None);
    }
    let key = params![act.contact.column(), act.target.0];
    let sql = "SELECT direction, kind, attachment FROM messages WHERE contact = ?1 AND message = ?2";
    let target = first(work.db, sql, key, |row| {
        let attachment: Option<i64> = row.get(2)?;
        Ok(Target { author: row.get(0)?, kind: row.get(1)?, attachment: attachment.map(AttachmentId::from_column) })
    })?;
    let Some(target) = target else {
        keep_early(work.db, act)?;
        return Ok(None);
    };
    // Nothing happens any more to what was taken back.
    if target.kind == 1 {
        return Ok(None);
    }
    match &act.action {
        Action::React(emoji) => react(work.db, act, emoji),
        // KE-9: only the author.
        Action::Edit(_) | Action::Delete if target.author != direction_column(act.by) => Ok(None),
        Action::Edit(text) => edit(work.db, act, text, &target),
        Action::Delete => delete(work, act, &target),
    }
}

/// Whatever is shown beside a message is small: a reaction that is none changes nothing (KE-97).
fn is_acceptable(action: &Action) -> bool {
    match action {
        Action::React(emoji) => is_reaction(emoji),
        Action::Edit(_) | Action::Delete => true,
    }
}

/// The latest reaction of each side counts, and of two that devices of one person made at once the greater one (KE-53).
fn react(db: &Connection, act: &Act, emoji: &str) -> Result<Option<MessageChange>, StorageError> {
    let changed = run(
        db,
        "INSERT INTO reactions (contact, message, direction, emoji, lamport) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (contact, message, direction) DO UPDATE SET emoji = ?4, lamport = ?5 \
         WHERE (lamport, emoji) < (?5, ?4)",
        params![act.contact.column(), act.target.0, direction_column(act.by), emoji, column(act.lamport)],
    )?;
    Ok((changed > 0).then_some(MessageChange::Reacted))
}

/// The latest edit counts, and of two that devices of one person made at once the greater text (KE-53).
fn edit(db: &Connection, act: &Act, text: &str, target: &Target) -> Result<Option<MessageChange>, StorageError> {
    if target.kind != 0 {
        return Ok(None);
    }
    let changed = run(
        db,
        "UPDATE messages SET text = ?3, edit_lamport = ?4 \
         WHERE contact = ?1 AND message = ?2 AND (edit_lamport, text) < (?4, ?3)",
        params![act.contact.column(), act.target.0, text, column(act.lamport)],
    )?;
    Ok((changed > 0).then_some(MessageChange::Edited))
}

fn delete(work: &mut Work<'_>, act: &Act, target: &Target) -> Result<Option<MessageChange>, StorageError> {
    let key = params![act.contact.column(), act.target.0];
    if let Some(attachment) = target.attachment {
        attachments::drop_one(work, attachment)?;
    }
    run(
        work.db,
        "UPDATE messages SET kind = 1, text = '', raw = NULL, reply_to = NULL, attachment = NULL \
         WHERE contact = ?1 AND message = ?2",
        key,
    )?;
    run(work.db, "DELETE FROM reactions WHERE contact = ?1 AND message = ?2", key)?;
    Ok(Some(MessageChange::Deleted))
}

fn keep_early(db: &Connection, act: &Act) -> Result<(), StorageError> {
    let (kind, text) = match &act.action {
        Action::React(emoji) => (0, emoji.as_str()),
        Action::Edit(text) => (1, text.as_str()),
        Action::Delete => (2, ""),
    };
    let contact = [act.contact.column()];
    let n_kept = count(db, "SELECT count(*) FROM early_actions WHERE contact = ?1", contact)?;
    let bytes = "SELECT sum(length(CAST(text AS BLOB))) FROM early_actions WHERE contact = ?1";
    if n_kept >= MAX_EARLY || count(db, bytes, contact)?.saturating_add(text.len() as u64) > MAX_EARLY_BYTES {
        return Ok(());
    }
    run(
        db,
        "INSERT INTO early_actions (contact, message, direction, kind, text, lamport) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (contact, message, direction, kind) DO UPDATE SET text = ?5, lamport = ?6 \
         WHERE (lamport, text) < (?6, ?5)",
        params![act.contact.column(), act.target.0, direction_column(act.by), kind, text, column(act.lamport)],
    )?;
    Ok(())
}

/// Applies what was kept for a message that has come now.
pub(crate) fn apply_early(work: &mut Work<'_>, contact: ContactId, target: MessageId) -> Result<(), StorageError> {
    let key = params![contact.column(), target.0];
    let sql = "SELECT direction, kind, text, lamport FROM early_actions WHERE contact = ?1 AND message = ?2 \
               ORDER BY kind, lamport";
    let acts = all(work.db, sql, key, |row| {
        let by = if row.get::<_, i64>(0)? == 0 { Direction::In } else { Direction::Out };
        let text: String = row.get(2)?;
        let action = match row.get::<_, i64>(1)? {
            0 => Action::React(text),
            1 => Action::Edit(text),
            _ => Action::Delete,
        };
        Ok(Act { contact, target, by, lamport: number(row.get(3)?), action })
    })?;
    if acts.is_empty() {
        return Ok(());
    }
    run(work.db, "DELETE FROM early_actions WHERE contact = ?1 AND message = ?2", key)?;
    for act in acts {
        apply(work, &act)?;
    }
    // A sibling that was linked meanwhile has not heard of what was kept.
    sync::tell_message(work, contact, target)
}
