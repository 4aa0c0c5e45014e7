//! Device lists: which devices a person has, towards one contact.

use minicbor::{Decode, Encode};

use crate::codec::Wire;
use crate::ext::Ext;
use crate::id::{ContactKey, DeviceId, DeviceKey, Hash, OlmIdentity};
use crate::limits::{DEVICE_LIST_BYTES, DEVICE_LIST_DAYS, MAX_DEVICES};
use crate::signed::Signable;
use crate::time::Day;

/// One device of a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Device {
    /// Random per device and contact.
    #[n(0)]
    pub id: DeviceId,
    /// Signs the device cards and answers by which it meets the contact's devices.
    #[n(1)]
    pub device_key: DeviceKey,
    /// Its Olm identity for this contact.
    #[n(2)]
    pub olm_identity: OlmIdentity,
    /// The list version that added it.
    #[n(3)]
    pub added_in: u32,
}

/// Why a device was taken out. The numbers are wire values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RevocationReason {
    /// Put away by its owner.
    #[n(0)]
    Retired,
    /// Lost, stolen or broken into.
    #[n(1)]
    Compromised,
}

/// A device that must not be written to any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Revocation {
    /// The device.
    #[n(0)]
    pub id: DeviceId,
    /// The list version that took it out.
    #[n(1)]
    pub revoked_in: u32,
    /// Why.
    #[n(2)]
    pub reason: RevocationReason,
}

/// The devices of one person towards one contact, signed by the contact key.
///
/// Every list's body has exactly [`DEVICE_LIST_BYTES`] bytes, so that the number of devices does not show.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DeviceList {
    /// The contact key that signs.
    #[n(0)]
    pub contact_key: ContactKey,
    /// 1 for the first list, then higher each time; see [`next_version`].
    #[n(1)]
    pub version: u32,
    /// Hash of the newest list that its maker knew; zeros for the first.
    #[n(2)]
    pub previous: Hash,
    /// The day of issue, moved back by up to three random days.
    #[n(3)]
    pub issued: Day,
    /// The last day on which the list is valid.
    #[n(4)]
    pub not_after: Day,
    /// The devices.
    #[n(5)]
    pub devices: Vec<Device>,
    /// The revoked devices.
    #[n(6)]
    pub revoked: Vec<Revocation>,
    /// Extensions.
    #[n(7)]
    pub ext: Ext,
    /// Zeros that fill the body to its size.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub padding: Vec<u8>,
}

impl DeviceList {
    /// Sets the padding so that the body has exactly [`DEVICE_LIST_BYTES`] bytes.
    ///
    /// Returns `None` when the list is too long for that, or when 24 or 257 bytes are missing, which no byte string
    /// can fill in its shortest form. Without extensions neither happens: eight devices and eight revocations leave
    /// more than 400 bytes.
    #[must_use]
    pub fn padded(mut self) -> Option<Self> {
        self.padding.clear();
        let room = DEVICE_LIST_BYTES.checked_sub(self.to_bytes().len())?;
        // The empty padding already took one byte of header; longer ones take up to three.
        let header = match room {
            0..=23 => 0,
            24..=256 => 1,
            _ => 2,
        };
        self.padding.resize(room.checked_sub(header)?, 0);
        (self.to_bytes().len() == DEVICE_LIST_BYTES).then_some(self)
    }

    /// Returns whether counts, versions, days, sizes and padding are what every list must have (KW-13).
    pub fn is_well_formed(&self) -> bool {
        let validity = self.not_after.0.checked_sub(self.issued.0);
        (1..=MAX_DEVICES).contains(&self.devices.len())
            && self.revoked.len() <= MAX_DEVICES
            && self.version >= 1
            && (self.version == 1) == (self.previous.0 == [0; 32])
            && validity.is_some_and(|days| days <= DEVICE_LIST_DAYS)
            && self.devices.iter().all(|device| (1..=self.version).contains(&device.added_in))
            && self.padding.iter().all(|byte| *byte == 0)
            && self.to_bytes().len() == DEVICE_LIST_BYTES
            && self.ids_are_distinct()
    }

    fn ids_are_distinct(&self) -> bool {
        let mut ids: Vec<DeviceId> = self.devices.iter().map(|device| device.id).collect();
        ids.extend(self.revoked.iter().map(|revocation| revocation.id));
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ids.len() == count
    }
}

/// Returns the lowest version above another one that leaves `maker` when divided by 65,536. So two devices of a person that do not know
/// of each other's list never use one number twice, which would look like a fork. `None` when the numbers are used up.
pub fn next_version(version: u32, maker: u16) -> Option<u32> {
    let above = version.checked_add(1)?;
    above.checked_add((u32::from(maker) + MAKERS - above % MAKERS) % MAKERS)
}

/// What versions are divided by.
const MAKERS: u32 = 1 << 16;

impl Wire for DeviceList {
    const NAME: &'static str = "device-list";
    const MAX_BYTES: usize = DEVICE_LIST_BYTES;
}

impl Signable for DeviceList {
    const LABEL: &'static str = "kith/1/device-list";

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.contact_key.0
    }
}
