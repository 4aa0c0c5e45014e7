//! To how many contacts a backup brings its owner back: said with each backup and in the status, before it is needed.

use kith_client::Client;
use kith_engine::{BackupReach, QueryError};

use crate::{show, times};

/// Returns how far a backup reaches.
pub(crate) fn of(client: &Client) -> Result<BackupReach, QueryError> {
    client.ask(|engine| engine.backup_reach(times::now()))
}

/// Says to whom a backup that was just made brings nobody back; nothing when it does to everybody.
pub(crate) fn missing(reach: &BackupReach) -> Option<String> {
    let who = some_of(reach.missing, reach)?;
    Some(format!(
        "It does not bring you back to {who} yet: this device has no good card of theirs, as after `kith device revoke --lost`. Cards come by themselves\n\
         when they are online; make another backup then. `kith status` says whether anybody is missing."
    ))
}

/// Says the same of the last backup, and of the next one, for the status; nothing when nobody is missing.
pub(crate) fn words(reach: &BackupReach) -> String {
    let next = some_of(reach.missing, reach);
    let last = reach.missing_in_last.and_then(|missing| some_of(missing, reach));
    match (last, next) {
        (Some(last), None) => format!("the last backup does not bring you back to {last}: make another one now"),
        (Some(last), Some(_)) if reach.missing_in_last > Some(reach.missing) => {
            format!(
                "the last backup does not bring you back to {last}: make another one, and again when all have been online"
            )
        }
        (_, Some(next)) => {
            format!("a backup does not bring you back to {next} yet: make another one when they have been online")
        }
        (None, None) => String::new(),
    }
}

/// Counts some of the contacts in words; nothing for none.
fn some_of(n: u64, reach: &BackupReach) -> Option<String> {
    match (n, reach.contacts) {
        (0, _) => None,
        (1, 1) => Some("your contact".to_owned()),
        (n, all) => Some(format!("{n} of your {}", show::number(all, "contact"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(contacts: u64, missing: u64, missing_in_last: Option<u64>) -> String {
        words(&BackupReach { contacts, missing, missing_in_last })
    }

    #[test]
    fn the_status_says_whether_another_backup_helps_now() {
        assert_eq!(said(3, 0, None), "");
        assert_eq!(said(3, 0, Some(0)), "");
        assert_eq!(
            said(3, 0, Some(3)),
            "the last backup does not bring you back to 3 of your 3 contacts: make another one now"
        );
        assert!(said(3, 2, Some(2)).starts_with("a backup does not bring you back to 2 of your 3 contacts yet"));
        assert!(
            said(3, 1, Some(3))
                .starts_with("the last backup does not bring you back to 3 of your 3 contacts: make another one, and")
        );
        assert!(said(1, 1, None).starts_with("a backup does not bring you back to your contact yet"));
    }

    #[test]
    fn a_backup_that_reaches_everybody_says_nothing() {
        assert_eq!(missing(&BackupReach { contacts: 2, missing: 0, missing_in_last: Some(0) }), None);
        let some = missing(&BackupReach { contacts: 2, missing: 1, missing_in_last: Some(1) }).unwrap_or_default();
        assert!(some.starts_with("It does not bring you back to 1 of your 2 contacts yet"), "{some}");
    }
}
