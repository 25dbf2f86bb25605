//! Snapshots of one phone, or from one stretch of time.

use jiff::Timestamp;
use jiff::civil::Date;
use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::{CivilDate, SnapshotTime};

use crate::when::{Named, When};

/// Which snapshots to look into. The default is all.
#[derive(Clone, Copy, Debug, Default)]
pub struct DateRange<'a> {
    /// Only of this phone, whatever the case of its letters.
    pub phone: Option<&'a str>,
    /// Only from the start of this on.
    pub from: Option<&'a When>,
    /// Only up to the end of this.
    pub to: Option<&'a When>,
}

/// The snapshots in a range. As in all selecting, one that is known only to its month or year counts at the end of
/// it. `today` is the caller's civil day.
pub fn in_range<'s>(
    snapshots: &'s [StoredSnapshot],
    range: &DateRange<'_>,
    today: Date,
) -> Vec<&'s StoredSnapshot> {
    let phone = range.phone.map(str::to_lowercase);
    let from = range.from.map(|when| when.named(today));
    let to = range.to.map(|when| when.named(today));
    snapshots
        .iter()
        .filter(|one| {
            let time = &one.snapshot.time;
            phone
                .as_ref()
                .is_none_or(|phone| one.snapshot.phone.to_lowercase() == *phone)
                && from.is_none_or(|from| begins_by(&from, time))
                && to.is_none_or(|to| reaches(&to, time))
        })
        .collect()
}

fn begins_by(named: &Named, time: &SnapshotTime) -> bool {
    match named {
        Named::Latest => true,
        Named::Period(period) => period.first_day() <= time.civil().date,
        Named::Local(moment) => written(moment.first) <= civil(time),
        Named::Instant(moment) => instant(moment.first) <= time.since_epoch(),
    }
}

fn reaches(named: &Named, time: &SnapshotTime) -> bool {
    match named {
        Named::Latest => true,
        Named::Period(period) => time.civil().date <= period.last_day(),
        Named::Local(moment) => civil(time) <= written(moment.last),
        Named::Instant(moment) => time.since_epoch() <= instant(moment.last),
    }
}

type Civil = (i16, [u8; 5], u32);

fn civil(time: &SnapshotTime) -> Civil {
    let civil = time.civil();
    let date: CivilDate = civil.date;
    let fields = [date.month(), date.day(), civil.hour, civil.minute, civil.second];
    (date.year(), fields, civil.nanosecond)
}

fn written(at: jiff::civil::DateTime) -> Civil {
    let fields = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
    let fields = fields.map(|field| u8::try_from(field).unwrap_or(0));
    (
        at.year(),
        fields,
        u32::try_from(at.subsec_nanosecond()).unwrap_or(0),
    )
}

/// Seconds rounded down, and what is above them, also before 1970.
fn instant(at: Timestamp) -> (i64, u32) {
    const SECOND: i128 = 1_000_000_000;
    let nanoseconds = at.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).unwrap_or(i64::MAX);
    let rest = u32::try_from(nanoseconds.rem_euclid(SECOND)).unwrap_or(0);
    (seconds, rest)
}
