//! The key schedule of the meeting: what the two outer roots and the transcript hash are made of.

use kith_crypto::hash::{Hasher, hash};
use kith_crypto::label::Label;
use kith_crypto::{kdf, mac};
use kith_wire::card::AnswerParts;
use kith_wire::frame::Frame;
use kith_wire::id::{DhKey, Hash, KemCiphertext, KemKey, ReplySecret};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// `root0 = KDF(ss1 ‖ DH(e_B, x_A) ‖ reply_secret ; "outer0" ‖ H(Card) ‖ ek_A ‖ ct1 ‖ e_B)`
pub(crate) fn root_zero(
    secrets: [&[u8; 32]; 2],
    reply_secret: &ReplySecret,
    card: &Hash,
    kem: &KemKey,
    ciphertext: &KemCiphertext,
    ephemeral: &DhKey,
) -> Zeroizing<[u8; 32]> {
    let [shared, agreed] = secrets;
    let material = kdf::join(&[shared, agreed, reply_secret.expose()]);
    kdf::derive(&material, Label::OUTER_0, &[&card.0, kem.as_bytes(), ciphertext.as_bytes(), &ephemeral.0])
}

/// The key under which the inside of an answer is sealed, once.
pub(crate) fn answer_key(root_zero: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    kdf::derive(root_zero, Label::ANSWER, &[])
}

/// The key of an answer's HMAC, which everybody who has the card can compute.
pub(crate) fn answer_mac_key(reply_secret: &ReplySecret) -> Secret {
    Secret::new(*kdf::derive(reply_secret.expose(), Label::ANSWER_MAC, &[]))
}

/// Returns the HMAC of an answer.
pub(crate) fn answer_mac(key: &Secret, parts: &AnswerParts) -> [u8; 32] {
    mac::mac(key.expose(), Label::ANSWER_MAC, &[&parts.authenticated_bytes()])
}

/// Returns whether the HMAC of an answer is right (KS-7).
pub(crate) fn answer_mac_is_right(key: &Secret, parts: &AnswerParts) -> bool {
    mac::verify(key.expose(), Label::ANSWER_MAC, &[&parts.authenticated_bytes()], &parts.mac)
}

/// `H(e_B ‖ ct1)`
pub(crate) fn exchange_hash(ephemeral: &DhKey, ciphertext: &KemCiphertext) -> Hash {
    let mut hasher = Hasher::new(Label::ANSWER_EXCHANGE);
    hasher.update(&ephemeral.0);
    hasher.update(ciphertext.as_bytes());
    hasher.finish()
}

/// `H(Answer)`
pub(crate) fn answer_hash(frame: &Frame) -> Hash {
    hash(Label::ANSWER_HASH, frame.as_bytes())
}

/// `TH = H(label ‖ H(Card) ‖ H(ek_A) ‖ H(Answer) ‖ H(ch))`
pub(crate) fn transcript(card: &Hash, kem: &Hash, answer: &Hash, hello: &[u8]) -> Hash {
    let mut hasher = Hasher::new(Label::TRANSCRIPT);
    for part in [card, kem, answer, &hash(Label::CONFIRM_HELLO, hello)] {
        hasher.update(&part.0);
    }
    hasher.finish()
}

/// `root1 = KDF(rk0 ‖ ss2 ; "outer1" ‖ TH)`
pub(crate) fn root_one(root_chain: &Secret, shared: &[u8; 32], transcript: &Hash) -> Zeroizing<[u8; 32]> {
    let material = kdf::join(&[root_chain.expose(), shared]);
    kdf::derive(&material, Label::OUTER_1, &[&transcript.0])
}

/// `HMAC(KDF(root1, "confirm"), TH)`
pub(crate) fn confirm_mac(root_one: &[u8; 32], transcript: &Hash) -> [u8; 32] {
    let key = kdf::derive(root_one, Label::CONFIRM, &[]);
    mac::mac(&key, Label::CONFIRM, &[&transcript.0])
}
