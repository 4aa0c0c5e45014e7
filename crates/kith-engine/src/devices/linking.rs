//! Linking when the new device shows the card, and links that come to nothing: given up, or not used in time.
//!
//! Linking by a card of the device that the person has is in `siblings.rs`, with the welcome that both ways end in.

use kith_session::{Alarm, check_card};
use kith_wire::Timestamp;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::own::is_device_name;
use kith_wire::time::Hour;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event, Reply};
use crate::devices::own_devices;
use crate::devices::siblings::{self, Sibling, State};
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, column, exists, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::sessions;
use crate::people::card_keys;
use crate::people::cards::{self, Terms};
use crate::people::contacts::Stage;

/// What version 4 adds: until when a link may lead to a welcome, whether the person must first say here that the codes are the same, and how
/// many contacts a sibling has told, of how many.
pub(crate) const TABLES_4: &str = "
ALTER TABLE siblings ADD COLUMN until INTEGER;
ALTER TABLE siblings ADD COLUMN asks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE siblings ADD COLUMN contacts_told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE siblings ADD COLUMN contacts_total INTEGER;
";

/// Seconds after the last moment of a card for which an answer may be under way between two devices that are both in somebody's hands.
const GRACE_SECONDS: u64 = 3600;
/// Seconds for which it is tried to tell a device that a link is over: both are in somebody's hands.
const FAREWELL_SECONDS: u64 = 3600;
/// Seconds that the person has to compare the codes.
const COMPARE_SECONDS: u64 = 24 * 3600;

/// Makes a card by which a device of the person makes this one, which is new, another of theirs.
pub(crate) fn ask_to_join(work: &mut Work<'_>, name: &str, expires: u64) -> Result<Reply, CommandError> {
    check_fresh(work, name)?;
    begin_anew(work)?;
    own_devices::named(work, name)?;
    let contact = join_anew(work, Stage::Invited)?;
    lasts_until(work.db, contact, work.now.plus_seconds(expires).hour())?;
    work.tell(Event::Devices);
    cards::give(work, contact, &Terms { purpose: CardPurpose::Join, expires })
}

/// Adds the device that this new one is linked by. It hears nothing before the person has said here that the codes are the same (KE-83): all that is
/// written on this device from then on is told to whoever has welcomed it.
pub(crate) fn join_anew(work: &Work<'_>, stage: Stage) -> Result<ContactId, CommandError> {
    let contact = siblings::add(work.db, stage, State::Joining, None)?;
    run(work.db, "UPDATE siblings SET asks = 1 WHERE contact = ?1", [contact.column()])?;
    Ok(contact)
}

/// Refuses a device that has people of its own, or is one of a person's already.
pub(crate) fn check_fresh(work: &Work<'_>, name: &str) -> Result<(), CommandError> {
    person::required(work.db)?;
    if !is_device_name(name) {
        return Err(CommandError::BadName);
    }
    if exists(work.db, "SELECT 1 FROM contacts WHERE kind = 0", [])? || !siblings::linked(work.db)?.is_empty() {
        return Err(CommandError::NotFresh);
    }
    Ok(())
}

/// Answers the card of a new device, on a device that the person has. One that another link was made for is withdrawn.
pub(crate) fn answer_new(work: &mut Work<'_>, offer: CardOffer, name: &str) -> Result<Reply, CommandError> {
    person::required(work.db)?;
    if !is_device_name(name) {
        return Err(CommandError::BadName);
    }
    // KE-58: who is about to become somebody else has no devices to take in.
    if own_devices::is_joining(work.db)? {
        return Err(CommandError::Joining);
    }
    let card = check_card(offer.clone(), CardPurpose::Join, work.now)?;
    if exists(work.db, "SELECT 1 FROM contacts WHERE card = ?1", [card.hash().0])? {
        return Err(CommandError::AlreadyAnswered);
    }
    withdraw_all(work)?;
    own_devices::named(work, name)?;
    let contact = siblings::add(work.db, Stage::Answered, State::Linking, None)?;
    lasts_until(work.db, contact, card.card().not_after)?;
    cards::answer_or_fetch(work, contact, &card, &offer)?;
    work.tell(Event::Devices);
    Ok(Reply::Contact(contact))
}

/// The person has said on the new device that both show the same code: now it says who it is (KE-83).
pub(crate) fn confirm(work: &mut Work<'_>, contact: ContactId) -> Result<(), CommandError> {
    let sibling = siblings::find(work.db, contact)?.filter(|sibling| sibling.state == State::Joining);
    let sibling = sibling.ok_or(CommandError::UnknownContact)?;
    if siblings::code(work.db, &sibling)?.is_none() {
        return Err(CommandError::NotEstablished);
    }
    let asked = "UPDATE siblings SET asks = 0 WHERE contact = ?1 AND asks = 1";
    if run(work.db, asked, [contact.column()])? > 0 {
        siblings::say_hello(work, &sibling)?;
        work.tell(Event::Devices);
    }
    Ok(())
}

