//! Durations as people write them: `90s`, `12h`, `7d`, `3w`.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A span of time in whole seconds, written as a number and a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a duration is a whole number and a unit (s, m, h, d or w), like 12h or 7d")]
pub(crate) struct SpanError;

impl Span {
    pub(crate) const fn days(days: u64) -> Self {
        Self(Duration::from_secs(days * SECONDS_PER_DAY))
    }

    pub(crate) const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let text = text.trim();
        let unit = text.chars().next_back().ok_or(SpanError)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => SECONDS_PER_DAY,
            'w' => 7 * SECONDS_PER_DAY,
            _ => return Err(SpanError),
        };
        let number: u64 = text.strip_suffix(unit).unwrap_or_default().parse().map_err(|_| SpanError)?;
        let total = number.checked_mul(seconds).filter(|total| *total <= MAX_SECONDS).ok_or(SpanError)?;
        Ok(Self(Duration::from_secs(total)))
    }
}

impl std::fmt::Display for Span {
    /// Writes it as people do, in the largest unit that fits; weeks are seven days.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.seconds();
        let units = [(SECONDS_PER_DAY, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
        let fitting = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
        let (unit, name) = fitting.unwrap_or((1, 's'));
        write!(f, "{}{name}", seconds / unit)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

const SECONDS_PER_DAY: u64 = 24 * 3600;
/// A hundred years: beyond any use, and far from the end of the clock.
const MAX_SECONDS: u64 = 100 * 366 * SECONDS_PER_DAY;

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
    fn durations_are_written_as_they_are_read() {
        for text in ["0s", "90s", "2m", "12h", "7d", "366d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("3w".parse::<Span>().unwrap().to_string(), "21d");
        assert_eq!("120s".parse::<Span>().unwrap().to_string(), "2m");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "7", "d", "-1d", "7dd", "1.5d", "7 days", "99999999999999999999d", "101000w"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError), "{text}");
        }
    }
}
