//! The person's other devices: linking one, welcoming it, and who it is.
//!
//! Towards a sibling this device has what it has towards a contact: a meeting, a session, a queue; so a sibling is a row of
//! `contacts` that no program is shown as one. What siblings tell each other is in `sync.rs`.

use kith_crypto::user::UserSecret;
use kith_session::check_card;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, UserSeed};
use kith_wire::own::{OwnDevice, OwnDevices, is_device_name};
use kith_wire::signed::Signed;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, DeviceState, DeviceView, Event, HistoryWish, Reply};
use crate::cards::{self, Terms};
use crate::contacts::{self, Stage};
use crate::database::{StorageError, all, exists, first, run};
use crate::errors::{CommandError, DeviceError};
use crate::own_devices::{self, Change};
use crate::sabotage::{self, Bug};
use crate::work::Work;
use crate::{history, own_lists, person, queues, sessions, sync};

pub(crate) const TABLES: &str = "
CREATE TABLE siblings (
    contact INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    device BLOB,
    name TEXT NOT NULL DEFAULT ''
) STRICT;
";

/// Where a sibling stands. The numbers are those of the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It was given a card, and is not welcomed yet.
    Linking = 0,
    /// This device is the new one and waits for the welcome.
    Joining = 1,
    /// Both are devices of one person.
    Linked = 2,
    /// It was revoked: it is told so, and nothing else; nothing that it says counts.
    Revoked = 3,
}

/// A sibling.
pub(crate) struct Sibling {
    pub(crate) contact: ContactId,
    pub(crate) state: State,
    pub(crate) device: Option<DeviceId>,
    pub(crate) name: String,
}

const COLUMNS: &str = "contact, state, device, name";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Sibling> {
    let state = match row.get::<_, i64>(1)? {
        0 => State::Linking,
        1 => State::Joining,
        2 => State::Linked,
        _ => State::Revoked,
    };
    let device: Option<[u8; 16]> = row.get(2)?;
    let contact = ContactId::from_column(row.get(0)?);
    Ok(Sibling { contact, state, device: device.map(DeviceId), name: row.get(3)? })
}

/// Returns a sibling; nothing when the row of `contacts` is a contact's.
pub(crate) fn find(db: &Connection, contact: ContactId) -> Result<Option<Sibling>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM siblings WHERE contact = ?1"), [contact.column()], read)
}

/// Returns all siblings.
pub(crate) fn everyone(db: &Connection) -> Result<Vec<Sibling>, StorageError> {
    all(db, &format!("SELECT {COLUMNS} FROM siblings ORDER BY contact"), [], read)
}

/// Returns the siblings that are told things.
pub(crate) fn linked(db: &Connection) -> Result<Vec<Sibling>, StorageError> {
    let mut everyone = everyone(db)?;
    everyone.retain(|sibling| sibling.state == State::Linked);
    Ok(everyone)
}

fn by_device(db: &Connection, device: DeviceId) -> Result<Option<Sibling>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM siblings WHERE device = ?1"), [device.0], read)
}

fn add(db: &Connection, stage: Stage, state: State, device: Option<DeviceId>) -> Result<ContactId, CommandError> {
    let contact = contacts::add(db, None, stage)?;
    run(db, "UPDATE contacts SET kind = 1 WHERE id = ?1", [contact.column()])?;
    let sql = "INSERT INTO siblings (contact, state, device) VALUES (?1, ?2, ?3)";
    run(db, sql, params![contact.column(), state as i64, device.map(|device| device.0)])?;
    Ok(contact)
}

/// Makes a card for a new device. One that waited for another new device is withdrawn: one at a time.
pub(crate) fn link(work: &mut Work<'_>, name: &str, expires: u64) -> Result<Reply, CommandError> {
    person::required(work.db)?;
    if !is_device_name(name) {
        return Err(CommandError::BadName);
    }
    for before in everyone(work.db)?.into_iter().filter(|sibling| sibling.state == State::Linking) {
        drop_row(work, before.contact)?;
    }
    own_devices::named(work, name)?;
    let contact = add(work.db, Stage::Invited, State::Linking, None)?;
    work.tell(Event::Devices);
    cards::give(work, contact, &Terms { purpose: CardPurpose::Link, expires })
}

