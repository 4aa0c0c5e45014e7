//! This device was restored from a backup: it is a new one, replaces all devices that the person had, and answers the spare cards
//! that contacts have given.
//!
//! What a backup is and how it is read is not known here. The lists are signed at a password entry, and so are the answers: each needs
//! the contact key, and a queue that the home server has made by then.

use std::borrow::Cow;

use kith_crypto::user::UserSecret;
use kith_session::{ListedDevice, answer_spare, check_card};
use kith_wire::Timestamp;
use kith_wire::card::CardPurpose;
use kith_wire::id::DeviceId;
use rusqlite::{Connection, params};

use crate::api::ContactId;
use crate::devices::device_keys;
use crate::devices::own_devices::{self, Change};
use crate::errors::{DeviceError, RefreshError};
use crate::ground::clocks::{Mended, PutOff};
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::{self, FrameKind, NewFrame};
use crate::mail::queues;
use crate::mail::sessions;
use crate::people::introductions::{self, verified_peers};
use crate::people::{cards, contacts, own_lists, spare_cards};
use crate::recovery::closings;

/// What version 4 adds to contacts: whether this device must still replace the devices of before (1), or has signed the list that
/// does and waits to be met (2).
pub(crate) const TABLES: &str = "ALTER TABLE contacts ADD COLUMN restoring INTEGER NOT NULL DEFAULT 0;";

/// By how much the Lamport number of a conversation is ahead of that of the backup: what was said after it comes before what the
/// restored device says.
const LAMPORT_AHEAD: u64 = 1 << 20;
/// By how much the version of the list that replaces all others is ahead of those of the backup: 256 lists, made since.
const VERSIONS_AHEAD: u32 = 1 << 24;
/// Seconds over which contacts hear of the new device (KE-66).
const ANSWER_SECONDS: u64 = 6 * 3600;
/// Seconds for which an answer waits for its confirmation: as long as it is sent.
const WAIT_SECONDS: u64 = 60 * 24 * 3600;
/// Seconds after which a contact that has not answered is said to be silent: most devices are on once in so many days.
const SILENT_SECONDS: u64 = 3 * 24 * 3600;

/// Everything of a backup was taken in: contacts, spare cards, and the list of own devices if there was one. From now on this device
/// is the only one of the person; contacts hear of it as soon as there are queues.
pub(crate) fn begin(work: &mut Work<'_>, user: &UserSecret) -> Result<(), DeviceError> {
    // Without a list there was one device only, and no sibling to whom anything would have to be said.
    if own_devices::find(work.db)?.is_some_and(|own| own.list.is_some()) {
        own_devices::change(work, &user.person(), Change::ReplaceAll)?;
    }
    closings::close_all(work, user)?;
    for contact in contacts::with_keys(work.db)? {
        run(work.db, "UPDATE contacts SET restoring = 1 WHERE id = ?1", [contact.column()])?;
        let lamport = contacts::next_lamport(work.db, contact)?;
        contacts::saw_lamport(work.db, contact, lamport.saturating_add(LAMPORT_AHEAD).min(contacts::MAX_LAMPORT))?;
    }
    own_lists::refresh(work, user)?;
    Ok(queues::keep_spare(work)?)
}

/// Returns whether this device has still to sign the list that replaces all others.
pub(crate) fn must_replace(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM contacts WHERE id = ?1 AND restoring = 1", [contact.column()])
}

/// The list is signed.
pub(crate) fn has_replaced(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "UPDATE contacts SET restoring = 2 WHERE id = ?1 AND restoring = 1", [contact.column()])?;
    Ok(())
}

/// Returns the version above which the list stands that replaces all others (KE-65). Each time half of the numbers stay at least.
pub(crate) const fn version_above(highest: u32) -> u32 {
    let half = (u32::MAX - highest) / 2;
    highest.saturating_add(if half < VERSIONS_AHEAD { half } else { VERSIONS_AHEAD })
}

