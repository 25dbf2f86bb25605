//! Why no snapshot was taken; every refusal names what there is instead.

use lumivault_format::SnapshotTime;
use std::fmt;

/// More names than this are counted, not listed.
const NAMES_LISTED_MAX: usize = 20;
/// A longer name is cut in messages.
const NAME_CHARS_MAX: usize = 64;

/// Why no snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The archive is empty.
    #[error("the archive holds no snapshot yet; make one with `lumivault backup` or `lumivault import`")]
    NoSnapshots,
    /// Snapshots of several phones, and none was named.
    #[error("the archive holds snapshots of several phones; name one with --phone: {0}")]
    SeveralPhones(PhoneNames),
    /// A phone was named that has no snapshots here.
    #[error("the archive holds no snapshot of a phone {given}{}; it holds: {names}", did_you_mean(suggestion.as_deref()))]
    UnknownPhone {
        /// The name as it was given, fit for printing.
        given: String,
        /// The nearest name there is, if one is near.
        suggestion: Option<String>,
        /// All names there are.
        names: PhoneNames,
    },
    /// Every snapshot is later than the request.
    #[error("no snapshot of {phone} at or before the end of {asked}; the earliest one is {earliest}")]
    AllLater {
        /// What was asked for.
        asked: String,
        /// The phone it was asked of, fit for printing.
        phone: String,
        /// The earliest snapshot of it.
        earliest: SnapshotTime,
    },
    /// An exact match was demanded, and the period holds none.
    #[error("{asked} holds no snapshot of {phone}; the one before it is {earlier}{}", and_after(later.as_ref()))]
    NotHeld {
        /// What was asked for.
        asked: String,
        /// The phone it was asked of, fit for printing.
        phone: String,
        /// The newest snapshot before the period.
        earlier: SnapshotTime,
        /// The oldest snapshot after it.
        later: Option<SnapshotTime>,
    },
}

impl SelectError {
    /// Whether the request itself is at fault, rather than what the archive holds.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::SeveralPhones(_) | Self::UnknownPhone { .. })
    }
}

/// Names of phones in alphabetical order, as recorded; printed with control characters made visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNames(pub Vec<String>);

impl fmt::Display for PhoneNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(NAMES_LISTED_MAX).enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(&shown(name))?;
        }
        match self.0.len().checked_sub(NAMES_LISTED_MAX) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// A name from a disk or a command line, made fit for a terminal; a phone without one is `(unnamed)`.
pub fn shown(name: &str) -> String {
    if name.is_empty() {
        return "(unnamed)".to_owned();
    }
    let mut text = String::new();
    for character in name.chars().take(NAME_CHARS_MAX) {
        // The second range turns the direction of text, which can make one name look like another.
        if character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
    }
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}

/// The name nearest to `given`, if no more than a third of it would have to be typed anew.
pub(super) fn nearest(given: &str, names: &[String]) -> Option<String> {
    let given: Vec<char> = given.to_lowercase().chars().take(NAME_CHARS_MAX).collect();
    let worst = (given.len() / 3).max(1);
    let distances = names.iter().map(|name| {
        let name_chars: Vec<char> = name.to_lowercase().chars().take(NAME_CHARS_MAX).collect();
        (edits(&given, &name_chars), name)
    });
    let (_, name) = distances.filter(|(distance, _)| *distance <= worst).min()?;
    Some(name.clone())
}

/// Levenshtein distance, one row at a time.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to) {
            let above = *cell;
            left = (diagonal + usize::from(a != b)).min(left + 1).min(above + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!(" (did you mean {}?)", shown(name)))
        .unwrap_or_default()
}

fn and_after(later: Option<&SnapshotTime>) -> String {
    match later {
        Some(later) => format!(", the one after it {later}"),
        None => ", and there is none after it".to_owned(),
    }
}
