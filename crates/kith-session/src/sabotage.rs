//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.

kith_wire::deliberate_bugs! {
    /// The newest frame of a direction opens a second time: its number and its key are kept.
    ReplaysOpen,
    /// The key of the last frame that was overtaken is not kept.
    LateKeysAreLost,
    /// The keys of an epoch are erased although frames of it are missing.
    EpochsEndEarly,
    /// An acknowledgement names one frame more than came.
    AcksNameTooMuch,
    /// The keys of frames that were opened are kept; their numbers are not forgotten, so nothing opens twice.
    UsedKeysStay,
    /// A frame that only acknowledges is acknowledged.
    AcksAreAcked,
    /// A frame that comes a second time is thought impossible.
    CopiesPanic,
    /// A frame that only acknowledges and is lost is neither sent again nor asked for.
    LostAcksStayLost,
}

/// Gives up, with a bug, as code does that believes something impossible.
#[allow(clippy::panic, reason = "it is a deliberate bug, and never in a release")]
pub(crate) fn panic_with(bug: Bug) {
    if is_on(bug) {
        panic!("{bug:?}");
    }
}
