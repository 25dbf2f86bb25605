//! The forms of a WHEN; a parsed one names a day of the calendar, or a span back from any today.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use lumivault_format::CivilPeriod;
use std::fmt;
use std::str::FromStr;

/// The forms of a WHEN, for messages and help texts.
pub const FORMS: &str = "latest, a day (2026-05-14), a month (2026-05 or May 2026), a year (2026), a time \
    (2026-05-14T18:00:00, or 2026-05-14T18:00:00+02:00 for an instant), today, yesterday, last-month, last-year, or \
    a time ago in years, months, weeks and days (3m-ago, 1y-2m-ago, 2w-ago, 10d-ago)";

/// Names of no more than this are quoted back; longer ones are cut.
const QUOTED_CHARS_MAX: usize = 60;

/// A parsed WHEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The newest snapshot of all.
    Latest,
    /// A whole day, month or year.
    Period(CivilPeriod),
    /// The caller's civil day.
    Today,
    /// The day before it.
    Yesterday,
    /// The whole month before the present one.
    LastMonth,
    /// The whole year before the present one.
    LastYear,
    /// One day, so long before today.
    Ago(Ago),
    /// A time as a clock on the wall shows it, wherever the snapshot was made.
    Local(Moment<DateTime>),
    /// An instant, written with an offset from UTC.
    Instant(Moment<Timestamp>, Offset),
}

/// A way back from today: first the years and months, by the calendar, then the weeks and days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ago {
    /// 0..=1,000.
    pub years: u16,
    /// 0..=12,000.
    pub months: u16,
    /// 0..=52,000.
    pub weeks: u16,
    /// 0..=365,000.
    pub days: u32,
}

/// The short span that a written time names: as long as the unit of its last digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment<T> {
    /// Its first nanosecond.
    pub first: T,
    /// Its last nanosecond.
    pub last: T,
}

/// Why a text is not a WHEN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// None of the forms.
    #[error("\"{0}\" is not a date; give {FORMS}")]
    Unknown(String),
    /// The form of a date or time, but no such day or hour exists.
    #[error("\"{0}\" is a day or time that does not exist; give one as 2026-05-14 or 2026-05-14T18:00:00")]
    NoSuchTime(String),
    /// A relative form with a number beyond its bounds.
    #[error("\"{0}\" goes back further than 1000 years; give a time ago as 3m-ago or 1y-2m-ago")]
    TooFar(String),
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "latest" => return Ok(Self::Latest),
            "today" => return Ok(Self::Today),
            "yesterday" => return Ok(Self::Yesterday),
            "last-month" => return Ok(Self::LastMonth),
            "last-year" => return Ok(Self::LastYear),
            _ => {}
        }
        let parsed = if !lower.is_ascii() {
            Err(Refused::Form)
        } else if let Some(span) = lower.strip_suffix("-ago") {
            parse_ago(span).map(Self::Ago)
        } else if let Some(month) = parse_named_month(&lower) {
            Ok(Self::Period(month))
        } else if let Some((date, time)) = split_time(&lower) {
            parse_moment(date, time)
        } else {
            parse_typed_period(&lower).map(Self::Period)
        };
        parsed.map_err(|refused| refused.of(text))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Period(period) => period.fmt(f),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
            Self::LastMonth => f.write_str("last-month"),
            Self::LastYear => f.write_str("last-year"),
            Self::Ago(ago) => ago.fmt(f),
            Self::Local(moment) => moment.first.fmt(f),
            Self::Instant(moment, offset) => write!(f, "{}", moment.first.display_with_offset(*offset)),
        }
    }
}

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (u32::from(self.years), 'y'),
            (u32::from(self.months), 'm'),
            (u32::from(self.weeks), 'w'),
        ];
        for (count, unit) in parts.into_iter().filter(|part| part.0 > 0) {
            write!(f, "{count}{unit}-")?;
        }
        if self.days > 0 || *self == Self::default() {
            write!(f, "{}d-", self.days)?;
        }
        f.write_str("ago")
    }
}

/// What is wrong, before the text it is wrong with is known to be worth quoting.
#[derive(Clone, Copy)]
enum Refused {
    Form,
    NoSuchTime,
    TooFar,
}

