//! Clocks that were wrong: what was put off by one that was ahead is not put off until then.
//!
//! Times in the tables and in the link come from this device's clock. When it is set back, everything that was to
//! happen soon would wait for as long as the clock was ahead.

use kith_wire::Timestamp;
use rusqlite::{Connection, params};

use crate::ground::database::{StorageError, column, run};
use crate::mail::sessions::SOON_MS;

/// Milliseconds by which a clock may step back without anybody looking.
pub(crate) const STEP_MS: u64 = 60_000;
/// Milliseconds without any call after which a connection proves nothing any more.
pub(crate) const SLEEP_MS: u64 = 2 * 3600 * 1000;
/// Seconds beyond which nothing is put off: the longest pause between two deposits, and an hour.
const LONGEST_PAUSE_SECONDS: u64 = 25 * 3600;

/// Lets what is put off beyond every reason happen now.
pub(crate) fn mend(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    let far = column(now.plus_seconds(LONGEST_PAUSE_SECONDS).0);
    run(db, "UPDATE frames SET due = ?1 WHERE due > ?2", params![column(now.0), far])?;
    let far = column(now.0.saturating_add(SOON_MS));
    run(db, "UPDATE peers SET reply_at = ?1 WHERE reply_at > ?2", params![column(now.0), far])?;
    Ok(())
}
