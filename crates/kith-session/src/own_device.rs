//! This device towards one contact: what names it in the person's device lists, and what it meets the contact's devices with.

use kith_crypto::hash::hash_signed;
use kith_crypto::rotation::sign_rotation;
use kith_crypto::sign::DeviceSecret;
use kith_crypto::{CryptoRng, random};
use kith_wire::devices::Device;
use kith_wire::ext::Ext;
use kith_wire::id::{DeviceId, Hash, OlmIdentity};
use kith_wire::rotation::{DeviceRotation, Rotation};
use kith_wire::time::{Hour, Timestamp};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::olm::OlmAccount;
use crate::secret::Secret;
use crate::state::{self, STATE_VERSION, StateError};

/// The secrets of this device towards one contact. The Olm identity lives as long as the contact, the device key until it is rotated;
/// the keys of single meetings do not.
#[derive(Encode, Decode)]
#[cbor(array)]
pub struct OwnDevice {
    #[n(0)]
    version: u8,
    #[n(1)]
    id: DeviceId,
    #[n(2)]
    secret: Secret,
    /// Never has a one-time key: each meeting draws its own, in a copy.
    #[n(3)]
    account: OlmAccount,
    /// The last rotation of the device key.
    #[n(4)]
    rotated: Option<Rotated>,
}

/// What the next rotation continues.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Rotated {
    #[n(0)]
    number: u32,
    #[n(1)]
    hash: Hash,
    #[n(2)]
    since: Hour,
}

impl OwnDevice {
    /// Draws a device for one contact.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self {
            version: STATE_VERSION,
            id: DeviceId(random::bytes(rng)),
            secret: Secret::new(*DeviceSecret::generate(rng).expose()),
            account: OlmAccount::new(),
            rotated: None,
        }
    }

    /// Draws another device key, and says so to the contact's devices and to the own ones. The caller commits this state before
    /// anybody hears of it.
    ///
    /// The old secret is gone at once: whatever it has signed stays good for those who check it (KS-56), and it has nothing more to
    /// sign. `None` when the numbers are used up.
    pub fn rotate(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Option<Rotation> {
        let last = self.rotated.as_ref();
        // Later each time (KS-53), also when the clock was set back.
        let since = last.map_or(now.hour(), |last| now.hour().max(Hour(last.since.0.saturating_add(1))));
        let (old, new) = (self.secret(), DeviceSecret::generate(rng));
        let said = DeviceRotation {
            device: self.id,
            number: last.map_or(Some(1), |last| last.number.checked_add(1))?,
            previous: last.map_or(Hash([0; 32]), |last| last.hash),
            old: old.public(),
            new: new.public(),
            since,
            ext: Ext::new(),
        };
        let rotation = sign_rotation(&said, &old, &new);
        self.rotated = Some(Rotated { number: said.number, hash: hash_signed(&rotation.statement), since });
        self.secret = Secret::new(*new.expose());
        Some(rotation)
    }

    /// Returns its name in device lists and contents.
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// Returns what a device list says of it.
    pub fn entry(&self, added_in: u32) -> Device {
        Device { id: self.id, device_key: self.secret().public(), olm_identity: self.identity(), added_in }
    }

    /// Returns what the versions of lists that this device makes leave when divided by 65,536: the beginning of its id, so that two devices
    /// that do not know of each other's list do not use one number.
    pub const fn maker(&self) -> u16 {
        u16::from_be_bytes([self.id.0[0], self.id.0[1]])
    }

    pub(crate) fn secret(&self) -> DeviceSecret {
        DeviceSecret::from_seed(*self.secret.expose())
    }

    pub(crate) fn identity(&self) -> OlmIdentity {
        self.account.identity()
    }

    /// Returns a copy of the Olm account, for one meeting.
    pub(crate) fn account(&self) -> OlmAccount {
        self.account.duplicate()
    }

    /// Returns the state for storage, unencrypted.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        state::to_bytes(self)
    }

    /// Takes a stored state back.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not such a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let device: Self = state::from_bytes(bytes)?;
        if device.version == STATE_VERSION { Ok(device) } else { Err(StateError::Unreadable) }
    }
}

#[cfg(test)]
mod tests;
