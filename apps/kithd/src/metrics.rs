//! Numbers for operators, as Prometheus text.
//!
//! Sums over everybody and gauges of this process; there is no label that could stand for a person, a queue, a
//! server or an address, and none may be added.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

mod stock;

pub(crate) use stock::Stock;

/// All numbers of this process. Shared; every change is a single atomic addition.
#[derive(Default)]
pub(crate) struct Metrics {
    /// One-shot requests that were brought.
    pub(crate) one_shots: Counter,
    /// Descriptors that were fetched.
    pub(crate) descriptors: Counter,
    /// Live connections since the start.
    pub(crate) live_opened: Counter,
    /// Live connections now.
    pub(crate) live: Gauge,
    /// Live connections that ended because they had proven nothing.
    pub(crate) live_unproven: Counter,
    /// Connections closed at once because their networks had as many as they may, or came too fast.
    pub(crate) turned_away: Counter,
    /// Connections that had to give up their places to others when all were taken.
    pub(crate) made_room: Counter,
    /// Messages brought by live connections.
    pub(crate) live_messages: Counter,
    /// Requests that were told to come back later.
    pub(crate) busy: Counter,
    /// Exchanges with other servers that gave an answer.
    pub(crate) relays_answered: Counter,
    /// Exchanges with other servers that gave none.
    pub(crate) relays_failed: Counter,
    /// Inputs that the rules have handled.
    pub(crate) inputs: Counter,
    /// How long commits took.
    pub(crate) commits: Histogram,
    /// How full the server is.
    pub(crate) stock: Stock,
}

/// A number that only rises.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of things that are there now.
#[derive(Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    /// Adds one until the returned guard is dropped.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    /// Returns how many there are.
    pub(crate) fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of the things a [`Gauge`] counts.
pub(crate) struct Held<'a>(&'a Gauge);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How often something took how long.
#[derive(Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    microseconds: AtomicU64,
}

impl Histogram {
    /// Adds one observation.
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, (bound, _)) in self.buckets.iter().zip(BOUNDS) {
            if micros <= bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(micros, Ordering::Relaxed);
    }

    fn render(&self, into: &mut String, name: &str, help: &str) {
        header(into, name, "histogram", help);
        for (bucket, (_, label)) in self.buckets.iter().zip(BOUNDS) {
            let _ = writeln!(into, "{name}_bucket{{le=\"{label}\"}} {}", bucket.load(Ordering::Relaxed));
        }
        let count = self.count.load(Ordering::Relaxed);
        let micros = self.microseconds.load(Ordering::Relaxed);
        let _ = writeln!(into, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(into, "{name}_sum {}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(into, "{name}_count {count}");
    }
}

impl Metrics {
    /// Writes all numbers down.
    pub(crate) fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        header(&mut text, "kithd_build_info", "gauge", "The release that runs.");
        let _ = writeln!(text, "kithd_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        for (name, help, counter) in self.counters() {
            header(&mut text, name, "counter", help);
            let _ = writeln!(text, "{name} {}", counter.value());
        }
        header(&mut text, "kithd_live_connections", "gauge", "Live connections now.");
        let _ = writeln!(text, "kithd_live_connections {}", self.live.value());
        self.commits.render(&mut text, "kithd_commit_seconds", "Durable commits, each for a batch of inputs.");
        self.stock.render(&mut text);
        if let Some(bytes) = resident_bytes() {
            header(&mut text, "process_resident_memory_bytes", "gauge", "Resident memory of this process.");
            let _ = writeln!(text, "process_resident_memory_bytes {bytes}");
        }
        text
    }

    fn counters(&self) -> [(&'static str, &'static str, &Counter); 11] {
        [
            ("kithd_one_shot_requests_total", "One-shot requests that were brought.", &self.one_shots),
            ("kithd_descriptor_requests_total", "Descriptors that were fetched.", &self.descriptors),
            ("kithd_live_opened_total", "Live connections since the start.", &self.live_opened),
            ("kithd_turned_away_total", "Connections closed because their networks had too many.", &self.turned_away),
            ("kithd_made_room_total", "Connections ended for others when all places were taken.", &self.made_room),
            ("kithd_live_unproven_total", "Live connections ended because they proved nothing.", &self.live_unproven),
            ("kithd_live_messages_total", "Messages brought by live connections.", &self.live_messages),
            ("kithd_busy_total", "Requests that were told to come back later.", &self.busy),
            ("kithd_relays_answered_total", "Exchanges with other servers that gave an answer.", &self.relays_answered),
            ("kithd_relays_failed_total", "Exchanges with other servers that gave none.", &self.relays_failed),
            ("kithd_inputs_total", "Inputs that the rules have handled.", &self.inputs),
        ]
    }
}

fn header(into: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(into, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Reads the resident memory from the kernel; `None` where there is no such file.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Upper bounds in microseconds, and how Prometheus writes them in seconds: from a fast disk to a memory card.
const BOUNDS: [(u64, &str); 8] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (250_000, "0.25"),
    (1_000_000, "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_appear_with_their_kind() {
        let metrics = Metrics::default();
        metrics.one_shots.count();
        metrics.inputs.add(3);
        let held = metrics.live.hold();
        metrics.commits.observe(Duration::from_micros(700));
        metrics.commits.observe(Duration::from_secs(2));
        let text = metrics.render();
        for line in [
            "# TYPE kithd_one_shot_requests_total counter",
            "kithd_one_shot_requests_total 1",
            "kithd_inputs_total 3",
            "kithd_live_connections 1",
            "kithd_commit_seconds_bucket{le=\"0.0005\"} 0",
            "kithd_commit_seconds_bucket{le=\"0.001\"} 1",
            "kithd_commit_seconds_bucket{le=\"1\"} 1",
            "kithd_commit_seconds_bucket{le=\"+Inf\"} 2",
            "kithd_commit_seconds_sum 2.000700",
            "kithd_commit_seconds_count 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(held);
        assert!(metrics.render().contains("kithd_live_connections 0"));
    }

    #[test]
    fn every_metric_of_the_dashboard_and_the_alerts_is_there() {
        let metrics = Metrics::default();
        metrics.stock.note_census(&crate::operator::Census::default(), 0);
        metrics.stock.note_disk(1, Some(1));
        metrics.stock.note_certificate(1);
        let text = metrics.render();
        let known: Vec<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
        for shipped in [include_str!("../contrib/dashboard.json"), include_str!("../contrib/alerts.yml")] {
            let words = shipped.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let named: Vec<&str> =
                words.filter(|word| word.starts_with("kithd_") || word.starts_with("process_")).collect();
            assert!(named.len() > 5);
            for name in named {
                assert!(known.contains(&name), "{name}");
            }
        }
        let _: serde_json::Value = serde_json::from_str(include_str!("../contrib/dashboard.json")).unwrap();
    }

    #[test]
    fn the_only_labels_are_version_and_bucket() {
        let text = Metrics::default().render();
        for line in text.lines().filter(|line| line.contains('{')) {
            assert!(line.contains("{version=") || line.contains("{le="), "{line}");
        }
    }
}
