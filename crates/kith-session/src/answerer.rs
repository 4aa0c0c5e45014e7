//! The answering side of a meeting: answers a checked card, then opens the confirmation.

use kith_crypto::aead::{AeadKey, NONCE_BYTES};
use kith_crypto::dh::DhSecret;
use kith_crypto::digits::comparison_digits;
use kith_crypto::hash::hash_signed;
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::sign::{ContactSecret, Verified};
use kith_crypto::{CryptoRng, mac};
use kith_wire::Wire;
use kith_wire::address::QueueAddress;
use kith_wire::card::{AnswerCard, AnswerInside, AnswerParts, AnswerProof, Confirm, ConfirmHello};
use kith_wire::descriptor::VersionRange;
use kith_wire::devices::DeviceList;
use kith_wire::ext::Ext;
use kith_wire::frame::{Frame, FrameHeader};
use kith_wire::id::{ContactKey, ConversationId, Hash, OlmIdentity};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::padding::pad_to;
use kith_wire::payload::{Item, ListState, Payload};
use kith_wire::signed::Signed;
use kith_wire::time::{Day, Timestamp};
use minicbor::{Decode, Encode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Peer;
use crate::card::{CheckedCard, commitment};
use crate::chain::{DirectionKeys, ReceiveChain, Role, RootKeys};
use crate::devices::{ListedDevice, check_list, check_succession, first_list, list_state, named};
use crate::epoch::Epochs;
use crate::olm::OlmSession;
use crate::own_device::OwnDevice;
use crate::seal::Binding;
use crate::secret::Secret;
use crate::session::{PeerStart, Sealed, Session, Start};
use crate::state::{self, STATE_VERSION, StateError};
use crate::transcript;

/// An answer just made. Everything but the answer stays on the device.
pub struct Answered {
    /// Goes into the card's queue, byte for byte the same until the confirmation comes.
    pub answer: Frame,
    /// What is needed to open the confirmation.
    pub answerer: Answerer,
    /// The identity towards the card giver; to be sealed to the user key and wiped.
    pub contact_secret: ContactSecret,
    /// This device, towards the card giver.
    pub own: OwnDevice,
    /// The first device list towards the card giver.
    pub devices: Verified<DeviceList>,
    /// The card giver.
    pub peer: Peer,
}

/// Why a card cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerCardError {
    /// The card's X-Wing key must be fetched first.
    #[error("the card's key must be fetched first")]
    NeedsKem,
    /// KS-50, KS-59: the card is not by the device that the contact's list names.
    #[error("the card is not by the device that gave it")]
    OtherDevice,
    /// A key of the card does not work, though the card was checked; or a list could not be made.
    #[error("the card cannot be answered")]
    Broken,
}

/// Answers a card. `contact_secret` is the identity towards whoever gave it: drawn for a person, a lasting one for the person's own
/// devices.
///
/// # Errors
/// [`AnswerCardError::NeedsKem`] when the card came without its X-Wing key.
pub fn answer(
    card: &CheckedCard,
    contact_secret: ContactSecret,
    queue: QueueAddress,
    today: Day,
    rng: &mut dyn CryptoRng,
) -> Result<Answered, AnswerCardError> {
    let own = OwnDevice::generate(rng);
    let devices = first_list(&contact_secret, &own, today, rng).map_err(|_| AnswerCardError::Broken)?;
    let terms = Terms { queue, signer: contact_secret.public(), peer_key: card.contact_key(), known: None };
    let (answer, answerer) = make(card, terms, &own, &devices, |made| contact_secret.sign(made), rng)?;
    let peer = Peer { contact_key: card.contact_key(), queue: card.card().queue.clone() };
    Ok(Answered { answer, answerer, contact_secret, own, devices, peer })
}

/// An answer to a device card or a spare card, just made.
pub struct AnsweredDevice {
    /// Goes into the card's queue, byte for byte the same until the confirmation comes.
    pub answer: Frame,
    /// What is needed to open the confirmation.
    pub answerer: Answerer,
    /// Where the device that gave the card is written to.
    pub queue: QueueAddress,
}

