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
    /// Strangers go on getting the descriptor that the server started with.
    NothingIsAnnounced,
    /// Now and then a batch fails, though the store does not.
    BatchesFail,
}

/// Returns a failure, unless a bug overlooks it.
pub(crate) fn forgive(problem: StoreError, bug: Bug) -> Result<(), StoreError> {
    if is_on(bug) { Ok(()) } else { Err(problem) }
}

/// Returns a name that no deposit has had.
pub(crate) fn fresh(rng: &mut dyn CryptoRng) -> DedupId {
    DedupId(kith_crypto::random::bytes(rng))
}

/// Fails now and then, with a bug.
pub(crate) fn fail(rng: &mut dyn CryptoRng) -> Result<(), StoreError> {
    let fails = is_on(Bug::BatchesFail) && rng.next_u32().is_multiple_of(256);
    if fails { Err(StoreError::Damaged { table: "none" }) } else { Ok(()) }
}
