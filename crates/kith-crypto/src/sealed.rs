//! One-shot sealed requests and their answers: HPKE base mode (RFC 9180) with X-Wing, after Oblivious HTTP (RFC 9458).

use std::ops::RangeInclusive;

use hpke::aead::{Aead, AeadCtxR, AeadCtxS};
use hpke::kdf::HkdfSha256;
use hpke::{OpModeR, OpModeS, setup_receiver, setup_sender_with_rng};
use kith_wire::descriptor::EpochKeys;
use kith_wire::id::{DhKey, KemCiphertext, KemKey, ServerKey};
use kith_wire::limits::{ANSWER_BYTES, MAX_ANSWER_BYTES, MAX_SEALED_BYTES, SEALED_BYTES};
use kith_wire::padding::{LENGTH_BYTES, padme};
use kith_wire::sealed::{ClearHeader, SealKind, SealedParts};
use kith_wire::time::EpochId;
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::aead::{AeadKey, NONCE_BYTES, OpenError, TAG_BYTES};
use crate::chacha::Cipher;
use crate::dh::DhSecret;
use crate::kem::{KemSecret, check_x25519_share, checked_key};
use crate::label::Label;
use crate::secret_bytes::SecretBytes;
use crate::xwing::{Ciphertext, DecapsulationKey, XWing};
use crate::{kdf, random};

type Sender = AeadCtxS<ChaCha20Poly1305, HkdfSha256, XWing>;
type Receiver = AeadCtxR<ChaCha20Poly1305, HkdfSha256, XWing>;

/// ChaCha20-Poly1305 as HPKE sees it (RFC 9180, §7.3).
struct ChaCha20Poly1305;

impl Aead for ChaCha20Poly1305 {
    type AeadImpl = Cipher;
    const AEAD_ID: u16 = 0x0003;
}

/// Bytes around the padded plaintext of a request.
const REQUEST_OVERHEAD: usize = ClearHeader::BYTES + KemCiphertext::SIZE + TAG_BYTES;
/// Bytes around the padded plaintext of an answer.
const ANSWER_OVERHEAD: usize = RANDOM_BYTES + TAG_BYTES;
/// Bytes of randomness in front of an answer.
const RANDOM_BYTES: usize = 32;

/// Why a request cannot be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The server's epoch key is not valid (KC-2).
    #[error("the home server's key is not valid")]
    BadKey,
    /// The content is longer than [`MAX_SEALED_BYTES`] allows.
    #[error("the request is too long")]
    TooLong,
}

/// The secrets of one server epoch, expanded once for all the requests that they open.
#[derive(Clone)]
pub struct EpochSecret {
    id: EpochId,
    kem: KemSecret,
    dh: DhSecret,
    opener: DecapsulationKey,
}

impl EpochSecret {
    /// Draws the secrets of a week.
    pub fn generate(id: EpochId, rng: &mut dyn CryptoRng) -> Self {
        Self::new(id, KemSecret::generate(rng), DhSecret::generate(rng))
    }

    fn new(id: EpochId, kem: KemSecret, dh: DhSecret) -> Self {
        let opener = kem.expand();
        Self { id, kem, dh, opener }
    }

    /// Takes stored secrets back: X-Wing seed, then X25519 secret.
    pub fn from_bytes(id: EpochId, bytes: &[u8; 64]) -> Self {
        let mut kem = [0; 32];
        let mut dh = [0; 32];
        for (slot, byte) in kem.iter_mut().chain(dh.iter_mut()).zip(bytes) {
            *slot = *byte;
        }
        Self::new(id, KemSecret::from_seed(kem), DhSecret::from_bytes(dh))
    }

    /// Shows the secret bytes to code that stores them.
    pub fn expose(&self) -> Zeroizing<[u8; 64]> {
        let mut out = Zeroizing::new([0; 64]);
        for (slot, byte) in out.iter_mut().zip(self.kem.expose().iter().chain(self.dh.expose())) {
            *slot = *byte;
        }
        out
    }

    /// Returns the week.
    pub const fn id(&self) -> EpochId {
        self.id
    }

    /// Returns the public keys for the descriptor.
    pub fn public(&self) -> EpochKeys {
        let kem = KemKey::new(*self.opener.public());
        let dh: DhKey = self.dh.public();
        EpochKeys { id: self.id, kem, dh }
    }
}

/// What a client keeps in order to open the answer to one request.
pub struct PendingAnswer(AnswerSecret);

/// What a server keeps in order to answer one request.
pub struct AnswerSealer(AnswerSecret);

struct AnswerSecret {
    export: Zeroizing<[u8; 32]>,
    enc: KemCiphertext,
}

/// A request that was opened.
pub struct Opened {
    /// Its content, without padding.
    pub content: SecretBytes,
    /// Seals the one answer.
    pub answer: AnswerSealer,
    /// For the keys of a live connection.
    pub(crate) export: Zeroizing<[u8; 32]>,
}

/// A request that was sealed.
pub struct SealedRequest {
    /// The bytes for the carrier.
    pub bytes: Vec<u8>,
    /// Opens the answer.
    pub pending: PendingAnswer,
    /// For the keys of a live connection.
    pub(crate) export: Zeroizing<[u8; 32]>,
}

