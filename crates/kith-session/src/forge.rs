//! Test support: answers and confirmations as somebody makes them who has the keys and bends the rules.

use kith_crypto::aead::{AeadKey, NONCE_BYTES};
use kith_crypto::dh::DhSecret;
use kith_crypto::hash::hash_signed;
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::sign::ContactSecret;
use kith_wire::Wire;
use kith_wire::card::{AnswerCard, AnswerInside, AnswerParts, AnswerProof, Confirm, ConfirmHello};
use kith_wire::descriptor::VersionRange;
use kith_wire::devices::DeviceList;
use kith_wire::ext::Ext;
use kith_wire::frame::{Control, Frame, FrameHeader, Inner};
use kith_wire::id::{ConfirmNonce, Hash};
use kith_wire::limits::{SUITE_XWING, VERSION};
use kith_wire::padding::pad_to;
use kith_wire::payload::{Item, ListState, Payload};
use kith_wire::signed::Signed;
use rand::rngs::StdRng;

use crate::CheckedCard;
use crate::chain::{Role, RootKeys, SendChain};
use crate::giver::Giver;
use crate::olm::{OlmAccount, OlmSession};
use crate::pair::queue;
use crate::ranges::Settled;
use crate::seal::Binding;
use crate::transcript;

/// An answer in the making.
pub(crate) struct AnswerDraft {
    pub(crate) answer_card: AnswerCard,
    pub(crate) signer: ContactSecret,
    pub(crate) account: OlmAccount,
    /// Whether the proof repeats the hashes of these two cards.
    pub(crate) proof_card: Hash,
    pub(crate) proof_answer_card: Option<Hash>,
    /// What the root is bound to.
    pub(crate) root_card: Hash,
}

/// Makes an answer with whatever `bend` changes, under a right HMAC.
pub(crate) fn answer(card: &CheckedCard, rng: &mut StdRng, bend: impl FnOnce(&mut AnswerDraft)) -> Frame {
    let (kem, ephemeral) = (KemSecret::generate(rng), DhSecret::generate(rng));
    let (ciphertext, shared) = encapsulate(card.kem().unwrap(), rng).unwrap();
    let agreed = ephemeral.agree(&card.card().dh).unwrap();
    let (signer, account) = (ContactSecret::generate(rng), OlmAccount::new());
    let answer_card = AnswerCard {
        version: VERSION,
        suite: SUITE_XWING,
        card: card.hash(),
        exchange: transcript::exchange_hash(&ephemeral.public(), &ciphertext),
        contact_key: signer.public(),
        olm_identity: account.identity(),
        kem: kem.public(),
        queue: queue(3, rng),
        devices: Hash([1; 32]),
        ext: Ext::new(),
    };
    let mut draft = AnswerDraft {
        answer_card,
        signer,
        account,
        proof_card: card.hash(),
        proof_answer_card: None,
        root_card: card.hash(),
    };
    bend(&mut draft);

    let signed = draft.signer.sign(&draft.answer_card);
    let proof = AnswerProof {
        card: draft.proof_card,
        answer_card: draft.proof_answer_card.unwrap_or_else(|| hash_signed(&signed)),
    };
    let mut olm = draft.account.start(&card.card().olm_identity, &card.card().olm_one_time).unwrap();
    let inside = AnswerInside { answer_card: signed, olm: olm.encrypt(&proof.to_bytes()).unwrap() };
    let root = transcript::root_zero(
        [&shared, &agreed],
        &card.card().reply_secret,
        &draft.root_card,
        card.kem().unwrap(),
        &ciphertext,
        &ephemeral.public(),
    );
    let padded = pad_to(&inside.to_bytes(), AnswerParts::BOX_BYTES - 16).unwrap();
    let key = AeadKey::new(*transcript::answer_key(&root));
    let sealed = key.seal(&[0; NONCE_BYTES], &Label::ANSWER.prefix(), &padded);
    with_mac(card, AnswerParts { ephemeral: ephemeral.public(), ciphertext, sealed, mac: [0; 32] })
}

/// Puts the right HMAC onto the parts of an answer: everybody who has the card can.
pub(crate) fn with_mac(card: &CheckedCard, mut parts: AnswerParts) -> Frame {
    parts.mac = transcript::answer_mac(&transcript::answer_mac_key(&card.card().reply_secret), &parts);
    parts.to_frame().unwrap()
}

/// A confirmation in the making.
pub(crate) struct ConfirmDraft {
    pub(crate) hello: ConfirmHello,
    pub(crate) devices: Signed<DeviceList>,
    pub(crate) mine: ListState,
    pub(crate) header: FrameHeader,
    /// What the HMAC is about, instead of the transcript.
    pub(crate) transcript: Option<Hash>,
    /// The card that the transcript names.
    pub(crate) card: Hash,
}

/// Makes a confirmation of `answer` with whatever `bend` changes, under the right keys of epoch 0.
pub(crate) fn confirm(giver: &Giver, answer: &Frame, rng: &mut StdRng, bend: impl FnOnce(&mut ConfirmDraft)) -> Frame {
    let parts = AnswerParts::from_frame(answer).unwrap();
    let (root_zero, inside) = giver.open_inside(&parts).unwrap();
    let theirs = kith_crypto::sign::open(inside.answer_card).unwrap();
    let (mut olm, _): (OlmSession, _) = giver.account.take_up(&theirs.get().olm_identity, &inside.olm).unwrap();
    let (root_chain, send, _) = RootKeys::expand(&root_zero).split(Role::Giver);
    let (ciphertext, shared) = encapsulate(&theirs.get().kem, rng).unwrap();
    let list = kith_crypto::sign::open(giver.devices.clone()).unwrap();
    let mut draft = ConfirmDraft {
        hello: ConfirmHello {
            ciphertext,
            nonce: ConfirmNonce::new(*giver.nonce.expose()),
            versions: VersionRange::OURS,
            devices: list.hash(),
            conversation: giver.conversation,
        },
        devices: giver.devices.clone(),
        mine: ListState { version: 1, hash: list.hash() },
        header: FrameHeader { epoch: 0, seq: 0, base: 0 },
        transcript: None,
        card: giver.card,
    };
    bend(&mut draft);

    let hello = draft.hello.to_bytes();
    let kem_hash = kith_crypto::hash::hash_kem_key(&KemSecret::from_seed(*giver.kem.expose()).public());
    let transcript = transcript::transcript(&draft.card, &kem_hash, &transcript::answer_hash(answer), &hello);
    let root = transcript::root_one(&root_chain, &shared, &transcript);
    let mac = transcript::confirm_mac(&root, &draft.transcript.unwrap_or(transcript));
    let confirm = Item::Confirm(Box::new(Confirm { hello, devices: draft.devices, mac }));
    let payload = Payload { mine: draft.mine, yours: None, items: vec![confirm] };
    let inner = Inner {
        olm: olm.encrypt(&payload.to_bytes()).unwrap(),
        control: Control { ack: Settled::default().to_ack(), skips: Vec::new(), end: None },
    };
    let binding = Binding { sender: Role::Giver, from: giver.account.identity(), to: theirs.get().olm_identity };
    let mut send = SendChain::new(0, 0, send);
    let key = send.advance();
    binding.seal(&send.header, &key, draft.header, &inner, rng).unwrap()
}
