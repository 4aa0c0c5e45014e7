//! Siblings that a third one linked meet: cards given, passed on, answered, and kept until they can be (KE-57).
//!
//! Who is a sibling, and how one is linked, is in `siblings.rs`.

use kith_session::check_card;
use kith_wire::Wire;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::id::{ContactKey, DeviceId};
use kith_wire::own::OwnDevice;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, Event, Reply};
use crate::devices::own_devices;
use crate::devices::siblings::{self, State};
use crate::devices::sync;
use crate::errors::CommandError;
use crate::ground::database::{StorageError, all, run};
use crate::ground::work::Work;
use crate::people::cards::{self, Terms};
use crate::people::contacts::{self, Stage};

/// What version 5 adds: cards of siblings that wait for a queue, one of each.
pub(crate) const TABLES_5: &str = "
CREATE TABLE sibling_cards (device BLOB PRIMARY KEY, offer BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Returns whether who answered the card for a sibling is that sibling (KE-57): by the key that the list of own devices has.
pub(crate) fn is_answered_by(db: &Connection, contact: ContactId, key: &ContactKey) -> Result<bool, StorageError> {
    let Some(sibling) = siblings::find(db, contact)?.filter(|sibling| sibling.state == State::Linked) else {
        return Ok(true);
    };
    let own = own_devices::find(db)?;
    let device = sibling.device.and_then(|device| own.as_ref()?.one(device));
    Ok(device.is_some_and(|device| device.key.0 == key.0))
}

/// Seconds for which a sibling may answer the card of another one. Then another one is given. Whoever is to pass it on, or to answer it, may be away for weeks.
const MEET_SECONDS: u64 = 30 * 24 * 3600;

/// Gives a card to a sibling that this device has not met, by way of those that it has.
pub(crate) fn meet(work: &mut Work<'_>, other: &OwnDevice, own: DeviceId) -> Result<(), StorageError> {
    if siblings::by_device(work.db, other.id)?.is_some() {
        return Ok(());
    }
    let Ok(contact) = siblings::add(work.db, Stage::Invited, State::Linked, Some(other.id)) else { return Ok(()) };
    run(work.db, "UPDATE siblings SET name = ?2 WHERE contact = ?1", params![contact.column(), other.name])?;
    match cards::give(work, contact, &Terms { purpose: CardPurpose::Link, expires: MEET_SECONDS }) {
        Ok(Reply::Card { offer, .. }) => {
            let item = SyncItem::Meet { to: other.id, from: own, offer };
            for sibling in siblings::linked(work.db)?.into_iter().filter(|sibling| sibling.contact != contact) {
                sync::tell_one(work, sibling.contact, &item)?;
            }
            Ok(())
        }
        Err(CommandError::Storage(problem)) => Err(problem),
        // No queue is there yet: it is tried again when there is.
        _ => siblings::drop_row(work, contact),
    }
}

/// Meets the siblings that were not met yet, because no queue was there.
pub(crate) fn meet_everyone(work: &mut Work<'_>) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    if own.revoked || own.list.is_none() {
        return Ok(());
    }
    let newer = |other: &OwnDevice| {
        // The later of two devices gives the card; the earlier one waits for it.
        let place = |id| own.devices.iter().find(|device| device.id == id).map(|device| (device.since, device.id));
        place(other.id) < place(own.device)
    };
    for other in own.devices.iter().filter(|other| other.id != own.device && newer(other)) {
        meet(work, other, own.device)?;
    }
    Ok(())
}

/// Gives up cards that no sibling has answered in time, and meets again.
pub(crate) fn wake(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT s.contact FROM siblings s JOIN contacts c ON c.id = s.contact \
               WHERE s.state = 2 AND c.stage = 0 AND c.giver IS NULL";
    let over = all(work.db, sql, [], |row| row.get(0).map(ContactId::from_column))?;
    if over.is_empty() {
        return Ok(());
    }
    for contact in over {
        siblings::drop_row(work, contact)?;
    }
    meet_everyone(work)
}

/// A card from a sibling that this device has not met: answered, or passed on.
pub(crate) fn introduced(
    work: &mut Work<'_>,
    to: DeviceId,
    from: DeviceId,
    offer: CardOffer,
) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    if to != own.device {
        if let Some(sibling) = siblings::by_device(work.db, to)?.filter(|sibling| sibling.state == State::Linked) {
            sync::tell_one(work, sibling.contact, &SyncItem::Meet { to, from, offer: Box::new(offer) })?;
        }
        return Ok(());
    }
    let Ok(card) = check_card(offer.clone(), CardPurpose::Link, work.now) else { return Ok(()) };
    // KE-57: whoever passes a card on cannot put its own in the place of it.
    let is_by_them = own.one(from).is_some_and(|device| device.key.0 == card.contact_key().0);
    if !is_by_them {
        return Ok(());
    }
    if let Some(sibling) = siblings::by_device(work.db, from)? {
        // Both gave each other a card: that of the lower id counts, as between devices of two persons.
        let stage = contacts::find(work.db, sibling.contact)?.map(|contact| contact.stage);
        if stage != Some(Stage::Invited) || own.device < from {
            return Ok(());
        }
        siblings::drop_row(work, sibling.contact)?;
    }
    let Ok(contact) = siblings::add(work.db, Stage::Answered, State::Linked, Some(from)) else { return Ok(()) };
    match cards::answer_or_fetch(work, contact, &card, &offer) {
        Ok(()) => {}
        Err(CommandError::Storage(problem)) => return Err(problem),
        // Without a queue nothing can be answered: see `queue_made`.
        Err(_) => {
            siblings::drop_row(work, contact)?;
            return keep(work.db, from, &offer);
        }
    }
    own.one(from).into_iter().try_for_each(|device| siblings::rename(work.db, device))?;
    work.tell(Event::Devices);
    Ok(())
}

/// Keeps a card that cannot be answered yet; of one device the newest.
fn keep(db: &Connection, from: DeviceId, offer: &CardOffer) -> Result<(), StorageError> {
    let sql = "INSERT OR REPLACE INTO sibling_cards (device, offer) VALUES (?1, ?2)";
    run(db, sql, params![from.0, offer.to_bytes()])?;
    Ok(())
}

/// Forgets what a sibling has given.
pub(crate) fn forget(db: &Connection, device: DeviceId) -> Result<(), StorageError> {
    run(db, "DELETE FROM sibling_cards WHERE device = ?1", [device.0])?;
    Ok(())
}

/// A queue was made: cards that waited for one are answered, and cards are given.
pub(crate) fn queue_made(work: &mut Work<'_>) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    let sql = "SELECT device, offer FROM sibling_cards ORDER BY device";
    let waiting = all(work.db, sql, [], |row| Ok((DeviceId(row.get(0)?), row.get::<_, Vec<u8>>(1)?)))?;
    for (from, offer) in waiting {
        forget(work.db, from)?;
        if let Ok(offer) = CardOffer::from_bytes(&offer) {
            introduced(work, own.device, from, offer)?;
        }
    }
    meet_everyone(work)
}
