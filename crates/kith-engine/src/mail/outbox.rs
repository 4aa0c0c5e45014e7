//! The outbox: contents that wait for a session, and sealed frames that are deposited until they are acknowledged.
//!
//! A frame is deposited again with back-off, the same bytes each time, until the other device's session ack covers it
//! or its time is over (KE-14). How contents become frames is in `sealing.rs`, how a deposit travels in `pump.rs`.

use std::borrow::Cow;

use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::content::{Body, Content, KnownBody};
use kith_wire::frame::{Frame, SeqRange};
use kith_wire::id::{ConversationId, DeviceId, MessageId, RelayId};
use kith_wire::limits::{MAX_SAID_BYTES, MESSAGE_EXPIRY_SECONDS};
use kith_wire::sync::PastMessage;
use rusqlite::{Connection, params};

use crate::api::{AttachmentId, ContactId, MessageState};
use crate::devices::{device_keys, sync};
use crate::errors::CommandError;
use crate::ground::clocks::{self, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
pub(crate) use crate::mail::sealing::{seal_all_waiting, seal_waiting};
use crate::mail::sessions::PeerId;
use crate::talk::conversations;
use crate::talk::drafts;

pub(crate) const TABLES: &str = "
CREATE TABLE outgoing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL,
    message BLOB NOT NULL,
    lamport INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    disappears INTEGER,
    body BLOB NOT NULL,
    kind INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    attachment INTEGER
) STRICT;
CREATE INDEX outgoing_by_contact ON outgoing (contact);
CREATE INDEX outgoing_by_message ON outgoing (message);
CREATE INDEX outgoing_by_end ON outgoing (expires);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    peer INTEGER NOT NULL,
    seq INTEGER,
    kind INTEGER NOT NULL,
    message BLOB,
    bytes BLOB NOT NULL,
    expires INTEGER NOT NULL,
    due INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    deposited INTEGER,
    relay BLOB
) STRICT;
CREATE INDEX frames_by_peer ON frames (peer, seq);
CREATE INDEX frames_by_message ON frames (message);
CREATE INDEX frames_by_due ON frames (due);
CREATE INDEX frames_by_end ON frames (expires);
";

/// What version 2 adds: contents for one device of a contact alone.
pub(crate) const TABLES_2: &str = "ALTER TABLE outgoing ADD COLUMN peer INTEGER;";

/// Whether `o`, a row of `outgoing`, was sealed for no device yet that is in use.
pub(crate) const UNSEALED: &str = "(o.attachment IS NOT NULL OR NOT EXISTS \
    (SELECT 1 FROM peers r WHERE r.contact = o.contact AND r.stopped = 0 AND r.sealed_to >= o.id))";

/// What a frame carries. The numbers are those of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// The answer to a card.
    Answer = 0,
    /// The card giver's confirmation.
    Confirm = 1,
    /// What a person wrote.
    Content = 2,
    /// What keeps the session going.
    Control = 3,
    /// An acknowledgement alone: deposited once.
    AckOnly = 4,
    /// A queue move: said again when it expires.
    Move = 5,
    /// That the contact's queue move was followed: only the latest waits.
    Moved = 6,
}

impl FrameKind {
    pub(crate) fn from_column(kind: i64) -> Self {
        match kind {
            0 => Self::Answer,
            1 => Self::Confirm,
            2 => Self::Content,
            3 => Self::Control,
            4 => Self::AckOnly,
            5 => Self::Move,
            _ => Self::Moved,
        }
    }
}

/// A frame for the outbox.
pub(crate) struct NewFrame<'a> {
    pub(crate) peer: PeerId,
    pub(crate) seq: Option<u32>,
    pub(crate) kind: FrameKind,
    pub(crate) message: Option<MessageId>,
    pub(crate) frame: &'a Frame,
    pub(crate) expires: Timestamp,
}

/// A content on its way to a contact.
pub(crate) struct NewContent {
    /// The device that it is for, when it is not for all.
    pub(crate) peer: Option<PeerId>,
    pub(crate) message: MessageId,
    pub(crate) lamport: u64,
    pub(crate) disappears: Option<u32>,
    pub(crate) body: KnownBody,
    pub(crate) attachment: Option<AttachmentId>,
}

/// Seconds until a frame that nobody acknowledged is deposited again; doubled each time.
const FIRST_RETRY_SECONDS: u64 = 3600;
/// The longest such time.
const LONGEST_RETRY_SECONDS: u64 = 24 * 3600;
/// When a frame that was deposited goes out again.
pub(crate) const PUT_OFF: PutOff = PutOff {
    table: "frames",
    time: "due",
    which: Cow::Borrowed("deposited IS NOT NULL"),
    longest_ms: LONGEST_RETRY_SECONDS * 1000,
    mended: Mended::AtOnce,
};
/// Seconds that a frame may be under way before an ack without it means that it was lost.
const MISSING_AFTER_SECONDS: u64 = 60;

