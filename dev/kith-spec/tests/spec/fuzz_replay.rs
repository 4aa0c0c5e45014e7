//! Every seed and finding of `fuzz/corpus`, and every example of an object, through what the fuzz targets check.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{examples, fuzz_checks};

#[test]
fn the_corpus_runs_through_its_checks() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"));
    for (name, check) in fuzz_checks::CHECKS.into_iter().chain(fuzz_checks::MACHINES) {
        let mut n_seeds = 0;
        for entry in std::fs::read_dir(corpus.join(name)).expect("each target has a folder") {
            let path = entry.expect("it can be listed").path();
            check(&std::fs::read(path).expect("it can be read"));
            n_seeds += 1;
        }
        assert!(n_seeds > 0, "{name} has no seed");
    }
}

#[test]
fn every_example_runs_through_all_checks() {
    for example in examples::all() {
        for (_, check) in fuzz_checks::CHECKS {
            check(&example.bytes);
            check(&example.bytes[..example.bytes.len() / 2]);
        }
    }
}

#[test]
fn every_check_has_a_fuzz_target() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz"));
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("the manifest is there");
    for (name, _) in fuzz_checks::CHECKS.into_iter().chain(fuzz_checks::MACHINES) {
        let target = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect("it is there");
        assert!(target.contains(&format!("kith_fuzz::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

/// Runs a check over inputs that any seed makes again. They begin with `first`.
fn check_random_inputs(check: fuzz_checks::Check, first: Option<u8>, n_inputs: u64) {
    for seed in 0..n_inputs {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; usize::try_from(1 + rng.next_u64() % 400).expect("it is small")];
        rng.fill_bytes(&mut bytes);
        bytes.splice(..1, first.or(bytes.first().copied()));
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(outcome.is_ok(), "the input of seed {seed} fails");
    }
}

#[test]
fn random_schedules_of_honest_people_lose_and_stop_nothing() {
    check_random_inputs(fuzz_checks::session, Some(0), 120);
}

#[test]
fn random_schedules_with_somebody_hostile_keep_order() {
    check_random_inputs(fuzz_checks::session, Some(1), 80);
}

#[test]
fn a_store_of_forged_bytes_is_refused_or_holds_together() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/journal"));
    let seeds = std::fs::read_dir(corpus).expect("it is there").map(|file| file.expect("it can be listed").path());
    for seed in seeds.map(|path| std::fs::read(path).expect("it can be read")) {
        for n in 0..600 {
            let mut rng = StdRng::seed_from_u64(n);
            let mut bytes = seed.clone();
            for _ in 0..1 + rng.next_u64() % 4 {
                let draw =
                    |rng: &mut StdRng, limit: usize| usize::try_from(rng.next_u64()).expect("64 bits") % limit.max(1);
                let at = 3 + draw(&mut rng, bytes.len() - 3);
                match rng.next_u64() % 4 {
                    0 => bytes[at] ^= 1 << (rng.next_u64() % 8),
                    1 => bytes[at] = [0, 1, 2, 0x7f, 0xff][draw(&mut rng, 5)],
                    2 => bytes.truncate(at.max(4)),
                    _ => {
                        let from = 3 + draw(&mut rng, bytes.len() - 3);
                        let piece: Vec<u8> = bytes[from..].iter().take(60).copied().collect();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            let outcome = std::panic::catch_unwind(|| fuzz_checks::journal(&bytes));
            assert!(outcome.is_ok(), "the input of seed {n} fails");
        }
    }
}

#[test]
fn random_bytes_do_no_harm_in_a_meeting() {
    check_random_inputs(fuzz_checks::meeting, None, 200);
}
