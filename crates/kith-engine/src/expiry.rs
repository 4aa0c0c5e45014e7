//! What could not be delivered in time: it is given up, the sender is told, and the session goes on without it.

use std::collections::BTreeSet;

use kith_wire::id::MessageId;

use crate::api::{AttachmentId, ContactId, MessageState};
use crate::attachments;
use crate::cards;
use crate::conversations;
use crate::database::{StorageError, all, column, run};
use crate::link::Link;
use crate::outbox::FrameKind;
use crate::rotation;
use crate::sessions::{self, PeerId};
use crate::work::Work;

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
    let now = column(work.now.0);
    let sql = "SELECT message, attachment FROM outgoing WHERE expires <= ?1";
    let never_sealed = all(work.db, sql, [now], |row| {
        Ok((MessageId(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(AttachmentId::from_column)))
    })?;
    run(work.db, "DELETE FROM outgoing WHERE expires <= ?1", [now])?;
    for attachment in never_sealed.iter().filter_map(|(_, attachment)| *attachment) {
        attachments::fail(work, attachment)?;
    }
    let mut messages: BTreeSet<MessageId> = never_sealed.into_iter().map(|(message, _)| message).collect();
    let over = column(work.now.minus_seconds(ACK_SECONDS).0);
    let peers = all(work.db, "SELECT peer FROM frames WHERE expires <= ?1", [over], |row| row.get(0))?;
    for peer in BTreeSet::<i64>::from_iter(peers) {
        messages.extend(expire_frames(work, PeerId(peer))?);
    }
    for message in messages {
        conversations::advance(work, message, MessageState::Expired)?;
    }
    Ok(())
}

/// Gives up the frames for one device; from now on its session announces them as skipped.
fn expire_frames(work: &mut Work<'_>, id: PeerId) -> Result<Vec<MessageId>, StorageError> {
    let bounds = rusqlite::params![id.0, column(work.now.minus_seconds(ACK_SECONDS).0)];
    let rows =
        all(work.db, "SELECT seq, message, kind FROM frames WHERE peer = ?1 AND expires <= ?2", bounds, |row| {
            Ok((row.get::<_, Option<u32>>(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get::<_, i64>(2)?))
        })?;
    run(work.db, "DELETE FROM frames WHERE peer = ?1 AND expires <= ?2", bounds)?;
    let Some(peer) = sessions::find(work.db, id)? else { return Ok(Vec::new()) };
    if let Some(mut session) = peer.session(work.db)? {
        let seqs: Vec<u32> = rows.iter().filter_map(|(seq, ..)| *seq).collect();
        session.skip(&seqs);
        sessions::store(work.db, id, &session)?;
        sessions::owe_reply(work, id)?;
    }
    if rows.iter().any(|(_, _, kind)| *kind == FrameKind::Move as i64) {
        repeat_move(work, peer.contact)?;
    }
    Ok(rows.into_iter().filter_map(|(_, message, _)| message.map(MessageId)).collect())
}

/// A queue move is not a person's message: it is said again, not reported.
fn repeat_move(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    rotation::announce(work, contact)
}
