//! Numbers in a name that are no dates: models of phones, which may also tell whose folder it is, sizes, numbers
//! that one can call.

use super::YEARS;
use super::token::{Token, separator};

/// Signs of a size right after a number.
const UNITS: &str = "p px k mb gb kb tb mp mpx mpix dpi fps mah mhz";
/// The same after a space, where one letter would say too little.
const UNITS_APART: &str = "px mb gb kb tb mp mpx mpix dpi mah mhz";
/// Words that number things; the number after them is no year unless it goes on like a date.
const COUNTERS: &str = "img dsc dscn dscf pic no nr num number nummer model type nokia";
/// A number to call has at least so many digits.
const CALLED_DIGITS_MIN: usize = 7;

/// What is not a date among the tokens of a name.
pub(super) struct Undated {
    /// For each token, whether it is spoken for.
    pub(super) taken: Vec<bool>,
    /// The phone, if exactly one is named by its model.
    pub(super) phone: Option<String>,
}

pub(super) fn undated(tokens: &[Token<'_>]) -> Undated {
    let mut taken = vec![false; tokens.len()];
    let phone = models(tokens, &mut taken);
    sizes(tokens, &mut taken);
    called(tokens, &mut taken);
    counted(tokens, &mut taken);
    Undated { taken, phone }
}

/// `Lumia 950 XL`, `Lumia950`, `RM-1116`, `Nokia 808`.
fn models(tokens: &[Token<'_>], taken: &mut [bool]) -> Option<String> {
    let mut phones: Vec<String> = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [brand, number] = pair else { continue };
        let beside = number.gap.is_empty() || separator(number.gap).is_some();
        if !number.is_number() || !beside || !(3..=4).contains(&number.text.len()) {
            continue;
        }
        let mut phone = match brand.word.as_str() {
            "lumia" if !is_year(number.text) => format!("Lumia {}", number.text),
            "nokia" if !is_year(number.text) => format!("Nokia {}", number.text),
            "rm" => format!("RM-{}", number.text),
            _ => continue,
        };
        if let Some(spoken_for) = taken.get_mut(at + 1) {
            *spoken_for = true;
        }
        if tokens.get(at + 2).is_some_and(|next| next.word == "xl") {
            phone.push_str(" XL");
        }
        if !phones.contains(&phone) {
            phones.push(phone);
        }
    }
    // The type number says the same of a phone as its name does.
    if phones.iter().any(|phone| !phone.starts_with("RM-")) {
        phones.retain(|phone| !phone.starts_with("RM-"));
    }
    if phones.len() == 1 { phones.pop() } else { None }
}

/// `1920x1080`, `2048 MB`, `2000×2000`.
fn sizes(tokens: &[Token<'_>], taken: &mut [bool]) {
    let listed = |units: &str, word: &str| units.split(' ').any(|unit| unit == word);
    for at in (0..tokens.len()).filter(|at| tokens[*at].is_number()) {
        let Some(next) = tokens.get(at + 1) else { continue };
        let unit = match next.gap {
            "" => listed(UNITS, &next.word),
            " " | "\u{a0}" => listed(UNITS_APART, &next.word),
            _ => false,
        };
        let far_side = match tokens.get(at + 2) {
            Some(after) if next.word == "x" && next.gap == after.gap && after.is_number() => Some(at + 2),
            _ if next.is_number() && next.gap.trim() == "×" => Some(at + 1),
            _ => None,
        };
        if let Some(far) = far_side {
            taken[far] = true;
        }
        taken[at] |= unit || far_side.is_some();
    }
}

/// `+49 171 2026051`, `0171-2026051`, `425-555-2015`.
fn called(tokens: &[Token<'_>], taken: &mut [bool]) {
    let mut at = 0;
    while at < tokens.len() {
        let chain = tokens[at..].iter().enumerate().take_while(|(nth, token)| {
            token.is_number()
                && (*nth == 0 || matches!(token.gap, "-" | " " | "." | "/" | "(" | ")" | ") " | " ("))
        });
        let lengths: Vec<usize> = chain.map(|(_, token)| token.text.len()).collect();
        let from = at;
        at += lengths.len().max(1);
        if lengths.iter().sum::<usize>() < CALLED_DIGITS_MIN {
            continue;
        }
        let first = &tokens[from];
        let abroad = first
            .gap
            .strip_suffix('+')
            .is_some_and(|before| from == 0 || !before.is_empty());
        let trunk = first.text.starts_with('0') && matches!(first.text.len(), 4 | 5 | 7 | 9..);
        let local = lengths.len() >= 2
            && lengths.iter().all(|length| *length >= 3)
            && !taken[from]
            && !is_year(first.text)
            && lengths[0] < 6;
        if abroad || trunk || local {
            taken[from..at].fill(true);
        } else if lengths[0] == 3 && !taken[from] && tokens.get(from + 1).is_some_and(|next| next.gap == "-")
        {
            // `555-2026-05` is no date either, as far as anyone can tell.
            taken[from..at].fill(true);
        }
    }
}

/// `IMG_2015`, `Nokia 2010`, but not `Nokia 2015-06`.
fn counted(tokens: &[Token<'_>], taken: &mut [bool]) {
    for (at, pair) in tokens.windows(2).enumerate() {
        let [counter, number] = pair else { continue };
        let counts = COUNTERS.split(' ').any(|word| word == counter.word) && number.gap.chars().count() <= 1;
        let dated = tokens.get(at + 2).is_some_and(|next| {
            next.text.len() == 2 && next.is_number() && separator(next.gap).is_some_and(|sign| sign != ' ')
        });
        if counts && number.is_number() && number.text.len() <= 4 && !dated {
            taken[at + 1] = true;
        }
    }
}

/// Whether four digits can be a year.
pub(super) fn is_year(digits: &str) -> bool {
    digits.len() == 4 && digits.parse().is_ok_and(|year| YEARS.contains(&year))
}
