//! The card-giving side of a meeting: accepts one answer and confirms it.

use kith_crypto::aead::{AeadKey, NONCE_BYTES};
use kith_crypto::dh::{DhSecret, check_not_low_order};
use kith_crypto::digits::comparison_digits;
use kith_crypto::hash::hash_kem_key;
use kith_crypto::kem::{KemSecret, check_key, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::sign::{Verified, VerifyError, open};
use kith_crypto::{CryptoRng, mac};
use kith_wire::Wire;
use kith_wire::card::{AnswerCard, AnswerInside, AnswerParts, AnswerProof, Confirm, ConfirmHello};
use kith_wire::descriptor::VersionRange;
use kith_wire::devices::DeviceList;
use kith_wire::frame::{Control, Frame, FrameHeader, Inner};
use kith_wire::id::{ConfirmNonce, ContactKey, ConversationId, Hash, ReplySecret};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::padding::unpad;
use kith_wire::payload::{Item, Payload};
use kith_wire::signed::Signed;
use kith_wire::time::{Hour, Timestamp};
use minicbor::{Decode, Encode};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::Peer;
use crate::chain::{Role, RootKeys, SendChain};
use crate::devices::{ListedDevice, list_state};
use crate::epoch::Epochs;
use crate::olm::{OlmAccount, OlmSession};
use crate::ranges::Settled;
use crate::seal::Binding;
use crate::secret::Secret;
use crate::session::{PeerStart, Sealed, Session, Start};
use crate::spare_card::KnownPerson;
use crate::state::{self, STATE_VERSION, StateError};
use crate::transcript;

/// Hours after a card's last one in which an answer that was given in time may still arrive: 21 days in a queue and
/// 7 on the way.
const LATE_HOURS: u32 = 28 * 24;

/// Waits for the answer to a card.
#[derive(Encode, Decode)]
#[cbor(array)]
pub struct Giver {
    #[n(0)]
    pub(crate) version: u8,
    #[n(1)]
    pub(crate) card: Hash,
    #[n(2)]
    pub(crate) not_after: Hour,
    /// Who signed the card: the contact key, or the device key of a device that gave it.
    #[n(3)]
    pub(crate) signer: ContactKey,
    #[n(4)]
    pub(crate) account: OlmAccount,
    #[n(5)]
    pub(crate) dh: Secret,
    #[n(6)]
    pub(crate) kem: Secret,
    #[n(7)]
    pub(crate) reply_secret: ReplySecret,
    #[n(8)]
    pub(crate) nonce: Secret,
    #[n(9)]
    pub(crate) devices: Signed<DeviceList>,
    #[n(10)]
    pub(crate) conversation: ConversationId,
    /// The device that a device card is for; whoever has another card may answer it.
    #[n(11)]
    pub(crate) expected: Option<ListedDevice>,
    /// The person who may answer a spare card, with a new device.
    #[n(12)]
    pub(crate) person: Option<KnownPerson>,
}

/// The answer was accepted: a session exists, the confirmation waits to be sent.
pub struct Met {
    /// The session with the device that answered; it sends nothing more until that device has confirmed.
    pub session: Session,
    /// Who answered.
    pub peer: Peer,
    /// The sixty digits for comparison.
    pub digits: [String; 12],
    /// The confirmation; the same bytes again until they are acknowledged.
    pub confirm: Sealed,
    /// Hash of the accepted answer.
    pub answer_hash: Hash,
    /// What is left of the card, to tell later answers apart.
    pub answered: AnsweredCard,
    /// The conversation.
    pub conversation: ConversationId,
}

/// Why a frame is not accepted as the answer. Nothing changes: garbage cannot burn a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// KS-7: the HMAC is wrong: it was made without the card, perhaps by the server.
    #[error("the frame is not an answer to this card")]
    NotAnAnswer,
    /// KS-8: the card expired so long ago that no answer given in time can arrive now.
    #[error("the answer comes too late")]
    TooLate,
    /// KS-9: its maker had the card, but the inside does not open or is malformed.
    #[error("the answer is damaged")]
    Unreadable,
    /// KS-10: the answer card is not signed, or is about another card or another exchange.
    #[error("the answer is forged")]
    Forged,
    /// KS-11: version, suite, extension or a key of the answer card is not acceptable.
    #[error("the answer needs a newer version or holds a bad key")]
    Unsupported,
    /// KS-12: the card was answered by its own giver.
    #[error("this is the card's own giver")]
    OwnCard,
    /// KS-50: a device card was answered by another device than the one that it is for.
    #[error("the answer is by another device")]
    OtherDevice,
    /// KS-57: a spare card was answered by somebody who has not the contact key.
    #[error("the answer is not by the person whom the spare card is for")]
    OtherPerson,
    /// KS-13: the inner ratchet's first message does not open, or is not about these two cards.
    #[error("the answer does not prove itself")]
    Unproven,
}

impl Giver {
    /// Returns the hash of the card.
    pub fn card_hash(&self) -> Hash {
        self.card
    }

