//! Cards: making one, and everything that is checked before one is answered.

use kith_crypto::dh::{DhSecret, check_not_low_order};
use kith_crypto::hash::{hash, hash_kem_key, hash_signed};
use kith_crypto::kem::{KemSecret, check_key};
use kith_crypto::label::Label;
use kith_crypto::sign::{ContactSecret, Verified, VerifyError, open};
use kith_crypto::{CryptoRng, kdf, random};
use kith_wire::DecodeError;
use kith_wire::address::QueueAddress;
use kith_wire::card::{Card, CardOffer, CardPurpose};
use kith_wire::devices::DeviceList;
use kith_wire::id::{
    AttachmentKey, BlobId, CardId, ContactKey, ConversationId, Hash, KemKey, ReadCapability, ReplySecret,
};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::signed::Signed;
use kith_wire::time::{Day, Hour, Timestamp};
use thiserror::Error;

use crate::devices::{ListedDevice, first_list, named};
use crate::giver::Giver;
use crate::own_device::OwnDevice;
use crate::secret::Secret;
use crate::state::STATE_VERSION;

/// A card just made. Everything but the offer stays on the device.
pub struct NewCard {
    /// The card as it travels.
    pub offer: CardOffer,
    /// What is needed to accept an answer.
    pub giver: Giver,
    /// The identity towards whoever answers; to be sealed to the user key and wiped.
    pub contact_secret: ContactSecret,
    /// This device, towards whoever answers.
    pub own: OwnDevice,
    /// The first device list towards whoever answers.
    pub devices: Verified<DeviceList>,
    /// The conversation that the card opens.
    pub conversation: ConversationId,
    /// The card's name.
    pub card: CardId,
    /// The card's hash.
    pub hash: Hash,
    /// Where the X-Wing key of a card in a QR code is fetched from.
    pub blob: CardBlob,
}

/// Why a card cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NewCardError {
    /// A key or a list could not be made: a bug, or a broken generator.
    #[error("the card could not be made")]
    Broken,
}

