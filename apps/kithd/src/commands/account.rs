//! `kithd account`: which accounts there are, and how one is removed (KH-47).

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use kith_home::{Removal, accounts_after, remove_account};
use kith_wire::id::AccountKey;

use super::Owner;
use crate::announce::Voice;
use crate::cli::Account;
use crate::config::Config;
use crate::control::{AccountLine, Client, RemovedAccount, accounts_in};
use crate::error::AppError;
use crate::store;

/// Lists accounts, or removes one.
///
/// # Errors
/// There is no such account, the server that runs refuses, or the data folder or the store cannot be used.
pub(crate) fn account(config: &Config, account: &Account, voice: Voice) -> Result<(), AppError> {
    match account {
        Account::List => list(config, voice),
        Account::Remove { key, yes } => {
            let key = AccountKey::parse(key).ok_or(AppError::NoAccount)?;
            if !exists(config, key)? {
                return Err(AppError::NoAccount);
            }
            if !yes {
                confirm(&key)?;
            }
            let removed = remove(config, key)?;
            voice.account_removed(&key, &removed);
            Ok(())
        }
    }
}

fn list(config: &Config, voice: Voice) -> Result<(), AppError> {
    let mut n_accounts = 0_u64;
    let mut show = |lines: &[AccountLine]| {
        for line in lines {
            voice.account(line, n_accounts == 0);
            n_accounts = n_accounts.saturating_add(1);
        }
    };
    match Owner::find_to_read(config)? {
        Owner::Server(first) => {
            let (mut server, mut after) = (first, None);
            loop {
                let lines = server.accounts(after)?;
                let Some(last) = lines.last() else { break };
                after = Some(last.account.clone());
                show(&lines);
                server = Client::connect(&config.data)?;
            }
        }
        Owner::Us(folder) => {
            let (mut store, mut after) = (store::open_to_read(&folder)?, None);
            loop {
                let page = accounts_after(&mut store, after, PAGE)?;
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                show(&accounts_in(&page));
            }
        }
    }
    voice.accounts_end(n_accounts);
    Ok(())
}

/// Returns whether there is an account: nobody is asked about one that is not there.
fn exists(config: &Config, key: AccountKey) -> Result<bool, AppError> {
    let before = predecessor(key);
    Ok(match Owner::find_to_read(config)? {
        Owner::Server(server) => {
            let next = server.accounts(before.map(|before| before.to_string()))?;
            next.first().is_some_and(|line| line.account == key.to_string())
        }
        Owner::Us(folder) => {
            let next = accounts_after(&mut store::open_to_read(&folder)?, before, 1)?;
            next.first().is_some_and(|(found, _)| *found == key)
        }
    })
}

/// Returns the key in front of another, in the order in which accounts are listed.
fn predecessor(AccountKey(mut bytes): AccountKey) -> Option<AccountKey> {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_sub(1);
        if *byte != u8::MAX {
            return Some(AccountKey(bytes));
        }
    }
    None
}

/// Asks whether an account is to go for good. Where nobody is there to be asked, nothing is done.
fn confirm(key: &AccountKey) -> Result<(), AppError> {
    if !std::io::stdin().is_terminal() {
        return Err(AppError::NotConfirmed);
    }
    eprint!(
        "Remove {key} with its queues, what waits in them, its files and its backups? Nothing of it comes back. [y/N] "
    );
    let mut answer = String::new();
    std::io::stdin().lock().take(LONGEST_ANSWER).read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(AppError::NotConfirmed),
    }
}

fn remove(config: &Config, key: AccountKey) -> Result<RemovedAccount, AppError> {
    match Owner::find(config)? {
        Owner::Server(server) => server.remove_account(&key),
        Owner::Us(folder) => {
            let mut store = store::open(&folder)?;
            let mut removal = Removal::default();
            while !removal.is_over() {
                removal = remove_account(&mut store, &key, removal)?;
            }
            Ok(RemovedAccount::from(removal))
        }
    }
}

/// Far beyond a yes or a no.
const LONGEST_ANSWER: u64 = 64;
/// Accounts that are read at once.
const PAGE: usize = 1024;