/// KE-128: a frame that was deposited in what is the future now goes out again at once: whether it had the time to arrive says a clock that was
/// wrong.
pub(crate) fn mend_deposited(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    let future = column(now.0.saturating_add(clocks::STEP_MS));
    let sql = "UPDATE frames SET due = min(due, ?1), deposited = ?1 WHERE deposited > ?2";
    run(db, sql, params![column(now.0), future])?;
    Ok(())
}

/// Returns when something written now expires.
pub(crate) fn expiry(now: Timestamp) -> Timestamp {
    now.plus_seconds(MESSAGE_EXPIRY_SECONDS)
}

/// Stores a content and seals it for each device whose session can take it.
pub(crate) fn send(work: &mut Work<'_>, contact: ContactId, content: NewContent) -> Result<(), CommandError> {
    // What waits for its file the siblings hear of with the file, which they could not fetch before: see `release`.
    if content.attachment.is_none() {
        sync::tell_said(work, contact, &content)?;
    }
    let kind = match content.body {
        KnownBody::QueueMove { .. } => FrameKind::Move,
        KnownBody::QueueMoved { .. } => FrameKind::Moved,
        _ => FrameKind::Content,
    };
    let body = Body::Known(content.body);
    let whole = Content {
        message: content.message,
        conversation: ConversationId([0; 16]),
        lamport: content.lamport,
        device: DeviceId([0; 16]),
        sent: work.now,
        disappears: content.disappears,
        body,
        also_for: None,
    };
    let is_for_siblings = matches!(whole.body, Body::Known(KnownBody::Sync { .. }));
    let limit = if is_for_siblings { Content::MAX_BYTES } else { MAX_SAID_BYTES - ALSO_FOR_BYTES };
    if whole.to_bytes().len() > limit {
        // KE-10: what does not fit is refused when it is written, not when it is sent.
        return Err(CommandError::TooLong { limit: limit - CONTENT_OVERHEAD });
    }
    run(
        work.db,
        "INSERT INTO outgoing (contact, message, lamport, sent, disappears, body, kind, expires, attachment, peer) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            contact.column(),
            content.message.0,
            column(content.lamport),
            column(work.now.0),
            content.disappears,
            encode(&whole.body),
            kind as i64,
            column(expiry(work.now).0),
            content.attachment.map(AttachmentId::column),
            content.peer.map(|peer| peer.0),
        ],
    )?;
    seal_waiting(work, contact)?;
    Ok(())
}

/// Keeps a message of before for a device of its contact, or for all that come, as if it had not been sealed yet.
pub(crate) fn keep_for(
    db: &Connection,
    contact: ContactId,
    to: Option<PeerId>,
    past: &PastMessage,
    body: &Body,
) -> Result<(), StorageError> {
    run(
        db,
        "INSERT INTO outgoing (contact, message, lamport, sent, disappears, body, kind, expires, peer) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            contact.column(),
            past.message.0,
            column(past.lamport),
            column(past.sent.0),
            past.disappears.map(|(seconds, _)| seconds),
            encode(body),
            FrameKind::Content as i64,
            column(expiry(past.sent).0),
            to.map(|peer| peer.0),
        ],
    )?;
    Ok(())
}

/// Bytes of a content around its text, at most.
const CONTENT_OVERHEAD: usize = 256;
/// Bytes that it takes to say for which seven other devices a content is.
const ALSO_FOR_BYTES: usize = 128;

fn encode(body: &Body) -> Vec<u8> {
    let mut out = Vec::new();
    let result = minicbor::encode(body, &mut out);
    debug_assert!(result.is_ok(), "writing into a vector cannot fail");
    out
}

/// Lets the contents go that waited for an attachment. They go to the end of the order: others have passed them.
pub(crate) fn release(work: &mut Work<'_>, attachment: AttachmentId) -> Result<(), StorageError> {
    let key = [attachment.column()];
    let sql = "SELECT DISTINCT contact, message FROM outgoing WHERE attachment = ?1";
    let waiting = all(work.db, sql, key, |row| Ok((ContactId::from_column(row.get(0)?), MessageId(row.get(1)?))))?;
    let sql = "INSERT INTO outgoing (contact, message, lamport, sent, disappears, body, kind, expires, peer) \
               SELECT contact, message, lamport, sent, disappears, body, kind, expires, peer FROM outgoing \
               WHERE attachment = ?1 ORDER BY id";
    run(work.db, sql, key)?;
    run(work.db, "DELETE FROM outgoing WHERE attachment = ?1", key)?;
    for (contact, message) in waiting {
        sync::tell_message(work, contact, message)?;
        seal_waiting(work, contact)?;
    }
    Ok(())
}