/// Makes a card for one other person, or for another device of this one, to be answered until the end of the hour `not_after`.
///
/// `contact_secret` is the identity towards whoever answers: drawn for a person, a lasting one for the person's own devices.
///
/// # Errors
/// [`NewCardError`] when keys cannot be made.
pub fn new_card(
    purpose: CardPurpose,
    contact_secret: ContactSecret,
    queue: QueueAddress,
    not_after: Hour,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<NewCard, NewCardError> {
    let own = OwnDevice::generate(rng);
    let devices = first_list(&contact_secret, &own, today, rng).map_err(|_| NewCardError::Broken)?;
    let conversation = ConversationId(random::bytes(rng));
    let terms = Terms { purpose, queue, not_after, conversation, signer: contact_secret.public(), expected: None };
    let made = make(terms, &own, &devices, |card| contact_secret.sign(card), rng)?;
    let Made { offer, giver, card, hash, blob } = made;
    Ok(NewCard { offer, giver, contact_secret, own, devices, conversation, card, hash, blob })
}

/// A card that a device gives a device of a contact, or a spare one that it gives the contact, just made.
pub struct DeviceCard {
    /// The card as it travels, inside a session.
    pub offer: CardOffer,
    /// What is needed to accept an answer.
    pub giver: Giver,
    /// The card's hash.
    pub hash: Hash,
}

/// Makes a card for one device of a contact, in the conversation that the two persons have. `devices` is the newest own list
/// towards the contact and names `own`.
///
/// # Errors
/// [`NewCardError`] when keys cannot be made, or the list does not name the device.
pub fn device_card(
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    to: &ListedDevice,
    conversation: ConversationId,
    queue: QueueAddress,
    not_after: Hour,
    rng: &mut dyn CryptoRng,
) -> Result<DeviceCard, NewCardError> {
    by_device(CardPurpose::Device, own, devices, Some(to.clone()), conversation, queue, not_after, rng)
}

/// Makes a card that a device signs, for the device `expected` or for the person who is known.
#[expect(clippy::too_many_arguments, reason = "what a card names comes from as many places")]
pub(crate) fn by_device(
    purpose: CardPurpose,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    expected: Option<ListedDevice>,
    conversation: ConversationId,
    queue: QueueAddress,
    not_after: Hour,
    rng: &mut dyn CryptoRng,
) -> Result<DeviceCard, NewCardError> {
    if named(devices.get(), &own.identity()).is_none() {
        return Err(NewCardError::Broken);
    }
    let secret = own.secret();
    let signer = ContactKey(secret.public().0);
    let terms = Terms { purpose, queue, not_after, conversation, signer, expected };
    let Made { offer, giver, hash, .. } = make(terms, own, devices, |card| secret.sign(card), rng)?;
    Ok(DeviceCard { offer, giver, hash })
}

/// What a card is made for.
struct Terms {
    purpose: CardPurpose,
    queue: QueueAddress,
    not_after: Hour,
    conversation: ConversationId,
    signer: ContactKey,
    expected: Option<ListedDevice>,
}

struct Made {
    offer: CardOffer,
    giver: Giver,
    card: CardId,
    hash: Hash,
    blob: CardBlob,
}

/// Draws the keys of one meeting, and puts them into a card.
fn make(
    terms: Terms,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    sign: impl FnOnce(&Card) -> Signed<Card>,
    rng: &mut dyn CryptoRng,
) -> Result<Made, NewCardError> {
    let Terms { purpose, queue, not_after, conversation, signer, expected } = terms;
    let mut account = own.account();
    let olm_one_time = account.new_one_time_key().ok_or(NewCardError::Broken)?;
    let (dh, kem) = (DhSecret::generate(rng), KemSecret::generate(rng));
    let kem_key = kem.public();
    let nonce = Secret::new(random::bytes(rng));
    let card = Card {
        version: VERSION,
        suite: SUITE_XWING,
        card_id: CardId(random::bytes(rng)),
        not_after,
        contact_key: signer,
        olm_identity: account.identity(),
        olm_one_time,
        dh: dh.public(),
        kem_hash: hash_kem_key(&kem_key),
        queue,
        reply_secret: ReplySecret::new(random::bytes(rng)),
        commitment: commitment(&nonce),
        ext: purpose.to_ext(),
    };
    let signed = sign(&card);
    let hash = hash_signed(&signed);
    let giver = Giver {
        version: STATE_VERSION,
        card: hash,
        not_after,
        signer,
        account,
        dh: Secret::new(*dh.expose()),
        kem: Secret::new(*kem.expose()),
        reply_secret: card.reply_secret.clone(),
        nonce,
        devices: devices.signed().clone(),
        conversation,
        expected,
        person: None,
    };
    let blob = CardBlob::of(&card.reply_secret);
    Ok(Made { offer: CardOffer { card: signed, kem: Some(kem_key) }, giver, card: card.card_id, hash, blob })
}

impl NewCard {
    /// Puts the meeting into a conversation that the two people have already, instead of a new one.
    pub fn in_conversation(mut self, conversation: ConversationId) -> Self {
        self.conversation = conversation;
        self.giver.conversation = conversation;
        self
    }
}

/// The commitment to a confirmation's nonce.
pub(crate) fn commitment(nonce: &Secret) -> Hash {
    hash(Label::COMMITMENT, nonce.expose())
}

/// The blob that holds the X-Wing key of a card too small for it. Three separate derivations of the reply secret.
pub struct CardBlob {
    /// Its name.
    pub id: BlobId,
    /// The right to read it.
    pub read: ReadCapability,
    /// Encrypts its one chunk.
    pub key: AttachmentKey,
}

impl CardBlob {
    fn of(reply_secret: &ReplySecret) -> Self {
        let secret = reply_secret.expose();
        Self {
            id: BlobId(*kdf::derive(secret, Label::CARD_BLOB_ID, &[])),
            read: ReadCapability::new(*kdf::derive(secret, Label::CARD_BLOB_READ, &[])),
            key: AttachmentKey::new(*kdf::derive(secret, Label::CARD_BLOB_KEY, &[])),
        }
    }
}

/// Why a card is refused. Nothing of the person who has it changes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CardError {
    /// The signed body is not a card.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// KS-1: the signature is not by the contact key that the card names.
    #[error("the card is forged or damaged")]
    Signature,
    /// KS-2: the card speaks a version or suite that this software does not.
    #[error("the card needs a newer version (version {version}, suite {suite})")]
    Unsupported {
        /// The card's version.
        version: u8,
        /// The card's suite.
        suite: u8,
    },
    /// KS-3: the last hour for answering is over.
    #[error("the card has expired")]
    Expired {
        /// The last hour in which it could be answered.
        not_after: Hour,
    },
    /// KS-4: a critical extension is unknown.
    #[error("the card needs a newer version (extension {0})")]
    UnknownExtension(u32),
    /// KS-51: the card is for something else: another device, another person, or what only a newer version knows.
    #[error("the card is for something else")]
    OtherPurpose(Option<CardPurpose>),
    /// KS-5: a public key of the card has low order.
    #[error("the card holds a key that nobody honest makes")]
    WeakKey,
    /// KS-6: the X-Wing key is not the one that the card names, or not a valid one.
    #[error("the key beside the card does not belong to it")]
    WrongKem,
}

