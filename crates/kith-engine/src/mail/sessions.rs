//! The other devices of a contact: where each is written to, and the session with it.
//!
//! A contact has one to eight devices; everything here goes by device. Which of them the contact's list names is in
//! `peer_list.rs`.

use kith_session::{Alarm, Sealed, Session};
use kith_wire::address::QueueAddress;
use kith_wire::devices::DeviceList;
use kith_wire::frame::EndReason;
use kith_wire::id::{DeviceId, MessageId};
use kith_wire::{Timestamp, Wire};
use rusqlite::{Connection, Row, params};

use crate::api::{ContactId, Ended, Event};
use crate::devices::{catching_up, siblings};
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, FrameKind, NewFrame};
use crate::mail::queues::QueueId;
use crate::mail::servers::ServerId;
use crate::people::held;
use crate::people::own_lists;
use crate::recovery::replaced;

pub(crate) const TABLES: &str = "
CREATE TABLE peers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL,
    server INTEGER NOT NULL,
    queue BLOB NOT NULL,
    core BLOB,
    reply_at INTEGER
) STRICT;
CREATE INDEX peers_by_contact ON peers (contact);
CREATE TABLE early (
    peer INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (peer, seq)
) STRICT, WITHOUT ROWID;
";

/// What version 2 adds: the device's name in the contact's list, whether its session has stopped, up to which content
/// everything is sealed for it, and the newest own queue that it is known to write to.
pub(crate) const TABLES_2: &str = "
ALTER TABLE peers ADD COLUMN device BLOB;
ALTER TABLE peers ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN sealed_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN moved INTEGER;
UPDATE peers SET stopped = 1 WHERE contact IN (SELECT id FROM contacts WHERE unusable = 1);
";

/// A device of a contact, in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerId(pub(crate) i64);

/// A device of a contact.
pub(crate) struct PeerDevice {
    pub(crate) id: PeerId,
    pub(crate) contact: ContactId,
    core: Option<Vec<u8>>,
    /// Its name in the contact's list, when that is known.
    pub(crate) device: Option<DeviceId>,
    /// Everything up to this row of `outgoing` is sealed for it.
    pub(crate) sealed_to: i64,
}

/// Milliseconds for which an acknowledgement waits, so that a burst of frames gets one.
const REPLY_DELAY_MS: u64 = 250;
/// Seconds after which an acknowledgement is repeated while frames wait for an earlier one: the longest time between two
/// deposits of a frame, so that whoever lost the copy asks no oftener than the other side would send by itself.
const AGAIN_SECONDS: u64 = 24 * 3600;
/// Milliseconds within which an acknowledgement counts as being under way.
pub(crate) const SOON_MS: u64 = 10_000;
/// When acknowledgements go out. One that would be repeated tomorrow does so soon: that costs a frame.
pub(crate) const PUT_OFF: PutOff =
    PutOff { table: "peers", time: "reply_at", which: ANY, longest_ms: SOON_MS, mended: Mended::AtOnce };

const COLUMNS: &str = "id, contact, core, device, sealed_to";

fn read(row: &Row<'_>) -> rusqlite::Result<PeerDevice> {
    let device: Option<[u8; 16]> = row.get(3)?;
    Ok(PeerDevice {
        id: PeerId(row.get(0)?),
        contact: ContactId::from_column(row.get(1)?),
        core: row.get(2)?,
        device: device.map(DeviceId),
        sealed_to: row.get(4)?,
    })
}

/// Adds a device that is written to at `queue`, and that is told the newest own queue when it is met.
pub(crate) fn add(db: &Connection, contact: ContactId, queue: &QueueAddress) -> Result<PeerId, StorageError> {
    let server = crate::mail::servers::add(db, &queue.server)?;
    let sql = "INSERT INTO peers (contact, server, queue, moved) \
               VALUES (?1, ?2, ?3, (SELECT max(id) FROM queues WHERE contact = ?1 AND state = 2))";
    run(db, sql, params![contact.column(), server.0, queue.to_bytes()])?;
    Ok(PeerId(db.last_insert_rowid()))
}

/// A device writes to an own queue from now on, or to a newer one already.
pub(crate) fn writes_to(db: &Connection, peer: PeerId, queue: QueueId) -> Result<(), StorageError> {
    let sql = "UPDATE peers SET moved = max(coalesce(moved, 0), ?2) WHERE id = ?1";
    run(db, sql, params![peer.0, queue.0])?;
    Ok(())
}

