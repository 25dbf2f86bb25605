//! The rules on cases from restic's documentation and on our own, and against a slow model that counts on fingers.

use std::collections::BTreeMap;

use lumivault_format::{CivilTime, ObjectName, Snapshot, SnapshotId, Source};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::testing::snapshot;

fn stored(number: u8, time: SnapshotTime) -> StoredSnapshot {
    StoredSnapshot {
        id: SnapshotId::from_bytes([number; 32]),
        object: ObjectName::from_bytes([number; 32]),
        snapshot: Snapshot {
            time,
            ..snapshot(number, ObjectName::from_bytes([0; 32]))
        },
        tags: Vec::new(),
        forgotten: None,
        rank: number.into(),
        pinned: false,
        removal: false,
    }
}

/// `2025-04`, `2025-04-21`, `2025-04-21 11`, at an offset.
fn time(text: &str, offset: i32) -> SnapshotTime {
    let (date, hour) = text
        .split_once(' ')
        .map_or((text, None), |(date, hour)| (date, Some(hour)));
    let numbers: Vec<i16> = date.split('-').map(|number| number.parse().unwrap()).collect();
    let small = |index: usize| u8::try_from(numbers[index]).unwrap();
    let period = match numbers.len() {
        1 => CivilPeriod::year(numbers[0]),
        2 => CivilPeriod::month(numbers[0], small(1)),
        _ => CivilPeriod::day(numbers[0], small(1), small(2)),
    };
    let end = SnapshotTime::end_of(period.unwrap(), offset).unwrap();
    match hour {
        None => end,
        Some(hour) => {
            let hours: i64 = hour.parse().unwrap();
            SnapshotTime::instant(end.unix_seconds + 1 - SECONDS_A_DAY + hours * 3600, 0, offset).unwrap()
        }
    }
}

fn all(times: &[&str]) -> Vec<StoredSnapshot> {
    let numbered = times.iter().zip(1u8..);
    numbered
        .map(|(text, number)| stored(number, time(text, 0)))
        .collect()
}

const TODAY: CivilDate = CivilDate::new(2026, 5, 14).unwrap();

/// `2025-04 keep monthly, last` for each snapshot.
fn told(snapshots: &[StoredSnapshot], rules: &KeepRules) -> Vec<String> {
    let groups = plan(snapshots, rules, GroupBy::default(), TODAY);
    assert_eq!(groups.len(), 1);
    let line = |one: &Decision<'_>| {
        let reasons: Vec<String> = one.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(one.keep, !reasons.is_empty());
        let civil = one.snapshot.snapshot.time.civil();
        let verdict = if one.keep { "keep " } else { "forget" };
        format!("{} {:02} {verdict}{}", civil.date, civil.hour, reasons.join(", "))
    };
    groups[0].decisions.iter().map(line).collect()
}

fn kept(snapshots: &[StoredSnapshot], rules: &KeepRules) -> Vec<String> {
    let lines = told(snapshots, rules).into_iter();
    let short = |line: String| {
        line.split_once(" keep ")
            .map(|(date, why)| format!("{date}: {why}"))
    };
    lines.filter_map(short).collect()
}

