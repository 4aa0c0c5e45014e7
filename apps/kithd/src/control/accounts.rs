//! Accounts, as the operator's commands hear of them: what the server has of each, and nothing about whose it is.

use kith_home::store::Account;
use kith_home::{REMOVED, Removal};
use kith_wire::id::AccountKey;
use serde::{Deserialize, Serialize};

use super::{Refused, Reply, ask};
use crate::keeper::Keeper;
use crate::operator::{Question, Told};

/// An account, as a program hears of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccountLine {
    pub(crate) account: String,
    /// The first second of the day of registration.
    pub(crate) created: u64,
    pub(crate) queues: u32,
    /// Bytes of all its blobs.
    pub(crate) blob_bytes: u64,
    /// For how many bytes those of them count that are kept for long.
    pub(crate) kept_bytes: u64,
    /// Deposits that wait for other servers.
    pub(crate) outgoing: u32,
    /// Who closed it.
    pub(crate) closed_by: Option<ClosedBy>,
}

/// Who closed an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClosedBy {
    /// Its owner.
    Owner,
    /// The operator of this server, who removed what it had.
    Operator,
}

/// What was removed with an account.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RemovedAccount {
    pub(crate) queues: u64,
    pub(crate) blobs: u64,
    pub(crate) outgoing: u64,
}

impl From<Removal> for RemovedAccount {
    fn from(removal: Removal) -> Self {
        Self { queues: removal.queues, blobs: removal.blobs, outgoing: removal.outgoing }
    }
}

/// Returns what is told of accounts.
pub(crate) fn accounts_in(page: &[(AccountKey, Account)]) -> Vec<AccountLine> {
    let line = |(key, account): &(AccountKey, Account)| AccountLine {
        account: key.to_string(),
        created: account.created.start().seconds(),
        queues: account.n_queues,
        blob_bytes: account.blob_bytes,
        kept_bytes: account.kept_bytes,
        outgoing: account.n_outgoing,
        closed_by: account.closed.map(|by| if by == REMOVED { ClosedBy::Operator } else { ClosedBy::Owner }),
    };
    page.iter().map(line).collect()
}

pub(super) async fn list(keeper: &Keeper, after: Option<&str>) -> Result<Reply, Refused> {
    let after = after.map(|after| AccountKey::parse(after).ok_or(Refused::Account)).transpose()?;
    match ask(keeper, Question::Accounts { after, limit: PAGE }).await? {
        Told::Accounts(page) => Ok(Reply::Accounts(accounts_in(&page))),
        _ => Err(Refused::Unknown),
    }
}

/// Removes an account, some rows at a time: others are served in between.
pub(super) async fn remove(keeper: &Keeper, account: &str) -> Result<Reply, Refused> {
    let account = AccountKey::parse(account).ok_or(Refused::Account)?;
    let mut removal = Removal::default();
    while !removal.is_over() {
        match ask(keeper, Question::Remove { account, done: removal }).await? {
            Told::Removed(further) => removal = further,
            Told::NoAccount => return Err(Refused::Account),
            _ => return Err(Refused::Unknown),
        }
    }
    tracing::info!("an account was removed by the operator");
    Ok(Reply::Removed(removal.into()))
}

/// Accounts in one answer: some 250 bytes each, and an answer is at most 64 KiB.
const PAGE: usize = 128;
