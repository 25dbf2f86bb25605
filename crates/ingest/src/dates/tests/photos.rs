//! EXIF data written by hand, in both byte orders, whole, cut and damaged.

use super::super::from_exif;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const ORIGINAL: u16 = 0x9003;
const DIGITIZED: u16 = 0x9004;
const CHANGED: u16 = 0x0132;

struct Order {
    big_endian: bool,
}

impl Order {
    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: usize) -> [u8; 4] {
        let value = u32::try_from(value).unwrap();
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn entry(&self, tag: u16, kind: u16, count: usize, value: usize) -> Vec<u8> {
        [
            &self.u16(tag)[..],
            &self.u16(kind),
            &self.u32(count),
            &self.u32(value),
        ]
        .concat()
    }
}

/// A TIFF structure with `DateTime` in its main directory and the other times in its EXIF directory.
fn tiff(big_endian: bool, times: &[(u16, &str)]) -> Vec<u8> {
    let order = Order { big_endian };
    let (main, exif): (Vec<_>, Vec<_>) = times.iter().partition(|(tag, _)| *tag == CHANGED);
    let exif_at = 8 + 2 + 12 * (main.len() + 1) + 4;
    let mut texts_at = exif_at + 2 + 12 * exif.len() + 4;
    let mut texts = Vec::new();
    let mut directory = |times: &[&(u16, &str)], pointer: Option<usize>| {
        let mut bytes = order
            .u16(u16::try_from(times.len() + pointer.iter().len()).unwrap())
            .to_vec();
        for (tag, text) in times {
            bytes.extend(order.entry(*tag, 2, text.len() + 1, texts_at));
            texts.extend(text.bytes().chain([0]));
            texts_at += text.len() + 1;
        }
        bytes.extend(
            pointer
                .map(|at| order.entry(0x8769, 4, 1, at))
                .unwrap_or_default(),
        );
        bytes.extend([0; 4]);
        bytes
    };
    let main = directory(&main.iter().collect::<Vec<_>>()[..], Some(exif_at));
    let exif = directory(&exif.iter().collect::<Vec<_>>()[..], None);
    let header = [
        if big_endian { b"MM" } else { b"II" },
        &order.u16(42)[..],
        &order.u32(8),
    ]
    .concat();
    [header, main, exif, texts].concat()
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker][..], &length, content].concat()
}

fn jpeg(tiff: &[u8]) -> Vec<u8> {
    let exif = segment(0xe1, &[b"Exif\0\0", tiff].concat());
    [
        &[0xff, 0xd8][..],
        &segment(0xe0, b"JFIF\0"),
        &[0xff],
        &exif,
        &segment(0xda, &[0; 8]),
        b"picture",
    ]
    .concat()
}

fn taken() -> DateTime {
    date(2014, 9, 19).at(16, 25, 30, 0)
}

#[test]
fn the_time_a_photo_was_taken_comes_before_all_others() {
    let (original, digitized, changed) = (
        "2014:09:19 16:25:30",
        "2014:09:20 10:00:00",
        "2015:01:01 00:00:00",
    );
    for big_endian in [false, true] {
        let of = |times: &[(u16, &str)]| from_exif(&jpeg(&tiff(big_endian, times)));
        assert_eq!(
            of(&[(CHANGED, changed), (ORIGINAL, original), (DIGITIZED, digitized)]),
            Some(taken())
        );
        assert_eq!(
            of(&[(CHANGED, changed), (DIGITIZED, digitized)]),
            Some(date(2014, 9, 20).at(10, 0, 0, 0))
        );
        assert_eq!(of(&[(CHANGED, changed)]), Some(date(2015, 1, 1).at(0, 0, 0, 0)));
        assert_eq!(
            of(&[(ORIGINAL, "0000:00:00 00:00:00"), (CHANGED, original)]),
            Some(taken()),
            "zeros are no time"
        );
        assert_eq!(of(&[]), None);
        assert_eq!(
            from_exif(&tiff(big_endian, &[(ORIGINAL, original)])),
            Some(taken()),
            "as in a raw picture"
        );
    }
}

#[test]
fn texts_that_are_no_times_are_absent() {
    for (text, expected) in [
        ("2014-09-19T16:25:30", None),
        ("2014-09-19 16:25:30", Some(taken())),
        ("2014/09/19 16.25.30", Some(taken())),
        ("2014:09:19 16:25:30.123", Some(taken())),
        ("2014:09:31 16:25:30", None),
        ("2014:09:19 24:25:30", None),
        ("1970:01:01 00:00:00", None),
        ("2014:09:19 16:25", None),
        ("    :  :     :  :  ", None),
        ("20140919162530     ", None),
        ("2014:09:19 +6:25:30", None),
        ("", None),
    ] {
        assert_eq!(
            from_exif(&jpeg(&tiff(false, &[(ORIGINAL, text)]))),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn only_what_stands_before_the_picture_is_exif() {
    let whole = tiff(true, &[(ORIGINAL, "2014:09:19 16:25:30")]);
    let exif = segment(0xe1, &[b"Exif\0\0", &whole[..]].concat());
    let start = [0xff, 0xd8];
    let after_the_picture = [&start[..], &segment(0xda, &[0; 8]), &exif].concat();
    assert_eq!(from_exif(&after_the_picture), None);
    let second = [
        &start[..],
        &segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0"),
        &exif,
    ]
    .concat();
    assert_eq!(from_exif(&second), Some(taken()));
    assert_eq!(from_exif(&exif), None, "not a photo");
    assert_eq!(from_exif(b""), None);
}

#[test]
fn a_photo_cut_anywhere_gives_its_time_or_none() {
    let whole = jpeg(&tiff(false, &[(ORIGINAL, "2014:09:19 16:25:30")]));
    let found: Vec<_> = (0..=whole.len())
        .map(|length| from_exif(&whole[..length]))
        .collect();
    assert!(found.iter().all(|time| time.is_none_or(|time| time == taken())));
    let first = found.iter().position(Option::is_some).unwrap();
    assert!(
        found[first..].iter().all(Option::is_some),
        "once it is there, more bytes do not hide it"
    );
}

#[test]
fn loops_and_offsets_out_of_bounds_lead_nowhere() {
    let mut looped = tiff(false, &[]);
    // The EXIF directory is the main one again, which points to itself again.
    looped[18..22].copy_from_slice(&8_u32.to_le_bytes());
    assert_eq!(from_exif(&jpeg(&looped)), None);
    let mut beyond = tiff(false, &[(ORIGINAL, "2014:09:19 16:25:30")]);
    beyond[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(from_exif(&jpeg(&beyond)), None);
    let mut endless = tiff(false, &[]);
    endless[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    endless.extend(vec![0; 1 << 16]);
    assert_eq!(from_exif(&endless), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1116), failure_persistence: None, cases: 5_000, ..ProptestConfig::default()
    })]

    #[test]
    fn no_damage_makes_reading_panic(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8), big_endian in any::<bool>(),
    ) {
        let mut photo = jpeg(&tiff(big_endian, &[(ORIGINAL, "2014:09:19 16:25:30"), (CHANGED, "2015:01:01 00:00:00")]));
        for (at, value) in hits {
            let at = at.index(photo.len());
            photo[at] = value;
        }
        if let Some(time) = from_exif(&photo) {
            prop_assert!((1990..=2099).contains(&time.year()));
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), photo in any::<bool>()) {
        let bytes = if photo { jpeg(&bytes) } else { bytes };
        from_exif(&bytes);
        from_exif(&[b"MM\0*\0\0\0\x08", &bytes[..]].concat());
    }
}
