//! Civil dates as points in time: always such that the recorded civil date is the one that was named.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use lumivault_format::{CivilDate, CivilPeriod, SnapshotTime, TimeError};

/// In a second.
const NANOSECONDS: i128 = 1_000_000_000;

/// The last second of `period` as a clock in `zone` shows it.
///
/// Where clocks went back over that second, it is the later of the two; where they went over it going forward, it
/// keeps the offset from before: another would change the date.
pub fn end_of(period: CivilPeriod, zone: &TimeZone) -> Result<SnapshotTime, TimeError> {
    let end = Time::constant(23, 59, 59, 0);
    let offset = offset_at(jiff_date(period.last_day()).to_datetime(end), zone);
    SnapshotTime::end_of(period, offset.seconds())
}

/// The instant at which a clock in `zone` shows `civil`; see [`end_of`] for clocks that are being changed.
pub fn instant_of(civil: DateTime, zone: &TimeZone) -> Result<SnapshotTime, TimeError> {
    let offset = offset_at(civil, zone).seconds();
    let shown = Offset::UTC
        .to_timestamp(civil)
        .map_err(|_| TimeError::OutOfRange(i64::MAX))?
        .as_nanosecond();
    // Floored, because the nanoseconds of a snapshot count forwards before 1970 too.
    let seconds = i64::try_from(shown.div_euclid(NANOSECONDS)).unwrap_or(i64::MAX);
    let nanoseconds = u32::try_from(shown.rem_euclid(NANOSECONDS)).unwrap_or(0);
    SnapshotTime::instant(seconds.saturating_sub(i64::from(offset)), nanoseconds, offset)
}

/// The civil day of an instant in `zone`, as for the time of a file.
pub fn day_of(instant: Timestamp, zone: &TimeZone) -> Option<CivilPeriod> {
    let date = zone.to_datetime(instant).date();
    let field = |value: i8| u8::try_from(value).ok();
    CivilPeriod::day(date.year(), field(date.month())?, field(date.day())?)
}

fn offset_at(civil: DateTime, zone: &TimeZone) -> Offset {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    }
}

fn jiff_date(date: CivilDate) -> Date {
    let field = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
    Date::new(date.year(), field(date.month()), field(date.day())).unwrap_or(Date::MIN)
}
