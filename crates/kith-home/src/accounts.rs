//! Accounts and invites.

use kith_crypto::hash::hash;
use kith_crypto::label::Label;
use kith_crypto::request::verify_closing;
use kith_wire::Timestamp;
use kith_wire::id::{AccountKey, Hash, InviteCode, ReaderId, Signature};
use kith_wire::operation::{Answer, Refusal};
use thiserror::Error;

use crate::batch::Batch;
use crate::caller::Caller;
use crate::config::Registration;
use crate::operations::Stop;
use crate::removal::REMOVED;
use crate::store::{Account, Invite, Queue, Store, StoreError, Txn};

/// Entries that one deposit deletes of a queue whose account was closed.
const PIECE: usize = 64;

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
        match self.txn.account(&key)? {
            Some(Account { closed: Some(signature), .. }) => return Ok(Answer::Closed { signature }),
            Some(_) => return Ok(Answer::Accepted),
            None => {}
        }
        self.needs_room()?;
        if self.home.config.registration == Registration::Invite {
            self.use_up(invite)?;
        }
        let created = self.now.day();
        let account = Account { created, n_queues: 0, blob_bytes: 0, kept_bytes: 0, n_outgoing: 0, closed: None };
        self.txn.put_account(&key, &account)?;
        Ok(Answer::Accepted)
    }

    /// Closes an account for good, when the statement is its own (KH-43). Strangers ask this: whatever is so, the answer is one and the
    /// same, after a commit.
    pub(crate) fn account_close(&mut self, key: &AccountKey, signature: &Signature) -> Result<Answer, Stop> {
        self.txn.touch()?;
        let is_its_own = verify_closing(key, &self.home.identity.key(), signature);
        // KH-47: the owner's own word counts also after the operator has removed it: the device then believes that it is closed.
        let is_open = |account: &Account| account.closed.is_none_or(|signature| signature == REMOVED);
        let open = self.txn.account(key)?.filter(|account| is_its_own && is_open(account));
        if let Some(account) = open {
            self.txn.put_account(key, &Account { closed: Some(*signature), ..account })?;
            for connection in self.home.connections.of_account(key) {
                self.close(connection);
            }
        }
        Ok(Answer::Accepted)
    }

    /// Returns whether an account was closed.
    pub(crate) fn is_closed(&self, key: &AccountKey) -> Result<bool, StoreError> {
        Ok(self.txn.account(key)?.is_some_and(|account| account.closed.is_some()))
    }

    /// Deletes a piece of what waits in a queue of a closed account, and the queue when nothing is left: whoever finds it pays for that.
    pub(crate) fn wear_away(&mut self, reader: &ReaderId, queue: &Queue) -> Result<(), StoreError> {
        let entries = self.txn.entries(reader, 0, PIECE)?;
        for (seq, _) in &entries {
            self.txn.remove_entry(reader, *seq)?;
        }
        let left = usize::try_from(queue.length).unwrap_or(usize::MAX).saturating_sub(entries.len());
        if entries.len() == PIECE && left > 0 {
            let length = u32::try_from(left).unwrap_or(u32::MAX);
            return self.txn.update_queue(reader, &Queue { length, ..queue.clone() });
        }
        self.txn.remove_queue(reader)?;
        self.home.connections.forget_queue(reader);
        self.change_account(&queue.account, |account| account.n_queues = account.n_queues.saturating_sub(1))
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
