//! Durations as people write them: `90s`, `12h`, `7d`, `3w`.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A span of time in whole seconds, written as a number and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a duration is a whole number and a unit (s, m, h, d or w), like 30s or 7d")]
pub(crate) struct SpanError;

impl Span {
    pub(crate) const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let text = text.trim();
        let unit = text.chars().next_back().ok_or(SpanError)?;
        let digits = text.strip_suffix(unit).ok_or(SpanError)?.trim_end();
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(SpanError)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpanError);
        }
        let number: u64 = digits.parse().map_err(|_| SpanError)?;
        let total = number.checked_mul(seconds).filter(|total| *total <= MAX_SECONDS).ok_or(SpanError)?;
        Ok(Self(Duration::from_secs(total)))
    }
}

/// Says a number of seconds in the largest unit that fits exactly, and otherwise in two.
impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut left = self.seconds();
        if left == 0 {
            return f.write_str("0s");
        }
        let mut n_units = 0;
        for (unit, seconds) in UNITS.into_iter().rev() {
            if left >= seconds && n_units < 2 {
                write!(f, "{}{}{unit}", if n_units > 0 { " " } else { "" }, left / seconds)?;
                left %= seconds;
                n_units += 1;
            }
        }
        Ok(())
    }
}

const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 24 * 3600), ('w', 7 * 24 * 3600)];
/// A hundred years: beyond any use, and far from the end of the clock.
const MAX_SECONDS: u64 = 100 * 366 * 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_durations() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("12h", 43_200), ("7d", 604_800), (" 3w ", 1_814_400)] {
            assert_eq!(text.parse::<Span>().map(Span::seconds), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "7", "d", "-1d", "+1d", "7dd", "1.5d", "7 days", "99999999999999999999d", "101000w", "7ü"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }

    #[test]
    fn spans_are_said_in_at_most_two_units() {
        for (seconds, text) in [(0, "0s"), (90, "1m 30s"), (604_800, "1w"), (86_400 * 8 + 5, "1w 1d"), (3600, "1h")] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
