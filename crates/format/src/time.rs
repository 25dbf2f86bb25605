//! Points in civil time with the precision they are known to. See docs/format.md §9.
//!
//! The calendar is the proleptic Gregorian one, the years are 0 to 9999, and nothing here knows of clocks or time
//! zones: a snapshot brings its own offset from UTC. Reading a value never panics, whatever its fields hold.

mod civil;

pub use civil::{CivilDate, CivilPeriod, CivilTime};

use civil::small;
use std::fmt;

const SECONDS_A_DAY: i64 = 86_400;
const LAST_SECOND_OF_DAY: i64 = 86_399;

/// How exactly a snapshot's time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// A point in time, from a clock.
    Instant,
    /// Some time on that civil day.
    Day,
    /// Some time in that civil month.
    Month,
    /// Some time in that civil year.
    Year,
}

/// Why a time is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The instant is outside the years 0 to 9999, or so near their ends that some offset would leave them.
    #[error("{0} seconds since 1970 is outside the years 0 to 9999")]
    OutOfRange(i64),
    /// More nanoseconds than a second has.
    #[error("{0} nanoseconds are more than a second")]
    Nanoseconds(u32),
    /// An offset no clock on Earth shows.
    #[error("an offset of {0} seconds from UTC is not below 26 hours")]
    Offset(i32),
    /// A day, month or year is recorded by its last second, and this is another one.
    #[error("a time known to the {0} must be its last second, and is not")]
    NotEndOfPeriod(&'static str),
}

/// When a snapshot's content was current.
///
/// With a precision other than [`Precision::Instant`], the instant is the last second of the civil period, so
/// that ordering by instant also orders periods by their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_seconds: i64,
    /// Nanoseconds within that second, 0..=999,999,999.
    pub nanoseconds: u32,
    /// Offset of the civil clock from UTC in seconds, east positive, within ±26 h.
    pub utc_offset_seconds: i32,
    /// How exactly the time is known.
    pub precision: Precision,
}

impl SnapshotTime {
    /// 0000-01-02T02:00:00Z: from here on every offset stays within the year 0.
    pub const MIN_UNIX_SECONDS: i64 = -62_167_125_600;
    /// 9999-12-30T22:00:00Z: up to here every offset stays within the year 9999.
    pub const MAX_UNIX_SECONDS: i64 = 253_402_207_200;
    /// One second less than 26 hours.
    pub const MAX_UTC_OFFSET_SECONDS: i32 = 93_599;

    /// A time as it was recorded, once it is known to keep every promise of this type.
    pub fn new(
        unix_seconds: i64,
        nanoseconds: u32,
        utc_offset_seconds: i32,
        precision: Precision,
    ) -> Result<Self, TimeError> {
        let time = Self {
            unix_seconds,
            nanoseconds,
            utc_offset_seconds,
            precision,
        };
        time.validate()?;
        Ok(time)
    }

    /// A point in time, from a clock that shows UTC + `utc_offset_seconds`.
    pub fn instant(unix_seconds: i64, nanoseconds: u32, utc_offset_seconds: i32) -> Result<Self, TimeError> {
        Self::new(unix_seconds, nanoseconds, utc_offset_seconds, Precision::Instant)
    }

    /// The last second of `period` where the clock shows UTC + `utc_offset_seconds` at that moment.
    pub fn end_of(period: CivilPeriod, utc_offset_seconds: i32) -> Result<Self, TimeError> {
        let unix_seconds = period
            .last_day()
            .days_since_epoch()
            .saturating_mul(SECONDS_A_DAY)
            .saturating_add(LAST_SECOND_OF_DAY)
            .saturating_sub(i64::from(utc_offset_seconds));
        Self::new(unix_seconds, 0, utc_offset_seconds, period.precision())
    }

