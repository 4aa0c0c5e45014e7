//! Points in time as programs and people read them. The clock is read nowhere but here.

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use kith_wire::Timestamp;

/// Returns the time of this machine's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp(u64::try_from(Moment::now().as_millisecond()).unwrap_or_default())
}

/// Writes RFC 3339 in UTC with milliseconds: what programs get.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    format!("{:.3}", moment(time))
}

/// Writes local time for a person, as short as it stays clear beside `now`.
pub(crate) fn local(time: Timestamp, now: Timestamp) -> String {
    in_zone(time, now, &TimeZone::system())
}

/// Writes a day of the calendar, in UTC.
pub(crate) fn date(time: Timestamp) -> String {
    moment(time).strftime("%Y-%m-%d").to_string()
}

fn in_zone(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (time, now) = (moment(time).to_zoned(zone.clone()), moment(now).to_zoned(zone.clone()));
    let format = if time.date() == now.date() {
        "%H:%M"
    } else if time.year() == now.year() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    time.strftime(format).to_string()
}

/// A time that no calendar has is somebody's mistake or joke; the last one of the calendar stands for it.
fn moment(time: Timestamp) -> Moment {
    i64::try_from(time.0).ok().and_then(|ms| Moment::from_millisecond(ms).ok()).unwrap_or(Moment::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_utc_with_milliseconds() {
        assert_eq!(rfc3339(Timestamp(1_795_236_000_007)), "2026-11-21T04:40:00.007Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn people_read_only_what_differs_from_today() {
        let now = Timestamp(1_795_236_000_000);
        let check = |before: u64, text: &str| assert_eq!(in_zone(now.minus_seconds(before), now, &TimeZone::UTC), text);
        check(60, "04:39");
        check(86_400, "20 Nov 04:40");
        check(400 * 86_400, "17 Oct 2025 04:40");
    }

    #[test]
    fn impossible_times_do_no_harm() {
        assert!(rfc3339(Timestamp(u64::MAX)).starts_with("9999"));
    }
}
