//! Every writer against a reader.

use std::io::{Cursor, Read as _};

use base64ct::{Base64, Encoding as _};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::super::archive::Archive;
use super::super::deflate::{crc32, zlib};
use super::super::picture::Picture;
use super::super::rng::Rng;
use super::super::tiff::{Place, Shot, dng};
use super::super::{audio, jpeg, mp4, png};
use super::{decode, months};

#[test]
fn a_jpeg_decodes_to_the_picture_it_was_made_of() {
    // Odd sizes need padding; the qualities take other paths through zero runs and large coefficients.
    for (width, height, quality, least_decibels) in
        [(64, 48, 95, 38.0), (70, 50, 75, 30.0), (33, 17, 20, 24.0)]
    {
        let picture = Picture::landscape(&mut Rng::new(7, "test", u64::from(quality)), width, height);
        let decoded = decode::jpeg(&jpeg::encode(&picture, quality, None));
        let luma = decoded.luma();
        assert_eq!((decoded.width, decoded.height), (width, height));
        assert_eq!(luma.len(), picture.luma.len());
        assert!(decoded.rest.is_empty() && decoded.exif.is_none());
        let squares: f64 = luma
            .iter()
            .zip(&picture.luma)
            .map(|(got, &put)| (got - f64::from(put)).powi(2))
            .sum();
        let mean = squares / f64::from(u32::try_from(picture.luma.len()).unwrap());
        let decibels = 10.0 * (255.0 * 255.0 / mean).log10();
        assert!(
            decibels > least_decibels,
            "only {decibels:.1} dB at quality {quality}"
        );
    }
}

#[test]
fn a_window_of_a_picture_is_that_part_of_it() {
    let picture = Picture::landscape(&mut Rng::new(7, "pan", 0), 96, 32);
    let window = picture.window(32, 48);
    assert_eq!((window.width, window.height, window.stride), (48, 32, 48));
    for row in 0..32 {
        assert_eq!(window.luma[row * 48..][..48], picture.luma[row * 96 + 32..][..48]);
    }
    for row in 0..16 {
        assert_eq!(window.red[row * 24..][..24], picture.red[row * 48 + 16..][..24]);
    }
}

#[test]
fn exif_holds_what_the_camera_knew() {
    let thumbnail = jpeg::encode(
        &Picture::landscape(&mut Rng::new(7, "thumb", 0), 32, 32),
        75,
        None,
    );
    let shot = |place| Shot {
        make: "Nokia",
        model: "Lumia 925",
        taken: "2015:01:11 16:25:29".to_owned(),
        width: 640,
        height: 360,
        iso: 100,
        shutter: 60,
        place,
        thumbnail: &thumbnail,
    };
    let exif = shot(Some(Place {
        north: -33_856_800,
        east: 18_500_000,
        metres: 5,
    }))
    .exif();
    let (main, next) = decode::directory(&exif, 8);
    assert_eq!(decode::text(&exif, main[&0x010f]), "Nokia");
    assert_eq!(decode::text(&exif, main[&0x0110]), "Lumia 925");
    let (tags, _) = decode::directory(&exif, main[&0x8769].2);
    assert_eq!(decode::text(&exif, tags[&0x9003]), "2015:01:11 16:25:29");
    assert_eq!((tags[&0xa002].2, tags[&0xa003].2), (640, 360));
    assert!(!tags.contains_key(&0x9011), "these phones write no time zone");

    let (gps, _) = decode::directory(&exif, main[&0x8825].2);
    assert_eq!(gps[&1].2.to_le_bytes(), *b"S\0\0\0");
    assert_eq!(gps[&3].2.to_le_bytes(), *b"E\0\0\0");
    let south: Vec<u32> = exif[gps[&2].2 as usize..][..24]
        .chunks(4)
        .map(|number| u32::from_le_bytes([number[0], number[1], number[2], number[3]]))
        .collect();
    assert_eq!(south, [33, 1, 51, 1, 2448, 100]);

    let (thumbs, end) = decode::directory(&exif, next);
    assert_eq!(exif[thumbs[&0x0201].2 as usize..], thumbnail);
    assert_eq!((thumbs[&0x0202].2 as usize, end), (thumbnail.len(), 0));

    let nowhere = shot(None).exif();
    let (main, next) = decode::directory(&nowhere, 8);
    assert!(!main.contains_key(&0x8825));
    let (thumbs, _) = decode::directory(&nowhere, next);
    assert_eq!(nowhere[thumbs[&0x0201].2 as usize..], thumbnail);
}

