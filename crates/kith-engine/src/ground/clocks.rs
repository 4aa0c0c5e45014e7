//! Clocks that were wrong: what was put off by one that was ahead is not put off until then (KE-128).
//!
//! Times in the tables and in the link come from this device's clock. When it is set back, everything that was to
//! happen soon would wait for as long as the clock was ahead.

use kith_wire::Timestamp;
use rusqlite::{Connection, params};

use crate::devices::device_keys;
use crate::ground::database::{StorageError, column, first, number, run};
use crate::mail::sessions::SOON_MS;
use crate::people::{introductions, own_lists, spare_cards};
use crate::recovery::{closings, restored};
use crate::talk::drafts;

/// Milliseconds by which a clock may step back without anybody looking.
pub(crate) const STEP_MS: u64 = 60_000;
/// Milliseconds without any call after which a connection proves nothing any more.
pub(crate) const SLEEP_MS: u64 = 2 * 3600 * 1000;
/// Seconds beyond which no deposit is put off: the longest pause between two, and an hour.
const LONGEST_PAUSE_SECONDS: u64 = 25 * 3600;

/// Lets what is put off beyond every reason happen when it would by a clock that is right, at the latest.
pub(crate) fn mend(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    PUT_OFF.iter().try_for_each(|put_off| put_off.mend(db, now))?;
    mend_frames(db, now)?;
    let far = column(now.0.saturating_add(SOON_MS));
    run(db, "UPDATE peers SET reply_at = ?1 WHERE reply_at > ?2", params![column(now.0), far])?;
    Ok(())
}

/// A frame that was deposited in what is the future now goes out again at once: when it would by itself, and whether it had the time to arrive, says
/// a clock that was wrong.
fn mend_frames(db: &Connection, now: Timestamp) -> Result<(), StorageError> {
    let (far, future) = (now.plus_seconds(LONGEST_PAUSE_SECONDS), now.0.saturating_add(STEP_MS));
    let sql = "UPDATE frames SET due = ?1 WHERE due > ?2 OR (due > ?1 AND deposited > ?3)";
    run(db, sql, params![column(now.0), column(far.0), column(future)])?;
    let sql = "UPDATE frames SET deposited = ?1 WHERE deposited > ?2";
    run(db, sql, params![column(now.0), column(future)])?;
    Ok(())
}

/// A time to which rows of a table are put off, which rows, and the longest for which they ever are.
struct PutOff {
    table: &'static str,
    time: &'static str,
    which: &'static str,
    longest_ms: u64,
}

/// All rows.
const ANY: &str = "1";

const PUT_OFF: [PutOff; 8] = [
    PutOff { table: "contacts", time: "draft_due", which: ANY, longest_ms: drafts::REST_MS },
    PutOff { table: "contacts", time: "announce_at", which: ANY, longest_ms: own_lists::ANNOUNCE_SECONDS * 1000 },
    PutOff { table: "contacts", time: "introduce_at", which: ANY, longest_ms: introductions::PATIENCE_SECONDS * 1000 },
    // What this device has answered is left alone: given up too early, because the clock is behind now, it would be answered once more,
    // with other keys, and be taken for somebody else's.
    PutOff {
        table: "introductions",
        time: "expires",
        which: "answerer IS NULL",
        longest_ms: introductions::CARD_SECONDS * 1000,
    },
    // First answers after a return, before the other frames: contacts hear of it at different times.
    PutOff {
        table: "frames",
        time: "due",
        which: "kind = 0 AND attempts = 0",
        longest_ms: restored::ANSWER_SECONDS * 1000,
    },
    PutOff { table: "own_rotations", time: "at", which: ANY, longest_ms: device_keys::LONGEST_SECONDS * 1000 },
    PutOff { table: "spare_times", time: "at", which: ANY, longest_ms: spare_cards::RENEWED_SECONDS * 1000 },
    PutOff { table: "closings_sent", time: "due", which: ANY, longest_ms: closings::AGAIN_SECONDS * 1000 },
];

impl PutOff {
    /// Moves all that lie too far off by as much: what was drawn to happen at different times for different contacts still does (KE-40).
    fn mend(&self, db: &Connection, now: Timestamp) -> Result<(), StorageError> {
        let Self { table, time, which, longest_ms } = self;
        let sql = format!("SELECT max({time}) FROM {table} WHERE {which}");
        let latest = first(db, &sql, [], |row| row.get::<_, Option<i64>>(0))?;
        let farthest = now.0.saturating_add(*longest_ms);
        let too_far = latest.flatten().map_or(0, number).saturating_sub(farthest);
        if too_far > 0 {
            let sql = format!("UPDATE {table} SET {time} = max({time} - ?1, ?2) WHERE {time} > ?3 AND {which}");
            run(db, &sql, params![column(too_far), column(now.0), column(farthest)])?;
        }
        Ok(())
    }
}