    /// Whether the fields keep every promise of this type; to be asked of anything read from a disk.
    pub fn validate(&self) -> Result<(), TimeError> {
        if !(Self::MIN_UNIX_SECONDS..=Self::MAX_UNIX_SECONDS).contains(&self.unix_seconds) {
            return Err(TimeError::OutOfRange(self.unix_seconds));
        }
        if self.nanoseconds > 999_999_999 {
            return Err(TimeError::Nanoseconds(self.nanoseconds));
        }
        if self.utc_offset_seconds.saturating_abs() > Self::MAX_UTC_OFFSET_SECONDS {
            return Err(TimeError::Offset(self.utc_offset_seconds));
        }
        let civil = self.civil();
        let last_second = (civil.hour, civil.minute, civil.second, civil.nanosecond) == (23, 59, 59, 0);
        let unit = match self.precision {
            Precision::Instant => return Ok(()),
            Precision::Day => "day",
            Precision::Month => "month",
            Precision::Year => "year",
        };
        if last_second && civil.date == self.period().last_day() {
            Ok(())
        } else {
            Err(TimeError::NotEndOfPeriod(unit))
        }
    }

    /// Seconds and nanoseconds since 1970, the order of instants.
    pub fn since_epoch(&self) -> (i64, u32) {
        (self.unix_seconds, self.nanoseconds)
    }

    /// What calendar and clock showed where the snapshot was made. Fields out of range are taken as the nearest
    /// value in range.
    pub fn civil(&self) -> CivilTime {
        self.civil_at(self.utc_offset_seconds)
    }

    /// The civil period this time stands for; that of an instant is its day.
    pub fn period(&self) -> CivilPeriod {
        let date = self.civil().date;
        match self.precision {
            Precision::Instant | Precision::Day => CivilPeriod::of_day(date),
            Precision::Month => CivilPeriod::of_month(date),
            Precision::Year => CivilPeriod::of_year(date),
        }
    }

    /// The instant as RFC 3339, with the recorded offset and only as many decimals as are not zero. An offset
    /// RFC 3339 has no words for is cut to whole minutes, or to `Z` from 24 hours on: the instant stays exact.
    pub fn rfc3339(&self) -> String {
        let minutes = match self.utc_offset_seconds {
            offset if offset.saturating_abs() < 86_400 => offset.checked_div(60).unwrap_or(0),
            _ => 0,
        };
        let civil = self.civil_at(minutes.saturating_mul(60));
        let mut text = format!(
            "{}T{:02}:{:02}:{:02}",
            civil.date, civil.hour, civil.minute, civil.second
        );
        if civil.nanosecond != 0 {
            text.push_str(format!(".{:09}", civil.nanosecond).trim_end_matches('0'));
        }
        if minutes == 0 {
            text.push('Z');
        } else {
            text.push_str(&offset_text(minutes.saturating_mul(60)));
        }
        text
    }

    fn civil_at(&self, utc_offset_seconds: i32) -> CivilTime {
        let limit = Self::MAX_UTC_OFFSET_SECONDS;
        let seconds = self
            .unix_seconds
            .clamp(Self::MIN_UNIX_SECONDS, Self::MAX_UNIX_SECONDS)
            .saturating_add(i64::from(utc_offset_seconds.clamp(limit.saturating_neg(), limit)));
        let of_day = seconds.rem_euclid(SECONDS_A_DAY);
        CivilTime {
            date: CivilDate::from_days_since_epoch(seconds.div_euclid(SECONDS_A_DAY)),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            nanosecond: self.nanoseconds.min(999_999_999),
        }
    }
}

/// As exact as the time is known: `2026`, `2026-05`, `2026-05-14` or `2026-05-14 18:00:00 +02:00`.
impl fmt::Display for SnapshotTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.precision != Precision::Instant {
            return self.period().fmt(f);
        }
        let civil = self.civil();
        let offset = offset_text(self.utc_offset_seconds);
        f.pad(&format!(
            "{} {:02}:{:02}:{:02} {offset}",
            civil.date, civil.hour, civil.minute, civil.second
        ))
    }
}

/// `+02:00`; seconds only where there are some.
fn offset_text(utc_offset_seconds: i32) -> String {
    let sign = if utc_offset_seconds < 0 { '-' } else { '+' };
    let seconds = utc_offset_seconds.unsigned_abs();
    let text = format!("{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60);
    match seconds % 60 {
        0 => text,
        rest => format!("{text}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests;