/// Answers a card that a device of a contact gave. `from` is that device as the contact's newest list names it, `devices` the newest
/// own list towards the contact.
///
/// # Errors
/// [`AnswerCardError`]; [`AnswerCardError::OtherDevice`] when the card is not by that device (KS-50).
pub fn answer_device(
    card: &CheckedCard,
    from: &ListedDevice,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    queue: QueueAddress,
    rng: &mut dyn CryptoRng,
) -> Result<AnsweredDevice, AnswerCardError> {
    if !from.is_signer(&card.contact_key(), &card.card().olm_identity) {
        return Err(AnswerCardError::OtherDevice);
    }
    let secret = own.secret();
    let signer = ContactKey(secret.public().0);
    let terms = Terms { queue, signer, peer_key: from.contact_key, known: Some(from.list) };
    for_device(card, terms, own, devices, |made| secret.sign(made), rng)
}

/// Answers a card that a device gave.
pub(crate) fn for_device(
    card: &CheckedCard,
    terms: Terms,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    sign: impl FnOnce(&AnswerCard) -> Signed<AnswerCard>,
    rng: &mut dyn CryptoRng,
) -> Result<AnsweredDevice, AnswerCardError> {
    let (answer, answerer) = make(card, terms, own, devices, sign, rng)?;
    Ok(AnsweredDevice { answer, answerer, queue: card.card().queue.clone() })
}

/// What an answer is made for.
pub(crate) struct Terms {
    pub(crate) queue: QueueAddress,
    pub(crate) signer: ContactKey,
    pub(crate) peer_key: ContactKey,
    pub(crate) known: Option<ListState>,
}

/// Draws the keys of one meeting, and puts them into an answer.
fn make(
    card: &CheckedCard,
    terms: Terms,
    own: &OwnDevice,
    devices: &Verified<DeviceList>,
    sign: impl FnOnce(&AnswerCard) -> Signed<AnswerCard>,
    rng: &mut dyn CryptoRng,
) -> Result<(Frame, Answerer), AnswerCardError> {
    let kem_giver = card.kem().ok_or(AnswerCardError::NeedsKem)?;
    let Terms { queue, signer, peer_key, known } = terms;
    let (account, kem, ephemeral) = (own.account(), KemSecret::generate(rng), DhSecret::generate(rng));

    let (ciphertext, shared) = encapsulate(kem_giver, rng).map_err(|_| AnswerCardError::Broken)?;
    let agreed = ephemeral.agree(&card.card().dh).map_err(|_| AnswerCardError::Broken)?;
    let root = transcript::root_zero(
        [&shared, &agreed],
        &card.card().reply_secret,
        &card.hash(),
        kem_giver,
        &ciphertext,
        &ephemeral.public(),
    );

    let answer_card = sign(&AnswerCard {
        version: VERSION,
        suite: SUITE_XWING,
        card: card.hash(),
        exchange: transcript::exchange_hash(&ephemeral.public(), &ciphertext),
        contact_key: signer,
        olm_identity: account.identity(),
        kem: kem.public(),
        queue,
        devices: devices.hash(),
        ext: Ext::new(),
    });
    let mut olm =
        account.start(&card.card().olm_identity, &card.card().olm_one_time).map_err(|_| AnswerCardError::Broken)?;
    let proof = AnswerProof { card: card.hash(), answer_card: hash_signed(&answer_card) };
    let inside =
        AnswerInside { answer_card, olm: olm.encrypt(&proof.to_bytes()).map_err(|_| AnswerCardError::Broken)? };
    let inside = pad_to(&inside.to_bytes(), AnswerParts::BOX_BYTES - 16).ok_or(AnswerCardError::Broken)?;
    let key = AeadKey::new(*transcript::answer_key(&root));
    let mut parts = AnswerParts {
        ephemeral: ephemeral.public(),
        ciphertext,
        // The key is made for this one box, so the nonce may be fixed.
        sealed: key.seal(&[0; NONCE_BYTES], &Label::ANSWER.prefix(), &inside),
        mac: [0; 32],
    };
    parts.mac = transcript::answer_mac(&transcript::answer_mac_key(&card.card().reply_secret), &parts);
    let answer = parts.to_frame().ok_or(AnswerCardError::Broken)?;

    let (root_chain, _, from_giver) = RootKeys::expand(&root).split(Role::Answerer);
    let answerer = Answerer {
        version: STATE_VERSION,
        card: card.hash(),
        kem_hash: card.card().kem_hash,
        answer: transcript::answer_hash(&answer),
        commitment: card.card().commitment,
        peer_key,
        peer_identity: card.card().olm_identity,
        own_identity: account.identity(),
        kem: Secret::new(*kem.expose()),
        olm,
        root_chain,
        chain: from_giver.chain,
        header: from_giver.header,
        devices: devices.signed().clone(),
        known,
    };
    Ok((answer, answerer))
}

