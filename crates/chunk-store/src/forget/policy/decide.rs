//! One group of snapshots under the rules, one rule after the other.

use std::cmp::Reverse;

use lumivault_format::CivilDate;

use super::{Decision, Keep, KeepRules, Reason, SECONDS_A_DAY, Span, Unit, local_seconds, start_of};
use crate::StoredSnapshot;

/// Decides within one group.
pub(super) fn decide<'s>(
    mut members: Vec<&'s StoredSnapshot>,
    rules: &KeepRules,
    today: CivilDate,
) -> Vec<Decision<'s>> {
    members.sort_by_key(|one| Reverse(civil_order(one)));
    let mut pass = Pass {
        reasons: vec![Vec::new(); members.len()],
        members: &members,
    };
    pass.named(rules);
    pass.last(rules.last);
    if let Some(span) = &rules.within {
        pass.within(span, today);
    }
    for (unit, keep) in Unit::ALL.into_iter().zip(rules.each) {
        pass.each(unit, keep);
    }
    for (unit, span) in Unit::ALL.into_iter().zip(&rules.each_within) {
        if let Some(span) = span {
            pass.each_within(unit, span, today);
        }
    }
    let reasons = pass.reasons;
    let decision = |(snapshot, reasons): (&'s StoredSnapshot, Vec<Reason>)| Decision {
        snapshot,
        keep: !reasons.is_empty(),
        reasons,
    };
    members.into_iter().zip(reasons).map(decision).rev().collect()
}

/// One group under the rules, one after the other.
struct Pass<'p, 's> {
    /// The newest first, by civil time.
    members: &'p [&'s StoredSnapshot],
    reasons: Vec<Vec<Reason>>,
}

impl Pass<'_, '_> {
    fn keep(&mut self, index: usize, reason: Reason) {
        if let Some(reasons) = self.reasons.get_mut(index) {
            reasons.push(reason);
        }
    }

    /// Those that are kept for what was said about them.
    fn named(&mut self, rules: &KeepRules) {
        for (index, one) in self.members.iter().enumerate() {
            if one.pinned {
                self.keep(index, Reason::Pinned);
            }
            for list in &rules.tags {
                let fits = if list.is_empty() {
                    one.tags.is_empty()
                } else {
                    list.iter().all(|tag| one.tags.contains(tag))
                };
                if fits {
                    self.keep(index, Reason::Tags(list.clone()));
                }
            }
        }
    }

    fn last(&mut self, keep: Keep) {
        let mut by_instant: Vec<usize> = (0..self.members.len()).collect();
        by_instant.sort_by_key(|index| Reverse(instant_order(self.members[*index])));
        for index in by_instant.into_iter().take(most(keep)) {
            self.keep(index, Reason::Last);
        }
    }

    fn within(&mut self, span: &Span, today: CivilDate) {
        let reached = self.reached(span, today);
        (0..reached).for_each(|index| self.keep(index, Reason::Within(*span)));
    }

    fn each(&mut self, unit: Unit, keep: Keep) {
        let oldest = self.members.len().checked_sub(1);
        let mut left = most(keep);
        let mut before = None;
        for (index, one) in self.members.iter().enumerate() {
            if left == 0 {
                return;
            }
            let number = unit.number(&one.snapshot.time);
            if before != Some(number) {
                self.keep(index, Reason::Each(unit));
                left = left.saturating_sub(1);
            } else if Some(index) == oldest {
                self.keep(index, Reason::Oldest(unit));
            }
            before = Some(number);
        }
    }

    fn each_within(&mut self, unit: Unit, span: &Span, today: CivilDate) {
        let oldest = self.members.len().checked_sub(1);
        let mut before = None;
        for (index, one) in self.members.iter().enumerate().take(self.reached(span, today)) {
            let number = unit.number(&one.snapshot.time);
            if before != Some(number) {
                self.keep(index, Reason::EachWithin(unit, *span));
            } else if Some(index) == oldest {
                self.keep(index, Reason::OldestWithin(unit, *span));
            }
            before = Some(number);
        }
    }

    /// How many of the newest are within a length of the newest that is not from the future.
    fn reached(&self, span: &Span, today: CivilDate) -> usize {
        if span.is_zero() {
            return 0;
        }
        // Somewhere on Earth it is tomorrow already.
        let tomorrow = start_of(today).saturating_add(SECONDS_A_DAY);
        let is_past = |one: &&&StoredSnapshot| start_of(one.snapshot.time.period().first_day()) <= tomorrow;
        let Some(newest) = self.members.iter().find(is_past) else {
            return self.members.len();
        };
        let Some(limit) = span.before(&newest.snapshot.time) else {
            return self.members.len();
        };
        self.members
            .partition_point(|one| (local_seconds(&one.snapshot.time), one.snapshot.time.nanoseconds) > limit)
    }
}

fn most(keep: Keep) -> usize {
    match keep {
        Keep::Recent(number) => usize::try_from(number).unwrap_or(usize::MAX),
        Keep::All => usize::MAX,
    }
}

/// The order in which dates name snapshots.
fn civil_order(one: &StoredSnapshot) -> (i64, u32, (i64, u32), u64) {
    let time = &one.snapshot.time;
    (
        local_seconds(time),
        time.nanoseconds,
        time.since_epoch(),
        one.rank,
    )
}

/// The order in which `latest` names snapshots.
fn instant_order(one: &StoredSnapshot) -> ((i64, u32), u64) {
    (one.snapshot.time.since_epoch(), one.rank)
}
