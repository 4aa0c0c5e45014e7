//! What one message costs the engine: written with its commit on disk, and taken in with its commit.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    reason = "a bench may fail as loudly as a test, uses a part of the tests' world, and criterion's macro has no docs"
)]

#[path = "../tests/it/world.rs"]
mod world;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

use crate::world::{ANA, BELA, World};

/// Messages after which the world comes to rest, so that the session's window never fills.
const BURST: u64 = 200;

fn world(folder: &tempfile::TempDir, name: &str) -> (World, kith_engine::ContactId) {
    let (world, bela, _) = World::met(folder.path().join(name).to_str().unwrap());
    (world, bela)
}

fn messages(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (mut sending, bela) = world(&folder, "send");
    c.bench_function("engine send with commit", |bencher| {
        bencher.iter_custom(|n_messages| {
            let mut spent = Duration::ZERO;
            for n in 0..n_messages {
                let begin = Instant::now();
                sending.send(ANA, bela, "Are you coming on Saturday? We meet at noon.");
                spent += begin.elapsed();
                if n % BURST == BURST - 1 {
                    sending.run(2);
                }
            }
            sending.run(2);
            spent
        });
    });
    let (mut receiving, bela) = world(&folder, "receive");
    c.bench_function("engine receive with commit", |bencher| {
        bencher.iter_custom(|n_messages| {
            receiving.receiving = Duration::ZERO;
            for n in 0..n_messages {
                receiving.send(ANA, bela, "Are you coming on Saturday? We meet at noon.");
                if n % BURST == BURST - 1 {
                    receiving.run(2);
                }
            }
            receiving.run(2);
            assert!(!receiving.people[BELA].events.is_empty());
            receiving.receiving
        });
    });
}

/// A message to a contact with so many devices, from a person with one: sealed for each, all commits included.
fn devices(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    for n_devices in [1, 2, 4, 8] {
        let (mut world, bela) = world(&folder, &format!("devices-{n_devices}"));
        for _ in 1..n_devices {
            world.add_person(folder.path().join(format!("{n_devices}-{}", world.people.len())).to_str().unwrap(), 1);
            world.run(10);
            let new = world.people.len() - 1;
            world.link(BELA, new, kith_engine::HistoryWish::None);
        }
        world.run(60);
        c.bench_function(&format!("engine send to {n_devices} devices"), |bencher| {
            bencher.iter_custom(|n_messages| {
                let mut spent = Duration::ZERO;
                for n in 0..n_messages {
                    let begin = Instant::now();
                    world.send(ANA, bela, "Are you coming on Saturday? We meet at noon.");
                    spent += begin.elapsed();
                    if n % BURST == BURST - 1 {
                        world.run(2);
                    }
                }
                world.run(2);
                spent
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(3));
    targets = messages, devices
}
criterion_main!(benches);