/// Waits for the confirmation of a card that was answered.
#[derive(Encode, Decode)]
#[cbor(array)]
pub struct Answerer {
    #[n(0)]
    version: u8,
    #[n(1)]
    card: Hash,
    #[n(2)]
    kem_hash: Hash,
    #[n(3)]
    answer: Hash,
    #[n(4)]
    commitment: Hash,
    #[n(5)]
    peer_key: ContactKey,
    #[n(6)]
    peer_identity: OlmIdentity,
    #[n(7)]
    own_identity: OlmIdentity,
    #[n(8)]
    kem: Secret,
    #[n(9)]
    olm: OlmSession,
    #[n(10)]
    root_chain: Secret,
    #[n(11)]
    chain: Secret,
    #[n(12)]
    header: Secret,
    #[n(13)]
    devices: Signed<DeviceList>,
    /// The contact's list on which the answer to a card of a device rests.
    #[n(14)]
    known: Option<ListState>,
}

/// A confirmation that was opened: both sides have each other's keys.
pub struct Confirmed {
    /// The session with the device that gave the card.
    pub session: Session,
    /// The sixty digits for comparison.
    pub digits: [String; 12],
    /// The conversation.
    pub conversation: ConversationId,
    /// The first frame of epoch 1, with the own device list; tells the card giver that the contact is established.
    pub first: Sealed,
    /// The card giver's first device list.
    pub peer_devices: Verified<DeviceList>,
}

/// Why a frame is not the confirmation. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// KS-14: the frame is not epoch 0's first one from the device that gave the card.
    #[error("the frame is not the confirmation")]
    NotAConfirmation,
    /// KS-15: the nonce does not open the card's commitment.
    #[error("the confirmation does not open the card's commitment")]
    Commitment,
    /// KS-16: the HMAC over the transcript is wrong: the two sides did not see the same meeting.
    #[error("the confirmation is not about this meeting")]
    Transcript,
    /// KS-17: no version of the protocol is spoken by both sides.
    #[error("the contact speaks other versions of the protocol")]
    NoCommonVersion,
    /// KS-18: the device list is not the one announced, or does not name the device that gave the card.
    #[error("the contact's device list does not agree with the card")]
    Devices,
}

