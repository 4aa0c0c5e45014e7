//! `spec/vectors/derivation.json`: hashes, derivations, MACs, paddings, capabilities, digits, passwords.

use kith_crypto::attachment::{NewBlob, open_chunk, seal_chunk, words_shape};
use kith_crypto::capability::{delete_verifier, prove, read_verifier, send_verifier};
use kith_crypto::digits::comparison_digits;
use kith_crypto::label::Label;
use kith_crypto::user::UserSecret;
use kith_crypto::{hash, kdf, mac, password};
use kith_spec::file::{check, hex};
use kith_spec::stream::SeededStream;
use kith_wire::Wire;
use kith_wire::blob::BlobShape;
use kith_wire::card::CardOffer;
use kith_wire::frame::Frame;
use kith_wire::id::{
    AttachmentKey, ConfirmNonce, DedupId, DeleteCapability, Hash, LinkSecret, Proof, ReadCapability, ReplySecret,
    SendCapability, SenderId, ServerKey,
};
use kith_wire::operation::Deposit;
use kith_wire::padding::{pad_to, padme};
use kith_wire::time::Hour;
use serde_json::{Value, json};

const ABOUT: &str = "Byte strings are in hexadecimal. Keys are patterns such as 32 bytes of 01: nobody uses them. \
                     A stream named in a vector is SHA-256(name ‖ u64 0) ‖ SHA-256(name ‖ u64 1) ‖ …, big endian.";

