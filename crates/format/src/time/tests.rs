//! The calendar against known days and against itself, and each form a time is printed in.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn time(unix_seconds: i64, nanoseconds: u32, utc_offset_seconds: i32, precision: Precision) -> SnapshotTime {
    SnapshotTime {
        unix_seconds,
        nanoseconds,
        utc_offset_seconds,
        precision,
    }
}

#[test]
fn known_days_have_their_known_numbers() {
    for (year, month, day, days) in [
        (1970, 1, 1, 0),
        (1969, 12, 31, -1),
        (2000, 2, 29, 11_016),
        (2000, 3, 1, 11_017),
        (2026, 5, 14, 20_587),
        (0, 1, 1, -719_528),
        (9999, 12, 31, 2_932_896),
    ] {
        let date = CivilDate::new(year, month, day).unwrap();
        assert_eq!(date.days_since_epoch(), days, "{date}");
        assert_eq!(CivilDate::from_days_since_epoch(days), date);
    }
}

#[test]
fn every_day_of_ten_thousand_years_follows_the_one_before() {
    let mut before = CivilDate::from_days_since_epoch(-719_528);
    assert_eq!(Some(before), CivilDate::new(0, 1, 1));
    for days in -719_527..=2_932_896 {
        let date = CivilDate::from_days_since_epoch(days);
        let (year, month, day) = (before.year(), before.month(), before.day());
        let next = CivilDate::new(year, month, day + 1)
            .or_else(|| CivilDate::new(year, month + 1, 1))
            .or_else(|| CivilDate::new(year + 1, 1, 1));
        assert_eq!(Some(date), next);
        assert_eq!(date.days_since_epoch(), days);
        before = date;
    }
}

#[test]
fn days_the_calendar_lacks_are_refused() {
    for (year, month, day) in [
        (2026, 2, 29),
        (1900, 2, 29),
        (2026, 4, 31),
        (2026, 0, 1),
        (2026, 13, 1),
        (2026, 1, 0),
        (-1, 1, 1),
    ] {
        assert_eq!(CivilDate::new(year, month, day), None, "{year}-{month}-{day}");
    }
    assert!(CivilDate::new(2000, 2, 29).is_some());
    assert_eq!(CivilPeriod::month(2026, 13), None);
    assert_eq!(CivilPeriod::year(10_000), None);
}

#[test]
fn a_time_is_printed_as_exactly_as_it_is_known() {
    let may = CivilPeriod::month(2026, 5).unwrap();
    let day = CivilPeriod::day(2026, 5, 14).unwrap();
    let year = CivilPeriod::year(2026).unwrap();
    for (time, shown, json) in [
        (
            SnapshotTime::end_of(may, 7_200),
            "2026-05",
            "2026-05-31T23:59:59+02:00",
        ),
        (
            SnapshotTime::end_of(day, -12_600),
            "2026-05-14",
            "2026-05-14T23:59:59-03:30",
        ),
        (SnapshotTime::end_of(year, 0), "2026", "2026-12-31T23:59:59Z"),
        (
            SnapshotTime::instant(1_778_774_400, 0, 7_200),
            "2026-05-14 18:00:00 +02:00",
            "2026-05-14T18:00:00+02:00",
        ),
        (
            SnapshotTime::instant(0, 120_000_000, 0),
            "1970-01-01 00:00:00 +00:00",
            "1970-01-01T00:00:00.12Z",
        ),
        (
            SnapshotTime::instant(0, 1, 1_172),
            "1970-01-01 00:19:32 +00:19:32",
            "1970-01-01T00:19:00.000000001+00:19",
        ),
        (
            SnapshotTime::instant(0, 0, -90_000),
            "1969-12-30 23:00:00 -25:00",
            "1970-01-01T00:00:00Z",
        ),
    ] {
        let time = time.unwrap();
        assert_eq!(time.to_string(), shown);
        assert_eq!(time.rfc3339(), json);
    }
    assert_eq!(format!("[{may:>9}]"), "[  2026-05]", "padding works in tables");
}

#[test]
fn what_breaks_a_promise_is_refused_by_name() {
    use Precision::{Day, Instant, Month, Year};
    let end_of_may = 1_780_271_999;
    for (time, error) in [
        (time(i64::MIN, 0, 0, Instant), TimeError::OutOfRange(i64::MIN)),
        (time(i64::MAX, 0, 0, Day), TimeError::OutOfRange(i64::MAX)),
        (
            time(0, 1_000_000_000, 0, Instant),
            TimeError::Nanoseconds(1_000_000_000),
        ),
        (time(0, 0, 93_600, Instant), TimeError::Offset(93_600)),
        (time(0, 0, i32::MIN, Instant), TimeError::Offset(i32::MIN)),
        (time(end_of_may, 1, 0, Month), TimeError::NotEndOfPeriod("month")),
        (
            time(end_of_may - 1, 0, 0, Month),
            TimeError::NotEndOfPeriod("month"),
        ),
        (time(end_of_may, 0, 3_600, Day), TimeError::NotEndOfPeriod("day")),
        (time(end_of_may, 0, 0, Year), TimeError::NotEndOfPeriod("year")),
    ] {
        assert_eq!(time.validate(), Err(error));
    }
    assert_eq!(time(end_of_may, 0, 0, Month).validate(), Ok(()));
    assert_eq!(time(end_of_may, 0, 0, Day).validate(), Ok(()));
    assert!(SnapshotTime::instant(SnapshotTime::MIN_UNIX_SECONDS, 0, -93_599).is_ok());
    assert!(SnapshotTime::instant(SnapshotTime::MAX_UNIX_SECONDS, 0, 93_599).is_ok());
}

#[test]
fn periods_hold_their_days() {
    let year = CivilPeriod::year(2024).unwrap();
    let february = CivilPeriod::month(2024, 2).unwrap();
    let leap_day = CivilPeriod::day(2024, 2, 29).unwrap();
    assert_eq!(february.last_day(), leap_day.first_day());
    assert!(year.contains(february) && february.contains(leap_day) && leap_day.contains(leap_day));
    assert!(!leap_day.contains(february) && !february.contains(CivilPeriod::day(2024, 3, 1).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1970), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_field_can_make_reading_panic(
        unix in any::<i64>(), nanos in any::<u32>(), offset in any::<i32>(), kind in 0..4_usize,
    ) {
        let precision = [Precision::Instant, Precision::Day, Precision::Month, Precision::Year][kind];
        let time = time(unix, nanos, offset, precision);
        prop_assert!(time.to_string().len() >= 4 && time.rfc3339().len() >= 20);
        prop_assert!(time.period().contains(CivilPeriod::of_day(time.civil().date)));
        prop_assert!(time.validate().is_ok() || SnapshotTime::new(unix, nanos, offset, precision).is_err());
    }

    #[test]
    fn the_end_of_a_period_is_read_back_as_that_period(
        year in 1..9999_i16, month in 1..=12_u8, kind in 0..3_usize, offset in -93_599..=93_599_i32,
    ) {
        let period = [CivilPeriod::day(year, month, 28), CivilPeriod::month(year, month), CivilPeriod::year(year)];
        let period = period[kind].unwrap();
        let time = SnapshotTime::end_of(period, offset).unwrap();
        prop_assert_eq!(time.period(), period);
        prop_assert_eq!(time.validate(), Ok(()));
    }
}
