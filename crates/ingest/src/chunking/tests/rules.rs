//! Which rule takes which content, and where the structured ones cut.

use super::*;

const MIB: usize = 1 << 20;

#[test]
fn numbers_are_frozen_and_unique() {
    let listed: Vec<(u8, Rule)> = Rule::ALL.iter().map(|&rule| (rule.number(), rule)).collect();
    let expected = [
        (1, Rule::Empty),
        (2, Rule::Tiny),
        (3, Rule::Stream),
        (4, Rule::Jpeg),
        (5, Rule::Iso),
        (6, Rule::MpegAudio),
        (7, Rule::Asf),
        (8, Rule::Flac),
        (9, Rule::OtherMedia),
        (10, Rule::ZipEntries),
        (11, Rule::Text),
        (12, Rule::Data),
        (13, Rule::Big),
    ];
    assert_eq!(listed, expected);
    for number in 0..=u8::MAX {
        assert_eq!(
            Rule::from_number(number).map_or(0, Rule::number),
            if number <= 13 { number } else { 0 }
        );
    }
}

#[test]
fn sizes_decide_where_nothing_else_does() {
    assert_eq!(cut(b""), (Rule::Empty, vec![]));
    assert_eq!(cut(b"x"), (Rule::Tiny, chunks(&[1])));
    assert_eq!(cut(&random(1, 8192)), (Rule::Tiny, chunks(&[8192])));
    assert_eq!(cut(&random(1, 8193)), (Rule::Data, chunks(&[8193])));
    let mut big = random(2, 32 * MIB);
    assert_eq!(classify(&big).unwrap().rule(), Rule::Big);
    big.pop();
    assert_eq!(classify(&big).unwrap().rule(), Rule::Data);
    assert_eq!(Plan::stream().rule(), Rule::Stream);
    assert_eq!(Plan::stream().content_len(), None);
}

#[test]
fn tiny_comes_before_every_kind() {
    let (photo, _) = jpeg(100, 4000);
    assert_eq!(cut(&photo), (Rule::Tiny, chunks(&[photo.len()])));
}

#[test]
fn text_and_databases_stay_fine_however_big() {
    let big = |head: &[u8]| [head, &random(3, 33 * MIB)].concat();
    let long = text(4, 4096);
    let heads: [&[u8]; 5] = [
        &long,
        b"SQLite format 3\0",
        b"1234\xEF\xCD\xAB\x89",
        b"\xFF\xFEB\0E\0",
        b"\xFE\xFF\0B\0E",
    ];
    for head in heads {
        assert_eq!(
            classify(&big(head)).unwrap().rule(),
            Rule::Text,
            "{:?}",
            &head[..4]
        );
    }
    let mut almost = long.clone();
    almost[4095] = 0x1B;
    assert_eq!(classify(&big(&almost)).unwrap().rule(), Rule::Big);
}

#[test]
fn photo_is_cut_after_the_first_scan_header() {
    let (photo, start) = jpeg(150_000, 70_000);
    assert_eq!(cut(&photo), (Rule::Jpeg, chunks(&[start, 70_000])));
}

#[test]
fn photo_shares_its_picture_whatever_its_tags() {
    let (long, start) = jpeg(30_000, 50_000);
    let (short, other_start) = jpeg(12, 50_000);
    assert_ne!(start, other_start);
    assert_eq!(cut(&long).1[1], cut(&short).1[1]);
    assert_eq!(long[start..], short[other_start..]);
}

#[test]
fn huge_picture_goes_on_in_media_pieces() {
    let (photo, start) = jpeg(500, 21 * MIB);
    assert_eq!(
        cut(&photo),
        (Rule::Jpeg, chunks(&[start, 16 * MIB, 4 * MIB, MIB]))
    );
}

