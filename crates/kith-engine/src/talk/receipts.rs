//! What the person has read, and whether contacts are told.
//!
//! That a message was delivered needs no receipt: the session ack says so. Nobody is told anything before the contact
//! is established (KE-24).

use kith_crypto::random;
use kith_wire::content::{KnownBody, ReceiptKind};
use kith_wire::id::MessageId;
use rusqlite::params;

use crate::api::{ContactId, Receipts};
use crate::devices::sync;
use crate::errors::CommandError;
use crate::ground::database::{all, column, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, NewContent};
use crate::people::contacts::{self, Stage};

/// Messages that one receipt names.
const RECEIPTS_AT_ONCE: usize = 256;

/// The person has seen everything up to now: disappearing messages begin to run, and the contact is told.
pub(crate) fn mark_read(work: &mut Work<'_>, id: ContactId) -> Result<(), CommandError> {
    let contact = contacts::required(work.db, id)?;
    let sql = "SELECT message FROM messages WHERE contact = ?1 AND direction = 0 AND state < 3 ORDER BY lamport";
    let seen = all(work.db, sql, [id.column()], |row| row.get(0).map(MessageId))?;
    if seen.is_empty() {
        return Ok(());
    }
    run(
        work.db,
        "UPDATE messages SET state = 3, disappears = ?2 + 1000 * lifetime \
         WHERE contact = ?1 AND direction = 0 AND state < 3",
        params![id.column(), column(work.now.0)],
    )?;
    sync::tell_seen(work, id, &seen)?;
    let told = contact.receipts == Receipts::Sent && contact.stage == Stage::Established;
    if !told || contact.blocked || contact.unusable {
        return Ok(());
    }
    for messages in seen.chunks(RECEIPTS_AT_ONCE) {
        let body = KnownBody::Receipt { kind: ReceiptKind::Read, messages: messages.to_vec() };
        let message = MessageId(random::bytes(work.rng));
        let lamport = contacts::next_lamport(work.db, id)?;
        outbox::send(work, id, NewContent { peer: None, message, lamport, disappears: None, body, attachment: None })?;
    }
    Ok(())
}
