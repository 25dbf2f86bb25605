//! Lengths of time by the calendar, as people and restic write them: `1y6m`, `14d`, `2y5m7d3h`.

use std::fmt;
use std::str::FromStr;

use lumivault_format::{CivilDate, CivilPeriod, SnapshotTime};

use super::{SECONDS_A_DAY, ends_month, local_seconds, start_of};

/// The largest number before a unit: more than the calendar has of any unit but hours.
const NUMBER_MAX: u32 = 4_000_000;

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Years.
    pub years: u32,
    /// Months.
    pub months: u32,
    /// Days of 24 hours.
    pub days: u32,
    /// Hours.
    pub hours: u32,
}

impl Span {
    /// Whether it lasts no time.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// The civil second, and nanoseconds in it, that lie so long before a time; None before the calendar begins. Years and
    /// months go first; a day that the month does not have is its last one.
    pub(super) fn before(&self, time: &SnapshotTime) -> Option<(i64, u32)> {
        let date = time.civil().date;
        let of_day = local_seconds(time).rem_euclid(SECONDS_A_DAY);
        let back = i64::from(self.years) * 12 + i64::from(self.months);
        let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 - back;
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let last = CivilPeriod::month(year, u8::try_from(month.rem_euclid(12) + 1).ok()?)?.last_day();
        let day = if ends_month(time) {
            last
        } else {
            CivilDate::new(year, last.month(), date.day()).unwrap_or(last)
        };
        let seconds = start_of(day)
            .saturating_add(of_day)
            .saturating_sub(i64::from(self.days) * SECONDS_A_DAY)
            .saturating_sub(i64::from(self.hours) * 3_600);
        Some((seconds, time.nanoseconds))
    }
}

/// `1y6m`
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (self.years, 'y'),
            (self.months, 'm'),
            (self.days, 'd'),
            (self.hours, 'h'),
        ];
        let mut said = units.iter().filter(|(number, _)| *number > 0).peekable();
        if said.peek().is_none() {
            return f.write_str("0d");
        }
        said.try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "a length of time is written 1y6m, 14d or 2y5m7d3h (years, months, days, hours)";
        let mut span = Self::default();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(FORMS.into());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, unit) = rest.split_at(digits);
            let number: u32 = number.parse().map_err(|_| FORMS)?;
            if number > NUMBER_MAX {
                return Err(format!("at most {NUMBER_MAX} of a unit can be meant"));
            }
            let place = match unit.as_bytes().first() {
                Some(b'y') => &mut span.years,
                Some(b'm') => &mut span.months,
                Some(b'd') => &mut span.days,
                Some(b'h') => &mut span.hours,
                _ => return Err(FORMS.into()),
            };
            if *place > 0 {
                return Err(format!("`{text}` says one unit twice"));
            }
            *place = number;
            rest = unit.get(1..).unwrap_or_default();
        }
        Ok(span)
    }
}
