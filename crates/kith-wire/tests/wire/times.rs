//! Points in time: which hour, day and week a moment is in, and what happens at both ends of time.

use kith_wire::time::{Day, EpochId, Hour, Timestamp, WEEK_SECONDS};

#[test]
fn a_moment_is_in_one_hour_one_day_and_one_week() {
    // 2026-11-21T07:00:00.999Z; 1970-01-01 was a Thursday, and so the weeks start on Thursdays.
    let moment = Timestamp(1_795_244_400_999);
    assert_eq!(moment.seconds(), 1_795_244_400);
    assert_eq!((moment.hour(), moment.day(), moment.epoch()), (Hour(498_679), Day(20_778), EpochId(2968)));
    assert_eq!(WEEK_SECONDS, 604_800);
}

#[test]
fn hours_days_and_weeks_start_where_the_ones_before_them_end() {
    let just_before = |moment: Timestamp| Timestamp(moment.0 - 1);
    assert_eq!((Hour(7).start(), Hour(7).start().hour()), (Timestamp(25_200_000), Hour(7)));
    assert_eq!(just_before(Hour(7).start()).hour(), Hour(6));
    assert_eq!((Day(7).start(), Day(7).start().day()), (Timestamp(604_800_000), Day(7)));
    assert_eq!(just_before(Day(7).start()).day(), Day(6));
    assert_eq!((EpochId(3).start(), EpochId(3).start().epoch()), (Timestamp(1_814_400_000), EpochId(3)));
    assert_eq!(just_before(EpochId(3).start()).epoch(), EpochId(2));
    assert_eq!(EpochId(3).end(), EpochId(4).start());
}

#[test]
fn time_moves_by_seconds_and_stops_at_both_ends() {
    let moment = Timestamp::from_seconds(100);
    assert_eq!(moment, Timestamp(100_000));
    assert_eq!(moment.plus_seconds(7), Timestamp(107_000));
    assert_eq!(moment.minus_seconds(7), Timestamp(93_000));
    assert_eq!(moment.minus_seconds(101), Timestamp(0));
    assert_eq!(moment.plus_seconds(u64::MAX), Timestamp(u64::MAX));
    assert_eq!(Timestamp::from_seconds(u64::MAX), Timestamp(u64::MAX));
    let end = Timestamp(u64::MAX);
    assert_eq!((end.hour(), end.day(), end.epoch()), (Hour(u32::MAX), Day(u32::MAX), EpochId(u32::MAX)));
}
