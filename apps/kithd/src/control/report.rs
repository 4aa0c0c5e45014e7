//! How the server is: what it says of itself, and what about it needs somebody's attention.

use std::net::SocketAddr;
use std::sync::Arc;

use kith_home::Room;
use kith_home::store::Upkeep;
use kith_wire::time::Hour;
use serde::{Deserialize, Serialize};

use crate::certificates::{Expiry, Origin};
use crate::clock::now;
use crate::metrics::Metrics;
use crate::operator::Census;
use crate::room::Disk;
use crate::sandbox::Sandbox;

/// What does not change while the server runs, and where to look for what does.
pub(crate) struct Facts {
    pub(crate) started: u64,
    pub(crate) url: String,
    pub(crate) server_key: String,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) disk: Disk,
    pub(crate) web_build: Option<String>,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    pub(crate) process: u32,
    /// Seconds; like all times here.
    pub(crate) started: u64,
    pub(crate) now: u64,
    pub(crate) url: String,
    pub(crate) server_key: String,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) sandbox: String,
    /// Which build of the web app is given to browsers; `None` where none is, or one without papers.
    pub(crate) web_build: Option<String>,
    /// When the certificate ends; `None` where the server shows none.
    pub(crate) certificate_ends: Option<u64>,
    pub(crate) live_connections: u64,
    pub(crate) accounts: u64,
    pub(crate) queues: u64,
    pub(crate) frames_waiting: u64,
    /// When the oldest of them came, to the hour.
    pub(crate) oldest_frame: Option<u64>,
    pub(crate) outgoing_waiting: u64,
    pub(crate) oldest_outgoing: Option<u64>,
    pub(crate) blobs: u64,
    /// Frames and the like, met since the start, that the disk has lost.
    pub(crate) damaged_rows: u64,
    pub(crate) disk_used: u64,
    pub(crate) disk_free: Option<u64>,
    pub(crate) memory: Option<u64>,
    /// What needs attention.
    pub(crate) attention: Vec<Attention>,
}

/// Something that an operator should do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attention {
    /// The disk is so full that nothing new is taken in.
    DiskFull,
    /// The certificate has ended.
    CertificateEnded,
    /// The certificate ends within a week.
    CertificateEnds,
    /// The authority has given no certificate yet.
    CertificateAwaited,
    /// The authority has not given the next certificate, though it is high time.
    CertificateNotRenewed,
    /// Deposits wait for another server for more than a day.
    OutgoingStuck,
    /// The system's list of name servers was replaced, and the sandbox keeps the server from reading the new one.
    ResolverReplaced,
    /// The disk does not give back what was written.
    DiskLoses,
    /// A part of the store cannot be read, so that nothing is given back to the disk.
    CleaningStopped,
}

impl Attention {
    /// Returns what is wrong and what to do.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::DiskFull => "the disk is nearly full: nothing new is taken in until there is room again",
            Self::CertificateEnded => {
                "the certificate has ended: put a new one in its place, and send SIGHUP (systemctl kill -s HUP kithd)"
            }
            Self::CertificateEnds => {
                "the certificate ends within a week: put a new one in its place, and send SIGHUP (systemctl kill -s HUP kithd)"
            }
            Self::CertificateAwaited => {
                "the authority has given no certificate yet, and a stand-in is shown: the log says why; port 80 of tls.acme_name \
                 must lead to tls.acme_listen. It is asked again by itself"
            }
            Self::CertificateNotRenewed => {
                "the authority has not renewed the certificate, which ends within a week or has ended: the log says why; port 80 of \
                 tls.acme_name must lead to tls.acme_listen. It is asked again by itself"
            }
            Self::OutgoingStuck => {
                "deposits have waited for other servers for more than a day: they, or the way to them, may be down"
            }
            Self::ResolverReplaced => "/etc/resolv.conf was replaced and is out of the sandbox's reach: restart kithd",
            Self::DiskLoses => {
                "the disk does not give back what was written: make a backup, and restore it on another disk"
            }
            Self::CleaningStopped => {
                "a part of the store cannot be read, and the store only grows: make a backup, and restore it on another disk"
            }
        }
    }
}

