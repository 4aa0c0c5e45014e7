//! The person's other devices: linking one, welcoming it, and who it is.
//!
//! Towards a sibling this device has what it has towards a contact: a meeting, a session, a queue; so a sibling is a row of
//! `contacts` that no program is shown as one. What siblings tell each other is in `sync.rs`.

use kith_crypto::user::{UserKey, UserSecret};
use kith_session::check_card;
use kith_wire::card::{CardOffer, CardPurpose};
use kith_wire::devices::RevocationReason;
use kith_wire::id::{DeviceId, DeviceKey, KemKey};
use kith_wire::own::{OwnDevice, OwnDevices, is_device_name};
use kith_wire::signed::Signed;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};

use crate::api::{ContactId, DeviceState, DeviceView, Ended, Event, HistoryWish, Reply};
use crate::devices::own_devices::{self, Change, Others};
use crate::devices::{catching_up, history, link_words, linking, sibling_meetings, sync};
use crate::errors::{CommandError, DeviceError};
use crate::ground::database::{StorageError, all, exists, first, number, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::mail::{queues, sessions};
use crate::people::cards::{self, Terms};
use crate::people::contacts::{self, Stage};
use crate::people::own_lists;
use crate::recovery::closings;
use crate::sabotage::{self, Bug};
use crate::talk::{drafts, lending};

pub(crate) const TABLES: &str = "
CREATE TABLE siblings (
    contact INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    device BLOB,
    name TEXT NOT NULL DEFAULT '',
    user BLOB
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
    /// The link has come to nothing; the other device is told so, and nothing else (KE-131).
    Over = 4,
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
        3 => State::Revoked,
        _ => State::Over,
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

pub(crate) fn by_device(db: &Connection, device: DeviceId) -> Result<Option<Sibling>, StorageError> {
    first(db, &format!("SELECT {COLUMNS} FROM siblings WHERE device = ?1"), [device.0], read)
}

pub(crate) fn add(
    db: &Connection,
    stage: Stage,
    state: State,
    device: Option<DeviceId>,
) -> Result<ContactId, CommandError> {
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
    linking::withdraw_all(work)?;
    own_devices::named(work, name)?;
    let contact = add(work.db, Stage::Invited, State::Linking, None)?;
    linking::lasts_until(work.db, contact, work.now.plus_seconds(expires).hour())?;
    work.tell(Event::Devices);
    cards::give(work, contact, &Terms { purpose: CardPurpose::Link, expires })
}

/// Answers the card of a device of the same person: this one is new, and has no contacts of its own.
pub(crate) fn join(work: &mut Work<'_>, offer: CardOffer, name: &str) -> Result<Reply, CommandError> {
    linking::check_fresh(work, name)?;
    let card = check_card(offer.clone(), CardPurpose::Link, work.now)?;
    if exists(work.db, "SELECT 1 FROM contacts WHERE card_key = ?1", [card.contact_key().0])? {
        return Err(CommandError::OwnCard);
    }
    linking::begin_anew(work)?;
    own_devices::named(work, name)?;
    let contact = linking::join_anew(work, Stage::Answered)?;
    linking::lasts_until(work.db, contact, card.card().not_after)?;
    cards::answer_or_fetch(work, contact, &card, &offer)?;
    work.tell(Event::Devices);
    Ok(Reply::Contact(contact))
}

/// A meeting with a sibling has come to its end: a new device says who it is.
pub(crate) fn met(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let Some(sibling) = find(work.db, contact)? else { return Ok(()) };
    linking::met(work, contact)?;
    say_hello(work, &sibling)?;
    if sibling.state == State::Linked {
        closings::leave_with(work, &sibling)?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// Says who this new device is, when the two have met and nothing has to be asked before (KE-83).
pub(crate) fn say_hello(work: &mut Work<'_>, sibling: &Sibling) -> Result<(), StorageError> {
    let stage = contacts::find(work.db, sibling.contact)?.map(|contact| contact.stage);
    let is_time = sibling.state == State::Joining && stage == Some(Stage::Established);
    if is_time
        && !linking::asks(work.db, sibling.contact)?
        && let (Some(own), Ok(user)) = (own_devices::find(work.db)?, person::user_key(work.db))
    {
        let hello = SyncItem::Hello { device: own.device, name: own.name, user: user.0 };
        sync::tell_one(work, sibling.contact, &hello)?;
    }
    Ok(())
}

/// A new device has said who it is. It is told nothing before the codes were compared (KE-51).
pub(crate) fn hello(
    work: &mut Work<'_>,
    from: &Sibling,
    device: DeviceId,
    name: &str,
    user: &KemKey,
) -> Result<(), StorageError> {
    let is_new =
        by_device(work.db, device)?.is_none() && own_devices::find(work.db)?.is_some_and(|own| own.device != device);
    if from.state == State::Linking && from.device.is_none() && is_new && is_device_name(name) {
        let sql = "UPDATE siblings SET device = ?2, name = ?3, user = ?4 WHERE contact = ?1";
        run(work.db, sql, params![from.contact.column(), device.0, name, user.as_bytes().as_slice()])?;
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
    let sql = "SELECT user FROM siblings WHERE contact = ?1";
    let key = first(work.db, sql, [contact.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let key = key.and_then(|key| KemKey::from_slice(&key)).ok_or(DeviceError::NotThereYet)?;
    let seed = own_devices::seal_seed(work, user, &UserKey(key))?;
    // What signed the answer to this device's card is its key among the siblings.
    let key = contacts::peer_key(work.db, contact)?.ok_or(DeviceError::NotThereYet)?;
    let add = Change::Add { device, name: sibling.name, key: DeviceKey(key.0) };
    let devices = own_devices::change(work, &user.person(), add)?;
    run(work.db, "UPDATE siblings SET state = 2 WHERE contact = ?1", [contact.column()])?;
    for other in linked(work.db)?.into_iter().filter(|other| other.contact != contact) {
        sync::tell_one(work, other.contact, &SyncItem::Devices { devices: devices.clone() })?;
    }
    let name = person::find(work.db)?.and_then(|person| person.name);
    let established = contacts::established(work.db)?;
    let n_contacts = u32::try_from(established.len()).unwrap_or(u32::MAX);
    let messages = history::wished(work, wish)?;
    let welcome = SyncItem::Welcome { user: seed, devices, contacts: n_contacts, messages, name };
    sync::tell_one(work, contact, &welcome)?;
    for known in established {
        sync::tell_contact(work, known, Some(contact))?;
    }
    sync::tell_one(work, contact, &SyncItem::ContactsTold)?;
    if let Some(new) = find(work.db, contact)? {
        closings::leave_with(work, &new)?;
        closings::tell_known(work, &new)?;
    }
    drafts::tell_all(work)?;
    catching_up::linked(work, device)?;
    history::begin(work, contact, wish)?;
    Ok(())
}

/// This device is welcome (KE-50): by the sibling whose card it answered, or who answered its card and shows the same code (KE-83), once,
/// with a list that names it.
pub(crate) fn welcomed(
    work: &mut Work<'_>,
    from: &Sibling,
    seed: &[u8],
    devices: Signed<OwnDevices>,
    name: Option<&str>,
    (n_contacts, n_messages): (u32, u64),
) -> Result<(), StorageError> {
    let Some(own) = own_devices::find(work.db)? else { return Ok(()) };
    if linking::asks(work.db, from.contact)? {
        return Ok(());
    }
    // Whose list it is shows when the seed is opened, at the password entry: the person key comes from it.
    let person = devices.decode_unverified().ok().map(|list| list.person_key);
    let list = person.and_then(|person| own_devices::check(devices, &person));
    let key = DeviceKey(own_devices::secret(work.db)?.public().0);
    let is_named = |list: &OwnDevices| list.devices.iter().any(|one| one.id == own.device && one.key == key);
    let list = list.filter(|list| is_named(list.get()));
    let (State::Joining, None, Some(list)) = (from.state, own.list, list) else { return Ok(()) };
    own_devices::keep(work, list.signed(), list.get(), Others::ThereBefore)?;
    own_devices::keep_seed(work.db, seed)?;
    let sql = "UPDATE siblings SET contacts_told = 0, contacts_total = ?2 WHERE contact = ?1";
    run(work.db, sql, params![from.contact.column(), n_contacts])?;
    history::awaited(work.db, from.contact, n_messages)?;
    let others = list.get().devices.iter().filter(|device| device.id != own.device);
    let linker_key = contacts::peer_key(work.db, from.contact)?;
    let linker = list.get().devices.iter().find(|device| linker_key.is_some_and(|key| key.0 == device.key.0));
    run(
        work.db,
        "UPDATE siblings SET state = 2, device = ?2, name = coalesce(?3, name) WHERE contact = ?1",
        params![from.contact.column(), linker.map(|device| device.id.0), linker.map(|device| device.name.as_str()),],
    )?;
    if let Some(linker) = linker {
        catching_up::linked(work, linker.id)?;
    }
    if let Some(name) = name {
        run(work.db, "UPDATE person SET name = coalesce(name, ?1)", [name])?;
    }
    for other in others.filter(|other| Some(other.id) != linker.map(|device| device.id)) {
        sibling_meetings::meet(work, other, own.device)?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// The sibling that welcomed this device has told one more contact (KE-89).
pub(crate) fn told_a_contact(work: &mut Work<'_>, sibling: ContactId) -> Result<(), StorageError> {
    let sql =
        "UPDATE siblings SET contacts_told = contacts_told + 1 WHERE contact = ?1 AND contacts_told < contacts_total";
    if run(work.db, sql, [sibling.column()])? > 0 {
        work.tell(Event::Devices);
    }
    Ok(())
}

/// It has told them all: those that it does not know any more do not come.
pub(crate) fn told_all_contacts(work: &mut Work<'_>, sibling: ContactId) -> Result<(), StorageError> {
    run(work.db, "UPDATE siblings SET contacts_told = contacts_total WHERE contact = ?1", [sibling.column()])?;
    work.tell(Event::Devices);
    Ok(())
}

fn progress(db: &Connection, sibling: ContactId) -> Result<Option<(u64, u64)>, StorageError> {
    let sql = "SELECT contacts_told, contacts_total FROM siblings WHERE contact = ?1 AND contacts_total IS NOT NULL";
    first(db, sql, [sibling.column()], |row| Ok((number(row.get(0)?), number(row.get(1)?))))
}

/// Takes over what the list calls a sibling.
pub(crate) fn rename(db: &Connection, device: &OwnDevice) -> Result<(), StorageError> {
    run(db, "UPDATE siblings SET name = ?2 WHERE device = ?1", params![device.id.0, device.name])?;
    run(db, "UPDATE own_device SET name = ?2 WHERE device = ?1", params![device.id.0, device.name])?;
    Ok(())
}

/// Another device has revoked a sibling, which it may not have met: each that has met it tells it so (KE-54).
pub(crate) fn was_revoked(
    work: &mut Work<'_>,
    device: DeviceId,
    devices: &Signed<OwnDevices>,
) -> Result<(), StorageError> {
    let Some(sibling) = by_device(work.db, device)? else { return catching_up::forget(work.db, device) };
    if sibling.state == State::Revoked {
        return Ok(());
    }
    let is_met = contacts::find(work.db, sibling.contact)?.is_some_and(|row| row.stage == Stage::Established);
    if sibling.state != State::Linked || !is_met {
        return drop_device(work, device);
    }
    nothing_more_for(work, sibling.contact)?;
    sync::tell_one(work, sibling.contact, &SyncItem::Devices { devices: devices.clone() })?;
    // For how long it is waited for counts from when it was heard last.
    catching_up::linked(work, device)?;
    run(work.db, "UPDATE siblings SET state = 3 WHERE contact = ?1", [sibling.contact.column()])?;
    Ok(())
}

/// Takes back whatever was still to be told to a sibling.
fn nothing_more_for(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    lending::forget_sibling(work, contact)?;
    for sql in [
        "DELETE FROM history WHERE sibling = ?1",
        "DELETE FROM catching_up WHERE sibling = ?1",
        "DELETE FROM outgoing WHERE contact = ?1",
    ] {
        run(work.db, sql, [contact.column()])?;
    }
    Ok(())
}

/// A device is none of the person's any more.
pub(crate) fn drop_device(work: &mut Work<'_>, device: DeviceId) -> Result<(), StorageError> {
    catching_up::forget(work.db, device)?;
    sibling_meetings::forget(work.db, device)?;
    match by_device(work.db, device)? {
        Some(sibling) => drop_row(work, sibling.contact),
        None => Ok(()),
    }
}

/// Deletes everything that belongs to a sibling.
pub(crate) fn drop_row(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    crate::people::card_keys::forget(work.db, contact)?;
    drafts::forget(work.db, contact)?;
    lending::forget_sibling(work, contact)?;
    queues::forget(work.db, contact)?;
    sessions::forget(work.db, contact)?;
    for sql in [
        "DELETE FROM outgoing WHERE contact = ?1",
        "DELETE FROM unopened WHERE contact = ?1",
        "DELETE FROM history WHERE sibling = ?1",
        "DELETE FROM catching_up WHERE sibling = ?1",
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
    if let Some(sibling) = by_device(work.db, device)? {
        // Nothing more is for it but that it was revoked.
        nothing_more_for(work, sibling.contact)?;
    }
    // Also the one that is revoked is told, so that it locks itself when it hears of it.
    sync::tell(work, &SyncItem::Devices { devices })?;
    own_lists::revoke(work, user, device, reason)?;
    catching_up::revoked(work.db, device)?;
    if let Some(sibling) = by_device(work.db, device)? {
        run(work.db, "UPDATE siblings SET state = 3 WHERE contact = ?1", [sibling.contact.column()])?;
    }
    closings::close(work, user, device)
}

/// The session with somebody has stopped. When that is a device of the person's it is told by its name (KE-99); of one that was taken out
/// there is nothing to tell. Returns whether it is either.
pub(crate) fn stopped(work: &mut Work<'_>, contact: ContactId, why: Ended) -> Result<bool, StorageError> {
    match find(work.db, contact)? {
        Some(Sibling { state: State::Linked, device: Some(device), name, .. }) => {
            work.tell(Event::SiblingStopped { device, name, why });
            work.tell(Event::Devices);
            Ok(true)
        }
        Some(Sibling { state: State::Linking | State::Joining, .. }) => linking::ended(work, contact).map(|()| true),
        Some(Sibling { state: State::Revoked | State::Over, .. }) => Ok(true),
        _ => Ok(false),
    }
}

fn has_stopped(db: &Connection, sibling: ContactId) -> Result<bool, StorageError> {
    Ok(contacts::find(db, sibling)?.is_some_and(|row| row.unusable))
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
    for device in &own.devices {
        let sibling = siblings.iter().find(|sibling| sibling.device == Some(device.id));
        views.push(DeviceView {
            id: Some(device.id),
            contact: sibling.map(|sibling| sibling.contact),
            name: device.name.clone(),
            is_this: device.id == own.device,
            since: Some(device.since),
            heard: own_devices::heard(db, device.id)?,
            contacts: sibling.map(|sibling| progress(db, sibling.contact)).transpose()?.flatten(),
            state: if device.id == own.device && own.revoked { DeviceState::Revoked } else { DeviceState::Linked },
            history: sibling.map(|sibling| history::progress(db, sibling.contact)).transpose()?.flatten(),
            stopped: sibling.map(|sibling| has_stopped(db, sibling.contact)).transpose()?.unwrap_or_default(),
        });
    }
    if own.list.is_none() {
        views.push(DeviceView { id: Some(own.device), ..DeviceView::alone(own.name) });
    }
    for sibling in siblings.iter().filter(|sibling| matches!(sibling.state, State::Linking | State::Joining)) {
        let asks = sibling.state == State::Linking || linking::asks(db, sibling.contact)?;
        let state = match code(db, sibling)? {
            Some(code) => DeviceState::Compare { code, asks },
            None if link_words::are_wanted(db, sibling.contact)? => DeviceState::Looking,
            None => DeviceState::Waiting,
        };
        let (id, contact) = (sibling.device, Some(sibling.contact));
        views.push(DeviceView { id, contact, is_this: false, state, ..DeviceView::alone(sibling.name.clone()) });
    }
    Ok(views)
}

/// The code that both devices show as soon as they have met: the first twenty of the comparison digits.
pub(crate) fn code(db: &Connection, sibling: &Sibling) -> Result<Option<String>, StorageError> {
    let sql = "SELECT digits FROM contacts WHERE id = ?1";
    let digits = first(db, sql, [sibling.contact.column()], |row| row.get::<_, Option<String>>(0))?.flatten();
    Ok(digits.map(|digits| digits.split(' ').take(4).collect::<Vec<_>>().join(" ")))
}