/// Returns whether a message waits for its file to be where it is fetched from.
pub(crate) fn waits_for_file(db: &Connection, message: MessageId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM outgoing WHERE message = ?1 AND attachment IS NOT NULL", [message.0])
}

/// Takes a content back from the devices that it was not sealed for yet. Returns whether these were all.
pub(crate) fn withdraw(db: &Connection, contact: ContactId, message: MessageId) -> Result<bool, StorageError> {
    let key = params![contact.column(), message.0];
    let sql = format!("SELECT 1 FROM outgoing o WHERE +o.contact = ?1 AND o.message = ?2 AND {UNSEALED}");
    let never_left = exists(db, &sql, key)?;
    run(db, "DELETE FROM outgoing WHERE +contact = ?1 AND message = ?2", key)?;
    Ok(never_left)
}

/// Takes back that a device's queue move was followed, as far as it was not sealed yet: the device has moved on.
pub(crate) fn withdraw_moved(db: &Connection, contact: ContactId, peer: PeerId) -> Result<(), StorageError> {
    let sql = "DELETE FROM outgoing WHERE contact = ?1 AND kind = ?2 AND coalesce(peer, ?3) = ?3";
    run(db, sql, params![contact.column(), FrameKind::Moved as i64, peer.0])?;
    Ok(())
}

/// Takes back whatever was to be said of queues and was not sealed yet.
pub(crate) fn withdraw_moves(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    let sql = "DELETE FROM outgoing WHERE contact = ?1 AND kind IN (?2, ?3)";
    run(db, sql, params![contact.column(), FrameKind::Move as i64, FrameKind::Moved as i64])?;
    Ok(())
}

/// Adds a frame, to be deposited at once.
pub(crate) fn add(work: &mut Work<'_>, new: &NewFrame<'_>) -> Result<(), StorageError> {
    run(
        work.db,
        "INSERT INTO frames (peer, seq, kind, message, bytes, expires, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            new.peer.0,
            new.seq,
            new.kind as i64,
            new.message.map(|message| message.0),
            new.frame.as_bytes().as_slice(),
            column(new.expires.0),
            column(work.now.0),
        ],
    )?;
    Ok(())
}

/// The own home server has a deposit of the frame: it is deposited again only when nobody acknowledges it.
pub(crate) fn deposited(work: &mut Work<'_>, frame: i64, relay: RelayId) -> Result<(), StorageError> {
    let row = first(work.db, "SELECT kind, message, attempts FROM frames WHERE id = ?1", [frame], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get::<_, u32>(2)?))
    })?;
    let Some((kind, message, attempts)) = row else { return Ok(()) };
    let wait = FIRST_RETRY_SECONDS.saturating_mul(1 << attempts.min(8)).min(LONGEST_RETRY_SECONDS);
    let again = match FrameKind::from_column(kind) {
        FrameKind::AckOnly => None,
        _ => Some(column(work.now.plus_seconds(wait).0)),
    };
    run(
        work.db,
        "UPDATE frames SET attempts = attempts + 1, deposited = ?2, due = ?3, relay = ?4 WHERE id = ?1",
        params![frame, column(work.now.0), again, relay.0],
    )?;
    match message {
        Some(message) => accepted(work, MessageId(message))?,
        None => return Ok(()),
    }
    // A draft may have waited for the one before it.
    drafts::tell_due(work)
}

/// A deposit was not taken: it is tried again after some seconds.
pub(crate) fn postponed(work: &mut Work<'_>, frame: i64, seconds: u64) -> Result<(), StorageError> {
    let due = column(work.now.plus_seconds(seconds).0);
    run(work.db, "UPDATE frames SET due = ?2 WHERE id = ?1", params![frame, due])?;
    Ok(())
}

/// A deposit came back from the other server: the frame is sealed and deposited again.
pub(crate) fn returned(work: &mut Work<'_>, relay: RelayId) -> Result<(), StorageError> {
    // A server that sends everything back must not be asked in a circle.
    let sql = "UPDATE frames SET due = ?2 + 2000 * attempts * attempts WHERE relay = ?1";
    run(work.db, sql, params![relay.0, column(work.now.0)])?;
    Ok(())
}

