//! Sealing: from contents that wait to frames in the outbox, for each device of a contact by itself.
//!
//! A content stays in `outgoing` until it is sealed for every device that is in use. Each device has its place in the
//! order (`peers.sealed_to`): whatever stands before it is sealed for it. So a device that is away, or not met yet, keeps
//! its place and holds up no other (KE-42).

use kith_session::{Session, Urgency};
use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::content::{Body, Content};
use kith_wire::devices::{Device, DeviceList};
use kith_wire::id::{ConversationId, DeviceId, MessageId};
use kith_wire::limits::{CONTENT_WINDOW, PART_BYTES};
use kith_wire::payload::Part;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Ended};
use crate::ground::database::{StorageError, all, exists, number, run};
use crate::ground::work::Work;
use crate::mail::outbox::FrameKind;
use crate::mail::sessions::{self, PeerDevice};
use crate::people::cards;
use crate::people::contacts;
use crate::people::named;

/// Whose contents these are, towards the contact.
struct Author {
    conversation: ConversationId,
    device: DeviceId,
    /// The devices of the contact for which they are sealed.
    met: Vec<DeviceId>,
}

/// What waits for one device.
struct Turn {
    peer: PeerDevice,
    session: Option<Session>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    id: i64,
    content: Content,
    kind: FrameKind,
    expires: Timestamp,
}

/// Seals what waits for a contact, in order, as far as the session with each device can take it. A content that waits for its
/// attachment lets later ones pass.
pub(crate) fn seal_waiting(work: &mut Work<'_>, id: ContactId) -> Result<(), StorageError> {
    if !exists(work.db, "SELECT 1 FROM outgoing WHERE contact = ?1 AND attachment IS NULL", [id.column()])? {
        return Ok(());
    }
    let Some(contact) = contacts::find(work.db, id)? else { return Ok(()) };
    let (Some(conversation), Some(device)) = (contact.conversation, contact.device) else { return Ok(()) };
    if contact.stage < contacts::Stage::Established || contact.blocked || contact.unusable {
        return Ok(());
    }
    let list = cards::peer_list(work.db, id)?;
    // KE-32: an expired list may hide that a device was lost; what is written waits for a fresh one. (Siblings go by the list
    // of own devices.)
    if !contact.is_sibling && list.as_ref().is_some_and(|list| list.not_after < work.now.day()) {
        return Ok(());
    }
    let mut author = Author { conversation, device, met: Vec::new() };
    // KE-44: nothing is sealed for a device that the newest list does not name; it keeps its place until a list does.
    let is_named = |peer: &PeerDevice| list.as_ref().is_none_or(|list| peer.is_named_in(list));
    let (named, others): (Vec<_>, Vec<_>) = sessions::in_use(work.db, id)?.into_iter().partition(is_named);
    let mut floor = others.iter().map(|peer| peer.sealed_to).min();
    let mut turns = turns(work.db, named, &author)?;
    author.met = turns.iter().filter_map(Turn::met).collect();
    for turn in &mut turns {
        let place = seal_for(work, turn, &author)?;
        floor = place.map(|place| floor.map_or(place, |floor: i64| floor.min(place))).or(floor);
    }
    // KE-55: a device that a list named and that was not met yet gets what is written meanwhile, too.
    let met = sessions::of_contact(work.db, id)?;
    let is_awaited = list.as_ref().is_some_and(|list| list.devices.len() > 1 && !all_met(&met, list))
        || named::n_awaited(work.db, id)? > n_nameless(&met) as u64;
    if let Some(floor) = floor.filter(|_| !is_awaited) {
        let sql = "DELETE FROM outgoing WHERE contact = ?1 AND id <= ?2 AND attachment IS NULL";
        run(work.db, sql, params![id.column(), floor])?;
    }
    Ok(())
}

/// Returns what waits for each device. Sessions are loaded only when anything does.
fn turns(db: &Connection, peers: Vec<PeerDevice>, author: &Author) -> Result<Vec<Turn>, StorageError> {
    let mut turns = Vec::with_capacity(peers.len());
    for peer in peers {
        let waiting = waiting(db, &peer, author)?;
        turns.push(Turn { peer, session: None, waiting });
    }
    if turns.iter().any(|turn| !turn.waiting.is_empty()) {
        for turn in &mut turns {
            turn.session = turn.peer.session(db)?;
        }
    }
    Ok(turns)
}

impl Turn {
    /// Returns the device when it has been heard and nothing holds up what is sealed for it, but that it is away.
    fn met(&self) -> Option<DeviceId> {
        let is_heard = |session: &Session| session.is_established() && session.unknown_own_list().is_none();
        self.peer.device.filter(|_| self.session.as_ref().is_some_and(is_heard))
    }
}

/// Returns whether every device of a list was met.
fn all_met(peers: &[PeerDevice], list: &DeviceList) -> bool {
    let is_met = |device: &&Device| peers.iter().any(|peer| peer.device == Some(device.id));
    list.devices.iter().filter(|device| !is_met(device)).count() <= n_nameless(peers)
}