#[test]
fn fill_bytes_before_a_marker_are_stepped_over() {
    let (mut photo, start) = jpeg(500, 70_000);
    photo.splice(2..2, [0xFF; 300]);
    assert_eq!(cut(&photo), (Rule::Jpeg, chunks(&[start + 300, 70_000])));
    photo.splice(2..2, [0xFF; 1000]);
    assert_eq!(cut(&photo).0, Rule::OtherMedia);
}

#[test]
fn odd_photos_fall_back_to_media() {
    let (photo, start) = jpeg(20_000, 70_000);
    let broken = |at: usize, bytes: &[u8]| {
        let mut photo = photo.clone();
        photo[at..at + bytes.len()].copy_from_slice(bytes);
        photo
    };
    let scan = start - 10;
    let too_far = jpeg(MIB, 70_000).0;
    let cases: [(&str, Vec<u8>); 9] = [
        ("small", jpeg(2_000, 12_000).0),
        ("cut off in the metadata", photo[..18_000].to_vec()),
        ("ends with the scan header", jpeg(20_000, 0).0),
        ("no marker where one must be", broken(20_006, b"\x00")),
        ("restart marker in the header", broken(20_006, b"\xFF\xD3")),
        ("ends before its scan", broken(scan, b"\xFF\xD9")),
        (
            "length below its own two bytes",
            broken(scan, b"\xFF\xDA\x00\x01"),
        ),
        ("second start of image", broken(20_006, b"\xFF\xD8")),
        ("picture beyond the first megabyte", too_far),
    ];
    for (what, photo) in cases {
        assert_eq!(cut(&photo), (Rule::OtherMedia, chunks(&[photo.len()])), "{what}");
    }
}

fn iso_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..],
        &kind,
        body,
    ]
    .concat()
}

#[test]
fn video_is_cut_around_its_media_data() {
    let (ftyp, moov) = (
        iso_box(*b"ftyp", b"mp42\0\0\0\0isom"),
        iso_box(*b"moov", &[3; 9000]),
    );
    let mdat = iso_box(*b"mdat", &random(5, 5 * MIB));
    let (media, last) = (4 * MIB, MIB);
    let at_end = [&ftyp[..], &mdat, &moov].concat();
    assert_eq!(
        cut(&at_end),
        (Rule::Iso, chunks(&[ftyp.len() + 8, media, last, moov.len()]))
    );
    let at_start = [&ftyp[..], &moov, &mdat].concat();
    assert_eq!(
        cut(&at_start),
        (Rule::Iso, chunks(&[ftyp.len() + moov.len() + 8, media, last]))
    );
    let old = [&iso_box(*b"wide", b"")[..], &mdat, &moov].concat();
    assert_eq!(cut(&old), (Rule::Iso, chunks(&[16, media, last, moov.len()])));

    let mut to_the_end = at_start.clone();
    let header = ftyp.len() + moov.len();
    to_the_end[header..header + 4].fill(0);
    assert_eq!(cut(&to_the_end), cut(&at_start));
    let long = [
        &b"\0\0\0\x01mdat"[..],
        &(mdat.len() as u64 + 8).to_be_bytes(),
        &mdat[8..],
    ]
    .concat();
    let long = [&ftyp[..], &iso_box(*b"mdat", b""), &long, &moov].concat();
    assert_eq!(
        cut(&long),
        (Rule::Iso, chunks(&[ftyp.len() + 24, media, last, moov.len()]))
    );
    let truncated = &at_end[..ftyp.len() + 8 + 100_000];
    assert_eq!(cut(truncated), (Rule::Iso, chunks(&[ftyp.len() + 8, 100_000])));
}