#[test]
fn a_dng_holds_every_sensor_value() {
    let values: Vec<u16> = (0..6 * 4).map(|number| number * 40).collect();
    let file = dng("Microsoft", "Lumia 950 XL", 6, 4, &values);
    let (raw, next) = decode::directory(&file, 8);
    assert_eq!(
        (raw[&0x0100].2, raw[&0x0101].2, raw[&0x0106].2, next),
        (6, 4, 32_803, 0)
    );
    let strip = &file[raw[&0x0111].2 as usize..];
    assert_eq!(strip.len(), raw[&0x0117].2 as usize);
    assert!(
        strip
            .iter()
            .copied()
            .eq(values.iter().flat_map(|value| value.to_le_bytes()))
    );
}

#[test]
fn an_archive_opens_and_gives_back_its_entries() {
    let mut rng = Rng::new(7, "archive", 0);
    let mut contents: Vec<(String, Vec<u8>)> = vec![
        ("leer".into(), Vec::new()),
        ("ein Byte ä".into(), vec![0xff]),
        ("lauter Nullen".into(), vec![0; 100_000]),
        ("unpackbar".into(), rng.bytes(70_000)),
    ];
    // Repetitions at every distance up to and past the window, and of lengths around the longest.
    let block = rng.bytes(40_000);
    contents.push((
        "fern".into(),
        [
            &block[..],
            &block[7233..],
            &block[..259],
            &block[..258],
            &block[..2],
        ]
        .concat(),
    ));
    for number in 0..60u8 {
        let length = rng.below(3000) as usize;
        let few: Vec<u8> = (0..length)
            .map(|_| *rng.pick(&[1, 2, 3, 144, 200 + number % 50]))
            .collect();
        contents.push((format!("wenige {number}"), few));
    }
    let mut archive = Archive::default();
    for (number, (name, content)) in contents.iter().enumerate() {
        if number % 7 == 3 {
            archive.stored(name, content);
        } else {
            archive.packed(name, content);
        }
    }
    let mut opened = ZipArchive::new(Cursor::new(archive.finish())).unwrap();
    assert_eq!(opened.len(), contents.len());
    for (number, (name, content)) in contents.iter().enumerate() {
        let mut entry = opened.by_index(number).unwrap();
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert_eq!(entry.name().unwrap(), *name);
        assert!(read == *content, "{name} came back changed");
    }
    assert!(opened.by_name("lauter Nullen").unwrap().compressed_size() < 1000);
}

#[test]
fn checksums_of_the_published_test_strings() {
    assert_eq!(crc32(&[b"12345", b"6789"]), 0xcbf4_3926);
    assert_eq!(
        zlib(b"Wikipedia").last_chunk(),
        Some(&0x11e6_0398_u32.to_be_bytes())
    );
}

