//! Civil time without a time zone, as a phone writes it into names, tags and messages.

/// 100 ns steps between 1601-01-01 and 1970-01-01, the origins of `FILETIME` and Unix time.
const FILETIME_AT_UNIX_EPOCH: i64 = 116_444_736_000_000_000;
const DAY: i64 = 86_400;
/// The first folder of the made-up owner is from this month.
const FIRST_YEAR: i64 = 2026;
const FIRST_MONTH: u32 = 5;
/// The phone's first photo and message are from this day on.
pub(super) const STORY_BEGINS: i64 = 1_402_876_800; // 2014-06-16

/// A moment on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    /// 0 is Sunday.
    pub(super) weekday: usize,
}

impl Civil {
    /// The moment `seconds` after 1970-01-01 00:00.
    pub(super) fn at(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        let rest = small(rest);
        Self {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: small((days + 4).rem_euclid(7)) as usize,
        }
    }

    /// `2026:05-14`-like dates with separators of the caller's choice.
    pub(super) fn date(&self, between: &str) -> String {
        format!(
            "{:04}{between}{:02}{between}{:02}",
            self.year, self.month, self.day
        )
    }

    /// Times likewise.
    pub(super) fn time(&self, between: &str) -> String {
        format!(
            "{:02}{between}{:02}{between}{:02}",
            self.hour, self.minute, self.second
        )
    }
}

/// Year and month (1–12) of the folder numbered `month`.
pub(super) fn year_month(month: u32) -> (i64, u32) {
    let months = FIRST_MONTH - 1 + month % 12;
    (
        FIRST_YEAR + i64::from(month / 12) + i64::from(months / 12),
        months % 12 + 1,
    )
}

/// When the owner plugged the phone in that month: an evening around the middle of it.
pub(super) fn copied_at(month: u32) -> i64 {
    let (year, civil_month) = year_month(month);
    let evening = 19 * 3600 + i64::from(month % 5) * 660;
    days_from_civil(year, civil_month, 14 + month % 3) * DAY + evening
}

/// The moment as a `FILETIME`; `ticks` are its last digits, in steps of 100 ns.
pub(super) fn file_time(seconds: i64, ticks: u32) -> i64 {
    seconds * 10_000_000 + i64::from(ticks) + FILETIME_AT_UNIX_EPOCH
}

/// `number` of `count` moments spread over `from..until`, in order and each in a slot of its own; all of them between
/// 7:00 and 22:00, for people sleep.
pub(super) fn spread(from: i64, until: i64, number: u32, count: u32, jitter: u32) -> i64 {
    let slot = (until - from) / i64::from(count.max(1));
    let even = from + slot * i64::from(number) + i64::from(jitter) % (slot * 3 / 4).max(1);
    let (day, moment) = (even.div_euclid(DAY), even.rem_euclid(DAY));
    day * DAY + 7 * 3600 + moment * 15 / 24
}

/// `days_from_civil` and its inverse by Howard Hinnant
/// (<https://howardhinnant.github.io/date_algorithms.html>, public domain).
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = small((shifted + 2) % 12 + 1);
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, small(day_of_year - (153 * shifted + 2) / 5 + 1))
}

/// For numbers known to be small and not negative.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_undo_each_other() {
        for days in -200_000..200_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(civil_from_days(11_016), (2000, 2, 29));
    }

    #[test]
    fn known_moments() {
        let moment = Civil::at(1_533_268_469); // 2018-08-03, a Friday
        assert_eq!(
            (moment.date("-"), moment.time(":")),
            ("2018-08-03".into(), "03:54:29".into())
        );
        assert_eq!(moment.weekday, 5);
        assert_eq!(file_time(1_533_268_469, 8_276_081), 131_777_420_698_276_081);
        assert_eq!(Civil::at(STORY_BEGINS).date("-"), "2014-06-16");
    }

    #[test]
    fn months_follow_each_other() {
        assert_eq!(year_month(0), (2026, 5));
        assert_eq!(year_month(7), (2026, 12));
        assert_eq!(year_month(8), (2027, 1));
        assert_eq!(year_month(20), (2028, 1));
        for month in 0..600 {
            let civil = Civil::at(copied_at(month));
            assert_eq!((civil.year, civil.month), year_month(month));
        }
    }
}
