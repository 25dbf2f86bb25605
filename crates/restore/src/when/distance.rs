//! How far a snapshot is from what was asked for, as a person counts it.

use jiff::Unit;
use jiff::civil::{DateDifference, DateTime, DateTimeDifference};
use std::fmt;

/// Up to this many days are counted as days; beyond, in months and years.
const DAYS_COUNTED_MAX: i32 = 60;

/// A length of time in the units a person would name it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// By the calendar, both ends being days.
    Calendar {
        /// Whole years.
        years: i16,
        /// Whole months beyond them.
        months: i32,
        /// Days beyond them.
        days: i32,
    },
    /// By the clock, for what is less than two days off.
    Clock {
        /// Whole hours.
        hours: i32,
        /// Minutes beyond them.
        minutes: i64,
        /// Seconds beyond them.
        seconds: i64,
    },
}

impl Distance {
    /// From the day of `from` to the day of `to`.
    pub(super) fn in_days(from: DateTime, to: DateTime) -> Self {
        // Dates of our calendar are at most ten thousand years apart, which every span holds.
        let days = from.date().until(to.date()).unwrap_or_default().get_days();
        if days <= DAYS_COUNTED_MAX {
            return Self::Calendar {
                years: 0,
                months: 0,
                days,
            };
        }
        let span = from
            .date()
            .until(DateDifference::new(to.date()).largest(Unit::Year))
            .unwrap_or_default();
        Self::Calendar {
            years: span.get_years(),
            months: span.get_months(),
            days: span.get_days(),
        }
    }

    /// From `from` to `to`: by the clock if it is less than two days, else by the calendar.
    pub(super) fn in_time(from: DateTime, to: DateTime) -> Self {
        let span = from
            .until(DateTimeDifference::new(to).largest(Unit::Hour))
            .unwrap_or_default();
        if span.get_hours() >= 48 {
            return Self::in_days(from, to);
        }
        Self::Clock {
            hours: span.get_hours(),
            minutes: span.get_minutes(),
            seconds: span.get_seconds(),
        }
    }
}

/// `15 days`, `1 year and 3 months`, `about 2 months and 5 days`, `3 hours and 20 minutes`: the two largest units.
impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = match *self {
            Self::Calendar { years, months, days } => [
                (i64::from(years), "year"),
                (i64::from(months), "month"),
                (i64::from(days), "day"),
            ],
            Self::Clock {
                hours,
                minutes,
                seconds,
            } => [
                (i64::from(hours), "hour"),
                (minutes, "minute"),
                (seconds, "second"),
            ],
        };
        let mut parts = units.into_iter().skip_while(|unit| unit.0 == 0);
        let Some(first) = parts.next() else {
            return match self {
                Self::Calendar { .. } => f.write_str("less than a day"),
                Self::Clock { .. } => f.write_str("less than a second"),
            };
        };
        let second = parts.next().filter(|unit| unit.0 != 0);
        if parts.next().is_some_and(|unit| unit.0 != 0) {
            f.write_str("about ")?;
        }
        write_unit(f, first)?;
        if let Some(second) = second {
            f.write_str(" and ")?;
            write_unit(f, second)?;
        }
        Ok(())
    }
}

fn write_unit(f: &mut fmt::Formatter<'_>, (count, unit): (i64, &str)) -> fmt::Result {
    write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
}
