//! The rendezvous: card, answer, confirmation.

use minicbor::{Decode, Encode};

use crate::address::QueueAddress;
use crate::codec::Wire;
use crate::descriptor::VersionRange;
use crate::devices::DeviceList;
use crate::ext::{Ext, Extension, Importance};
use crate::frame::Frame;
use crate::id::{
    CardId, ContactKey, ConversationId, DhKey, Hash, KemCiphertext, KemKey, OlmIdentity, OlmOneTimeKey, ReplySecret,
};
use crate::limits::FRAME_BYTES;
use crate::signed::{Signable, Signed};
use crate::time::Hour;

/// What a person signs for one other person, who may answer it once.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct Card {
    /// The protocol version.
    #[n(0)]
    pub version: u8,
    /// The suite.
    #[n(1)]
    pub suite: u8,
    /// Its name.
    #[n(2)]
    pub card_id: CardId,
    /// The last hour in which it may be answered.
    #[n(3)]
    pub not_after: Hour,
    /// The giver's identity towards whoever answers; signs the card. In a device card and a spare card the giving device's key.
    #[n(4)]
    pub contact_key: ContactKey,
    /// The giving device's Olm identity for this contact.
    #[n(5)]
    pub olm_identity: OlmIdentity,
    /// The giving device's Olm one-time key.
    #[n(6)]
    pub olm_one_time: OlmOneTimeKey,
    /// The giving device's one-use X25519 key.
    #[n(7)]
    pub dh: DhKey,
    /// Hash of the X-Wing key that rides beside the card.
    #[n(8)]
    pub kem_hash: Hash,
    /// Where the answer goes.
    #[n(9)]
    pub queue: QueueAddress,
    /// Known only to whoever has the card.
    #[n(10)]
    pub reply_secret: ReplySecret,
    /// Commitment to the confirmation's nonce.
    #[n(11)]
    pub commitment: Hash,
    /// Extensions.
    #[n(12)]
    pub ext: Ext,
}

/// What a card is for. Which one it is stands in a critical extension, so that none is taken for another; a card for another person
/// has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardPurpose {
    /// Another person becomes a contact.
    Contact,
    /// Whoever answers becomes another device of the giver's person.
    Link,
    /// Two devices of persons who know each other meet.
    Device,
    /// A contact keeps it for the day on which all devices are lost: a device that was restored from a backup answers it.
    Spare,
    /// The giver becomes another device of the answerer's person.
    Join,
}

impl CardPurpose {
    /// The extension that says it.
    pub const EXTENSION: u32 = 1;

    /// Returns the extensions of a card for this purpose.
    pub fn to_ext(self) -> Ext {
        let mut ext = Ext::new();
        let value = match self {
            Self::Contact => return ext,
            Self::Link => vec![1],
            Self::Device => vec![2],
            Self::Spare => vec![3],
            Self::Join => vec![4],
        };
        ext.insert(Self::EXTENSION, Extension { importance: Importance::Critical, value });
        ext
    }
}

impl Card {
    /// Returns what the card is for; `None` when it is something that this version does not know.
    pub fn purpose(&self) -> Option<CardPurpose> {
        match self.ext.get(CardPurpose::EXTENSION) {
            None => Some(CardPurpose::Contact),
            Some(extension) => match extension.value.as_slice() {
                [1] => Some(CardPurpose::Link),
                [2] => Some(CardPurpose::Device),
                [3] => Some(CardPurpose::Spare),
                [4] => Some(CardPurpose::Join),
                _ => None,
            },
        }
    }
}

impl Wire for Card {
    const NAME: &'static str = "card";
    const MAX_BYTES: usize = 1024;
}

impl Signable for Card {
    const LABEL: &'static str = "kith/1/card";
    const KNOWN_EXTENSIONS: &'static [u32] = &[CardPurpose::EXTENSION];

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.contact_key.0
    }
}

/// A card as it travels in files and links: with the X-Wing key that a QR code has no room for.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct CardOffer {
    /// The signed card.
    #[n(0)]
    pub card: Signed<Card>,
    /// The X-Wing key; absent in a QR code.
    #[n(1)]
    pub kem: Option<KemKey>,
}

impl Wire for CardOffer {
    const NAME: &'static str = "card-offer";
    const MAX_BYTES: usize = 2560;
}

/// What the answering person signs.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct AnswerCard {
    /// The protocol version.
    #[n(0)]
    pub version: u8,
    /// The suite.
    #[n(1)]
    pub suite: u8,
    /// Hash of the card that is answered.
    #[n(2)]
    pub card: Hash,
    /// Hash of the ephemeral key and the ciphertext of the answer that carries this.
    #[n(3)]
    pub exchange: Hash,
    /// The answerer's identity towards the card giver; signs this.
    #[n(4)]
    pub contact_key: ContactKey,
    /// The answering device's Olm identity for this contact.
    #[n(5)]
    pub olm_identity: OlmIdentity,
    /// The answering device's X-Wing key.
    #[n(6)]
    pub kem: KemKey,
    /// Where the confirmation goes.
    #[n(7)]
    pub queue: QueueAddress,
    /// Hash of the answerer's first device list.
    #[n(8)]
    pub devices: Hash,
    /// Extensions.
    #[n(9)]
    pub ext: Ext,
}

