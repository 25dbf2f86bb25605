//! Tables of what is parsed, named, taken and said; and what holds for any archive and any request.

use super::*;
use jiff::civil::{Date, date};
use jiff::tz::Offset;
use lumivault_format::{CivilPeriod, Precision, SnapshotTime};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const TODAY: Date = date(2026, 5, 14);
const SUMMER: i32 = 7_200;

fn when(text: &str) -> When {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// `2025`, `2025-05`, `2025-05-14`, or an instant as listings print it; all at two hours east of UTC.
fn time(text: &str) -> SnapshotTime {
    match when(text) {
        When::Period(period) => SnapshotTime::end_of(period, SUMMER).unwrap(),
        When::Instant(moment, offset) => {
            let first = moment.first;
            let nanoseconds = u32::try_from(first.subsec_nanosecond()).unwrap();
            SnapshotTime::instant(first.as_second(), nanoseconds, offset.seconds()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn snapshots(times: &[&str]) -> Vec<Candidate<usize>> {
    let phone = "Lumia 950".to_owned();
    times
        .iter()
        .enumerate()
        .map(|(id, text)| Candidate {
            id,
            time: time(text),
            phone: phone.clone(),
        })
        .collect()
}

fn ask<'a>(
    snapshots: &'a [Candidate<usize>],
    text: &str,
    strict: bool,
) -> Result<Selection<'a, usize>, SelectError> {
    select(
        snapshots,
        &Request {
            when: &when(text),
            phone: None,
            strict,
        },
        TODAY,
    )
}

#[test]
fn each_form_names_its_period() {
    for (text, period) in [
        ("2026-05-14", "2026-05-14"),
        ("2024-02-29", "2024-02-29"),
        ("2026-05", "2026-05"),
        ("2026", "2026"),
        ("0000", "0000"),
        ("9999-12-31", "9999-12-31"),
        ("today", "2026-05-14"),
        ("Yesterday", "2026-05-13"),
        ("last-month", "2026-04"),
        ("last-year", "2025"),
        ("3m-ago", "2026-02-14"),
        ("1y-2m-ago", "2025-03-14"),
        ("1y2m-ago", "2025-03-14"),
        ("2m-1y-ago", "2025-03-14"),
        ("10d-ago", "2026-05-04"),
        ("2w-ago", "2026-04-30"),
        ("1y-1m-1w-1d-ago", "2025-04-06"),
        ("0d-ago", "2026-05-14"),
        (" 2026-05 ", "2026-05"),
    ] {
        let Named::Period(named) = when(text).named(TODAY) else {
            panic!("{text} is no period")
        };
        assert_eq!(named.to_string(), period, "{text}");
    }
}

#[test]
fn relative_forms_mind_the_length_of_months_and_years() {
    for (today, text, period) in [
        (date(2026, 5, 31), "3m-ago", "2026-02-28"),
        (date(2024, 5, 31), "3m-ago", "2024-02-29"),
        (date(2024, 2, 29), "1y-ago", "2023-02-28"),
        (date(2024, 2, 29), "4y-ago", "2020-02-29"),
        (date(2024, 3, 1), "yesterday", "2024-02-29"),
        (date(2026, 1, 31), "last-month", "2025-12"),
        (date(2026, 3, 31), "last-month", "2026-02"),
        (date(2026, 3, 31), "1m-1d-ago", "2026-02-27"),
        (date(0, 1, 1), "yesterday", "0000-01-01"),
        (date(5, 1, 1), "1000y-ago", "0000-01-01"),
        (Date::MIN, "last-year", "0000"),
        (Date::MIN, "365000d-ago", "0000-01-01"),
        (Date::MAX, "last-month", "9999-11"),
    ] {
        let Named::Period(named) = when(text).named(today) else {
            panic!("{text} is no period")
        };
        assert_eq!(named.to_string(), period, "{text} on {today}");
    }
}

#[test]
fn a_time_lasts_as_long_as_its_last_digit_says() {
    for (text, first, last) in [
        (
            "2026-05-14T18:00",
            "2026-05-14T18:00:00",
            "2026-05-14T18:00:59.999999999",
        ),
        (
            "2026-05-14T18:00:00",
            "2026-05-14T18:00:00",
            "2026-05-14T18:00:00.999999999",
        ),
        (
            "2026-05-14t18:00:00.25",
            "2026-05-14T18:00:00.25",
            "2026-05-14T18:00:00.259999999",
        ),
        (
            "2026-05-14 18:00:00.123456789",
            "2026-05-14T18:00:00.123456789",
            "2026-05-14T18:00:00.123456789",
        ),
        (
            "2016-12-31T23:59:60",
            "2016-12-31T23:59:59",
            "2016-12-31T23:59:59.999999999",
        ),
        (
            "9999-12-31T23:59",
            "9999-12-31T23:59:00",
            "9999-12-31T23:59:59.999999999",
        ),
    ] {
        let When::Local(moment) = when(text) else {
            panic!("{text} is not a local time")
        };
        assert_eq!(
            (moment.first.to_string(), moment.last.to_string()),
            (first.into(), last.into()),
            "{text}"
        );
    }
}

#[test]
fn an_offset_makes_it_an_instant() {
    for (text, seconds, offset) in [
        ("2026-05-14T18:00:00Z", 1_778_781_600, 0),
        ("2026-05-14T18:00:00+02:00", 1_778_774_400, 7_200),
        ("2026-05-14 18:00:00 +02:00", 1_778_774_400, 7_200),
        ("2026-05-14T18:00:00-03:30", 1_778_794_200, -12_600),
        ("1970-01-01 00:19:32 +00:19:32", 0, 1_172),
    ] {
        let When::Instant(moment, parsed) = when(text) else {
            panic!("{text} is not an instant")
        };
        assert_eq!(
            (moment.first.as_second(), parsed),
            (seconds, Offset::from_seconds(offset).unwrap()),
            "{text}"
        );
    }
}

#[test]
fn what_can_mean_nothing_else_is_taken_too() {
    for (text, means) in [
        ("2026-5", "2026-05"),
        ("2026-5-1", "2026-05-01"),
        ("2026-12-1", "2026-12-01"),
        ("May 2026", "2026-05"),
        ("2026 may", "2026-05"),
        ("2026 August", "2026-08"),
        ("Sep 2025", "2025-09"),
        ("december  2025", "2025-12"),
    ] {
        assert_eq!(when(text), when(means), "{text}");
    }
}

#[test]
fn what_is_no_when_is_refused_with_the_forms_or_the_reason() {
    for text in [
        "",
        "-",
        "ago",
        "-ago",
        "m-ago",
        "3-ago",
        "3h-ago",
        "3m",
        "-3m-ago",
        "3m--1d-ago",
        "3m-ago-",
        "3m1m-ago",
        "26-05",
        "2026-5-",
        "May",
        "May 26",
        "14 May 2026",
        "2026 05",
        "Mai 2026",
        "ma 2026",
        "202605",
        "20260514",
        "2026-05-14-15",
        "2026-",
        "2026-05-14T",
        "2026-05-14T18",
        "14.05.2026",
        "2026-05-14T18:00:00.",
        "2026-05-14T18:00.5",
        "2026-05-14T18:00:00.0123456789",
        "2026-05-14T18:00:00+0200",
        "2026-05-14T18:00:00+02",
        "2026-05-14T18:00:00 Europe/Berlin",
        "2026-05T18:00",
        "gestern",
        "２０２６",
        "last month",
        "2026-05-14T18:00:00+",
        "2026-05-14T18:00:00++02:00:00:00",
        "tomorrow",
        "2026–05–14",
    ] {
        let error = text.parse::<When>().unwrap_err();
        assert!(matches!(error, WhenError::Unknown(_)), "{text}: {error:?}");
        let said = error.to_string();
        for form in [
            "latest",
            "2026-05-14T18:00:00+02:00",
            "yesterday",
            "last-month",
            "3m-ago",
            "1y-2m-ago",
        ] {
            assert!(said.contains(form), "{said}");
        }
    }
    for text in [
        "2026-02-29",
        "1900-02-29",
        "2026-13",
        "2026-00",
        "2026-04-31",
        "2026-05-00",
        "2026-05-14T24:00:00",
        "2026-05-14T18:60",
        "2026-05-14T18:00:61",
        "2026-05-14T18:00:00+26:00",
        "2026-05-14T18:00:00+02:60",
        "2026-02-30T18:00:00Z",
        "9999-12-31T23:59:59-20:00",
    ] {
        let error = text.parse::<When>().unwrap_err();
        assert_eq!(error, WhenError::NoSuchTime(text.to_owned()));
    }
    for text in ["1001y-ago", "12001m-ago", "99999999999999999999d-ago"] {
        assert_eq!(text.parse::<When>(), Err(WhenError::TooFar(text.to_owned())));
    }
    let long = "\u{1b}".repeat(10_000).parse::<When>().unwrap_err().to_string();
    assert!(
        long.len() < 1_000 && !long.contains('\u{1b}'),
        "quoted short and harmless"
    );
}

#[test]
fn a_when_is_printed_as_it_is_parsed() {
    for text in [
        "latest",
        "today",
        "yesterday",
        "last-month",
        "last-year",
        "2026",
        "2026-05",
        "2026-05-14",
        "1y-2m-3w-4d-ago",
        "0d-ago",
        "3m-ago",
        "2026-05-14T18:00:00",
        "2026-05-14T18:00:00+02:00",
        "2026-05-14T18:00:00-03:30",
    ] {
        assert_eq!(when(text).to_string(), text);
    }
}

#[test]
fn the_newest_at_or_before_the_end_is_taken() {
    let all = snapshots(&[
        "2024-12-24 09:00:00 +01:00",
        "2025-04",
        "2025-05",
        "2025-06",
        "2025-08-01",
        "2025-08-20 23:30:00 +02:00",
        "2026",
    ]);
    for (text, taken, earlier, later) in [
        ("2025-06-15", "2025-05", "2025-04", "2025-06"),
        ("2025-06-30", "2025-06", "2025-05", "2025-08-01"),
        ("2025-06", "2025-06", "2025-05", "2025-08-01"),
        ("2025-07", "2025-06", "2025-05", "2025-08-01"),
        ("2025-08-20", "2025-08-20 23:30:00 +02:00", "2025-08-01", "2026"),
        (
            "2025-08-20T23:29",
            "2025-08-01",
            "2025-06",
            "2025-08-20 23:30:00 +02:00",
        ),
        (
            "2025-08-20T23:30",
            "2025-08-20 23:30:00 +02:00",
            "2025-08-01",
            "2026",
        ),
        (
            "2025-08-20T21:30:00Z",
            "2025-08-20 23:30:00 +02:00",
            "2025-08-01",
            "2026",
        ),
        (
            "2025-08-20T23:29:59+02:00",
            "2025-08-01",
            "2025-06",
            "2025-08-20 23:30:00 +02:00",
        ),
        ("2025", "2025-08-20 23:30:00 +02:00", "2025-08-01", "2026"),
        ("last-year", "2025-08-20 23:30:00 +02:00", "2025-08-01", "2026"),
        ("3m-ago", "2025-08-20 23:30:00 +02:00", "2025-08-01", "2026"),
        ("2026-12-30", "2025-08-20 23:30:00 +02:00", "2025-08-01", "2026"),
        ("2026-12-31", "2026", "2025-08-20 23:30:00 +02:00", ""),
        ("latest", "2026", "2025-08-20 23:30:00 +02:00", ""),
        ("2024", "2024-12-24 09:00:00 +01:00", "", "2025-04"),
    ] {
        let selection = ask(&all, text, false).unwrap();
        let name = |one: Option<&Candidate<usize>>| one.map(|one| one.time.to_string()).unwrap_or_default();
        assert_eq!(selection.taken.time.to_string(), taken, "{text}");
        assert_eq!(
            (name(selection.earlier), name(selection.later)),
            (earlier.into(), later.into()),
            "{text}"
        );
    }
}

#[test]
fn civil_dates_decide_unless_an_instant_is_named() {
    // Both were made on the evening of the 14th by the clocks of their owners, ten hours apart.
    let all = snapshots(&[
        "2026-05-14 23:00:00 -10:00",
        "2026-05-14 22:00:00 +12:00",
        "2026-05-15 01:00:00 +12:00",
    ]);
    let taken = |text: &str| ask(&all, text, false).unwrap().taken.id;
    assert_eq!(taken("2026-05-14"), 0, "23:00 is later than 22:00 on the wall");
    assert_eq!(taken("2026-05-14T22:30:00"), 1);
    assert_eq!(taken("2026-05-14T13:00:00Z"), 2, "01:00 at +12 is 13:00 UTC");
    assert_eq!(taken("2026-05-15"), 2);
    assert_eq!(taken("latest"), 0, "09:00 UTC on the 15th");
}

#[test]
fn nanoseconds_count_forwards_before_1970_too() {
    let mut all = snapshots(&["1969", "1969"]);
    all[0].time = SnapshotTime::instant(-1, 5, 0).unwrap();
    all[1].time = SnapshotTime::instant(-1, 500_000_000, 0).unwrap();
    let taken = |text: &str| ask(&all, text, true).map(|selection| selection.taken.id);
    assert_eq!(taken("1969-12-31T23:59:59.4Z").ok(), None, "held by neither");
    assert_eq!(taken("1969-12-31T23:59:59.0Z"), Ok(0));
    assert_eq!(taken("1969-12-31T23:59:59.5Z"), Ok(1));
    assert_eq!(taken("1969-12-31T23:59:59.0"), Ok(0));
    assert_eq!(taken("1969-12-31T23:59:59.5"), Ok(1));
    assert_eq!(taken("1969-12-31"), Ok(1));
}

#[test]
fn equal_times_are_taken_by_instant_and_then_by_id() {
    let mut all = snapshots(&[
        "2026-05-14 10:00:00 +03:00",
        "2026-05-14 10:00:00 +01:00",
        "2026-05-14 10:00:00 +02:00",
    ]);
    assert_eq!(
        ask(&all, "2026-05-14", false).unwrap().taken.id,
        1,
        "the same wall time, the latest instant"
    );
    all = snapshots(&["2026-05", "2026-05", "2026-05-31"]);
    let forward = ask(&all, "2026-05", false).unwrap();
    assert_eq!(
        (forward.taken.id, forward.earlier.map(|one| one.id)),
        (2, Some(1))
    );
    all.reverse();
    let backward = ask(&all, "2026-05", false).unwrap();
    assert_eq!(
        (backward.taken.id, backward.earlier.map(|one| one.id)),
        (2, Some(1)),
        "whatever order they come in"
    );
}

#[test]
fn strict_takes_only_what_the_period_holds() {
    let all = snapshots(&["2025-04", "2025-06", "2025-08-20 23:30:00 +02:00"]);
    for text in [
        "latest",
        "2025",
        "2025-06",
        "2025-06-30",
        "2025-08-20",
        "2025-08-20T23:30",
        "2025-08-20T21:30:00Z",
    ] {
        assert!(ask(&all, text, true).is_ok(), "{text}");
    }
    for (text, said) in [
        (
            "2025-05",
            "2025-05 holds no snapshot of Lumia 950; the one before it is 2025-04, the one after it 2025-06",
        ),
        (
            "yesterday",
            "yesterday (2026-05-13) holds no snapshot of Lumia 950; the one before it is 2025-08-20 23:30:00 +02:00, \
             and there is none after it",
        ),
        (
            "2025-08-20T23:31:00+02:00",
            "2025-08-20T23:31:00+02:00 holds no snapshot of Lumia 950; the one before it is 2025-08-20 23:30:00 \
             +02:00, and there is none after it",
        ),
    ] {
        let error = ask(&all, text, true).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.is_usage()), (said, false));
        assert!(ask(&all, text, false).is_ok());
    }
}

#[test]
fn before_the_first_snapshot_there_is_only_an_error_that_names_it() {
    let all = snapshots(&["2025-06", "2025-04"]);
    let error = ask(&all, "2025-04-29", false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no snapshot of Lumia 950 at or before the end of 2025-04-29; the earliest one is 2025-04"
    );
    assert_eq!(ask(&[], "latest", false).unwrap_err(), SelectError::NoSnapshots);
}

#[test]
fn with_several_phones_one_must_be_named() {
    let mut all = snapshots(&["2025-04", "2025-05", "2025-06"]);
    all[1].phone = "Lumia 640".into();
    all[2].phone = "Anna\u{1b}[2J".into();
    let ask = |phone: Option<&str>| {
        select(
            &all,
            &Request {
                when: &When::Latest,
                phone,
                strict: false,
            },
            TODAY,
        )
    };
    let said = |phone| {
        let error = ask(phone).unwrap_err();
        assert!(error.is_usage());
        error.to_string()
    };
    let names = "Anna\\u{1b}[2J, Lumia 640, Lumia 950";
    assert_eq!(
        said(None),
        format!("the archive holds snapshots of several phones; name one with --phone: {names}")
    );
    assert_eq!(
        said(Some("Lumia 95")),
        format!(
            "the archive holds no snapshot of a phone Lumia 95 (did you mean Lumia 950?); it holds: {names}"
        )
    );
    assert_eq!(
        said(Some("Pixel")),
        format!("the archive holds no snapshot of a phone Pixel; it holds: {names}")
    );
    let found = |phone| ask(Some(phone)).unwrap();
    assert_eq!((found("Lumia 640").taken.id, found("lumia 950").taken.id), (1, 0));
    assert!(
        found("Lumia 640").earlier.is_none() && found("Lumia 640").later.is_none(),
        "others are no neighbours"
    );

    let many: Vec<_> = (0..25)
        .map(|id| Candidate {
            id,
            time: time("2025"),
            phone: format!("phone {id:02}"),
        })
        .collect();
    let error = select(
        &many,
        &Request {
            when: &When::Latest,
            phone: None,
            strict: false,
        },
        TODAY,
    )
    .unwrap_err();
    assert!(error.to_string().ends_with("phone 19 and 5 more"), "{error}");
}

#[test]
fn names_that_differ_in_case_alone_are_not_guessed_between() {
    let mut all = snapshots(&["2025-04", "2025-05"]);
    all[1].phone = "LUMIA 950".into();
    let request = Request {
        when: &When::Latest,
        phone: Some("lumia 950"),
        strict: false,
    };
    let error = select(&all, &request, TODAY).unwrap_err();
    assert!(matches!(error, SelectError::UnknownPhone { .. }));
    let request = Request {
        phone: Some("LUMIA 950"),
        ..request
    };
    assert_eq!(select(&all, &request, TODAY).unwrap().taken.id, 1);
}

#[test]
fn the_choice_is_said_in_one_plain_sentence() {
    let all = snapshots(&[
        "2024-02-28 12:00:00 +01:00",
        "2025-04",
        "2025-05",
        "2025-06",
        "2026-05-14 12:00:00 +02:00",
    ]);
    for (text, said) in [
        (
            "2025-06-15",
            "took 2025-05 (Lumia 950), 15 days before 2025-06-15; the next earlier one is 2025-04, the next later one \
             is 2025-06 (known only to the month, it counts at the end of it)",
        ),
        (
            "2025-05",
            "took 2025-05 (Lumia 950), as asked; the next earlier one is 2025-04, the next later one is 2025-06",
        ),
        (
            "2025",
            "took 2025-06 (Lumia 950), within 2025; the next earlier one is 2025-05, the next later one is 2026-05-14 \
             12:00:00 +02:00",
        ),
        (
            "yesterday",
            "took 2025-06 (Lumia 950), 10 months and 13 days before yesterday (2026-05-13); the next earlier one \
             is 2025-05, the next later one is 2026-05-14 12:00:00 +02:00",
        ),
        (
            "2026-05-14T15:20",
            "took 2026-05-14 12:00:00 +02:00 (Lumia 950), 3 hours and 20 minutes before 2026-05-14T15:20:00; the next \
             earlier one is 2025-06, and none is later",
        ),
        (
            "latest",
            "took 2026-05-14 12:00:00 +02:00 (Lumia 950), the latest; the next earlier one is 2025-06",
        ),
        (
            "2024-03-01",
            "took 2024-02-28 12:00:00 +01:00 (Lumia 950), 2 days before 2024-03-01; there is none earlier, the next \
             later one is 2025-04",
        ),
    ] {
        let selection = ask(&all, text, false).unwrap();
        assert_eq!(selection.to_string(), said, "{text}");
    }
    let one = snapshots(&["2025-05"]);
    let said = ask(&one, "latest", false).unwrap().to_string();
    assert_eq!(said, "took 2025-05 (Lumia 950), the latest; it is the only one");
}

#[test]
fn distances_are_said_in_the_units_a_person_would_use() {
    for (from, to, said) in [
        (date(2024, 2, 28), date(2024, 3, 1), "2 days"),
        (date(2026, 5, 13), date(2026, 5, 14), "1 day"),
        (date(2026, 3, 15), date(2026, 5, 14), "60 days"),
        (date(2026, 3, 14), date(2026, 5, 14), "2 months"),
        (date(2026, 2, 13), date(2026, 5, 14), "3 months and 1 day"),
        (date(2025, 5, 14), date(2026, 5, 14), "1 year"),
        (date(2025, 4, 14), date(2026, 5, 14), "1 year and 1 month"),
        (date(2023, 4, 1), date(2026, 5, 14), "about 3 years and 1 month"),
        (date(2023, 5, 1), date(2026, 5, 14), "about 3 years"),
        (Date::MIN, Date::MAX, "about 19998 years and 11 months"),
    ] {
        let midnight = jiff::civil::Time::midnight();
        let distance = Distance::in_time(from.to_datetime(midnight), to.to_datetime(midnight));
        let expected = if said == "1 day" { "24 hours" } else { said };
        assert_eq!(distance.to_string(), expected, "{from} to {to}");
        let distance = Distance::in_days(from.to_datetime(midnight), to.to_datetime(midnight));
        assert_eq!(distance.to_string(), said, "{from} to {to}");
    }
}

fn any_time() -> impl Strategy<Value = SnapshotTime> {
    let kinds = prop_oneof![
        Just(Precision::Instant),
        Just(Precision::Day),
        Just(Precision::Month),
        Just(Precision::Year)
    ];
    let seconds = prop_oneof![any::<i64>(), 1_700_000_000..1_800_000_000_i64];
    (seconds, any::<u32>(), any::<i32>(), kinds).prop_map(
        |(unix_seconds, nanoseconds, utc_offset_seconds, precision)| SnapshotTime {
            unix_seconds,
            nanoseconds,
            utc_offset_seconds,
            precision,
        },
    )
}

/// Times that keep their promises, crowded enough that requests fall before, between and on them.
fn valid_time() -> impl Strategy<Value = SnapshotTime> {
    (
        2023..2027_i16,
        1..=12_u8,
        1..=28_u8,
        0..86_400_i64,
        -50_000..50_000_i32,
        0..4_u8,
    )
        .prop_map(|(year, month, day, second, offset, kind)| {
            let day_period = CivilPeriod::day(year, month, day).unwrap();
            match kind {
                0 => SnapshotTime::end_of(CivilPeriod::year(year).unwrap(), offset).unwrap(),
                1 => SnapshotTime::end_of(CivilPeriod::month(year, month).unwrap(), offset).unwrap(),
                2 => SnapshotTime::end_of(day_period, offset).unwrap(),
                _ => {
                    let end = SnapshotTime::end_of(day_period, offset).unwrap().unix_seconds;
                    SnapshotTime::instant(end - second, 5, offset).unwrap()
                }
            }
        })
}

fn any_when() -> impl Strategy<Value = String> {
    prop_oneof![
        "(latest|today|yesterday|last-month|last-year)",
        "202[2-7]",
        "202[2-7]-(0[1-9]|1[0-2])",
        "202[2-7]-(0[1-9]|1[0-2])-[01][1-9]",
        "202[2-7]-(0[1-9]|1[0-2])-[01][1-9]T[01][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]0[0-9]:30)?",
        "([0-5]y)?[0-9]{1,2}m-([0-9]w-)?[0-9]{1,3}d-ago",
    ]
}

/// The last moment of a request, by hand: civil, or an instant.
fn is_reached(when: &When, time: &SnapshotTime) -> bool {
    let civil = time.civil();
    match when.named(TODAY) {
        Named::Latest => true,
        Named::Period(period) => civil.date <= period.last_day(),
        Named::Local(moment) => {
            let shown = format!(
                "{}T{:02}:{:02}:{:02}",
                civil.date, civil.hour, civil.minute, civil.second
            );
            let shown: jiff::civil::DateTime = shown.parse().unwrap();
            shown
                .with()
                .subsec_nanosecond(i32::try_from(civil.nanosecond).unwrap())
                .build()
                .unwrap()
                <= moment.last
        }
        Named::Instant(moment) => {
            i128::from(time.unix_seconds) * 1_000_000_000 + i128::from(time.nanoseconds)
                <= moment.last.as_nanosecond()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(2026), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn parsing_never_panics(text in prop_oneof!["\\PC{0,40}", "[-0-9ymwdagot:TZ+. ]{0,40}", any_when()]) {
        if let Ok(parsed) = text.parse::<When>() {
            parsed.named(TODAY);
            parsed.named(Date::MIN);
            parsed.named(Date::MAX);
            prop_assert!(parsed.to_string().parse::<When>().is_ok(), "{parsed} from {text}");
        }
    }

    #[test]
    fn the_selection_is_the_newest_within_the_end_and_its_neighbours_enclose_it(
        times in prop::collection::vec(valid_time(), 0..12), text in any_when(), strict in any::<bool>(),
    ) {
        let all: Vec<_> = times.into_iter().enumerate()
            .map(|(id, time)| Candidate { id, time, phone: String::new() }).collect();
        let when = when(&text);
        let reached = all.iter().filter(|one| is_reached(&when, &one.time)).count();
        match select(&all, &Request { when: &when, phone: None, strict }, TODAY) {
            Ok(selection) => {
                prop_assert!(is_reached(&when, &selection.taken.time));
                prop_assert!(selection.later.is_none_or(|later| !is_reached(&when, &later.time)));
                prop_assert_eq!(selection.later.is_none(), reached == all.len());
                prop_assert_eq!(selection.earlier.is_none(), reached == 1);
                prop_assert!(!strict || !matches!(selection.relation, Relation::Before(_)));
            }
            Err(SelectError::NoSnapshots) => prop_assert!(all.is_empty()),
            Err(SelectError::AllLater { earliest, .. }) => {
                prop_assert_eq!(reached, 0);
                prop_assert!(!is_reached(&when, &earliest));
            }
            Err(SelectError::NotHeld { earlier, .. }) => prop_assert!(strict && is_reached(&when, &earlier)),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn no_recorded_time_and_no_today_can_make_selecting_panic(
        times in prop::collection::vec(any_time(), 0..6), text in any_when(), year in -9_999..=9_999_i16,
    ) {
        let all: Vec<_> = times.into_iter().enumerate()
            .map(|(id, time)| Candidate { id, time, phone: String::new() }).collect();
        match select(&all, &Request { when: &when(&text), phone: None, strict: false }, date(year, 1, 1)) {
            Ok(selection) => prop_assert!(selection.to_string().starts_with("took ")),
            Err(error) => prop_assert!(!error.is_usage()),
        }
    }
}
