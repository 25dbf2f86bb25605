//! What the made-up phone promises: the same bytes everywhere, sound files, and months that follow from each other.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the generator's own names have one case"
)]
#![expect(clippy::format_collect, reason = "the short way to print a hash")]

mod camera;
mod decode;
mod formats;
mod people;

use std::collections::{BTreeSet, HashSet};
use std::io::{Cursor, ErrorKind, Read as _};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::calendar::Civil;
use super::*;

/// The first three months of the default phone, made once.
fn months() -> &'static [Vec<SampleFile>; 3] {
    static MONTHS: OnceLock<[Vec<SampleFile>; 3]> = OnceLock::new();
    MONTHS.get_or_init(|| {
        let phone = SamplePhone::new(SampleOptions::default());
        [0, 1, 2].map(|month| phone.files(month).unwrap().collect())
    })
}

fn find<'a>(month: &'a [SampleFile], path: &str) -> &'a SampleFile {
    month
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("there is no {path}"))
}

fn text(file: &SampleFile) -> &str {
    std::str::from_utf8(&file.bytes).unwrap()
}

/// A hash over names, times and contents.
fn fingerprint(files: &[SampleFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        let seconds = file
            .modified
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        hash.update(format!("{}\0{seconds}\0{}\0", file.path, file.bytes.len()));
        hash.update(&file.bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// These values may only change when somebody wants another phone: fixtures and figures elsewhere rest on it.
#[test]
fn the_same_phone_on_every_machine() {
    let found: Vec<String> = months().iter().map(|month| fingerprint(month)).collect();
    assert_eq!(
        found,
        [
            "47f1293ad5f91a04536f58049cc455b9c656951beb7e27f16ee9d782711a2ebf",
            "051fedbc214731374ab681b1085dac38fb12dc86f207f7878ae8d49a144c62e4",
            "0e847391ee6fd282ca8b164ee2d0d35e023329c9b90b65f597bdd54b7dc5d926"
        ]
    );
}

#[test]
fn another_seed_is_another_phone() {
    let contents = |files: &[SampleFile]| -> HashSet<Vec<u8>> {
        files
            .iter()
            .filter(|file| file.path.starts_with("Pictures/Camera"))
            .map(|file| file.bytes.clone())
            .collect()
    };
    let other: Vec<SampleFile> = SamplePhone::new(SampleOptions {
        seed: 951,
        size: SampleSize::Small,
    })
    .files(0)
    .unwrap()
    .collect();
    let (ours, theirs) = (contents(&months()[0]), contents(&other));
    // The thumbnail database is empty on every phone.
    assert_eq!(ours.intersection(&theirs).count(), 1);
}

#[test]
fn on_disk_it_is_what_it_is_in_memory() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join(SamplePhone::month_name(1));
    let phone = SamplePhone::new(SampleOptions::default());
    let summary = phone.write_month(1, &target).unwrap();
    for file in &months()[1] {
        let path = target.join(&file.path);
        assert!(fs::read(&path).unwrap() == file.bytes, "{}", file.path);
        assert_eq!(
            fs::metadata(&path).unwrap().modified().unwrap(),
            file.modified,
            "{}",
            file.path
        );
    }
    let bytes: usize = months()[1].iter().map(|file| file.bytes.len()).sum();
    assert_eq!(
        (summary.files, summary.bytes),
        (months()[1].len() as u64, bytes as u64)
    );
    assert_eq!(
        summary.folders.values().map(|folder| folder.files).sum::<u64>(),
        summary.files
    );
    assert_eq!(
        summary.folders.values().map(|folder| folder.bytes).sum::<u64>(),
        summary.bytes
    );
    assert_eq!(summary.folders["smsBackup"].files, 4);

    let again = phone.write_month(1, &target).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    assert!(again.to_string().contains("Lumia-Backup-2026-06"), "{again}");
}

#[test]
fn months_beyond_the_last_are_refused() {
    let phone = SamplePhone::new(SampleOptions::default());
    let place = tempfile::tempdir().unwrap();
    assert_eq!(
        phone.write_month(MONTHS, place.path()).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        phone.files(u32::MAX).err().map(|error| error.kind()),
        Some(ErrorKind::InvalidInput)
    );
    assert!(phone.plan(MONTHS - 1).is_ok());
    assert_eq!(SamplePhone::month_name(MONTHS - 1), "Lumia-Backup-2076-04");
}

#[test]
fn a_demonstration_stays_small() {
    let bytes: usize = months().iter().flatten().map(|file| file.bytes.len()).sum();
    assert!(
        (8_000_000..15_000_000).contains(&bytes),
        "{bytes} bytes in three months"
    );
}

#[test]
fn every_kind_of_file_is_there() {
    let endings = "_Pro.jpg _0_Pro.jpg _Pro__highres.jpg _Raw.jpg _Raw__highres.dng _Rich.jpg _Rich.jpg.thumb \
        _Smart.jpg _Smart.nar _Panorama.jpg _Pro_LI.jpg .mp4.thm .mp4.tnl .mp4 .msg .hsh .vcf .csv .xap .appx \
        .docx .pdf .txt .flac .wav .png desktop.ini Thumbs.db /OMD";
    for ending in endings.split_whitespace() {
        assert!(
            months()[0].iter().any(|file| file.path.ends_with(ending)),
            "no {ending}"
        );
    }
    let folders = [
        "Pictures/Camera Roll",
        "Pictures/Saved Pictures",
        "Pictures/Screenshots",
        "Pictures/Sample Pictures",
        "Videos",
        "Music",
        "Documents",
        "Downloads",
        "Ringtones",
        "WhatsApp",
        "smsBackup",
        "mmsBackup",
        "Contacts",
    ];
    for folder in folders {
        assert!(
            months()[0]
                .iter()
                .any(|file| file.path.starts_with(&format!("{folder}/"))),
            "no {folder}"
        );
    }
    let counted = months()[0]
        .iter()
        .find(|file| file.path.ends_with("_001.jpg"))
        .expect("a photo named by a counter");
    let name = counted.path.rsplit('/').next().unwrap();
    assert_eq!(name.len(), "WP_20140919_004.jpg".len());
}

/// Windows and FAT are stricter about names than the machines this is written on.
fn assert_portable<'a>(paths: impl Iterator<Item = &'a str>) {
    let mut seen = HashSet::new();
    for path in paths {
        assert!(seen.insert(path.to_lowercase()), "{path} is there twice");
        assert!(path.len() < 150, "{path} is too long");
        assert!(
            !path.contains(['<', '>', ':', '"', '\\', '|', '?', '*']),
            "{path}"
        );
        assert!(
            !path
                .chars()
                .any(|letter| letter.is_control() || ('\u{300}'..='\u{36f}').contains(&letter)),
            "{path}"
        );
        for part in path.split('/') {
            assert!(!part.is_empty() && !part.ends_with([' ', '.']), "{path}");
        }
    }
}

#[test]
fn paths_can_be_written_anywhere() {
    for month in months() {
        assert_portable(month.iter().map(|file| file.path.as_str()));
    }
    let crowded = Scale {
        photos_first: 100_000,
        photos_per_month: u32::MAX,
        photo_width: 0,
        photo_height: u32::MAX,
        messages_first: u32::MAX,
        messages_per_month: u32::MAX,
        contacts: u32::MAX,
        song_seconds: 0,
        package_bytes: u32::MAX,
    };
    let phone = SamplePhone::new(SampleOptions {
        seed: 1,
        size: SampleSize::Custom(crowded),
    });
    let plan = phone.plan(2).unwrap();
    assert!(plan.len() > 104_000);
    assert_portable(plan.iter().map(|planned| planned.path.as_str()));
    let bounded = SampleSize::Custom(crowded).scale();
    assert_eq!(
        (
            bounded.photo_width,
            bounded.photo_height,
            bounded.contacts,
            bounded.song_seconds
        ),
        (64, 8000, 252, 1)
    );
}

#[test]
fn the_least_phone_works() {
    let least = Scale {
        photos_first: 0,
        photos_per_month: 0,
        photo_width: 0,
        photo_height: 0,
        messages_first: 0,
        messages_per_month: 0,
        contacts: 0,
        song_seconds: 0,
        package_bytes: 0,
    };
    let phone = SamplePhone::new(SampleOptions {
        seed: 1,
        size: SampleSize::Custom(least),
    });
    let files: Vec<SampleFile> = phone.files(3).unwrap().collect();
    let messages = files
        .iter()
        .find(|file| file.path.starts_with("smsBackup/") && file.path.ends_with(".msg"))
        .unwrap();
    assert!(!text(messages).contains("<Message>"));
    assert!(files.iter().all(|file| file.bytes.len() < 300_000));
}

#[test]
fn every_copy_has_fresh_times() {
    for (number, month) in (0..).zip(months()) {
        let start = SamplePhone::copied_at(number);
        let times: BTreeSet<SystemTime> = month.iter().map(|file| file.modified).collect();
        assert_eq!(times.len(), month.len());
        assert_eq!(times.first(), Some(&start));
        assert!(times.last().unwrap().duration_since(start).unwrap() < Duration::from_secs(3600));
    }
    let day = |month| Civil::at(calendar::copied_at(month)).date("-");
    assert_eq!(
        [day(0), day(1), day(8)],
        ["2026-05-14", "2026-06-15", "2027-01-16"]
    );
}

/// The entries of a package: names, checksums and methods.
fn entries(month: usize, path: &str) -> BTreeSet<(String, u32)> {
    let mut package = ZipArchive::new(Cursor::new(&find(&months()[month], path).bytes)).unwrap();
    (0..package.len())
        .map(|number| {
            let mut entry = package.by_index(number).unwrap();
            io::copy(&mut entry, &mut io::sink()).unwrap();
            (entry.name().unwrap().into_owned(), entry.crc32())
        })
        .collect()
}

#[test]
fn an_upgrade_changes_two_entries_of_a_package() {
    let path = "Downloads/Waldkompass.xap";
    let (before, after) = (entries(0, path), entries(1, path));
    let changed: Vec<&str> = after.difference(&before).map(|(name, _)| name.as_str()).collect();
    assert_eq!(changed, ["WMAppManifest.xml", "Waldkompass.dll"]);
    assert_eq!(before.len(), after.len());
    assert_eq!(
        entries(0, "Downloads/Glosbok_1.0.0.0.xap"),
        entries(2, "Downloads/Glosbok_1.0.0.0.xap")
    );

    let mut package = ZipArchive::new(Cursor::new(&find(&months()[1], path).bytes)).unwrap();
    let mut manifest = String::new();
    package
        .by_name("WMAppManifest.xml")
        .unwrap()
        .read_to_string(&mut manifest)
        .unwrap();
    assert!(manifest.contains("Title=\"Waldkompass\"") && manifest.contains("Version=\"1.1.0.0\""));
    let code = package.by_name("Waldkompass.dll").unwrap();
    assert!(code.compressed_size() < code.size() * 9 / 10, "code packs");
}

#[test]
fn papers_grow_at_their_end() {
    let diary = |month: usize| text(find(&months()[month], "Documents/Tagebuch.txt"));
    assert!(diary(1).starts_with(diary(0)) && diary(1).len() > diary(0).len());
    assert!(diary(2).starts_with(diary(1)) && diary(2).len() > diary(1).len());
    assert!(diary(0).contains("\r\n2026-05-1") && !diary(0).contains("\r\n2026-05-15"));
    let path = "Documents/Chronik der Mühle.docx";
    assert_eq!(
        entries(0, path).symmetric_difference(&entries(1, path)).count(),
        2
    );
    for (month, burst) in months().iter().enumerate().flat_map(|(number, month)| {
        month
            .iter()
            .filter(|file| file.path.ends_with(".nar"))
            .map(move |file| (number, file))
    }) {
        assert_eq!(entries(month, &burst.path).len(), 3);
    }
}
