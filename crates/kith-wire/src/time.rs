//! Points in time, as the protocol counts them. No clock: every value comes from the caller or from the wire.

use minicbor::{Decode, Encode};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub u64);

/// Seconds in a server epoch (one week).
pub const WEEK_SECONDS: u64 = 7 * 24 * 3600;

impl Timestamp {
    /// Returns the time that is `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns whole seconds since 1970-01-01T00:00:00Z.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Returns this time moved on by `seconds`.
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Returns this time moved back by `seconds`, not before 1970.
    pub const fn minus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds.saturating_mul(1000)))
    }

    /// Returns the hour that this time is in.
    pub fn hour(self) -> Hour {
        Hour(u32::try_from(self.seconds() / 3600).unwrap_or(u32::MAX))
    }

    /// Returns the UTC day that this time is in.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.seconds() / 86_400).unwrap_or(u32::MAX))
    }

    /// Returns the server epoch (week) that this time is in.
    pub fn epoch(self) -> EpochId {
        EpochId(u32::try_from(self.seconds() / WEEK_SECONDS).unwrap_or(u32::MAX))
    }
}

/// Hours since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Hour(#[n(0)] pub u32);

impl Hour {
    /// Returns the first moment of the hour.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0 as u64 * 3600)
    }
}

/// UTC days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Day(#[n(0)] pub u32);

impl Day {
    /// Returns the first moment of the day.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0 as u64 * 86_400)
    }
}

/// Names a server epoch: weeks since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct EpochId(#[n(0)] pub u32);

impl EpochId {
    /// Returns the first moment of the week.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0 as u64 * WEEK_SECONDS)
    }

    /// Returns the first moment after the week.
    pub const fn end(self) -> Timestamp {
        Timestamp::from_seconds((self.0 as u64 + 1) * WEEK_SECONDS)
    }
}
