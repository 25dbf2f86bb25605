//! `backup --time`: when the content was current, as exactly as the user knows.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lumivault_format::{CivilPeriod, SnapshotTime};

const FORMS: &str =
    "a time is written 2026-05-14T18:30:00+02:00, `2026-05-14 18:30`, 2026-05-14, 2026-05 or 2026";

/// Reads a time or a whole day, month or year. Without an offset it is taken in `zone`.
pub(crate) fn parse_snapshot_time(text: &str, zone: &TimeZone) -> Result<SnapshotTime, String> {
    let text = text.trim();
    if let Some(period) = parse_period(text) {
        let period = period?;
        let last = period.last_day();
        let end = DateTime::new(last.year(), small(last.month()), small(last.day()), 23, 59, 59, 0);
        let offset = offset_at(end.map_err(|_| FORMS)?, zone)?.1;
        return SnapshotTime::end_of(period, offset).map_err(|error| error.to_string());
    }
    // RFC 3339 with its offset, which is kept.
    if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text)
        && let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset())
        && pieces.time_zone_annotation().is_none()
    {
        let civil = pieces.date().to_datetime(time);
        let timestamp = offset.to_timestamp(civil).map_err(|_| FORMS)?;
        return instant(timestamp, offset.seconds());
    }
    let civil: DateTime = text.parse().map_err(|_| FORMS)?;
    let (timestamp, offset) = offset_at(civil, zone)?;
    instant(timestamp, offset)
}

fn instant(timestamp: Timestamp, offset: i32) -> Result<SnapshotTime, String> {
    // Before 1970 jiff's fraction is negative, the format's never.
    let nanoseconds = timestamp.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).map_err(|_| FORMS)?;
    let fraction = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).map_err(|_| FORMS)?;
    SnapshotTime::instant(seconds, fraction, offset).map_err(|error| error.to_string())
}

/// The moment a civil time is in a zone, and the offset from UTC then. Of two, the earlier.
fn offset_at(civil: DateTime, zone: &TimeZone) -> Result<(Timestamp, i32), String> {
    let zoned = zone.to_ambiguous_zoned(civil).compatible().map_err(|_| FORMS)?;
    Ok((zoned.timestamp(), zoned.offset().seconds()))
}

/// `2026`, `2026-05`, `2026-05-14`; None for any other form, an error for a day no calendar has.
fn parse_period(text: &str) -> Option<Result<CivilPeriod, String>> {
    let parts: Vec<&str> = text.split('-').collect();
    let widths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let digits = parts
        .iter()
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if !digits || !matches!(widths.as_slice(), [4] | [4, 2] | [4, 2, 2]) {
        return None;
    }
    let mut numbers = parts.iter().map(|part| part.parse::<u16>().unwrap_or(u16::MAX));
    let year = i16::try_from(numbers.next()?).ok()?;
    let mut field = || numbers.next().and_then(|number| u8::try_from(number).ok());
    let period = match (field(), field()) {
        (None, _) => CivilPeriod::year(year),
        (Some(month), None) => CivilPeriod::month(year, month),
        (Some(month), Some(day)) => CivilPeriod::day(year, month, day),
    };
    Some(period.ok_or_else(|| format!("no calendar has {text}")))
}

/// A month or a day.
fn small(field: u8) -> i8 {
    i8::try_from(field).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};
    use lumivault_format::Precision;

    use super::parse_snapshot_time;

    fn read(text: &str) -> Result<(String, Precision), String> {
        let zone = TimeZone::fixed(Offset::constant(3));
        parse_snapshot_time(text, &zone).map(|time| (time.rfc3339(), time.precision))
    }

    #[test]
    fn all_forms() {
        let cases = [
            (
                "2026-05-14T18:30:00+02:00",
                "2026-05-14T18:30:00+02:00",
                Precision::Instant,
            ),
            (
                "2026-05-14T18:30:00.5Z",
                "2026-05-14T18:30:00.5Z",
                Precision::Instant,
            ),
            (
                "2026-05-14 18:30:00",
                "2026-05-14T18:30:00+03:00",
                Precision::Instant,
            ),
            (
                "2026-05-14 18:30",
                "2026-05-14T18:30:00+03:00",
                Precision::Instant,
            ),
            (
                " 2026-05-14T18:30 ",
                "2026-05-14T18:30:00+03:00",
                Precision::Instant,
            ),
            (
                "1969-12-31T23:59:59.5Z",
                "1969-12-31T23:59:59.5Z",
                Precision::Instant,
            ),
            ("2026-05-14", "2026-05-14T23:59:59+03:00", Precision::Day),
            ("2024-02", "2024-02-29T23:59:59+03:00", Precision::Month),
            ("2026", "2026-12-31T23:59:59+03:00", Precision::Year),
        ];
        for (text, rfc3339, precision) in cases {
            assert_eq!(read(text), Ok((rfc3339.into(), precision)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "latest",
            "2026-13",
            "2026-00",
            "2026-02-30",
            "2026-5-1",
            "26-05-14",
            "2026-05-14T25:00",
            "14.05.2026",
            "2026-05-14T18:30+99:00",
            "-2026",
            "99999-01-01",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_offset_is_that_of_the_season() {
        let rule = "CET-1CEST,M3.5.0,M10.5.0/3";
        let Ok(zone) = TimeZone::posix(rule) else {
            panic!("{rule} is a POSIX time zone")
        };
        let read = |text| parse_snapshot_time(text, &zone).unwrap().rfc3339();
        assert_eq!(read("2026-01"), "2026-01-31T23:59:59+01:00");
        assert_eq!(read("2026-07"), "2026-07-31T23:59:59+02:00");
        assert_eq!(read("2026-07-01 12:00"), "2026-07-01T12:00:00+02:00");
    }
}
