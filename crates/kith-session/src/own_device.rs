//! This device towards one contact: what names it in the person's device lists, and what it meets the contact's devices with.

use kith_crypto::sign::DeviceSecret;
use kith_crypto::{CryptoRng, random};
use kith_wire::devices::Device;
use kith_wire::id::{DeviceId, OlmIdentity};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::olm::OlmAccount;
use crate::secret::Secret;
use crate::state::{self, STATE_VERSION, StateError};

/// The secrets of this device towards one contact. They live as long as the contact; the keys of single meetings do not.
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
}

impl OwnDevice {
    /// Draws a device for one contact.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        Self {
            version: STATE_VERSION,
            id: DeviceId(random::bytes(rng)),
            secret: Secret::new(*DeviceSecret::generate(rng).expose()),
            account: OlmAccount::new(),
        }
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
