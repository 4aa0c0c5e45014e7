//! Cards: making one, and everything that is checked before one is answered.

use kith_crypto::dh::{DhSecret, check_not_low_order};
use kith_crypto::hash::{hash, hash_kem_key, hash_signed};
use kith_crypto::kem::{KemSecret, check_key};
use kith_crypto::label::Label;
use kith_crypto::sign::{ContactSecret, Verified, VerifyError, open};
use kith_crypto::{CryptoRng, kdf, random};
use kith_wire::DecodeError;
use kith_wire::address::QueueAddress;
use kith_wire::card::{Card, CardOffer};
use kith_wire::devices::DeviceList;
use kith_wire::ext::Ext;
use kith_wire::id::{
    AttachmentKey, BlobId, CardId, ContactKey, ConversationId, DeviceId, Hash, KemKey, ReadCapability, ReplySecret,
};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::time::{Day, Hour, Timestamp};
use thiserror::Error;

use crate::devices::first_list;
use crate::giver::Giver;
use crate::olm::OlmAccount;
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
    pub device: DeviceId,
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

/// Makes a card for one other person, who may answer it until the end of the hour `not_after`.
///
/// # Errors
/// [`NewCardError`] when keys cannot be made.
pub fn new_card(
    queue: QueueAddress,
    not_after: Hour,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<NewCard, NewCardError> {
    let contact_secret = ContactSecret::generate(rng);
    let mut account = OlmAccount::new();
    let olm_one_time = account.new_one_time_key().ok_or(NewCardError::Broken)?;
    let (dh, kem) = (DhSecret::generate(rng), KemSecret::generate(rng));
    let kem_key = kem.public();
    let kem_hash = hash_kem_key(&kem_key);
    let device = DeviceId(random::bytes(rng));
    let devices = first_list(&contact_secret, device, account.identity(), kem_hash, today, rng)
        .map_err(|_| NewCardError::Broken)?;
    let nonce = Secret::new(random::bytes(rng));
    let card = Card {
        version: VERSION,
        suite: SUITE_XWING,
        card_id: CardId(random::bytes(rng)),
        not_after,
        contact_key: contact_secret.public(),
        olm_identity: account.identity(),
        olm_one_time,
        dh: dh.public(),
        kem_hash,
        queue,
        reply_secret: ReplySecret::new(random::bytes(rng)),
        commitment: commitment(&nonce),
        ext: Ext::new(),
    };
    let signed = contact_secret.sign(&card);
    let hash = hash_signed(&signed);
    let conversation = ConversationId(random::bytes(rng));
    let giver = Giver {
        version: STATE_VERSION,
        card: hash,
        not_after,
        contact_key: card.contact_key,
        account,
        dh: Secret::new(*dh.expose()),
        kem: Secret::new(*kem.expose()),
        reply_secret: card.reply_secret.clone(),
        nonce,
        devices: devices.signed().clone(),
        conversation,
    };
    let blob = CardBlob::of(&card.reply_secret);
    let offer = CardOffer { card: signed, kem: Some(kem_key) };
    Ok(NewCard { offer, giver, contact_secret, device, devices, conversation, card: card.card_id, hash, blob })
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

/// Checks a card at `now`: signature, version, suite, expiry, extensions, every public key.
///
/// # Errors
/// [`CardError`] for the first rule that is broken (KS-1 to KS-6).
pub fn check_card(offer: CardOffer, now: Timestamp) -> Result<CheckedCard, CardError> {
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
