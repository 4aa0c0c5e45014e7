//! Benchmarks that compare in one run.
//!
//! `cargo run -p kith-bench --release -- store` measures the embedded stores under the queue workload of a home
//! server. Numbers of one machine age; the ratios of one interleaved run are what decisions rest on.

mod store;

use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["store"] => store::run(),
        // The two below are children of `store`: a process of their own shows memory and survives being killed.
        ["store-memory", engine] => store::memory::child(engine),
        ["store-victim", engine, dir] => store::recovery::victim(engine, dir),
        _ => {
            eprintln!("usage: kith-bench store");
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
