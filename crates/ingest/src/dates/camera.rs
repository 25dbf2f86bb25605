//! The dates in the names that phones give to photos, films and screenshots. Their clocks show local time.

use super::YEARS;
use jiff::civil::{Date, Time};

/// What the name of a photo or film tells of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraDate {
    /// The day.
    pub date: Date,
    /// The time of day; older phones number the pictures of a day instead.
    pub time: Option<Time>,
}

impl CameraDate {
    /// The time, or else the first second of the day: the picture is at least as new.
    pub fn earliest(self) -> jiff::civil::DateTime {
        self.date.to_datetime(self.time.unwrap_or(Time::midnight()))
    }
}

/// Reads `WP_20140919_004.jpg`, `WP_20150111_16_25_30_Pro.jpg`, `wp_ss_20150111_0001.png` and the like of other
/// phones and messengers, `IMG_20150111_162530.jpg`, `VID-20150111-WA0001.mp4`.
pub fn from_camera_name(name: &str) -> Option<CameraDate> {
    let (prefix, rest) = name.split_once(['_', '-'])?;
    let rest = match prefix.to_ascii_lowercase().as_str() {
        "wp" => rest
            .strip_prefix("ss_")
            .or_else(|| rest.strip_prefix("SS_"))
            .unwrap_or(rest),
        "img" | "vid" | "pano" => rest,
        _ => return None,
    };
    let (date, rest) = take_digits(rest, 8)?;
    let date = date_of(date)?;
    let time = rest.strip_prefix(['_', '-']).and_then(time_of);
    Some(CameraDate { date, time })
}

fn date_of(digits: &str) -> Option<Date> {
    let year = digits
        .get(..4)?
        .parse()
        .ok()
        .filter(|year| YEARS.contains(year))?;
    Date::new(
        year,
        digits.get(4..6)?.parse().ok()?,
        digits.get(6..8)?.parse().ok()?,
    )
    .ok()
}

/// `16_25_30…` or `162530…`, and not a counter such as `004`.
fn time_of(text: &str) -> Option<Time> {
    let clock = |hour: &str, minute: &str, second: &str| {
        Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()
    };
    if let Some((digits, _)) = take_digits(text, 6) {
        return clock(digits.get(..2)?, digits.get(2..4)?, digits.get(4..)?);
    }
    let (hour, rest) = take_digits(text, 2)?;
    let (minute, rest) = take_digits(rest.strip_prefix('_')?, 2)?;
    let (second, _) = take_digits(rest.strip_prefix('_')?, 2)?;
    clock(hour, minute, second)
}

/// Exactly `count` digits from the front, where no further one follows.
fn take_digits(text: &str, count: usize) -> Option<(&str, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    (whole && !rest.starts_with(|next: char| next.is_ascii_digit())).then_some((digits, rest))
}
