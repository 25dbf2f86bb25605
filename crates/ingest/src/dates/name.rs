//! The date in a folder's name: one that can be read in a single way, or a refusal that says which ways there are.

use super::phone::undated;
use super::reader::Reader;
use super::token::tokens;
use lumivault_format::{CivilPeriod, Precision};

/// No file system has longer names; a longer text is none.
const NAME_BYTES_MAX: usize = 1_024;
/// What a folder's name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// The day, month or year of the copy.
    pub period: CivilPeriod,
    /// The phone, where its model is in the name: `Lumia 950`.
    pub phone_hint: Option<String>,
}

impl Dated {
    /// How exactly the name tells the date.
    pub fn precision(&self) -> Precision {
        self.period.precision()
    }
}

/// Why a name with a date in it is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// One date that can be read in two ways.
    #[error(
        "\"{text}\" can mean {first} or {second}; rename the folder with its date as {first}, or import it by --date-from exif"
    )]
    Ambiguous {
        /// The part of the name.
        text: String,
        /// One way to read it.
        first: CivilPeriod,
        /// Another.
        second: CivilPeriod,
    },
    /// The form of a date, but the calendar has none such.
    #[error(
        "\"{0}\" is no date of the calendar; rename the folder with its date as 2026-05-14, or import it by --date-from exif"
    )]
    NoSuchDate(String),
    /// Two dates that exclude each other.
    #[error(
        "the name holds two dates, {first} and {second}; rename the folder with one of them, or import it by --date-from exif"
    )]
    SeveralDates {
        /// The first of them.
        first: CivilPeriod,
        /// The next that does not agree with it.
        second: CivilPeriod,
    },
}

/// The date in a folder's name, `None` where there is none. Of two dates that agree, as in
/// `2026-05 (14 May 2026)`, it is the more exact one.
pub fn from_name(name: &str) -> Result<Option<Dated>, NameError> {
    if name.len() > NAME_BYTES_MAX {
        return Ok(None);
    }
    let tokens = tokens(name);
    let undated = undated(&tokens);
    let mut reader = Reader {
        name,
        tokens,
        taken: undated.taken,
    };
    let mut period: Option<CivilPeriod> = None;
    for at in 0..reader.tokens.len() {
        let Some(reading) = reader.read(at)? else { continue };
        reader.take(&reading);
        period = Some(match period {
            Some(first) => agreed(first, reading.period)?,
            None => reading.period,
        });
    }
    Ok(period.map(|period| Dated {
        period,
        phone_hint: undated.phone,
    }))
}

/// The more exact of two periods, one within the other.
fn agreed(first: CivilPeriod, second: CivilPeriod) -> Result<CivilPeriod, NameError> {
    if first.contains(second) {
        Ok(second)
    } else if second.contains(first) {
        Ok(first)
    } else {
        Err(NameError::SeveralDates { first, second })
    }
}
