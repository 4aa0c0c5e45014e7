//! `spec/vectors/sealed.json` and `live.json`: requests sealed to a server, their answers, a live connection.

use kith_crypto::live::{ClientOpening, accept_opening};
use kith_crypto::request::{live_account, live_reader};
use kith_crypto::sealed::{EpochSecret, open, seal};
use kith_crypto::sign::{AccountSecret, LookupSecret, ServerSecret};
use kith_spec::file::{check, hex};
use kith_spec::stream::SeededStream;
use kith_wire::Wire;
use kith_wire::id::ReaderId;
use kith_wire::live::{LiveEvent, LiveRequest, RequestNumber};
use kith_wire::operation::{Answer, Operation, Request};
use kith_wire::sealed::{OneShotReply, SealKind, SealedParts};
use kith_wire::time::EpochId;
use serde_json::json;

/// The secrets of the server's week: X-Wing seed, then X25519 secret.
fn epoch() -> EpochSecret {
    let mut bytes = [2; 64];
    bytes[32..].fill(3);
    EpochSecret::from_bytes(EpochId(2964), &bytes)
}

#[test]
fn a_sealed_request_and_its_answer_are_those_in_the_file() {
    let server = ServerSecret::from_seed([1; 32]).public();
    let request = Request { operation: Operation::Clock, signatures: vec![] };
    let mut stream = SeededStream::new("kith/vectors/sealed");
    let sealed =
        seal(&server, &epoch().public(), SealKind::OneShot, &request.to_bytes(), &mut stream).expect("the key is good");
    let parts = SealedParts::split(&sealed.bytes).expect("it is well formed");
    let opened = open(&server, &epoch(), SealKind::OneShot, &parts).expect("it opens");
    assert_eq!(opened.content[..], request.to_bytes()[..]);
    let answer = Answer::Clock { time: 1_792_540_800 };
    let answered = opened.answer.seal(&answer.to_bytes(), &mut SeededStream::new("kith/vectors/sealed-answer"));
    assert!(sealed.pending.open(&answered).is_ok_and(|content| content[..] == answer.to_bytes()[..]));
    let file = json!({
        "about": "A one-shot request to epoch 2964 and its answer. Open `sealed` with the seed, then seal an answer whose \
                  first 32 bytes are those of `answer`: it has the same bytes. Streams: see derivation.json.",
        "server_key": hex(server.0),
        "epoch": 2964,
        "epoch_seed": hex([2; 32]),
        "epoch_key": hex(epoch().public().kem.as_bytes()),
        "kind": 0,
        "stream": "kith/vectors/sealed",
        "request": { "object": "request", "cbor": hex(request.to_bytes()) },
        "sealed": hex(&sealed.bytes),
        "answer_stream": "kith/vectors/sealed-answer",
        "answer_content": { "object": "answer", "cbor": hex(answer.to_bytes()) },
        "answer": hex(&answered),
        "reply": hex(&OneShotReply::Sealed(answered.clone()).to_bytes()[..8]),
    });
    check("sealed.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn a_live_connection_is_the_one_in_the_file() {
    let server = ServerSecret::from_seed([1; 32]).public();
    let mut stream = SeededStream::new("kith/vectors/live");
    let opening = ClientOpening::new(&server, &epoch().public(), &mut stream).expect("the key is good");
    let bytes = opening.bytes.clone();
    let mut answer_stream = SeededStream::new("kith/vectors/live-answer");
    let (answer, mut at_server) = accept_opening(&server, &epoch(), &bytes, &mut answer_stream).expect("it opens");
    let mut client = opening.accept(&answer).expect("it opens");

    let (account, lookup) = (AccountSecret::from_seed([4; 32]), LookupSecret::from_seed([5; 32]));
    let prove_account = live_account(&account, &client.binding);
    let reader = live_reader(&lookup, ReaderId([6; 24]), &client.binding);
    let read = Operation::LiveRead { readers: vec![reader], window: 32 };
    let mut up = Vec::new();
    for (number, operation) in [prove_account, read].into_iter().enumerate() {
        let message = LiveRequest { number: RequestNumber(number as u32), operation }.to_bytes();
        let record = client.seal(&message).expect("it is short");
        assert!(at_server.open(&record).is_ok_and(|opened| opened[..] == message[..]));
        up.push(json!({ "object": "live-request", "cbor": hex(&message), "record": hex(&record) }));
    }
    let message = LiveEvent::Answer { number: RequestNumber(0), answer: Answer::Accepted }.to_bytes();
    let record = at_server.seal(&message).expect("it is short");
    assert!(client.open(&record).is_ok_and(|opened| opened[..] == message[..]));
    let down = json!([{ "object": "live-event", "cbor": hex(&message), "record": hex(&record) }]);
    let file = json!({
        "about": "A live connection: opening, sealed answer, records. The client's ephemeral X-Wing seed is the first 32 \
                  bytes of `stream`; account seed 04…, lookup seed 05…. Streams: see derivation.json.",
        "server_key": hex(server.0),
        "epoch": 2964,
        "epoch_seed": hex([2; 32]),
        "kind": 1,
        "stream": "kith/vectors/live",
        "opening": hex(&bytes),
        "answer_stream": "kith/vectors/live-answer",
        "answer": hex(&answer),
        "up": up,
        "down": down,
    });
    check("live.json", &file).unwrap_or_else(|problem| panic!("{problem}"));
}
