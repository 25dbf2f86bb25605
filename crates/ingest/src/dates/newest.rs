//! The newest plausible date among many, gathered one by one.

use super::YEARS;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// A clock may run ahead of ours, and its time zone may be another: beyond this it is wrong.
const AHEAD_DAYS_MAX: i64 = 2;

/// The newest plausible of all times offered: the civil dates of photos, or the instants of files.
///
/// Not plausible are the years before 1990, which clocks that were never set show, and what lies more than two days
/// after the present: a single such photo would else decide over a whole folder.
#[derive(Clone, Debug)]
pub struct Newest<T> {
    bounds: std::ops::RangeInclusive<T>,
    best: Option<T>,
    refused_count: u64,
}

impl Newest<DateTime> {
    /// For the dates of photos, where the caller's clock shows `now`.
    pub fn photos(now: DateTime) -> Self {
        let latest = now.saturating_add(Span::new().days(AHEAD_DAYS_MAX));
        Self {
            bounds: first_day().at(0, 0, 0, 0)..=latest,
            best: None,
            refused_count: 0,
        }
    }
}

impl Newest<Timestamp> {
    /// For the times of files.
    pub fn files(now: Timestamp) -> Self {
        let latest = now
            .checked_add(Span::new().hours(AHEAD_DAYS_MAX * 24))
            .unwrap_or(Timestamp::MAX);
        let first = Offset::UTC
            .to_timestamp(first_day().at(0, 0, 0, 0))
            .unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            bounds: first..=latest,
            best: None,
            refused_count: 0,
        }
    }
}

impl<T: Copy + PartialOrd> Newest<T> {
    /// Takes one more time into account; says whether it was plausible.
    pub fn offer(&mut self, time: T) -> bool {
        if !self.bounds.contains(&time) {
            self.refused_count = self.refused_count.saturating_add(1);
            return false;
        }
        if self.best.is_none_or(|best| best < time) {
            self.best = Some(time);
        }
        true
    }

    /// The newest plausible time so far.
    pub fn newest(&self) -> Option<T> {
        self.best
    }

    /// How many times were left out as not plausible.
    pub fn refused_count(&self) -> u64 {
        self.refused_count
    }
}

fn first_day() -> Date {
    Date::new(*YEARS.start(), 1, 1).unwrap_or(Date::ZERO)
}
