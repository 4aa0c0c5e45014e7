//! What an operator may do about accounts: see which there are, and remove one with all that it has here (KH-47).
//!
//! Rows do not say whose they are in the order of accounts, so whoever removes one looks at all of them, some at a time: a server goes on serving in
//! between. Nothing is known here of whose an account is.

use kith_wire::id::{AccountKey, Hash, Signature};
use thiserror::Error;

use crate::store::{Account, RowKey, Store, StoreError, Txn};

/// Stands where a statement of the owner would stand in an account that the operator has removed: no key signs so.
pub const REMOVED: Signature = Signature([0; Signature::SIZE]);

/// Names that are looked at in one transaction.
const PAGE: usize = if cfg!(test) { 3 } else { 4096 };
/// Notices that are removed at once.
const NOTICES: usize = 256;

/// Why an account was not removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has registered with that key.
    #[error("there is no such account")]
    Unknown,
}

/// How far the removal of an account is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// Queues that were removed, with what waited in them.
    pub queues: u64,
    /// Blobs.
    pub blobs: u64,
    /// Deposits that waited to be sent on.
    pub outgoing: u64,
    after: Option<RowKey>,
    is_over: bool,
}

impl Removal {
    /// Returns whether nothing of the account is left.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Returns accounts behind one of them, in the order of their keys; none at the end.
///
/// # Errors
/// [`StoreError`] when the store fails.
pub fn accounts_after<S: Store>(
    store: &mut S,
    after: Option<AccountKey>,
    limit: usize,
) -> Result<Vec<(AccountKey, Account)>, StoreError> {
    let txn = store.look()?;
    // Accounts are the last rows of all: behind every invite.
    let behind = after.map_or(RowKey::Invite(Hash([u8::MAX; 32])), RowKey::Account);
    let mut accounts = Vec::new();
    for key in txn.keys_after(Some(&behind), limit)? {
        if let RowKey::Account(key) = key
            && let Some(account) = txn.account(&key)?
        {
            accounts.push((key, account));
        }
    }
    Ok(accounts)
}

/// Removes some of what an account has, in a transaction of its own; called until it is over. From the first call on nobody uses the account (KH-47).
///
/// # Errors
/// [`RemoveError`]; what was removed before stays removed, and the same may be begun anew.
pub fn remove_account<S: Store>(store: &mut S, key: &AccountKey, done: Removal) -> Result<Removal, RemoveError> {
    let mut txn = store.begin()?;
    let account = txn.account(key)?.ok_or(RemoveError::Unknown)?;
    let mut removal = done;
    let names = txn.keys_after(removal.after.as_ref(), PAGE)?;
    removal.is_over = true;
    for name in names {
        if matches!(name, RowKey::Invite(_) | RowKey::Account(_)) {
            removal.is_over = true;
            break;
        }
        remove_row(&mut txn, key, name, &mut removal)?;
        removal.after = Some(name);
        removal.is_over = false;
    }
    let closed = Some(account.closed.unwrap_or(REMOVED));
    let account = if removal.is_over {
        Account { n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed, ..account }
    } else {
        Account { closed, ..account }
    };
    txn.put_account(key, &account)?;
    txn.commit()?;
    Ok(removal)
}

fn remove_row<T: Txn>(txn: &mut T, key: &AccountKey, name: RowKey, removal: &mut Removal) -> Result<(), StoreError> {
    match name {
        RowKey::Queue(reader) if txn.queue(&reader)?.is_some_and(|queue| queue.account == *key) => {
            txn.remove_queue(&reader)?;
            removal.queues = removal.queues.saturating_add(1);
        }
        RowKey::Blob(id) if txn.blob(&id)?.is_some_and(|blob| blob.account == *key) => {
            txn.remove_blob(&id)?;
            removal.blobs = removal.blobs.saturating_add(1);
        }
        RowKey::Outgoing(relay) if relay.account == *key => {
            txn.remove_outgoing(&relay)?;
            removal.outgoing = removal.outgoing.saturating_add(1);
        }
        RowKey::Returned(account) if account == *key => loop {
            let notices = txn.returned(key, NOTICES)?;
            if notices.is_empty() {
                break;
            }
            for (relay, _) in notices {
                txn.remove_returned(&crate::store::OutgoingKey { account, relay })?;
            }
        },
        _ => {}
    }
    Ok(())
}