#[test]
fn odd_boxes_leave_a_video_in_pieces() {
    let ftyp = iso_box(*b"ftyp", b"mp42\0\0\0\0");
    for size in [2_u32, 7, 30_000, u32::MAX] {
        let odd = [&ftyp[..], &size.to_be_bytes(), b"free", &random(6, 30_000)].concat();
        assert_eq!(cut(&odd), (Rule::Iso, chunks(&[odd.len()])), "size {size}");
    }
    let many = [
        &ftyp[..],
        &iso_box(*b"free", b"").repeat(40),
        &iso_box(*b"mdat", &random(11, 30_000)),
    ]
    .concat();
    assert_eq!(cut(&many), (Rule::Iso, chunks(&[many.len()])));
    let prose = [&b"Set free all birds"[..], &text(7, 30_000)].concat();
    assert_eq!(cut(&prose).0, Rule::Text, "boxes that lead nowhere are no video");
    let wrap = [
        &ftyp[..],
        b"\0\0\0\x01free",
        &u64::MAX.to_be_bytes(),
        &random(11, 30_000),
    ]
    .concat();
    assert_eq!(cut(&wrap), (Rule::Iso, chunks(&[wrap.len()])));
}

#[test]
fn sound_is_cut_around_its_tags() {
    let audio = random(8, 40_000);
    let id3v1 = [&b"TAG"[..], &[b' '; 125]].concat();
    let tagged = |flags: u8| {
        [
            &b"ID3\x04\0"[..],
            &[flags, 0, 0, 2, 10],
            &[0; 266],
            &audio,
            &id3v1,
        ]
        .concat()
    };
    assert_eq!(cut(&tagged(0)), (Rule::MpegAudio, chunks(&[276, 40_000, 128])));
    assert_eq!(
        cut(&tagged(0x10)),
        (Rule::MpegAudio, chunks(&[286, 39_990, 128])),
        "with a footer"
    );
    let overlong = [&b"ID3\x04\0\0"[..], &[0, 2, 127, 127], &audio].concat();
    assert_eq!(cut(&overlong), (Rule::OtherMedia, chunks(&[overlong.len()])));

    // 128 kbit/s at 44.1 kHz: frames of 417 bytes.
    let mut untagged = [&b"\xFF\xFB\x90\x00"[..], &audio].concat();
    assert_eq!(cut(&untagged).0, Rule::Data, "one sync word proves nothing");
    untagged[417..421].copy_from_slice(b"\xFF\xFB\x92\x00");
    assert_eq!(cut(&untagged), (Rule::MpegAudio, chunks(&[untagged.len()])));
    untagged.extend_from_slice(&id3v1);
    assert_eq!(
        cut(&untagged),
        (Rule::MpegAudio, chunks(&[untagged.len() - 128, 128]))
    );

    let guid = b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C";
    let wma = |size: u64| [&guid[..], &size.to_le_bytes(), &[0; 4976], &audio].concat();
    assert_eq!(cut(&wma(5000)), (Rule::Asf, chunks(&[5000, 40_000])));
    for size in [0, 29, 45_000, u64::MAX] {
        assert_eq!(
            cut(&wma(size)),
            (Rule::OtherMedia, chunks(&[45_000])),
            "size {size}"
        );
    }

    let flac = |last: u8| {
        [
            &b"fLaC\0\0\0\x22"[..],
            &[0; 34],
            &[last, 0, 0x10, 0],
            &[0; 4096],
            &audio,
        ]
        .concat()
    };
    assert_eq!(cut(&flac(0x84)), (Rule::Flac, chunks(&[4142, 40_000])));
    assert_eq!(
        cut(&[&flac(0x84)[..30], &random(12, 30_000)].concat()).0,
        Rule::OtherMedia,
        "blocks beyond the end"
    );
}

#[test]
fn other_media_come_in_pieces() {
    let heads: [&[u8]; 18] = [
        b"\x89PNG\r\n\x1A\n",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"RIFF",
        b"OggS",
        b"fLaC",
        b"ID3",
        b"#!AMR",
        b"FLV\x01",
        b"\x1A\x45\xDF\xA3",
        b"\0\0\x01\xBA",
        b"\0\0\x01\xB3",
        b"EXPH",
        b"EXSH",
        b"EXBH",
        b"\xFF\xD8\xFF",
    ];
    let rest = vec![0xFF; 9 * MIB];
    for head in heads {
        let content = [head, &rest].concat();
        assert_eq!(
            cut(&content),
            (Rule::OtherMedia, chunks(&[4 * MIB, 4 * MIB, MIB + head.len()])),
            "{head:?}"
        );
    }
}

