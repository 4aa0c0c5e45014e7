//! `spec/vectors/session-keys.json`, which is made again and compared, and `spec/vectors/session-transcript.json`,
//! which was recorded once: Olm draws its own randomness, so its messages are opened from stored states instead.

use data_encoding::HEXLOWER;
use kith_crypto::hash::{hash_kem_ciphertext, hash_kem_key};
use kith_crypto::kem::{KemSecret, encapsulate};
use kith_crypto::label::Label;
use kith_crypto::{kdf, random};
use kith_spec::file::{WRITE, check, hex, spec_path};
use kith_spec::stream::SeededStream;
use kith_wire::Wire;
use kith_wire::card::AnswerParts;
use kith_wire::frame::{Control, Frame, FrameHeader, Inner, SeqRange, SessionAck};
use kith_wire::id::{DhKey, Hash, KemCiphertext, KemKey, OlmIdentity, ReplySecret};
use serde_json::{Value, json};

use crate::chain::{Role, RootKeys, step};
use crate::pair::{NOW, Pair, Side, meeting, rng};
use crate::seal::Binding;
use crate::secret::Secret;
use crate::{Answerer, Giver, Session, transcript};

fn root_keys(root: &[u8; 32]) -> Value {
    let (rk, giver, answerer) = RootKeys::expand(root).split(Role::Giver);
    json!({
        "root": hex(root),
        "rk": hex(rk.expose()),
        "ck-giver": hex(giver.chain.expose()),
        "hk-giver": hex(giver.header.expose()),
        "ck-answerer": hex(answerer.chain.expose()),
        "hk-answerer": hex(answerer.header.expose()),
    })
}

fn meeting_keys(stream: &mut SeededStream) -> Value {
    let (shared, agreed, shared_two) = (random::bytes(stream), random::bytes(stream), random::bytes::<32>(stream));
    let reply_secret = ReplySecret::new(random::bytes(stream));
    let (card, answer) = (Hash(random::bytes(stream)), Hash(random::bytes(stream)));
    let kem: KemKey = KemSecret::generate(stream).public();
    let ciphertext = KemCiphertext::new(random::bytes(stream));
    let ephemeral = DhKey(random::bytes(stream));
    let root = transcript::root_zero([&shared, &agreed], &reply_secret, &card, &kem, &ciphertext, &ephemeral);
    let sealed: Vec<u8> = random::bytes::<{ AnswerParts::BOX_BYTES }>(stream).to_vec();
    let parts = AnswerParts { ephemeral, ciphertext: ciphertext.clone(), sealed, mac: [0; 32] };
    let mac_key = transcript::answer_mac_key(&reply_secret);
    let hello: [u8; 64] = random::bytes(stream);
    let hash = transcript::transcript(&card, &hash_kem_key(&kem), &answer, &hello);
    let (rk, _, _) = RootKeys::expand(&root).split(Role::Giver);
    let root_one = transcript::root_one(&rk, &shared_two, &hash);
    json!({
        "ss1": hex(shared), "dh": hex(agreed), "reply-secret": hex(reply_secret.expose()), "card": hex(card.0),
        "ek-giver": hex(kem.as_bytes()), "ct1": hex(ciphertext.as_bytes()), "e-answerer": hex(ephemeral.0),
        "root0": root_keys(&root), "answer-key": hex(*transcript::answer_key(&root)),
        "exchange": hex(transcript::exchange_hash(&ephemeral, &ciphertext).0),
        "box": hex(&parts.sealed), "mac-key": hex(mac_key.expose()),
        "answer-mac": hex(transcript::answer_mac(&mac_key, &parts)),
        "answer": hex(answer.0), "hello": hex(hello), "transcript": hex(hash.0),
        "ss2": hex(shared_two), "root1": root_keys(&root_one),
        "confirm-mac": hex(transcript::confirm_mac(&root_one, &hash)),
    })
}

