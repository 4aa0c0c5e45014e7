//! Hostile bytes at each step of a meeting: as a card, as the answer to one, as the confirmation.
//!
//! The attacker has the card, so what it seals under the keys that a card gives is sealed rightly here: only then do
//! its bytes reach what lies behind. What only the two people can make is left as it is.

use kith_crypto::aead::{AeadKey, NONCE_BYTES};
use kith_crypto::dh::DhSecret;
use kith_crypto::hash::Hasher;
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::sign::ContactSecret;
use kith_crypto::{kdf, mac};
use kith_session::{LateAnswer, answer, check_card};
use kith_wire::Wire;
use kith_wire::card::{AnswerCard, AnswerInside, AnswerParts, Card, CardOffer, CardPurpose};
use kith_wire::ext::Ext;
use kith_wire::frame::Frame;
use kith_wire::id::{DhKey, Hash, KemCiphertext, OlmIdentity};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::padding::pad_to;
use rand::rngs::StdRng;

use super::people::{Meeting, NOW, Script, meeting as meeting_of_process, queue, rng};

/// Bytes of a session that has just begun.
const MAX_CORE_BYTES: usize = 16 * 1024;

/// Plays one hostile step of a meeting. The first byte says which; the rest is its bytes, or changes to good ones.
pub fn meeting(bytes: &[u8]) {
    let meeting = meeting_of_process();
    let (mut script, mut rng) = (Script(bytes), rng());
    match script.byte() % 8 {
        0 => raw_frame(meeting, &mut script, &mut rng),
        1 => changed_answer(meeting, &mut script, &mut rng),
        2 => changed_confirmation(meeting, &mut script, &mut rng),
        3 => raw_inside(meeting, &mut script, &mut rng),
        4 => raw_ratchet_message(meeting, &mut script, &mut rng),
        5 => raw_offer(&mut script, &mut rng),
        6 => changed_offer(meeting, &mut script, &mut rng),
        _ => resigned_card(meeting, &mut script, &mut rng),
    }
}

/// Bytes of anybody, where an answer and where a confirmation is expected.
fn raw_frame(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let mut bytes = script.bytes(Frame::SIZE).to_vec();
    bytes.resize(Frame::SIZE, 0);
    let Some(frame) = Frame::from_slice(&bytes) else { return };
    assert!(meeting.card.giver.accept(&frame, NOW, rng).is_err());
    assert!(meeting.answered.answerer.confirm(&frame, NOW, rng).is_err());
    for session in [&meeting.giver, &meeting.answerer] {
        assert!(session.session().open(&frame, NOW, rng).is_err());
    }
}

/// The good answer with changes, under its own HMAC and under a right one.
fn changed_answer(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let mut bytes = *meeting.answered.answer.as_bytes();
    script.edit(&mut bytes);
    let changed = Frame::new(bytes);
    let is_changed = changed != meeting.answered.answer;
    let outcome = meeting.card.giver.accept(&changed, NOW, rng);
    assert_eq!(outcome.is_err(), is_changed, "only the answer itself is accepted");
    let Some(parts) = AnswerParts::from_frame(&changed) else { return };
    accept(meeting, parts, rng);
}

fn changed_confirmation(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let mut bytes = *meeting.confirm.as_bytes();
    script.edit(&mut bytes);
    let changed = Frame::new(bytes);
    let outcome = meeting.answered.answerer.confirm(&changed, NOW, rng);
    assert_eq!(outcome.is_err(), changed != meeting.confirm, "only the confirmation itself is accepted");
}

/// An answer whose inside is the input.
fn raw_inside(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let exchange = Exchange::new(meeting, rng);
    exchange.send(meeting, script.bytes(AnswerParts::BOX_BYTES), rng);
}

/// A rightly signed answer card with any identity, and the input as the ratchet's first message.
fn raw_ratchet_message(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let exchange = Exchange::new(meeting, rng);
    let signer = ContactSecret::generate(rng);
    let olm_identity = match script.byte() {
        0 => meeting.checked.card().olm_identity,
        byte => OlmIdentity(DhSecret::from_bytes([byte; 32]).public().0),
    };
    let card = AnswerCard {
        version: VERSION,
        suite: SUITE_XWING,
        card: meeting.card.hash,
        exchange: exchange.hash(),
        contact_key: signer.public(),
        olm_identity,
        kem: KemSecret::from_seed([script.byte(); 32]).public(),
        queue: queue(3, rng),
        devices: Hash([1; 32]),
        ext: Ext::new(),
    };
    let inside = AnswerInside { answer_card: signer.sign(&card), olm: script.bytes(2000).to_vec() };
    exchange.send(meeting, &inside.to_bytes(), rng);
}

