//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.
//!
//! Without the feature `sabotage` nothing of this is left: the question whether a bug is built in is a constant. With it
//! everything is as it should be until a bug is chosen for the thread. A release cannot have the feature at all.

use kith_wire::id::DedupId;
use rand_core::CryptoRng;

use crate::store::StoreError;

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("deliberate bugs are for the simulated world: `sabotage` cannot be built into a release");

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// A deposit is stored as often as it comes.
    DepositsComeTwice,
    /// What a batch answers leaves although its commit failed.
    AnswersBeforeCommit,
    /// Connections whose end was to be told with a batch that was lost are never closed.
    ClosesAreForgotten,
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

/// Returns a failure, unless a bug overlooks it.
pub(crate) fn forgive(problem: StoreError, bug: Bug) -> Result<(), StoreError> {
    if is_on(bug) { Ok(()) } else { Err(problem) }
}

/// Returns a name that no deposit has had.
pub(crate) fn fresh(rng: &mut dyn CryptoRng) -> DedupId {
    DedupId(kith_crypto::random::bytes(rng))
}
