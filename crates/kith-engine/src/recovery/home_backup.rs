//! What a device remembers of the backup that it keeps at its home server: where it lies, how often it is made, when it was made last.
//!
//! The backup itself is made, sealed and sent by the program (kith-client); what it says is in `backup.rs`. The account key stays here, so requests to
//! the home server are signed here.

use kith_crypto::request::{RequestStamp, sign_as_account};
use kith_wire::Timestamp;
use kith_wire::id::ServerKey;
use kith_wire::operation::{Operation, RequestSignature};
use rand_core::CryptoRng;
use rusqlite::params;

use crate::api::HomeBackupView;
use crate::devices::own_devices;
use crate::engine::Engine;
use crate::errors::{QueryError, WakeError};
use crate::ground::database::{StorageError, column, first, number, run};
use crate::ground::person;

/// What version 5 adds.
pub(crate) const TABLES: &str = "
CREATE TABLE home_backup (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    every INTEGER,
    server BLOB,
    place INTEGER,
    made INTEGER,
    bytes INTEGER NOT NULL DEFAULT 0,
    refused INTEGER
) STRICT;
INSERT INTO home_backup (id) VALUES (1);
";

impl Engine {
    /// Returns what is known of the backup at the home server.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn home_backup(&self) -> Result<HomeBackupView, QueryError> {
        let sql = "SELECT every, server, place, made, bytes, refused FROM home_backup";
        let view = first(&self.db, sql, [], |row| {
            let server = row.get::<_, Option<[u8; 32]>>(1)?.map(ServerKey);
            Ok(HomeBackupView {
                every: row.get(0)?,
                place: server.zip(row.get(2)?),
                made: row.get::<_, Option<i64>>(3)?.map(|at| Timestamp(number(at))),
                bytes: number(row.get(4)?),
                refused: row.get::<_, Option<i64>>(5)?.map(|at| Timestamp(number(at))),
            })
        })?;
        Ok(view.ok_or(StorageError::Damaged("home_backup"))?)
    }

    /// Sets after how many hours this device makes the next one by itself; `None` for never.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn set_home_backup(
        &mut self,
        every: Option<u32>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| {
            run(work.db, "UPDATE home_backup SET every = ?1, refused = NULL", [every])?;
            Ok(())
        })
    }

    /// Remembers in which place of which server this device's backup lies, before anything is there; `None` when it has none any more.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn set_home_place(
        &mut self,
        place: Option<(ServerKey, u8)>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| {
            let (server, place) = place.map(|(server, place)| (server.0, place)).unzip();
            let sql = "UPDATE home_backup SET server = ?1, place = ?2, made = NULL, bytes = 0, refused = NULL";
            run(work.db, sql, params![server, place])?;
            Ok(())
        })
    }

    /// The backup at the home server is whole: it was made then and has so many bytes.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails; the backup is good all the same.
    pub fn home_backup_done(
        &mut self,
        (made, bytes): (Timestamp, u64),
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| {
            let sql = "UPDATE home_backup SET made = ?1, bytes = ?2, refused = NULL";
            run(work.db, sql, [column(made.0), column(bytes)])?;
            Ok(())
        })
    }

    /// The home server had no room for a backup now: by itself this device tries no other one for a day.
    ///
    /// # Errors
    /// [`WakeError`] when storage fails.
    pub fn home_backup_refused(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), WakeError> {
        self.call(now, rng, |work, _| {
            run(work.db, "UPDATE home_backup SET refused = ?1", [column(work.now.0)])?;
            Ok(())
        })
    }

    /// Returns what the person calls this device; nothing while it has no name.
    ///
    /// # Errors
    /// [`QueryError`] when storage fails.
    pub fn own_name(&self) -> Result<Option<String>, QueryError> {
        Ok(own_devices::find(&self.db)?.map(|own| own.listed_name().to_owned()))
    }

    /// Signs a request to the home server as this device's account.
    ///
    /// # Errors
    /// [`QueryError`] when there is no person here, or storage fails.
    pub fn sign_request(&self, operation: &Operation, stamp: &RequestStamp) -> Result<RequestSignature, QueryError> {
        let person = person::find(&self.db)?.ok_or(QueryError::NotInitialised)?;
        Ok(sign_as_account(&person.account, operation, stamp))
    }
}
