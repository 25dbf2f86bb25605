//! Quantities as people read them, and as they type them.

use std::time::Duration;

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `512 B`, `1.5 KiB`, `103.4 MiB`: binary units, one decimal, rounded half up.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let bytes = u128::from(bytes);
    let mut divisor: u128 = 1024;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        // 1023.96 KiB rounds to 1024.0 KiB, which is 1.0 MiB.
        if tenths(bytes, divisor) < 10_240 {
            break;
        }
        divisor *= 1024;
        unit = larger;
    }
    let tenths = tenths(bytes, divisor);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

fn tenths(bytes: u128, divisor: u128) -> u128 {
    (bytes * 10 + divisor / 2) / divisor
}

/// `12.3 MiB/s`.
pub(crate) fn rate(bytes: u64, time: Duration) -> String {
    let milliseconds = time.as_millis().max(1);
    let per_second = u128::from(bytes) * 1000 / milliseconds;
    format!("{}/s", size(u64::try_from(per_second).unwrap_or(u64::MAX)))
}

/// `4 s`, `2:05`, `1:02:05`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

/// Reads `500M`, `64 MiB`, `1.5G`, `4096`: binary units, `KB` means the same as `KiB`, as with restic.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let power = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err("a size is a number with B, K, M, G or T, for example 500M".into()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || (number.contains('.') && !digits(fraction)) || fraction.len() > 6 {
        return Err("a size is a number with B, K, M, G or T, for example 500M".into());
    }
    let too_large = || "that size is too large".to_owned();
    let unit_bytes = 1024_u128.pow(power);
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| too_large())?);
    let scaled: u128 = format!("{whole}{fraction}").parse().map_err(|_| too_large())?;
    let bytes = scaled.checked_mul(unit_bytes).ok_or_else(too_large)? / scale;
    u64::try_from(bytes).map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{count, duration, parse_size, rate, size};

    #[test]
    fn sizes_round_and_carry() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_535, "1.0 MiB"),
            (1_048_576, "1.0 MiB"),
            (108_445_000, "103.4 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn rates_and_durations() {
        assert_eq!(rate(2_097_152, Duration::from_millis(500)), "4.0 MiB/s");
        assert_eq!(rate(u64::MAX, Duration::ZERO), "16.0 EiB/s");
        assert_eq!(duration(Duration::from_millis(4_900)), "4 s");
        assert_eq!(duration(Duration::from_secs(125)), "2:05");
        assert_eq!(duration(Duration::from_secs(3_725)), "1:02:05");
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(0, "file", "files"), "0 files");
    }

    #[test]
    fn typed_sizes() {
        let good = [
            ("0", 0),
            ("4096", 4096),
            ("64M", 64 << 20),
            ("64MiB", 64 << 20),
            (" 64 mb ", 64 << 20),
            ("1.5G", 3 << 29),
            ("0.5k", 512),
            ("15T", 15 << 40),
        ];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "1.M",
            ".5M",
            "1..5M",
            "5%",
            "1e3",
            "5X",
            "99999999999999T",
            "٣",
        ] {
            assert!(parse_size(text).is_err(), "{text:?} was accepted");
        }
    }
}
