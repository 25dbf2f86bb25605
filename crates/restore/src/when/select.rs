//! The one snapshot a WHEN takes, and its neighbours: the newest at or before the end of what is named.

use super::distance::Distance;
use super::error::{PhoneNames, SelectError, nearest, shown};
use super::named::{Named, civil, instant, jiff_date};
use super::parse::When;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use lumivault_format::{Precision, SnapshotTime};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// A snapshot that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<I> {
    /// What tells it from others, and decides between those of the same time: the greatest is taken.
    pub id: I,
    /// When its content was current.
    pub time: SnapshotTime,
    /// The name of its phone.
    pub phone: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The time or period.
    pub when: &'a When,
    /// The phone; may be left out while the archive knows only one.
    pub phone: Option<&'a str>,
    /// Refuse a snapshot from before the named period.
    pub strict: bool,
}

/// The snapshot taken, and how it lies to the request. Displayed, it is one sentence for a person.
#[derive(Clone, Debug)]
pub struct Selection<'a, I> {
    /// The snapshot taken.
    pub taken: &'a Candidate<I>,
    /// Where it lies.
    pub relation: Relation,
    /// The next older snapshot of the same phone.
    pub earlier: Option<&'a Candidate<I>>,
    /// The next newer snapshot of the same phone.
    pub later: Option<&'a Candidate<I>>,
    /// The next newer one is known only to a day, month or year that overlaps what was asked for, and counts at the
    /// end of that: it may be the better answer.
    pub later_overlaps: bool,
    /// The request in words: `2025-06-15`, `3m-ago (2026-02-14)`.
    pub asked: String,
}

/// How a snapshot lies to what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the newest of all, as asked.
    Latest,
    /// It is in the named period.
    Within,
    /// It is from before the named period, so far from its start.
    Before(Distance),
}

/// Takes the newest snapshot of one phone at or before the end of what `request` names. `today` is the caller's
/// civil day, which relative forms are counted from.
///
/// Snapshots with the same time are ordered by their instants, then by [`Candidate::id`].
pub fn select<'a, I: Ord>(
    candidates: &'a [Candidate<I>],
    request: &Request<'_>,
    today: Date,
) -> Result<Selection<'a, I>, SelectError> {
    let phone = the_phone(candidates, request.phone)?;
    let named = request.when.named(today);
    let asked = request.when.label(today);
    let mut ordered: Vec<&Candidate<I>> = candidates.iter().filter(|one| one.phone == phone).collect();
    ordered.sort_by(|a, b| order(&named, a, b));

    let reached = ordered.partition_point(|one| named.reaches(&one.time));
    let later = ordered.get(reached).copied();
    let taken = reached.checked_sub(1).and_then(|at| ordered.get(at).copied());
    let Some(taken) = taken else {
        let earliest = later.ok_or(SelectError::NoSnapshots)?.time;
        return Err(SelectError::AllLater {
            asked,
            phone: shown(phone),
            earliest,
        });
    };
    let relation = relation(&named, &taken.time);
    if request.strict && matches!(relation, Relation::Before(_)) {
        let later = later.map(|one| one.time);
        return Err(SelectError::NotHeld {
            asked,
            phone: shown(phone),
            earlier: taken.time,
            later,
        });
    }
    let earlier = reached.checked_sub(2).and_then(|at| ordered.get(at).copied());
    let later_overlaps = later.is_some_and(|one| named.may_reach(&one.time));
    Ok(Selection {
        taken,
        relation,
        earlier,
        later,
        later_overlaps,
        asked,
    })
}