/// A card of which everything was checked.
#[derive(Debug, Clone)]
pub struct CheckedCard {
    card: Verified<Card>,
    kem: Option<KemKey>,
}

/// Checks a card at `now`: signature, version, suite, extensions, purpose, expiry, every public key.
///
/// # Errors
/// [`CardError`] for the first rule that is broken (KS-1 to KS-6, KS-51).
pub fn check_card(offer: CardOffer, purpose: CardPurpose, now: Timestamp) -> Result<CheckedCard, CardError> {
    let announced = announced(offer.card.body());
    let verified = open(offer.card).map_err(|error| match (error, announced) {
        (VerifyError::Malformed(_), Some((version, suite))) if !is_spoken(version, suite) => {
            CardError::Unsupported { version, suite }
        }
        (VerifyError::Malformed(malformed), _) => CardError::Malformed(malformed),
        (VerifyError::UnknownCritical(number), _) => CardError::UnknownExtension(number),
        _ => CardError::Signature,
    })?;
    let card = verified.get();
    if !is_spoken(card.version, card.suite) {
        return Err(CardError::Unsupported { version: card.version, suite: card.suite });
    }
    if card.purpose() != Some(purpose) {
        return Err(CardError::OtherPurpose(card.purpose()));
    }
    if now.hour() > card.not_after {
        return Err(CardError::Expired { not_after: card.not_after });
    }
    for key in [&card.olm_identity.0, &card.olm_one_time.0, &card.dh.0] {
        check_not_low_order(key).map_err(|_| CardError::WeakKey)?;
    }
    let checked = CheckedCard { card: verified, kem: None };
    match offer.kem {
        Some(kem) => checked.with_kem(kem),
        None => Ok(checked),
    }
}

fn is_spoken(version: u8, suite: u8) -> bool {
    version == VERSION && suite == SUITE_XWING
}

/// Returns version and suite of a body that may be longer than this version knows: every card begins with them.
fn announced(body: &[u8]) -> Option<(u8, u8)> {
    let mut decoder = minicbor::Decoder::new(body);
    decoder.array().ok()?;
    Some((decoder.u8().ok()?, decoder.u8().ok()?))
}

impl CheckedCard {
    /// Returns the card.
    pub fn card(&self) -> &Card {
        self.card.get()
    }

    /// Returns the card's hash.
    pub fn hash(&self) -> Hash {
        self.card.hash()
    }

    /// Returns the giver's identity: by this a person recognises an own card.
    pub fn contact_key(&self) -> ContactKey {
        self.card().contact_key
    }

    /// Returns whether the X-Wing key must be fetched before the card can be answered.
    pub fn needs_kem(&self) -> bool {
        self.kem.is_none()
    }

    /// Returns the X-Wing key, when it is there.
    pub fn kem(&self) -> Option<&KemKey> {
        self.kem.as_ref()
    }

    /// Returns where the X-Wing key of a card in a QR code is.
    pub fn blob(&self) -> CardBlob {
        CardBlob::of(&self.card().reply_secret)
    }

    /// Adds the X-Wing key.
    ///
    /// # Errors
    /// [`CardError::WrongKem`] when it is not the key that the card names, or not a valid one (KS-6).
    pub fn with_kem(mut self, kem: KemKey) -> Result<Self, CardError> {
        if hash_kem_key(&kem) != self.card().kem_hash || check_key(&kem).is_err() {
            return Err(CardError::WrongKem);
        }
        self.kem = Some(kem);
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
