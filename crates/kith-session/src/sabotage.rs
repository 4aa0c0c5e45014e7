//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.
//!
//! Without the feature `sabotage` nothing of this is left: the question whether a bug is built in is a constant. With it
//! everything is as it should be until a bug is chosen for the thread. A release cannot have the feature at all.

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("deliberate bugs are for the simulated world: `sabotage` cannot be built into a release");

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// The newest frame of a direction opens a second time: its number and its key are kept.
    ReplaysOpen,
    /// The key of the last frame that was overtaken is not kept.
    LateKeysAreLost,
    /// The keys of an epoch are erased although frames of it are missing.
    EpochsEndEarly,
    /// An acknowledgement names one frame more than came.
    AcksNameTooMuch,
}

#[cfg(feature = "sabotage")]
std::thread_local! {
    static BUG: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Builds a bug into all that this thread does from now on, or takes it out.
#[cfg(feature = "sabotage")]
pub fn choose(bug: Option<Bug>) {
    BUG.set(bug);
}

/// Returns whether a bug is built in.
#[cfg(feature = "sabotage")]
pub(crate) fn is_on(bug: Bug) -> bool {
    BUG.get() == Some(bug)
}

/// Returns whether a bug is built in: never.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn is_on(_: Bug) -> bool {
    false
}
