//! Which snapshots rules keep. Pure: snapshots, rules and a day go in, a decision and its reasons for every snapshot
//! come out. The rules are those of restic's `forget`:
//!
//! - Snapshots are grouped, and the rules hold in each group by itself. Who satisfies one rule is kept.
//! - `keep-daily n` keeps the last snapshot of each of the n most recent days that have one; likewise hours, weeks from
//!   Monday, months, years. While such a rule has not found its n, it also keeps the oldest snapshot of the group, so
//!   that history reaches as far back as it can until it fills up.
//! - `keep-within` keeps what is later than the group's newest snapshot less a length of time; `keep-within-daily`
//!   of that the last of each day, and the oldest.
//! - `keep-tag` keeps what has all tags of one list.
//!
//! Where several clocks and inexact dates could make a difference, this holds:
//!
//! - Days and hours are those of each snapshot's own recorded offset. What is known only to a day, month or year counts
//!   as the last second of that, as everywhere.
//! - `keep-last` goes by instants, as `latest` does; all other rules by civil time, as dates do.
//! - The newest snapshot that lengths are counted from is not from the future: one that is dated later than tomorrow by
//!   mistake is kept, and does not make everything else look old.
//! - If the newest is known only to its month or year, months before it end with their last days too: from 2026-02, one
//!   month reaches back to the end of 2026-01.
//! - Pinned snapshots are kept, and counted like any other.

mod decide;
mod group;
mod span;

use std::fmt;

use lumivault_format::{CivilDate, CivilPeriod, Precision, SnapshotTime};

pub use group::{Group, GroupBy, GroupKey};
pub use span::Span;

use crate::StoredSnapshot;

const SECONDS_A_DAY: i64 = 86_400;

/// How many a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The most recent so many; 0: the rule is not in force.
    Recent(u32),
    /// All.
    All,
}

impl Default for Keep {
    fn default() -> Self {
        Self::Recent(0)
    }
}

/// What a rule keeps one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A civil hour.
    Hour,
    /// A civil day.
    Day,
    /// A week from Monday to Sunday.
    Week,
    /// A civil month.
    Month,
    /// A civil year.
    Year,
}

impl Unit {
    /// From the shortest to the longest.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Which of these units a civil time lies in, counted from some beginning.
    fn number(self, time: &SnapshotTime) -> i64 {
        let seconds = local_seconds(time);
        let days = seconds.div_euclid(SECONDS_A_DAY);
        let date = time.civil().date;
        match self {
            Self::Hour => seconds.div_euclid(3_600),
            Self::Day => days,
            // 1970-01-01 was a Thursday.
            Self::Week => (days + 3).div_euclid(7),
            Self::Month => i64::from(date.year()) * 12 + i64::from(date.month()),
            Self::Year => i64::from(date.year()),
        }
    }
}

/// `hourly`
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        })
    }
}

/// What is to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepRules {
    /// The newest.
    pub last: Keep,
    /// The last of each hour, day, week, month, year, in the order of [`Unit::ALL`].
    pub each: [Keep; 5],
    /// Everything within this length of the newest.
    pub within: Option<Span>,
    /// The last of each unit within a length of the newest.
    pub each_within: [Option<Span>; 5],
    /// What has all tags of one of these lists; an empty list means what has no tags.
    pub tags: Vec<Vec<String>>,
}

impl KeepRules {
    /// Whether no rule is in force: then nothing would be kept.
    pub fn is_empty(&self) -> bool {
        let counts = |keep: &Keep| *keep != Keep::Recent(0);
        let lasts = |span: &Option<Span>| span.is_some_and(|span| !span.is_zero());
        !(counts(&self.last)
            || self.each.iter().any(counts)
            || lasts(&self.within)
            || self.each_within.iter().any(lasts)
            || !self.tags.is_empty())
    }
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is pinned.
    Pinned,
    /// It has these tags, or none as was asked.
    Tags(Vec<String>),
    /// It is among the newest.
    Last,
    /// It is the last of its hour, day, ….
    Each(Unit),
    /// It is the oldest, and the rule has not found as many as it may keep.
    Oldest(Unit),
    /// It is not long before the newest.
    Within(Span),
    /// It is the last of its hour, day, …, not long before the newest.
    EachWithin(Unit, Span),
    /// It is the oldest, and not long before the newest.
    OldestWithin(Unit, Span),
}

/// `daily`, `oldest yearly`, `within 1y6m`, `weekly within 3m`, `tags family, 2014`, `pinned`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned => f.write_str("pinned"),
            Self::Tags(tags) if tags.is_empty() => f.write_str("no tags"),
            Self::Tags(tags) if tags.len() == 1 => write!(f, "tag {}", tags.join("")),
            Self::Tags(tags) => write!(f, "tags {}", tags.join(", ")),
            Self::Last => f.write_str("last"),
            Self::Each(unit) => write!(f, "{unit}"),
            Self::Oldest(unit) => write!(f, "oldest {unit}"),
            Self::Within(span) => write!(f, "within {span}"),
            Self::EachWithin(unit, span) => write!(f, "{unit} within {span}"),
            Self::OldestWithin(unit, span) => write!(f, "oldest {unit} within {span}"),
        }
    }
}

/// What is to become of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'s> {
    /// The snapshot.
    pub snapshot: &'s StoredSnapshot,
    /// Whether it stays.
    pub keep: bool,
    /// Why it stays; empty if it does not.
    pub reasons: Vec<Reason>,
}

/// Decides about every snapshot. Groups come in the order of their keys, in them the oldest snapshot first. `today` is
/// the caller's civil day.
pub fn plan<'s>(
    snapshots: impl IntoIterator<Item = &'s StoredSnapshot>,
    rules: &KeepRules,
    by: GroupBy,
    today: CivilDate,
) -> Vec<Group<'s>> {
    group::grouped(snapshots, by)
        .into_iter()
        .map(|(key, members)| Group {
            key,
            decisions: decide::decide(members, rules, today),
        })
        .collect()
}

/// What the clock on the wall showed, as if it had been that of UTC.
fn local_seconds(time: &SnapshotTime) -> i64 {
    // As a clock shows it: an instant beyond the calendar stays at its end.
    let instant = time
        .unix_seconds
        .clamp(SnapshotTime::MIN_UNIX_SECONDS, SnapshotTime::MAX_UNIX_SECONDS);
    instant.saturating_add(i64::from(time.utc_offset_seconds))
}

/// The first second of a day, on the same scale.
fn start_of(day: CivilDate) -> i64 {
    SnapshotTime::end_of(CivilPeriod::of_day(day), 0).map_or_else(
        // Days at the very ends of the calendar, which are no instants at every offset.
        |_| if day.year() == 0 { i64::MIN } else { i64::MAX },
        |end| end.unix_seconds.saturating_sub(SECONDS_A_DAY - 1),
    )
}

/// Whether a time stands for the end of a month.
fn ends_month(time: &SnapshotTime) -> bool {
    matches!(time.precision, Precision::Month | Precision::Year)
}

#[cfg(test)]
mod tests;