impl Answerer {
    /// Returns the state for storage, unencrypted.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        state::to_bytes(self)
    }

    /// Takes a stored state back.
    ///
    /// # Errors
    /// [`StateError`] when the bytes are not such a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let answerer: Self = state::from_bytes(bytes)?;
        if answerer.version == STATE_VERSION { Ok(answerer) } else { Err(StateError::Unreadable) }
    }

    /// Opens the confirmation. Bytes that fail change nothing; after success the caller drops this state.
    ///
    /// # Errors
    /// [`ConfirmError`] for the first rule that is broken (KS-14 to KS-18).
    pub fn confirm(&self, frame: &Frame, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Confirmed, ConfirmError> {
        let (zero, olm, payload) = self.open_frame(frame, now)?;
        let [Item::Confirm(confirm)] = payload.items.as_slice() else { return Err(ConfirmError::NotAConfirmation) };
        let hello = ConfirmHello::from_bytes(&confirm.hello).map_err(|_| ConfirmError::NotAConfirmation)?;
        if commitment(&Secret::new(*hello.nonce.expose())) != self.commitment {
            return Err(ConfirmError::Commitment);
        }
        let transcript = transcript::transcript(&self.card, &self.kem_hash, &self.answer, &confirm.hello);
        let root = self.check_transcript(&hello, confirm, &transcript)?;
        if VersionRange::OURS.common(hello.versions).is_none() {
            return Err(ConfirmError::NoCommonVersion);
        }
        let peer_devices = self.check_devices(&hello, confirm, &payload)?;

        let start = Start {
            own_identity: self.own_identity,
            peer_identity: self.peer_identity,
            own_devices: self.devices.clone(),
            peer: PeerStart::Listed(
                ListedDevice::by_identity(&peer_devices, &self.peer_identity).ok_or(ConfirmError::Devices)?,
            ),
            olm,
        };
        let epochs = Epochs::of_answerer(zero, RootKeys::expand(&root), now);
        let (session, first) = Session::of_answerer(start, epochs, frame, rng).ok_or(ConfirmError::NotAConfirmation)?;
        let digits = comparison_digits(&hello.nonce, &self.card, &self.answer);
        Ok(Confirmed { session, digits, conversation: hello.conversation, first, peer_devices })
    }

    /// Opens both layers of epoch 0's first frame on copies (KS-14).
    fn open_frame(&self, frame: &Frame, now: Timestamp) -> Result<(ReceiveChain, OlmSession, Payload), ConfirmError> {
        let binding = Binding { sender: Role::Giver, from: self.peer_identity, to: self.own_identity };
        let keys = DirectionKeys { chain: self.chain.clone(), header: self.header.clone() };
        let mut zero = ReceiveChain::new(0, keys);
        let header = binding.open_header(&zero.header, frame).ok_or(ConfirmError::NotAConfirmation)?;
        if header != (FrameHeader { epoch: 0, seq: 0, base: 0 }) {
            return Err(ConfirmError::NotAConfirmation);
        }
        let staged = zero.stage(0, 0, |_| false).ok_or(ConfirmError::NotAConfirmation)?;
        let inner = binding.open_inner(&staged.message, header, frame).ok_or(ConfirmError::NotAConfirmation)?;
        zero.commit(staged, now.day());
        let mut olm = self.olm.duplicate();
        let plain = olm.decrypt(&inner.olm).map_err(|_| ConfirmError::NotAConfirmation)?;
        let payload = Payload::from_bytes(&plain).map_err(|_| ConfirmError::NotAConfirmation)?;
        Ok((zero, olm, payload))
    }

    /// Returns epoch 1's root when the HMAC shows that the card giver has it too (KS-16).
    fn check_transcript(
        &self,
        hello: &ConfirmHello,
        confirm: &Confirm,
        transcript: &Hash,
    ) -> Result<Zeroizing<[u8; 32]>, ConfirmError> {
        let kem = KemSecret::from_seed(*self.kem.expose());
        let shared = kem.decapsulate(&hello.ciphertext).map_err(|_| ConfirmError::Transcript)?;
        let root = transcript::root_one(&self.root_chain, &shared, transcript);
        let expected = transcript::confirm_mac(&root, transcript);
        if mac::equal(&expected, &confirm.mac) { Ok(root) } else { Err(ConfirmError::Transcript) }
    }

    /// Card, confirmation and list must agree on the device (KS-18).
    fn check_devices(
        &self,
        hello: &ConfirmHello,
        confirm: &Confirm,
        payload: &Payload,
    ) -> Result<Verified<DeviceList>, ConfirmError> {
        let list = check_list(confirm.devices.clone(), &self.peer_key).map_err(|_| ConfirmError::Devices)?;
        let names_giver = named(list.get(), &self.peer_identity).is_some();
        let agrees = list.hash() == hello.devices && payload.mine == list_state(&list);
        let is_forked = self.known.is_some_and(|known| check_succession(&list, &known).is_err());
        if names_giver && agrees && !is_forked { Ok(list) } else { Err(ConfirmError::Devices) }
    }
}

#[cfg(test)]
mod tests;