/// Returns the devices of a contact that are in use and not known to write to an own queue, or to a newer one.
pub(crate) fn writing_elsewhere(
    db: &Connection,
    contact: ContactId,
    queue: QueueId,
) -> Result<Vec<PeerId>, StorageError> {
    let sql = "SELECT id FROM peers WHERE contact = ?1 AND stopped = 0 AND coalesce(moved, 0) < ?2 ORDER BY id";
    all(db, sql, params![contact.column(), queue.0], |row| row.get(0).map(PeerId))
}

/// Remembers the name of a device in the contact's lists.
pub(crate) fn set_device(db: &Connection, peer: PeerId, device: DeviceId) -> Result<(), StorageError> {
    run(db, "UPDATE peers SET device = ?2 WHERE id = ?1", params![peer.0, device.0])?;
    Ok(())
}

/// Writes to a device at another queue from now on.
pub(crate) fn move_queue(db: &Connection, peer: PeerId, queue: &QueueAddress) -> Result<(), StorageError> {
    let server = crate::mail::servers::add(db, &queue.server)?;
    let sql = "UPDATE peers SET server = ?2, queue = ?3 WHERE id = ?1";
    run(db, sql, params![peer.0, server.0, queue.to_bytes()])?;
    crate::mail::servers::collect(db)
}

/// Returns the devices of a contact.
pub(crate) fn of_contact(db: &Connection, contact: ContactId) -> Result<Vec<PeerDevice>, StorageError> {
    all(db, &format!("SELECT {COLUMNS} FROM peers WHERE contact = ?1 ORDER BY id"), [contact.column()], read)
}

/// Returns the devices of a contact whose sessions have not stopped, also those whose sessions are not finished yet.
pub(crate) fn in_use(db: &Connection, contact: ContactId) -> Result<Vec<PeerDevice>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM peers WHERE contact = ?1 AND stopped = 0 ORDER BY id");
    all(db, &sql, [contact.column()], read)
}

/// Returns the contacts that are written to at a server.
pub(crate) fn contacts_at(db: &Connection, server: ServerId) -> Result<Vec<ContactId>, StorageError> {
    let sql = "SELECT DISTINCT contact FROM peers WHERE server = ?1 ORDER BY contact";
    all(db, sql, [server.0], |row| row.get(0).map(ContactId::from_column))
}

/// Returns a device.
pub(crate) fn find(db: &Connection, peer: PeerId) -> Result<Option<PeerDevice>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM peers WHERE id = ?1"), [peer.0], read)
}

/// Returns a device of a contact by the name that it has in the contact's lists.
pub(crate) fn with_device(
    db: &Connection,
    contact: ContactId,
    device: DeviceId,
) -> Result<Option<PeerDevice>, StorageError> {
    let sql = format!("SELECT {COLUMNS} FROM peers WHERE contact = ?1 AND device = ?2");
    first(db, &sql, params![contact.column(), device.0], read)
}

impl PeerDevice {
    /// Returns whether there is a session with the device, which may have stopped.
    pub(crate) const fn has_session(&self) -> bool {
        self.core.is_some()
    }

    /// Returns whether a list names the device. One that was met before its list is known counts as named.
    pub(crate) fn is_named_in(&self, list: &DeviceList) -> bool {
        self.device.is_none_or(|id| list.devices.iter().any(|device| device.id == id))
    }

    /// Returns whether a list revokes the device.
    pub(crate) fn is_revoked_in(&self, list: &DeviceList) -> bool {
        self.device.is_some_and(|id| list.revoked.iter().any(|revoked| revoked.id == id))
    }

