//! A name's tokens, what of them is spoken for already, and the date that one of them begins or ends.

use super::YEARS;
use super::name::NameError;
use super::phone::is_year;
use super::token::{Token, separator};
use lumivault_format::{CivilPeriod, Precision};

pub(super) type Readings = Result<Option<Reading>, NameError>;

/// A date and the tokens it is made of.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) period: CivilPeriod,
    pub(super) from: usize,
    pub(super) to: usize,
    /// How firmly its parts are joined: a hyphen says more than an underscore, that more than a space.
    pub(super) firmness: u8,
}

pub(super) struct Reader<'a> {
    pub(super) name: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
    /// Tokens that are part of something already.
    pub(super) taken: Vec<bool>,
}

impl Reader<'_> {
    /// The date whose year, or whole, is the token `at`.
    pub(super) fn read(&self, at: usize) -> Readings {
        let Some(digits) = self.number(at) else {
            return Ok(None);
        };
        match digits.len() {
            4 if is_year(digits) => {
                let year: i16 = digits.parse().unwrap_or(0);
                match self.with_named_month(at, year)? {
                    Some(reading) => Ok(Some(reading)),
                    None => self.with_numbers(at, year),
                }
            }
            6 => self.compact_month(at, digits),
            8 => self.compact_day(at, digits),
            12 | 14 if is_clock(&digits[8..]) => self.compact_day(at, &digits[..8]),
            _ => Ok(None),
        }
    }

    /// `202605`; but `200512` may also be the 20th of May 2012.
    pub(super) fn compact_month(&self, at: usize, digits: &str) -> Readings {
        let Some(period) = year_in(&digits[..4]).and_then(|year| CivilPeriod::month(year, two(&digits[4..])))
        else {
            return Ok(None);
        };
        let short_year = i16::from(two(&digits[4..])) + 2_000;
        match CivilPeriod::day(short_year, two(&digits[2..4]), two(&digits[..2])) {
            Some(other) => Err(self.ambiguous(at, at, period, other)),
            None => Ok(Some(Reading {
                period,
                from: at,
                to: at,
                firmness: 3,
            })),
        }
    }

    /// `20260514`, `14052026`; `03042026` can be read in two ways.
    pub(super) fn compact_day(&self, at: usize, digits: &str) -> Readings {
        let day = |year: &str, month: &str, day: &str| CivilPeriod::day(year_in(year)?, two(month), two(day));
        let (a, b, year) = (&digits[..2], &digits[2..4], &digits[4..]);
        let mut found = [
            day(&digits[..4], &digits[4..6], &digits[6..]),
            day(year, b, a),
            day(year, a, b),
        ]
        .into_iter()
        .flatten();
        let Some(period) = found.next() else {
            return Ok(None);
        };
        match found.find(|other| *other != period) {
            Some(other) => Err(self.ambiguous(at, at, period, other)),
            None => Ok(Some(Reading {
                period,
                from: at,
                to: at,
                firmness: 3,
            })),
        }
    }

    /// Marks the tokens of a date, and those of a time of day right after it: `20260514_201501`.
    pub(super) fn take(&mut self, reading: &Reading) {
        self.taken[reading.from..=reading.to].fill(true);
        if reading.period.precision() != Precision::Day {
            return;
        }
        let mut clock = reading.to + 1;
        let after_t = self
            .tokens
            .get(clock)
            .is_some_and(|token| token.word == "t" && token.gap.is_empty());
        clock += usize::from(after_t);
        let beside = separator(self.gap(clock)).is_some() || (after_t && self.gap(clock).is_empty());
        let goes_on = separator(self.gap(clock + 1)).is_some_and(|sign| sign != ' ')
            && self.number(clock + 1).is_some_and(|digits| digits.len() <= 2);
        if beside && !goes_on && self.number(clock).is_some_and(is_clock) {
            self.taken[clock] = true;
        }
    }

    /// The number at `at`, unless it is part of something already.
    pub(super) fn number(&self, at: usize) -> Option<&str> {
        let token = self.tokens.get(at).filter(|token| token.is_number())?;
        (!*self.taken.get(at)?).then_some(token.text)
    }

    /// A number of one or two digits.
    pub(super) fn small(&self, at: usize) -> Option<u8> {
        self.number(at).filter(|digits| digits.len() <= 2)?.parse().ok()
    }

    /// A number that the gap before `joined_at` may join to a date, and the sign it does it by. After a space only two
    /// digits look like a part of a date: `2015 2` is the second of something.
    pub(super) fn part(&self, at: usize, joined_at: usize) -> Option<(char, u8)> {
        let sign = separator(self.gap(joined_at))?;
        let value = self.small(at)?;
        (sign != ' ' || self.digits(at) == 2).then_some((sign, value))
    }

    pub(super) fn gap(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("\0", |token| token.gap)
    }

    pub(super) fn digits(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(0, |token| token.text.len())
    }

    pub(super) fn is_padded(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.text.starts_with('0'))
    }

    pub(super) fn is_word_at(&self, at: usize, gap: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| !token.is_number() && token.gap == gap)
    }

    /// Whether the number at `at` is the tail of a word: `Phone1`.
    pub(super) fn is_word_before(&self, at: usize) -> bool {
        self.gap(at).is_empty()
            && at
                .checked_sub(1)
                .is_some_and(|before| !self.tokens[before].is_number())
    }

    pub(super) fn ambiguous(
        &self,
        from: usize,
        to: usize,
        first: CivilPeriod,
        second: CivilPeriod,
    ) -> NameError {
        NameError::Ambiguous {
            text: self.text(from, to),
            first,
            second,
        }
    }

    pub(super) fn no_such_date(&self, from: usize, to: usize) -> NameError {
        NameError::NoSuchDate(self.text(from, to))
    }

    pub(super) fn text(&self, from: usize, to: usize) -> String {
        let range = self
            .tokens
            .get(from)
            .zip(self.tokens.get(to))
            .map(|(from, to)| from.start..to.end());
        range
            .and_then(|range| self.name.get(range))
            .unwrap_or(self.name)
            .to_owned()
    }
}

/// `hhmm` or `hhmmss`.
fn is_clock(digits: &str) -> bool {
    let limits = [24, 60, 60];
    let fields = digits.as_bytes().chunks(2).zip(limits);
    matches!(digits.len(), 4 | 6)
        && fields
            .into_iter()
            .all(|(pair, limit)| std::str::from_utf8(pair).is_ok_and(|pair| two(pair) < limit))
}

fn year_in(digits: &str) -> Option<i16> {
    digits.parse().ok().filter(|year| YEARS.contains(year))
}

/// The value of two digits.
fn two(digits: &str) -> u8 {
    digits.parse().unwrap_or(u8::MAX)
}
