//! The tables, put together from the rooms that own them, and their versions.
//!
//! Each room says what its tables are; only this file knows how an older database becomes a newer one.

use rusqlite::Connection;
use thiserror::Error;

use crate::devices::{
    catching_up, device_keys, history, link_words, linking, own_devices, sibling_meetings, siblings, sync,
};
use crate::ground::database::{StorageError, first, run};
use crate::ground::{once, person};
use crate::mail::{inbox, outbox, queues, servers, sessions};
use crate::people::{
    card_keys, contacts, held, introductions, named, own_lists, pictures, renewal, spare_cards, unopened,
};
use crate::recovery::{backup, closings, home_backup, reach, refused, replaced, restore, restored};
use crate::talk::{attachments, conversations, drafts, lending, previews, search, shown, windows};

/// The layout that this code writes.
pub const SCHEMA_VERSION: u32 = 9;

/// Why a database cannot be opened as a person's.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// KE-1: a newer release wrote this database; opening it could destroy what that release knows.
    #[error("the data is of version {found}, this release knows up to {known}: install the newer release")]
    NewerSchema {
        /// Version in the database.
        found: u32,
        /// Highest version that this code reads.
        known: u32,
    },
}

/// Statements that lead from one version to the next; the first from nothing to version 1.
fn migrations() -> [Vec<&'static str>; SCHEMA_VERSION as usize] {
    [
        vec![
            person::TABLES,
            servers::TABLES,
            contacts::TABLES,
            card_keys::TABLES,
            queues::TABLES,
            sessions::TABLES,
            outbox::TABLES,
            inbox::TABLES,
            conversations::TABLES,
            attachments::TABLES,
            search::TABLES,
            once::TABLES,
            unopened::TABLES,
        ],
        // Several devices of one contact.
        vec![
            sessions::TABLES_2,
            outbox::TABLES_2,
            contacts::TABLES_2,
            own_devices::TABLES,
            siblings::TABLES,
            own_lists::TABLES,
            introductions::TABLES,
            named::TABLES,
            history::TABLES,
            sync::TABLES,
        ],
        // Device keys that rotate.
        vec![device_keys::TABLES],
        // What a person sees of devices, losing all of them, and siblings that were away for long.
        vec![
            held::TABLES_4,
            linking::TABLES_4,
            link_words::TABLES_4,
            closings::TABLES_4,
            drafts::TABLES_4,
            own_devices::TABLES_4,
            replaced::TABLES,
            restored::TABLES,
            spare_cards::TABLES,
            backup::TABLES,
            restore::TABLES,
            catching_up::TABLES_4,
            sync::TABLES_4,
            named::TABLES_4,
        ],
        // Whom a contact's device has met is in what it says; backups at home servers, and what backups say beside people and messages;
        // how conversations stand in the person's list, and how long they are; files that are lent.
        vec![
            own_lists::TABLES_5,
            sibling_meetings::TABLES_5,
            home_backup::TABLES,
            backup::TABLES_5,
            renewal::TABLES_5,
            restore::TABLES_5,
            shown::TABLES_5,
            lending::TABLES_5,
            catching_up::TABLES_5,
            windows::TABLES_5,
        ],
        // What contacts say of others who came as this person; what pages are about that texts name, and which messages carry files.
        vec![refused::TABLES_6, previews::TABLES_6, windows::TABLES_6],
        // Which spare cards a backup would be of use with, and until when an answer is waited for.
        vec![reach::TABLES_7, renewal::TABLES_7],
        // What conversations were called before a contact started anew.
        vec![contacts::TABLES_8],
        // Pictures of contacts.
        vec![pictures::TABLES_9],
    ]
}

/// Brings a database to the newest version, in one transaction.
pub(crate) fn migrate(db: &Connection) -> Result<(), OpenError> {
    let transaction = db.unchecked_transaction().map_err(StorageError::from)?;
    let make = "CREATE TABLE IF NOT EXISTS engine_schema (version INTEGER NOT NULL) STRICT";
    transaction.execute_batch(make).map_err(StorageError::from)?;
    let found = first(&transaction, "SELECT version FROM engine_schema", [], |row| row.get::<_, u32>(0))?;
    let version = found.unwrap_or(0);
    if version > SCHEMA_VERSION {
        return Err(OpenError::NewerSchema { found: version, known: SCHEMA_VERSION });
    }
    for step in migrations().iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        for statements in step {
            transaction.execute_batch(statements).map_err(StorageError::from)?;
        }
    }
    run(&transaction, "DELETE FROM engine_schema", [])?;
    run(&transaction, "INSERT INTO engine_schema (version) VALUES (?1)", [SCHEMA_VERSION])?;
    transaction.commit().map_err(StorageError::from)?;
    Ok(())
}
