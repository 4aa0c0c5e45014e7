//! What a sealed deposit costs the client that seals it and the server that opens it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kith_crypto::capability::{is_proven, new_send, prove, send_verifier};
use kith_crypto::live::{ClientOpening, accept_opening};
use kith_crypto::sealed::{EpochSecret, open, seal};
use kith_crypto::sign::ServerSecret;
use kith_wire::Wire;
use kith_wire::frame::Frame;
use kith_wire::id::{DedupId, Proof, SenderId};
use kith_wire::operation::{Deposit, Operation, Request};
use kith_wire::sealed::{SealKind, SealedParts};
use kith_wire::time::{EpochId, Hour};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn deposits(c: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    let server = ServerSecret::generate(&mut rng).public();
    let secret = EpochSecret::generate(EpochId(2900), &mut rng);
    let (epoch, capability) = (secret.public(), new_send(&mut rng));
    let stored = send_verifier(&capability);
    let deposit = Deposit {
        sender_id: SenderId([1; 24]),
        proof: Proof([0; 32]),
        dedup: DedupId([2; 16]),
        expires: Hour(498_000),
        frame: Frame::new([3; 4096]),
    };

    c.bench_function("sealed deposit: prove and seal", |bencher| {
        bencher.iter(|| {
            let operation = Operation::Deposit(prove(deposit.clone(), &capability, &server));
            let request = Request { operation, signatures: vec![] }.to_bytes();
            black_box(seal(&server, &epoch, SealKind::OneShot, &request, &mut rng).unwrap().bytes)
        });
    });

    let operation = Operation::Deposit(prove(deposit, &capability, &server));
    let request = Request { operation, signatures: vec![] }.to_bytes();
    let sealed = seal(&server, &epoch, SealKind::OneShot, &request, &mut rng).unwrap().bytes;
    c.bench_function("sealed deposit: open, check and answer", |bencher| {
        bencher.iter(|| {
            let parts = SealedParts::split(&sealed).unwrap();
            let opened = open(&server, &secret, SealKind::OneShot, &parts).unwrap();
            let request = Request::from_bytes(&opened.content).unwrap();
            let Operation::Deposit(deposit) = request.operation else { return Vec::new() };
            assert!(is_proven(&deposit, &stored, &server));
            black_box(opened.answer.seal(b"\x81\x00", &mut rng))
        });
    });
}

fn live(c: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    let server = ServerSecret::generate(&mut rng).public();
    let secret = EpochSecret::generate(EpochId(2900), &mut rng);
    let epoch = secret.public();
    c.bench_function("live connection: both sides of the handshake", |bencher| {
        bencher.iter(|| {
            let opening = ClientOpening::new(&server, &epoch, &mut rng).unwrap();
            let (answer, at_server) = accept_opening(&server, &secret, &opening.bytes, &mut rng).unwrap();
            black_box((opening.accept(&answer).unwrap(), at_server))
        });
    });
    let opening = ClientOpening::new(&server, &epoch, &mut rng).unwrap();
    let (answer, mut at_server) = accept_opening(&server, &secret, &opening.bytes, &mut rng).unwrap();
    let mut client = opening.accept(&answer).unwrap();
    let message = [7; 4200];
    c.bench_function("live record with a frame: seal and open", |bencher| {
        bencher.iter(|| {
            let record = at_server.seal(&message).unwrap();
            black_box(client.open(&record).unwrap())
        });
    });
}

criterion_group!(benches, deposits, live);
criterion_main!(benches);
