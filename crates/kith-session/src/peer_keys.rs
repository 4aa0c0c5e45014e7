//! The keys of one device of a contact: from a list, and from the rotations since.
//!
//! A state machine without storage. Rotations that do not continue the chain yet are refused; whoever wants to try them again
//! after the next list keeps them.

use kith_crypto::rotation::open_rotation;
use kith_crypto::sign::Verified;
use kith_wire::devices::Device;
use kith_wire::id::{DeviceId, DeviceKey, Hash};
use kith_wire::limits::DEVICE_LIST_DAYS;
use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::time::{Hour, Timestamp};
use minicbor::{Decode, Encode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::state::{self, STATE_VERSION, StateError};

/// Hours for which a key still counts that was replaced: 21 days in a queue and 7 on the way.
const LATE_HOURS: u32 = 28 * 24;
/// Hours for which the successor of a key is remembered, so that a second one is found out: no list lives longer.
const MEMORY_HOURS: u32 = DEVICE_LIST_DAYS * 24;
/// Replaced keys that are remembered at most: more than a device that rotates each hour has in [`MEMORY_HOURS`]. A contact that
/// makes more is not believed until a list comes, so that it neither fills the disk nor makes this device forget. About 200 KiB.
const MAX_REPLACED: usize = 2400;

/// What a device of a contact signs with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PeerKeys {
    #[n(0)]
    version: u8,
    #[n(1)]
    device: DeviceId,
    /// The newest list that was taken into account.
    #[n(2)]
    list: u32,
    #[n(3)]
    current: DeviceKey,
    /// The last rotation; none when the current key is a list's.
    #[n(4)]
    last: Option<LastRotation>,
    /// The keys before the current one, oldest first.
    #[n(5)]
    replaced: Vec<ReplacedKey>,
    #[n(6)]
    frozen: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct LastRotation {
    #[n(0)]
    number: u32,
    #[n(1)]
    hash: Hash,
    #[n(2)]
    since: Hour,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct ReplacedKey {
    #[n(0)]
    key: DeviceKey,
    /// Hash of the rotation that replaced it.
    #[n(1)]
    by: Hash,
    /// When it was replaced, as the device says, and not later than it was heard.
    #[n(2)]
    since: Hour,
    /// When it was heard. What the device says must not make its successor forgotten.
    #[n(3)]
    heard: Hour,
}

/// What a rotation that is believed changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// The device has another key.
    Advanced,
    /// It was known already.
    Known,
    /// KS-54: a key has two successors. The device is not met until a list says anew which key it has.
    Forked,
}

/// Why a rotation is not believed. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RotationRefusal {
    /// KS-52: it is malformed, not signed by both keys, or another device's.
    #[error("the rotation is not one of this device's")]
    Invalid,
    /// KS-53: it does not continue what is known.
    #[error("the rotation does not follow the one before")]
    NoSuccessor,
    /// KS-54: the device is frozen.
    #[error("the device's keys contradict each other")]
    Frozen,
}

impl PeerKeys {
    /// Begins with what a list says.
    pub const fn of_list(device: &Device, version: u32) -> Self {
        Self {
            version: STATE_VERSION,
            device: device.id,
            list: version,
            current: device.device_key,
            last: None,
            replaced: Vec::new(),
            frozen: false,
        }
    }

    /// Takes a newer list into account (KS-55); an older one changes nothing.
    pub fn learn_list(&mut self, device: &Device, version: u32, now: Timestamp) {
        if version <= self.list || device.id != self.device {
            return;
        }
        self.list = version;
        // Whoever signed the list may not have heard of the last rotations.
        let is_known = self.current == device.device_key || self.is_late(&device.device_key, now.hour());
        if self.frozen || !is_known {
            *self = Self::of_list(device, version);
        }
    }

    /// Takes a rotation into account.
    ///
    /// # Errors
    /// [`RotationRefusal`] for the first rule that is broken (KS-52 to KS-54).
    pub fn learn(&mut self, rotation: &Rotation, now: Timestamp) -> Result<KeyChange, RotationRefusal> {
        let rotation = open_rotation(rotation).map_err(|_| RotationRefusal::Invalid)?;
        let said = rotation.get();
        if !said.is_well_formed() || said.device != self.device {
            return Err(RotationRefusal::Invalid);
        }
        if let Some(replaced) = self.replaced.iter().find(|replaced| replaced.key == said.old) {
            if replaced.by == rotation.hash() {
                return Ok(KeyChange::Known);
            }
            return self.freeze();
        }
        if self.frozen {
            return Err(RotationRefusal::Frozen);
        }
        if !self.is_next(said) {
            return Err(RotationRefusal::NoSuccessor);
        }
        self.forget(now.hour());
        if self.replaced.len() >= MAX_REPLACED {
            return self.freeze();
        }
        self.advance(&rotation, now.hour());
        Ok(KeyChange::Advanced)
    }

    /// KS-54.
    fn freeze(&mut self) -> Result<KeyChange, RotationRefusal> {
        if std::mem::replace(&mut self.frozen, true) { Err(RotationRefusal::Frozen) } else { Ok(KeyChange::Forked) }
    }

    /// KS-53: the first after a list has to begin with the list's key, every other one to continue the one before.
    fn is_next(&self, said: &DeviceRotation) -> bool {
        let continues = self.last.as_ref().is_none_or(|last| {
            last.number.checked_add(1) == Some(said.number) && last.hash == said.previous && last.since < said.since
        });
        said.old == self.current && continues && !self.replaced.iter().any(|replaced| replaced.key == said.new)
    }

    fn advance(&mut self, rotation: &Verified<DeviceRotation>, heard: Hour) {
        let (said, hash) = (rotation.get(), rotation.hash());
        self.replaced.push(ReplacedKey { key: self.current, by: hash, since: said.since.min(heard), heard });
        self.current = said.new;
        self.last = Some(LastRotation { number: said.number, hash, since: said.since });
    }

    fn forget(&mut self, now: Hour) {
        self.replaced.retain(|replaced| now.0.saturating_sub(replaced.heard.0) < MEMORY_HOURS);
    }

    fn is_late(&self, key: &DeviceKey, now: Hour) -> bool {
        self.late(now).any(|late| late == *key)
    }

    /// Returns the keys that were replaced so recently that what they signed may still be on the way (KS-56).
    fn late(&self, now: Hour) -> impl Iterator<Item = DeviceKey> + '_ {
        let is_late = move |replaced: &&ReplacedKey| now.0.saturating_sub(replaced.since.0) < LATE_HOURS;
        self.replaced.iter().filter(is_late).map(|replaced| replaced.key)
    }

    /// Returns the device.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// Returns the newest key that is known.
    pub const fn current(&self) -> DeviceKey {
        self.current
    }

    /// Returns the keys by which cards and answers of the device are accepted, the newest first (KS-56): none while two of its
    /// rotations contradict each other (KS-54).
    pub fn accepted(&self, now: Timestamp) -> Vec<DeviceKey> {
        if self.frozen {
            return Vec::new();
        }
        let mut keys = vec![self.current];
        keys.extend(self.late(now.hour()));
        keys
    }

    /// Returns the state for storage.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        state::to_bytes(self)
    }

    /// Takes a stored state back.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not such a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let keys: Self = state::from_bytes(bytes)?;
        if keys.version == STATE_VERSION { Ok(keys) } else { Err(StateError::Unreadable) }
    }
}

#[cfg(test)]
mod tests;
