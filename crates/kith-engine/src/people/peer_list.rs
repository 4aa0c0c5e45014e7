//! The device lists of a contact, as they concern their devices here: which is which, and which are revoked.
//!
//! The session has checked that the contact signed the list. How new devices are met is not done here.

use kith_crypto::sign::Verified;
use kith_session::{Alarm, Session};
use kith_wire::Wire;
use kith_wire::devices::{DeviceList, RevocationReason};
use rusqlite::params;

use crate::api::ContactId;
use crate::devices::{device_keys, sync};
use crate::ground::database::{StorageError, run};
use crate::ground::work::Work;
use crate::mail::sessions::{self, PeerDevice, PeerId};
use crate::people::contacts::{self, Stage};
use crate::people::{cards, held, introductions, named, spare_cards};
use crate::recovery::replaced;

/// Remembers under which name a contact's lists have the device that a session is with.
pub(crate) fn name(work: &Work<'_>, peer: &mut PeerDevice, session: &Session) -> Result<(), StorageError> {
    let (None, Some(device)) = (peer.device, session.peer_device()) else { return Ok(()) };
    peer.device = Some(device);
    run(work.db, "UPDATE peers SET device = ?2 WHERE id = ?1", params![peer.id.0, device.0])?;
    Ok(())
}

/// One of a contact's devices has brought a list. The newest of all is kept (KE-44), and every other session hears of each: what
/// contradicts it or is revoked by it stops (KS-36, KS-39).
pub(crate) fn came(work: &mut Work<'_>, from: &PeerDevice, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    take(work, from.contact, Some(from.id), list)
}

/// A list of a contact came another way: with a card, or from a sibling.
pub(crate) fn learn(work: &mut Work<'_>, contact: ContactId, list: &Verified<DeviceList>) -> Result<(), StorageError> {
    take(work, contact, None, list)
}

fn take(
    work: &mut Work<'_>,
    contact: ContactId,
    from: Option<PeerId>,
    list: &Verified<DeviceList>,
) -> Result<(), StorageError> {
    let has_lost_one = has_lost_one(work, contact, from, list.get())?;
    if from.is_none() && replaced::replaces(work.db, contact, list.get())? {
        // What no device that is left could acknowledge waits for the one that comes (KE-67).
        replaced::say_again(work, contact, None)?;
    }
    named::note_revoked(work.db, contact, list.get())?;
    let newest = cards::peer_list(work.db, contact)?;
    let is_first = newest.is_none();
    if newest.is_none_or(|newest| newest.version < list.get().version) {
        let sql = "UPDATE contacts SET peer_list = ?2 WHERE id = ?1";
        run(work.db, sql, params![contact.column(), list.signed().to_bytes()])?;
        device_keys::listed(work, contact, list.get())?;
    }
    for peer in sessions::in_use(work.db, contact)?.iter().filter(|peer| Some(peer.id) != from) {
        match peer.session(work.db)? {
            Some(session) => tell(work, peer, session, list)?,
            None if peer.is_revoked_in(list.get()) => sessions::remove(work, peer)?,
            None => {}
        }
    }
    introductions::heard_of(work, contact, list.get())?;
    if is_first
        && contacts::find(work.db, contact)?.is_some_and(|known| known.stage == Stage::Established && !known.is_sibling)
    {
        sync::contact_made(work, contact)?;
    }
    if has_lost_one {
        spare_cards::replace(work, contact)?;
    }
    held::look(work, contact)
}

/// Returns whether a list says of a device for the first time that it is lost or stolen. Of one that replaces all others that is for
/// `replaced.rs`.
fn has_lost_one(
    work: &Work<'_>,
    contact: ContactId,
    from: Option<PeerId>,
    list: &DeviceList,
) -> Result<bool, StorageError> {
    if let Some(from) = from
        && replaced::is_awaited(work.db, from)?
    {
        return Ok(false);
    }
    for revoked in list.revoked.iter().filter(|revoked| revoked.reason == RevocationReason::Compromised) {
        if !named::is_revoked(work.db, contact, revoked.id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tell(
    work: &mut Work<'_>,
    peer: &PeerDevice,
    mut session: Session,
    list: &Verified<DeviceList>,
) -> Result<(), StorageError> {
    let stops: Option<Alarm> = session.learn_devices(list).err();
    let end = match stops {
        // KS-62: the device is told by which list it is revoked.
        Some(Alarm::DeviceRevoked) => session.dismiss(list, work.rng),
        Some(alarm) => session.stop(alarm, work.rng),
        None => None,
    };
    sessions::store(work.db, peer.id, &session)?;
    match stops {
        Some(alarm) => sessions::stop(work, peer, alarm, end.as_ref()),
        None => Ok(()),
    }
}
