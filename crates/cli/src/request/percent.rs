//! Parity in percent.

use lumivault_format::limits::PARITY_PERCENT_MAX;

/// `5%` or `5`: 1 to 50.
pub(crate) fn parity_percent(text: &str) -> Result<u8, String> {
    let number = text.trim();
    let number = number.strip_suffix('%').map_or(number, str::trim_end);
    let is_digits = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(percent @ 1..=PARITY_PERCENT_MAX) if is_digits => Ok(percent),
        _ => Err(format!(
            "parity is a whole number from 1% to {PARITY_PERCENT_MAX}%"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::parity_percent;

    #[test]
    fn one_to_fifty_with_or_without_the_sign() {
        for (text, percent) in [("5%", 5), ("5", 5), (" 50 % ", 50), ("1", 1), ("07", 7)] {
            assert_eq!(parity_percent(text), Ok(percent), "{text:?}");
        }
        for text in ["", "%", "0", "51", "5.5", "-5", "+5", "5%%", "a", "005"] {
            assert!(parity_percent(text).is_err(), "{text:?}");
        }
    }
}