impl Facts {
    /// Says how the server is now.
    pub(crate) fn report(&self, census: &Census) -> Report {
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            started: self.started,
            now: now().seconds(),
            url: self.url.clone(),
            server_key: self.server_key.clone(),
            listen: self.listen,
            metrics: self.metrics_listen,
            sandbox: self.sandbox.to_string(),
            web_build: self.web_build.clone(),
            certificate_ends: self.expiry.as_ref().map(Expiry::seconds),
            live_connections: self.metrics.live.value().try_into().unwrap_or(0),
            accounts: census.counts.accounts,
            queues: census.counts.queues,
            frames_waiting: census.counts.entries,
            oldest_frame: census.oldest_entry.map(seconds),
            outgoing_waiting: census.counts.outgoing,
            oldest_outgoing: census.oldest_outgoing.map(seconds),
            blobs: census.counts.blobs,
            damaged_rows: census.health.damaged_rows,
            disk_used: self.disk.used(),
            disk_free: self.disk.free(),
            memory: crate::metrics::resident_bytes(),
            attention: Vec::new(),
        };
        report.attention = self.attention(&report, census.health.upkeep);
        report
    }

    fn attention(&self, report: &Report, upkeep: Upkeep) -> Vec<Attention> {
        let is_stuck = report.oldest_outgoing.is_some_and(|since| since + 25 * 3600 < report.now);
        [
            (self.disk.room() == Room::Scarce, Attention::DiskFull),
            (is_stuck, Attention::OutgoingStuck),
            (self.sandbox.has_lost_the_resolver(), Attention::ResolverReplaced),
            (report.damaged_rows > 0, Attention::DiskLoses),
            (upkeep == Upkeep::Stopped, Attention::CleaningStopped),
        ]
        .into_iter()
        .filter_map(|(is_so, attention)| is_so.then_some(attention))
        .chain(
            self.expiry.as_ref().and_then(|expiry| about_the_certificate(expiry.seconds(), expiry.origin, report.now)),
        )
        .collect()
    }
}

/// Returns what about the certificate needs attention. Whoever is asked for the next one is named, so that nobody is told to put a file
/// where an authority gives it.
fn about_the_certificate(ends: u64, origin: Origin, now: u64) -> Option<Attention> {
    match origin {
        Origin::Authority if ends == 0 => Some(Attention::CertificateAwaited),
        Origin::Authority if ends < now + WEEK => Some(Attention::CertificateNotRenewed),
        Origin::Operator if ends < now => Some(Attention::CertificateEnded),
        Origin::Operator if ends < now + WEEK => Some(Attention::CertificateEnds),
        _ => None,
    }
}

const WEEK: u64 = 7 * 86_400;

fn seconds(hour: Hour) -> u64 {
    u64::from(hour.0) * 3600
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_needs_the_attention_of_whoever_gets_the_next_one() {
        let now = 1_795_230_000;
        for (ends, origin, attention) in [
            (0, Origin::Authority, Some(Attention::CertificateAwaited)),
            (now - 1, Origin::Authority, Some(Attention::CertificateNotRenewed)),
            (now + WEEK - 1, Origin::Authority, Some(Attention::CertificateNotRenewed)),
            (now + WEEK, Origin::Authority, None),
            (now - 1, Origin::Operator, Some(Attention::CertificateEnded)),
            (now + 1, Origin::Operator, Some(Attention::CertificateEnds)),
            (now + WEEK, Origin::Operator, None),
        ] {
            assert_eq!(about_the_certificate(ends, origin, now), attention, "{ends} {origin:?}");
        }
    }

    #[test]
    fn only_operators_with_files_of_their_own_are_told_of_the_signal() {
        for attention in [Attention::CertificateAwaited, Attention::CertificateNotRenewed] {
            assert!(!attention.text().contains("SIGHUP"));
        }
        for attention in [Attention::CertificateEnded, Attention::CertificateEnds] {
            assert!(attention.text().contains("SIGHUP"));
        }
    }
}
