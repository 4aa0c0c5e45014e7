//! Messages that disappear: on the writer's side after sending, on the reader's after reading.

use kith_crypto::random;
use kith_wire::content::KnownBody;
use kith_wire::id::MessageId;
use rusqlite::params;

use crate::api::{AttachmentId, ContactId, Event, MessageChange};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::people::contacts;
use crate::talk::attachments;

/// Returns the condition that `m`, a row of `messages`, may go when its time is over. What no device has would be lost without
/// a word: it stays until it is sealed or given up.
pub(crate) fn may_go() -> String {
    let unsealed = outbox::UNSEALED;
    format!(
        "(m.state >= 2 OR NOT EXISTS \
         (SELECT 1 FROM outgoing o WHERE +o.contact = m.contact AND o.message = m.message AND {unsealed}))"
    )
}

/// Sets how long messages of a conversation live from now on, and tells the contact.
pub(crate) fn set(work: &mut Work<'_>, id: ContactId, seconds: Option<u32>) -> Result<(), CommandError> {
    contacts::writable(work.db, id)?;
    let lamport = contacts::next_lamport(work.db, id)?;
    heard(work, id, lamport, seconds)?;
    let message = MessageId(random::bytes(work.rng));
    let body = KnownBody::Disappearing { seconds };
    outbox::send(work, id, NewContent { peer: None, message, lamport, disappears: None, body, attachment: None })
}

/// Applies a setting by either side; the latest one counts (KE-25). Of two that were made at once it is the shorter time, so
/// that both sides end with the same.
pub(crate) fn heard(
    work: &mut Work<'_>,
    contact: ContactId,
    lamport: u64,
    seconds: Option<u32>,
) -> Result<(), StorageError> {
    let changed = run(
        work.db,
        "UPDATE contacts SET disappearing = ?2, disappearing_set = ?3 WHERE id = ?1 AND (disappearing_set < ?3 \
         OR (disappearing_set = ?3 AND coalesce(disappearing > ?2, disappearing IS NULL AND ?2 IS NOT NULL)))",
        params![contact.column(), seconds.filter(|seconds| *seconds > 0), column(lamport)],
    )?;
    if changed > 0 {
        work.tell(Event::Contact { contact });
    }
    Ok(())
}

/// Deletes the messages whose time is over (KE-26), with attachments, reactions and search entries.
pub(crate) fn sweep(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = format!("SELECT contact, message, attachment FROM messages AS m WHERE disappears <= ?1 AND {}", may_go());
    let over = all(work.db, &sql, [column(work.now.0)], |row| {
        let attachment: Option<i64> = row.get(2)?;
        let contact = ContactId::from_column(row.get(0)?);
        Ok((contact, MessageId(row.get(1)?), attachment.map(AttachmentId::from_column)))
    })?;
    for (contact, message, attachment) in over {
        if let Some(attachment) = attachment {
            attachments::drop_one(work, attachment)?;
        }
        let key = params![contact.column(), message.0];
        // Devices that it was not sealed for yet get it no more (KE-46).
        run(work.db, "DELETE FROM outgoing WHERE +contact = ?1 AND message = ?2", key)?;
        run(work.db, "DELETE FROM reactions WHERE contact = ?1 AND message = ?2", key)?;
        run(work.db, "DELETE FROM messages WHERE contact = ?1 AND message = ?2", key)?;
        work.tell(Event::Message { contact, message, change: MessageChange::Disappeared });
    }
    Ok(())
}
