//! Spare cards: how a person who has lost all devices comes back to those who know them.
//!
//! A device gives one to a contact, who keeps it, also in backups. A device that was restored from a backup answers it under
//! the contact key, which only the password or the recovery phrase opens, and brings the list that replaces all devices of
//! before (`spec/devices.md`). When spare cards are given and renewed is not decided here.

use kith_crypto::CryptoRng;
use kith_crypto::sign::{ContactSecret, Verified};
use kith_wire::address::QueueAddress;
use kith_wire::card::{AnswerCard, CardPurpose};
use kith_wire::devices::DeviceList;
use kith_wire::id::{ContactKey, ConversationId};
use kith_wire::payload::ListState;
use kith_wire::time::Hour;
use minicbor::{Decode, Encode};

use crate::answerer::{self, AnswerCardError, AnsweredDevice};
use crate::card::{self, CheckedCard, DeviceCard, NewCardError};
use crate::devices::{ListedDevice, list_state, named};
use crate::giver::{AnsweredCard, Giver};
use crate::own_device::OwnDevice;

/// Makes a spare card for a contact, to be answered until the end of the hour `not_after`. `devices` is the newest own list towards
/// the contact and names `own`; `person` is the contact's newest list.
///
/// # Errors
/// [`NewCardError`] when keys cannot be made, or the list does not name the device.
pub fn spare_card(
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    person: &Verified<DeviceList>,
    conversation: ConversationId,
    queue: QueueAddress,
    not_after: Hour,
    rng: &mut dyn CryptoRng,
) -> Result<DeviceCard, NewCardError> {
    let purpose = CardPurpose::Spare;
    let mut made = card::by_device(purpose, own, devices, None, conversation, queue, not_after, rng)?;
    made.giver.person = Some(KnownPerson::of(person));
    Ok(made)
}

/// Answers a spare card of a backup. `secret` is the person's contact key, `own` the restored device, `devices` the list that replaces
/// all others; `from` is the device that gave the card, as the contact's list in the backup names it.
///
/// # Errors
/// [`AnswerCardError`]; [`AnswerCardError::OtherDevice`] when the card is not by that device (KS-59) or the list does not name `own`.
pub fn answer_spare(
    card: &CheckedCard,
    from: &ListedDevice,
    secret: &ContactSecret,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    queue: QueueAddress,
    rng: &mut dyn CryptoRng,
) -> Result<AnsweredDevice, AnswerCardError> {
    if !from.gave_spare(card) || named(devices.get(), &own.identity()).is_none() {
        return Err(AnswerCardError::OtherDevice);
    }
    let terms = answerer::Terms { queue, signer: secret.public(), peer_key: from.contact_key, known: Some(from.list) };
    answerer::for_device(card, terms, own, devices, |made| secret.sign(made), rng)
}

/// What the giver of a spare card knows of the person who may answer it.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct KnownPerson {
    #[n(0)]
    pub(crate) key: ContactKey,
    /// The newest list: the one that comes must be newer.
    #[n(1)]
    pub(crate) list: ListState,
    /// The devices of that list: one of them is met as by a device card.
    #[n(2)]
    devices: Vec<ListedDevice>,
}

impl KnownPerson {
    fn of(list: &Verified<DeviceList>) -> Self {
        let devices = list.get().devices.iter().filter_map(|device| ListedDevice::by_id(list, &device.id)).collect();
        Self { key: list.get().contact_key, list: list_state(list), devices }
    }

    /// KS-57: a spare card is answered under the contact key.
    pub(crate) fn may_answer(&self, card: &AnswerCard) -> bool {
        card.contact_key == self.key
    }

    /// Returns the device that answers, when the list names it already: the contact's other devices have been answered first.
    pub(crate) fn listed(&self, card: &AnswerCard) -> Option<&ListedDevice> {
        self.devices.iter().find(|known| known.device.olm_identity == card.olm_identity)
    }
}

impl Giver {
    /// Takes over the newest lists before a spare card's answer is looked at: the own one goes into the confirmation, and the
    /// contact's must be older than the one that comes (KS-58). Of other cards nothing changes.
    pub fn renew(&mut self, devices: &Verified<DeviceList>, person: &Verified<DeviceList>) {
        if self.person.as_ref().is_some_and(|known| known.key == person.get().contact_key) {
            self.devices = devices.signed().clone();
            self.person = Some(KnownPerson::of(person));
        }
    }

    /// Returns what is left of a card that is good no more: whatever answers it is found out, and nothing opens.
    pub fn withdraw(&self) -> AnsweredCard {
        AnsweredCard::unanswered(&self.reply_secret)
    }
}

impl ListedDevice {
    /// KS-59: a spare card is of the device whose Olm identity it has. Which device key it had when it gave the card is known to
    /// nobody who has only a backup.
    pub fn gave_spare(&self, card: &CheckedCard) -> bool {
        self.device.olm_identity == card.card().olm_identity
    }
}

#[cfg(test)]
mod tests;
