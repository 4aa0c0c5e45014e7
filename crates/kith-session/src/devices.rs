//! Device lists towards one contact: making them, and what a list from the other side must be.
//!
//! Nothing here assumes one device, except that a person starts with one. Whether a list has expired is the caller's
//! question: an expired list holds messages, visibly; it is not an error.

use kith_crypto::CryptoRng;
use kith_crypto::random;
use kith_crypto::sign::{ContactSecret, Verified, open, open_by};
use kith_wire::devices::{Device, DeviceList, Revocation, RevocationReason, next_version};
use kith_wire::ext::Ext;
use kith_wire::id::{ContactKey, DeviceId, DeviceKey, Hash, OlmIdentity};
use kith_wire::limits::{DEVICE_LIST_DAYS, MAX_DEVICES};
use kith_wire::payload::ListState;
use kith_wire::signed::Signed;
use kith_wire::time::{Day, Timestamp};
use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::own_device::OwnDevice;
use crate::peer_keys::PeerKeys;

/// Why a device list cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListError {
    /// It would be longer than every list is, or its own signature does not verify.
    #[error("the device list cannot be made")]
    NotRepresentable,
    /// A person has at most eight devices.
    #[error("there are eight devices already")]
    TooMany,
}

/// Why a device list from a contact is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListRefusal {
    /// KS-37: it is not signed by the contact, not well formed, or asks for what this version does not know.
    #[error("the device list is not one of this contact's")]
    Invalid,
    /// KS-36: it has the version of a known list and another hash.
    #[error("the device list contradicts an earlier one")]
    Forked,
}

/// What a new list changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListChange {
    /// Names a device more; one that is named already stays as it is.
    Add(Device),
    /// Takes a device out for good.
    Revoke(DeviceId, RevocationReason),
    /// Names a device's newest key.
    Key(DeviceId, DeviceKey),
}

