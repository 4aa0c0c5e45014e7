//! What contacts are told of the person's devices: the signed list for each contact.
//!
//! A list is signed at a password entry, by whichever device it happens on; siblings are told, and each tells the contact in its own
//! sessions. All devices that any list ever named are remembered, so that a list made without knowing of another one loses none,
//! and what was revoked stays revoked (KE-52).

use kith_crypto::random;
use kith_crypto::sign::{ContactSecret, Verified, open};
use kith_crypto::user::UserSecret;
use kith_session::{ListChange, OwnDevice, check_list, next_list};
use kith_wire::Wire;
use kith_wire::devices::{Device, DeviceList, RevocationReason};
use kith_wire::id::{ContactKey, ConversationId, DeviceId};
use kith_wire::limits::MAX_DEVICES;
use kith_wire::signed::Signed;
use kith_wire::sync::SyncItem;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use crate::api::{ContactId, Event};
use crate::devices::{device_keys, own_devices, sync, wrong_times};
use crate::errors::RefreshError;
use crate::ground::clocks::{ANY, Mended, PutOff};
use crate::ground::database::{StorageError, all, column, exists, first, run};
use crate::ground::work::Work;
use crate::mail::outbox::FrameKind;
use crate::mail::{outbox, sessions};
use crate::people::cards::CONTACT_SECRET_PURPOSE;
use crate::people::contacts;
use crate::people::{held, introductions, spare_cards};
use crate::recovery::{reach, restored};
use crate::sabotage::{self, Bug};