/// Answers the spare cards of all contacts that have a queue, at a password entry (KE-66).
pub(crate) fn answer(work: &mut Work<'_>, user: &UserSecret) -> Result<(), RefreshError> {
    let sql = "SELECT DISTINCT c.id FROM contacts c JOIN spare_cards s ON s.contact = c.id \
               WHERE c.restoring = 2 AND c.blocked = 0 ORDER BY c.id";
    for contact in all(work.db, sql, [], |row| row.get(0).map(ContactId::from_column))? {
        match answer_one(work, user, contact) {
            Err(RefreshError::Storage(problem)) => return Err(problem.into()),
            Err(problem) => tracing::warn!(%problem, "a spare card cannot be answered"),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn answer_one(work: &mut Work<'_>, user: &UserSecret, contact: ContactId) -> Result<(), RefreshError> {
    let (own, list) = (own_lists::own_device(work.db, contact)?, own_lists::newest(work.db, contact)?);
    let (Some(own), Some(list), Some(peers)) = (own, list, verified_peers(work.db, contact)?) else { return Ok(()) };
    // Without a queue it waits for the next password entry.
    let Some(queue) = introductions::own_queue(work, contact)? else { return Ok(()) };
    let secret = own_lists::contact_secret(work.db, user, contact)?;
    let due = due(work)?;
    for (device, offer) in spare_cards::known(work.db, contact)? {
        if is_under_way(work, contact, device)? {
            continue;
        }
        let (Ok(card), Some(from)) =
            (check_card(offer, CardPurpose::Spare, work.now), ListedDevice::by_id(&peers, &device))
        else {
            spare_cards::drop_card(work.db, contact, device)?;
            continue;
        };
        let Ok(answered) = answer_spare(&card, &from, &secret, &own, &list, queue.clone(), work.rng) else {
            spare_cards::drop_card(work.db, contact, device)?;
            continue;
        };
        let peer = sessions::add(work.db, contact, &answered.queue)?;
        sessions::set_device(work.db, peer, device)?;
        let expires = outbox::expiry(work.now);
        let frame =
            NewFrame { peer, seq: None, kind: FrameKind::Answer, message: None, frame: &answered.answer, expires };
        outbox::add(work, &frame)?;
        run(work.db, "UPDATE frames SET due = ?2 WHERE peer = ?1", params![peer.0, due])?;
        let waits = column(work.now.plus_seconds(WAIT_SECONDS).0);
        introductions::answered(work.db, contact, device, &card, &answered.answerer, peer, waits)?;
    }
    work.tell(crate::api::Event::Contact { contact });
    Ok(())
}

/// Returns whether there is a session with a device, or an answer on its way. One that is in no queue any more, and was not confirmed, is forgotten: the
/// card may still be good, and is answered once more (KE-66).
fn is_under_way(work: &mut Work<'_>, contact: ContactId, device: DeviceId) -> Result<bool, StorageError> {
    let Some(peer) = sessions::with_device(work.db, contact, device)? else { return Ok(false) };
    let since = column(work.now.minus_seconds(cards::LATE_ANSWER_SECONDS).0);
    let lost =
        "DELETE FROM introductions WHERE contact = ?1 AND device = ?2 AND answerer IS NOT NULL AND expires <= ?3";
    if peer.has_session() || run(work.db, lost, params![contact.column(), device.0, since])? == 0 {
        return Ok(true);
    }
    sessions::remove(work, &peer)?;
    Ok(false)
}

/// KE-125: returns whether a contact was told so long ago that somebody else may have come back from the same backup before.
pub(crate) fn is_unanswered(db: &Connection, contact: ContactId, now: Timestamp) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM introductions WHERE contact = ?1 AND answerer IS NOT NULL AND expires <= ?2";
    let told_by = now.minus_seconds(SILENT_SECONDS).plus_seconds(WAIT_SECONDS);
    exists(db, sql, params![contact.column(), column(told_by.0)])
}

/// Draws when a contact hears of the new device: two who compare when they did must not learn that they know one person.
fn due(work: &mut Work<'_>) -> Result<i64, StorageError> {
    let is_alone = contacts::with_keys(work.db)?.len() == 1;
    let seconds = if is_alone { 0 } else { device_keys::below(work, ANSWER_SECONDS) };
    Ok(column(work.now.plus_seconds(seconds).0))
}

/// Returns when contacts hear of it: first answers are due at different times.
pub(crate) fn put_off() -> PutOff {
    let which = format!("kind = {} AND attempts = 0", FrameKind::Answer as i64);
    PutOff {
        table: "frames",
        time: "due",
        which: Cow::Owned(which),
        longest_ms: ANSWER_SECONDS * 1000,
        mended: Mended::ByAsMuch,
    }
}

/// The person writes to a contact: it hears of the new device now.
pub(crate) fn answer_now(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "UPDATE frames SET due = ?2 WHERE kind = ?3 AND attempts = 0 AND due > ?2 AND peer IN \
               (SELECT p.id FROM peers p JOIN contacts c ON c.id = p.contact WHERE c.id = ?1 AND c.restoring = 2)";
    run(work.db, sql, params![contact.column(), column(work.now.0), FrameKind::Answer as i64])?;
    Ok(())
}

/// Returns whether this device waits to be met by a contact that it knows from a backup.
pub(crate) fn is_waiting(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    let restoring = first(db, "SELECT restoring FROM contacts WHERE id = ?1", [contact.column()], |row| row.get(0))?;
    Ok(restoring.is_some_and(|restoring: i64| restoring > 0))
}

/// A device of the contact has confirmed: the conversation goes on, with its other devices too.
pub(crate) fn met(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    if !is_waiting(work.db, contact)? {
        return Ok(());
    }
    run(work.db, "UPDATE contacts SET restoring = 0 WHERE id = ?1", [contact.column()])?;
    // The devices that have not confirmed are met as any others, and give new cards then.
    spare_cards::drop_known(work.db, contact)?;
    work.tell(crate::api::Event::Contact { contact });
    introductions::go_on(work, contact)
}