/// Returns whether the person has not said yet, on this device, that the codes are the same.
pub(crate) fn asks(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM siblings WHERE contact = ?1 AND asks = 1", [contact.column()])
}

/// Takes a link back that nobody was welcomed by (KE-85): its card leads nowhere any more, and a device that has answered it is told so at once.
pub(crate) fn withdraw(work: &mut Work<'_>, contact: ContactId) -> Result<(), CommandError> {
    let sibling = siblings::find(work.db, contact)?;
    let open = sibling.filter(|sibling| matches!(sibling.state, State::Linking | State::Joining));
    let open = open.ok_or(CommandError::UnknownContact)?;
    Ok(take_back(work, open.contact)?)
}

/// KE-131: ends the talk with a device that was met by a link, which is told so; of any other nothing is kept.
fn take_back(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    drop_all(work, |sibling| sibling.state == State::Over)?;
    let mut is_told = false;
    for peer in sessions::in_use(work.db, contact)? {
        let Some(mut session) = peer.session(work.db)? else { continue };
        let end = session.stop(Alarm::DeviceRevoked, work.rng);
        sessions::store(work.db, peer.id, &session)?;
        is_over(work, contact, work.now.plus_seconds(FAREWELL_SECONDS))?;
        sessions::stop(work, &peer, Alarm::DeviceRevoked, end.as_ref())?;
        is_told = true;
    }
    if is_told { Ok(()) } else { siblings::drop_row(work, contact) }
}

/// The other device has ended a link, as when its person says that the codes differ: it is over here, too (KE-131).
pub(crate) fn ended(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    is_over(work, contact, work.now)
}

/// Nothing comes of a link any more. Its row is there until the other device was told, and under no device's name: that one may be linked anew.
fn is_over(work: &mut Work<'_>, contact: ContactId, until: Timestamp) -> Result<(), StorageError> {
    let sql = "UPDATE siblings SET state = ?2, device = NULL, user = NULL, until = ?3 WHERE contact = ?1";
    run(work.db, sql, params![contact.column(), State::Over as i64, column(until.0)])?;
    card_keys::forget(work.db, contact)?;
    work.tell(Event::Devices);
    Ok(())
}

/// On a new device nothing of before stands in the way of a link, but that another one may still have to be told that it is over.
pub(crate) fn begin_anew(work: &mut Work<'_>) -> Result<(), StorageError> {
    drop_all(work, |sibling| sibling.state != State::Over)
}

fn drop_all(work: &mut Work<'_>, which: impl Fn(&Sibling) -> bool) -> Result<(), StorageError> {
    for sibling in siblings::everyone(work.db)?.into_iter().filter(|sibling| which(sibling)) {
        siblings::drop_row(work, sibling.contact)?;
    }
    Ok(())
}

/// Takes every link back that a new device could still use: one at a time.
pub(crate) fn withdraw_all(work: &mut Work<'_>) -> Result<(), StorageError> {
    for before in siblings::everyone(work.db)?.into_iter().filter(|sibling| sibling.state == State::Linking) {
        take_back(work, before.contact)?;
    }
    Ok(())
}

/// Remembers how long the card of a link is good.
pub(crate) fn lasts_until(db: &Connection, contact: ContactId, not_after: Hour) -> Result<(), StorageError> {
    let end = Hour(not_after.0.saturating_add(1)).start().plus_seconds(GRACE_SECONDS);
    run(db, "UPDATE siblings SET until = ?2 WHERE contact = ?1", params![contact.column(), column(end.0)])?;
    Ok(())
}

/// The two have met: the person has a day to compare the codes.
pub(crate) fn met(work: &Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let until = column(work.now.plus_seconds(COMPARE_SECONDS).0);
    run(work.db, "UPDATE siblings SET until = max(until, ?2) WHERE contact = ?1", params![contact.column(), until])?;
    Ok(())
}

/// Removes links whose time is over (KE-85), on the device that the person has.
pub(crate) fn expire(work: &mut Work<'_>) -> Result<(), StorageError> {
    drop_over(work, State::Over)?;
    drop_over(work, State::Linking)
}

/// Removes them on a new device, once everything was heard that waits at its home server: it may have been welcomed while it was off.
pub(crate) fn expire_heard(work: &mut Work<'_>) -> Result<(), StorageError> {
    drop_over(work, State::Joining)
}

fn drop_over(work: &mut Work<'_>, state: State) -> Result<(), StorageError> {
    let sql = "SELECT contact FROM siblings WHERE state = ?1 AND until <= ?2";
    let over = params![state as i64, column(work.now.0)];
    for contact in all(work.db, sql, over, |row| row.get(0).map(ContactId::from_column))? {
        siblings::drop_row(work, contact)?;
    }
    Ok(())
}
