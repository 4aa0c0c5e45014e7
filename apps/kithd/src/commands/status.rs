//! `kithd status`: how the server is, for people and for monitoring.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::announce::Voice;
use crate::config::Config;
use crate::control::{Client, Report};
use crate::data_dir::{DataDir, was_used};
use crate::error::AppError;
use crate::time::{bytes, rfc_3339, span};

/// Tells how the server is. The exit code is 0 when all is well and 4 when something needs attention.
///
/// # Errors
/// [`AppError::NotRunning`] where there is no server.
pub(crate) fn status(config: &Config, voice: Voice) -> Result<ExitCode, AppError> {
    let not_running = || AppError::NotRunning { path: config.data.clone() };
    if !was_used(&config.data) {
        return Err(not_running());
    }
    // Whoever can take the folder has shown that nobody else has it; it is given back at once. Nothing is written: the disk may be full.
    let report = match DataDir::take_to_read(&config.data) {
        Err(AppError::InUse { .. }) => Client::connect(&config.data)?.status()?,
        Err(error) => return Err(error),
        Ok(_) => return Err(not_running()),
    };
    voice.status(&for_people(&report), &report);
    Ok(if report.attention.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NEEDS_ATTENTION) })
}

/// The exit code of a server that runs and needs attention.
const NEEDS_ATTENTION: u8 = 4;

fn for_people(report: &Report) -> String {
    let ago = |since: u64| span(report.now.saturating_sub(since));
    let mut text = format!(
        "kithd {} has been running for {}, since {} (process {}).\n\n",
        report.version,
        ago(report.started),
        rfc_3339(report.started),
        report.process
    );
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    line("address", report.url.clone());
    line("server key", report.server_key.clone());
    line("listens on", report.listen.to_string());
    if let Some(address) = report.metrics {
        line("metrics", format!("http://{address}/metrics"));
    }
    line(
        "certificate",
        match report.certificate_ends {
            None => "none: a proxy with TLS stands before it, or it serves this machine only".to_owned(),
            Some(0) => "a stand-in, until the authority gives one".to_owned(),
            Some(ends) if ends <= report.now => format!("ended {} ago", ago(ends)),
            Some(ends) => format!("good for {}, until {}", span(ends - report.now), rfc_3339(ends)),
        },
    );
    line("sandbox", report.sandbox.clone());
    if let Some(build) = &report.web_build {
        line("web app", format!("build {build}"));
    }
    line("connections", report.live_connections.to_string());
    line("accounts", report.accounts.to_string());
    line("queues", report.queues.to_string());
    // The server knows the hour in which something came, and no more.
    let hours = |since: u64| report.now.saturating_sub(since).div_ceil(3600).max(1);
    let oldest = |since: Option<u64>| {
        since.map_or_else(String::new, |since| format!(", the oldest for {} at most", span(hours(since) * 3600)))
    };
    line("frames", format!("{} wait for their readers{}", report.frames_waiting, oldest(report.oldest_frame)));
    line("outgoing", format!("{} wait for other servers{}", report.outgoing_waiting, oldest(report.oldest_outgoing)));
    line("blobs", report.blobs.to_string());
    if report.damaged_rows > 0 {
        line("lost", format!("{} rows that the disk did not give back since the start", report.damaged_rows));
    }
    let free = report.disk_free.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
    line("disk", format!("{} used{free}", bytes(report.disk_used)));
    if let Some(memory) = report.memory {
        line("memory", bytes(memory));
    }
    if !report.attention.is_empty() {
        text.push_str("\nNeeds attention (exit code 4):\n");
        for attention in &report.attention {
            let _ = writeln!(text, "  - {}", attention.text());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Attention;

    fn report() -> Report {
        let now = 1_795_230_000;
        Report {
            version: "1.2.3".to_owned(),
            process: 7,
            started: now - 90_000,
            now,
            url: "https://kith.example".to_owned(),
            server_key: "key".to_owned(),
            listen: "0.0.0.0:5484".parse().unwrap(),
            metrics: None,
            sandbox: "none".to_owned(),
            web_build: Some("b".repeat(64)),
            certificate_ends: Some(now + 86_400 * 30),
            live_connections: 1,
            accounts: 2,
            queues: 3,
            frames_waiting: 4,
            oldest_frame: Some(now - 7_200),
            outgoing_waiting: 0,
            oldest_outgoing: None,
            blobs: 5,
            damaged_rows: 0,
            disk_used: 41_700_000,
            disk_free: None,
            memory: None,
            attention: Vec::new(),
        }
    }

    #[test]
    fn people_are_told_everything_in_a_few_lines() {
        let told = for_people(&report());
        assert!(
            told.starts_with("kithd 1.2.3 has been running for 1 d 1 h, since 2026-11-20T02:00:00Z (process 7).\n\n")
        );
        for line in [
            "  certificate  good for 30 d, until 2026-12-21T03:00:00Z",
            "  frames       4 wait for their readers, the oldest for 2 h at most",
            "  outgoing     0 wait for other servers",
            "  disk         41.7 MB used",
        ] {
            assert!(told.lines().any(|found| found == line), "{line}\n{told}");
        }
        assert!(!told.contains("attention"), "{told}");
    }

    #[test]
    fn an_age_is_told_no_more_exactly_than_it_is_known() {
        for (seconds, says) in [(0, "1 h"), (3_055, "1 h"), (3_700, "2 h"), (90_000, "1 d 1 h")] {
            let report = Report { oldest_frame: Some(report().now - seconds), ..report() };
            assert!(for_people(&report).contains(&format!(", the oldest for {says} at most\n")), "{seconds}");
        }
    }

    #[test]
    fn what_needs_attention_is_said_last_and_what_to_do_about_it() {
        let ended = Report { certificate_ends: Some(1_795_220_000), ..report() };
        let told = for_people(&Report { attention: vec![Attention::CertificateEnded, Attention::DiskFull], ..ended });
        assert!(told.contains("  certificate  ended 2 h 46 min ago\n"), "{told}");
        let (_, last) = told.split_once("\nNeeds attention (exit code 4):\n").unwrap();
        assert_eq!(last.lines().count(), 2);
        assert!(last.contains("send SIGHUP") && last.contains("nothing new is taken in"), "{told}");
    }
}