/// Frames are with the other device: their copies go. Older ones that are not, though they had time, go out again.
pub(crate) fn acked(work: &mut Work<'_>, peer: PeerId, ranges: &[SeqRange]) -> Result<(), StorageError> {
    let mut messages = std::collections::BTreeSet::new();
    let mut highest = None;
    for range in ranges {
        let bounds = params![peer.0, range.first, range.last];
        let sql = "SELECT DISTINCT message FROM frames WHERE peer = ?1 AND seq BETWEEN ?2 AND ?3";
        let found = all(work.db, sql, bounds, |row| row.get::<_, Option<[u8; 16]>>(0))?;
        messages.extend(found.into_iter().flatten().map(MessageId));
        run(work.db, "DELETE FROM frames WHERE peer = ?1 AND seq BETWEEN ?2 AND ?3", bounds)?;
        highest = highest.max(Some(range.last));
    }
    if let Some(highest) = highest {
        let lost = column(work.now.minus_seconds(MISSING_AFTER_SECONDS).0);
        let sql =
            "UPDATE frames SET due = ?4 WHERE peer = ?1 AND seq < ?2 AND deposited <= ?3 AND due > ?4 AND kind <> 4";
        run(work.db, sql, params![peer.0, highest, lost, column(work.now.0)])?;
    }
    for message in messages {
        // KE-43: one device that has all of it is enough.
        // (By message: a device that was away has thousands of frames.)
        let is_left = "SELECT 1 FROM frames WHERE message = ?1 AND +peer = ?2";
        if exists(work.db, is_left, params![message.0, peer.0])? {
            accepted(work, message)?;
        } else {
            device_keys::acked(work.db, message)?;
            conversations::advance(work, message, MessageState::Delivered)?;
        }
    }
    Ok(())
}

/// Gives up everything that a device has not acknowledged, for good.
pub(crate) fn give_up(work: &mut Work<'_>, peer: PeerId) -> Result<(), StorageError> {
    let sql = "SELECT DISTINCT message FROM frames WHERE peer = ?1 AND message IS NOT NULL";
    let messages = all(work.db, sql, [peer.0], |row| row.get(0).map(MessageId))?;
    run(work.db, "DELETE FROM frames WHERE peer = ?1", [peer.0])?;
    for message in messages {
        given_up(work, message)?;
    }
    Ok(())
}

/// Something of a message was given up for one device: it has expired when nothing of it is left for any other (KE-43).
pub(crate) fn given_up(work: &mut Work<'_>, message: MessageId) -> Result<(), StorageError> {
    if exists(work.db, "SELECT 1 FROM frames WHERE message = ?1", [message.0])? {
        return accepted(work, message);
    }
    if exists(work.db, "SELECT 1 FROM outgoing WHERE message = ?1", [message.0])? {
        return Ok(());
    }
    conversations::advance(work, message, MessageState::Expired)
}

/// Ack-only frames were lost: the same bytes go out again.
pub(crate) fn again(work: &mut Work<'_>, peer: PeerId, seqs: &[u32]) -> Result<(), StorageError> {
    for seq in seqs {
        let sql = "UPDATE frames SET due = ?3 WHERE peer = ?1 AND seq = ?2";
        run(work.db, sql, params![peer.0, seq, column(work.now.0)])?;
    }
    Ok(())
}

/// Notes that the own home server has a message, unless a frame of it waits here still.
fn accepted(work: &mut Work<'_>, message: MessageId) -> Result<(), StorageError> {
    if exists(work.db, "SELECT 1 FROM frames WHERE message = ?1 AND deposited IS NULL", [message.0])? {
        return Ok(());
    }
    conversations::advance(work, message, MessageState::Accepted)
}

/// The answer did its work: the confirmation came.
pub(crate) fn drop_answer(db: &Connection, peer: PeerId) -> Result<(), StorageError> {
    run(db, "DELETE FROM frames WHERE peer = ?1 AND seq IS NULL", [peer.0])?;
    Ok(())
}

/// A device's answer came again, so the confirmation for it may be lost: it goes out again.
pub(crate) fn hurry(db: &Connection, peer: PeerId, now: Timestamp) -> Result<(), StorageError> {
    run(db, "UPDATE frames SET due = ?2 WHERE kind = 1 AND peer = ?1", params![peer.0, column(now.0)])?;
    Ok(())
}

/// The answer came again, so the confirmation may be lost: it goes out again.
pub(crate) fn hurry_confirm(db: &Connection, contact: ContactId, now: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE frames SET due = ?2 WHERE kind = 1 AND peer IN (SELECT id FROM peers WHERE contact = ?1)";
    run(db, sql, params![contact.column(), column(now.0)])?;
    Ok(())
}