    /// Loads the session with the device, when there is one yet.
    pub(crate) fn session(&self, db: &Connection) -> Result<Option<Session>, StorageError> {
        let Some(core) = &self.core else { return Ok(None) };
        let early = all(db, "SELECT seq, bytes FROM early WHERE peer = ?1 ORDER BY seq", [self.id.0], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let session = Session::restore(core, early.into_iter());
        session.map(Some).map_err(|_| StorageError::Damaged("peers"))
    }
}

/// Stores a session.
pub(crate) fn store(db: &Connection, peer: PeerId, session: &Session) -> Result<(), StorageError> {
    let core = session.core_bytes();
    let is_ghost = session.unknown_own_list().is_some();
    run(db, "UPDATE peers SET core = ?2, ghost = ?3 WHERE id = ?1", params![peer.0, core.as_slice(), is_ghost])?;
    Ok(())
}

/// Stores a session that begins. The meeting may have begun under an older list of this person's devices: the other side hears of the newest.
pub(crate) fn begin(
    work: &mut Work<'_>,
    contact: ContactId,
    peer: PeerId,
    mut session: Session,
) -> Result<(), StorageError> {
    if let Some(list) = own_lists::newest(work.db, contact)? {
        session.set_devices(list);
    }
    store(work.db, peer, &session)?;
    if session.owes_reply() { owe_reply(work, peer) } else { Ok(()) }
}

/// Stores a session that has sealed everything up to a row of `outgoing`.
pub(crate) fn store_sealed(
    db: &Connection,
    peer: PeerId,
    session: &Session,
    sealed_to: i64,
) -> Result<(), StorageError> {
    store(db, peer, session)?;
    run(db, "UPDATE peers SET sealed_to = ?2 WHERE id = ?1", params![peer.0, sealed_to])?;
    Ok(())
}

/// Keeps an early frame's message beside the session.
pub(crate) fn add_early(db: &Connection, peer: PeerId, seq: u32, bytes: &[u8]) -> Result<(), StorageError> {
    run(db, "INSERT OR REPLACE INTO early (peer, seq, bytes) VALUES (?1, ?2, ?3)", params![peer.0, seq, bytes])?;
    Ok(())
}

/// Removes early frames whose turn has come.
pub(crate) fn remove_early(db: &Connection, peer: PeerId, seqs: &[u32]) -> Result<(), StorageError> {
    for seq in seqs {
        run(db, "DELETE FROM early WHERE peer = ?1 AND seq = ?2", params![peer.0, seq])?;
    }
    Ok(())
}

/// Puts a sealed frame into the outbox.
pub(crate) fn keep(
    work: &mut Work<'_>,
    peer: PeerId,
    sealed: &Sealed,
    message: Option<MessageId>,
    kind: FrameKind,
) -> Result<(), StorageError> {
    let expires = outbox::expiry(work.now);
    keep_until(work, peer, sealed, message, kind, expires)
}

/// Puts a sealed frame into the outbox, to be given up at `expires`.
pub(crate) fn keep_until(
    work: &mut Work<'_>,
    peer: PeerId,
    sealed: &Sealed,
    message: Option<MessageId>,
    kind: FrameKind,
    expires: Timestamp,
) -> Result<(), StorageError> {
    let kind = if sealed.ack_only { FrameKind::AckOnly } else { kind };
    let frame = NewFrame { peer, seq: Some(sealed.seq), kind, message, frame: &sealed.frame, expires };
    outbox::add(work, &frame)
}

/// Notes that a device should hear an acknowledgement soon.
pub(crate) fn owe_reply(work: &mut Work<'_>, peer: PeerId) -> Result<(), StorageError> {
    let at = column(work.now.0.saturating_add(REPLY_DELAY_MS));
    let sql = "UPDATE peers SET reply_at = min(coalesce(reply_at, ?2), ?2) WHERE id = ?1";
    run(work.db, sql, params![peer.0, at])?;
    Ok(())
}

/// Forgets that a device should hear something: a frame just said it. While frames of it wait for an earlier one, it hears
/// that again after a day (KS-48).
pub(crate) fn replied(db: &Connection, peer: PeerId, now: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE peers SET reply_at = CASE WHEN EXISTS (SELECT 1 FROM early WHERE peer = ?1) THEN ?2 END \
               WHERE id = ?1 AND reply_at IS NOT NULL";
    run(db, sql, params![peer.0, column(now.plus_seconds(AGAIN_SECONDS).0)])?;
    Ok(())
}

/// Sends the acknowledgements whose time has come.
pub(crate) fn send_replies(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT p.id, p.contact, p.core, p.device, p.sealed_to FROM peers p JOIN contacts c ON c.id = p.contact \
               WHERE p.reply_at <= ?1 AND c.blocked = 0 ORDER BY p.id";
    for peer in all(work.db, sql, [column(work.now.0)], read)? {
        replied(work.db, peer.id, work.now)?;
        let Some(mut session) = peer.session(work.db)? else { continue };
        session.owe_again();
        // A full or unfinished session has nothing to say; it owes again with the next frame.
        if let Ok(Some(sealed)) = session.seal_ack(work.rng) {
            store(work.db, peer.id, &session)?;
            keep(work, peer.id, &sealed, None, FrameKind::Control)?;
        }
    }
    Ok(())
}

/// Notes that the session with a contact cannot go on.
pub(crate) fn unusable(work: &mut Work<'_>, contact: ContactId, why: Ended) -> Result<(), StorageError> {
    run(work.db, "UPDATE contacts SET unusable = 1 WHERE id = ?1", [contact.column()])?;
    if siblings::stopped(work, contact, why)? {
        return Ok(());
    }
    held::note_end(work.db, contact, why)?;
    work.tell(Event::SessionUnusable { contact, why });
    held::look(work, contact)
}

/// A session has stopped: what nobody acknowledged is given up and reported, and the other side is told (KE-36).
pub(crate) fn stop(
    work: &mut Work<'_>,
    peer: &PeerDevice,
    alarm: Alarm,
    end: Option<&Sealed>,
) -> Result<(), StorageError> {
    let why = match alarm {
        Alarm::ListForked | Alarm::GhostList | Alarm::DeviceRevoked => Ended::Devices,
        Alarm::OwnStateCopied => Ended::OwnCopy,
        Alarm::PeerStateCopied => Ended::ContactsCopy,
        Alarm::EndedByContact(EndReason::COPIED) => Ended::ByContactForCopy,
        Alarm::EndedByContact(_) => Ended::ByContact,
        _ => Ended::Unreadable,
    };
    close(work, peer)?;
    if let Some(end) = end {
        keep(work, peer.id, end, None, FrameKind::AckOnly)?;
    }
    replied(work.db, peer.id, work.now)?;
    let goes_on = has_others(work.db, peer)? || replaced::is_on_its_way(work.db, peer.contact)?;
    if alarm == Alarm::DeviceRevoked && goes_on {
        // Its owner has put it away: nothing is wrong.
        work.tell(Event::Contact { contact: peer.contact });
        return catching_up::lost_one(work, peer.contact);
    }
    ended(work, peer, why)
}

/// The session with a device is over, and nothing can be said to it any more.
pub(crate) fn end(work: &mut Work<'_>, peer: &PeerDevice, why: Ended) -> Result<(), StorageError> {
    close(work, peer)?;
    ended(work, peer, why)
}

/// KE-107: ends the sessions whose stored state cannot be read: nothing that they need is left, and each of them would stand in everybody's way.
/// Returns how many there were.
pub(crate) fn end_damaged(work: &mut Work<'_>) -> Result<usize, StorageError> {
    let all_of_them =
        all(work.db, &format!("SELECT {COLUMNS} FROM peers WHERE core IS NOT NULL ORDER BY id"), [], read)?;
    let mut n_ended = 0_usize;
    for peer in all_of_them {
        match peer.session(work.db) {
            Err(StorageError::Damaged(_)) => {}
            Err(problem) => return Err(problem),
            Ok(_) => continue,
        }
        for sql in ["UPDATE peers SET core = NULL WHERE id = ?1", "DELETE FROM early WHERE peer = ?1"] {
            run(work.db, sql, [peer.id.0])?;
        }
        end(work, &peer, Ended::Unreadable)?;
        n_ended = n_ended.saturating_add(1);
    }
    Ok(n_ended)
}

/// Gives up what is under way to a device and what waits for it alone.
fn close(work: &mut Work<'_>, peer: &PeerDevice) -> Result<(), StorageError> {
    run(work.db, "UPDATE peers SET stopped = 1 WHERE id = ?1", [peer.id.0])?;
    run(work.db, "DELETE FROM outgoing WHERE peer = ?1", [peer.id.0])?;
    run(work.db, "DELETE FROM parts WHERE peer = ?1", [peer.id.0])?;
    outbox::give_up(work, peer.id)
}

/// The contact needs a card only when no other device is left (KE-45).
fn ended(work: &mut Work<'_>, peer: &PeerDevice, why: Ended) -> Result<(), StorageError> {
    if has_others(work.db, peer)? {
        work.tell(Event::DeviceStopped { contact: peer.contact, why });
        return Ok(());
    }
    unusable(work, peer.contact, why)
}

/// Returns whether the contact has another device whose session has not stopped.
fn has_others(db: &Connection, peer: &PeerDevice) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM peers WHERE contact = ?1 AND id <> ?2 AND stopped = 0";
    exists(db, sql, params![peer.contact.column(), peer.id.0])
}

/// Deletes a device of a contact that was revoked before it was met.
pub(crate) fn remove(work: &mut Work<'_>, peer: &PeerDevice) -> Result<(), StorageError> {
    for sql in ["DELETE FROM outgoing WHERE peer = ?1", "DELETE FROM peers WHERE id = ?1"] {
        run(work.db, sql, [peer.id.0])?;
    }
    outbox::give_up(work, peer.id)?;
    work.tell(Event::Contact { contact: peer.contact });
    crate::mail::servers::collect(work.db)
}

/// Deletes the devices of a contact with their sessions and frames.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    for sql in [
        "DELETE FROM early WHERE peer IN (SELECT id FROM peers WHERE contact = ?1)",
        "DELETE FROM frames WHERE peer IN (SELECT id FROM peers WHERE contact = ?1)",
        "DELETE FROM parts WHERE peer IN (SELECT id FROM peers WHERE contact = ?1)",
        "DELETE FROM outgoing WHERE peer IN (SELECT id FROM peers WHERE contact = ?1)",
        "DELETE FROM peers WHERE contact = ?1",
    ] {
        run(db, sql, [contact.column()])?;
    }
    crate::mail::servers::collect(db)
}