#[test]
fn hints_follow_the_kind() {
    let hints = |content: &[u8]| {
        let plan = classify(&content).unwrap();
        segments_from(&plan, content, 0, || usize::MAX)
            .into_iter()
            .map(|(_, hint)| hint)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        hints(&jpeg(500, 70_000).0),
        [Some(Hint::Compress), Some(Hint::Sample)]
    );
    assert_eq!(
        hints(&[&b"OggS"[..], &text(12, 20_000)].concat()),
        [Some(Hint::Sample)]
    );
    assert_eq!(hints(&text(9, 20_000)), [Some(Hint::Compress)]);
    assert_eq!(hints(&vec![0; 65_536]), [None]);
}

#[test]
fn a_named_rule_applies_or_says_no() {
    let (photo, start) = jpeg(500, 70_000);
    let as_data = classify_as(Rule::Data, &photo).unwrap().unwrap();
    assert_eq!(as_data.rule(), Rule::Data);
    assert_eq!(as_data.class(), Class::Data);
    assert_ne!(segments(&as_data, &photo), chunks(&[start, 70_000]));
    assert_eq!(
        classify_as(Rule::Jpeg, &photo).unwrap(),
        Some(classify(&photo).unwrap())
    );
    for rule in [Rule::Empty, Rule::Tiny, Rule::Iso, Rule::ZipEntries, Rule::Flac] {
        assert_eq!(classify_as(rule, &photo).unwrap(), None, "{rule:?}");
    }
    assert_eq!(classify_as(Rule::Stream, &photo).unwrap(), Some(Plan::stream()));
}

/// A source that fails, or is shorter than it says.
struct Odd {
    claimed: u64,
    bytes: Vec<u8>,
    fails: bool,
}

impl ReadAt for Odd {
    fn len(&self) -> u64 {
        self.claimed
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.fails {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        // One byte at a time: short reads are allowed.
        let length = buffer.len().min(1);
        self.bytes.read_at(offset, &mut buffer[..length])
    }
}

#[test]
fn reading_decides_nothing_but_failure() {
    let (photo, start) = jpeg(9000, 70_000);
    let odd = |claimed, fails| Odd {
        claimed,
        bytes: photo.clone(),
        fails,
    };
    let slow = classify(&odd(photo.len() as u64, false)).unwrap();
    assert_eq!(segments(&slow, &photo), chunks(&[start, 70_000]));
    assert_eq!(
        classify(&odd(100_000, true)).unwrap_err().kind(),
        std::io::ErrorKind::TimedOut
    );
    let shrunk = classify(&odd(200_000, false)).unwrap();
    assert_eq!(
        segments(&shrunk, &photo[..5000]),
        chunks(&[5000]),
        "content that ended early is cut as it is"
    );
    for claimed in [photo.len() as u64, u64::MAX] {
        let plan = classify(&Odd {
            claimed,
            bytes: b"PK\x03\x04".to_vec(),
            fails: false,
        })
        .unwrap();
        assert!(matches!(plan.rule(), Rule::Text | Rule::Data | Rule::Big));
    }
}

#[test]
fn bytes_beyond_the_classified_length_are_never_cut() {
    let content = random(10, 50_000);
    let plan = classify(&&content[..30_000]).unwrap();
    let grown = chunker();
    let mut cutter = grown.cutter(&plan);
    let mut at = 0;
    while let Cut::Chunk { length, .. } = cutter.next(&content[at..], false) {
        at += length;
    }
    assert_eq!(at, 30_000);
    assert_eq!(cutter.next(&content[at..], false), Cut::End);
}
