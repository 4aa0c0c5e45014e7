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
}
