//! What the camera roll promises.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::super::SampleFile;
use super::{decode, find, months};

#[test]
fn camera_photos_are_whole_and_tagged() {
    let photos: Vec<&SampleFile> = months()[2]
        .iter()
        .filter(|file| {
            file.path.contains("/WP_") && file.path.ends_with(".jpg") && !file.path.contains("Saved")
        })
        .collect();
    let mut located = 0;
    for photo in &photos {
        let name = photo.path.rsplit('/').next().unwrap();
        let decoded = decode::jpeg(&photo.bytes);
        let exif = decoded.exif.unwrap_or_else(|| panic!("{name} has no tags"));
        let (main, _) = decode::directory(&exif, 8);
        let (tags, _) = decode::directory(&exif, main[&0x8769].2);
        assert!(["Nokia", "Microsoft"].contains(&decode::text(&exif, main[&0x010f]).as_str()));
        assert_eq!(
            (tags[&0xa002].2 as usize, tags[&0xa003].2 as usize),
            (decoded.width, decoded.height),
            "{name}"
        );
        located += usize::from(main.contains_key(&0x8825));

        let taken: String = decode::text(&exif, tags[&0x9003])
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let named: String = name.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(taken.len(), 14);
        assert!(
            name.starts_with(&format!("WP_{}", &taken[..8])) || taken[8..] > *"215500",
            "{name} taken {taken}"
        );
        if !name.ends_with("_003.jpg") && name.matches('_').count() > 3 {
            let seconds = |digits: &str| {
                digits[8..10].parse::<i32>().unwrap() * 3600
                    + digits[10..12].parse::<i32>().unwrap() * 60
                    + digits[12..14].parse::<i32>().unwrap()
            };
            assert!(
                (0..=2).contains(&(seconds(&named) - seconds(&taken))),
                "{name} taken {taken}"
            );
        }
        if name.contains("_LI") {
            let film = decode::boxes(&decoded.rest);
            assert_eq!(film[0].0, b"ftyp", "{name} has its film behind the picture");
        } else {
            assert!(decoded.rest.is_empty(), "{name}");
        }
    }
    assert!(photos.len() > 30);
    assert!(
        located * 10 > photos.len() * 7 && located < photos.len(),
        "{located} of {} located",
        photos.len()
    );
}

#[test]
fn a_copy_without_tags_has_the_picture_of_its_original() {
    let scan = |bytes: &[u8]| {
        let start = bytes.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        bytes[start..].to_vec()
    };
    let saved: Vec<&SampleFile> = months()[0]
        .iter()
        .filter(|file| file.path.contains("Saved Pictures/WP"))
        .collect();
    assert!(!saved.is_empty());
    let first = saved[0];
    let name = first.path.rsplit('/').next().unwrap();
    let original = find(&months()[0], &format!("Pictures/Camera Roll/{name}"));
    assert!(decode::jpeg(&first.bytes).exif.is_none());
    // The original's thumbnail has a scan of its own before the one that matters.
    assert!(original.bytes.ends_with(&scan(&first.bytes)));
}

#[test]
fn later_months_keep_the_photos_but_one_and_sort_some() {
    let contents = |month: &'static [SampleFile]| -> BTreeMap<Vec<u8>, &'static str> {
        month
            .iter()
            .filter(|file| file.path.contains("/WP_") && !file.path.contains("Saved"))
            .map(|file| (Sha256::digest(&file.bytes).to_vec(), file.path.as_str()))
            .collect()
    };
    let stem = |path: &str| {
        path.rsplit('/').next().unwrap()["WP_".len()..]
            .chars()
            .take(17)
            .collect::<String>()
    };
    for pair in months().windows(2) {
        let (before, after) = (contents(&pair[0]), contents(&pair[1]));
        let gone: BTreeSet<String> = before
            .iter()
            .filter(|(hash, _)| !after.contains_key(*hash))
            .map(|(_, path)| stem(path))
            .collect();
        assert_eq!(gone.len(), 1, "one photo is deleted, not {gone:?}");
        let moved: BTreeSet<String> = before
            .iter()
            .filter(|(hash, path)| after.get(*hash).is_some_and(|now| now != *path))
            .map(|(_, path)| stem(path))
            .collect();
        assert_eq!(moved.len(), 3, "three photos are sorted into an album: {moved:?}");
        let new: BTreeSet<String> = after
            .iter()
            .filter(|(hash, _)| !before.contains_key(*hash))
            .map(|(_, path)| stem(path))
            .collect();
        assert_eq!(new.len(), 6, "six photos are new: {new:?}");
    }
}
