//! The person's own devices: their signed list, and what this one is among them.
//!
//! The list changes with the password only (KE-51). How devices are linked is in `siblings.rs`, what contacts are told of
//! them in `own_lists.rs`.

use kith_crypto::hash::hash_signed;
use kith_crypto::random;
use kith_crypto::sign::{ContactSecret, PersonSecret, Verified, open_by};
use kith_crypto::user::{UserKey, UserSecret};
use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::devices::{RevocationReason, next_version};
use kith_wire::ext::Ext;
use kith_wire::id::{DeviceId, DeviceKey, Hash, PersonKey, UserSeed};
use kith_wire::limits::MAX_DEVICES;
use kith_wire::own::{MAX_OWN_REVOCATIONS, OwnDevice, OwnDevices, OwnRevocation};
use kith_wire::signed::Signed;
use kith_wire::time::Day;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use crate::api::{Event, RevokedDevice};
use crate::devices::catching_up;
use crate::devices::device_names;
use crate::devices::siblings;
use crate::errors::DeviceError;
use crate::ground::database::{StorageError, all, column, count, exists, first, number, run};
use crate::ground::work::Work;

pub(crate) const TABLES: &str = "
CREATE TABLE own_device (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    device BLOB NOT NULL,
    secret BLOB NOT NULL,
    name TEXT NOT NULL,
    list BLOB,
    adopt BLOB,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE own_known (device BLOB PRIMARY KEY, entry BLOB, revoked INTEGER, since INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// What version 4 adds: when this device heard of another one; 0 of those that were there before it.
pub(crate) const TABLES_4: &str = "ALTER TABLE own_known ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;";

/// Binds the sealed seed of the user key to its purpose.
const SEED_PURPOSE: &[u8] = b"kith/1/user-key";
/// Devices, there are and were, that are remembered: far more than anybody has.
const MAX_KNOWN: u64 = 256;

/// What a device is called that was never linked, and is locked.
const NEVER_LINKED: &str = "device";

/// What this device is among the person's.
pub(crate) struct Own {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    /// The newest list; nothing while this device was never linked.
    pub(crate) list: Option<OwnDevices>,
    /// All devices that any list named and none revoked: two lists that were made at once count together.
    pub(crate) devices: Vec<OwnDevice>,
    revoked_devices: Vec<OwnRevocation>,
    pub(crate) revoked: bool,
}

impl Own {
    /// Returns one of the person's devices.
    pub(crate) fn one(&self, device: DeviceId) -> Option<&OwnDevice> {
        self.devices.iter().find(|one| one.id == device)
    }

    /// Returns what the person calls this device: what the list says, and before there is one what it was called here.
    pub(crate) fn listed_name(&self) -> &str {
        self.one(self.device).map_or(&self.name, |one| &one.name)
    }

    /// Returns whether any list has named or revoked a device.
    pub(crate) fn has_named(&self, device: DeviceId) -> bool {
        device == self.device || self.one(device).is_some() || self.revoked_for(device).is_some()
    }

    /// Returns whether somebody is one of the person's devices.
    pub(crate) fn is_one(&self, owner: Option<DeviceId>) -> bool {
        owner.is_some_and(|owner| self.one(owner).is_some())
    }

    /// Returns why a device is none of the person's any more.
    pub(crate) fn revoked_for(&self, device: DeviceId) -> Option<RevocationReason> {
        self.revoked_devices.iter().find(|revoked| revoked.id == device).map(|revoked| revoked.reason)
    }

    /// What the versions of lists that this device makes leave: as for contacts, but by the id that no contact knows.
    const fn maker(&self) -> u16 {
        maker(self.device)
    }
}

const fn maker(device: DeviceId) -> u16 {
    u16::from_be_bytes([device.0[0], device.0[1]])
}

/// Returns what this device is; nothing while it is the only one and was never linked.
pub(crate) fn find(db: &Connection) -> Result<Option<Own>, StorageError> {
    let row = first(db, "SELECT device, name, list, revoked FROM own_device", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<Vec<u8>>>(2)?, row.get(3)?))
    })?;
    let Some((device, name, list, revoked)) = row else { return Ok(None) };
    let damaged = |_| StorageError::Damaged("own_device");
    let list = list.map(|bytes| Signed::<OwnDevices>::from_bytes(&bytes).and_then(|list| list.decode_unverified()));
    let list = list.transpose().map_err(damaged)?;
    let rows = all(db, "SELECT device, entry, revoked, since FROM own_known ORDER BY since, device", [], |row| {
        let id = DeviceId(row.get(0)?);
        Ok((id, row.get::<_, Option<Vec<u8>>>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, u32>(3)?))
    })?;
    let (mut devices, mut revoked_devices) = (Vec::new(), Vec::new());
    for (id, entry, revoked, since) in rows {
        match (entry, revoked) {
            (_, Some(reason)) => {
                revoked_devices.push(OwnRevocation { id, since: Day(since), reason: self::reason(reason) });
            }
            (Some(entry), None) => devices.extend(minicbor::decode::<OwnDevice>(&entry).ok()),
            (None, None) => {}
        }
    }
    Ok(Some(Own { device: DeviceId(device), name, list, devices, revoked_devices, revoked }))
}

