//! Dates in numbers around a year of four digits, in the orders that leave no doubt.

use super::reader::{Reader, Reading, Readings};
use lumivault_format::{CivilPeriod, Precision};

impl Reader<'_> {
    /// `2026-05-14`, `2026-05`, `14-05-2026`, `05-2026`, or `2026` alone.
    pub(super) fn with_numbers(&self, at: usize, year: i16) -> Readings {
        let is_day = |reading: &Reading| reading.period.precision() == Precision::Day;
        match (self.numbers_after(at, year), self.numbers_before(at, year)) {
            (Ok(Some(after)), Ok(Some(before))) if is_day(&after) == is_day(&before) => {
                if after.firmness != before.firmness {
                    let firmer = if after.firmness > before.firmness {
                        after
                    } else {
                        before
                    };
                    Ok(Some(firmer))
                } else if after.period == before.period {
                    Ok(Some(after))
                } else {
                    Err(self.ambiguous(before.from, after.to, after.period, before.period))
                }
            }
            (Ok(Some(day)), _) | (_, Ok(Some(day))) if is_day(&day) => Ok(Some(day)),
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(after), Ok(before)) => Ok(after.or(before).or_else(|| {
                let period = CivilPeriod::year(year)?;
                Some(Reading {
                    period,
                    from: at,
                    to: at,
                    firmness: 0,
                })
            })),
        }
    }

    pub(super) fn numbers_after(&self, at: usize, year: i16) -> Readings {
        let Some((sign, month)) = self.part(at + 1, at + 1) else {
            return Ok(None);
        };
        // The day of `2026-5d` or the `3` of `2015-3D` is not one.
        if self.digits(at + 1) == 1 && self.is_word_at(at + 2, "") {
            return Ok(None);
        }
        let firmness = firmness(sign);
        if let Some((_, day)) = self.part(at + 2, at + 2).filter(|(second, _)| *second == sign) {
            match CivilPeriod::day(year, month, day) {
                // Who writes `05` for May would write `01` for the first: this may be the first copy of May.
                Some(period) if self.is_padded(at + 1) && self.digits(at + 2) == 1 => {
                    let whole_month = CivilPeriod::of_month(period.first_day());
                    return Err(self.ambiguous(at, at + 2, period, whole_month));
                }
                Some(period) => {
                    return Ok(Some(Reading {
                        period,
                        from: at,
                        to: at + 2,
                        firmness,
                    }));
                }
                None if sign != ' ' => return Err(self.no_such_date(at, at + 2)),
                None => {}
            }
        }
        match CivilPeriod::month(year, month) {
            Some(period) => self.lone_month(
                Reading {
                    period,
                    from: at,
                    to: at + 1,
                    firmness,
                },
                at + 1,
                sign,
            ),
            None if sign == ' ' => Ok(None),
            None => Err(self.no_such_date(at, at + 1)),
        }
    }

    pub(super) fn numbers_before(&self, at: usize, year: i16) -> Readings {
        let Some(second) = at.checked_sub(1) else {
            return Ok(None);
        };
        let Some((sign, b)) = self.part(second, at).filter(|_| !self.is_word_before(second)) else {
            return Ok(None);
        };
        let firmness = firmness(sign);
        let first = second.checked_sub(1).filter(|first| !self.is_word_before(*first));
        if let Some((first, (_, a))) = first
            .and_then(|first| Some((first, self.part(first, second)?)))
            .filter(|(_, part)| part.0 == sign)
        {
            let reading = |period| {
                Ok(Some(Reading {
                    period,
                    from: first,
                    to: at,
                    firmness,
                }))
            };
            match (CivilPeriod::day(year, b, a), CivilPeriod::day(year, a, b)) {
                (Some(european), Some(american)) if european != american => {
                    return Err(self.ambiguous(first, at, european, american));
                }
                (Some(period), _) | (None, Some(period)) => return reading(period),
                (None, None) if sign != ' ' => return Err(self.no_such_date(first, at)),
                (None, None) => {}
            }
        }
        match CivilPeriod::month(year, b) {
            Some(period) => self.lone_month(
                Reading {
                    period,
                    from: second,
                    to: at,
                    firmness,
                },
                second,
                sign,
            ),
            None => Ok(None),
        }
    }

    /// `2015_2` may be February or the second copy of that year.
    pub(super) fn lone_month(&self, reading: Reading, at: usize, sign: char) -> Readings {
        if sign != '_' || self.digits(at) == 2 {
            return Ok(Some(reading));
        }
        let year = CivilPeriod::of_year(reading.period.first_day());
        Err(self.ambiguous(reading.from, reading.to, reading.period, year))
    }
}

fn firmness(sign: char) -> u8 {
    match sign {
        ' ' => 0,
        '_' => 1,
        _ => 2,
    }
}
