//! How far `prune` goes.

use lumivault_chunk_store::prune::MaxUnused;

use crate::output::parse_size;

/// A percentage, a size, or `unlimited`.
pub(crate) fn parse_max_unused(text: &str) -> Result<MaxUnused, String> {
    let text = text.trim();
    if text == "unlimited" {
        return Ok(MaxUnused::Unlimited);
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent
            .trim_end()
            .parse()
            .map_err(|_| "a percentage is a number such as 5%")?;
        return match percent {
            0.0..100.0 => Ok(MaxUnused::Percent(percent)),
            _ => Err("a percentage is at least 0 and below 100".into()),
        };
    }
    let size = parse_size(text).map_err(|_| "a limit is a percentage (5%), a size (500M) or `unlimited`")?;
    Ok(MaxUnused::Bytes(size))
}

/// Days or hours, in seconds.
pub(crate) fn parse_grace(text: &str) -> Result<i64, String> {
    let form = || "a time is a number of days (7d) or hours (12h)".to_owned();
    let text = text.trim();
    let (number, unit) = if let Some(days) = text.strip_suffix('d') {
        (days, 24 * 3600)
    } else {
        (text.strip_suffix('h').ok_or_else(form)?, 3600)
    };
    let number: u32 = number.parse().map_err(|_| form())?;
    i64::from(number)
        .checked_mul(unit)
        .filter(|seconds| *seconds <= 3650 * 24 * 3600)
        .ok_or_else(|| "more than ten years".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(parse_max_unused("5%"), Ok(MaxUnused::Percent(5.0)));
        assert_eq!(parse_max_unused(" 2.5 %"), Ok(MaxUnused::Percent(2.5)));
        assert_eq!(parse_max_unused("0"), Ok(MaxUnused::Bytes(0)));
        assert_eq!(parse_max_unused("1G"), Ok(MaxUnused::Bytes(1 << 30)));
        assert_eq!(parse_max_unused("unlimited"), Ok(MaxUnused::Unlimited));
        for text in ["", "%", "-1%", "100%", "nan%", "inf%", "x", "5 %%"] {
            assert!(parse_max_unused(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(parse_grace("7d"), Ok(604_800));
        assert_eq!(parse_grace("0h"), Ok(0));
        assert_eq!(parse_grace(" 36h "), Ok(129_600));
        for text in ["", "d", "7", "-1d", "7w", "1.5d", "4000d", "99999999999d"] {
            assert!(parse_grace(text).is_err(), "{text:?}");
        }
    }
}
