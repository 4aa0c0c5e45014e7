//! Rotations: a device's own statement that another key takes the place of its device key towards one contact.
//!
//! Which rotation counts is the session crate's question; here is only what one looks like.

use minicbor::{Decode, Encode};

use crate::codec::Wire;
use crate::ext::Ext;
use crate::id::{DeviceId, DeviceKey, Hash, Signature};
use crate::signed::{Signable, Signed};
use crate::time::Hour;

/// One device key replaced by another, as the old key signs it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct DeviceRotation {
    /// The device, as the lists for the contact name it: so the statement is about nobody else.
    #[n(0)]
    pub device: DeviceId,
    /// 1 for the device's first rotation towards the contact, then one higher each time, whatever lists say meanwhile.
    #[n(1)]
    pub number: u32,
    /// Hash of the rotation before; zeros for the first.
    #[n(2)]
    pub previous: Hash,
    /// The key that is replaced.
    #[n(3)]
    pub old: DeviceKey,
    /// The key that takes its place.
    #[n(4)]
    pub new: DeviceKey,
    /// The hour of the rotation; later each time.
    #[n(5)]
    pub since: Hour,
    /// Extensions.
    #[n(6)]
    pub ext: Ext,
}

impl DeviceRotation {
    /// Returns whether number, hash and keys are what every rotation must have (KW-18).
    pub fn is_well_formed(&self) -> bool {
        self.number >= 1 && (self.number == 1) == (self.previous.0 == [0; 32]) && self.old != self.new
    }
}

impl Wire for DeviceRotation {
    const NAME: &'static str = "device-rotation";
    const MAX_BYTES: usize = 256;
}

impl Signable for DeviceRotation {
    const LABEL: &'static str = "kith/1/device-rotation";

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.old.0
    }
}

/// A rotation with both signatures, as it travels. Neither was checked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Rotation {
    /// The statement, signed by the old key.
    #[n(0)]
    pub statement: Signed<DeviceRotation>,
    /// The new key's signature over the same bytes: nobody passes another's key off as an own one.
    #[n(1)]
    pub by_new: Signature,
}

impl Wire for Rotation {
    const NAME: &'static str = "rotation";
    const MAX_BYTES: usize = 400;
}