const fn reason(column: i64) -> RevocationReason {
    if column == 0 { RevocationReason::Retired } else { RevocationReason::Compromised }
}

/// Returns what this device is, and draws its id and key when it had none.
pub(crate) fn named(work: &mut Work<'_>, name: &str) -> Result<Own, StorageError> {
    if find(work.db)?.is_none() {
        let device = DeviceId(random::bytes(work.rng));
        let secret = ContactSecret::generate(work.rng);
        let sql = "INSERT INTO own_device (id, device, secret, name) VALUES (1, ?1, ?2, ?3)";
        run(work.db, sql, params![device.0, secret.expose(), name])?;
    }
    find(work.db)?.ok_or(StorageError::Damaged("own_device"))
}

/// Returns the devices that were taken out, the last one first, by the names that they had.
pub(crate) fn revoked(db: &Connection) -> Result<Vec<RevokedDevice>, StorageError> {
    let sql =
        "SELECT device, entry, revoked, since FROM own_known WHERE revoked IS NOT NULL ORDER BY since DESC, device";
    all(db, sql, [], |row| {
        let entry = row.get::<_, Option<Vec<u8>>>(1)?.and_then(|entry| minicbor::decode::<OwnDevice>(&entry).ok());
        Ok(RevokedDevice {
            id: DeviceId(row.get(0)?),
            name: entry.map(|entry| entry.name).unwrap_or_default(),
            reason: reason(row.get(2)?),
            since: Day(row.get(3)?),
        })
    })
}

/// Returns when this device heard of another one that was added later than it.
pub(crate) fn heard(db: &Connection, device: DeviceId) -> Result<Option<Timestamp>, StorageError> {
    let sql = "SELECT heard FROM own_known WHERE device = ?1 AND heard > 0";
    first(db, sql, [device.0], |row| Ok(Timestamp(number(row.get(0)?))))
}

/// Returns the key by which this device meets the person's others.
pub(crate) fn secret(db: &Connection) -> Result<ContactSecret, StorageError> {
    let seed = first(db, "SELECT secret FROM own_device", [], |row| row.get::<_, [u8; 32]>(0))?;
    seed.map(ContactSecret::from_seed).ok_or(StorageError::Damaged("own_device"))
}

/// Why this device is one of the person's no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    /// A sibling says that it was revoked (KE-54), or its account was closed (KE-88).
    Revoked = 1,
    /// The person goes on from a backup that did not know of it (KE-108).
    LeftBehind = 2,
}

/// Returns whether this device was revoked, or left behind: it is locked.
pub(crate) fn is_revoked(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM own_device WHERE revoked > 0", [])
}

/// Returns whether the person goes on from a backup that did not know of this device.
pub(crate) fn is_left_behind(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM own_device WHERE revoked = ?1", [Locked::LeftBehind as i64])
}

/// Returns whether this device waits to become one of another person's: until then it meets nobody of its own.
pub(crate) fn is_joining(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM siblings WHERE state = 1 UNION ALL SELECT 1 FROM own_device WHERE adopt IS NOT NULL", [])
}

