//! A contact has lost all devices: a device that was restored from a backup answers a spare card, and replaces them.
//!
//! The session crate decides who may answer (KS-57) and from when on the new device counts (KS-58). Here is what follows: the devices
//! of before are revoked, what they never acknowledged is said to the new one, and the person is told and keeps seeing it.

use kith_session::{Alarm, AnsweredCard, Giver, LateAnswer, Met, check_list};
use kith_wire::Timestamp;
use kith_wire::content::Body;
use kith_wire::devices::DeviceList;
use kith_wire::frame::Frame;
use kith_wire::id::{ConversationId, MessageId};
use kith_wire::limits::MESSAGE_EXPIRY_SECONDS;
use kith_wire::signed::Signed;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Ended, Event};
use crate::devices::{device_keys, history, sync};
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, FrameKind};
use crate::mail::queues::QueueId;
use crate::mail::rotation;
use crate::mail::sessions::{self, PeerDevice, PeerId};
use crate::people::introductions::verified_peers;
use crate::people::named;
use crate::people::{cards, contacts, own_lists, peer_list, spare_cards};
use crate::recovery::refused;
use crate::sabotage::{self, Bug};

/// What version 4 adds to contacts: since when one goes on from a backup, and when somebody else answered too, or 0.
pub(crate) const TABLES: &str = "
ALTER TABLE contacts ADD COLUMN restored_at INTEGER;
ALTER TABLE contacts ADD COLUMN restored_list INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN restored_twice INTEGER NOT NULL DEFAULT 0;
";

/// Seconds by which the clock of a sibling may be ahead.
const AHEAD_SECONDS: u64 = 24 * 3600;

struct Given {
    id: i64,
    queue: QueueId,
    giver: Option<Vec<u8>>,
    is_closed: bool,
    answered: Option<Vec<u8>>,
    peer: Option<PeerId>,
}

