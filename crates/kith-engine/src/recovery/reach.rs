//! To how many contacts a backup would bring its owner back: a backup without a spare card that is still good brings nobody back to that
//! contact, and a person who believes otherwise finds out when it is too late.

use kith_wire::Timestamp;
use kith_wire::Wire;
use kith_wire::card::CardOffer;
use rusqlite::{Connection, params};

use crate::api::{BackupReach, ContactId};
use crate::engine::Engine;
use crate::errors::QueryError;
use crate::ground::database::{StorageError, all, first, run};

/// What version 7 adds to the spare cards of contacts: whether its maker ends it when it hears what was told of a lost device, and in which run of a
/// backup it came. Cards of before count as in each backup.
pub(crate) const TABLES_7: &str = "
ALTER TABLE spare_cards ADD COLUMN ends INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spare_cards ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
CREATE TRIGGER spare_card_kept AFTER INSERT ON spare_cards BEGIN
    UPDATE spare_cards SET run = (SELECT number FROM backup_runs) WHERE contact = new.contact AND device = new.device;
END;
";

impl Engine {
    /// Returns to how many contacts a backup would bring the person back, and the last one does.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn backup_reach(&self, now: Timestamp) -> Result<BackupReach, QueryError> {
        Ok(reach(&self.db, now)?)
    }
}

/// KE-109: a device of the person was revoked as lost or stolen. The contact ends the spare cards of before when it hears of it (KE-63).
pub(crate) fn lost_one(db: &Connection, contact: ContactId) -> Result<(), StorageError> {
    run(db, "UPDATE spare_cards SET ends = 1 WHERE contact = ?1", [contact.column()])?;
    Ok(())
}

/// Contacts with whom the person can talk: others need a card anyhow, and whoever is blocked is told nothing.
const COUNTED: &str = "kind = 0 AND stage = 2 AND unusable = 0 AND blocked = 0";

fn reach(db: &Connection, now: Timestamp) -> Result<BackupReach, StorageError> {
    let sql = "SELECT max(number) FROM backup_marks WHERE done = 1";
    let last = first(db, sql, [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    let mut reach = BackupReach { contacts: 0, missing: 0, missing_in_last: last.map(|_| 0) };
    let sql = format!("SELECT id, restoring FROM contacts WHERE {COUNTED} ORDER BY id");
    for (contact, is_restoring) in all(db, &sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?)))? {
        // What a restored device has are the cards that it has used itself.
        let runs = if is_restoring { Vec::new() } else { good_cards(db, contact, now)? };
        reach.contacts = reach.contacts.saturating_add(1);
        reach.missing = reach.missing.saturating_add(u64::from(runs.is_empty()));
        if let (Some(missing), Some(last)) = (&mut reach.missing_in_last, last) {
            *missing = missing.saturating_add(u64::from(!runs.iter().any(|run| *run <= last)));
        }
    }
    Ok(reach)
}

/// Returns in which runs the cards of a contact came that may be answered from a backup.
fn good_cards(db: &Connection, contact: i64, now: Timestamp) -> Result<Vec<i64>, StorageError> {
    let sql = "SELECT run, offer FROM spare_cards WHERE contact = ?1 AND ends = 0";
    let cards = all(db, sql, params![contact], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let is_good = |offer: &[u8]| {
        let card = CardOffer::from_bytes(offer).ok().and_then(|offer| offer.card.decode_unverified().ok());
        card.is_some_and(|card| card.not_after >= now.hour())
    };
    Ok(cards.into_iter().filter(|(_, offer)| is_good(offer)).map(|(run, _)| run).collect())
}
