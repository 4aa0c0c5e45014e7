//! Deliberate bugs, for the simulated world alone: its checker must notice each of them.

use rusqlite::{Connection, Transaction};

use crate::ground::database::StorageError;
use crate::ground::work::Effects;

kith_wire::deliberate_bugs! {
    /// A frame is acknowledged to the server before what it brought is committed.
    AcksBeforeCommit,
    /// What a call wants to send goes out before the call is committed.
    SendsBeforeCommit,
    /// The person is not told that what a contact sends does not open.
    NothingIsSaid,
    /// A new device is welcomed with any password.
    AnyPasswordWelcomes,
    /// Contacts are not told that a device was taken out.
    RevocationsStayAtHome,
    /// Nobody is told that a contact goes on from a backup.
    ReturnsAreSilent,
    /// Nobody whose backup somebody else has restored is told so by contacts.
    RefusalsAreSilent,
    /// Whoever comes second from a backup ends what goes on with the first.
    SecondsEndFirsts,
    /// What a device has not heard is not passed on to it by its siblings.
    NothingIsPassedOn,
    /// A contact who started anew with a sibling is another one.
    AnewIsAnother,
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
