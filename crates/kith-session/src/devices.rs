//! Device lists towards one contact: making them, and what a list from the other side must be.
//!
//! Nothing here assumes one device, except that a person starts with one. Whether a list has expired is the caller's
//! question: an expired list holds messages, visibly; it is not an error.

use kith_crypto::CryptoRng;
use kith_crypto::random;
use kith_crypto::sign::{ContactSecret, Verified, open, open_by};
use kith_wire::devices::{Device, DeviceList};
use kith_wire::ext::Ext;
use kith_wire::id::{ContactKey, DeviceId, Hash, OlmIdentity};
use kith_wire::limits::DEVICE_LIST_DAYS;
use kith_wire::payload::ListState;
use kith_wire::signed::Signed;
use kith_wire::time::Day;
use thiserror::Error;

/// Why a device list cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListError {
    /// It would be longer than every list is, or its own signature does not verify.
    #[error("the device list cannot be made")]
    NotRepresentable,
}

/// Why a device list from a contact is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListRefusal {
    /// KS-37: it is not signed by the contact, not well formed, or asks for what this version does not know.
    #[error("the device list is not one of this contact's")]
    Invalid,
    /// KS-36: it has the version of a known list and another hash, or does not follow the list before it.
    #[error("the device list contradicts an earlier one")]
    Forked,
}

/// Makes the first list of a person towards a contact.
pub(crate) fn first_list(
    secret: &ContactSecret,
    device: DeviceId,
    olm_identity: OlmIdentity,
    kem_hash: Hash,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<Verified<DeviceList>, ListError> {
    let list = DeviceList {
        contact_key: secret.public(),
        version: 1,
        previous: Hash([0; 32]),
        issued: issue_day(today, rng),
        not_after: today,
        devices: vec![Device { id: device, olm_identity, kem_hash, added_in: 1 }],
        revoked: Vec::new(),
        ext: Ext::new(),
        padding: Vec::new(),
    };
    finish(list, secret)
}

/// Makes the next list with the same devices, valid for another 90 days. Needs the contact secret, so a password entry.
///
/// # Errors
/// [`ListError`] when the version cannot rise, or `secret` is another contact's.
pub fn renew_list(
    previous: &Verified<DeviceList>,
    secret: &ContactSecret,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<Verified<DeviceList>, ListError> {
    let mut list = previous.get().clone();
    if list.contact_key != secret.public() {
        return Err(ListError::NotRepresentable);
    }
    list.version = list.version.checked_add(1).ok_or(ListError::NotRepresentable)?;
    list.previous = previous.hash();
    list.issued = issue_day(today, rng);
    finish(list, secret)
}

/// Returns version and hash of a list.
pub fn list_state(list: &Verified<DeviceList>) -> ListState {
    ListState { version: list.get().version, hash: list.hash() }
}

/// Moves the day of issue back by zero to three random days, so that it links no two contacts.
fn issue_day(today: Day, rng: &mut dyn CryptoRng) -> Day {
    let [byte] = random::bytes::<1>(rng);
    Day(today.0.saturating_sub(u32::from(byte % 4)))
}

fn finish(mut list: DeviceList, secret: &ContactSecret) -> Result<Verified<DeviceList>, ListError> {
    list.not_after = Day(list.issued.0.saturating_add(DEVICE_LIST_DAYS));
    let list = list.padded().filter(DeviceList::is_well_formed).ok_or(ListError::NotRepresentable)?;
    open(secret.sign(&list)).map_err(|_| ListError::NotRepresentable)
}

/// Checks a list from the owner of `contact_key` by itself (KS-37).
pub(crate) fn check_list(
    signed: Signed<DeviceList>,
    contact_key: &ContactKey,
) -> Result<Verified<DeviceList>, ListRefusal> {
    let list = open_by(signed, &contact_key.0).map_err(|_| ListRefusal::Invalid)?;
    if list.get().is_well_formed() { Ok(list) } else { Err(ListRefusal::Invalid) }
}

/// Checks a list against the newest known one. Returns whether it is newer (KS-36).
pub(crate) fn check_succession(list: &Verified<DeviceList>, known: &ListState) -> Result<Succession, ListRefusal> {
    let (version, known_version) = (list.get().version, known.version);
    if version == known_version && list.hash() != known.hash {
        return Err(ListRefusal::Forked);
    }
    if known_version.checked_add(1) == Some(version) && list.get().previous != known.hash {
        return Err(ListRefusal::Forked);
    }
    Ok(match version.cmp(&known_version) {
        std::cmp::Ordering::Less => Succession::Older,
        std::cmp::Ordering::Equal => Succession::Same,
        std::cmp::Ordering::Greater => Succession::Newer,
    })
}

/// How a list stands to the newest known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Succession {
    Older,
    Same,
    Newer,
}

/// Returns whether a list names the device with this Olm identity, met with this X-Wing key.
pub(crate) fn names_device(list: &DeviceList, identity: &OlmIdentity, kem_hash: &Hash) -> bool {
    list.devices.iter().any(|device| device.olm_identity == *identity && device.kem_hash == *kem_hash)
}