/// Seals `content` to one epoch of a home server.
///
/// The result has exactly 5,376 bytes when the content fits, a Padmé size otherwise.
///
/// # Errors
/// [`SealError`] when the epoch key is not valid or the content too long.
pub fn seal(
    server: &ServerKey,
    epoch: &EpochKeys,
    kind: SealKind,
    content: &[u8],
    rng: &mut dyn CryptoRng,
) -> Result<SealedRequest, SealError> {
    let key = checked_key(&epoch.kem).map_err(|_| SealError::BadKey)?;
    let total =
        total_size(content.len(), REQUEST_OVERHEAD, SEALED_BYTES..=MAX_SEALED_BYTES).ok_or(SealError::TooLong)?;
    let padded = SecretBytes::padded(content, total - REQUEST_OVERHEAD).ok_or(SealError::TooLong)?;
    let header = ClearHeader::current(epoch.id);
    let mut rng = rng;
    let (enc, mut context): (_, Sender) =
        setup_sender_with_rng(&OpModeS::Base, &key, &info(server, header, kind), &mut rng)
            .map_err(|_| SealError::BadKey)?;
    let ciphertext = context.seal(&padded, &[]).map_err(|_| SealError::TooLong)?;
    let enc = KemCiphertext::new(*enc.0);
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(&header.to_bytes());
    bytes.extend_from_slice(enc.as_bytes());
    bytes.extend_from_slice(&ciphertext);
    let mut export = Zeroizing::new([0; 32]);
    context.export(&Label::RESPONSE.prefix(), export.as_mut_slice()).map_err(|_| SealError::BadKey)?;
    let mut live = Zeroizing::new([0; 32]);
    context.export(&Label::LIVE.prefix(), live.as_mut_slice()).map_err(|_| SealError::BadKey)?;
    Ok(SealedRequest { bytes, pending: PendingAnswer(AnswerSecret { export, enc }), export: live })
}

/// Opens a sealed request with the secrets of the epoch that its header names.
///
/// # Errors
/// [`OpenError`], always the same, when anything is wrong (KC-7).
pub fn open(
    server: &ServerKey,
    secret: &EpochSecret,
    kind: SealKind,
    parts: &SealedParts<'_>,
) -> Result<Opened, OpenError> {
    if parts.header.epoch != secret.id {
        return Err(OpenError);
    }
    check_x25519_share(parts.enc.as_bytes()).map_err(|_| OpenError)?;
    let enc = Ciphertext(Box::new(*parts.enc.as_bytes()));
    let info = info(server, parts.header, kind);
    let mut context: Receiver = setup_receiver(&OpModeR::Base, &secret.opener, &enc, &info).map_err(|_| OpenError)?;
    let padded = SecretBytes::new(context.open(parts.ciphertext, &[]).map_err(|_| OpenError)?);
    let content = padded.unpadded().map_err(|_| OpenError)?;
    let mut export = Zeroizing::new([0; 32]);
    context.export(&Label::RESPONSE.prefix(), export.as_mut_slice()).map_err(|_| OpenError)?;
    let mut live = Zeroizing::new([0; 32]);
    context.export(&Label::LIVE.prefix(), live.as_mut_slice()).map_err(|_| OpenError)?;
    let answer = AnswerSealer(AnswerSecret { export, enc: parts.enc.clone() });
    Ok(Opened { content, answer, export: live })
}

/// Equal are sealers for the same request.
impl PartialEq for AnswerSealer {
    fn eq(&self, other: &Self) -> bool {
        self.0.enc == other.0.enc
    }
}

impl Eq for AnswerSealer {}

impl AnswerSealer {
    /// Seals the answer: at least 1,024 bytes, a Padmé size above that. Empty when longer than
    /// [`MAX_ANSWER_BYTES`].
    pub fn seal(self, content: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        let padded = total_size(content.len(), ANSWER_OVERHEAD, ANSWER_BYTES..=MAX_ANSWER_BYTES)
            .and_then(|total| SecretBytes::padded(content, total - ANSWER_OVERHEAD));
        let Some(padded) = padded else { return Vec::new() };
        let random: [u8; RANDOM_BYTES] = random::bytes(rng);
        let (key, nonce) = self.0.key_and_nonce(&random);
        let mut out = random.to_vec();
        out.extend_from_slice(&key.seal(&nonce, &[], &padded));
        out
    }
}

impl PendingAnswer {
    /// Opens the answer.
    ///
    /// # Errors
    /// [`OpenError`], always the same, when anything is wrong (KC-7).
    pub fn open(&self, answer: &[u8]) -> Result<SecretBytes, OpenError> {
        let (random, sealed) = answer.split_first_chunk::<RANDOM_BYTES>().ok_or(OpenError)?;
        let (key, nonce) = self.0.key_and_nonce(random);
        key.open(&nonce, &[], sealed)?.unpadded().map_err(|_| OpenError)
    }
}

impl AnswerSecret {
    fn key_and_nonce(&self, random: &[u8; RANDOM_BYTES]) -> (AeadKey, [u8; NONCE_BYTES]) {
        let derived = kdf::derive::<44>(self.export.as_slice(), Label::RESPONSE, &[self.enc.as_bytes(), random]);
        let mut key = [0; 32];
        let mut nonce = [0; NONCE_BYTES];
        for (slot, byte) in key.iter_mut().chain(nonce.iter_mut()).zip(derived.iter()) {
            *slot = *byte;
        }
        (AeadKey::new(key), nonce)
    }
}

/// Returns the whole size for a content: the least one, or the next Padmé size; `None` above the limit.
fn total_size(content: usize, overhead: usize, sizes: RangeInclusive<usize>) -> Option<usize> {
    let needed = content.checked_add(LENGTH_BYTES)?.checked_add(overhead)?;
    let least = *sizes.start();
    let total = if needed <= least { least } else { usize::try_from(padme(needed as u64)).ok()? };
    sizes.contains(&total).then_some(total)
}

fn info(server: &ServerKey, header: ClearHeader, kind: SealKind) -> Vec<u8> {
    let mut info = Label::SEALED.prefix();
    info.extend_from_slice(&server.0);
    info.extend_from_slice(&header.to_bytes());
    info.push(match kind {
        SealKind::OneShot => 0,
        SealKind::LiveOpening => 1,
    });
    info
}
