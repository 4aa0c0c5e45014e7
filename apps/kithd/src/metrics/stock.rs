//! How full the server is, as it was last counted. Sums only, like everything among the metrics.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use kith_home::store::Upkeep;

use super::header;
use crate::operator::Census;

/// Numbers that are looked at now and then, not counted as they change. Those that nobody looked at yet are not shown.
#[derive(Default)]
pub(crate) struct Stock {
    accounts: Level,
    queues: Level,
    entries: Level,
    outgoing: Level,
    blobs: Level,
    oldest_entry: Level,
    oldest_outgoing: Level,
    disk_used: Level,
    disk_free: Level,
    certificate_ends: Level,
    damaged_rows: Level,
    cleaning_stopped: Level,
}

/// A number, or that there is none yet.
struct Level(AtomicU64);

impl Default for Level {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Level {
    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn value(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|value| *value != u64::MAX)
    }
}

impl Stock {
    /// Notes what the store holds, at a time in seconds.
    pub(crate) fn note_census(&self, census: &Census, now: u64) {
        self.accounts.set(census.counts.accounts);
        self.queues.set(census.counts.queues);
        self.entries.set(census.counts.entries);
        self.outgoing.set(census.counts.outgoing);
        self.blobs.set(census.counts.blobs);
        let age = |since: Option<kith_wire::time::Hour>| {
            since.map_or(0, |since| now.saturating_sub(u64::from(since.0) * 3600))
        };
        self.oldest_entry.set(age(census.oldest_entry));
        self.oldest_outgoing.set(age(census.oldest_outgoing));
        self.damaged_rows.set(census.health.damaged_rows);
        self.cleaning_stopped.set(u64::from(census.health.upkeep == Upkeep::Stopped));
    }

    /// Notes how full the disk is.
    pub(crate) fn note_disk(&self, used: u64, free: Option<u64>) {
        self.disk_used.set(used);
        self.disk_free.set(free.unwrap_or(u64::MAX));
    }

    /// Notes when the certificate ends, in seconds since 1970.
    pub(crate) fn note_certificate(&self, ends: u64) {
        self.certificate_ends.set(ends);
    }

    /// Writes all numbers down.
    pub(super) fn render(&self, into: &mut String) {
        for (name, help, level) in self.levels() {
            if let Some(value) = level.value() {
                header(into, name, "gauge", help);
                let _ = writeln!(into, "{name} {value}");
            }
        }
    }

    fn levels(&self) -> [(&'static str, &'static str, &Level); 12] {
        [
            ("kithd_accounts", "Accounts.", &self.accounts),
            ("kithd_queues", "Queues.", &self.queues),
            ("kithd_frames_waiting", "Frames that wait for their readers.", &self.entries),
            ("kithd_outgoing_waiting", "Deposits that wait for other servers.", &self.outgoing),
            ("kithd_blobs", "Blobs.", &self.blobs),
            ("kithd_oldest_frame_seconds", "Age of the oldest waiting frame, to the hour.", &self.oldest_entry),
            ("kithd_oldest_outgoing_seconds", "Age of the oldest waiting deposit, to the hour.", &self.oldest_outgoing),
            ("kithd_disk_used_bytes", "Bytes of the data folder.", &self.disk_used),
            ("kithd_disk_free_bytes", "Bytes that may still be written.", &self.disk_free),
            ("kithd_certificate_end_seconds", "When the certificate ends, since 1970.", &self.certificate_ends),
            (
                "kithd_store_damaged_rows",
                "Frames and the like, met since the start, that the disk has lost.",
                &self.damaged_rows,
            ),
            (
                "kithd_store_cleaning_stopped",
                "Whether the store gives no room back because a part of it cannot be read.",
                &self.cleaning_stopped,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counted_is_not_shown_as_nothing() {
        let stock = Stock::default();
        let mut text = String::new();
        stock.render(&mut text);
        assert_eq!(text, "");
        stock.note_disk(7, None);
        stock.render(&mut text);
        assert!(text.ends_with("kithd_disk_used_bytes 7\n") && !text.contains("free"), "{text}");
    }

    #[test]
    fn ages_are_counted_from_now() {
        let stock = Stock::default();
        let census = Census { oldest_entry: Some(kith_wire::time::Hour(2)), ..Census::default() };
        stock.note_census(&census, 10_000);
        let mut text = String::new();
        stock.render(&mut text);
        assert!(text.contains("\nkithd_oldest_frame_seconds 2800\n"), "{text}");
        assert!(text.contains("\nkithd_oldest_outgoing_seconds 0\n"), "{text}");
    }
}
