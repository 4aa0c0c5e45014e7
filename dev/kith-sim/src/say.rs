//! What the tool says on standard output, and how it is told to end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell makes of a program that wrote to somebody who has gone, and of one that was interrupted.
const NOBODY_READS: i32 = 141;
const INTERRUPTED: i32 = 130;

static IS_ASKED_TO_END: AtomicBool = AtomicBool::new(false);

/// Writes a line. When nobody reads any more, as behind `head`, the program ends without a word.
pub(crate) fn line(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(problem) = writeln!(out, "{text}") {
        let is_expected = problem.kind() == ErrorKind::BrokenPipe;
        process::exit(if is_expected { NOBODY_READS } else { 1 });
    }
}

/// Writes a line as `println` does.
macro_rules! say {
    () => { $crate::say::line(format_args!("")) };
    ($($part:tt)*) => { $crate::say::line(format_args!($($part)*)) };
}
pub(crate) use say;

/// From now on whoever interrupts or ends the program still gets what was done so far; who does it twice does not wait.
pub(crate) fn end_when_asked() {
    let asked = ctrlc::set_handler(|| {
        if IS_ASKED_TO_END.swap(true, Ordering::Relaxed) {
            process::exit(INTERRUPTED);
        }
        eprintln!("ending with the worlds that live now; once more ends at once");
    });
    if let Err(problem) = asked {
        eprintln!("an interruption will lose the summary: {problem}");
    }
}

/// Returns whether the program was asked to end.
pub(crate) fn is_asked_to_end() -> bool {
    IS_ASKED_TO_END.load(Ordering::Relaxed)
}
