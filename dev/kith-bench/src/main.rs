//! Benchmarks that compare in one run.
//!
//! `cargo run -p kith-bench --release -- store` measures the embedded stores under the queue workload of a home
//! server; `serve` measures a whole home server beside other brokers (`cargo xtask bench` builds what it needs). Numbers of one
//! machine age; the ratios of one interleaved run are what decisions rest on.

mod profile;
mod serve;
mod store;

use std::process::ExitCode;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["store"] => store::run(),
        ["serve", options @ ..] => serve::run(options),
        ["profile", recording, picture] => profile::run(recording, picture),
        ["flame", of, kithd, picture] => serve::flame::run(kithd, picture, of),
        // Those below are children of the two above: a process of their own shows memory and survives being killed.
        ["store-memory", engine] => store::memory::child(engine),
        ["store-victim", engine, dir] => store::recovery::victim(engine, dir),
        ["yardstick", dir] => serve::yardstick::child(dir),
        _ => {
            eprintln!(
                "usage: kith-bench store | profile PERF.DATA PICTURE.svg | flame accept|drain KITHD PICTURE.svg | serve [OPTIONS]\n\n{}",
                serve::USAGE
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("kith-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