/// This device is one of the person's no more: it is locked, and what it was still going to say is gone. The first reason stays.
pub(crate) fn lock(work: &mut Work<'_>, why: Locked) -> Result<(), StorageError> {
    // One that was never linked has nothing yet in which that stands: its account was closed from a backup (KE-104).
    named(work, NEVER_LINKED)?;
    run(work.db, "UPDATE own_device SET revoked = ?1 WHERE revoked = 0", [why as i64])?;
    for sql in [
        "UPDATE own_device SET adopt = NULL",
        "DELETE FROM outgoing",
        "DELETE FROM frames",
        "DELETE FROM history",
        "DELETE FROM catching_up",
        "UPDATE contacts SET next_list = NULL, announce_at = NULL",
    ] {
        run(work.db, sql, [])?;
    }
    if why == Locked::Revoked {
        for sql in ["DELETE FROM spare_givers", "DELETE FROM spare_cards"] {
            run(work.db, sql, [])?;
        }
    }
    work.effects.link = crate::ground::work::LinkEffect::Lose;
    work.tell(Event::Devices);
    Ok(())
}

/// What changes in the list of own devices.
pub(crate) enum Change {
    /// One more.
    Add { device: DeviceId, name: String, key: DeviceKey },
    /// One less, for good.
    Revoke { device: DeviceId, reason: RevocationReason },
    /// This one alone, instead of all others.
    ReplaceAll,
    /// Another name.
    Rename { device: DeviceId, name: String },
}

/// Signs a new list of own devices. Needs the password. It names everybody that any list named, and revokes whom any revoked.
pub(crate) fn change(
    work: &mut Work<'_>,
    person: &PersonSecret,
    change: Change,
) -> Result<Signed<OwnDevices>, DeviceError> {
    let own = find(work.db)?.ok_or(DeviceError::UnknownDevice)?;
    let today = work.now.day();
    let before = signed_list(work.db)?;
    if own.list.as_ref().is_some_and(|list| list.person_key != person.public()) {
        return Err(DeviceError::WrongUserKey);
    }
    let version = match &own.list {
        Some(list) => next_version(list.version, own.maker()).ok_or(DeviceError::TooMany)?,
        None => 1,
    };
    let mut devices = own.devices;
    if devices.is_empty() {
        let key = DeviceKey(secret(work.db)?.public().0);
        let name = device_names::free(&own.name, std::iter::empty());
        devices.push(OwnDevice { id: own.device, name, since: today, key });
    }
    let mut revoked = own.revoked_devices;
    let is_one_more = matches!(change, Change::Add { .. });
    match change {
        Change::Add { device, name, key } => {
            devices.retain(|one| one.id != device);
            if devices.len() >= MAX_DEVICES {
                return Err(DeviceError::TooMany);
            }
            let name = device_names::free(&name, devices.iter().map(|one| one.name.as_str()));
            devices.push(OwnDevice { id: device, name, since: today, key });
        }
        Change::Revoke { device, reason } => {
            let n_before = devices.len();
            devices.retain(|one| one.id != device);
            if devices.len() == n_before {
                return Err(DeviceError::UnknownDevice);
            }
            revoked.push(OwnRevocation { id: device, since: today, reason });
        }
        Change::ReplaceAll => {
            // It may have been taken out before, or now: where both are shown, each has a name of its own.
            let gone = self::revoked(work.db)?;
            let names = devices.iter().filter(|one| one.id != own.device).map(|one| &one.name);
            let name = device_names::free(&own.name, names.chain(gone.iter().map(|one| &one.name)).map(String::as_str));
            for other in devices.extract_if(.., |one| one.id != own.device) {
                let reason = RevocationReason::Compromised;
                revoked.push(OwnRevocation { id: other.id, since: today, reason });
            }
            if devices.is_empty() {
                let key = DeviceKey(secret(work.db)?.public().0);
                devices.push(OwnDevice { id: own.device, name, since: today, key });
            }
        }
        Change::Rename { device, name } => {
            let others = devices.iter().filter(|one| one.id != device).map(|one| one.name.as_str());
            if device_names::is_taken(&name, others) {
                return Err(DeviceError::NameTaken);
            }
            let one = devices.iter_mut().find(|one| one.id == device).ok_or(DeviceError::UnknownDevice)?;
            one.name = device_names::seen(&name);
        }
    }
    devices.truncate(MAX_DEVICES);
    let n_left_out = revoked.len().saturating_sub(MAX_OWN_REVOCATIONS);
    let list = OwnDevices {
        person_key: person.public(),
        version,
        previous: before.map_or(Hash([0; 32]), |before| hash_signed(&before)),
        devices,
        revoked: revoked.split_off(n_left_out),
        ext: Ext::new(),
    };
    if !list.is_well_formed() {
        return Err(DeviceError::BadName);
    }
    let signed = person.sign(&list);
    // KE-132: what the person does here is no news here, where another device tells of it. Somebody else may have done it with this one in hand.
    let is_told_elsewhere = !is_one_more || list.devices.len() > 2;
    keep(work, &signed, &list, if is_told_elsewhere { Others::ThereBefore } else { Others::New })?;
    Ok(signed)
}