/// Makes the first list of a person towards a contact.
pub(crate) fn first_list(
    secret: &ContactSecret,
    device: &OwnDevice,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<Verified<DeviceList>, ListError> {
    let list = DeviceList {
        contact_key: secret.public(),
        version: 1,
        previous: Hash([0; 32]),
        issued: issue_day(today, rng),
        not_after: today,
        devices: vec![device.entry(1)],
        revoked: Vec::new(),
        ext: Ext::new(),
        padding: Vec::new(),
    };
    finish(list, secret)
}

/// Makes the next list, valid for another 90 days, with a number above `above` too, as the device `maker`
/// ([`OwnDevice::maker`]). Needs the contact secret, so a password entry. Of more revocations than a list holds the oldest are left out.
///
/// # Errors
/// [`ListError`] when there are too many devices, or none left, the version cannot rise, or `secret` is another contact's.
pub fn next_list(
    previous: &Verified<DeviceList>,
    changes: &[ListChange],
    above: u32,
    maker: u16,
    secret: &ContactSecret,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<Verified<DeviceList>, ListError> {
    let mut list = previous.get().clone();
    if list.contact_key != secret.public() {
        return Err(ListError::NotRepresentable);
    }
    list.version = next_version(list.version.max(above), maker).ok_or(ListError::NotRepresentable)?;
    list.previous = previous.hash();
    list.issued = issue_day(today, rng);
    for change in changes {
        apply(&mut list, change);
    }
    if list.devices.len() > MAX_DEVICES {
        return Err(ListError::TooMany);
    }
    finish(list, secret)
}

fn apply(list: &mut DeviceList, change: &ListChange) {
    match change {
        ListChange::Add(device) => {
            let is_named = list.devices.iter().any(|named| named.id == device.id);
            let is_revoked = list.revoked.iter().any(|revoked| revoked.id == device.id);
            if !is_named && !is_revoked {
                list.devices.push(Device { added_in: list.version, ..device.clone() });
            }
        }
        ListChange::Revoke(id, reason) => {
            list.devices.retain(|device| device.id != *id);
            if !list.revoked.iter().any(|revoked| revoked.id == *id) {
                list.revoked.push(Revocation { id: *id, revoked_in: list.version, reason: *reason });
            }
            if list.revoked.len() > MAX_DEVICES {
                list.revoked.remove(0);
            }
        }
        ListChange::Key(id, key) => {
            list.devices.iter_mut().filter(|device| device.id == *id).for_each(|device| device.device_key = *key);
        }
    }
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
///
/// # Errors
/// [`ListRefusal::Invalid`].
pub fn check_list(signed: Signed<DeviceList>, contact_key: &ContactKey) -> Result<Verified<DeviceList>, ListRefusal> {
    let list = open_by(signed, &contact_key.0).map_err(|_| ListRefusal::Invalid)?;
    if list.get().is_well_formed() { Ok(list) } else { Err(ListRefusal::Invalid) }
}

/// Checks a list against the newest known one. Returns whether it is newer (KS-36).
pub(crate) fn check_succession(list: &Verified<DeviceList>, known: &ListState) -> Result<Succession, ListRefusal> {
    let (version, known_version) = (list.get().version, known.version);
    if version == known_version && list.hash() != known.hash {
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

/// Returns the device with this Olm identity, when a list names it.
pub(crate) fn named<'a>(list: &'a DeviceList, identity: &OlmIdentity) -> Option<&'a Device> {
    list.devices.iter().find(|device| device.olm_identity == *identity)
}

/// A device of a contact, as the contact's newest list names it: what a meeting between two devices rests on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ListedDevice {
    #[n(0)]
    pub(crate) contact_key: ContactKey,
    #[n(1)]
    pub(crate) device: Device,
    #[n(2)]
    pub(crate) list: ListState,
    /// The keys that count instead of the list's; none when no rotation is known.
    #[n(3)]
    pub(crate) keys: Option<Vec<DeviceKey>>,
}

impl ListedDevice {
    /// Finds a device by its id.
    pub fn by_id(list: &Verified<DeviceList>, id: &DeviceId) -> Option<Self> {
        Self::find(list, |device| device.id == *id)
    }

    /// Finds a device by its Olm identity.
    pub(crate) fn by_identity(list: &Verified<DeviceList>, identity: &OlmIdentity) -> Option<Self> {
        Self::find(list, |device| device.olm_identity == *identity)
    }

    /// Finds the device that gave a card, or answered one, by the key that signed.
    pub fn by_key(list: &Verified<DeviceList>, key: &[u8; 32]) -> Option<Self> {
        Self::find(list, |device| device.device_key.0 == *key)
    }

    fn find(list: &Verified<DeviceList>, is_it: impl Fn(&Device) -> bool) -> Option<Self> {
        let device = list.get().devices.iter().find(|device| is_it(device))?.clone();
        Some(Self { contact_key: list.get().contact_key, device, list: list_state(list), keys: None })
    }

    /// Takes the rotations of the device into account (KS-56). `None` when they contradict each other: it is not met (KS-54).
    pub fn rotated(mut self, keys: &PeerKeys, now: Timestamp) -> Option<Self> {
        if keys.device() == self.device.id {
            self.keys = Some(keys.accepted(now));
        }
        self.keys.as_ref().is_none_or(|keys| !keys.is_empty()).then_some(self)
    }

    /// Returns whether the device signs with this key, or did so lately (KS-56).
    pub fn has_key(&self, key: &[u8; 32]) -> bool {
        let keys = self.keys.as_deref().unwrap_or(std::slice::from_ref(&self.device.device_key));
        keys.iter().any(|known| known.0 == *key)
    }

    /// Returns its name in device lists and contents.
    pub const fn id(&self) -> DeviceId {
        self.device.id
    }

    /// KS-50: a card or answer between devices is signed by a key of the device (KS-56), and names the Olm identity that the list has.
    pub(crate) fn is_signer(&self, key: &ContactKey, identity: &OlmIdentity) -> bool {
        self.has_key(&key.0) && self.device.olm_identity == *identity
    }
}
