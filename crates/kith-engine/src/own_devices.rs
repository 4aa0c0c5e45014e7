//! The person's own devices: their signed list, and what this one is among them.
//!
//! The list changes with the password only (KE-51). How devices are linked is in `siblings.rs`, what contacts are told of
//! them in `own_lists.rs`.

use kith_crypto::random;
use kith_crypto::sign::{PersonSecret, Verified, open_by};
use kith_wire::Wire;
use kith_wire::devices::RevocationReason;
use kith_wire::ext::Ext;
use kith_wire::id::{DeviceId, Hash, PersonKey, UserSeed};
use kith_wire::limits::MAX_DEVICES;
use kith_wire::own::{MAX_OWN_REVOCATIONS, OwnDevice, OwnDevices, OwnRevocation};
use kith_wire::signed::Signed;
use rusqlite::{Connection, params};

use crate::api::Event;
use crate::database::{StorageError, first, run};
use crate::errors::DeviceError;
use crate::siblings;
use crate::work::Work;

pub(crate) const TABLES: &str = "
CREATE TABLE own_device (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    device BLOB NOT NULL,
    name TEXT NOT NULL,
    list BLOB,
    adopt BLOB,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
";

/// The slot of a person's first device.
const FIRST_SLOT: u8 = 1;

/// What this device is among the person's.
pub(crate) struct Own {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) list: Option<OwnDevices>,
    pub(crate) revoked: bool,
}

/// Returns what this device is; nothing while it is the only one and was never linked.
pub(crate) fn find(db: &Connection) -> Result<Option<Own>, StorageError> {
    let row = first(db, "SELECT device, name, list, revoked FROM own_device", [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<Vec<u8>>>(2)?, row.get(3)?))
    })?;
    let Some((device, name, list, revoked)) = row else { return Ok(None) };
    let list = list.map(|bytes| Signed::<OwnDevices>::from_bytes(&bytes).and_then(|list| list.decode_unverified()));
    let list = list.transpose().map_err(|_| StorageError::Damaged("own_device"))?;
    Ok(Some(Own { device: DeviceId(device), name, list, revoked }))
}

/// Returns what this device is, and draws its id when it had none.
pub(crate) fn named(work: &mut Work<'_>, name: &str) -> Result<Own, StorageError> {
    if let Some(own) = find(work.db)? {
        return Ok(own);
    }
    let device = DeviceId(random::bytes(work.rng));
    run(work.db, "INSERT INTO own_device (id, device, name) VALUES (1, ?1, ?2)", params![device.0, name])?;
    Ok(Own { device, name: name.to_owned(), list: None, revoked: false })
}

/// Returns which versions of lists this device makes.
pub(crate) fn slot(db: &Connection) -> Result<u8, StorageError> {
    let Some(own) = find(db)? else { return Ok(FIRST_SLOT) };
    let slot = own.list.and_then(|list| list.devices.iter().find(|one| one.id == own.device).map(|one| one.slot));
    Ok(slot.unwrap_or(FIRST_SLOT))
}

/// Returns whether this device was revoked (KE-54).
pub(crate) fn is_revoked(db: &Connection) -> Result<bool, StorageError> {
    Ok(find(db)?.is_some_and(|own| own.revoked))
}

/// This device was revoked: it is locked.
pub(crate) fn lock(work: &mut Work<'_>) -> Result<(), StorageError> {
    run(work.db, "UPDATE own_device SET revoked = 1", [])?;
    work.effects.link = crate::work::LinkEffect::Lose;
    work.tell(Event::Devices);
    Ok(())
}

/// What changes in the list of own devices.
pub(crate) enum Change {
    /// One more.
    Add { device: DeviceId, name: String },
    /// One less, for good.
    Revoke { device: DeviceId, reason: RevocationReason },
    /// Another name.
    Rename { device: DeviceId, name: String },
}

