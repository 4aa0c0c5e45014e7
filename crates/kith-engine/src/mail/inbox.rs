//! The inbox: from a pushed frame to contents, and what a session says besides.
//!
//! Everything a frame brings is committed before the frame is acknowledged to the home server (KE-17). A frame that
//! nothing opens changes nothing and is acknowledged too: keeping it would only fill the queue (KE-18).

use std::collections::BTreeSet;

use kith_session::{Alarm, Opened};
use kith_wire::Wire;
use kith_wire::content::{Body, Content, KnownBody};
use kith_wire::frame::Frame;
use kith_wire::id::{MessageId, ReaderId};
use kith_wire::limits::MAX_SAID_BYTES;
use kith_wire::operation::EntryId;
use kith_wire::payload::Part;
use rusqlite::params;

use crate::api::{ContactId, Event};
use crate::devices::catching_up;
use crate::devices::siblings;
use crate::ground::database::{StorageError, all, column, run};
use crate::ground::work::Work;
use crate::mail::outbox;
use crate::mail::queues::{self, QueueState};
use crate::mail::sessions::{self, PeerDevice};
use crate::people::cards::{self, Meeting};
use crate::people::contacts::{self, Stage};
use crate::people::held;
use crate::people::introductions;
use crate::people::own_lists;
use crate::people::peer_list;
use crate::people::spare_cards;
use crate::people::unopened;
use crate::recovery::{left_behind, replaced};
use crate::talk::contents::{self, Turn};

pub(crate) const TABLES: &str = "
CREATE TABLE parts (
    peer INTEGER NOT NULL,
    message BLOB NOT NULL,
    number INTEGER NOT NULL,
    total INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (peer, message, number)
) STRICT, WITHOUT ROWID;
";

/// Takes a frame in that the home server pushed.
pub(crate) fn receive(
    work: &mut Work<'_>,
    reader: ReaderId,
    entry: EntryId,
    frame: &Frame,
) -> Result<(), StorageError> {
    let queue = queues::by_reader(work.db, &reader)?;
    let readable = queue.filter(|queue| queue.state != QueueState::Gone);
    let contact = match readable.and_then(|queue| queue.contact) {
        Some(id) => contacts::find(work.db, id)?,
        None => None,
    };
    if let Some(contact) = contact {
        if contact.blocked {
            // KE-7: it stays in the queue, as it would if this person were away.
            return Ok(());
        }
        receive_from(work, contact.id, frame)?;
        held::look(work, contact.id)?;
    }
    work.effects.acks.push((reader, entry));
    Ok(())
}

/// The home server dropped newer frames of a queue.
pub(crate) fn overflowed(work: &mut Work<'_>, reader: ReaderId) -> Result<(), StorageError> {
    if let Some(contact) = queues::by_reader(work.db, &reader)?.and_then(|queue| queue.contact) {
        work.tell(Event::Overflow { contact });
    }
    Ok(())
}

fn receive_from(work: &mut Work<'_>, contact: ContactId, frame: &Frame) -> Result<(), StorageError> {
    if let Meeting::Done = cards::receive(work, contact, frame)? {
        return Ok(());
    }
    for mut peer in sessions::of_contact(work.db, contact)? {
        let Some(mut session) = peer.session(work.db)? else { continue };
        if let Ok(mut opened) = session.open(frame, work.now, work.rng) {
            // KS-38: this person has no other device that could have made the list.
            let is_alone = siblings::linked(work.db)?.is_empty();
            if is_alone
                && opened.unknown_own_list.is_some()
                && opened.alarm.is_none_or(|alarm| alarm == Alarm::Unreadable)
            {
                opened.end = session.stop(Alarm::GhostList, work.rng);
                opened.alarm = Some(Alarm::GhostList);
            }
            sessions::store(work.db, peer.id, &session)?;
            peer_list::name(work, &mut peer, &session)?;
            unopened::forget(work.db, contact)?;
            apply(work, &peer, opened)?;
            return catching_up::heard(work, contact);
        }
    }
    if introductions::receive(work, contact, frame)? || replaced::receive(work, contact, frame)? {
        return Ok(());
    }
    cards::receive_late(work, contact, frame)
}

