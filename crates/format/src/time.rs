//! Points in civil time with the precision they are known to. See docs/format.md §9.
//!
//! The calendar is the proleptic Gregorian one, the years are 0 to 9999, and nothing here knows of clocks or time
//! zones: a snapshot brings its own offset from UTC. Reading a value never panics, whatever its fields hold.

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

/// A day of the calendar, 0000-01-01 to 9999-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CivilDate {
    year: i16,
    month: u8,
    day: u8,
}

/// What a calendar and a clock on the wall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CivilTime {
    /// The day.
    pub date: CivilDate,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=59.
    pub second: u8,
    /// 0..=999,999,999.
    pub nanosecond: u32,
}

/// A whole day, month or year of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CivilPeriod {
    first: CivilDate,
    /// Never `Instant`.
    precision: Precision,
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
        Self::new(unix_seconds, 0, utc_offset_seconds, period.precision)
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
            Precision::Instant | Precision::Day => CivilPeriod {
                first: date,
                precision: Precision::Day,
            },
            Precision::Month => CivilPeriod {
                first: date.first_of_month(),
                precision: Precision::Month,
            },
            Precision::Year => CivilPeriod {
                first: date.first_of_year(),
                precision: Precision::Year,
            },
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

impl CivilDate {
    /// The day, unless the calendar has none such.
    pub const fn new(year: i16, month: u8, day: u8) -> Option<Self> {
        if year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// 0..=9999.
    pub const fn year(self) -> i16 {
        self.year
    }

    /// 1..=12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// 1..=31.
    pub const fn day(self) -> u8 {
        self.day
    }

    const fn first_of_month(self) -> Self {
        Self { day: 1, ..self }
    }

    const fn first_of_year(self) -> Self {
        Self {
            month: 1,
            day: 1,
            ..self
        }
    }

    /// Whole days since 1970-01-01. Algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "a date's fields are small, so nothing here can overflow"
    )]
    fn days_since_epoch(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        // Years begin in March here, so that the leap day is the last of its year.
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The inverse of [`Self::days_since_epoch`], for days within the years 0 to 9999.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "the days are bounded first, so nothing here can overflow"
    )]
    fn from_days_since_epoch(days: i64) -> Self {
        let shifted = days.clamp(-719_528, 2_932_896) + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = (shifted_month + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year: i16::try_from(year).unwrap_or(0),
            month: small(month),
            day: small(day_of_year - (153 * shifted_month + 2) / 5 + 1),
        }
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}-{:02}", self.year, self.month, self.day))
    }
}

impl CivilPeriod {
    /// One day, unless the calendar has none such.
    pub const fn day(year: i16, month: u8, day: u8) -> Option<Self> {
        match CivilDate::new(year, month, day) {
            Some(first) => Some(Self {
                first,
                precision: Precision::Day,
            }),
            None => None,
        }
    }

    /// One month, 1..=12, of a year 0..=9999.
    pub const fn month(year: i16, month: u8) -> Option<Self> {
        match CivilDate::new(year, month, 1) {
            Some(first) => Some(Self {
                first,
                precision: Precision::Month,
            }),
            None => None,
        }
    }

    /// One year, 0..=9999.
    pub const fn year(year: i16) -> Option<Self> {
        match CivilDate::new(year, 1, 1) {
            Some(first) => Some(Self {
                first,
                precision: Precision::Year,
            }),
            None => None,
        }
    }

    /// `Day`, `Month` or `Year`.
    pub const fn precision(self) -> Precision {
        self.precision
    }

    /// The first day of the period.
    pub const fn first_day(self) -> CivilDate {
        self.first
    }

    /// The last day of the period.
    pub const fn last_day(self) -> CivilDate {
        let CivilDate { year, month, day } = self.first;
        match self.precision {
            Precision::Instant | Precision::Day => CivilDate { year, month, day },
            Precision::Month => CivilDate {
                year,
                month,
                day: days_in_month(year, month),
            },
            Precision::Year => CivilDate {
                year,
                month: 12,
                day: 31,
            },
        }
    }

    /// Whether every day of `other` is in this period.
    pub fn contains(self, other: Self) -> bool {
        self.first_day() <= other.first_day() && other.last_day() <= self.last_day()
    }
}

/// `2026`, `2026-05` or `2026-05-14`.
impl fmt::Display for CivilPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilDate { year, month, .. } = self.first;
        match self.precision {
            Precision::Year => f.pad(&format!("{year:04}")),
            Precision::Month => f.pad(&format!("{year:04}-{month:02}")),
            Precision::Day | Precision::Instant => self.first.fmt(f),
        }
    }
}

const fn days_in_month(year: i16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// A calendar field; they are all far below 256.
fn small(field: i64) -> u8 {
    u8::try_from(field).unwrap_or(0)
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
