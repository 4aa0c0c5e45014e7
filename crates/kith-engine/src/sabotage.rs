//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.
//!
//! Without the feature `sabotage` nothing of this is left: the question whether a bug is built in is a constant. With it
//! everything is as it should be until a bug is chosen for the thread. A release cannot have the feature at all.

use rusqlite::{Connection, Transaction};

use crate::database::StorageError;
use crate::work::Effects;

#[cfg(all(feature = "sabotage", not(debug_assertions)))]
compile_error!("deliberate bugs are for the simulated world: `sabotage` cannot be built into a release");

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// A frame is acknowledged to the server before what it brought is committed.
    AcksBeforeCommit,
    /// What a call wants to send goes out before the call is committed.
    SendsBeforeCommit,
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

/// Returns the transaction of a call to commit now, or, with a bug, leaves it open for the next call.
pub(crate) fn unless_put_off<'a>(transaction: Transaction<'a>, effects: &Effects) -> Option<Transaction<'a>> {
    let bug = if effects.acks.is_empty() { Bug::SendsBeforeCommit } else { Bug::AcksBeforeCommit };
    if is_on(bug) {
        std::mem::forget(transaction);
        return None;
    }
    Some(transaction)
}

/// Commits what the call before has left open; without a bug that is nothing.
pub(crate) fn settle(db: &Connection) -> Result<(), StorageError> {
    let may_be_open = is_on(Bug::SendsBeforeCommit) || is_on(Bug::AcksBeforeCommit);
    if may_be_open && !db.is_autocommit() {
        db.execute_batch("COMMIT")?;
    }
    Ok(())
}