#[test]
fn a_png_has_sound_chunks_and_a_whole_picture() {
    let file = png::start_screen(&mut Rng::new(7, "screen", 0), 20);
    let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
    let mut kinds = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let crc = crc32(&[&rest[4..8 + size]]);
        assert_eq!(rest[8 + size..12 + size], crc.to_be_bytes());
        kinds.push((&rest[4..8], &rest[8..8 + size]));
        rest = &rest[12 + size..];
    }
    assert!(
        kinds
            .iter()
            .map(|(kind, _)| *kind)
            .eq([b"IHDR", b"IDAT", b"IEND"])
    );
    assert_eq!(kinds[0].1, [0, 0, 0, 80, 0, 0, 0, 140, 8, 2, 0, 0, 0]);
    // Unpack the picture with a foreign inflater, by dressing it as the only entry of an archive.
    let packed = &kinds[1].1[2..kinds[1].1.len() - 4];
    let rows = 140 * (1 + 80 * 3);
    let mut whole = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0".to_vec();
    whole.extend_from_slice(&[0; 4]);
    whole.extend_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
    whole.extend_from_slice(&u32::try_from(rows).unwrap().to_le_bytes());
    whole.extend_from_slice(&[0; 4]);
    whole.extend_from_slice(packed);
    let mut reader = Cursor::new(whole);
    let mut entry = zip::read::read_zipfile_from_stream(&mut reader).unwrap().unwrap();
    let mut pixels = vec![0; rows];
    entry.read_exact(&mut pixels).unwrap();
    assert!(pixels.chunks(241).all(|row| row[0] == 0), "no row is filtered");
}

#[test]
fn a_film_leads_to_every_one_of_its_pictures() {
    let file = mp4::film(&mut Rng::new(7, "film", 0), 64, 48, 5, 1_563_000_000);
    let top = decode::boxes(&file);
    assert!(top.iter().map(|(name, _)| *name).eq([b"ftyp", b"mdat", b"moov"]));
    let inside = |content, name: &[u8; 4]| {
        let (_, found) = *decode::boxes(content)
            .iter()
            .find(|(found, _)| *found == name)
            .unwrap();
        found
    };
    let media = inside(inside(top[2].1, b"trak"), b"mdia");
    let table = inside(inside(media, b"minf"), b"stbl");
    let numbers = |name| -> Vec<usize> {
        inside(table, name)
            .chunks(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]) as usize)
            .collect()
    };
    let (sizes, offsets) = (numbers(b"stsz"), numbers(b"stco"));
    assert_eq!((sizes[2], offsets[1]), (5, 1));
    let mut at = offsets[2];
    for &size in &sizes[3..] {
        let picture = decode::jpeg(&file[at..at + size]);
        assert_eq!((picture.width, picture.height), (64, 48));
        at += size;
    }
    assert_eq!(sizes[3..].iter().sum::<usize>(), top[1].1.len());
}

#[test]
fn a_song_comes_back_sample_by_sample() {
    let song = audio::tune(&mut Rng::new(7, "song", 0), 3 * 4096);
    assert!(song.iter().any(|&sample| sample > 8000) && song.iter().any(|&sample| sample < -8000));
    let file = audio::flac(&song, &["TITLE=夜鳥".to_owned()]);
    assert!(
        file.len() < song.len() * 3 / 2,
        "{} bytes are not packed",
        file.len()
    );
    assert!(decode::flac(&file) == song);
    assert_eq!(audio::crc(b"123456789", 0x8005, 16), 0xfee8);
    assert_eq!(audio::crc(b"123456789", 0x07, 8), 0xf4);
}

#[test]
fn a_block_map_tells_the_hash_of_every_block() {
    let appx = &months()[0]
        .iter()
        .find(|file| file.path.ends_with(".appx"))
        .unwrap()
        .bytes;
    let mut package = ZipArchive::new(Cursor::new(appx)).unwrap();
    let mut map = String::new();
    package
        .by_name("AppxBlockMap.xml")
        .unwrap()
        .read_to_string(&mut map)
        .unwrap();
    let mut code = Vec::new();
    package
        .by_name("Lichtung.dll")
        .unwrap()
        .read_to_end(&mut code)
        .unwrap();
    assert!(code.len() > 65_536, "more than one block, or this shows little");
    let blocks: String = code
        .chunks(65_536)
        .map(|block| {
            format!(
                "<Block Hash=\"{}\"/>",
                Base64::encode_string(&Sha256::digest(block))
            )
        })
        .collect();
    assert!(map.contains(&format!(
        "<File Name=\"Lichtung.dll\" Size=\"{}\" LfhSize=\"42\">{blocks}</File>",
        code.len()
    )));
}
