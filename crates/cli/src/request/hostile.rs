//! Texts and files of any kind that reach the program from outside: whatever they are, nothing panics, and what is taken
//! keeps its promises.

use std::ffi::OsStr;

use jiff::tz::TimeZone;

use super::*;
use crate::output::{parse_size, printable};
use crate::password::{PASSWORD_BYTES_MAX, Secret, split_words};

const SEED: u64 = 20_261_121;
const ROUNDS: u32 = 400_000;

/// Texts that mean something somewhere, to be changed.
const TEXTS: [&str; 20] = [
    "latest:Pictures/Camera Roll",
    "2026-05-14T18:30:00+02:00",
    "2026-05-14 18:30:00.5:DCIM",
    "zyxwvuts:\\a\\b",
    "2026-05",
    "9999-12-31",
    "1.5G",
    "18446744073709551615",
    "64MiB",
    "3/7",
    "12.5%",
    "unlimited",
    "7d12h",
    "phone, host,tags",
    "monthly,a tag",
    "CACHEDIR.TAG:Signature",
    "file:///srv/backup",
    "\"two words\" and\\ more 'of them'",
    "*.tmp\n# no pattern\n\n!keep\r\n",
    "stra\u{df}e \u{1d11e} e\u{301}\r\n",
];

/// SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 32).unwrap() % end.max(1)
    }

    /// One of the texts, with some bytes changed, put in, taken out, or taken from another.
    fn input(&mut self) -> Vec<u8> {
        let mut bytes = TEXTS[self.below(TEXTS.len())].as_bytes().to_vec();
        for _ in 0..self.below(5) {
            let at = self.below(bytes.len());
            let end = (at + self.below(6)).min(bytes.len());
            let other = TEXTS[self.below(TEXTS.len())].as_bytes();
            let from = self.below(other.len());
            let part = match self.below(5) {
                0 => vec![self.below(256).to_le_bytes()[0]],
                1 => other[from..].to_vec(),
                2 => b"9".repeat(self.below(25)),
                3 => bytes[at..end].repeat(self.below(400)),
                _ => Vec::new(),
            };
            bytes.splice(at..end, part);
        }
        bytes
    }
}

#[test]
fn nothing_from_outside_makes_a_reader_panic() {
    let mut numbers = Numbers(SEED);
    for round in 0..ROUNDS {
        let bytes = numbers.input();
        let tried = std::panic::catch_unwind(|| try_all(&bytes));
        assert!(
            tried.is_ok(),
            "seed {SEED}, round {round}: {:?}",
            bytes.escape_ascii().to_string()
        );
    }
}

fn try_all(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(secret) = Secret::from_bytes(bytes) {
        let secret = secret.expose();
        assert!((1..=PASSWORD_BYTES_MAX).contains(&secret.len()) && !secret.contains('\0'));
    }
    if let Ok(place) = SnapshotPath::parse(OsStr::new(&*text)) {
        for name in &place.path {
            assert_eq!(lumivault_format::tree::check_name(name), Ok(()), "{text:?}");
        }
    }
    if let Ok(time) = parse_snapshot_time(&text, &TimeZone::UTC) {
        assert_eq!(time.validate(), Ok(()), "{text:?}");
    }
    for name in [name(&text), tag(&text)].into_iter().flatten() {
        assert!((1..=255).contains(&name.len()) && !name.contains(char::is_control));
    }
    if let Ok(name) = component(&text) {
        assert_eq!(lumivault_format::tree::check_name(name.as_bytes()), Ok(()));
    }
    if let Ok(percent) = parity_percent(&text) {
        assert!(percent <= lumivault_format::limits::PARITY_PERCENT_MAX);
    }
    if let Ok(bytes) = parse_kdf_memory(&text) {
        assert!(bytes >= KDF_MEMORY_MIN && bytes % 1024 == 0 && u32::try_from(bytes / 1024).is_ok());
    }
    if let Ok(seconds) = parse_grace(&text) {
        assert!(seconds >= 0);
    }
    if let Ok(seconds) = parse_listing_delay(&text) {
        assert!(seconds <= lumivault_format::limits::LISTING_DELAY_SECONDS_MAX);
    }
    assert!(!printable(&text).contains(char::is_control), "{text:?}");
    let _ = (parse_keep(&text), parse_group_by(&text), TagList::parse(&text));
    let _ = (
        parse_max_unused(&text),
        Subset::parse(&text),
        threads(&text),
        parse_size(&text),
    );
    let _ = (
        RepoLocation::parse(OsStr::new(&*text)),
        Selector::parse(&text),
        Marker::parse(&text),
    );
    let _ = (patterns_of("file", &text), paths_of(bytes), split_words(&text));
}