impl Wire for AnswerCard {
    const NAME: &'static str = "answer-card";
    const MAX_BYTES: usize = 2200;
}

impl Signable for AnswerCard {
    const LABEL: &'static str = "kith/1/answer-card";

    fn ext(&self) -> &Ext {
        &self.ext
    }

    fn signer(&self) -> [u8; 32] {
        self.contact_key.0
    }
}

/// The inside of an answer.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct AnswerInside {
    /// The signed answer card.
    #[n(0)]
    pub answer_card: Signed<AnswerCard>,
    /// An Olm pre-key message whose plaintext is [`AnswerProof`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub olm: Vec<u8>,
}

impl Wire for AnswerInside {
    const NAME: &'static str = "answer-inside";
    const MAX_BYTES: usize = AnswerParts::BOX_BYTES - 20;
}

/// What the Olm pre-key message of an answer says: both cards again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AnswerProof {
    /// Hash of the card.
    #[n(0)]
    pub card: Hash,
    /// Hash of the answer card.
    #[n(1)]
    pub answer_card: Hash,
}

impl Wire for AnswerProof {
    const NAME: &'static str = "answer-proof";
    const MAX_BYTES: usize = 80;
}

/// The parts of an answer, which has the size of a frame:
/// `ephemeral 32 ‖ ciphertext 1,120 ‖ box 2,912 ‖ mac 32`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerParts {
    /// The answerer's ephemeral X25519 key.
    pub ephemeral: DhKey,
    /// Encapsulated to the card's X-Wing key.
    pub ciphertext: KemCiphertext,
    /// The sealed and padded [`AnswerInside`].
    pub sealed: Vec<u8>,
    /// HMAC under the reply secret over everything before it.
    pub mac: [u8; 32],
}

impl AnswerParts {
    /// Bytes of the sealed inside.
    pub const BOX_BYTES: usize = FRAME_BYTES - 32 - 1120 - 32;

    /// Joins the parts to a frame; `None` when the box has the wrong size.
    pub fn to_frame(&self) -> Option<Frame> {
        let mut out = self.authenticated_bytes();
        out.extend_from_slice(&self.mac);
        Frame::from_slice(&out)
    }

    /// Returns what the mac covers.
    pub fn authenticated_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_BYTES);
        out.extend_from_slice(self.ephemeral.as_bytes());
        out.extend_from_slice(self.ciphertext.as_bytes());
        out.extend_from_slice(&self.sealed);
        out
    }

    /// Splits a frame that is taken for an answer.
    pub fn from_frame(frame: &Frame) -> Option<Self> {
        let (ephemeral, rest) = frame.as_bytes().split_first_chunk::<32>()?;
        let (ciphertext, rest) = rest.split_at_checked(KemCiphertext::SIZE)?;
        let (sealed, mac) = rest.split_last_chunk::<32>()?;
        Some(Self {
            ephemeral: DhKey(*ephemeral),
            ciphertext: KemCiphertext::from_slice(ciphertext)?,
            sealed: sealed.to_vec(),
            mac: *mac,
        })
    }
}

/// What the card giver adds to the key, hashed into the transcript.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub struct ConfirmHello {
    /// Encapsulated to the answerer's X-Wing key.
    #[n(0)]
    pub ciphertext: KemCiphertext,
    /// Opens the card's commitment.
    #[n(1)]
    pub nonce: crate::id::ConfirmNonce,
    /// The versions that the card giver speaks.
    #[n(2)]
    pub versions: VersionRange,
    /// Hash of the card giver's first device list.
    #[n(3)]
    pub devices: Hash,
    /// Names the conversation of the two.
    #[n(4)]
    pub conversation: ConversationId,
}

impl Wire for ConfirmHello {
    const NAME: &'static str = "confirm-hello";
    const MAX_BYTES: usize = 1280;
}

/// The first frame of epoch 0: the card giver confirms.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub struct Confirm {
    /// The encoded [`ConfirmHello`], hashed into the transcript as it is.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub hello: Vec<u8>,
    /// The card giver's first device list.
    #[n(1)]
    pub devices: Signed<DeviceList>,
    /// HMAC under the new root over the transcript hash.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub mac: [u8; 32],
}

impl Wire for Confirm {
    const NAME: &'static str = "confirm";
    const MAX_BYTES: usize = 3200;
}

/// The hello carries a secret nonce and is not printed.
impl std::fmt::Debug for Confirm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Confirm({:?}, …)", self.devices)
    }
}