/// Returns the signed list, to tell it.
pub(crate) fn signed_list(db: &Connection) -> Result<Option<Signed<OwnDevices>>, StorageError> {
    let bytes = first(db, "SELECT list FROM own_device", [], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let list = bytes.map(|bytes| Signed::<OwnDevices>::from_bytes(&bytes));
    list.transpose().map_err(|_| StorageError::Damaged("own_device"))
}

/// A sibling has told a list. It counts when the person key has signed it, older or newer: what any of them revokes stays so, and
/// whom any names is named. Returns whether it says something new.
pub(crate) fn learn(work: &mut Work<'_>, signed: Signed<OwnDevices>) -> Result<bool, StorageError> {
    let Some(own) = find(work.db)? else { return Ok(false) };
    let Some(known) = &own.list else { return Ok(false) };
    let Some(list) = check(signed, &known.person_key) else { return Ok(false) };
    for revoked in &list.get().revoked {
        if revoked.id == own.device {
            lock(work, Locked::Revoked)?;
            return Ok(true);
        }
    }
    if list.get().version <= known.version {
        note(work, list.get(), Weight::Older, Others::New)?;
    } else {
        keep(work, list.signed(), list.get(), Others::New)?;
    }
    for revoked in &list.get().revoked {
        if own.revoked_for(revoked.id).is_none() {
            catching_up::revoked(work.db, revoked.id)?;
        }
        siblings::was_revoked(work, revoked.id, list.signed())?;
    }
    work.tell(Event::Devices);
    Ok(true)
}

/// How a list stands to the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Newest,
    Older,
}

/// Whether other devices that are heard of for the first time are news to the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    New,
    /// This device is the new one, or has made the list itself.
    ThereBefore,
}

/// Remembers whom a list names and revokes. Of an older one nothing that is known is changed but by a revocation.
fn note(work: &mut Work<'_>, list: &OwnDevices, weight: Weight, others: Others) -> Result<(), StorageError> {
    let db = work.db;
    if count(db, "SELECT count(*) FROM own_known", [])? > MAX_KNOWN {
        return Ok(());
    }
    let own = first(db, "SELECT device FROM own_device", [], |row| row.get(0).map(DeviceId))?;
    for device in &list.devices {
        let is_known = exists(db, "SELECT 1 FROM own_known WHERE device = ?1", [device.id.0])?;
        let entry = minicbor::to_vec(device).unwrap_or_default();
        let sql = match weight {
            Weight::Newest => {
                "INSERT INTO own_known (device, entry, since) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (device) DO UPDATE SET entry = ?2"
            }
            Weight::Older => "INSERT OR IGNORE INTO own_known (device, entry, since) VALUES (?1, ?2, ?3)",
        };
        run(db, sql, params![device.id.0, entry, device.since.0])?;
        if !is_known && others == Others::New && own != Some(device.id) {
            // Whoever did not link it must hear of it in time.
            run(db, "UPDATE own_known SET heard = ?2 WHERE device = ?1", params![device.id.0, column(work.now.0)])?;
            work.tell(Event::DeviceAdded { device: device.id, name: device.name.clone() });
        }
    }
    for revoked in &list.revoked {
        let reason = i64::from(revoked.reason == RevocationReason::Compromised);
        // The day is from now on the one on which it was taken out, as it was said first.
        let sql = "INSERT INTO own_known (device, revoked, since) VALUES (?1, ?2, ?3) ON CONFLICT (device) DO UPDATE \
                   SET since = CASE WHEN revoked IS NULL THEN ?3 ELSE since END, revoked = ?2";
        run(db, sql, params![revoked.id.0, reason, revoked.since.0])?;
    }
    Ok(())
}

