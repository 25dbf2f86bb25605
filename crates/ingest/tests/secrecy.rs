//! Nothing of what a phone holds can be read in the archive or in the cache without the key.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;
use std::path::Path;

use lumivault_format::{HEADER_BYTES, PACK_PREFIX_BYTES};
use support::{Vault, noise, prose, write};

/// Words that stand nowhere else: in names, paths, contents of every kind, and what the user says of the snapshot.
const PLANTED: [&str; 14] = [
    "Zanzibar Roll",
    "WP_20140919_Quixotic",
    "Gwendolyn Featherstonehaugh",
    "+44 7700 900461",
    "meet me at the lighthouse",
    "2016-02-29T04:05:06",
    "51.477928,-0.001545",
    "Zephyrine-Phone",
    "host-of-zephyrine",
    "tag-of-zephyrine",
    "exclude-of-zephyrine",
    "left-out-of-zephyrine",
    "target/of/zephyrine",
    "label-of-zephyrine",
];

fn phone(folder: &Path) {
    let message = "<Message><Sender>+44 7700 900461</Sender><Body>meet me at the lighthouse</Body>\
                   <LocalTimestamp>2016-02-29T04:05:06</LocalTimestamp></Message>\n";
    let person = "BEGIN:VCARD\r\nFN:Gwendolyn Featherstonehaugh\r\nGEO:51.477928,-0.001545\r\nEND:VCARD\r\n";
    let photo = [noise(1, 30_000), person.as_bytes().to_vec(), noise(2, 30_000)].concat();
    write(folder, "Zanzibar Roll/WP_20140919_Quixotic.jpg", &photo);
    // Tiny, so bundled; larger, so chunks; compressible and not.
    write(
        folder,
        "contacts/Gwendolyn Featherstonehaugh.vcf",
        person.as_bytes(),
    );
    write(folder, "sms/2016-02-29T04:05:06 .msg", message.as_bytes());
    write(folder, "sms/all.msg", message.repeat(2000).as_bytes());
    let wide: Vec<u8> = message.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(folder, "sms/wide.msg", &wide);
    write(folder, "left-out-of-zephyrine.tmp", b"x");
    write(folder, "Documents/diary.txt", &prose(5, 400_000));
    for i in 0..600 {
        write(folder, &format!("notes/Zanzibar Roll {i}.txt"), &prose(i, 200));
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("target/of/zephyrine", folder.join("link")).unwrap();
}

/// A vault with snapshots of the folder: the first, an unchanged one, one with a changed file.
fn filled(source: &Path) -> Vault {
    let vault = Vault::new();
    for step in 0..3 {
        if step == 2 {
            write(
                source,
                "sms/all.msg",
                "meet me at the lighthouse\n".repeat(900).as_bytes(),
            );
        }
        let repository = vault.open_in(support::later(
            std::sync::Arc::new(lumivault_chunk_store::Silent),
            3600,
        ));
        let cache = vault.cache(&repository);
        // The index is kept in the cache too.
        lumivault_chunk_store::ChunkIndex::load(&repository, Some(cache.clone())).unwrap();
        let specs = vec![support::placed(source, "label-of-zephyrine")];
        support::run(&repository, specs, |request| {
            request.phone = "Zephyrine-Phone".into();
            request.host = "host-of-zephyrine".into();
            request.tags = vec!["tag-of-zephyrine".into()];
            request.excludes.patterns = vec!["exclude-of-zephyrine".into(), "left-out-*".into()];
            request.cache = Some(cache);
        })
        .unwrap();
    }
    vault
}

/// The forms in which a word could be found.
fn forms(word: &str) -> Vec<Vec<u8>> {
    let cases = [word.to_owned(), word.to_lowercase(), word.to_uppercase()];
    let mut forms = Vec::new();
    for case in cases {
        forms.push(case.encode_utf16().flat_map(u16::to_le_bytes).collect());
        forms.push(case.encode_utf16().flat_map(u16::to_be_bytes).collect());
        forms.push(case.into_bytes());
    }
    forms
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

#[test]
fn no_planted_word_is_found() {
    let source = tempfile::tempdir().unwrap();
    phone(source.path());
    let vault = filled(source.path());
    let own_path = source.path().to_str().unwrap().to_owned();
    let words: Vec<&str> = PLANTED
        .iter()
        .copied()
        .chain([own_path.as_str(), "diary.txt", "notes/"])
        .collect();
    // The search itself finds them where they are: in the source, by name or by content.
    let sources = support::files_below(source.path());
    let found_in_source = |word: &str| {
        sources.iter().any(|path| {
            path.to_str().unwrap().contains(word)
                || forms(word)
                    .iter()
                    .any(|f| holds(&std::fs::read(path).unwrap_or_default(), f))
        })
    };
    assert!(words.iter().filter(|word| found_in_source(word)).count() >= 10);

    let files = support::files_below(vault.folder.path());
    assert!(files.len() > 10, "{files:?}");
    assert!(files.iter().any(|path| path.to_str().unwrap().contains("cache")));
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let name = path
            .strip_prefix(vault.folder.path())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        for form in words.iter().flat_map(|word| forms(word)) {
            assert!(
                !holds(&bytes, &form),
                "{name} holds {:?}",
                String::from_utf8_lossy(&form)
            );
            assert!(!holds(name.as_bytes(), &form), "{name}");
        }
    }
}

#[test]
fn two_archives_of_one_folder_have_nothing_in_common() {
    const WINDOW: usize = 16;
    let source = tempfile::tempdir().unwrap();
    phone(source.path());
    let vaults = [filled(source.path()), filled(source.path())];
    // Every 16 bytes at every place, but for what the format fixes: the common header, the end of a pack's own (lengths
    // and zeros), and the note for people.
    let mut seen: HashMap<[u8; WINDOW], String> = HashMap::new();
    let mut objects = 0;
    for (i, vault) in vaults.iter().enumerate() {
        for path in support::files_below(&vault.repository_path()) {
            let name = path
                .strip_prefix(vault.folder.path())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if name.contains("README") {
                continue;
            }
            objects += 1;
            let bytes = std::fs::read(&path).unwrap();
            let is_pack = name.contains("packs");
            for (offset, window) in bytes.windows(WINDOW).enumerate().skip(HEADER_BYTES) {
                let window: [u8; WINDOW] = window.try_into().unwrap();
                let from_fixed = (offset + WINDOW).abs_diff(PACK_PREFIX_BYTES);
                if is_pack && from_fixed == 0 {
                    assert_eq!(window, [0; WINDOW], "{name}");
                } else if is_pack && from_fixed < WINDOW / 2 {
                    // Mostly zeros: the few other bytes may be equal by chance.
                } else if i == 0 {
                    seen.insert(window, name.clone());
                } else if let Some(other) = seen.get(&window) {
                    panic!("{name} of one archive and {other} of the other both hold {window:02x?}");
                }
            }
        }
    }
    assert!(objects > 16, "{objects}");
    // Names hash what is stored, so they differ too.
    let names = |vault: &Vault| -> std::collections::HashSet<String> {
        let files = support::files_below(&vault.repository_path().join("packs"));
        files
            .iter()
            .map(|p| p.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert!(names(&vaults[0]).is_disjoint(&names(&vaults[1])));
}