impl Refused {
    fn of(self, text: &str) -> WhenError {
        let mut quoted: String = text
            .chars()
            .take(QUOTED_CHARS_MAX)
            .flat_map(char::escape_debug)
            .collect();
        if text.chars().nth(QUOTED_CHARS_MAX).is_some() {
            quoted.push('…');
        }
        match self {
            Self::Form => WhenError::Unknown(quoted),
            Self::NoSuchTime => WhenError::NoSuchTime(quoted),
            Self::TooFar => WhenError::TooFar(quoted),
        }
    }
}

/// `may 2026` or `2026 may`.
fn parse_named_month(text: &str) -> Option<CivilPeriod> {
    let (one, other) = text.split_once(' ')?;
    let other = other.trim_start();
    let (month, year) = match month_named(one) {
        Some(month) => (month, other),
        None => (month_named(other)?, one),
    };
    CivilPeriod::month(i16::try_from(number(year, 4)?).ok()?, month)
}

/// `2026`, `2026-05` or `2026-05-14`, also without zeros in front.
fn parse_typed_period(text: &str) -> Result<CivilPeriod, Refused> {
    let padded: Vec<String> = text
        .split('-')
        .map(|part| match part.len() {
            1 => format!("0{part}"),
            _ => part.to_owned(),
        })
        .collect();
    parse_period(&padded.join("-"))
}

/// The number of an English month, in lower case, whole or by its first three letters.
fn month_named(text: &str) -> Option<u8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_it = |name: &&str| *name == text || name.get(..3) == Some(text);
    (1..)
        .zip(MONTHS)
        .find(|(_, name)| is_it(name))
        .map(|(number, _)| number)
}

/// `2026`, `2026-05` or `2026-05-14`.
fn parse_period(text: &str) -> Result<CivilPeriod, Refused> {
    let mut parts = text.split('-');
    let year = parts
        .next()
        .and_then(|part| number(part, 4))
        .ok_or(Refused::Form)?;
    let month = parts
        .next()
        .map(|part| number(part, 2).ok_or(Refused::Form))
        .transpose()?;
    let day = parts
        .next()
        .map(|part| number(part, 2).ok_or(Refused::Form))
        .transpose()?;
    if parts.next().is_some() {
        return Err(Refused::Form);
    }
    let year = i16::try_from(year).map_err(|_| Refused::NoSuchTime)?;
    let small = |field: u32| u8::try_from(field).map_err(|_| Refused::NoSuchTime);
    match (month, day) {
        (Some(month), Some(day)) => CivilPeriod::day(year, small(month)?, small(day)?),
        (Some(month), None) => CivilPeriod::month(year, small(month)?),
        _ => CivilPeriod::year(year),
    }
    .ok_or(Refused::NoSuchTime)
}

/// Cuts `2026-05-14T18:00` at the `t`, or at the space that our own listings put there.
fn split_time(lower: &str) -> Option<(&str, &str)> {
    let (date, rest) = lower.split_at_checked(10)?;
    Some((date, rest.strip_prefix(['t', ' '])?))
}

fn parse_moment(date: &str, time: &str) -> Result<When, Refused> {
    let first_day = parse_period(date)?.first_day();
    let (clock, offset) = split_offset(time)?;
    let (time, unit) = parse_clock(clock)?;
    let date = Date::new(
        first_day.year(),
        signed(first_day.month()),
        signed(first_day.day()),
    )
    .map_err(|_| Refused::NoSuchTime)?;
    let first = date.to_datetime(time);
    let length = SignedDuration::from_nanos(unit - 1);
    let Some(offset) = offset else {
        return Ok(When::Local(Moment {
            first,
            last: first.saturating_add(length),
        }));
    };
    let first = offset.to_timestamp(first).map_err(|_| Refused::NoSuchTime)?;
    // Not saturating_add: on timestamps that can fail, though never with a duration.
    let last = first.checked_add(length).unwrap_or(Timestamp::MAX);
    Ok(When::Instant(Moment { first, last }, offset))
}