/// Signs a new list of own devices. Needs the password.
pub(crate) fn change(
    work: &mut Work<'_>,
    person: &PersonSecret,
    change: Change,
) -> Result<Signed<OwnDevices>, DeviceError> {
    let own = find(work.db)?.ok_or(DeviceError::UnknownDevice)?;
    let today = work.now.day();
    let before = signed_list(work.db)?;
    let mut list = own.list.unwrap_or_else(|| OwnDevices {
        person_key: person.public(),
        version: 0,
        previous: Hash([0; 32]),
        devices: vec![OwnDevice { id: own.device, slot: FIRST_SLOT, name: own.name, since: today }],
        revoked: Vec::new(),
        ext: Ext::new(),
    });
    if list.person_key != person.public() {
        return Err(DeviceError::WrongUserKey);
    }
    if let Some(before) = before {
        list.previous = kith_crypto::hash::hash_signed(&before);
    }
    match change {
        Change::Add { device, name } => {
            let slot = free_slot(&list).ok_or(DeviceError::TooMany)?;
            list.devices.retain(|one| one.id != device);
            list.devices.push(OwnDevice { id: device, slot, name, since: today });
        }
        Change::Revoke { device, reason } => {
            let n_before = list.devices.len();
            list.devices.retain(|one| one.id != device);
            if list.devices.len() == n_before {
                return Err(DeviceError::UnknownDevice);
            }
            if list.revoked.len() >= MAX_OWN_REVOCATIONS {
                list.revoked.remove(0);
            }
            list.revoked.push(OwnRevocation { id: device, since: today, reason });
        }
        Change::Rename { device, name } => {
            let one = list.devices.iter_mut().find(|one| one.id == device).ok_or(DeviceError::UnknownDevice)?;
            one.name = name;
        }
    }
    let slot = u32::from(slot(work.db)?);
    list.version = next_version(list.version, slot).ok_or(DeviceError::TooMany)?;
    if !list.is_well_formed() {
        return Err(DeviceError::BadName);
    }
    let signed = person.sign(&list);
    keep(work, &signed, &list)?;
    Ok(signed)
}

/// The next number above that leaves the slot as remainder by eight; the first of all is 1.
fn next_version(version: u32, slot: u32) -> Option<u32> {
    if version == 0 {
        return Some(1);
    }
    let above = version.checked_add(1)?;
    above.checked_add((slot + 8 - above % 8) % 8)
}

fn free_slot(list: &OwnDevices) -> Option<u8> {
    let first = usize::from(FIRST_SLOT);
    let slots = (first..first + MAX_DEVICES).map(|slot| slot % MAX_DEVICES);
    let mut free = slots.filter_map(|slot| u8::try_from(slot).ok());
    free.find(|slot| list.devices.iter().all(|device| device.slot != *slot))
}

/// Returns the signed list, to tell it.
pub(crate) fn signed_list(db: &Connection) -> Result<Option<Signed<OwnDevices>>, StorageError> {
    let bytes = first(db, "SELECT list FROM own_device", [], |row| row.get::<_, Option<Vec<u8>>>(0))?.flatten();
    let list = bytes.map(|bytes| Signed::<OwnDevices>::from_bytes(&bytes));
    list.transpose().map_err(|_| StorageError::Damaged("own_device"))
}

/// A sibling has told a list. It counts when the person key has signed it; what is revoked in any of them stays so. Returns
/// whether it says something new.
pub(crate) fn learn(work: &mut Work<'_>, signed: Signed<OwnDevices>) -> Result<bool, StorageError> {
    let Some(own) = find(work.db)? else { return Ok(false) };
    let Some(known) = own.list else { return Ok(false) };
    let Some(list) = check(signed, &known.person_key) else { return Ok(false) };
    // Also an older one revokes.
    for revoked in &list.get().revoked {
        if revoked.id == own.device {
            lock(work)?;
            return Ok(true);
        }
        siblings::drop_device(work, revoked.id)?;
    }
    if list.get().version <= known.version {
        return Ok(false);
    }
    keep(work, list.signed(), list.get())?;
    Ok(true)
}

/// Checks a list of own devices (KW-17).
pub(crate) fn check(signed: Signed<OwnDevices>, person: &PersonKey) -> Option<Verified<OwnDevices>> {
    open_by(signed, &person.0).ok().filter(|list| list.get().is_well_formed())
}

/// Makes a list the one that counts here.
pub(crate) fn keep(work: &mut Work<'_>, signed: &Signed<OwnDevices>, list: &OwnDevices) -> Result<(), StorageError> {
    run(work.db, "UPDATE own_device SET list = ?1", [signed.to_bytes()])?;
    for device in &list.devices {
        siblings::rename(work.db, device)?;
    }
    work.tell(Event::Devices);
    Ok(())
}

/// Keeps the seed that came with a welcome until the vault has it.
pub(crate) fn keep_seed(db: &Connection, seed: &UserSeed) -> Result<(), StorageError> {
    run(db, "UPDATE own_device SET adopt = ?1", [seed.expose()])?;
    Ok(())
}

/// Returns the seed that the vault must make its own.
pub(crate) fn seed(db: &Connection) -> Result<Option<UserSeed>, StorageError> {
    let seed = first(db, "SELECT adopt FROM own_device", [], |row| row.get::<_, Option<[u8; 32]>>(0))?;
    Ok(seed.flatten().map(UserSeed::new))
}

/// The vault has it: here it is erased.
pub(crate) fn erase_seed(db: &Connection) -> Result<(), StorageError> {
    run(db, "UPDATE own_device SET adopt = NULL", [])?;
    Ok(())
}
