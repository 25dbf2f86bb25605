//! A folder's name cut into numbers and words; every one knows what stands between it and the one before.

use super::months::{fold, is_combining};

/// A run of digits or of letters.
#[derive(Debug)]
pub(super) struct Token<'a> {
    /// The run as it stands in the name.
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// What stands between the token before, or the beginning, and this one.
    pub(super) gap: &'a str,
    /// The run in small letters without accents; empty for a number.
    pub(super) word: String,
}

impl Token<'_> {
    pub(super) fn is_number(&self) -> bool {
        self.word.is_empty()
    }

    /// Where it ends, in bytes.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// All runs of digits and of letters, in order.
pub(super) fn tokens(name: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = name;
    while let Some(skipped) = rest.find(|c| is_digit(c) || is_letter(c)) {
        let (gap, from) = rest.split_at(skipped);
        let number = from.starts_with(is_digit);
        let length = from
            .find(|c| if number { !is_digit(c) } else { !is_letter(c) })
            .unwrap_or(from.len());
        let (text, after) = from.split_at(length);
        let start = name.len() - from.len();
        let word = if number { String::new() } else { fold(text) };
        // A run of nothing but accents is no word, and must not look like a number.
        if number || !word.is_empty() {
            found.push(Token {
                text,
                start,
                gap,
                word,
            });
        }
        rest = after;
    }
    found
}

/// The sign that joins two numbers to one date; `2026. 05. 14.` is written with spaces too.
pub(super) fn separator(gap: &str) -> Option<char> {
    match gap {
        "-" | "–" | "‑" => Some('-'),
        "." | ". " => Some('.'),
        "_" => Some('_'),
        "/" => Some('/'),
        " " | "\u{a0}" => Some(' '),
        _ => None,
    }
}

/// Whether a gap can stand between the parts of a date with the month as a word: `May 14, 2026`.
pub(super) fn is_loose(gap: &str, chars_max: usize) -> bool {
    gap.chars().count() <= chars_max && gap.chars().all(|c| " \u{a0}.,-–_/'’".contains(c))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_combining(c)
}
