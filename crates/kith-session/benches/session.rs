//! What a session costs, beside what its two layers cost bare, in one run.
//!
//! `steady/session` may cost at most one and a half times `steady/bare`: vodozemac on the same padded plaintext, plus
//! one AEAD of 4 KiB. Both talk in the same rhythm: a message each time, a reply every hundred messages. The
//! session's acknowledgements, its epochs and its framing are all in its number.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark may panic, and criterion's macro writes no docs")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kith_crypto::aead::AeadKey;
use kith_crypto::capability::new_send;
use kith_crypto::sign::ContactSecret;
use kith_session::{Session, Urgency, answer, check_card, new_card};
use kith_wire::Wire;
use kith_wire::address::{QueueAddress, ServerAddress, ServerUrl};
use kith_wire::card::CardPurpose;
use kith_wire::id::{MessageId, SenderId, ServerKey};
use kith_wire::payload::{Part, Payload};
use kith_wire::time::{Hour, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use vodozemac::olm::{Account, OlmMessage, SessionConfig};

const NOW: Timestamp = Timestamp::from_seconds(1_795_200_000);
/// Messages from one side for each reply from the other.
const RHYTHM: u32 = 100;

fn queue(rng: &mut StdRng) -> QueueAddress {
    QueueAddress {
        server: ServerAddress { url: ServerUrl::parse("https://home.example").unwrap(), key: ServerKey([1; 32]) },
        sender_id: SenderId([1; 24]),
        capability: new_send(rng),
    }
}

/// A whole meeting; the giver's session comes first.
fn meet(rng: &mut StdRng) -> (Session, Session) {
    let (one, two) = (queue(rng), queue(rng));
    let card =
        new_card(CardPurpose::Contact, ContactSecret::generate(rng), one, Hour(NOW.hour().0 + 1), NOW.day(), rng)
            .unwrap();
    let checked = check_card(card.offer.clone(), CardPurpose::Contact, NOW).unwrap();
    let answered = answer(&checked, ContactSecret::generate(rng), two, NOW.day(), rng).unwrap();
    let mut met = card.giver.accept(&answered.answer, NOW, rng).unwrap();
    let confirmed = answered.answerer.confirm(&met.confirm.frame, NOW, rng).unwrap();
    met.session.open(&confirmed.first.frame, NOW, rng).unwrap();
    (met.session, confirmed.session)
}

fn text() -> Part {
    Part { message: MessageId([7; 16]), index: 0, count: 1, bytes: vec![b'x'; 200] }
}

fn session(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut sender, mut receiver) = meet(&mut rng);
    let mut number = 0_u32;
    criterion.bench_function("steady/session", |bencher| {
        bencher.iter(|| {
            let sealed = sender.seal(vec![text()], Urgency::Content, &mut rng).unwrap();
            black_box(receiver.open(&sealed.frame, NOW, &mut rng).unwrap());
            number += 1;
            if number.is_multiple_of(RHYTHM) {
                let reply = receiver.seal(vec![text()], Urgency::Content, &mut rng).unwrap();
                black_box(sender.open(&reply.frame, NOW, &mut rng).unwrap());
            }
        });
    });
}

fn bare(criterion: &mut Criterion) {
    let (starter, mut taker) = (Account::new(), Account::new());
    taker.generate_one_time_keys(1);
    let one_time = *taker.one_time_keys().values().next().unwrap();
    let mut receiver =
        starter.create_outbound_session(SessionConfig::version_1(), taker.curve25519_key(), one_time).unwrap();
    let OlmMessage::PreKey(first) = receiver.encrypt("first").unwrap() else { return };
    let mut sender =
        taker.create_inbound_session(SessionConfig::version_1(), starter.curve25519_key(), &first).unwrap().session;
    // What a session without an outer layer would have to encrypt, so that lengths do not show.
    let padded = vec![b'x'; Payload::MAX_BYTES];
    let (key, plain) = (AeadKey::new([7; 32]), vec![0; 4096]);
    let mut number = 0_u32;
    let one_way = |from: &mut vodozemac::olm::Session, to: &mut vodozemac::olm::Session| {
        let OlmMessage::Normal(message) = from.encrypt(&padded).unwrap() else { return };
        let bytes = message.to_bytes();
        let sealed = key.seal(&[0; 12], &[], &plain);
        black_box(key.open(&[0; 12], &[], &sealed).unwrap());
        let message = vodozemac::olm::Message::from_bytes(&bytes).unwrap();
        black_box(to.decrypt(&OlmMessage::Normal(message)).unwrap());
    };
    one_way(&mut sender, &mut receiver);
    criterion.bench_function("steady/bare", |bencher| {
        bencher.iter(|| {
            one_way(&mut sender, &mut receiver);
            number += 1;
            if number.is_multiple_of(RHYTHM) {
                one_way(&mut receiver, &mut sender);
            }
        });
    });
}

fn handshake(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(2);
    criterion.bench_function("meeting", |bencher| bencher.iter(|| black_box(meet(&mut rng))));
}

fn state(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(3);
    let (session, _) = meet(&mut rng);
    criterion.bench_function("state/store", |bencher| bencher.iter(|| black_box(session.core_bytes())));
    let core = session.core_bytes();
    criterion.bench_function("state/restore", |bencher| {
        bencher.iter(|| black_box(Session::restore(&core, std::iter::empty()).unwrap()));
    });
}

criterion_group!(benches, session, bare, handshake, state);
criterion_main!(benches);