fn each(unit: Unit, keep: Keep) -> KeepRules {
    let mut rules = KeepRules::default();
    rules.each[Unit::ALL.iter().position(|one| *one == unit).unwrap()] = keep;
    rules
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn each_within(unit: Unit, text: &str) -> KeepRules {
    let mut rules = KeepRules::default();
    rules.each_within[Unit::ALL.iter().position(|one| *one == unit).unwrap()] = Some(span(text));
    rules
}

/// The example of restic's manual: weekdays of two weeks, twice on Fridays, one Wednesday missing.
fn weekdays() -> Vec<StoredSnapshot> {
    all(&[
        "2025-04-21 11",
        "2025-04-22 11",
        "2025-04-23 11",
        "2025-04-24 11",
        "2025-04-25 11",
        "2025-04-25 23",
        "2025-04-28 11",
        "2025-04-29 11",
        "2025-05-01 11",
        "2025-05-02 11",
        "2025-05-02 23",
    ])
}

#[test]
fn the_examples_of_restics_manual() {
    let daily = kept(&weekdays(), &each(Unit::Day, Keep::Recent(5)));
    let expected = [
        "2025-04-25 23: daily",
        "2025-04-28 11: daily",
        "2025-04-29 11: daily",
        "2025-05-01 11: daily",
        "2025-05-02 23: daily",
    ];
    assert_eq!(daily, expected);
    let within = kept(&weekdays(), &each_within(Unit::Day, "7d"));
    let expected = [
        "2025-04-28 11: daily within 7d",
        "2025-04-29 11: daily within 7d",
        "2025-05-01 11: daily within 7d",
        "2025-05-02 23: daily within 7d",
    ];
    assert_eq!(within, expected);
}

#[test]
fn the_oldest_stays_while_a_rule_is_not_used_up() {
    let months = all(&["2024-02", "2024-03", "2025-01", "2025-02", "2026-01"]);
    let yearly = |keep| kept(&months, &each(Unit::Year, keep));
    let three = [
        "2024-03-31 23: yearly",
        "2025-02-28 23: yearly",
        "2026-01-31 23: yearly",
    ];
    assert_eq!(yearly(Keep::Recent(3)), three);
    let mut four = three.map(String::from).to_vec();
    four.insert(0, "2024-02-29 23: oldest yearly".into());
    assert_eq!(yearly(Keep::Recent(4)), four);
    assert_eq!(yearly(Keep::All), four);
    assert_eq!(
        kept(&months[4..], &each(Unit::Year, Keep::Recent(9))),
        ["2026-01-31 23: yearly"]
    );
    let within = kept(&months, &each_within(Unit::Year, "50y"));
    assert_eq!(within[0], "2024-02-29 23: oldest yearly within 50y");
}

#[test]
fn weeks_begin_on_monday() {
    // 2025-04-27 is a Sunday; 2024-12-30 and 2025-01-05 are of one week, though not of one year.
    let days = all(&[
        "2024-12-29",
        "2024-12-30",
        "2025-01-05",
        "2025-04-27",
        "2025-04-28",
    ]);
    let weekly = kept(&days, &each(Unit::Week, Keep::Recent(4)));
    let expected = [
        "2024-12-29 23: weekly",
        "2025-01-05 23: weekly",
        "2025-04-27 23: weekly",
        "2025-04-28 23: weekly",
    ];
    assert_eq!(weekly, expected);
}

#[test]
fn days_are_those_of_the_place_where_a_snapshot_was_made() {
    // In the order of instants: 23:00 on the 1st at UTC-3 is 02:00 on the 2nd at UTC.
    let west = stored(1, time("2025-05-01 23", -3 * 3600));
    let east = stored(2, time("2025-05-02 09", 9 * 3600));
    assert!(east.snapshot.time.since_epoch() < west.snapshot.time.since_epoch());
    let both = [east, west];
    assert_eq!(
        kept(&both, &each(Unit::Day, Keep::Recent(2))),
        ["2025-05-01 23: daily", "2025-05-02 09: daily"]
    );
    // But the latest is the one that was made last.
    let last = KeepRules {
        last: Keep::Recent(1),
        ..KeepRules::default()
    };
    assert_eq!(kept(&both, &last), ["2025-05-01 23: last"]);
}

#[test]
fn lengths_go_back_from_the_newest_by_the_calendar() {
    let months = all(&["2025-10", "2025-11", "2025-12", "2026-01", "2026-02"]);
    let within = |text: &str| {
        let rules = KeepRules {
            within: Some(span(text)),
            ..KeepRules::default()
        };
        kept(&months, &rules).len()
    };
    // n months keep n snapshots of whole months, however long these are.
    assert_eq!(
        [within("1m"), within("2m"), within("3m"), within("4m")],
        [1, 2, 3, 4]
    );
    assert_eq!(
        [within("0m"), within("1y"), within("31d"), within("28d")],
        [0, 5, 2, 1]
    );
    assert_eq!(within("4000000y"), 5);

    // A moment has no such end of month: a month before the 31st of March is the 28th of February.
    let moments = all(&["2026-02-28 10", "2026-02-28 12", "2026-03-31 11"]);
    let rules = KeepRules {
        within: Some(span("1m")),
        ..KeepRules::default()
    };
    assert_eq!(
        kept(&moments, &rules),
        ["2026-02-28 12: within 1m", "2026-03-31 11: within 1m"]
    );
    let exactly = KeepRules {
        within: Some(span("30d23h")),
        ..KeepRules::default()
    };
    assert_eq!(
        kept(&moments, &exactly).len(),
        1,
        "what is exactly so old is not within"
    );
}

#[test]
fn a_date_in_the_future_does_not_make_everything_old() {
    let times = ["2026-03", "2026-04", "2026-05", "2062-05-01 12"];
    let rules = KeepRules {
        within: Some(span("2m")),
        ..KeepRules::default()
    };
    // Of the month that has begun, only the end is in the future.
    let expected = [
        "2026-04-30 23: within 2m",
        "2026-05-31 23: within 2m",
        "2062-05-01 12: within 2m",
    ];
    assert_eq!(kept(&all(&times), &rules), expected);
    assert_eq!(kept(&all(&times[3..]), &rules).len(), 1);
}

#[test]
fn tags_and_pins_keep_whatever_counts() {
    let mut snapshots = all(&["2026-01", "2026-02", "2026-03", "2026-04"]);
    snapshots[0].pinned = true;
    snapshots[1].tags = vec!["family".into(), "trip".into()];
    snapshots[2].tags = vec!["trip".into()];
    let rules = KeepRules {
        tags: vec![vec!["family".into(), "trip".into()]],
        ..KeepRules::default()
    };
    assert_eq!(
        kept(&snapshots, &rules),
        ["2026-01-31 23: pinned", "2026-02-28 23: tags family, trip"]
    );
    let rules = KeepRules {
        tags: vec![vec![], vec!["trip".into()]],
        last: Keep::Recent(1),
        ..KeepRules::default()
    };
    let expected = [
        "2026-01-31 23: pinned, no tags",
        "2026-02-28 23: tag trip",
        "2026-03-31 23: tag trip",
        "2026-04-30 23: no tags, last",
    ];
    assert_eq!(kept(&snapshots, &rules), expected);
}

#[test]
fn groups_are_judged_by_themselves() {
    let mut snapshots = all(&["2026-01", "2026-02", "2026-03", "2026-04"]);
    snapshots[0].snapshot.phone = "Lumia 650".into();
    snapshots[1].snapshot.host = "laptop".into();
    snapshots[2].tags = vec!["b".into(), "a".into()];
    let source = |path: &[u8]| Source {
        label: Vec::new(),
        path: path.to_vec(),
    };
    snapshots[3].snapshot.sources = vec![source(b"/b"), source(b"/a")];
    let by = |phone, host, tags, paths| GroupBy {
        phone,
        host,
        tags,
        paths,
    };
    let rules = KeepRules {
        last: Keep::Recent(1),
        ..KeepRules::default()
    };
    let sizes = |by| {
        let groups = plan(&snapshots, &rules, by, TODAY);
        for group in &groups {
            assert_eq!(group.decisions.iter().filter(|one| one.keep).count(), 1);
            assert!(!group.keeps_nothing());
        }
        groups
            .iter()
            .map(|group| group.decisions.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(sizes(GroupBy::default()), [1, 3]);
    assert_eq!(sizes(GroupBy::NOTHING), [4]);
    assert_eq!(sizes(by(true, true, false, false)), [1, 2, 1]);
    assert_eq!(sizes(by(false, false, true, false)), [3, 1]);
    assert_eq!(sizes(by(false, false, false, true)), [3, 1]);
    let groups = plan(
        &snapshots,
        &KeepRules::default(),
        by(true, true, true, true),
        TODAY,
    );
    assert_eq!(groups.len(), 4);
    let of_paths = groups
        .iter()
        .find(|group| group.key.paths == Some(vec![b"/a".to_vec(), b"/b".to_vec()]));
    assert!(of_paths.unwrap().keeps_nothing());
}

#[test]
fn rules_that_keep_nothing_are_known() {
    assert!(KeepRules::default().is_empty());
    let zero = KeepRules {
        within: Some(Span::default()),
        each_within: [Some(Span::default()); 5],
        ..KeepRules::default()
    };
    assert!(zero.is_empty());
    assert!(kept(&all(&["2026-01"]), &zero).is_empty());
    assert!(!each(Unit::Hour, Keep::All).is_empty());
    assert!(!each_within(Unit::Year, "1h").is_empty());
}

#[test]
fn spans_are_read_as_restic_writes_them() {
    for (text, shown) in [
        ("1y6m", "1y6m"),
        ("2y5m7d3h", "2y5m7d3h"),
        ("14d", "14d"),
        (" 3h2d ", "2d3h"),
        ("0d", "0d"),
    ] {
        assert_eq!(span(text).to_string(), shown);
    }
    for text in [
        "",
        " ",
        "7",
        "d",
        "1w",
        "1d2d",
        "-1d",
        "1.5y",
        "4000001h",
        "99999999999y",
        "1yé",
    ] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

/// Weekday by Sakamoto's method, 0 being Sunday.
fn weekday(date: CivilDate) -> i32 {
    let table = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
    let year = i32::from(date.year()) - i32::from(date.month() < 3);
    let month = table[usize::from(date.month() - 1)];
    (year + year / 4 - year / 100 + year / 400 + month + i32::from(date.day())).rem_euclid(7)
}

fn day_before(date: CivilDate) -> CivilDate {
    let (year, month, day) = (date.year(), date.month(), date.day());
    if day > 1 {
        return CivilDate::new(year, month, day - 1).unwrap();
    }
    let (year, month) = if month == 1 {
        (year - 1, 12)
    } else {
        (year, month - 1)
    };
    CivilPeriod::month(year, month).unwrap().last_day()
}

/// What people would call the hour, day, week, … of a snapshot.
fn label(unit: Unit, time: &SnapshotTime) -> String {
    let civil = time.civil();
    match unit {
        Unit::Hour => format!("{} {:02}", civil.date, civil.hour),
        Unit::Day => civil.date.to_string(),
        Unit::Week => {
            let mut monday = civil.date;
            while weekday(monday) != 1 {
                monday = day_before(monday);
            }
            monday.to_string()
        }
        Unit::Month => CivilPeriod::of_month(civil.date).to_string(),
        Unit::Year => CivilPeriod::of_year(civil.date).to_string(),
    }
}

/// The one a date would take comes last.
fn by_civil(snapshots: &[StoredSnapshot]) -> Vec<&StoredSnapshot> {
    let mut ordered: Vec<&StoredSnapshot> = snapshots.iter().collect();
    ordered.sort_by_key(|one| {
        (
            one.snapshot.time.civil(),
            one.snapshot.time.since_epoch(),
            one.rank,
        )
    });
    ordered
}

/// A civil time less a length, counted off month by month and day by day.
fn counted_back(from: &SnapshotTime, span: &Span) -> CivilTime {
    let civil = from.civil();
    let (mut year, mut month) = (civil.date.year(), civil.date.month());
    for _ in 0..span.years * 12 + span.months {
        (year, month) = if month == 1 {
            (year - 1, 12)
        } else {
            (year, month - 1)
        };
    }
    let last = CivilPeriod::month(year, month).unwrap().last_day().day();
    let end = matches!(from.precision, Precision::Month | Precision::Year);
    let day = if end { last } else { civil.date.day().min(last) };
    let mut date = CivilDate::new(year, month, day).unwrap();
    let mut hour = civil.hour;
    for _ in 0..span.days {
        date = day_before(date);
    }
    for _ in 0..span.hours {
        if hour == 0 {
            (date, hour) = (day_before(date), 23);
        } else {
            hour -= 1;
        }
    }
    CivilTime { date, hour, ..civil }
}

fn within(ordered: &[&StoredSnapshot], span: &Span) -> Vec<SnapshotId> {
    let tomorrow = CivilDate::new(2026, 5, 15).unwrap();
    let newest = ordered
        .iter()
        .rfind(|one| one.snapshot.time.period().first_day() <= tomorrow);
    let limit = newest.map(|one| counted_back(&one.snapshot.time, span));
    let fits = |one: &&&StoredSnapshot| limit.is_none_or(|limit| one.snapshot.time.civil() > limit);
    ordered.iter().filter(fits).map(|one| one.id).collect()
}

/// The last of each unit among those, and the oldest of all if `more` units could have been kept.
fn model_each(
    ordered: &[&StoredSnapshot],
    among: &[SnapshotId],
    unit: Unit,
    most: Option<usize>,
) -> Vec<SnapshotId> {
    let mut last: BTreeMap<String, SnapshotId> = BTreeMap::new();
    for one in ordered.iter().filter(|one| among.contains(&one.id)) {
        last.insert(label(unit, &one.snapshot.time), one.id);
    }
    let most = most.unwrap_or(usize::MAX);
    let mut kept: Vec<SnapshotId> = last.values().rev().take(most).copied().collect();
    if let Some(oldest) = ordered.first()
        && last.len() < most
        && among.contains(&oldest.id)
    {
        kept.push(oldest.id);
    }
    kept
}

/// All ids that the rules keep.
fn model(snapshots: &[StoredSnapshot], rules: &KeepRules) -> Vec<SnapshotId> {
    let ordered = by_civil(snapshots);
    let all: Vec<SnapshotId> = ordered.iter().map(|one| one.id).collect();
    let number = |keep: Keep| match keep {
        Keep::Recent(number) => Some(usize::try_from(number).unwrap()),
        Keep::All => None,
    };
    let mut kept: Vec<SnapshotId> = Vec::new();
    let mut by_instant: Vec<&StoredSnapshot> = snapshots.iter().collect();
    by_instant.sort_by_key(|one| (one.snapshot.time.since_epoch(), one.rank));
    let last = by_instant
        .iter()
        .rev()
        .take(number(rules.last).unwrap_or(usize::MAX));
    kept.extend(last.map(|one| one.id));
    if let Some(span) = rules.within.filter(|span| !span.is_zero()) {
        kept.extend(within(&ordered, &span));
    }
    for index in 0..5 {
        let unit = Unit::ALL[index];
        kept.extend(model_each(&ordered, &all, unit, number(rules.each[index])));
        if let Some(span) = rules.each_within[index].filter(|span| !span.is_zero()) {
            kept.extend(model_each(&ordered, &within(&ordered, &span), unit, None));
        }
    }
    kept.extend(snapshots.iter().filter(|one| one.pinned).map(|one| one.id));
    let tagged = |one: &&StoredSnapshot| {
        let has = |list: &Vec<String>| {
            if list.is_empty() {
                one.tags.is_empty()
            } else {
                list.iter().all(|tag| one.tags.contains(tag))
            }
        };
        rules.tags.iter().any(has)
    };
    kept.extend(snapshots.iter().filter(tagged).map(|one| one.id));
    kept.sort();
    kept.dedup();
    kept
}

fn times() -> impl Strategy<Value = SnapshotTime> {
    let offset = prop_oneof![Just(0), Just(7_200), Just(-10_800), Just(46_800), Just(-39_600)];
    // Close together and far apart, some from the future; around the ends of years and months.
    let moment = prop_oneof![
        1_746_000_000i64..1_746_400_000,
        1_700_000_000i64..1_779_000_000,
        1_735_500_000i64..1_735_800_000,
        1_779_000_000i64..1_790_000_000,
    ];
    (moment, 0u32..2, offset, 0u8..4).prop_map(|(seconds, nanoseconds, offset, precision)| {
        let instant = SnapshotTime::instant(seconds, nanoseconds, offset).unwrap();
        let date = instant.civil().date;
        let end = |period| SnapshotTime::end_of(period, offset).unwrap();
        match precision {
            0 => instant,
            1 => end(CivilPeriod::of_day(date)),
            2 => end(CivilPeriod::of_month(date)),
            _ => end(CivilPeriod::of_year(date)),
        }
    })
}

fn snapshots() -> impl Strategy<Value = Vec<StoredSnapshot>> {
    let tags = prop::collection::vec(prop_oneof![Just("a".to_owned()), Just("b".to_owned())], 0..3);
    let one = (times(), tags, prop::bool::weighted(0.1));
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let numbered = all.into_iter().zip(0u8..);
        numbered
            .map(|((time, tags, pinned), number)| StoredSnapshot {
                tags,
                pinned,
                ..stored(number, time)
            })
            .collect()
    })
}

fn rules() -> impl Strategy<Value = KeepRules> {
    let keep = || prop_oneof![4 => Just(Keep::Recent(0)), 3 => (1u32..6).prop_map(Keep::Recent), 1 => Just(Keep::All)];
    let span = || {
        let some = (0u32..2, 0u32..4, 0u32..9, 0u32..30).prop_map(|(years, months, days, hours)| Span {
            years,
            months,
            days,
            hours,
        });
        prop::option::weighted(0.3, some)
    };
    let list = prop::collection::vec(prop_oneof![Just("a".to_owned()), Just("b".to_owned())], 0..3);
    (
        keep(),
        [keep(), keep(), keep(), keep(), keep()],
        span(),
        [span(), span(), span(), span(), span()],
        prop::collection::vec(list, 0..2),
    )
        .prop_map(|(last, each, within, each_within, tags)| KeepRules {
            last,
            each,
            within,
            each_within,
            tags,
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        rng_seed: RngSeed::Fixed(0x706f_6c69_6379),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_model_keeps_the_same(snapshots in snapshots(), rules in rules()) {
        let groups = plan(&snapshots, &rules, GroupBy::NOTHING, TODAY);
        let decisions: Vec<_> = groups.iter().flat_map(|group| &group.decisions).collect();
        let order: Vec<SnapshotId> = decisions.iter().map(|one| one.snapshot.id).collect();
        let expected: Vec<SnapshotId> = by_civil(&snapshots).iter().map(|one| one.id).collect();
        prop_assert_eq!(order, expected);
        let mut kept: Vec<SnapshotId> =
            decisions.iter().filter(|one| one.keep).map(|one| one.snapshot.id).collect();
        kept.sort();
        prop_assert_eq!(kept, model(&snapshots, &rules));
        if rules.is_empty() {
            prop_assert!(decisions.iter().all(|one| one.keep == one.snapshot.pinned));
        }
    }

    /// A list of tags more takes nothing away from what is kept.
    #[test]
    fn more_rules_never_keep_less(snapshots in snapshots(), one in rules(), other in rules()) {
        let kept = |rules: &KeepRules| model(&snapshots, rules);
        let both = KeepRules { tags: [one.tags.clone(), other.tags.clone()].concat(), ..one.clone() };
        let kept_both = {
            let groups = plan(&snapshots, &both, GroupBy::NOTHING, TODAY);
            let all = groups.iter().flat_map(|group| &group.decisions);
            all.filter(|one| one.keep).map(|one| one.snapshot.id).collect::<Vec<_>>()
        };
        prop_assert!(kept(&one).iter().all(|id| kept_both.contains(id)));
    }

    #[test]
    fn no_time_and_no_span_makes_it_panic(
        seconds in any::<i64>(),
        offset in any::<i32>(),
        (years, months, days, hours) in (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()),
    ) {
        let time = SnapshotTime { unix_seconds: seconds, nanoseconds: 0, utc_offset_seconds: offset, precision: Precision::Month };
        let span = Some(Span { years, months, days, hours });
        let rules = KeepRules { each: [Keep::All; 5], within: span, each_within: [span; 5], ..KeepRules::default() };
        let snapshots = [stored(1, time), stored(2, SnapshotTime { utc_offset_seconds: 0, ..time })];
        for today in [CivilDate::MIN, TODAY, CivilDate::MAX] {
            prop_assert_eq!(plan(&snapshots, &rules, GroupBy::NOTHING, today).len(), 1);
        }
    }
}
