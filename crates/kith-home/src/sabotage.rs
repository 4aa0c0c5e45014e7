//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.

use kith_wire::id::DedupId;
use rand_core::CryptoRng;

use crate::store::StoreError;

kith_wire::deliberate_bugs! {
    /// A deposit is stored as often as it comes.
    DepositsComeTwice,
    /// What a batch answers leaves although its commit failed.
    AnswersBeforeCommit,
    /// Connections whose end was to be told with a batch that was lost are never closed.
    ClosesAreForgotten,
}

/// Returns a failure, unless a bug overlooks it.
pub(crate) fn forgive(problem: StoreError, bug: Bug) -> Result<(), StoreError> {
    if is_on(bug) { Ok(()) } else { Err(problem) }
}

/// Returns a name that no deposit has had.
pub(crate) fn fresh(rng: &mut dyn CryptoRng) -> DedupId {
    DedupId(kith_crypto::random::bytes(rng))
}