/// Checks a list of own devices (KW-17).
pub(crate) fn check(signed: Signed<OwnDevices>, person: &PersonKey) -> Option<Verified<OwnDevices>> {
    open_by(signed, &person.0).ok().filter(|list| list.get().is_well_formed())
}

/// Makes a list the one that counts here.
pub(crate) fn keep(
    work: &mut Work<'_>,
    signed: &Signed<OwnDevices>,
    list: &OwnDevices,
    others: Others,
) -> Result<(), StorageError> {
    run(work.db, "UPDATE own_device SET list = ?1", [signed.to_bytes()])?;
    note(work, list, Weight::Newest, others)?;
    for device in &list.devices {
        siblings::rename(work.db, device)?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// Remembers the devices that the person had, on one that is restored: the newest list counts, and what any revoked stays so.
pub(crate) fn keep_restored(work: &mut Work<'_>, list: &Verified<OwnDevices>) -> Result<(), StorageError> {
    let known = find(work.db)?.and_then(|own| own.list).map_or(0, |list| list.version);
    if list.get().version > known {
        keep(work, list.signed(), list.get(), Others::ThereBefore)
    } else {
        note(work, list.get(), Weight::Older, Others::ThereBefore)
    }
}

/// Seals the seed of the user key for a new device.
pub(crate) fn seal_seed(work: &mut Work<'_>, user: &UserSecret, to: &UserKey) -> Result<Vec<u8>, DeviceError> {
    to.seal(SEED_PURPOSE, user.expose(), work.rng).map_err(|_| DeviceError::NotThereYet)
}

/// Keeps the sealed seed that came with a welcome until a password entry opens it and the vault has it.
pub(crate) fn keep_seed(db: &Connection, sealed: &[u8]) -> Result<(), StorageError> {
    run(db, "UPDATE own_device SET adopt = ?1", [sealed])?;
    Ok(())
}

/// Opens the seed that the vault must make its own. It is the one from which the person key of the list comes (KE-50).
pub(crate) fn seed(db: &Connection, user: &UserSecret) -> Result<Option<UserSeed>, StorageError> {
    let sealed = first(db, "SELECT adopt FROM own_device", [], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let (Some(sealed), Some(own)) = (sealed, find(db)?) else { return Ok(None) };
    // After a crash the vault may have it already.
    if own.list.as_ref().is_some_and(|list| list.person_key == user.person().public()) {
        return Ok(Some(UserSeed::new(*user.expose())));
    }
    let Ok(seed) = user.open(SEED_PURPOSE, &sealed) else { return Ok(None) };
    let seed: Zeroizing<[u8; 32]> =
        Zeroizing::new(seed.as_ref().try_into().map_err(|_| StorageError::Damaged("own_device"))?);
    let person = UserSecret::from_seed(*seed).person().public();
    let is_right = own.list.is_some_and(|list| list.person_key == person);
    Ok(is_right.then(|| UserSeed::new(*seed)))
}

/// Returns whether a seed waits to be adopted.
pub(crate) fn has_seed(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM own_device WHERE adopt IS NOT NULL", [])
}

/// The vault has it: here it is erased.
pub(crate) fn erase_seed(db: &Connection) -> Result<(), StorageError> {
    run(db, "UPDATE own_device SET adopt = NULL", [])?;
    Ok(())
}