#[test]
fn hashes_derivations_and_macs_are_those_in_the_file() {
    let labels: Vec<&str> = Label::REGISTERED.iter().map(|label| label.as_str()).collect();
    let hashes: Vec<Value> = [Label::KEM_KEY, Label::LIVE_HASH]
        .into_iter()
        .flat_map(|label| [&b""[..], b"kith"].map(|input| (label, input)))
        .map(|(label, input)| json!({ "label": label.as_str(), "input": hex(input), "hash": hex(hash::hash(label, input).0) }))
        .collect();
    let cases: [&[&[u8]]; 4] = [&[], &[b""], &[b"ab", b"c"], &[b"a", b"bc"]];
    let derivations: Vec<Value> = cases
        .map(|parts| {
            let out = kdf::derive::<44>(&[1; 32], Label::RESPONSE, parts);
            let parts: Vec<Value> = parts.iter().map(hex).collect();
            json!({ "material": hex([1; 32]), "label": "kith/1/response", "parts": parts, "out": hex(*out) })
        })
        .into();
    let mac = mac::mac(&[1; 32], Label::CONFIRM, &[&[2; 32]]);
    let paddings: Vec<Value> = [0_u64, 1, 2, 8, 9, 15, 17, 100, 1000, 1025, 70_000, 10_000_000, 104_857_600]
        .map(|n| json!([n, padme(n)]))
        .into();
    let file = json!({
        "about": ABOUT,
        "labels": labels,
        "hash": hashes,
        "kdf": derivations,
        "mac": { "key": hex([1; 32]), "label": "kith/1/confirm", "input": hex([2; 32]), "mac": hex(mac) },
        "padme": paddings,
        "padded": { "content": hex(b"hello"), "total": 16, "padded": hex(pad_to(b"hello", 16).expect("it fits")) },
    });
    check("derivation.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn capabilities_and_deposit_proofs_are_those_in_the_file() {
    let (send, read, delete) =
        (SendCapability::new([1; 32]), ReadCapability::new([2; 32]), DeleteCapability::new([3; 32]));
    let server = ServerKey([4; 32]);
    let deposit = Deposit {
        sender_id: SenderId([5; 24]),
        proof: Proof([0; 32]),
        dedup: DedupId([6; 16]),
        expires: Hour(498_000),
        frame: Frame::new([7; 4096]),
    };
    let deposit = prove(deposit, &send, &server);
    let file = json!({
        "about": ABOUT,
        "send": { "capability": hex(send.expose()), "verifier": hex(send_verifier(&send).0) },
        "read": { "capability": hex(read.expose()), "verifier": hex(read_verifier(&read).0) },
        "delete": { "capability": hex(delete.expose()), "verifier": hex(delete_verifier(&delete).0) },
        "deposit": {
            "server_key": hex(server.0),
            "send_capability": hex(send.expose()),
            "proof": hex(deposit.proof.0),
            "object": "deposit",
            "cbor": hex(deposit.to_bytes()),
        },
    });
    check("capability.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn attachments_are_those_in_the_file() {
    let key = AttachmentKey::new([1; 32]);
    let content: Vec<u8> = (0..65_700_u32).map(|at| at as u8).collect();
    let shape = BlobShape::of(content.len() as u64).expect("it is short");
    let chunks: Vec<Value> = content
        .chunks(65_536)
        .enumerate()
        .map(|(index, plaintext)| {
            let index = index as u32;
            let sealed = seal_chunk(&key, shape, index, plaintext).expect("it fits");
            assert!(open_chunk(&key, shape, index, &sealed).is_ok_and(|opened| opened.starts_with(plaintext)));
            let tag = &sealed[sealed.len() - 16..];
            json!({ "index": index, "bytes": sealed.len(), "first_32": hex(&sealed[..32]), "tag": hex(tag) })
        })
        .collect();
    let small = BlobShape::of(100).expect("it is short");
    let secret = ReplySecret::new([9; 32]);
    let blob = NewBlob::of_card(&secret, &mut SeededStream::new("kith/vectors/card-blob"));
    let words = LinkSecret::new(*b"sixteen bytes ok");
    let by_words = NewBlob::of_words(&words, &mut SeededStream::new("kith/vectors/words-blob"));
    let shape_of_words = words_shape().expect("it is short");
    let offer = pad_to(b"a card offer", CardOffer::MAX_BYTES + 4).expect("it fits");
    let sealed_offer = seal_chunk(&by_words.key, shape_of_words, 0, &offer).expect("it fits");
    let file = json!({
        "about": ABOUT,
        "small": {
            "key": hex(key.expose()), "content": hex([0xa5; 100]), "padded_bytes": small.padded_bytes,
            "sealed": hex(seal_chunk(&key, small, 0, &[0xa5; 100]).expect("it fits")),
            "content_hash": hex(hash::hash(Label::ATTACHMENT, &[0xa5; 100]).0),
        },
        "two_chunks": {
            "key": hex(key.expose()), "content": "65,700 bytes 00 01 … ff 00 01 …", "padded_bytes": shape.padded_bytes,
            "chunks": chunks,
        },
        "card_blob": {
            "reply_secret": hex(secret.expose()), "blob": hex(blob.id.0), "key": hex(blob.key.expose()),
            "read_capability": hex(blob.read.expose()),
        },
        "words_blob": {
            "words": "inflict envelope brown skull finger awake measure company grace october bridge subject", "entropy": hex(words.expose()),
            "blob": hex(by_words.id.0), "key": hex(by_words.key.expose()),
            "read_capability": hex(by_words.read.expose()), "content": hex(b"a card offer"),
            "padded_bytes": shape_of_words.padded_bytes, "sealed_first_32": hex(&sealed_offer[..32]),
        },
    });
    check("attachment.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn digits_user_keys_and_passwords_are_those_in_the_file() {
    let digits: Vec<Value> = [[1_u8, 2, 3], [4, 5, 6]]
        .map(|[nonce, card, answer]| {
            let (nonce, card, answer) = (ConfirmNonce::new([nonce; 32]), Hash([card; 32]), Hash([answer; 32]));
            let digits = comparison_digits(&nonce, &card, &answer).join(" ");
            json!({ "nonce": hex(nonce.expose()), "card": hex(card.0), "answer": hex(answer.0), "digits": digits })
        })
        .into();
    let user = UserSecret::from_seed([1; 32]);
    let mut stream = SeededStream::new("kith/vectors/user-seal");
    let sealed = user.public().seal(b"purpose", b"a secret", &mut stream).expect("the key is good");
    assert!(user.open(b"purpose", &sealed).is_ok_and(|opened| opened[..] == b"a secret"[..]));
    let params = password::Params::new(19 * 1024, 2, 1).expect("they are allowed");
    let wrap = password::derive("correct horse".as_bytes(), &[2; 16], params).expect("there is memory");
    let wrapped = wrap.seal(b"header", &[3; 32], &mut SeededStream::new("kith/vectors/wrap"));
    let file = json!({
        "about": ABOUT,
        "comparison": digits,
        "user_seal": {
            "seed": hex([1; 32]), "public": hex(user.public().0.as_bytes()), "stream": "kith/vectors/user-seal",
            "purpose": hex(b"purpose"), "secret": hex(b"a secret"), "sealed": hex(sealed),
        },
        "password": {
            "password": "correct horse", "salt": hex([2; 16]), "memory_kib": 19 * 1024, "passes": 2, "lanes": 1,
            "aad": hex(b"header"), "secret": hex([3; 32]), "stream": "kith/vectors/wrap", "wrapped": hex(wrapped),
        },
    });
    check("secrets.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}
