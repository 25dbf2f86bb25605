//! The calendar: days, whole periods, and what a clock on the wall shows; every value exists in the calendar.

use super::Precision;
use std::fmt;

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

impl CivilDate {
    /// The first day of the year 0.
    pub const MIN: Self = Self {
        year: 0,
        month: 1,
        day: 1,
    };
    /// The last day of the year 9999.
    pub const MAX: Self = Self {
        year: 9999,
        month: 12,
        day: 31,
    };

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

    /// Whole days since 1970-01-01. Algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "a date's fields are small, so nothing here can overflow"
    )]
    pub(super) fn days_since_epoch(self) -> i64 {
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
    pub(super) fn from_days_since_epoch(days: i64) -> Self {
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

    /// That one day.
    pub const fn of_day(day: CivilDate) -> Self {
        Self {
            first: day,
            precision: Precision::Day,
        }
    }

    /// The month that holds `day`.
    pub const fn of_month(day: CivilDate) -> Self {
        Self {
            first: CivilDate { day: 1, ..day },
            precision: Precision::Month,
        }
    }

    /// The year that holds `day`.
    pub const fn of_year(day: CivilDate) -> Self {
        Self {
            first: CivilDate {
                month: 1,
                day: 1,
                ..day
            },
            precision: Precision::Year,
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
pub(super) fn small(field: i64) -> u8 {
    u8::try_from(field).unwrap_or(0)
}