/// Returns how many devices were met before their names were known: each can be any.
fn n_nameless(peers: &[PeerDevice]) -> usize {
    peers.iter().filter(|peer| peer.device.is_none()).count()
}

/// Seals what waits for any contact: a clock that was wrong may have held it back.
pub(crate) fn seal_all_waiting(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT DISTINCT contact FROM outgoing WHERE attachment IS NULL";
    for contact in all(work.db, sql, [], |row| row.get(0).map(ContactId::from_column))? {
        seal_waiting(work, contact)?;
    }
    Ok(())
}

/// A place behind everything that waits.
const END: i64 = i64::MAX;
/// Contents that are sealed for a device in one go.
const MAX_AT_ONCE: usize = 256;

/// Seals what waits for one device, as far as its session has room. Returns its place in the order afterwards; nothing when
/// its session has stopped over it.
fn seal_for(work: &mut Work<'_>, turn: &mut Turn, author: &Author) -> Result<Option<i64>, StorageError> {
    let Turn { peer, session, waiting } = turn;
    if waiting.is_empty() {
        return Ok(Some(END));
    }
    // One that is not finished, or full, keeps its place.
    let Some(session) = session else { return Ok(Some(peer.sealed_to)) };
    let others: Vec<DeviceId> = author.met.iter().copied().filter(|met| Some(*met) != peer.device).collect();
    let also_for = (!others.is_empty()).then_some(others);
    let mut sealed_to = peer.sealed_to;
    for next in waiting.iter_mut() {
        next.content.also_for.clone_from(&also_for);
        let parts = parts(&next.content);
        if !has_room(session, parts.len()) {
            break;
        }
        for part in parts {
            // The room was checked; a session that refuses now is halted.
            let Ok(sealed) = session.seal(vec![part], Urgency::Content, work.rng) else {
                sessions::end(work, peer, Ended::Unreadable)?;
                return Ok(None);
            };
            sessions::keep_until(work, peer.id, &sealed, Some(next.content.message), next.kind, next.expires)?;
        }
        sealed_to = next.id;
    }
    if sealed_to > peer.sealed_to {
        sessions::replied(work.db, peer.id, work.now)?;
        sessions::store_sealed(work.db, peer.id, session, sealed_to)?;
    }
    let is_all = waiting.len() < MAX_AT_ONCE && waiting.last().is_some_and(|last| last.id == sealed_to);
    Ok(Some(if is_all { END } else { sealed_to }))
}

fn has_room(session: &Session, n_parts: usize) -> bool {
    let n_parts = u32::try_from(n_parts).unwrap_or(u32::MAX);
    session.may_send_content() && session.unacknowledged().saturating_add(n_parts) <= CONTENT_WINDOW
}

/// Returns what waits for a device, oldest first: what is for every device of the contact, and what is for this one alone.
fn waiting(db: &Connection, peer: &PeerDevice, author: &Author) -> Result<Vec<Waiting>, StorageError> {
    let sql = "SELECT id, message, lamport, sent, disappears, body, kind, expires FROM outgoing \
               WHERE contact = ?1 AND id > ?2 AND attachment IS NULL AND (peer IS NULL OR peer = ?3) ORDER BY id LIMIT ?4";
    let limit = i64::try_from(MAX_AT_ONCE).unwrap_or(i64::MAX);
    let rows = all(db, sql, params![peer.contact.column(), peer.sealed_to, peer.id.0, limit], |row| {
        let body: Vec<u8> = row.get(5)?;
        let content = |body| -> rusqlite::Result<Content> {
            Ok(Content {
                message: MessageId(row.get(1)?),
                conversation: author.conversation,
                lamport: number(row.get(2)?),
                device: author.device,
                sent: Timestamp(number(row.get(3)?)),
                disappears: row.get(4)?,
                body,
                also_for: None,
            })
        };
        let content = minicbor::decode::<Body>(&body).ok().map(content).transpose()?;
        Ok((row.get::<_, i64>(0)?, content, row.get::<_, i64>(6)?, row.get::<_, i64>(7)?))
    })?;
    rows.into_iter()
        .map(|(id, content, kind, expires)| {
            let content = content.ok_or(StorageError::Damaged("outgoing"))?;
            let (kind, expires) = (FrameKind::from_column(kind), Timestamp(number(expires)));
            Ok(Waiting { id, content, kind, expires })
        })
        .collect()
}

fn parts(content: &Content) -> Vec<Part> {
    let bytes = content.to_bytes();
    let count = u8::try_from(bytes.len().div_ceil(PART_BYTES)).unwrap_or(u8::MAX);
    let pieces = (0..count).zip(bytes.chunks(PART_BYTES));
    pieces.map(|(index, piece)| Part { message: content.message, index, count, bytes: piece.to_vec() }).collect()
}
