//! Dates with the month as a word, in the orders people write them.

use super::months::{Certainty, month};
use super::reader::{Reader, Reading, Readings};
use super::token::{Token, is_loose};
use lumivault_format::{CivilPeriod, Precision};

const ORDINALS: &str = "st nd rd th er re e o a te ste de";
const CONNECTORS: &str = "de del of den d the g";

impl Reader<'_> {
    /// `May 2026`, `14 May 2026`, `May 14, 2026`, `14 de mayo de 2026`, `2026 May 14`.
    pub(super) fn with_named_month(&self, at: usize, year: i16) -> Readings {
        let before = self.month_before(at, year)?;
        let after = self.month_after(at, year)?;
        match (before, after) {
            (Some(before), Some(after)) if before.period != after.period => {
                match (before.period.precision(), after.period.precision()) {
                    (Precision::Day, Precision::Month) => Ok(Some(before)),
                    (Precision::Month, Precision::Day) => Ok(Some(after)),
                    _ => Err(self.ambiguous(before.from, after.to, before.period, after.period)),
                }
            }
            (before, after) => Ok(before.or(after)),
        }
    }

    pub(super) fn month_before(&self, at: usize, year: i16) -> Readings {
        let Some(last) = self.skip_connectors(at) else {
            return Ok(None);
        };
        if let Some((month, certainty)) = self.month_at(last) {
            let day = self.skip_connectors(last).and_then(|end| self.day_ending(end));
            let from = day.map_or(last, |(_, from)| from);
            return self.named(
                year,
                (month, certainty),
                day.map(|(day, _)| day),
                last,
                (from, at),
            );
        }
        // `May 14th, 2026`: the day is between.
        let Some((day, from)) = self.day_ending(last) else {
            return Ok(None);
        };
        let Some(word) = from.checked_sub(1).filter(|_| is_loose(self.gap(from), 2)) else {
            return Ok(None);
        };
        let Some(month) = self.month_at(word) else {
            return Ok(None);
        };
        self.named(year, month, Some(day), word, (word, at))
    }

    pub(super) fn month_after(&self, at: usize, year: i16) -> Readings {
        let Some(month) = self.month_at(at + 1).filter(|_| is_loose(self.gap(at + 1), 3)) else {
            return Ok(None);
        };
        let day = self
            .small(at + 2)
            .filter(|day| (1..=31).contains(day) && is_loose(self.gap(at + 2), 2));
        let to = if day.is_some() { at + 2 } else { at + 1 };
        self.named(year, month, day, at + 1, (at, to))
    }

    /// The date, if the word may be a month in this place.
    pub(super) fn named(
        &self,
        year: i16,
        (month, certainty): (u8, Certainty),
        day: Option<u8>,
        word: usize,
        (from, to): (usize, usize),
    ) -> Readings {
        let Some(whole_month) = CivilPeriod::month(year, month) else {
            return Ok(None);
        };
        let led_up_to = word
            .checked_sub(1)
            .and_then(|before| self.tokens.get(before))
            .is_some_and(|before| {
                !before.is_number() && !["lumia", "nokia", "microsoft", "xl"].contains(&before.word.as_str())
            });
        let doubtful = led_up_to || word > from;
        let period = match (day, certainty) {
            (None, Certainty::NeedsDay) => return Ok(None),
            (None, Certainty::Homograph) if doubtful => {
                let second = CivilPeriod::year(year).unwrap_or(whole_month);
                return Err(self.ambiguous(from, to, whole_month, second));
            }
            (None, _) => whole_month,
            (Some(day), _) => {
                CivilPeriod::day(year, month, day).ok_or_else(|| self.no_such_date(from, to))?
            }
        };
        Ok(Some(Reading {
            period,
            from,
            to,
            firmness: 3,
        }))
    }

    pub(super) fn month_at(&self, at: usize) -> Option<(u8, Certainty)> {
        month(&self.tokens.get(at).filter(|token| !token.is_number())?.word)
    }

    /// The day of the month that ends with the token `end`, and where it begins: `14`, `14th`.
    pub(super) fn day_ending(&self, end: usize) -> Option<(u8, usize)> {
        let ordinal = self.is_word_at(end, "") && is_among(ORDINALS, &self.tokens.get(end)?.word);
        let at = if ordinal { end.checked_sub(1)? } else { end };
        let day = self.small(at).filter(|day| (1..=31).contains(day))?;
        (!self.is_word_before(at)).then_some((day, at))
    }

    /// The token before `at`, past words such as the two `de` in `14 de mayo de 2026`.
    pub(super) fn skip_connectors(&self, at: usize) -> Option<usize> {
        let mut chars_max = 3;
        let mut here = at;
        for _ in 0..3 {
            let before = here
                .checked_sub(1)
                .filter(|_| is_loose(self.gap(here), chars_max))?;
            let word = &self.tokens.get(before)?.word;
            // An ordinal's letters belong to its number.
            if !is_among(CONNECTORS, word) || self.gap(before).is_empty() {
                return self.day_gap_is_close(at, here, before).then_some(before);
            }
            here = before;
            chars_max = 2;
        }
        None
    }

    /// `02 - May 2026` is the second of something, `02-May-2026` is a day.
    pub(super) fn day_gap_is_close(&self, at: usize, here: usize, before: usize) -> bool {
        let to_a_number = self.tokens.get(before).is_some_and(Token::is_number);
        let from_a_word = self.tokens.get(at).is_some_and(|token| !token.is_number());
        !(to_a_number && from_a_word) || is_loose(self.gap(here), 2)
    }
}

fn is_among(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}