/// Answers the card of a device of the same person: this one is new, and has no contacts of its own.
pub(crate) fn join(work: &mut Work<'_>, offer: CardOffer, name: &str) -> Result<Reply, CommandError> {
    person::required(work.db)?;
    if !is_device_name(name) {
        return Err(CommandError::BadName);
    }
    if exists(work.db, "SELECT 1 FROM contacts WHERE kind = 0", [])? || !linked(work.db)?.is_empty() {
        return Err(CommandError::NotFresh);
    }
    let card = check_card(offer.clone(), CardPurpose::Link, work.now)?;
    if exists(work.db, "SELECT 1 FROM contacts WHERE card_key = ?1", [card.contact_key().0])? {
        return Err(CommandError::OwnCard);
    }
    for before in everyone(work.db)? {
        drop_row(work, before.contact)?;
    }
    own_devices::named(work, name)?;
    let contact = add(work.db, Stage::Answered, State::Joining, None)?;
    cards::answer_or_fetch(work, contact, &card, &offer)?;
    work.tell(Event::Devices);
    Ok(Reply::Contact(contact))
}

/// A meeting with a sibling has come to its end: a new device says who it is.
pub(crate) fn met(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some(sibling) = find(work.db, contact)? else { return Ok(()) };
    if sibling.state == State::Joining
        && let Some(own) = own_devices::find(work.db)?
    {
        sync::tell_one(work, contact, &SyncItem::Hello { device: own.device, name: own.name })?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// A new device has said who it is. It is told nothing before the codes were compared (KE-51).
pub(crate) fn hello(work: &mut Work<'_>, from: &Sibling, device: DeviceId, name: &str) -> Result<(), StorageError> {
    if from.state == State::Linking && from.device.is_none() && is_device_name(name) {
        let sql = "UPDATE siblings SET device = ?2, name = ?3 WHERE contact = ?1";
        run(work.db, sql, params![from.contact.column(), device.0, name])?;
        work.tell(Event::Devices);
    }
    Ok(())
}

/// Makes a device one of the person's, after the person has compared the codes and entered the password (KE-51), and tells it
/// everything.
pub(crate) fn welcome(
    work: &mut Work<'_>,
    user: &UserSecret,
    contact: ContactId,
    wish: HistoryWish,
) -> Result<(), DeviceError> {
    let sibling = find(work.db, contact)?.filter(|sibling| sibling.state == State::Linking);
    let sibling = sibling.ok_or(DeviceError::UnknownDevice)?;
    let device = sibling.device.ok_or(DeviceError::NotThereYet)?;
    let is_owner = person::user_key(work.db).ok() == Some(user.public());
    if !is_owner && !sabotage::is_on(Bug::AnyPasswordWelcomes) {
        return Err(DeviceError::WrongUserKey);
    }
    let devices = own_devices::change(work, &user.person(), Change::Add { device, name: sibling.name })?;
    run(work.db, "UPDATE siblings SET state = 2 WHERE contact = ?1", [contact.column()])?;
    for other in linked(work.db)?.into_iter().filter(|other| other.contact != contact) {
        sync::tell_one(work, other.contact, &SyncItem::Devices { devices: devices.clone() })?;
    }
    let name = person::find(work.db)?.and_then(|person| person.name);
    let seed = UserSeed::new(*user.expose());
    sync::tell_one(work, contact, &SyncItem::Welcome { user: seed, devices, name })?;
    for known in contacts::established(work.db)? {
        sync::tell_contact(work, known, Some(contact))?;
    }
    sync::tell_one(work, contact, &SyncItem::ContactsTold)?;
    history::begin(work, contact, wish)?;
    Ok(())
}

/// This device is welcome (KE-50): by the sibling whose card it answered, once, with a list that names it.
pub(crate) fn welcomed(
    work: &mut Work<'_>,
    from: &Sibling,
    seed: &UserSeed,
    devices: Signed<OwnDevices>,
    name: Option<&str>,
) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    let person = UserSecret::from_seed(*seed.expose()).person().public();
    let list = own_devices::check(devices, &person).filter(|list| names(list.get(), own.device));
    let (State::Joining, None, Some(list)) = (from.state, own.list, list) else { return Ok(()) };
    own_devices::keep(work, list.signed(), list.get())?;
    own_devices::keep_seed(work.db, seed)?;
    let others = list.get().devices.iter().filter(|device| device.id != own.device);
    // The one that welcomes is named first of those that this device has not met: it signed the list.
    let linker = welcomer(list.get());
    run(
        work.db,
        "UPDATE siblings SET state = 2, device = ?2, name = coalesce(?3, name) WHERE contact = ?1",
        params![from.contact.column(), linker.map(|device| device.id.0), linker.map(|device| device.name.as_str()),],
    )?;
    if let Some(name) = name {
        run(work.db, "UPDATE person SET name = coalesce(name, ?1)", [name])?;
    }
    for other in others.filter(|other| Some(other.id) != linker.map(|device| device.id)) {
        meet(work, other, own.device)?;
    }
    work.tell(Event::Devices);
    Ok(())
}

fn names(list: &OwnDevices, device: DeviceId) -> bool {
    list.devices.iter().any(|one| one.id == device)
}

/// The device that made a list: by the slot that its version leaves. The first list of all was made by the first device.
fn welcomer(list: &OwnDevices) -> Option<&OwnDevice> {
    let slot = list.version % 8;
    list.devices.iter().find(|device| u32::from(device.slot) == slot)
}

/// Seconds for which a sibling may answer the card of another one.
const MEET_SECONDS: u64 = 30 * 24 * 3600;

/// Gives a card to a sibling that this device has not met, by way of those that it has.
fn meet(work: &mut Work<'_>, other: &OwnDevice, own: DeviceId) -> Result<(), StorageError> {
    if by_device(work.db, other.id)?.is_some() {
        return Ok(());
    }
    let Ok(contact) = add(work.db, Stage::Invited, State::Linked, Some(other.id)) else { return Ok(()) };
    run(work.db, "UPDATE siblings SET name = ?2 WHERE contact = ?1", params![contact.column(), other.name])?;
    match cards::give(work, contact, &Terms { purpose: CardPurpose::Link, expires: MEET_SECONDS }) {
        Ok(Reply::Card { offer, .. }) => {
            let item = SyncItem::Meet { to: other.id, from: own, offer };
            for sibling in linked(work.db)?.into_iter().filter(|sibling| sibling.contact != contact) {
                sync::tell_one(work, sibling.contact, &item)?;
            }
            Ok(())
        }
        Err(CommandError::Storage(problem)) => Err(problem),
        // No queue is there yet: it is tried again when there is.
        _ => drop_row(work, contact),
    }
}

/// Meets the siblings that were not met yet, because no queue was there.
pub(crate) fn meet_everyone(work: &mut Work<'_>) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    let Some(list) = own.list.filter(|_| !own.revoked) else { return Ok(()) };
    let newer = |other: &OwnDevice| {
        // The later of two devices gives the card; the earlier one waits for it.
        let place = |id| list.devices.iter().position(|device| device.id == id);
        place(other.id) < place(own.device)
    };
    for other in list.devices.iter().filter(|other| other.id != own.device && newer(other)) {
        meet(work, other, own.device)?;
    }
    Ok(())
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
        if let Some(sibling) = by_device(work.db, to)?.filter(|sibling| sibling.state == State::Linked) {
            sync::tell_one(work, sibling.contact, &SyncItem::Meet { to, from, offer: Box::new(offer) })?;
        }
        return Ok(());
    }
    let is_one = own.list.as_ref().is_some_and(|list| names(list, from));
    let Ok(card) = check_card(offer.clone(), CardPurpose::Link, work.now) else { return Ok(()) };
    if !is_one || by_device(work.db, from)?.is_some() {
        return Ok(());
    }
    let Ok(contact) = add(work.db, Stage::Answered, State::Linked, Some(from)) else { return Ok(()) };
    match cards::answer_or_fetch(work, contact, &card, &offer) {
        Ok(()) => {}
        Err(CommandError::Storage(problem)) => return Err(problem),
        // Without a queue nothing can be answered; the other one gives its card again when it has waited long enough.
        Err(_) => return drop_row(work, contact),
    }
    if let Some(list) = own.list {
        list.devices.iter().filter(|device| device.id == from).try_for_each(|device| rename(work.db, device))?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// Takes over what the list calls a sibling.
pub(crate) fn rename(db: &Connection, device: &OwnDevice) -> Result<(), StorageError> {
    run(db, "UPDATE siblings SET name = ?2 WHERE device = ?1", params![device.id.0, device.name])?;
    run(db, "UPDATE own_device SET name = ?2 WHERE device = ?1", params![device.id.0, device.name])?;
    Ok(())
}

/// A device is none of the person's any more.
pub(crate) fn drop_device(work: &mut Work<'_>, device: DeviceId) -> Result<(), StorageError> {
    match by_device(work.db, device)? {
        Some(sibling) => drop_row(work, sibling.contact),
        None => Ok(()),
    }
}

/// Deletes everything that belongs to a sibling.
pub(crate) fn drop_row(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    crate::card_keys::forget(work.db, contact)?;
    queues::forget(work.db, contact)?;
    sessions::forget(work.db, contact)?;
    for sql in [
        "DELETE FROM outgoing WHERE contact = ?1",
        "DELETE FROM unopened WHERE contact = ?1",
        "DELETE FROM history WHERE sibling = ?1",
        "DELETE FROM siblings WHERE contact = ?1",
        "DELETE FROM contacts WHERE id = ?1",
    ] {
        run(work.db, sql, [contact.column()])?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// Takes a device out (KE-54): of the list of own devices, and of the list for every contact. Contacts and siblings are told at once.
pub(crate) fn revoke(
    work: &mut Work<'_>,
    user: &UserSecret,
    device: DeviceId,
    reason: RevocationReason,
) -> Result<(), DeviceError> {
    let own = own_devices::find(work.db)?.ok_or(DeviceError::UnknownDevice)?;
    if own.device == device {
        return Err(DeviceError::ThisDevice);
    }
    let devices = own_devices::change(work, &user.person(), Change::Revoke { device, reason })?;
    // Also the one that is revoked is told, so that it locks itself when it hears of it.
    sync::tell(work, &SyncItem::Devices { devices })?;
    if !sabotage::is_on(Bug::RevocationsStayAtHome) {
        own_lists::revoke(work, user, device, reason)?;
    }
    if let Some(sibling) = by_device(work.db, device)? {
        run(work.db, "UPDATE siblings SET state = 3 WHERE contact = ?1", [sibling.contact.column()])?;
    }
    Ok(())
}

/// Gives a device another name.
pub(crate) fn give_name(
    work: &mut Work<'_>,
    user: &UserSecret,
    device: DeviceId,
    name: &str,
) -> Result<(), DeviceError> {
    if !is_device_name(name) {
        return Err(DeviceError::BadName);
    }
    let devices = own_devices::change(work, &user.person(), Change::Rename { device, name: name.to_owned() })?;
    Ok(sync::tell(work, &SyncItem::Devices { devices })?)
}

/// Returns the person's devices, for the person.
pub(crate) fn views(db: &Connection) -> Result<Vec<DeviceView>, StorageError> {
    let Some(own) = own_devices::find(db)? else { return Ok(Vec::new()) };
    let mut views = Vec::new();
    let siblings = everyone(db)?;
    for device in own.list.iter().flat_map(|list| &list.devices) {
        let sibling = siblings.iter().find(|sibling| sibling.device == Some(device.id));
        views.push(DeviceView {
            id: Some(device.id),
            contact: sibling.map(|sibling| sibling.contact),
            name: device.name.clone(),
            is_this: device.id == own.device,
            since: Some(device.since),
            state: if device.id == own.device && own.revoked { DeviceState::Revoked } else { DeviceState::Linked },
            history: sibling.map(|sibling| history::progress(db, sibling.contact)).transpose()?.flatten(),
        });
    }
    if own.list.is_none() {
        views.push(DeviceView {
            id: Some(own.device),
            contact: None,
            name: own.name,
            is_this: true,
            since: None,
            state: DeviceState::Linked,
            history: None,
        });
    }
    for sibling in siblings.iter().filter(|sibling| matches!(sibling.state, State::Linking | State::Joining)) {
        let state = match code(db, sibling)? {
            Some(code) => DeviceState::Compare { code },
            None => DeviceState::Waiting,
        };
        views.push(DeviceView {
            id: sibling.device,
            contact: Some(sibling.contact),
            name: sibling.name.clone(),
            is_this: false,
            since: None,
            state,
            history: None,
        });
    }
    Ok(views)
}

/// The code that both devices show: the first twenty of the comparison digits. On the device that welcomes, when the other one
/// has said who it is.
fn code(db: &Connection, sibling: &Sibling) -> Result<Option<String>, StorageError> {
    let sql = "SELECT digits FROM contacts WHERE id = ?1";
    let digits = first(db, sql, [sibling.contact.column()], |row| row.get::<_, Option<String>>(0))?.flatten();
    let is_ready = sibling.state == State::Joining || sibling.device.is_some();
    Ok(digits.filter(|_| is_ready).map(|digits| digits.split(' ').take(4).collect::<Vec<_>>().join(" ")))
}
