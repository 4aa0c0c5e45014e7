//! The list of a person's own devices, which no contact and no server ever sees.

use minicbor::{Decode, Encode};

use crate::codec::Wire;
use crate::devices::RevocationReason;
use crate::ext::Ext;
use crate::id::{DeviceId, DeviceKey, Hash, PersonKey};
use crate::limits::{MAX_DEVICE_NAME_BYTES, MAX_DEVICES};
use crate::signed::Signable;
use crate::time::Day;

/// One device of a person, towards the person's other devices.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OwnDevice {
    /// Random; no contact knows it.
    #[n(0)]
    pub id: DeviceId,
    /// What the person calls it.
    #[n(1)]
    pub name: String,
    /// The day on which it was linked.
    #[n(2)]
    pub since: Day,
    /// Signs the cards by which it meets the person's other devices, and its first word to them.
    #[n(3)]
    pub key: DeviceKey,
}

/// A device that is none of the person's any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OwnRevocation {
    /// The device.
    #[n(0)]
    pub id: DeviceId,
    /// The day.
    #[n(1)]
    pub since: Day,
    /// Why.
    #[n(2)]
    pub reason: RevocationReason,
}

/// All devices of a person, signed by the person key: so a thief of an unlocked device, who has no password, adds none.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OwnDevices {
    /// The key that signs.
    #[n(0)]
    pub person_key: PersonKey,
    /// 1 for the first list, then higher each time; see [`next_version`](crate::devices::next_version).
    #[n(1)]
    pub version: u32,
    /// Hash of the newest list that its maker knew; zeros for the first.
    #[n(2)]
    pub previous: Hash,
    /// The devices.
    #[n(3)]
    pub devices: Vec<OwnDevice>,
    /// All devices that were revoked, the latest last; the oldest are left out when there are more than 32.
    #[n(4)]
    pub revoked: Vec<OwnRevocation>,
    /// Extensions.
    #[n(5)]
    pub ext: Ext,
}

/// Revocations that a list of own devices keeps.
pub const MAX_OWN_REVOCATIONS: usize = 32;

impl OwnDevices {
    /// Returns whether counts, names and ids are what every list must have (KW-17).
    pub fn is_well_formed(&self) -> bool {
        let mut ids: Vec<DeviceId> = self.devices.iter().map(|device| device.id).collect();
        ids.extend(self.revoked.iter().map(|revocation| revocation.id));
        let n_ids = ids.len();
        ids.sort_unstable();
        ids.dedup();
        (1..=MAX_DEVICES).contains(&self.devices.len())
            && self.revoked.len() <= MAX_OWN_REVOCATIONS
            && self.version >= 1
            && ids.len() == n_ids
            && self.devices.iter().all(|device| is_device_name(&device.name))
    }
}

/// Returns whether a device may be called so: something to see, in one line.
pub fn is_device_name(name: &str) -> bool {
    (1..=MAX_DEVICE_NAME_BYTES).contains(&name.len()) && !name.trim().is_empty() && !name.chars().any(char::is_control)
}

impl Wire for OwnDevices {
    const NAME: &'static str = "own-devices";
    const MAX_BYTES: usize = 3072;
}

impl Signable for OwnDevices {
    const LABEL: &'static str = "kith/1/own-devices";

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.person_key.0
    }
}
