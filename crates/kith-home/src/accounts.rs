//! Accounts and invites.

use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_wire::Timestamp;
use kith_wire::id::{AccountKey, Hash, InviteCode};
use kith_wire::operation::{Answer, Refusal};
use thiserror::Error;

use crate::batch::Batch;
use crate::caller::Caller;
use crate::config::Registration;
use crate::operations::Stop;
use crate::store::{Account, Invite, Store, StoreError, Txn};

/// Why an invite cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InviteError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An invite for nobody.
    #[error("an invite needs at least one use")]
    NoUses,
}

/// Writes an invite into the store, in a transaction of its own. The store keeps only a hash of the code (KH-12).
///
/// # Errors
/// [`InviteError`] for an invite without uses, or when the store fails.
pub fn create_invite<S: Store>(
    store: &mut S,
    code: &InviteCode,
    uses: u32,
    expires: Timestamp,
) -> Result<(), InviteError> {
    if uses == 0 {
        return Err(InviteError::NoUses);
    }
    let mut txn = store.begin()?;
    txn.put_invite(&hash_of(code), &Invite { uses_left: uses, expires })?;
    txn.commit()?;
    Ok(())
}

fn hash_of(code: &InviteCode) -> Hash {
    hash(Label::INVITE, code.expose())
}

impl<T: Txn> Batch<'_, T> {
    /// Registers an account; one that is registered already is fine (KH-11).
    pub(crate) fn account_open(&mut self, caller: &Caller, invite: Option<&InviteCode>) -> Result<Answer, Stop> {
        let key = caller.account.ok_or(Stop::Refuse(Refusal::NotAuthorised))?;
        if self.txn.account(&key)?.is_some() {
            return Ok(Answer::Accepted);
        }
        self.needs_room()?;
        if self.home.config.registration == Registration::Invite {
            self.use_up(invite)?;
        }
        let account = Account { created: self.now.day(), n_queues: 0, blob_bytes: 0, n_outgoing: 0 };
        self.txn.put_account(&key, &account)?;
        Ok(Answer::Accepted)
    }

    /// Takes one use of an invite; the last one removes it (KH-12).
    fn use_up(&mut self, invite: Option<&InviteCode>) -> Result<(), Stop> {
        let needed = Stop::Refuse(Refusal::InviteNeeded);
        let Some(code) = invite.map(hash_of) else { return Err(needed) };
        let Some(mut stored) = self.txn.invite(&code)? else { return Err(needed) };
        if stored.expires <= self.now {
            return Err(needed);
        }
        stored.uses_left = stored.uses_left.saturating_sub(1);
        if stored.uses_left == 0 {
            self.txn.remove_invite(&code)?;
        } else {
            self.txn.put_invite(&code, &stored)?;
        }
        Ok(())
    }

    /// Changes what an account uses. Nothing happens when it is gone.
    pub(crate) fn change_account(
        &mut self,
        key: &AccountKey,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), StoreError> {
        let Some(mut account) = self.txn.account(key)? else { return Ok(()) };
        change(&mut account);
        self.txn.put_account(key, &account)
    }
}
