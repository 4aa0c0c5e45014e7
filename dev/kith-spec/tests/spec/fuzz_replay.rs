//! Every seed and finding of `fuzz/corpus`, and every example of an object, through what the fuzz targets check.

use std::path::Path;

use crate::{examples, fuzz_checks};

#[test]
fn the_corpus_runs_through_its_checks() {
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus"));
    for (name, check) in fuzz_checks::CHECKS {
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
    for (name, _) in fuzz_checks::CHECKS {
        let target = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect("it is there");
        assert!(target.contains(&format!("kith_fuzz::{name}(bytes)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
