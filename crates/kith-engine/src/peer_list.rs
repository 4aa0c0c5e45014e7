//! The device list of a contact, as it concerns their devices here: which of them is which, and which are gone.
//!
//! The session has checked that the contact signed the list and that it follows the one before. How new devices are met is not
//! done here.

use std::collections::BTreeSet;

use kith_crypto::sign::Verified;
use kith_wire::Wire;
use kith_wire::devices::DeviceList;
use kith_wire::id::DeviceId;
use rusqlite::{Connection, params};

use crate::cards;
use crate::database::{StorageError, run};
use crate::sessions::{self, PeerDevice};
use crate::work::Work;

/// One of a contact's devices has brought a list. Only a newer one than the newest so far counts: devices that were away bring
/// older ones.
pub(crate) fn came(work: &mut Work<'_>, from: &PeerDevice, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    let contact = from.contact;
    let before = cards::peer_list(work.db, contact)?;
    name(work.db, from, before.as_ref(), list.get())?;
    if before.as_ref().is_some_and(|before| before.version >= list.get().version) {
        return Ok(());
    }
    let sql = "UPDATE contacts SET peer_list = ?2 WHERE id = ?1";
    run(work.db, sql, params![contact.column(), list.signed().to_bytes()])?;
    for peer in sessions::of_contact(work.db, contact)? {
        // One that no list has named yet may be ahead of the lists.
        let was_named = peer.device.is_some_and(|id| {
            let revoked = list.get().revoked.iter().any(|revoked| revoked.id == id);
            revoked || before.as_ref().is_some_and(|before| names(before, id))
        });
        if was_named && !peer.is_named_in(list.get()) {
            // KE-44: nobody speaks for it any more, and what is under way to it is given up.
            sessions::remove(work, &peer)?;
        }
    }
    Ok(())
}

fn names(list: &DeviceList, id: DeviceId) -> bool {
    list.devices.iter().any(|device| device.id == id)
}

/// Finds out which device of the list the session is with that brought it, when only one is left that it can be. (The session
/// has checked that the list names its device: KS-39.)
fn name(
    db: &Connection,
    from: &PeerDevice,
    before: Option<&DeviceList>,
    list: &DeviceList,
) -> Result<(), StorageError> {
    if from.device.is_some() {
        return Ok(());
    }
    let peers = sessions::of_contact(db, from.contact)?;
    let others: BTreeSet<DeviceId> = peers.iter().filter_map(|peer| peer.device).collect();
    // The one that was met first stands in the list before; those that came later were named when they were met.
    let mut left = before.unwrap_or(list).devices.iter().map(|device| device.id);
    let mut left = left.by_ref().filter(|id| names(list, *id) && !others.contains(id));
    if let (Some(id), None) = (left.next(), left.next()) {
        run(db, "UPDATE peers SET device = ?2 WHERE id = ?1", params![from.id.0, id.0])?;
    }
    Ok(())
}
