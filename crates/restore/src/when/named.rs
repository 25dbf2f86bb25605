//! A WHEN as seen from one today: the span of time it names, in civil time or in instants.

use super::parse::{Ago, Moment, When};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use lumivault_format::{CivilDate, CivilPeriod, CivilTime, Precision, SnapshotTime};

/// What a WHEN names once today is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Everything; the newest is asked for.
    Latest,
    /// A whole day, month or year.
    Period(CivilPeriod),
    /// A time by the snapshots' own clocks.
    Local(Moment<DateTime>),
    /// An instant.
    Instant(Moment<Timestamp>),
}

impl When {
    /// What is named when the caller's civil day is `today`. A day before the year 0 is its first day.
    pub fn named(&self, today: Date) -> Named {
        let month_ago = today.first_of_month().saturating_sub(Span::new().months(1));
        let year_ago = today.first_of_year().saturating_sub(Span::new().years(1));
        Named::Period(match self {
            Self::Latest => return Named::Latest,
            Self::Local(moment) => return Named::Local(*moment),
            Self::Instant(moment, _) => return Named::Instant(*moment),
            Self::Period(period) => *period,
            Self::Today => CivilPeriod::of_day(civil_date(today)),
            Self::Yesterday => CivilPeriod::of_day(civil_date(today.saturating_sub(Span::new().days(1)))),
            Self::LastMonth => CivilPeriod::of_month(civil_date(month_ago)),
            Self::LastYear => CivilPeriod::of_year(civil_date(year_ago)),
            Self::Ago(ago) => CivilPeriod::of_day(civil_date(before(today, ago))),
        })
    }

    /// The WHEN as it was meant, for messages: `3m-ago (2026-02-14)`.
    pub(super) fn label(&self, today: Date) -> String {
        match (self, self.named(today)) {
            (Self::Period(_), _) => self.to_string(),
            (_, Named::Period(period)) => format!("{self} ({period})"),
            _ => self.to_string(),
        }
    }
}

impl Named {
    /// Whether a snapshot that is known only to its day, month or year, and counts at the end of that, may all the
    /// same be from what is named or from before it.
    pub(super) fn may_reach(&self, time: &SnapshotTime) -> bool {
        let first = jiff_date(time.period().first_day());
        let last = match self {
            Self::Latest => return true,
            Self::Period(period) => jiff_date(period.last_day()),
            Self::Local(moment) => moment.last.date(),
            Self::Instant(moment) => offset(time).to_datetime(moment.last).date(),
        };
        time.precision != Precision::Instant && first <= last
    }

    /// Whether a snapshot of this time is at or before the end of what is named.
    pub(super) fn reaches(&self, time: &SnapshotTime) -> bool {
        match self {
            Self::Latest => true,
            Self::Period(period) => time.civil().date <= period.last_day(),
            Self::Local(moment) => civil(time) <= moment.last,
            Self::Instant(moment) => instant(time) <= moment.last,
        }
    }

    /// Whether a snapshot of this time is at or after the start of what is named.
    pub(super) fn starts_by(&self, time: &SnapshotTime) -> bool {
        match self {
            Self::Latest => true,
            Self::Period(period) => period.first_day() <= time.civil().date,
            Self::Local(moment) => moment.first <= civil(time),
            Self::Instant(moment) => moment.first <= instant(time),
        }
    }
}

/// `today` less a span: the calendar units first, so that a month's end stays one.
fn before(today: Date, ago: &Ago) -> Date {
    let months = i64::from(ago.years) * 12 + i64::from(ago.months);
    let days = i64::from(ago.weeks) * 7 + i64::from(ago.days);
    // The bounds of `Ago` are far within those of a span; what leaves the calendar stops at its first day.
    let calendar = Span::new().try_months(months).unwrap_or_default();
    let rest = Span::new().try_days(days).unwrap_or_default();
    today.saturating_sub(calendar).saturating_sub(rest)
}

/// jiff's calendar goes back to the year -9999, ours to 0.
fn civil_date(date: Date) -> CivilDate {
    let field = |value: i8| u8::try_from(value).unwrap_or(1);
    CivilDate::new(date.year(), field(date.month()), field(date.day())).unwrap_or(CivilDate::MIN)
}

/// What the clock showed where the snapshot was made.
pub(super) fn civil(time: &SnapshotTime) -> DateTime {
    let CivilTime {
        date,
        hour,
        minute,
        second,
        nanosecond,
    } = time.civil();
    let field = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
    let nanosecond = i32::try_from(nanosecond).unwrap_or(0);
    Time::new(field(hour), field(minute), field(second), nanosecond)
        .map_or(DateTime::MIN, |time| jiff_date(date).to_datetime(time))
}

pub(super) fn jiff_date(date: CivilDate) -> Date {
    let field = |value: u8| i8::try_from(value).unwrap_or(i8::MAX);
    Date::new(date.year(), field(date.month()), field(date.day())).unwrap_or(Date::MIN)
}

fn offset(time: &SnapshotTime) -> Offset {
    Offset::from_seconds(time.utc_offset_seconds).unwrap_or(Offset::UTC)
}

/// The snapshot's instant; out of range, the nearest one in range.
pub(super) fn instant(time: &SnapshotTime) -> Timestamp {
    let seconds = time
        .unix_seconds
        .clamp(SnapshotTime::MIN_UNIX_SECONDS, SnapshotTime::MAX_UNIX_SECONDS);
    let nanoseconds = i32::try_from(time.nanoseconds.min(999_999_999)).unwrap_or(0);
    Timestamp::new(seconds, nanoseconds).unwrap_or(Timestamp::MIN)
}