pub(crate) const TABLES: &str = "
CREATE TABLE own_entries (
    contact INTEGER NOT NULL,
    device BLOB NOT NULL,
    entry BLOB,
    owner BLOB,
    revoked INTEGER,
    PRIMARY KEY (contact, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE own_lists_seen (
    contact INTEGER NOT NULL,
    hash BLOB NOT NULL,
    version INTEGER NOT NULL,
    named BLOB NOT NULL,
    PRIMARY KEY (contact, hash)
) STRICT, WITHOUT ROWID;
";

/// What version 5 takes away: whom a contact's device has met is in what it says.
pub(crate) const TABLES_5: &str = "DROP TABLE own_lists_seen;";

/// Days after which a device list is signed anew, at least.
const LIST_AGE_DAYS: u32 = 7;
/// Days over which contacts differ in that (KE-40): lists that always change on one day would tell two contacts, who compare them,
/// that they know the same person. At most three weeks in all, so that a list of ninety days never runs out for it.
const LIST_SPREAD_DAYS: u32 = 15;

/// Returns the newest own list towards a contact.
pub(crate) fn newest(db: &Connection, contact: ContactId) -> Result<Option<Verified<DeviceList>>, StorageError> {
    let sql = "SELECT own_list FROM contacts WHERE id = ?1";
    let bytes = first(db, sql, [contact.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let Some(bytes) = bytes else { return Ok(None) };
    let list = Signed::<DeviceList>::from_bytes(&bytes).ok().and_then(|list| open(list).ok());
    list.map(Some).ok_or(StorageError::Damaged("contacts"))
}

/// Returns this device towards a contact.
pub(crate) fn own_device(db: &Connection, contact: ContactId) -> Result<Option<OwnDevice>, StorageError> {
    let sql = "SELECT own FROM contacts WHERE id = ?1";
    let bytes = first(db, sql, [contact.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let own = bytes.map(|bytes| OwnDevice::from_bytes(&bytes)).transpose();
    own.map_err(|_| StorageError::Damaged("contacts"))
}

/// Returns which of the person's devices is which of a contact's list. Whoever is told believes so many at a time: those of devices that there
/// are come first.
pub(crate) fn owners(db: &Connection, contact: ContactId) -> Result<Vec<(DeviceId, DeviceId)>, StorageError> {
    let own = own_devices::find(db)?;
    let mut owners = owners_known(db, contact)?;
    owners.sort_by_key(|(owner, _)| own.as_ref().is_none_or(|own| own.one(*owner).is_none()));
    owners.truncate(MAX_OWNERS);
    Ok(owners)
}

/// Remembers which of the person's devices is which, as a sibling says. What was said first holds (KE-52): nobody takes a device
/// for itself, or gives one of its own away. And nobody fills the room of others with devices that there are not: a device that says who it
/// is itself finds room, and nobody else takes it from there.
pub(crate) fn note_owners(
    db: &Connection,
    contact: ContactId,
    owners: &[(DeviceId, DeviceId)],
    said_by: Option<DeviceId>,
) -> Result<(), StorageError> {
    let own = own_devices::find(db)?;
    let is_signed = |owner: DeviceId| own.as_ref().is_some_and(|own| own.has_named(owner));
    for (owner, here) in owners.iter().take(MAX_OWNERS) {
        let known = owners_known(db, contact)?;
        if known.iter().any(|(_, known)| known == here) {
            continue;
        }
        let has_room = if is_signed(*owner) {
            let same: Vec<DeviceId> = known.iter().filter(|(other, _)| other == owner).map(|(_, here)| *here).collect();
            same.len() < MAX_NAMES || (said_by == Some(*owner) && drop_unlisted(db, contact, &same)?)
        } else {
            known.iter().filter(|(other, _)| !is_signed(*other)).count() < MAX_STRANGERS
        };
        if !has_room {
            continue;
        }
        let sql = "INSERT INTO own_entries (contact, device, owner) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (contact, device) DO UPDATE SET owner = coalesce(owner, ?3)";
        run(db, sql, params![contact.column(), here.0, owner.0])?;
    }
    Ok(())
}

/// Forgets one of some devices that no list has named: they are said only, and a list is signed by a key that no unlocked device has. Returns whether
/// there was one.
fn drop_unlisted(db: &Connection, contact: ContactId, some: &[DeviceId]) -> Result<bool, StorageError> {
    for device in some {
        let sql = "DELETE FROM own_entries WHERE contact = ?1 AND device = ?2 AND entry IS NULL AND revoked IS NULL";
        if run(db, sql, params![contact.column(), device.0])? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn owners_known(db: &Connection, contact: ContactId) -> Result<Vec<(DeviceId, DeviceId)>, StorageError> {
    let sql = "SELECT owner, device FROM own_entries WHERE contact = ?1 AND owner IS NOT NULL";
    let mut owners = all(db, sql, [contact.column()], |row| Ok((DeviceId(row.get(0)?), DeviceId(row.get(1)?))))?;
    let own = own_devices::find(db)?.map(|own| own.device);
    let here = contacts::find(db, contact)?.and_then(|contact| contact.device);
    if let (Some(own), Some(here)) = (own, here) {
        owners.retain(|(_, known)| *known != here);
        owners.push((own, here));
    }
    Ok(owners)
}

/// Owners that one item may name: devices there are, and were.
const MAX_OWNERS: usize = 64;
/// Devices of one contact's list that one device of the person is said to be. It is one; a sibling may lie before it says so itself.
const MAX_NAMES: usize = 4;
/// The same of all devices together that no list of own devices has named yet: a sibling may have heard of one first.
const MAX_STRANGERS: usize = 16;

/// Remembers the devices that a list names and revokes.
pub(crate) fn note(db: &Connection, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    let list = list.get();
    for device in &list.devices {
        let sql = "INSERT INTO own_entries (contact, device, entry) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (contact, device) DO UPDATE SET entry = ?3";
        let entry = minicbor::to_vec(device).unwrap_or_default();
        run(db, sql, params![contact.column(), device.id.0, entry])?;
    }
    for revoked in &list.revoked {
        let sql = "INSERT INTO own_entries (contact, device, revoked) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (contact, device) DO UPDATE SET revoked = ?3";
        run(db, sql, params![contact.column(), revoked.id.0, reason_column(revoked.reason)])?;
    }
    Ok(())
}

const fn reason_column(reason: RevocationReason) -> i64 {
    match reason {
        RevocationReason::Retired => 0,
        RevocationReason::Compromised => 1,
    }
}

const fn reason_of_column(column: i64) -> RevocationReason {
    match column {
        0 => RevocationReason::Retired,
        _ => RevocationReason::Compromised,
    }
}

/// Forgets what was known of the devices towards a contact: it is met anew, or forgotten.
pub(crate) fn forget(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "DELETE FROM own_entries WHERE contact = ?1", [contact.column()])?;
    device_keys::forget(db, contact)?;
    spare_cards::forget(db, contact)?;
    introductions::forget(db, contact)
}

/// A sibling has told a list towards a contact (KE-52): it counts when the contact key has signed it and it is newer. What it
/// revokes is revoked, also when it is older.
pub(crate) fn told(
    work: &mut Work<'_>,
    conversation: ConversationId,
    signed: Signed<DeviceList>,
) -> Result<(), StorageError> {
    let Some(contact) = contacts::by_conversation(work.db, conversation)? else { return Ok(()) };
    let Some(known) = newest(work.db, contact)? else { return Ok(()) };
    let key: ContactKey = known.get().contact_key;
    let Ok(list) = check_list(signed, &key) else { return Ok(()) };
    note(work.db, contact, &list)?;
    heard_of(work.db, contact, list.get().version)?;
    if list.get().version <= known.get().version || names_revoked(work.db, contact, list.get())? {
        return Ok(());
    }
    adopt(work, contact, &list)
}

fn names_revoked(db: &Connection, contact: ContactId, list: &DeviceList) -> Result<bool, StorageError> {
    for device in &list.devices {
        let sql = "SELECT 1 FROM own_entries WHERE contact = ?1 AND device = ?2 AND revoked IS NOT NULL";
        if exists(db, sql, params![contact.column(), device.id.0])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes a list the one that this device goes by, and tells the contact.
fn adopt(work: &mut Work<'_>, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    if newest(work.db, contact)?.is_some_and(|before| says_lost(list.get(), before.get())) {
        reach::lost_one(work.db, contact)?;
    }
    let sql = "UPDATE contacts SET own_list = ?2 WHERE id = ?1";
    run(work.db, sql, params![contact.column(), list.signed().to_bytes()])?;
    note(work.db, contact, list)?;
    device_keys::listed(work, contact, list.get())?;
    for peer in sessions::in_use(work.db, contact)? {
        let Some(mut session) = peer.session(work.db)? else { continue };
        session.set_devices(list.clone());
        sessions::store(work.db, peer.id, &session)?;
        sessions::owe_reply(work, peer.id)?;
    }
    outbox::seal_waiting(work, contact)?;
    introductions::go_on(work, contact)?;
    work.tell(Event::Contact { contact });
    held::look(work, contact)
}

/// Returns whether a list says of a device that it is lost or stolen, and the one before did not revoke it.
fn says_lost(list: &DeviceList, before: &DeviceList) -> bool {
    let is_known = |id: DeviceId| before.revoked.iter().any(|revoked| revoked.id == id);
    list.revoked.iter().any(|revoked| revoked.reason == RevocationReason::Compromised && !is_known(revoked.id))
}

/// Signs what must be signed, at a password entry: lists that do not say what they should, and those that have grown old.
pub(crate) fn refresh(work: &mut Work<'_>, user: &UserSecret) -> Result<(), RefreshError> {
    if own_devices::is_revoked(work.db)? {
        return Ok(());
    }
    for contact in contacts::with_keys(work.db)? {
        refresh_if_possible(work, user, contact, None)?;
    }
    restored::answer(work, user)?;
    // The clock may have been set right while this program was off.
    wrong_times::mend(work)?;
    // Lists may have run out since this program was last there.
    Ok(held::look_at_all(work)?)
}

/// One contact whose list cannot be signed must not keep the others from theirs, nor a person out of the folder: only storage fails
/// the whole.
fn refresh_if_possible(
    work: &mut Work<'_>,
    user: &UserSecret,
    contact: ContactId,
    going: Option<DeviceId>,
) -> Result<(), RefreshError> {
    match refresh_one(work, user, contact, going) {
        Err(RefreshError::Storage(problem)) => Err(problem.into()),
        Err(problem) => {
            tracing::warn!(%problem, "a device list cannot be signed");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Signs a list for one contact, if it needs one; `going` is the device that the person takes out now.
fn refresh_one(
    work: &mut Work<'_>,
    user: &UserSecret,
    contact: ContactId,
    going: Option<DeviceId>,
) -> Result<(), RefreshError> {
    let Some(list) = newest(work.db, contact)? else { return Ok(()) };
    let own = match own_device(work.db, contact)? {
        Some(own) => own,
        None => draw(work, contact)?,
    };
    if restored::must_replace(work.db, contact)? {
        return replace_all(work, user, contact, &list, &own);
    }
    let mut changes = changes(work.db, contact, list.get(), &own, going)?;
    // Somebody has heard of a higher number than this device's list has: until a list is above it, nothing can be said.
    let is_behind = highest_heard(work.db, contact)? > list.get().version;
    if changes.is_empty() && !is_behind && !is_old(work, list.get()) {
        return Ok(());
    }
    if is_announced_later(work.db, contact)? && !changes.iter().any(|change| matches!(change, ListChange::Revoke(..))) {
        return Ok(());
    }
    let only_adds = !changes.is_empty() && changes.iter().all(|change| matches!(change, ListChange::Add(_)));
    // A key that was rotated is no reason for a list, only part of one.
    changes.extend(device_keys::changes(work.db, contact, list.get())?);
    let secret = contact_secret(work.db, user, contact)?;
    let above = highest_heard(work.db, contact)?;
    let renewed = next_list(&list, &changes, above, own.maker(), &secret, work.now.day(), work.rng)?;
    if only_adds && contacts::with_keys(work.db)?.len() > 1 && !is_written_to(work.db, contact)? {
        return Ok(announce_later(work, contact, &renewed)?);
    }
    announce(work, contact, &renewed)
}

/// Returns whether something that the person wrote waits for the list: it tells the contact anyway (KE-56).
fn is_written_to(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM outgoing WHERE contact = ?1 AND kind = ?2";
    exists(db, sql, params![contact.column(), FrameKind::Content as i64])
}

/// This device was restored from a backup: it signs itself in as the only one, and revokes every device that it has heard of (KE-65).
/// Contacts hear of it with the answers to their spare cards.
fn replace_all(
    work: &mut Work<'_>,
    user: &UserSecret,
    contact: ContactId,
    list: &Verified<DeviceList>,
    own: &OwnDevice,
) -> Result<(), RefreshError> {
    let named = list.get().devices.iter().map(|device| device.id);
    // Those that no list ever named come first: a sibling may have made them up.
    let sql = "SELECT device FROM own_entries WHERE contact = ?1 ORDER BY entry IS NOT NULL, device";
    let mut others = all(work.db, sql, [contact.column()], |row| row.get(0).map(DeviceId))?;
    // Of more than a list holds the last stay: those that the contact may still talk to.
    others.retain(|id| named.clone().all(|named| named != *id));
    others.extend(named);
    others.retain(|id| *id != own.id());
    let revoke = |id| ListChange::Revoke(id, RevocationReason::Compromised);
    let mut changes: Vec<ListChange> = others.into_iter().map(revoke).collect();
    changes.push(ListChange::Add(own.entry(1)));
    let above = restored::version_above(highest_heard(work.db, contact)?.max(list.get().version));
    let secret = contact_secret(work.db, user, contact)?;
    let replacing = next_list(list, &changes, above, own.maker(), &secret, work.now.day(), work.rng)?;
    adopt(work, contact, &replacing)?;
    Ok(restored::has_replaced(work.db, contact)?)
}

/// Goes by a list from now on, and tells everybody.
fn announce(work: &mut Work<'_>, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), RefreshError> {
    adopt(work, contact, list)?;
    Ok(tell(work, contact, list)?)
}

/// Contacts hear of a new device at different times (KE-56): two who compare when they did must not learn that they know one person.
fn announce_later(work: &mut Work<'_>, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    let random = u64::from(u32::from_be_bytes(random::bytes(work.rng)));
    let delay = random * ANNOUNCE_SECONDS / u64::from(u32::MAX);
    let at = work.now.plus_seconds(delay);
    let sql = "UPDATE contacts SET next_list = ?2, announce_at = ?3 WHERE id = ?1";
    run(work.db, sql, params![contact.column(), list.signed().to_bytes(), column(at.0)])?;
    Ok(())
}

/// Seconds over which contacts hear of a new device.
const ANNOUNCE_SECONDS: u64 = 6 * 3600;
/// When contacts hear of it.
pub(crate) const PUT_OFF: PutOff = PutOff {
    table: "contacts",
    time: "announce_at",
    which: ANY,
    longest_ms: ANNOUNCE_SECONDS * 1000,
    mended: Mended::ByAsMuch,
};

/// Tells the contacts whose time has come.
pub(crate) fn announce_due(work: &mut Work<'_>) -> Result<(), StorageError> {
    let sql = "SELECT id FROM contacts WHERE announce_at <= ?1";
    for contact in all(work.db, sql, [column(work.now.0)], |row| row.get(0).map(ContactId::from_column))? {
        announce_now(work, contact)?;
    }
    Ok(())
}

/// Tells a contact now what was to be told later: the person writes to it, which tells it anyway.
pub(crate) fn announce_now(work: &mut Work<'_>, contact: ContactId) -> Result<(), StorageError> {
    let sql = "SELECT next_list FROM contacts WHERE id = ?1 AND next_list IS NOT NULL";
    let Some(bytes) = first(work.db, sql, [contact.column()], |row| row.get::<_, Vec<u8>>(0))? else { return Ok(()) };
    let sql = "UPDATE contacts SET next_list = NULL, announce_at = NULL WHERE id = ?1";
    run(work.db, sql, [contact.column()])?;
    let list = Signed::<DeviceList>::from_bytes(&bytes).ok().and_then(|list| open(list).ok());
    let list = list.ok_or(StorageError::Damaged("contacts"))?;
    // A sibling may have told a newer one meanwhile: the next password entry mends what it lacks.
    if newest(work.db, contact)?.is_some_and(|known| known.get().version >= list.get().version) {
        return Ok(());
    }
    adopt(work, contact, &list)?;
    tell(work, contact, &list)
}

/// Remembers the highest version of an own list that anybody has told or stated: the next one must be above it.
/// A contact that states an absurd one uses up no numbers.
pub(crate) fn heard_of(db: &Connection, contact: ContactId, version: u32) -> Result<(), StorageError> {
    if version > HIGHEST_BELIEVED {
        return Ok(());
    }
    let sql = "UPDATE contacts SET highest = max(highest, ?2) WHERE id = ?1";
    run(db, sql, params![contact.column(), version])?;
    Ok(())
}

/// Versions above this one are reached by no honest person: sixteen thousand lists.
const HIGHEST_BELIEVED: u32 = 1 << 30;

fn highest_heard(db: &Connection, contact: ContactId) -> Result<u32, StorageError> {
    let highest = first(db, "SELECT highest FROM contacts WHERE id = ?1", [contact.column()], |row| row.get(0))?;
    Ok(highest.unwrap_or(0))
}

fn is_announced_later(db: &Connection, contact: ContactId) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM contacts WHERE id = ?1 AND next_list IS NOT NULL", [contact.column()])
}

fn is_old(work: &Work<'_>, list: &DeviceList) -> bool {
    let spread = list.devices.first().map_or(0, |device| u32::from(device.id.0[0]) % LIST_SPREAD_DAYS);
    work.now.day().0.saturating_sub(list.issued.0) > LIST_AGE_DAYS + spread
}

/// Draws what this device is towards a contact that a sibling has met.
pub(crate) fn draw(work: &mut Work<'_>, contact: ContactId) -> Result<OwnDevice, StorageError> {
    let own = OwnDevice::generate(work.rng);
    let sql = "UPDATE contacts SET own = ?2, device = ?3 WHERE id = ?1";
    run(work.db, sql, params![contact.column(), own.to_bytes().as_slice(), own.id().0])?;
    device_keys::drawn(work, contact)?;
    Ok(own)
}

/// What is remembered of a device of the person, towards one contact.
struct Entry {
    device: DeviceId,
    /// How the last list that named it did; nothing when none did, and a sibling alone has spoken of it.
    listed: Option<Vec<u8>>,
    owner: Option<DeviceId>,
    /// Why it is revoked, if it is.
    revoked: Option<i64>,
}

fn entries(db: &Connection, contact: ContactId) -> Result<Vec<Entry>, StorageError> {
    let own_devices = own_devices::find(db)?;
    let sql = "SELECT device, entry, revoked, owner FROM own_entries WHERE contact = ?1";
    let mut entries = all(db, sql, [contact.column()], |row| {
        let owner = row.get::<_, Option<[u8; 16]>>(3)?.map(DeviceId);
        Ok(Entry { device: DeviceId(row.get(0)?), listed: row.get(1)?, revoked: row.get(2)?, owner })
    })?;
    for entry in &mut entries {
        // A device whose owner was revoked goes with it, also when its id was heard of later only.
        let owner_revoked = own_devices.as_ref().and_then(|own| own.revoked_for(entry.owner?)).map(reason_column);
        entry.revoked = entry.revoked.or(owner_revoked).filter(|_| !sabotage::is_on(Bug::RevocationsStayAtHome));
    }
    Ok(entries)
}

/// Returns what the newest list does not say and should.
fn changes(
    db: &Connection,
    contact: ContactId,
    list: &DeviceList,
    own: &OwnDevice,
    going: Option<DeviceId>,
) -> Result<Vec<ListChange>, StorageError> {
    let entries = entries(db, contact)?;
    let own_devices = own_devices::find(db)?;
    let is_named = |id: &DeviceId| list.devices.iter().any(|device| device.id == *id);
    let mut changes = revocations(&entries, list, going);
    for entry in entries.iter().filter(|entry| entry.revoked.is_none() && !is_named(&entry.device)) {
        // Only what is known to be one of the person's devices is ever named again.
        if own_devices.as_ref().is_some_and(|own| own.is_one(entry.owner)) {
            let device = entry.listed.as_ref().and_then(|listed| minicbor::decode::<Device>(listed).ok());
            changes.extend(device.map(ListChange::Add));
        }
    }
    if !is_named(&own.id()) {
        changes.push(ListChange::Add(own.entry(1)));
    }
    Ok(changes)
}

/// Returns whom a list should revoke and does not. Whom it names comes last: of more revocations than a list holds the last ones stay.
/// Whom it does not name an older list may have named, and the contact may have met them by that one (KE-98); of these only those count that a
/// signed list has named, since a sibling may have made the others up, and no more than there is room for beside all others, but for the
/// device that the person takes out now.
fn revocations(entries: &[Entry], list: &DeviceList, going: Option<DeviceId>) -> Vec<ListChange> {
    let is_named = |entry: &&Entry| list.devices.iter().any(|device| device.id == entry.device);
    let is_said = |entry: &&Entry| list.revoked.iter().any(|revoked| revoked.id == entry.device);
    let revoked = || entries.iter().filter(|entry| entry.revoked.is_some());
    let named: Vec<&Entry> = revoked().filter(is_named).collect();
    let unnamed = revoked().filter(|entry| entry.listed.is_some() && !is_named(entry) && !is_said(entry));
    let (now, mut before): (Vec<&Entry>, Vec<&Entry>) =
        unnamed.partition(|entry| going.is_some() && entry.owner == going);
    before.truncate(MAX_DEVICES.saturating_sub(list.revoked.len() + named.len() + now.len()));
    let all = before.into_iter().chain(now).chain(named);
    all.filter_map(|entry| Some(ListChange::Revoke(entry.device, reason_of_column(entry.revoked?)))).collect()
}

/// Tells the siblings the newest list towards a contact.
fn tell(work: &mut Work<'_>, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    let conversation = contacts::find(work.db, contact)?.and_then(|contact| contact.conversation);
    let Some(conversation) = conversation else { return Ok(()) };
    let owners = owners(work.db, contact)?;
    sync::tell(work, &SyncItem::List { contact: conversation, list: list.signed().clone(), owners })
}

/// Takes one of the person's devices out of every list, at once.
pub(crate) fn revoke(
    work: &mut Work<'_>,
    user: &UserSecret,
    device: DeviceId,
    reason: RevocationReason,
) -> Result<(), RefreshError> {
    for contact in contacts::with_keys(work.db)? {
        let sql = "UPDATE own_entries SET revoked = ?3 WHERE contact = ?1 AND owner = ?2 AND revoked IS NULL";
        run(work.db, sql, params![contact.column(), device.0, reason_column(reason)])?;
        refresh_if_possible(work, user, contact, Some(device))?;
    }
    Ok(())
}

/// Opens the secret of a contact key.
pub(crate) fn contact_secret(
    db: &Connection,
    user: &UserSecret,
    contact: ContactId,
) -> Result<ContactSecret, RefreshError> {
    let sql = "SELECT secret FROM contacts WHERE id = ?1";
    let sealed = first(db, sql, [contact.column()], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let sealed = sealed.ok_or(StorageError::Damaged("contacts"))?;
    let seed = user.open(CONTACT_SECRET_PURPOSE, &sealed).map_err(|_| RefreshError::WrongUserKey)?;
    let seed: Zeroizing<[u8; 32]> =
        Zeroizing::new(seed.as_ref().try_into().map_err(|_| StorageError::Damaged("contacts"))?);
    Ok(ContactSecret::from_seed(*seed))
}
