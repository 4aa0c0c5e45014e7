//! This device is shown that its person goes on from a backup without it: it is one of theirs no more (KE-108).
//!
//! No list of own devices can say so: the restored device has perhaps never heard of this one. A contact can, by the list that the restored device
//! has signed for it; how it is shown is in the session crate (KS-62).

use kith_session::check_list;
use kith_wire::devices::{DeviceList, RevocationReason};
use kith_wire::id::DeviceId;
use kith_wire::signed::Signed;

use crate::api::ContactId;
use crate::devices::own_devices::{self, Locked};
use crate::ground::database::StorageError;
use crate::ground::work::Work;
use crate::people::{contacts, own_lists};
use crate::recovery::refused;

/// A contact has ended the session and shows why. Nothing follows unless the person's own key for this contact has signed it: no contact can
/// make that up.
pub(crate) fn shown(work: &mut Work<'_>, contact: ContactId, list: Signed<DeviceList>) -> Result<(), StorageError> {
    let Some(known) = own_lists::newest(work.db, contact)? else { return Ok(()) };
    let Ok(list) = check_list(list, &known.get().contact_key) else { return Ok(()) };
    if !leaves_all_behind(known.get(), list.get()) {
        return Ok(());
    }
    if may_have_come_back(known.get()) {
        // Whoever has the words, or backup and password, signs such a list too, and needs one contact who shows it.
        return refused::heard(work, contact);
    }
    let own = contacts::find(work.db, contact)?.and_then(|known| known.device);
    let is_revoked = list.get().revoked.iter().any(|revoked| Some(revoked.id) == own);
    own_devices::lock(work, if is_revoked { Locked::Revoked } else { Locked::LeftBehind })
}

/// Returns whether a list is of a device that was restored from a backup: newer, it revokes somebody of whom this device knows, and names none of
/// those. A sibling that signs a list names itself, and a list that was made without knowing of this device names another one.
fn leaves_all_behind(known: &DeviceList, list: &DeviceList) -> bool {
    let is_named = |id: DeviceId| list.devices.iter().any(|device| device.id == id);
    let is_revoked = |id: DeviceId| list.revoked.iter().any(|revoked| revoked.id == id);
    let mut named = known.devices.iter().map(|device| device.id);
    let revokes_one = named.clone().chain(known.revoked.iter().map(|revoked| revoked.id)).any(is_revoked);
    list.version > known.version && revokes_one && !named.any(is_named)
}

/// Returns whether this device, or a sibling, may itself be the one that goes on from a backup: its list says of another one that it is lost, as that of
/// each restored device does. Whoever came first stays (KE-68), so nobody who comes later locks it by one contact.
fn may_have_come_back(known: &DeviceList) -> bool {
    known.revoked.iter().any(|revoked| revoked.reason == RevocationReason::Compromised)
}
