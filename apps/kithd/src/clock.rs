//! The one place where the time is looked at. Everything below gets it as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use kith_wire::Timestamp;

/// Returns the time by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