/// Splits `18:00:00+02:00`, `18:00:00 +02:00` and `18:00:00z`; without an offset there is none.
fn split_offset(time: &str) -> Result<(&str, Option<Offset>), Refused> {
    if let Some(clock) = time.strip_suffix('z') {
        return Ok((clock.trim_end(), Some(Offset::UTC)));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Ok((time, None));
    };
    let (clock, offset) = time.split_at(at);
    let (east, digits) = match offset.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, offset.trim_start_matches('+')),
    };
    let mut parts = digits.split(':');
    let mut field = || {
        parts
            .next()
            .map(|part| number(part, 2).ok_or(Refused::Form))
            .transpose()
    };
    let hours = field()?.ok_or(Refused::Form)?;
    let minutes = field()?.ok_or(Refused::Form)?;
    let seconds = field()?.unwrap_or(0);
    if parts.next().is_some() {
        return Err(Refused::Form);
    }
    if hours > 25 || minutes > 59 || seconds > 59 {
        return Err(Refused::NoSuchTime);
    }
    let total = i32::try_from(hours * 3_600 + minutes * 60 + seconds).map_err(|_| Refused::NoSuchTime)?;
    let offset = Offset::from_seconds(east * total).map_err(|_| Refused::NoSuchTime)?;
    Ok((clock.trim_end(), Some(offset)))
}

/// A time of day, and the nanoseconds in the unit of its last digit.
fn parse_clock(text: &str) -> Result<(Time, i64), Refused> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let mut field = || {
        parts
            .next()
            .map(|part| number(part, 2).ok_or(Refused::Form))
            .transpose()
    };
    let hour = field()?.ok_or(Refused::Form)?;
    let minute = field()?.ok_or(Refused::Form)?;
    let second = field()?;
    if parts.next().is_some() || (second.is_none() && fraction.is_some()) {
        return Err(Refused::Form);
    }
    let (nanosecond, unit) = match (fraction, second) {
        (Some(digits), _) => parse_fraction(digits)?,
        (None, Some(_)) => (0, 1_000_000_000),
        (None, None) => (0, 60_000_000_000),
    };
    // RFC 3339 has the leap second; the clocks of phones do not, so it is the second before.
    let second = second.unwrap_or(0);
    let second = if second == 60 { 59 } else { second };
    let small = |field: u32| i8::try_from(field).map_err(|_| Refused::NoSuchTime);
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond);
    Ok((time.map_err(|_| Refused::NoSuchTime)?, unit))
}

/// The digits after the point as nanoseconds, and the nanoseconds in one unit of the last of them.
fn parse_fraction(digits: &str) -> Result<(i32, i64), Refused> {
    if digits.len() > 9 {
        return Err(Refused::Form);
    }
    let value = number(digits, digits.len())
        .and_then(|value| i32::try_from(value).ok())
        .ok_or(Refused::Form)?;
    let unit = (digits.len()..9).fold(1_i32, |unit, _| unit * 10);
    Ok((value * unit, i64::from(unit)))
}

/// `1y-2m` or `1y2m`: each unit at most once.
fn parse_ago(span: &str) -> Result<Ago, Refused> {
    let (mut years, mut months, mut weeks, mut days) = (None, None, None, None);
    let mut rest = span;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, after) = rest.split_at(digits);
        if count.is_empty() {
            return Err(Refused::Form);
        }
        let mut unit = after.chars();
        let (slot, most) = match unit.next() {
            Some('y') => (&mut years, 1_000),
            Some('m') => (&mut months, 12_000),
            Some('w') => (&mut weeks, 52_000),
            Some('d') => (&mut days, 365_000),
            _ => return Err(Refused::Form),
        };
        // Only overflow can fail here.
        let count = count
            .parse::<u32>()
            .ok()
            .filter(|count| *count <= most)
            .ok_or(Refused::TooFar)?;
        if slot.replace(count).is_some() {
            return Err(Refused::Form);
        }
        rest = unit.as_str();
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix('-').unwrap_or(rest);
    }
    let short = |count: Option<u32>| u16::try_from(count.unwrap_or(0)).map_err(|_| Refused::TooFar);
    Ok(Ago {
        years: short(years)?,
        months: short(months)?,
        weeks: short(weeks)?,
        days: days.unwrap_or(0),
    })
}

/// Exactly `length` ASCII digits, at most nine.
fn number(text: &str, length: usize) -> Option<u32> {
    if text.len() != length || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A month or a day of one, as jiff counts them.
fn signed(field: u8) -> i8 {
    i8::try_from(field).unwrap_or(i8::MAX)
}
