//! What an operator may ask of the store while the server runs. The keeper answers between two batches.

use kith_home::store::{Account, Counts, Health, Store, StoreError, Txn};
use kith_home::{InviteError, Removal, RemoveError, accounts_after, create_invite, remove_account};
use kith_wire::Timestamp;
use kith_wire::id::{AccountKey, InviteCode};
use kith_wire::time::Hour;

use crate::backup::{Row, Walk};

/// A question of the operator.
pub(crate) enum Question {
    /// Writes an invite down.
    Invite { code: InviteCode, uses: u32, expires: Timestamp },
    /// Counts what there is.
    Census,
    /// Tells the accounts behind one of them.
    Accounts { after: Option<AccountKey>, limit: usize },
    /// Removes some of what an account has.
    Remove { account: AccountKey, done: Removal },
    /// Reads the next page of everything.
    Page(Walk),
}

/// The answer to it.
pub(crate) enum Told {
    /// The invite is good from now on.
    Invited,
    /// What there is.
    Census(Census),
    /// Accounts, none at the end.
    Accounts(Vec<(AccountKey, Account)>),
    /// How far the removal is.
    Removed(Removal),
    /// There is no such account.
    NoAccount,
    /// Rows, none at the end, and where to go on.
    Page(Vec<Row>, Walk),
}

/// How full the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) counts: Counts,
    /// The hour in which the oldest frame that waits for a reader came.
    pub(crate) oldest_entry: Option<Hour>,
    /// The hour in which the oldest deposit that waits for another server came.
    pub(crate) oldest_outgoing: Option<Hour>,
    /// How the store itself is.
    pub(crate) health: Health,
}

/// Answers a question.
///
/// # Errors
/// The store fails; nothing was changed.
pub(crate) fn answer<S: Store>(store: &mut S, question: Question) -> Result<Told, StoreError> {
    match question {
        Question::Invite { code, uses, expires } => match create_invite(store, &code, uses, expires) {
            Ok(()) => Ok(Told::Invited),
            Err(InviteError::Store(error)) => Err(error),
            Err(_) => Err(StoreError::Conflict { table: "invites" }),
        },
        Question::Census => census(store).map(Told::Census),
        Question::Accounts { after, limit } => accounts_after(store, after, limit).map(Told::Accounts),
        Question::Remove { account, done } => match remove_account(store, &account, done) {
            Ok(removal) => Ok(Told::Removed(removal)),
            Err(RemoveError::Store(error)) => Err(error),
            Err(_) => Ok(Told::NoAccount),
        },
        Question::Page(mut walk) => {
            let rows = walk.page(store)?;
            Ok(Told::Page(rows, walk))
        }
    }
}

/// Counts what there is.
///
/// # Errors
/// The store fails.
pub(crate) fn census<S: Store>(store: &mut S) -> Result<Census, StoreError> {
    let health = store.health();
    let txn = store.look()?;
    let mut census = Census { counts: txn.counts()?, health, ..Census::default() };
    if let Some((reader, seq)) = txn.entries_before(Hour(u32::MAX), 1)?.first() {
        census.oldest_entry = txn.entries(reader, *seq, 1)?.first().map(|(_, entry)| entry.arrived);
    }
    // Listed by name, not by age: a handful of the many that can wait tell the age well enough on a large server.
    for key in txn.outgoing_before(Hour(u32::MAX), SAMPLE)? {
        let accepted = txn.outgoing(&key)?.map(|outgoing| outgoing.accepted);
        census.oldest_outgoing = census.oldest_outgoing.into_iter().chain(accepted).min();
    }
    Ok(census)
}

/// Deposits looked at for the age of the oldest.
const SAMPLE: usize = 256;
