//! Taking a backup in, into a folder that has nobody: portion by portion, and nothing works before all of it is there.
//!
//! What is restored is a new device of the person. It has no session with anybody and none of the keys that the old ones
//! had; how it takes their place is in `restored.rs`.

use kith_crypto::user::UserSecret;
use kith_wire::Timestamp;
use kith_wire::backup::BackupItem;
use kith_wire::own::is_device_name;
use kith_wire::sync::PastMessage;
use rand_core::CryptoRng;
use rusqlite::Connection;

use crate::api::{BackupFrom, MessageState};
use crate::devices::{contact_copies, device_keys, history, own_devices};
use crate::engine::Engine;
use crate::errors::RestoreError;
use crate::ground::database::{StorageError, column, count, exists, run};
use crate::ground::person;
use crate::ground::work::Work;
use crate::people::pictures::{self, Chosen};
use crate::people::{contacts, spare_cards};
use crate::recovery::{closings, restored};
use crate::talk::conversations::state_column;
use crate::talk::drafts;

pub(crate) const TABLES: &str = "
CREATE TABLE restoring (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL) STRICT;
";

/// What version 5 adds: whether anything that was taken in came from a home server, and since when a contact is known from there.
pub(crate) const TABLES_5: &str = "
ALTER TABLE restoring ADD COLUMN from_home INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN from_home INTEGER;
";

impl Engine {
    /// Begins to take a backup in, or goes on after an interruption, on a device of this name. Until
    /// [`finish_restore`](Self::finish_restore) nothing else works here but finding a home server.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing has changed then.
    pub fn begin_restore(
        &mut self,
        name: &str,
        from: BackupFrom,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RestoreError> {
        self.call(now, rng, |work, _| begin(work, name, from))
    }

    /// Takes items of a backup in, in their order. Those that were taken in before change nothing.
    ///
    /// # Errors
    /// [`RestoreError`]; none of these items was taken in then.
    pub fn restore(
        &mut self,
        user: &UserSecret,
        items: Vec<BackupItem>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RestoreError> {
        self.call(now, rng, |work, _| take(work, user, items))
    }

    /// All of the backup was taken in: this is a device of the person from now on, and takes the place of all others. Needs the
    /// password.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing has changed then.
    pub fn finish_restore(
        &mut self,
        user: &UserSecret,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), RestoreError> {
        self.call(now, rng, |work, _| finish(work, user))
    }

    /// Returns whether a backup is being taken in, and not all of it is there (KE-75).
    ///
    /// # Errors
    /// [`StorageError`] when storage fails.
    pub fn is_restoring(&self) -> Result<bool, StorageError> {
        is_under_way(&self.db)
    }
}

/// Returns whether a backup is being taken in (KE-75).
pub(crate) fn is_under_way(db: &Connection) -> Result<bool, StorageError> {
    exists(db, "SELECT 1 FROM restoring", [])
}

/// Begins, or begins again after an interruption. Into a folder with a person in it nothing is restored.
pub(crate) fn begin(work: &mut Work<'_>, device: &str, from: BackupFrom) -> Result<(), RestoreError> {
    if !is_device_name(device) {
        return Err(RestoreError::BadName);
    }
    if !is_under_way(work.db)? {
        if person::find(work.db)?.is_some() || count(work.db, "SELECT count(*) FROM contacts", [])? > 0 {
            return Err(RestoreError::NotFresh);
        }
        run(work.db, "INSERT INTO restoring (id, since) VALUES (1, ?1)", [column(work.now.0)])?;
    }
    if from == BackupFrom::HomeServer {
        run(work.db, "UPDATE restoring SET from_home = 1", [])?;
    }
    own_devices::named(work, device)?;
    Ok(())
}

/// Takes items in, in their order. What was taken in before changes nothing.
pub(crate) fn take(work: &mut Work<'_>, user: &UserSecret, items: Vec<BackupItem>) -> Result<(), RestoreError> {
    if !is_under_way(work.db)? {
        return Err(RestoreError::NotBegun);
    }
    for item in items {
        take_one(work, user, item)?;
    }
    Ok(())
}

fn take_one(work: &mut Work<'_>, user: &UserSecret, item: BackupItem) -> Result<(), RestoreError> {
    match item {
        BackupItem::Person { devices, hours, .. } => {
            let list = devices.and_then(|devices| own_devices::check(devices, &user.person().public()));
            if let Some(list) = list {
                own_devices::keep_restored(work, &list)?;
            }
            if let Some(hours) = hours {
                device_keys::keep_pace(work.db, hours)?;
            }
        }
        BackupItem::Contact(copy) => contact_copies::take(work, None, *copy)?,
        BackupItem::Unmet { contact, settings, lamport } => {
            contact_copies::take_unmet(work, contact, &settings, lamport)?;
        }
        BackupItem::Forgotten { contact } => {
            if let Some(contact) = contacts::by_conversation(work.db, contact)? {
                contacts::erase(work, contact)?;
            }
        }
        BackupItem::Messages { contact, messages } => {
            let Some(contact) = contacts::by_conversation(work.db, contact)? else { return Ok(()) };
            for message in messages {
                history::take(work, contact, as_left(message))?;
            }
        }
        BackupItem::Rotation { contact, rotation } => {
            if let Some(contact) = contacts::by_conversation(work.db, contact)? {
                device_keys::told(work, contact, &rotation)?;
            }
        }
        BackupItem::SpareCard { contact, device, offer } => {
            if let Some(contact) = contacts::by_conversation(work.db, contact)? {
                spare_cards::keep(work.db, contact, device, &offer)?;
            }
        }
        BackupItem::Draft { contact, draft } => drafts::heard(work, contact, &draft)?,
        BackupItem::Picture { contact, at, picture } => pictures::heard(work, contact, &Chosen { at, picture })?,
        BackupItem::Closing { device, server, sealed } => closings::take_restored(work.db, device, &server, &sealed)?,
        // The mark of another device's run, and what a newer version says.
        _ => {}
    }
    Ok(())
}

/// What waited on the device that made the backup leaves no more: the restored one has not got it under its keys.
fn as_left(mut past: PastMessage) -> PastMessage {
    if past.is_own && i64::from(past.state) == state_column(MessageState::Waiting) {
        past.state = u8::try_from(state_column(MessageState::Expired)).unwrap_or(past.state);
    }
    past
}

/// Everything is there, and there is a home server: the device is one of the person's from now on, and the only one.
pub(crate) fn finish(work: &mut Work<'_>, user: &UserSecret) -> Result<(), RestoreError> {
    if !is_under_way(work.db)? {
        return Err(RestoreError::NotBegun);
    }
    if person::find(work.db)?.is_none() {
        return Err(RestoreError::NoHomeServer);
    }
    if exists(work.db, "SELECT 1 FROM restoring WHERE from_home = 1", [])? {
        // KE-106: whoever once had the secret of such backups may have made this one up.
        let sql =
            "UPDATE contacts SET verified = 0, verified_at = max(?1, verified_at + 1), from_home = ?1 WHERE kind = 0";
        run(work.db, sql, [column(work.now.0)])?;
    }
    run(work.db, "DELETE FROM restoring", [])?;
    Ok(restored::begin(work, user)?)
}
