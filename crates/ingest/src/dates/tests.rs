//! Tables of names, photos and zones, and what holds for any bytes.

use super::months::{MONTHS, fold, month};
use super::*;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lumivault_format::{CivilPeriod, Precision, SnapshotTime};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;

mod photos;

/// The date in a name and the phone, `-` for none; or `error: ` and what is refused.
fn read(name: &str) -> String {
    match from_name(name) {
        Ok(None) => "-".to_owned(),
        Ok(Some(dated)) => match dated.phone_hint {
            Some(phone) => format!("{} [{phone}]", dated.period),
            None => dated.period.to_string(),
        },
        Err(NameError::Ambiguous { text, first, second }) => format!("{text}: {first} or {second}"),
        Err(NameError::NoSuchDate(text)) => format!("{text}: no date"),
        Err(NameError::SeveralDates { first, second }) => format!("both {first} and {second}"),
    }
}

fn check(table: &[(&str, &str)]) {
    let wrong: Vec<_> = table
        .iter()
        .filter(|(name, expected)| read(name) != *expected)
        .map(|(name, expected)| format!("{name:?}: {} instead of {expected}", read(name)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn dates_in_numbers_are_read() {
    check(&[
        ("Lumia-Backup-2026-05", "2026-05"),
        ("2026-05-14", "2026-05-14"),
        ("2026-5-4", "2026-05-04"),
        ("2026-5", "2026-05"),
        ("202605", "2026-05"),
        ("20260514", "2026-05-14"),
        ("Backup_2026.05.14", "2026-05-14"),
        ("Backup 2026_05_14", "2026-05-14"),
        ("2026. 05. 14.", "2026-05-14"),
        ("2026 05 14", "2026-05-14"),
        ("2026–05–14", "2026-05-14"),
        ("14-05-2026", "2026-05-14"),
        ("14.5.2026", "2026-05-14"),
        ("05-14-2026", "2026-05-14"),
        ("05.05.2026", "2026-05-05"),
        ("14052026", "2026-05-14"),
        ("31122012", "2012-12-31"),
        ("05-2026", "2026-05"),
        ("05.2026", "2026-05"),
        ("Lumia 05 2026", "2026-05"),
        ("Lumia-Backup-2015", "2015"),
        ("2015", "2015"),
        ("Lumia2016", "2016"),
        ("2024-02-29", "2024-02-29"),
        ("2026-05-14 (2)", "2026-05-14"),
        ("2026-05-14_2", "2026-05-14"),
        ("2026-05-14 - Copy", "2026-05-14"),
        ("2015 (2)", "2015"),
        ("2015 2", "2015"),
        ("Phone1_2026", "2026"),
        ("Card2-2026-05", "2026-05"),
        ("01 2026-05", "2026-05"),
        ("01_2026-05", "2026-05"),
        ("05 - 2026-06", "2026-06"),
        ("2026-05 (2026-05-14)", "2026-05-14"),
        ("2026 - Backup 2026-05-14", "2026-05-14"),
    ]);
}

#[test]
fn a_time_of_day_after_a_date_is_no_second_date() {
    check(&[
        ("2026-05-14T18-00-00", "2026-05-14"),
        ("2026-05-14 18.00.00", "2026-05-14"),
        ("2026-05-14-18-30", "2026-05-14"),
        ("14-05-2026-18-30", "2026-05-14"),
        ("20260514_201501", "2026-05-14"),
        ("20260514T201501", "2026-05-14"),
        ("20260514-2015", "2026-05-14"),
        ("2026-05-14 2015", "2026-05-14"),
        ("202605142015", "2026-05-14"),
        ("20260514201501", "2026-05-14"),
        ("2026-05-14_2026-06-01", "both 2026-05-14 and 2026-06-01"),
    ]);
}

#[test]
fn dates_with_the_month_as_a_word_are_read() {
    check(&[
        ("May 2026", "2026-05"),
        ("2026 May", "2026-05"),
        ("14 May 2026", "2026-05-14"),
        ("14th of May 2026", "2026-05-14"),
        ("May 14, 2026", "2026-05-14"),
        ("May 14th, 2026", "2026-05-14"),
        ("2026 May 14", "2026-05-14"),
        ("2026-May-14", "2026-05-14"),
        ("14May2026", "2026-05-14"),
        ("Backup-May2026", "2026-05"),
        ("LUMIA_MAY_2026", "2026-05"),
        ("Sat, 14 May 2026", "2026-05-14"),
        ("14-May-2026 18-30", "2026-05-14"),
        ("02 - May 2026", "2026-05"),
        ("May - 2026", "2026-05"),
        ("Sept. 2026", "2026-09"),
        ("Mai 2026", "2026-05"),
        ("14. Mai 2026", "2026-05-14"),
        ("Sicherung März 2026", "2026-03"),
        ("Sicherung Ma\u{308}rz 2026", "2026-03"),
        ("Maerz 2026", "2026-03"),
        ("Jänner 2026", "2026-01"),
        ("1er août 2026", "2026-08-01"),
        ("févr. 2026", "2026-02"),
        ("DÉCEMBRE 2026", "2026-12"),
        ("14 de mayo de 2026", "2026-05-14"),
        ("enero 2026", "2026-01"),
        ("setiembre 2026", "2026-09"),
        ("1º maggio 2026", "2026-05-01"),
        ("14 gennaio 2026", "2026-01-14"),
        ("mag 2026", "2026-05"),
        ("lug 2026", "2026-07"),
        ("14 de março de 2026", "2026-03-14"),
        ("dezembro de 2026", "2026-12"),
        ("14 maja 2026", "2026-05-14"),
        ("październik 2026", "2026-10"),
        ("14 września 2026", "2026-09-14"),
        ("lis 2026", "2026-11"),
        ("Май 2026", "2026-05"),
        ("Маи\u{306} 2026", "2026-05"),
        ("14 мая 2026 г.", "2026-05-14"),
        ("1 сентября 2026", "2026-09-01"),
        ("янв. 2026", "2026-01"),
        ("toukokuu 2026", "2026-05"),
        ("14. toukokuuta 2026", "2026-05-14"),
        ("kesäkuussa 2026", "2026-06"),
        ("heinä 2026", "2026-07"),
        ("Lumia 950 May 2026", "2026-05 [Lumia 950]"),
        ("45 May 2026", "2026-05"),
        ("31 Feb 2026", "31 Feb 2026: no date"),
    ]);
}

#[test]
fn words_that_are_not_only_months_are_not_taken_for_one() {
    check(&[
        ("set 2026", "2026-09"),
        ("14 set 2026", "2026-09-14"),
        ("Lumia set 2026", "2026-09"),
        ("Lumia 950 out 2026", "2026-10 [Lumia 950]"),
        ("Backup set 2016", "set 2016: 2016-09 or 2016"),
        ("2016 set", "2016 set: 2016-09 or 2016"),
        ("Maja 2026", "2026"),
        ("kesä 2026", "2026"),
        ("Mayor 2026", "2026"),
        ("Junior 2026", "2026"),
        ("May", "-"),
        ("14 May", "-"),
        ("May 14", "-"),
        ("May 26", "-"),
    ]);
}

#[test]
fn numbers_that_are_no_dates_do_not_become_one() {
    check(&[
        ("Lumia 950", "-"),
        ("RM-1116", "-"),
        ("RM-2015", "-"),
        ("Lumia 2520", "-"),
        ("Lumia 1520", "-"),
        ("Lumia1520-2015", "2015 [Lumia 1520]"),
        ("Nokia 2010", "-"),
        ("Nokia 2015-06", "2015-06"),
        ("1920x1080", "-"),
        ("2048x1536", "-"),
        ("2000 x 2010", "-"),
        ("2000×2010", "-"),
        ("2000px", "-"),
        ("2048 MB", "-"),
        ("2015-16GB", "2015"),
        ("IMG_2015", "-"),
        ("DSC 2015", "-"),
        ("+49 171 2026 05 14", "-"),
        ("+4917120260514", "-"),
        ("0171-2026-05", "-"),
        ("0171 20260514", "-"),
        ("425-555-2015", "-"),
        ("555-2026-05", "-"),
        ("(425) 555-2015", "-"),
        ("10.0.15254", "-"),
        ("8.10.14234.375", "-"),
        ("1850", "-"),
        ("2100", "-"),
        ("18500514", "-"),
        ("999999", "-"),
        ("140526", "-"),
        ("14-05-26", "-"),
        ("Camera Roll", "-"),
        ("WPSystem", "-"),
        ("100NOKIA", "-"),
        ("", "-"),
    ]);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    check(&[
        ("03-04-2026", "03-04-2026: 2026-04-03 or 2026-03-04"),
        ("Backup 3.4.2026", "3.4.2026: 2026-04-03 or 2026-03-04"),
        ("03 04 2026", "03 04 2026: 2026-04-03 or 2026-03-04"),
        ("03042026", "03042026: 2026-04-03 or 2026-03-04"),
        ("01-2026-05", "01-2026-05: 2026-05 or 2026-01"),
        ("200512", "200512: 2005-12 or 2012-05-20"),
        ("2015_2", "2015_2: 2015-02 or 2015"),
        ("2026-05-1", "2026-05-1: 2026-05-01 or 2026-05"),
        ("May 2026 June", "May 2026 June: 2026-05 or 2026-06"),
        ("2015-2016", "both 2015 and 2016"),
        ("2026-05 and 2026-06", "both 2026-05 and 2026-06"),
        ("2026-02-30", "2026-02-30: no date"),
        ("2026-14-05", "2026-14-05: no date"),
        ("2025-02-29", "2025-02-29: no date"),
        ("2026-13", "2026-13: no date"),
        ("2015-16", "2015-16: no date"),
        ("31-02-2026", "31-02-2026: no date"),
    ]);
    let said = from_name("03-04-2026").unwrap_err().to_string();
    for part in ["\"03-04-2026\"", "2026-04-03", "2026-03-04", "rename"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_phone_is_taken_from_its_model() {
    check(&[
        ("Lumia 950 2026-05", "2026-05 [Lumia 950]"),
        ("Lumia 950-2016-05", "2016-05 [Lumia 950]"),
        ("Lumia 950 05-2026", "2026-05 [Lumia 950]"),
        ("Lumia 950 XL 2026-05", "2026-05 [Lumia 950 XL]"),
        ("Lumia950XL_20260514", "2026-05-14 [Lumia 950 XL]"),
        ("microsoft-lumia-640-2026-05", "2026-05 [Lumia 640]"),
        ("Nokia Lumia 1020 (RM-875) 2014", "2014 [Lumia 1020]"),
        ("RM-1116 2026-05", "2026-05 [RM-1116]"),
        ("Nokia 808 2013-12", "2013-12 [Nokia 808]"),
        ("Lumia 2520 2014-01", "2014-01 [Lumia 2520]"),
        ("Lumia 950 and Lumia 640 2026-05", "2026-05"),
        ("2026-05 Lumia 950", "2026-05 [Lumia 950]"),
    ]);
}

#[test]
fn every_month_of_every_language_is_found_and_none_is_two() {
    let mut seen = BTreeMap::new();
    for (row, number) in MONTHS.iter().zip(1_u8..) {
        for name in row.split_whitespace() {
            let folded = fold(name);
            assert_eq!(month(&folded).map(|found| found.0), Some(number), "{name}");
            assert_eq!(
                month(&fold(&name.to_uppercase())).map(|found| found.0),
                Some(number),
                "{name}"
            );
            if let Some(other) = seen.insert(folded, number) {
                assert_eq!(other, number, "{name} is in two rows");
            }
        }
    }
    assert!(seen.len() > 200, "{}", seen.len());
}

#[test]
fn precision_is_that_of_the_name() {
    for (name, precision) in [
        ("2026", Precision::Year),
        ("2026-05", Precision::Month),
        ("2026-05-14", Precision::Day),
        ("May 2026", Precision::Month),
    ] {
        assert_eq!(from_name(name).unwrap().unwrap().precision(), precision);
    }
}

#[test]
fn names_of_photos_tell_their_time() {
    for (name, expected) in [
        ("WP_20140919_004.jpg", "2014-09-19 -"),
        ("WP_20150111_16_25_30_Pro.jpg", "2015-01-11 16:25:30"),
        ("WP_20150111_16_25_30_0_Pro.jpg", "2015-01-11 16:25:30"),
        ("WP_20150111_16_25_30_Pro__highres.jpg", "2015-01-11 16:25:30"),
        ("WP_20150111_16_25_30_Raw__highres.dng", "2015-01-11 16:25:30"),
        ("wp_20140714_15_25_11.mp4", "2014-07-14 15:25:11"),
        ("WP_20150111_24_25_30_Pro.jpg", "2015-01-11 -"),
        ("wp_ss_20150111_0001.png", "2015-01-11 -"),
        ("IMG_20150111_162530.jpg", "2015-01-11 16:25:30"),
        ("VID-20150111-WA0001.mp4", "2015-01-11 -"),
        ("WP_20141319_004.jpg", ""),
        ("WP_20140931_004.jpg", ""),
        ("WP_19700101_004.jpg", ""),
        ("WP_000123.jpg", ""),
        ("WP_201409191_004.jpg", ""),
        ("WP_2014091", ""),
        ("WP_", ""),
        ("DSC_20140919_004.jpg", ""),
        ("WP_２０１４０９１９.jpg", ""),
    ] {
        let read = from_camera_name(name).map(|found| {
            format!(
                "{} {}",
                found.date,
                found.time.map_or("-".to_owned(), |time| time.to_string())
            )
        });
        assert_eq!(read.unwrap_or_default(), expected, "{name}");
    }
    let counted = from_camera_name("WP_20140919_004.jpg").unwrap();
    assert_eq!(counted.earliest(), date(2014, 9, 19).at(0, 0, 0, 0));
}

#[test]
fn the_newest_plausible_date_wins() {
    let now = date(2026, 5, 14).at(12, 0, 0, 0);
    let mut newest = Newest::photos(now);
    assert_eq!(newest.newest(), None);
    for (photo, plausible) in [
        (date(2025, 8, 1).at(10, 0, 0, 0), true),
        (date(2026, 5, 1).at(9, 0, 0, 0), true),
        (date(2024, 1, 1).at(0, 0, 0, 0), true),
        (date(1970, 1, 1).at(0, 0, 0, 0), false),
        (date(1989, 12, 31).at(23, 59, 59, 0), false),
        (date(1990, 1, 1).at(0, 0, 0, 0), true),
        (date(0, 1, 1).at(0, 0, 0, 0), false),
        (DateTime::MIN, false),
        (date(2026, 5, 16).at(12, 0, 1, 0), false),
        (date(2040, 1, 1).at(0, 0, 0, 0), false),
        (DateTime::MAX, false),
    ] {
        assert_eq!(newest.offer(photo), plausible, "{photo}");
    }
    assert_eq!(
        (newest.newest(), newest.refused_count()),
        (Some(date(2026, 5, 1).at(9, 0, 0, 0)), 7)
    );
    assert!(newest.offer(now + 2.days()), "a clock may run two days ahead");
    assert_eq!(newest.newest(), Some(now + 2.days()));
}

#[test]
fn the_newest_plausible_file_time_wins() {
    let now: Timestamp = "2026-05-14T12:00:00Z".parse().unwrap();
    let mut newest = Newest::files(now);
    for (time, plausible) in [
        ("2026-05-01T09:00:00Z", true),
        ("1970-01-01T00:00:00Z", false),
        ("1980-01-01T00:00:00Z", false),
        ("2026-05-16T12:00:01Z", false),
        ("2026-04-30T09:00:00Z", true),
    ] {
        assert_eq!(newest.offer(time.parse().unwrap()), plausible, "{time}");
    }
    assert_eq!(newest.newest(), Some("2026-05-01T09:00:00Z".parse().unwrap()));
    assert!(
        !Newest::files(Timestamp::MIN).offer(now),
        "a clock out of all bounds finds nothing plausible"
    );
    assert!(Newest::files(Timestamp::MAX).offer(now));
}

/// Berlin's rules of today; written out, so that no tables of the system are needed.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

#[test]
fn a_period_ends_by_the_clock_of_its_zone() {
    let zone = TimeZone::posix(BERLIN).unwrap();
    for (name, ends, shown) in [
        ("2026-05", "2026-05-31T23:59:59+02:00", "2026-05"),
        ("2026-05-14", "2026-05-14T23:59:59+02:00", "2026-05-14"),
        ("2026-12", "2026-12-31T23:59:59+01:00", "2026-12"),
        ("2026", "2026-12-31T23:59:59+01:00", "2026"),
        ("2024-02", "2024-02-29T23:59:59+01:00", "2024-02"),
    ] {
        let time = end_of(from_name(name).unwrap().unwrap().period, &zone).unwrap();
        assert_eq!(
            (time.rfc3339().as_str(), time.to_string().as_str()),
            (ends, shown)
        );
    }
    let last = CivilPeriod::year(9999).unwrap();
    assert!(end_of(last, &zone).is_err(), "refused, not wrapped");
}

#[test]
fn a_day_keeps_its_date_where_clocks_change_at_its_end() {
    let day = CivilPeriod::day(2026, 3, 29).unwrap();
    // From 23:30 on the last Sunday of March clocks show 0:30 of the next day.
    let forward = TimeZone::posix("AAA3BBB2,M3.5.0/23:30:00,M10.5.0/3").unwrap();
    let time = end_of(day, &forward).unwrap();
    assert_eq!(
        (time.period(), time.rfc3339().as_str()),
        (day, "2026-03-29T23:59:59-03:00")
    );
    // On the last Sunday of October they show 23:00 once more at midnight.
    let back = TimeZone::posix("AAA3BBB2,M3.5.0/2,M10.5.0/24").unwrap();
    let day = CivilPeriod::day(2026, 10, 25).unwrap();
    assert_eq!(
        end_of(day, &back).unwrap().rfc3339(),
        "2026-10-25T23:59:59-03:00",
        "the second time it shows that"
    );
}

#[test]
fn instants_and_days_of_a_zone() {
    let zone = TimeZone::posix(BERLIN).unwrap();
    let photo = date(2026, 5, 14).at(18, 0, 0, 5);
    assert_eq!(
        instant_of(photo, &zone).unwrap().rfc3339(),
        "2026-05-14T18:00:00.000000005+02:00"
    );
    let old = date(1960, 1, 1).at(0, 0, 0, 5);
    assert_eq!(
        instant_of(old, &TimeZone::UTC).unwrap().rfc3339(),
        "1960-01-01T00:00:00.000000005Z"
    );
    let late: Timestamp = "2026-05-13T22:30:00Z".parse().unwrap();
    assert_eq!(day_of(late, &zone), CivilPeriod::day(2026, 5, 14));
    assert_eq!(day_of(late, &TimeZone::UTC), CivilPeriod::day(2026, 5, 13));
    assert_eq!(day_of(Timestamp::MIN, &zone), None);
    for extreme in [DateTime::MIN, DateTime::MAX] {
        assert!(instant_of(extreme, &zone).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(950), failure_persistence: None, cases: 2_000, ..ProptestConfig::default()
    })]

    #[test]
    fn no_name_makes_reading_panic_and_every_date_is_of_a_sensible_year(name in prop_oneof![
        "\\PC{0,40}",
        "[-0-9 ._/x+T]{0,24}",
        "((Lumia|RM|Nokia|Backup|set|May|mai|de|th|XL|x|MB|\u{308}|2026|2015|14|05|5|950|20260514|0171)[-_. ]{0,2}){0,8}",
    ]) {
        if let Ok(Some(dated)) = from_name(&name) {
            prop_assert!(YEARS.contains(&dated.period.first_day().year()), "{}", dated.period);
        }
        from_camera_name(&name);
    }

    #[test]
    fn every_clear_form_of_a_day_is_read_as_that_day(year in 2013..2100_i16, month in 1..=12_u8, day in 13..=28_u8) {
        let period = CivilPeriod::day(year, month, day).unwrap();
        for name in [
            format!("{year}-{month:02}-{day:02}"),
            format!("Lumia 950 {year}.{month}.{day}"),
            format!("{day}.{month}.{year}"),
            format!("{month:02}/{day:02}/{year}"),
            format!("backup_{year}{month:02}{day:02}_2359"),
            format!("{day} {} {year}", MONTHS[usize::from(month) - 1].split(' ').next().unwrap()),
        ] {
            prop_assert_eq!(from_name(&name).map(|dated| dated.map(|dated| dated.period)), Ok(Some(period)), "{}", name);
        }
        let whole_month = from_name(&format!("Lumia-Backup-{year}-{month:02}")).unwrap().unwrap();
        prop_assert_eq!(whole_month.period, CivilPeriod::month(year, month).unwrap());
    }

    #[test]
    fn a_period_keeps_its_name_in_every_zone(
        year in 1990..2100_i16, month in 1..=12_u8, hours in -12..=14_i32, daily in any::<bool>(),
    ) {
        let rules = if daily { format!("AAA{hours}BBB{},M3.5.0/23,M10.5.0/24", hours - 1) } else { format!("AAA{hours}") };
        let zone = TimeZone::posix(&rules).unwrap();
        for period in [CivilPeriod::year(year), CivilPeriod::month(year, month), CivilPeriod::day(year, month, 28)] {
            let period = period.unwrap();
            let time: SnapshotTime = end_of(period, &zone).unwrap();
            prop_assert_eq!(time.period(), period);
            prop_assert_eq!(time.validate(), Ok(()));
        }
    }
}

#[test]
fn long_names_are_no_names() {
    assert_eq!(from_name(&"2026-05 ".repeat(200)), Ok(None));
    let date: Date = date(2026, 5, 14);
    assert_eq!(
        from_name(&format!("{}{date}", "x ".repeat(300)))
            .unwrap()
            .unwrap()
            .period
            .to_string(),
        "2026-05-14"
    );
}
