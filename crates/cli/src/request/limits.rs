//! How far `prune` goes.

use lumivault_chunk_store::prune::MaxUnused;
use lumivault_format::limits::LISTING_DELAY_SECONDS_MAX;

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

/// By how much listings lag: seconds, minutes or hours, in seconds.
pub(crate) fn parse_listing_delay(text: &str) -> Result<u32, String> {
    let form = || "a delay is a number of seconds (90s), minutes (2m) or hours (1h)".to_owned();
    let text = text.trim();
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .ok_or_else(form)?;
    let number: u32 = number.parse().map_err(|_| form())?;
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds <= LISTING_DELAY_SECONDS_MAX)
        .ok_or_else(|| "more than an hour; nobody could wait for that".into())
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

    #[test]
    fn delays() {
        assert_eq!(parse_listing_delay("90s"), Ok(90));
        assert_eq!(parse_listing_delay(" 2m "), Ok(120));
        assert_eq!(parse_listing_delay("1h"), Ok(3600));
        assert_eq!(parse_listing_delay("0s"), Ok(0));
        for text in ["", "s", "2", "-1s", "1.5m", "61m", "2h", "99999999999s", "1d"] {
            assert!(parse_listing_delay(text).is_err(), "{text:?}");
        }
    }
}
