//! The log: our own crates only, on standard error.
//!
//! Libraries below log addresses at their lower levels; they are not listened to at any. What our crates log names
//! no address, no key, no id and no person.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;

/// Starts logging. Under systemd the journal adds the time itself.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_targets(OURS.map(|target| (target, level)));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        tracing_subscriber::registry().with(ours).with(layer.without_time()).init();
    } else {
        tracing_subscriber::registry().with(ours).with(layer).init();
    }
}

/// The crates that are listened to.
const OURS: [&str; 4] = ["kithd", "kith_home", "kith_store", "kith_net"];
