//! What must hold for every text that names a time and every time that a snapshot records; also included by the fuzzers in
//! the folder `tests/fuzz` of the workspace. Each function panics where a promise is broken.

use jiff::civil::date;
use lumivault_chunk_store::forget::policy::Span;
use lumivault_format::{Precision, SnapshotTime};
use lumivault_restore::when::{Candidate, Request, When, select};

/// Times of snapshots, 17 bytes each and whatever they say, and behind a line end the text that chooses among them.
pub(crate) fn when(bytes: &[u8]) {
    let (times, text) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&[][..], bytes),
    };
    let text = String::from_utf8_lossy(text);
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse(), Ok(span), "{text:?}");
    }
    let Ok(when) = text.parse::<When>() else { return };
    assert!(
        when.to_string().parse::<When>().is_ok(),
        "{text:?} is shown as {when}"
    );
    let (records, _) = times.as_chunks::<17>();
    let candidates: Vec<_> = (0..)
        .zip(records)
        .map(|(id, record)| Candidate {
            id,
            time: time(record),
            phone: "phone".into(),
        })
        .collect();
    for today in [date(2026, 11, 21), date(0, 1, 1), date(9999, 12, 31)] {
        for strict in [false, true] {
            let request = Request {
                when: &when,
                phone: None,
                strict,
            };
            match select::<u32>(&candidates, &request, today) {
                Ok(selection) => assert!(!format!("{selection:?}").is_empty()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

/// A time as a snapshot may record it: only its nanoseconds and its offset are checked when it is decoded.
fn time(record: &[u8; 17]) -> SnapshotTime {
    let (seconds, rest) = record.split_first_chunk().unwrap_or((&[0; 8], &[]));
    let (nanoseconds, rest) = rest.split_first_chunk().unwrap_or((&[0; 4], &[]));
    let (offset, rest) = rest.split_first_chunk().unwrap_or((&[0; 4], &[]));
    SnapshotTime {
        unix_seconds: i64::from_le_bytes(*seconds),
        nanoseconds: u32::from_le_bytes(*nanoseconds) % 1_000_000_000,
        utc_offset_seconds: i32::from_le_bytes(*offset) % 93_601,
        precision: match rest.first().map_or(0, |byte| byte % 4) {
            0 => Precision::Instant,
            1 => Precision::Day,
            2 => Precision::Month,
            _ => Precision::Year,
        },
    }
}

/// Texts of every form, with a few times before each.
pub(crate) fn when_seeds() -> Vec<Vec<u8>> {
    let times = [
        1_778_760_000_i64,
        i64::MIN,
        i64::MAX,
        -62_167_125_600,
        253_402_207_200,
    ];
    let records: Vec<u8> = times
        .iter()
        .zip(0u8..)
        .flat_map(|(seconds, kind)| {
            [
                &seconds.to_le_bytes()[..],
                &[0; 4],
                &7200_i32.to_le_bytes(),
                &[kind],
            ]
            .concat()
        })
        .filter(|byte| *byte != b'\n')
        .collect();
    [
        "latest",
        "today",
        "yesterday",
        "last-month",
        "last-year",
        "2026-05-14",
        "2026-05",
        "2026",
        "0000-01-01",
        "9999-12-31",
        "2026-05-14T18:00:00",
        "2026-05-14 18:00",
        "2026-05-14T18:00:00.123456789+02:00",
        "2026-05-14T18:00:00Z",
        "9999-12-31T23:59:59-25:59",
        "3m-ago",
        "1000y-ago",
        "1y-2m-3w-4d-ago",
        "1y6m",
        "2y5m7d3h",
    ]
    .map(|text| [&records[..], b"\n", text.as_bytes()].concat())
    .to_vec()
}