fn raw_offer(script: &mut Script<'_>, rng: &mut StdRng) {
    if let Ok(offer) = CardOffer::from_bytes(script.bytes(usize::MAX)) {
        take(offer, rng);
    }
}

fn changed_offer(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let mut bytes = meeting.offer.clone();
    script.edit(&mut bytes);
    let Ok(offer) = CardOffer::from_bytes(&bytes) else { return };
    let is_changed = bytes != meeting.offer;
    assert_eq!(
        check_card(offer.clone(), CardPurpose::Contact, NOW).is_err(),
        is_changed,
        "only the card itself is good"
    );
    take(offer, rng);
}

/// The card with changes, signed by the attacker in its own name.
fn resigned_card(meeting: &Meeting, script: &mut Script<'_>, rng: &mut StdRng) {
    let mut bytes = meeting.card.offer.card.body().to_vec();
    let has_kem = script.byte().is_multiple_of(2);
    script.edit(&mut bytes);
    let Ok(mut card) = Card::from_bytes(&bytes) else { return };
    let signer = ContactSecret::generate(rng);
    card.contact_key = signer.public();
    let kem = meeting.card.offer.kem.clone().filter(|_| has_kem);
    take(CardOffer { card: signer.sign(&card), kem }, rng);
}

/// Checks a card and answers it when it is good.
fn take(offer: CardOffer, rng: &mut StdRng) {
    let Ok(checked) = check_card(offer, CardPurpose::Contact, NOW) else { return };
    let is_whole = !checked.needs_kem();
    let answered = answer(&checked, ContactSecret::generate(rng), queue(2, rng), NOW.day(), rng);
    assert_eq!(answered.is_ok(), is_whole, "a card that was checked can be answered");
}

/// Hands an answer with a right HMAC to the giver, and to what is left of an answered card.
fn accept(meeting: &Meeting, mut parts: AnswerParts, rng: &mut StdRng) {
    let key = kdf::derive(meeting.checked.card().reply_secret.expose(), Label::ANSWER_MAC, &[]);
    parts.mac = mac::mac(&key, Label::ANSWER_MAC, &[&parts.authenticated_bytes()]);
    let Some(frame) = parts.to_frame() else { return };
    let before = meeting.card.giver.to_bytes();
    if let Ok(met) = meeting.card.giver.accept(&frame, NOW, rng) {
        assert!(met.session.core_bytes().len() < MAX_CORE_BYTES && !met.session.is_established());
        assert_eq!(met.answered.classify(&frame), LateAnswer::Same);
    }
    assert_eq!(*meeting.card.giver.to_bytes(), *before, "no answer burns a card");
}

/// What an answerer and a card agree on before anything is sealed.
struct Exchange {
    ephemeral: DhKey,
    ciphertext: KemCiphertext,
    key: AeadKey,
}

impl Exchange {
    fn new(meeting: &Meeting, rng: &mut StdRng) -> Self {
        let (card, ephemeral) = (meeting.checked.card(), DhSecret::generate(rng));
        let kem = meeting.checked.kem().expect("the card came whole");
        let (ciphertext, shared) = encapsulate(kem, rng).expect("the card's key works");
        let agreed = ephemeral.agree(&card.dh).expect("the card's key works");
        let ephemeral = ephemeral.public();
        let material = kdf::join(&[&*shared, &*agreed, card.reply_secret.expose()]);
        let parts: [&[u8]; 4] = [&meeting.card.hash.0, kem.as_bytes(), ciphertext.as_bytes(), &ephemeral.0];
        let root = kdf::derive::<32>(&material, Label::OUTER_0, &parts);
        let key = AeadKey::new(*kdf::derive(&*root, Label::ANSWER, &[]));
        Self { ephemeral, ciphertext, key }
    }

    fn hash(&self) -> Hash {
        let mut hasher = Hasher::new(Label::ANSWER_EXCHANGE);
        hasher.update(&self.ephemeral.0);
        hasher.update(self.ciphertext.as_bytes());
        hasher.finish()
    }

    /// Seals the inside as an answerer does and hands it to the giver.
    fn send(self, meeting: &Meeting, inside: &[u8], rng: &mut StdRng) {
        let Some(padded) = pad_to(inside, AnswerParts::BOX_BYTES - 16) else { return };
        let sealed = self.key.seal(&[0; NONCE_BYTES], &Label::ANSWER.prefix(), &padded);
        let parts = AnswerParts { ephemeral: self.ephemeral, ciphertext: self.ciphertext, sealed, mac: [0; 32] };
        accept(meeting, parts, rng);
    }
}