fn epoch_root(stream: &mut SeededStream) -> Value {
    let (rk, shared) = (random::bytes::<32>(stream), random::bytes::<32>(stream));
    let kem = KemSecret::generate(stream).public();
    let (ciphertext, _) = encapsulate(&kem, stream).unwrap();
    let (key, ct) = (hash_kem_key(&kem), hash_kem_ciphertext(&ciphertext));
    let parts: [&[u8]; 3] = [&2_u32.to_be_bytes(), &key.0, &ct.0];
    let root = kdf::derive::<32>(&kdf::join(&[&rk, &shared]), Label::OUTER_EPOCH, &parts);
    json!({
        "epoch": 2, "rk": hex(rk), "ss": hex(shared), "hash-ek": hex(key.0), "hash-ct": hex(ct.0),
        "root": root_keys(&root),
    })
}

fn frame(stream: &mut SeededStream) -> Value {
    let (header_key, chain) = (Secret::new(random::bytes(stream)), Secret::new(random::bytes(stream)));
    let (message_key, next) = step(&chain);
    let (from, to) = (OlmIdentity(random::bytes(stream)), OlmIdentity(random::bytes(stream)));
    let header = FrameHeader { epoch: 3, seq: 1000, base: 990 };
    let ack = SessionAck { next: 7, ranges: vec![SeqRange { first: 9, last: 12 }] };
    let control = Control { ack, skips: vec![SeqRange { first: 995, last: 996 }], end: None };
    let olm: [u8; 48] = random::bytes(stream);
    let inner = Inner { olm: olm.to_vec(), control: control.clone() };
    let binding = Binding { sender: Role::Answerer, from, to };
    let sealed = binding.seal(&header_key, &message_key, header, &inner, stream).unwrap();
    json!({
        "hk": hex(header_key.expose()), "ck": hex(chain.expose()), "mk": hex(message_key.expose()),
        "ck-next": hex(next.expose()), "direction": Role::Answerer.number(), "from": hex(from.0), "to": hex(to.0),
        "header": hex(header.to_bytes()), "olm": hex(olm), "control": hex(control.to_bytes()),
        "nonce": hex(sealed.split().unwrap().0), "frame": hex(sealed.as_bytes()),
    })
}

#[test]
fn keys_and_frames_are_those_in_the_file() {
    let mut stream = SeededStream::new("session-keys");
    let file = json!({
        "about": "The outer layer: keys of a meeting, of an epoch, of a frame. Names are those of spec/meeting.md and spec/session.md.",
        "meeting": meeting_keys(&mut stream),
        "epoch": epoch_root(&mut stream),
        "frame": frame(&mut stream),
    });
    check("session-keys.json", &file).expect("the file says what the code makes");
}

/// One recorded step: a stored state, a frame, and what it brings.
fn record(claim: &str, side: &mut Side, frame: &Frame) -> Value {
    let early: Vec<Value> = side.early.iter().map(|(seq, olm)| json!({ "seq": seq, "olm": hex(olm) })).collect();
    let state = side.session.core_bytes();
    let n_shown = side.shown.len();
    let opened = side.hear(frame, &mut rng(7)).unwrap();
    json!({
        "claim": claim, "state": hex(&*state), "early": early, "frame": hex(frame.as_bytes()),
        "texts": side.shown[n_shown..], "acked": opened.acked.iter().map(|r| [r.first, r.last]).collect::<Vec<_>>(),
        "waits": opened.early_added.is_some(), "duplicate": opened.duplicate, "epoch": side.session.epoch(),
    })
}

