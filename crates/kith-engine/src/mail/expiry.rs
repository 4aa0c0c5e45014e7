//! What could not be delivered in time: it is given up, the sender is told, and the session goes on without it.

use std::collections::BTreeSet;

use kith_wire::id::MessageId;

use crate::api::{AttachmentId, ContactId};
use crate::devices::catching_up;
use crate::devices::linking;
use crate::ground::database::{StorageError, all, column, run};
use crate::ground::work::Work;
use crate::mail::connection::Link;
use crate::mail::outbox::{self, FrameKind};
use crate::mail::rotation;
use crate::mail::sessions::{self, PeerId};
use crate::people::cards;
use crate::people::introductions;
use crate::talk::{attachments, lending};

/// Seconds after the last deposit for which an ack is waited for: two hours in which a copy may still be shown (KE-34 counts
/// by another clock), and one for the ack on its way.
pub(crate) const ACK_SECONDS: u64 = 3 * 3600;

/// Gives up contents, frames and cards whose time is over (KE-15), once everything was heard that waits at the home server:
/// an ack or an answer may be among it. A clock that is far ahead gives up nothing: no server is believed by it (KE-5).
pub(crate) fn expire(work: &mut Work<'_>, link: &mut Link) -> Result<(), StorageError> {
    if !link.live().is_some_and(|live| live.has_heard(work.now)) {
        return Ok(());
    }
    cards::expire(work)?;
    linking::expire_heard(work)?;
    introductions::expire(work)?;
    lending::end_old(work)?;
    let mut over = Over::default();
    expire_contents(work, &mut over)?;
    let before = column(work.now.minus_seconds(ACK_SECONDS).0);
    let peers = all(work.db, "SELECT peer FROM frames WHERE expires <= ?1", [before], |row| row.get(0))?;
    for peer in BTreeSet::<i64>::from_iter(peers) {
        expire_frames(work, PeerId(peer), &mut over)?;
    }
    // Only now: another device may have had its frames until this moment.
    for message in over.messages {
        outbox::given_up(work, message)?;
    }
    for contact in over.moves {
        // A queue move is not a person's message: it is said again, not reported.
        rotation::remind(work, contact)?;
    }
    Ok(())
}

/// What was given up.
#[derive(Default)]
struct Over {
    messages: BTreeSet<MessageId>,
    /// Contacts to whom a queue move did not come through.
    moves: BTreeSet<ContactId>,
}

/// Gives up the contents that are not sealed for every device.
fn expire_contents(work: &mut Work<'_>, over: &mut Over) -> Result<(), StorageError> {
    let now = column(work.now.0);
    let sql = "SELECT message, attachment, contact, kind FROM outgoing WHERE expires <= ?1";
    let rows = all(work.db, sql, [now], |row| {
        let attachment: Option<i64> = row.get(1)?;
        let contact = ContactId::from_column(row.get(2)?);
        Ok((MessageId(row.get(0)?), attachment.map(AttachmentId::from_column), contact, row.get::<_, i64>(3)?))
    })?;
    if rows.is_empty() {
        return Ok(());
    }
    run(work.db, "DELETE FROM outgoing WHERE expires <= ?1", [now])?;
    for (message, attachment, contact, kind) in rows {
        catching_up::given_up(work.db, contact)?;
        if let Some(attachment) = attachment {
            attachments::fail(work, attachment)?;
        }
        if kind == FrameKind::Move as i64 {
            over.moves.insert(contact);
        }
        over.messages.insert(message);
    }
    Ok(())
}

/// Gives up the frames for one device; from now on its session announces them as skipped.
fn expire_frames(work: &mut Work<'_>, id: PeerId, over: &mut Over) -> Result<(), StorageError> {
    let bounds = rusqlite::params![id.0, column(work.now.minus_seconds(ACK_SECONDS).0)];
    let rows =
        all(work.db, "SELECT seq, message, kind FROM frames WHERE peer = ?1 AND expires <= ?2", bounds, |row| {
            Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get::<_, i64>(2)?))
        })?;
    run(work.db, "DELETE FROM frames WHERE peer = ?1 AND expires <= ?2", bounds)?;
    let Some(peer) = sessions::find(work.db, id)? else { return Ok(()) };
    if let Some(mut session) = peer.session(work.db)? {
        let seqs: Vec<u32> = rows.iter().filter_map(|(seq, ..)| *seq).collect();
        session.skip(&seqs);
        sessions::store(work.db, id, &session)?;
        sessions::owe_reply(work, id)?;
    }
    if rows.iter().any(|(_, _, kind)| *kind == FrameKind::Move as i64) {
        over.moves.insert(peer.contact);
    }
    if rows.iter().any(|(_, message, _)| message.is_some()) {
        catching_up::given_up(work.db, peer.contact)?;
    }
    over.messages.extend(rows.into_iter().filter_map(|(_, message, _)| message.map(MessageId)));
    Ok(())
}