    /// Takes over what is known by now of the device that a device card is for: it answers under its newest key.
    pub fn expect(&mut self, device: ListedDevice) {
        if self.expected.as_ref().is_some_and(|expected| expected.id() == device.id()) {
            self.expected = Some(device);
        }
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
        let giver: Self = state::from_bytes(bytes)?;
        if giver.version == STATE_VERSION { Ok(giver) } else { Err(StateError::Unreadable) }
    }

    /// Accepts an answer and makes the confirmation. After success the caller commits everything in `Met` and drops
    /// this state in one transaction; bytes that fail change nothing (KS-19).
    ///
    /// # Errors
    /// [`AnswerError`] for the first rule that is broken (KS-7 to KS-13, KS-50, KS-57).
    pub fn accept(&self, frame: &Frame, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<Met, AnswerError> {
        let parts = AnswerParts::from_frame(frame).ok_or(AnswerError::NotAnAnswer)?;
        let mac_key = transcript::answer_mac_key(&self.reply_secret);
        if !transcript::answer_mac_is_right(&mac_key, &parts) {
            return Err(AnswerError::NotAnAnswer);
        }
        if now.hour().0 > self.not_after.0.saturating_add(LATE_HOURS) {
            return Err(AnswerError::TooLate);
        }
        let (root, inside) = self.open_inside(&parts)?;
        let answer_card = self.check_answer_card(inside.answer_card, &parts)?;
        let olm = self.check_proof(&answer_card, &inside.olm)?;
        let answer_hash = transcript::answer_hash(frame);
        let answered = AnsweredCard { version: STATE_VERSION, mac_key, answer: answer_hash };
        self.confirm(&root, answer_card.get(), olm, answered, now, rng).ok_or(AnswerError::Unsupported)
    }

    /// Opens the box with what only the giver's secrets give (KS-9).
    pub(crate) fn open_inside(&self, parts: &AnswerParts) -> Result<(Zeroizing<[u8; 32]>, AnswerInside), AnswerError> {
        let (dh, kem) = (DhSecret::from_bytes(*self.dh.expose()), KemSecret::from_seed(*self.kem.expose()));
        let agreed = dh.agree(&parts.ephemeral).map_err(|_| AnswerError::Unreadable)?;
        let shared = kem.decapsulate(&parts.ciphertext).map_err(|_| AnswerError::Unreadable)?;
        let root = transcript::root_zero(
            [&shared, &agreed],
            &self.reply_secret,
            &self.card,
            &kem.public(),
            &parts.ciphertext,
            &parts.ephemeral,
        );
        let key = AeadKey::new(*transcript::answer_key(&root));
        let padded =
            key.open(&[0; NONCE_BYTES], &Label::ANSWER.prefix(), &parts.sealed).map_err(|_| AnswerError::Unreadable)?;
        let inside = unpad(&padded).map_err(|_| AnswerError::Unreadable)?;
        let inside = AnswerInside::from_bytes(inside).map_err(|_| AnswerError::Unreadable)?;
        Ok((root, inside))
    }

    fn check_answer_card(
        &self,
        signed: Signed<AnswerCard>,
        parts: &AnswerParts,
    ) -> Result<Verified<AnswerCard>, AnswerError> {
        let verified = open(signed).map_err(|error| match error {
            VerifyError::UnknownCritical(_) => AnswerError::Unsupported,
            _ => AnswerError::Forged,
        })?;
        let card = verified.get();
        let exchange = transcript::exchange_hash(&parts.ephemeral, &parts.ciphertext);
        if card.card != self.card || card.exchange != exchange {
            return Err(AnswerError::Forged);
        }
        let is_known = card.version == VERSION && card.suite == SUITE_XWING;
        let has_good_keys = check_not_low_order(&card.olm_identity.0).is_ok() && check_key(&card.kem).is_ok();
        if !is_known || !has_good_keys {
            return Err(AnswerError::Unsupported);
        }
        if card.contact_key == self.signer || card.olm_identity == self.account.identity() {
            return Err(AnswerError::OwnCard);
        }
        let is_expected = |device: &ListedDevice| device.is_signer(&card.contact_key, &card.olm_identity);
        if !self.expected.as_ref().is_none_or(is_expected) {
            return Err(AnswerError::OtherDevice);
        }
        if !self.person.as_ref().is_none_or(|person| person.may_answer(card)) {
            return Err(AnswerError::OtherPerson);
        }
        Ok(verified)
    }

    /// The first Olm message must come from the identity of the answer card and repeat both hashes (KS-13).
    fn check_proof(&self, answer_card: &Verified<AnswerCard>, olm: &[u8]) -> Result<OlmSession, AnswerError> {
        let identity = answer_card.get().olm_identity;
        let (session, plain) = self.account.take_up(&identity, olm).map_err(|_| AnswerError::Unproven)?;
        let proof = AnswerProof::from_bytes(&plain).map_err(|_| AnswerError::Unproven)?;
        let expected = AnswerProof { card: self.card, answer_card: answer_card.hash() };
        if proof == expected { Ok(session) } else { Err(AnswerError::Unproven) }
    }

    /// Makes epoch 0's first frame, which carries epoch 1's ciphertext.
    fn confirm(
        &self,
        root_zero: &[u8; 32],
        theirs: &AnswerCard,
        mut olm: OlmSession,
        answered: AnsweredCard,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Option<Met> {
        let (root_chain, send, _) = RootKeys::expand(root_zero).split(Role::Giver);
        let (ciphertext, shared) = encapsulate(&theirs.kem, rng).ok()?;
        let own_list = open(self.devices.clone()).ok()?;
        let hello = ConfirmHello {
            ciphertext,
            nonce: self.nonce(),
            versions: VersionRange::OURS,
            devices: own_list.hash(),
            conversation: self.conversation,
        };
        let hello = hello.to_bytes();
        let kem_hash = hash_kem_key(&KemSecret::from_seed(*self.kem.expose()).public());
        let transcript = transcript::transcript(&self.card, &kem_hash, &answered.answer, &hello);
        let root = transcript::root_one(&root_chain, &shared, &transcript);
        let confirm =
            Confirm { hello, devices: self.devices.clone(), mac: transcript::confirm_mac(&root, &transcript) };
        let payload =
            Payload { mine: list_state(&own_list), yours: None, items: vec![Item::Confirm(Box::new(confirm))] };
        let inner = Inner {
            olm: olm.encrypt(&payload.to_bytes()).ok()?,
            control: Control { ack: Settled::default().to_ack(), skips: Vec::new(), end: None },
        };

        let binding = Binding { sender: Role::Giver, from: self.account.identity(), to: theirs.olm_identity };
        let mut send = SendChain::new(0, 0, send);
        let message_key = send.advance();
        let header = FrameHeader { epoch: 0, seq: 0, base: 0 };
        let frame = binding.seal(&send.header, &message_key, header, &inner, rng)?;
        let epochs = Epochs::of_giver(send, RootKeys::expand(&root), now);
        let start = Start {
            own_identity: self.account.identity(),
            peer_identity: theirs.olm_identity,
            own_devices: self.devices.clone(),
            peer: self.peer_start(theirs),
            olm,
        };
        Some(Met {
            session: Session::of_giver(start, epochs)?,
            peer: Peer { contact_key: theirs.contact_key, queue: theirs.queue.clone() },
            digits: comparison_digits(&self.nonce(), &self.card, &answered.answer),
            confirm: Sealed { seq: 0, frame, ack_only: false },
            answer_hash: answered.answer,
            answered,
            conversation: self.conversation,
        })
    }

    /// What is known of the devices of whoever answered.
    fn peer_start(&self, theirs: &AnswerCard) -> PeerStart {
        match (&self.expected, &self.person) {
            (Some(device), _) => PeerStart::Listed(device.clone()),
            (None, Some(person)) => match person.listed(theirs) {
                Some(device) => PeerStart::Listed(device.clone()),
                None => PeerStart::Awaited { key: person.key, list: person.list },
            },
            (None, None) => PeerStart::Announced { key: theirs.contact_key, hash: theirs.devices },
        }
    }

    /// The nonce that the card commits to and the confirmation shows.
    fn nonce(&self) -> ConfirmNonce {
        ConfirmNonce::new(*self.nonce.expose())
    }
}

/// What is left of a card once it was answered: enough to tell the same answer from another one.
#[derive(Encode, Decode)]
#[cbor(array)]
pub struct AnsweredCard {
    #[n(0)]
    version: u8,
    #[n(1)]
    mac_key: Secret,
    #[n(2)]
    answer: Hash,
}

/// What a frame in the queue of an answered card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateAnswer {
    /// The accepted answer again: its sender has not got the confirmation.
    Same,
    /// KS-20: somebody else had the card too; the person is warned.
    Different,
    /// Anybody could have sent it, or it is a frame of the session.
    Garbage,
}

impl AnsweredCard {
    /// Of a card that nobody answered, and nobody may any more: no answer has a hash of zeros.
    pub(crate) fn unanswered(reply_secret: &ReplySecret) -> Self {
        let mac_key = transcript::answer_mac_key(reply_secret);
        Self { version: STATE_VERSION, mac_key, answer: Hash([0; 32]) }
    }

    /// Says what a frame is (KS-20).
    pub fn classify(&self, frame: &Frame) -> LateAnswer {
        let is_answer =
            AnswerParts::from_frame(frame).is_some_and(|parts| transcript::answer_mac_is_right(&self.mac_key, &parts));
        if !is_answer {
            LateAnswer::Garbage
        } else if mac::equal(&transcript::answer_hash(frame).0, &self.answer.0) {
            LateAnswer::Same
        } else {
            LateAnswer::Different
        }
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
        let answered: Self = state::from_bytes(bytes)?;
        if answered.version == STATE_VERSION { Ok(answered) } else { Err(StateError::Unreadable) }
    }
}

#[cfg(test)]
mod tests;