fn make_transcript() -> Value {
    let mut r = rng(2026);
    let m = meeting(&mut r);
    let meeting_part = json!({
        "now": NOW.0, "offer": hex(m.card.offer.to_bytes()), "giver": hex(&*m.card.giver.to_bytes()),
        "answer": hex(m.answered.answer.as_bytes()), "answerer": hex(&*m.answered.answerer.to_bytes()),
        "confirm": hex(m.met.confirm.frame.as_bytes()), "digits": m.met.digits,
        "conversation": hex(m.met.conversation.0),
    });
    let mut giver = Side::new(m.met.session);
    let mut steps = vec![record("the answerer's first frame establishes", &mut giver, &m.confirmed.first.frame)];
    let mut pair = Pair { giver, answerer: Side::new(m.confirmed.session), rng: r };
    pair.settle();
    let one = pair.giver.say("one", &mut pair.rng);
    let two = pair.giver.say("two", &mut pair.rng);
    steps.push(record("an early message waits", &mut pair.answerer, &two.frame));
    steps.push(record("the missing one brings both", &mut pair.answerer, &one.frame));
    steps.push(record("again, it is a duplicate", &mut pair.answerer, &one.frame));
    while pair.answerer.session.epoch() < 2 {
        let said = pair.giver.say("on", &mut pair.rng);
        let step = record("the giver's key and frames", &mut pair.answerer, &said.frame);
        let Some(reply) = pair.answerer.reply(&mut pair.rng) else { continue };
        let before = pair.giver.session.epoch();
        let answer_step = record("the ciphertext begins epoch 2", &mut pair.giver, &reply.frame);
        if pair.giver.session.epoch() > before {
            steps.extend([step, answer_step]);
        } else if pair.answerer.session.epoch() == 2 {
            steps.push(step);
        }
    }
    json!({
        "about": "Recorded once with this software and its state format 1; opened from the stored states in each test run.",
        "meeting": meeting_part,
        "steps": steps,
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn recorded_frame(value: &Value) -> Frame {
    Frame::from_slice(&bytes(value)).unwrap()
}

fn transcript_file() -> Value {
    let path = spec_path("vectors").join("session-transcript.json");
    if std::env::var_os(WRITE).is_some() && !path.exists() {
        std::fs::write(&path, format!("{:#}\n", make_transcript())).unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_recorded_meeting_opens_from_its_stored_states() {
    let file = transcript_file();
    let part = &file["meeting"];
    let answer = recorded_frame(&part["answer"]);
    let giver = Giver::from_bytes(&bytes(&part["giver"])).unwrap();
    let met = giver.accept(&answer, NOW, &mut rng(1)).unwrap();
    assert_eq!(hex(met.conversation.0), part["conversation"]);
    let answerer = Answerer::from_bytes(&bytes(&part["answerer"])).unwrap();
    let confirmed = answerer.confirm(&recorded_frame(&part["confirm"]), NOW, &mut rng(2)).unwrap();
    assert_eq!(json!(confirmed.digits), part["digits"]);
    assert_eq!(hex(confirmed.conversation.0), part["conversation"]);
}

#[test]
fn the_recorded_frames_open_from_their_stored_states() {
    let file = transcript_file();
    let steps = file["steps"].as_array().unwrap();
    assert!(steps.len() >= 6);
    for step in steps {
        let early = step["early"].as_array().unwrap().iter();
        let early = early.map(|row| (u32::try_from(row["seq"].as_u64().unwrap()).unwrap(), bytes(&row["olm"])));
        let session = Session::restore(&bytes(&step["state"]), early.clone()).unwrap();
        let mut side = Side::new(session);
        side.early = early.collect();
        let opened = side.hear(&recorded_frame(&step["frame"]), &mut rng(7)).unwrap();
        let claim = &step["claim"];
        assert_eq!(json!(side.shown), step["texts"], "{claim}");
        assert_eq!(json!(opened.acked.iter().map(|r| [r.first, r.last]).collect::<Vec<_>>()), step["acked"], "{claim}");
        assert_eq!(opened.early_added.is_some(), step["waits"], "{claim}");
        assert_eq!(opened.duplicate, step["duplicate"], "{claim}");
        assert_eq!(side.session.epoch(), step["epoch"], "{claim}");
    }
}
