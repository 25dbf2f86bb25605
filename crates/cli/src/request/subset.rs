//! `check --read-data-subset`: how much of the data is read.

use crate::output::parse_size;

/// The part of the packs that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subset {
    /// Parts of a million, 1..=1,000,000, chosen at random.
    PartsPerMillion(u32),
    /// The `number`th of `of` fixed groups, both from 1; over all numbers, every pack is read once.
    Group { number: u32, of: u32 },
    /// About that many bytes, at least 1, chosen at random.
    Bytes(u64),
}

const FORMS: &str = "a subset is a percentage (5%), a group (1/12) or a size (500M)";
/// More groups than packs would be read would be of no use.
const GROUPS_MAX: u32 = 10_000;

impl Subset {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            return percentage(percent.trim_end());
        }
        if let Some((number, of)) = text.split_once('/') {
            let (number, of) = (number.trim().parse(), of.trim().parse());
            return match (number, of) {
                (Ok(number), Ok(of)) if 1 <= number && number <= of && of <= GROUPS_MAX => {
                    Ok(Self::Group { number, of })
                }
                (Ok(_), Ok(_)) => Err(format!("a group n/m has 1 ≤ n ≤ m ≤ {GROUPS_MAX}")),
                _ => Err(FORMS.into()),
            };
        }
        match parse_size(text) {
            Ok(0) => Err("a subset of nothing checks nothing".into()),
            Ok(bytes) => Ok(Self::Bytes(bytes)),
            Err(_) => Err(FORMS.into()),
        }
    }
}

fn percentage(text: &str) -> Result<Subset, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole, 3) || !digits(fraction, 4) {
        return Err(FORMS.into());
    }
    let parts: u32 = format!("{whole}{fraction:0<4}").parse().map_err(|_| FORMS)?;
    match parts {
        1..=1_000_000 => Ok(Subset::PartsPerMillion(parts)),
        _ => Err("a percentage is above 0 and at most 100".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::Subset;

    #[test]
    fn all_forms() {
        let cases = [
            ("5%", Subset::PartsPerMillion(50_000)),
            ("2.5 %", Subset::PartsPerMillion(25_000)),
            ("0.0001%", Subset::PartsPerMillion(1)),
            ("100%", Subset::PartsPerMillion(1_000_000)),
            ("1/12", Subset::Group { number: 1, of: 12 }),
            (" 12 / 12", Subset::Group { number: 12, of: 12 }),
            ("500M", Subset::Bytes(500 << 20)),
            ("1", Subset::Bytes(1)),
        ];
        for (text, subset) in cases {
            assert_eq!(Subset::parse(text), Ok(subset), "{text}");
        }
    }

    #[test]
    fn what_checks_nothing_is_refused() {
        for text in [
            "", "0", "0%", "0.00001%", "100.1%", "-5%", "%", "5.%", "0/3", "4/3", "1/0", "1/10001", "a/b",
            "x",
        ] {
            assert!(Subset::parse(text).is_err(), "{text:?}");
        }
    }
}