/// The recorded name of the phone that is meant. Without an exact match, letter case may differ.
fn the_phone<'a, I>(candidates: &'a [Candidate<I>], given: Option<&str>) -> Result<&'a str, SelectError> {
    let names: BTreeSet<&str> = candidates.iter().map(|one| one.phone.as_str()).collect();
    let listed = || PhoneNames(names.iter().map(|&name| name.to_owned()).collect());
    let Some(first) = names.first().copied() else {
        return Err(SelectError::NoSnapshots);
    };
    let Some(given) = given else {
        return if names.len() == 1 {
            Ok(first)
        } else {
            Err(SelectError::SeveralPhones(listed()))
        };
    };
    if let Some(exact) = names.get(given) {
        return Ok(exact);
    }
    // As it is called where it is shown.
    if given == shown("")
        && let Some(unnamed) = names.get("")
    {
        return Ok(unnamed);
    }
    let folded = given.to_lowercase();
    let mut alike = names.iter().filter(|name| name.to_lowercase() == folded);
    if let (Some(only), None) = (alike.next(), alike.next()) {
        return Ok(only);
    }
    let names = listed();
    Err(SelectError::UnknownPhone {
        given: shown(given),
        suggestion: nearest(given, &names.0),
        names,
    })
}

/// By what the request compares: instants where it names one or asks for the latest, else civil times.
fn order<I: Ord>(named: &Named, a: &Candidate<I>, b: &Candidate<I>) -> Ordering {
    let by_instant = a.time.since_epoch().cmp(&b.time.since_epoch());
    let by_time = match named {
        Named::Latest | Named::Instant(_) => by_instant,
        Named::Period(_) | Named::Local(_) => a.time.civil().cmp(&b.time.civil()).then(by_instant),
    };
    by_time.then_with(|| a.id.cmp(&b.id))
}

fn relation(named: &Named, time: &SnapshotTime) -> Relation {
    // Where the snapshot is not known to the second, its distance is not either.
    let exact = time.precision == Precision::Instant;
    let before = |from: DateTime, to: DateTime| {
        Relation::Before(if exact {
            Distance::in_time(from, to)
        } else {
            Distance::in_days(from, to)
        })
    };
    match named {
        Named::Latest => Relation::Latest,
        _ if named.starts_by(time) => Relation::Within,
        Named::Period(period) => {
            let first = jiff_date(period.first_day()).to_datetime(Time::midnight());
            Relation::Before(Distance::in_days(civil(time), first))
        }
        Named::Local(moment) => before(civil(time), moment.first),
        Named::Instant(moment) => before(
            Offset::UTC.to_datetime(instant(time)),
            Offset::UTC.to_datetime(moment.first),
        ),
    }
}

/// `took 2025-05 (Lumia 950), 15 days before 2025-06-15; the next earlier one is 2025-04, the next later one is 2025-06`.
impl<I> fmt::Display for Selection<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "took {}", self.taken.time)?;
        match self.taken.phone.as_str() {
            "" => write!(f, " {}, ", shown(""))?,
            phone => write!(f, " ({}), ", shown(phone))?,
        }
        match self.relation {
            Relation::Latest => f.write_str("the latest")?,
            Relation::Within if self.asked == self.taken.time.to_string() => f.write_str("as asked")?,
            Relation::Within => write!(f, "within {}", self.asked)?,
            Relation::Before(distance) => write!(f, "{distance} before {}", self.asked)?,
        }
        match (self.earlier, self.later) {
            (None, None) => return f.write_str("; it is the only one"),
            (Some(earlier), _) if earlier.time == self.taken.time => {
                f.write_str("; of those of that time it was written last")?;
            }
            (Some(earlier), _) => write!(f, "; the next earlier one is {}", earlier.time)?,
            (None, _) => f.write_str("; there is none earlier")?,
        }
        let Some(later) = self.later else {
            // Of the latest that goes without saying.
            let said = self.relation == Relation::Latest;
            return f.write_str(if said { "" } else { ", and none is later" });
        };
        write!(f, ", the next later one is {}", later.time)?;
        if self.later_overlaps {
            write!(
                f,
                " (known only to the {}, it counts at the end of it)",
                unit(later.time.precision)
            )?;
        }
        Ok(())
    }
}

fn unit(precision: Precision) -> &'static str {
    match precision {
        Precision::Instant => "second",
        Precision::Day => "day",
        Precision::Month => "month",
        Precision::Year => "year",
    }
}