/// Applies what a session made of a frame; the session is stored already, in the same transaction.
fn apply(work: &mut Work<'_>, peer: &PeerDevice, opened: Opened) -> Result<(), StorageError> {
    let contact = peer.contact;
    let is_by_restored = opened.established && replaced::is_by_restored(work, peer)?;
    if let Some((seq, bytes)) = &opened.early_added {
        sessions::add_early(work.db, peer.id, *seq, bytes)?;
    }
    sessions::remove_early(work.db, peer.id, &opened.early_removed)?;
    outbox::acked(work, peer.id, &opened.acked)?;
    outbox::again(work, peer.id, &opened.missing_ack_frames)?;
    if let Some(list) = &opened.peer_devices {
        peer_list::came(work, peer, list)?;
    }
    if opened.new_epoch {
        let sql = "UPDATE contacts SET pq_since = ?2 WHERE id = ?1";
        run(work.db, sql, params![contact.column(), column(work.now.0)])?;
    }
    if opened.established {
        contacts::set_stage(work, contact, Stage::Established)?;
        introductions::pass_waiting(work, contact)?;
        if is_by_restored {
            replaced::settle(work, peer)?;
        }
        spare_cards::go_on(work, contact)?;
    }
    // The next list that this person signs must be above one that the contact has and this device does not know.
    if let Some(list) = opened.unknown_own_list {
        own_lists::heard_of(work.db, contact, list.version)?;
    }
    let arrived = opened.parts.get(opened.arrived).unwrap_or_default();
    let arrived: BTreeSet<MessageId> = arrived.iter().map(|part| part.message).collect();
    for part in opened.parts {
        // What an ack covered already was delivered in time, however long it had to wait for its turn.
        let turn = if arrived.contains(&part.message) { Turn::AtOnce } else { Turn::Later };
        if let Some(content) = assemble(work, peer, part)? {
            contents::apply(work, peer, content, turn)?;
        }
    }
    if let Some(list) = opened.shown {
        left_behind::shown(work, contact, list)?;
    }
    match opened.alarm {
        // One payload was unreadable; the session goes on.
        None | Some(Alarm::Unreadable) => {}
        Some(alarm) => {
            sessions::stop(work, peer, alarm, opened.end.as_ref())?;
            // What waited for this device alone waits no more.
            return outbox::seal_waiting(work, contact);
        }
    }
    if opened.reply_due {
        sessions::owe_reply(work, peer.id)?;
    }
    outbox::seal_waiting(work, contact)
}

/// Joins parts to a content. The parts of one content follow each other (KE-19): a part of another one means that the
/// rest of the one before will never come.
fn assemble(work: &mut Work<'_>, peer: &PeerDevice, part: Part) -> Result<Option<Content>, StorageError> {
    if !part.is_well_formed() {
        return Ok(None);
    }
    let message = part.message;
    run(work.db, "DELETE FROM parts WHERE peer = ?1 AND message <> ?2", params![peer.id.0, message.0])?;
    if part.count == 1 {
        return Ok(decode(&part.bytes, message));
    }
    run(
        work.db,
        "INSERT OR IGNORE INTO parts (peer, message, number, total, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![peer.id.0, message.0, part.index, part.count, part.bytes],
    )?;
    let sql = "SELECT bytes FROM parts WHERE peer = ?1 AND message = ?2 AND total = ?3 ORDER BY number";
    let pieces = all(work.db, sql, params![peer.id.0, message.0, part.count], |row| row.get::<_, Vec<u8>>(0))?;
    if pieces.len() < usize::from(part.count) {
        return Ok(None);
    }
    run(work.db, "DELETE FROM parts WHERE peer = ?1", [peer.id.0])?;
    Ok(decode(&pieces.concat(), message))
}

/// Bytes that are no content, one under another name than its parts, or one that no sibling could be told (KE-10), are dropped.
fn decode(bytes: &[u8], message: MessageId) -> Option<Content> {
    let content = Content::from_bytes(bytes).ok().filter(|content| content.message == message)?;
    let is_for_siblings = matches!(content.body, Body::Known(KnownBody::Sync { .. }));
    (is_for_siblings || bytes.len() <= MAX_SAID_BYTES).then_some(content)
}

#[cfg(test)]
mod tests;
