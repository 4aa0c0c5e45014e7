//! Waiting for what happens elsewhere, on a machine that may be slow. The tests of both programs use it.

use std::time::{Duration, Instant};

/// Asks again and again, not busily, until there is an answer, for at most two minutes.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "this did not happen: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
