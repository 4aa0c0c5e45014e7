//! Clocks that were wrong: what was put off by one that was ahead is not put off until then (KE-128).
//!
//! Times in the tables come from this device's clock. When it is set back, everything that was to happen soon would wait for as long as the
//! clock was ahead. Which times these are, and how far off they lie at most, each room says beside what writes them.

use std::borrow::Cow;

use kith_wire::Timestamp;
use rusqlite::{Connection, params};

use crate::devices::device_keys;
use crate::ground::database::{StorageError, column, first, number, run};
use crate::mail::{answers, outbox, sessions};
use crate::people::{introductions, own_lists, spare_cards};
use crate::recovery::{closings, restored};
use crate::talk::drafts;

/// Milliseconds by which a clock may step back without anybody looking.
pub(crate) const STEP_MS: u64 = 60_000;
/// Milliseconds without any call after which a connection proves nothing any more.
pub(crate) const SLEEP_MS: u64 = 2 * 3600 * 1000;

/// Lets what is put off beyond every reason happen when it would by a clock that is right, at the latest.
pub(crate) fn mend(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    for put_off in all(db)? {
        put_off.mend(db, now)?;
    }
    outbox::mend_deposited(db, now)
}

/// Returns all that this device puts off.
pub(crate) fn all(db: &Connection) -> Result<Vec<PutOff>, StorageError> {
    Ok(vec![
        drafts::PUT_OFF,
        own_lists::PUT_OFF,
        introductions::PUT_OFF,
        introductions::GIVEN,
        introductions::TO_BE_ANSWERED,
        answers::put_off(),
        outbox::PUT_OFF,
        restored::put_off(),
        device_keys::put_off(db)?,
        spare_cards::PUT_OFF,
        closings::PUT_OFF,
        sessions::PUT_OFF,
    ])
}

/// A time to which rows of a table are put off, which rows, and the longest for which they ever are. Shown to tests, which look at each.
#[derive(Debug, Clone)]
pub struct PutOff {
    /// The table.
    pub table: &'static str,
    /// The column that says when.
    pub time: &'static str,
    /// Which of its rows, as SQL.
    pub which: Cow<'static, str>,
    /// Milliseconds from now to the latest of them, by a clock that is right.
    pub longest_ms: u64,
    /// What becomes of those that lie further off.
    pub mended: Mended,
}

/// What becomes of what lies too far off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// It happens at once.
    AtOnce,
    /// All that lie too far off come nearer by as much: what was drawn to happen at different times for different contacts still does (KE-40).
    ByAsMuch,
}

/// All rows.
pub(crate) const ANY: Cow<'static, str> = Cow::Borrowed("1");

impl PutOff {
    fn mend(&self, db: &Connection, now: Timestamp) -> Result<(), StorageError> {
        let Self { table, time, which, .. } = self;
        let farthest = now.0.saturating_add(self.longest_ms);
        let by = match self.mended {
            Mended::AtOnce => u64::MAX,
            Mended::ByAsMuch => self.latest(db)?.saturating_sub(farthest),
        };
        if by > 0 {
            let sql = format!("UPDATE {table} SET {time} = max({time} - ?1, ?2) WHERE {time} > ?3 AND {which}");
            run(db, &sql, params![column(by), column(now.0), column(farthest)])?;
        }
        Ok(())
    }

    fn latest(&self, db: &Connection) -> Result<u64, StorageError> {
        let Self { table, time, which, .. } = self;
        let sql = format!("SELECT max({time}) FROM {table} WHERE {which}");
        let latest = first(db, &sql, [], |row| row.get::<_, Option<i64>>(0))?;
        Ok(latest.flatten().map_or(0, number))
    }
}
