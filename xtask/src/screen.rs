//! What a developer sees: step titles, durations, verdicts. Readable without colour.

use std::{io::IsTerminal, time::Duration};

use crate::failure::Failure;

/// Writes to the terminal, with colour only where somebody can see it.
#[derive(Debug)]
pub(crate) struct Screen {
    colour: Colour,
}

#[derive(Clone, Copy, Debug)]
enum Colour {
    Shown,
    Plain,
}

impl Screen {
    /// Chooses colour by the terminal and by `NO_COLOR`.
    pub(crate) fn from_environment() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = if wanted && std::io::stderr().is_terminal() { Colour::Shown } else { Colour::Plain };
        Self { colour }
    }

    /// Announces a step before it starts.
    pub(crate) fn begin(&self, name: &str, about: &str) {
        eprintln!("{} {:<10} {}", self.paint("36", "▸"), self.paint("1", name), self.paint("2", about));
    }

    /// Tells that a step went well, and how long it took.
    pub(crate) fn passed(&self, name: &str, took: Duration) {
        eprintln!("{} {:<10} {}\n", self.paint("32", "✓"), self.paint("1", name), in_words(took));
    }

    /// Tells that a step failed, and how long it took.
    pub(crate) fn failed(&self, name: &str, took: Duration) {
        eprintln!("{} {:<10} {}", self.paint("31", "✗"), self.paint("1", name), in_words(took));
    }

    /// Says something on the way, a little indented.
    pub(crate) fn say(&self, text: &str) {
        eprintln!("  {text}");
    }

    /// Points at a place that needs work, but fails nothing.
    pub(crate) fn note(&self, text: &str) {
        eprintln!("  {} {text}", self.paint("33", "note:"));
    }

    /// Points at a place that is wrong.
    pub(crate) fn wrong(&self, text: &str) {
        eprintln!("  {} {text}", self.paint("31", "wrong:"));
    }

    /// Shows why the command stopped, with its hint.
    pub(crate) fn failure(&self, failure: &Failure) {
        eprintln!("{} {failure}", self.paint("1;31", "error:"));
        if let Some(advice) = failure.advice() {
            eprintln!(" {} {advice}", self.paint("1;36", "hint:"));
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colour {
            Colour::Shown => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Colour::Plain => text.to_owned(),
        }
    }
}

/// Says a duration the way a person would.
pub(crate) fn in_words(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_speech() {
        assert_eq!(in_words(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(65)), "1 min 05 s");
    }
}