/// What a frame that no session opens is to the spare cards of a contact. Returns whether it is an answer to one.
pub(crate) fn receive(work: &mut Work<'_>, contact: ContactId, frame: &Frame) -> Result<bool, StorageError> {
    let sql = "SELECT id, queue, giver, closed, answered, peer FROM spare_givers WHERE contact = ?1 ORDER BY id DESC";
    let given = all(work.db, sql, [contact.column()], |row| {
        Ok(Given {
            id: row.get(0)?,
            queue: QueueId(row.get(1)?),
            giver: row.get(2)?,
            is_closed: row.get(3)?,
            answered: row.get(4)?,
            peer: row.get::<_, Option<i64>>(5)?.map(PeerId),
        })
    })?;
    for given in given {
        if receive_for(work, contact, &given, frame)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn receive_for(work: &mut Work<'_>, contact: ContactId, given: &Given, frame: &Frame) -> Result<bool, StorageError> {
    let damaged = |_| StorageError::Damaged("spare_givers");
    if let Some(giver) = &given.giver {
        let mut giver = Giver::from_bytes(giver).map_err(damaged)?;
        let lists = (own_lists::newest(work.db, contact)?, verified_peers(work.db, contact)?);
        let (Some(own), Some(peers)) = lists else { return Ok(false) };
        giver.renew(&own, &peers);
        let Ok(met) = giver.accept(frame, work.now, work.rng) else { return Ok(false) };
        if met.session.peer_device().is_none() && given.is_closed {
            // A sibling has the one who came first.
            refused::another(work, contact)?;
        } else {
            accept(work, contact, given, met)?;
        }
        return Ok(true);
    }
    let Some(answered) = &given.answered else { return Ok(false) };
    match AnsweredCard::from_bytes(answered).map_err(damaged)?.classify(frame) {
        LateAnswer::Garbage => Ok(false),
        LateAnswer::Same => {
            if let Some(peer) = given.peer {
                outbox::hurry(work.db, peer, work.now)?;
            }
            Ok(true)
        }
        LateAnswer::Different => {
            refused::another(work, contact)?;
            Ok(true)
        }
    }
}

/// The answer is under the contact key: it is confirmed. The new device counts when its list has come; one that a list names already, because
/// a sibling was answered first, is met like any other.
fn accept(work: &mut Work<'_>, contact: ContactId, given: &Given, met: Met) -> Result<(), StorageError> {
    let device = met.session.peer_device();
    if let Some(device) = device
        && (sessions::with_device(work.db, contact, device)?.is_some() || named::is_revoked(work.db, contact, device)?)
    {
        return Ok(());
    }
    let peer = sessions::add(work.db, contact, &met.peer.queue)?;
    // It writes to the queue that the card names; when there is a newer one, it is told when it is established.
    run(work.db, "UPDATE peers SET moved = ?2 WHERE id = ?1", params![peer.0, given.queue.0])?;
    if let Some(device) = device {
        sessions::set_device(work.db, peer, device)?;
    }
    sessions::begin(work, contact, peer, met.session)?;
    sessions::keep(work, peer, &met.confirm, None, FrameKind::Confirm)?;
    let answered = met.answered.to_bytes();
    let since = device.is_none().then_some(column(work.now.0));
    let sql =
        "UPDATE spare_givers SET giver = NULL, offer = NULL, answered = ?2, peer = ?3, awaited = ?4 WHERE id = ?1";
    run(work.db, sql, params![given.id, answered.as_slice(), peer.0, since])?;
    Ok(())
}

/// Returns whether a device has answered a spare card, and the list that names it has not come.
pub(crate) fn is_awaited(db: &Connection, peer: PeerId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM spare_givers WHERE peer = ?1 AND awaited IS NOT NULL", [peer.0])
}

/// Ends the sessions with devices that have answered a spare card of a contact and never said who they are: another one came first. One that
/// the list names by now is that other one.
fn end_awaited(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT peer FROM spare_givers WHERE contact = ?1 AND awaited IS NOT NULL";
    for peer in all(work.db, sql, [contact.column()], |row| row.get(0).map(PeerId))? {
        let Some(peer) = sessions::find(work.db, peer)? else { continue };
        match peer.session(work.db)?.and_then(|session| session.peer_device()) {
            Some(device) => sessions::set_device(work.db, peer.id, device)?,
            None => {
                stop(work, &peer)?;
                refused::another(work, contact)?;
            }
        }
    }
    run(work.db, "UPDATE spare_givers SET awaited = NULL WHERE contact = ?1", [contact.column()])?;
    Ok(())
}

/// Gives up devices that have answered a spare card and have said nothing for as long as anything can be under way.
pub(crate) fn give_up_silent(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT peer FROM spare_givers WHERE awaited <= ?1";
    let before = column(work.now.minus_seconds(MESSAGE_EXPIRY_SECONDS).0);
    for peer in all(work.db, sql, [before], |row| row.get(0).map(PeerId))? {
        run(work.db, "UPDATE spare_givers SET awaited = NULL WHERE peer = ?1", [peer.0])?;
        if let Some(peer) = sessions::find(work.db, peer)? {
            sessions::end(work, &peer, Ended::Devices)?;
        }
    }
    Ok(())
}

/// A session is established. Returns whether it is with a device that replaces all others of the contact: then what these never
/// acknowledged is kept for it, before they are revoked and all that is under way to them is given up.
pub(crate) fn is_by_restored(work: &mut Work<'_>, peer: &PeerDevice) -> Result<bool, StorageError> {
    let is_by_restored = is_awaited(work.db, peer.id)?;
    if is_by_restored {
        run(work.db, "UPDATE contacts SET unusable = 0 WHERE id = ?1", [peer.contact.column()])?;
        say_again(work, peer.contact, Some(peer.id))?;
    }
    Ok(is_by_restored)
}

/// Keeps for the new device, met or not yet, what this one wrote and no device of the contact has, as it is by now (KE-67). It has the name
/// that it had, so nobody shows it twice (KE-22).
pub(crate) fn say_again(work: &mut Work<'_>, contact: ContactId, to: Option<PeerId>) -> Result<(), StorageError> {
    let sql = "SELECT m.message FROM messages m JOIN contacts c ON c.id = m.contact \
               WHERE m.contact = ?1 AND m.direction = 1 AND m.kind = 0 AND m.state < 2 AND m.device = c.device \
               AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.message = m.message) ORDER BY m.lamport, m.id";
    let messages = all(work.db, sql, [contact.column()], |row| row.get(0).map(MessageId))?;
    for message in messages {
        let Some(past) = history::past_message(work.db, contact, message)? else { continue };
        let body = past.body.as_deref().and_then(|body| minicbor::decode::<Body>(body).ok());
        if let Some(body) = body.filter(|_| outbox::expiry(past.sent) > work.now) {
            outbox::keep_for(work.db, contact, to, &past, &body)?;
        }
    }
    Ok(())
}

/// The list of the new device has come and counts: nobody else of before does any more, and everybody is told (KE-67).
pub(crate) fn settle(work: &mut Work<'_>, peer: &PeerDevice) -> Result<(), StorageError> {
    let contact = peer.contact;
    let Some(list) = verified_peers(work.db, contact)? else { return Ok(()) };
    let is_revoked = match peer.device {
        Some(device) => named::is_revoked(work.db, contact, device)?,
        None => true,
    };
    run(work.db, "UPDATE spare_givers SET awaited = NULL WHERE peer = ?1", [peer.id.0])?;
    if is_revoked {
        // KE-60: a device that was revoked does not come back by a card either.
        return sessions::end(work, peer, Ended::Devices);
    }
    end_awaited(work, contact)?;
    revoke_unnamed(work, contact, list.get())?;
    refused::say_again(work, contact)?;
    spare_cards::withdraw(work.db, contact)?;
    note(work, contact, list.get(), work.now)?;
    move_on(work, peer)?;
    device_keys::tell_since_list(work, contact, peer.id)?;
    let conversation = contacts::find(work.db, contact)?.and_then(|known| known.conversation);
    let Some(conversation) = conversation else { return Ok(()) };
    sync::tell(work, &SyncItem::Restored { contact: conversation, list: list.signed().clone(), at: work.now })
}

/// Stops the sessions with devices that the newest list does not name: of one that was linked after the backup the restored device
/// knows nothing, so it could not revoke it.
fn revoke_unnamed(work: &mut Work<'_>, contact: ContactId, list: &DeviceList) -> Result<(), StorageError> {
    for other in sessions::in_use(work.db, contact)?.into_iter().filter(|other| !other.is_named_in(list)) {
        if let Some(device) = other.device {
            named::note_gone(work.db, contact, device)?;
        }
        stop(work, &other)?;
    }
    Ok(())
}

/// Stops the session with a device that is one of the contact's no more, and shows it why (KS-62).
pub(crate) fn stop(work: &mut Work<'_>, other: &PeerDevice) -> Result<(), StorageError> {
    let Some(mut session) = other.session(work.db)? else { return sessions::remove(work, other) };
    let end = match verified_peers(work.db, other.contact)? {
        Some(list) => session.dismiss(&list, work.rng),
        None => session.stop(Alarm::DeviceRevoked, work.rng),
    };
    sessions::store(work.db, other.id, &session)?;
    sessions::stop(work, other, Alarm::DeviceRevoked, end.as_ref())
}

/// Notes that a contact goes on from a backup, with that version of its list. Each sibling that was answered says it, too: it is told to the
/// person once, and counts from when the first one heard of it.
fn note(work: &mut Work<'_>, contact: ContactId, list: &DeviceList, at: Timestamp) -> Result<(), StorageError> {
    if sabotage::is_on(Bug::ReturnsAreSilent) {
        return Ok(());
    }
    let key = params![contact.column(), list.version, column(at.0)];
    let sql = "UPDATE contacts SET restored_list = ?2, restored_at = ?3 WHERE id = ?1 AND restored_list < ?2";
    if run(work.db, sql, key)? > 0 {
        work.tell(Event::ContactRestored { contact });
    }
    let sql = "UPDATE contacts SET restored_at = min(restored_at, ?3) WHERE id = ?1 AND restored_list = ?2";
    run(work.db, sql, key)?;
    Ok(())
}

/// Tells the new device the newest queue, when its card named another one.
fn move_on(work: &mut Work<'_>, peer: &PeerDevice) -> Result<(), StorageError> {
    let sql = "SELECT coalesce(moved, 0) FROM peers WHERE id = ?1";
    let moved = first(work.db, sql, [peer.id.0], |row| row.get::<_, i64>(0))?.unwrap_or(0);
    match rotation::newest(work, peer.contact)? {
        Some((queue, address)) if queue.0 > moved => rotation::tell(work, peer.contact, peer.id, address),
        _ => Ok(()),
    }
}

/// A sibling said that a contact goes on from a backup: so it does here, also when the backup has no card of this device.
pub(crate) fn told(
    work: &mut Work<'_>,
    conversation: ConversationId,
    list: Signed<DeviceList>,
    at: Timestamp,
) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    let key = contacts::peer_key(work.db, contact)?;
    let Some(list) = key.and_then(|key| check_list(list, &key).ok()) else { return Ok(()) };
    // A sibling that lies makes no restored contact out of any list.
    if !replaces(work.db, contact, list.get())? {
        return Ok(());
    }
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND restored_list >= ?2";
    let is_later = !exists(work.db, sql, params![contact.column(), list.get().version])?;
    let is_another = is_another(work.db, contact, list.get())?;
    if is_later {
        spare_cards::close(work.db, contact)?;
        note(work, contact, list.get(), at.min(work.now.plus_seconds(AHEAD_SECONDS)))?;
        say_again(work, contact, None)?;
        peer_list::learn(work, contact, &list)?;
        end_awaited(work, contact)?;
        let Some(newest) = verified_peers(work.db, contact)? else { return Ok(()) };
        revoke_unnamed(work, contact, newest.get())?;
        refused::say_again(work, contact)?;
    }
    note(work, contact, list.get(), at.min(work.now.plus_seconds(AHEAD_SECONDS)))?;
    if is_another { refused::another(work, contact) } else { Ok(()) }
}

/// Returns whether the contact goes on from a backup here with another device than the sibling says, and the later list does not revoke that of
/// the earlier one: each of two devices has let another one in, at the same moment, and the one with the later list stays (KE-68).
fn is_another(db: &Connection, contact: ContactId, said: &DeviceList) -> Result<bool, StorageError> {
    let Some(known) = cards::peer_list(db, contact)?.filter(|known| known.version != said.version) else {
        return Ok(false);
    };
    let (earlier, later) = if known.version < said.version { (&known, said) } else { (said, &known) };
    let is_known =
        |id| later.devices.iter().any(|device| device.id == id) || later.revoked.iter().any(|revoked| revoked.id == id);
    let is_unknown = earlier.devices.iter().any(|device| !is_known(device.id));
    Ok(is_unknown && is_on_its_way(db, contact)?)
}

/// Returns whether the newest list of a contact is that of a restored device: it answers here too, or gives a card, so the conversation goes on
/// although nobody else is left.
pub(crate) fn is_on_its_way(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    let newest = cards::peer_list(db, contact)?.map_or(0, |list| list.version);
    let sql = "SELECT 1 FROM contacts WHERE id = ?1 AND restored_list = ?2 AND restored_at IS NOT NULL";
    exists(db, sql, params![contact.column(), newest])
}

/// Returns whether a list can be one of a contact that goes on from a backup: it revokes devices, and leaves none with which a session is in use.
/// It may name several, because the new device may have linked others by now.
pub(crate) fn replaces(db: &Connection, contact: ContactId, list: &DeviceList) -> Result<bool, StorageError> {
    let in_use = sessions::in_use(db, contact)?;
    let is_left = |peer: &PeerDevice| peer.device.is_some() && peer.is_named_in(list);
    Ok(!list.revoked.is_empty() && !in_use.iter().any(is_left))
}
