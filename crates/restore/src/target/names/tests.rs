use super::*;
use crate::target::abilities::NameEncoding;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::HashSet;

fn map(names: &[&[u8]], abilities: &Abilities) -> Vec<(Vec<u8>, Option<RenameReason>)> {
    map_names(names, abilities)
        .into_iter()
        .map(|name| (name.written().to_vec(), name.reason().cloned()))
        .collect()
}

fn only(name: &[u8], abilities: &Abilities) -> (String, Option<RenameReason>) {
    let (written, reason) = map(&[name], abilities).remove(0);
    (String::from_utf8(written).unwrap(), reason)
}

/// Name, what the repaired name begins and ends with.
type Case = (&'static [u8], &'static str, &'static str);

fn check_cases(reason: &RenameReason, cases: &[Case], abilities: &Abilities) {
    for (name, start, end) in cases {
        let (written, found) = only(name, abilities);
        assert_eq!(found.as_ref(), Some(reason), "{}", escape(name));
        let middle = written
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .unwrap_or_else(|| panic!("{} became {written}", escape(name)));
        let letters = middle.strip_prefix('~').unwrap();
        assert_eq!(letters.len(), 6, "{written}");
        assert!(letters.bytes().all(|b| b.is_ascii_lowercase()), "{written}");
    }
}

#[test]
fn windows_refuses_what_windows_refuses() {
    let windows = Abilities::windows();
    check_cases(
        &RenameReason::ForbiddenCharacter,
        &[
            (b"a:b", "a_b", ""),
            (b"a\\b.txt", "a_b", ".txt"),
            (b"..\\..\\evil.exe", ".._.._evil", ".exe"),
            (b"<>\"|?*", "______", ""),
            (b"tab\there.jpg", "tab_here", ".jpg"),
            (b"file.txt:stream", "file", ".txt_stream"),
            (b"C:", "C_", ""),
            (b"x::$DATA", "x__$DATA", ""),
        ],
        &windows,
    );
    check_cases(
        &RenameReason::ReservedName,
        &[
            (b"CON", "_CON", ""),
            (b"con.txt", "_con", ".txt"),
            (b"Nul.tar.gz", "_Nul.tar", ".gz"),
            (b"AUX  .log", "_AUX  ", ".log"),
            (b"PRN", "_PRN", ""),
            (b"COM1", "_COM1", ""),
            (b"com0.x", "_com0", ".x"),
            (b"LPT9.dat", "_LPT9", ".dat"),
            ("COM\u{b9}".as_bytes(), "_COM\u{b9}", ""),
            ("lpt\u{b3}.txt".as_bytes(), "_lpt\u{b3}", ".txt"),
            (b"CONIN$", "_CONIN$", ""),
            (b"conout$", "_conout$", ""),
        ],
        &windows,
    );
    check_cases(
        &RenameReason::TrailingDotOrSpace,
        &[
            (b"end.", "end_", ""),
            (b"end ", "end_", ""),
            (b"end. . ", "end____", ""),
            (b"...", "___", ""),
            (b" ", "_", ""),
        ],
        &windows,
    );
    check_cases(
        &RenameReason::Encoding,
        &[(b"\xff.jpg", "_", ".jpg"), (b"a\x80\xfe", "a__", "")],
        &windows,
    );
}

#[test]
fn windows_takes_what_windows_takes() {
    let windows = Abilities::windows();
    for name in [
        &b"photo.jpg"[..],
        b".hidden",
        b" leading space",
        b"CONSOLE",
        b"COM10",
        b"COM",
        b"nulx.txt",
        b"x.con",
        b"a~b",
        b"name~",
        "\u{1f600} \u{e4}\u{f6}\u{fc}.png".as_bytes(),
        b"lone \xed\xa0\xbd surrogate",
        b"a;b=c,d+e[f]",
    ] {
        assert_eq!(
            map(&[name], &windows),
            [(name.to_vec(), None)],
            "{}",
            escape(name)
        );
    }
    for name in [
        &b"a:b*?\\"[..],
        b"CON",
        b"end. ",
        b"\xff\xfe\x01",
        b"PROGRA~1",
        b"\n",
    ] {
        assert_eq!(
            map(&[name], &Abilities::unix()),
            [(name.to_vec(), None)],
            "{}",
            escape(name)
        );
    }
}

#[test]
fn surrogates_that_should_have_been_a_pair_are_no_name() {
    let name = &b"a\xed\xa0\xbd\xed\xb8\x80b"[..];
    let mapped = map_names(&[name], &Abilities::windows());
    assert_eq!(mapped[0].reason(), Some(&RenameReason::Encoding));
    let again = map_names(&[mapped[0].written()], &Abilities::windows());
    assert_eq!(again[0].reason(), None);
}

#[test]
fn short_names_of_neighbours_are_left_to_them() {
    let windows = Abilities::windows();
    let names: [&[u8]; 3] = [b"LONGFI~1.TXT", b"longfilename.txt", b"short.txt"];
    let mapped = map(&names, &windows);
    assert_eq!(mapped[0].1, Some(RenameReason::ShortName));
    assert!(mapped[0].0.starts_with(b"LONGFI~1~") && mapped[0].0.ends_with(b".TXT"));
    assert_eq!((&mapped[1].1, &mapped[2].1), (&None, &None));
    // Among short names alone nobody gets another.
    assert_eq!(map(&[b"LONGFI~1.TXT", b"short.txt"], &windows)[0].1, None);
    // But our own temporary names are long, and theirs begins with LU.
    assert_eq!(only(b"LUMIVA~1.PAR", &windows).1, Some(RenameReason::ShortName));
}

#[test]
fn no_name_leads_elsewhere_on_any_system() {
    for abilities in [Abilities::unix(), Abilities::windows()] {
        for name in [
            &b""[..],
            b".",
            b"..",
            b"/",
            b"/etc/passwd",
            b"../x",
            b"a/b",
            b"a\0b",
            b"\0",
        ] {
            let mapped = map_names(&[name], &abilities);
            assert_eq!(
                mapped[0].reason(),
                Some(&RenameReason::NotAName),
                "{}",
                escape(name)
            );
            let written = mapped[0].written();
            assert!(
                !written.iter().any(|b| matches!(b, 0 | b'/')),
                "{}",
                escape(written)
            );
            assert!(!matches!(written, b"" | b"." | b".."), "{}", escape(written));
        }
    }
}

#[test]
fn names_that_collide_are_kept_apart() {
    let folding = Abilities {
        case_sensitive: false,
        normalising: true,
        ..Abilities::unix()
    };
    for (a, b) in [
        ("README", "readme"),
        ("\u{c4}.txt", "\u{e4}.txt"),
        ("\u{e9}", "e\u{301}"),
        ("STRASSE", "stra\u{df}e"),
        ("stra\u{df}e", "stra\u{1e9e}e"),
        ("\u{3c3}", "\u{3c2}"),
        ("K", "\u{212a}"),
        ("s", "\u{17f}"),
        ("\u{fb01}", "FI"),
        ("a\u{200d}b", "ab"),
        ("\u{c5}", "\u{212b}"),
    ] {
        let mapped = map_names(&[a.as_bytes(), b.as_bytes()], &folding);
        let first = a.min(b);
        for name in &mapped {
            if name.stored() == first.as_bytes() {
                assert_eq!(name.reason(), None, "{a} {b}");
                assert_eq!(name.written(), first.as_bytes());
            } else {
                let with = RenameReason::Collision(first.as_bytes().to_vec());
                assert_eq!(name.reason(), Some(&with), "{a} {b}");
            }
        }
        let plain = map_names(&[a.as_bytes(), b.as_bytes()], &Abilities::unix());
        assert!(plain.iter().all(|name| name.reason().is_none()), "{a} {b}");
    }
    // Composition alone, where case matters.
    let normalising = Abilities {
        normalising: true,
        ..Abilities::unix()
    };
    let mapped = map(&["\u{e9}".as_bytes(), "e\u{301}".as_bytes(), b"E"], &normalising);
    assert!(matches!(mapped[0].1, Some(RenameReason::Collision(_))));
    assert_eq!((&mapped[1].1, &mapped[2].1), (&None, &None));
}

#[test]
fn the_same_name_twice_is_written_twice() {
    let mapped = map(&[b"a", b"a", b"a"], &Abilities::unix());
    let written: HashSet<_> = mapped.iter().map(|(written, _)| written.clone()).collect();
    assert_eq!(written.len(), 3);
    assert_eq!(mapped[0], (b"a".to_vec(), None));
}

#[test]
fn own_names_are_written_under_others() {
    for abilities in [Abilities::unix(), Abilities::windows()] {
        for name in [
            ".lumivault-restore",
            ".LUMIVAULT-Restore",
            ".lumi\u{200b}vault-restore",
            "\u{feff}.lumivault-restore",
            ".lumivault-0123456789abcdef-0.part",
            ".lumivault-.part",
        ] {
            let (written, reason) = only(name.as_bytes(), &abilities);
            assert_eq!(reason, Some(RenameReason::OwnName), "{name}");
            assert!(written.starts_with('_'), "{written}");
            assert_eq!(only(written.as_bytes(), &abilities).1, None, "{written}");
        }
        assert_eq!(only(b".lumivault-notes.txt", &abilities).1, None);
        assert_eq!(only(b"lumivault-restore", &abilities).1, None);
    }
}

#[test]
fn long_names_are_cut_between_characters_and_keep_their_extension() {
    let unix = Abilities::unix();
    let windows = Abilities::windows();
    let umlauts = "\u{e4}".repeat(200) + ".jpeg";
    let (written, reason) = only(umlauts.as_bytes(), &unix);
    assert_eq!(reason, Some(RenameReason::TooLong));
    assert!(
        (253..=255).contains(&written.len()) && written.strip_suffix(".jpeg").is_some(),
        "{written}"
    );
    assert_eq!(only(umlauts.as_bytes(), &windows).1, None);
    let faces = "\u{1f600}".repeat(128);
    let (written, reason) = only(faces.as_bytes(), &windows);
    assert_eq!(reason, Some(RenameReason::TooLong));
    assert_eq!(written.encode_utf16().count(), 255);
    assert_eq!(only("\u{1f600}".repeat(127).as_bytes(), &windows).1, None);
    let stray = vec![0x80; 1024];
    let mapped = map(&[&stray], &unix);
    assert_eq!(mapped[0].0.len(), 255);
    let ten: &[u8] = &[b'x'; 1024];
    assert_eq!(
        map(&[ten, &ten[..1023]], &unix)
            .iter()
            .map(|(w, _)| w)
            .collect::<HashSet<_>>()
            .len(),
        2
    );
}

/// Pinned: an archive restored twice, by two versions, has the same names.
#[test]
fn suffixes_stay_as_they_are() {
    let written: Vec<String> = ["CON", "a:b", "end."]
        .iter()
        .map(|name| only(name.as_bytes(), &Abilities::windows()).0)
        .collect();
    assert_eq!(written, ["_CON~wmgvfm", "a_b~dstqnm", "end_~jbtvdn"]);
}

/// Bytes that hit the rules more often than chance would.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|b| vec![b]),
        "[aA.:~ 1\\\\/]".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "CON",
            "nul",
            "LPT1",
            ".lumivault-",
            "restore",
            ".part",
            "\u{e9}",
            "e\u{301}",
            "\u{df}",
            "SS",
            "~1",
            "\u{1f600}",
            "\u{200b}",
        ])
        .prop_map(|s| s.as_bytes().to_vec()),
        Just(b"\xed\xa0\xbd".to_vec()),
        Just(b"\xed\xb8\x80".to_vec()),
        Just(vec![b'x'; 250]),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn abilities() -> impl Strategy<Value = Abilities> {
    let encoding = prop::sample::select(vec![NameEncoding::Bytes, NameEncoding::Utf8, NameEncoding::Wtf8]);
    (encoding, any::<[bool; 3]>()).prop_map(|(encoding, [windows_names, case_sensitive, normalising])| {
        let base = if windows_names {
            Abilities::windows()
        } else {
            Abilities::unix()
        };
        Abilities {
            encoding,
            case_sensitive,
            normalising,
            ..base
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(8),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_name_can_be_held_and_no_two_are_one(
        names in prop::collection::vec(name(), 0..12),
        abilities in abilities(),
    ) {
        let slices: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let mapped = map_names(&slices, &abilities);
        prop_assert_eq!(mapped.len(), names.len());
        let keys: HashSet<Vec<u8>> = mapped.iter().map(|name| fold(name.written(), &abilities)).collect();
        prop_assert_eq!(keys.len(), names.len());
        for (stored, name) in names.iter().zip(&mapped) {
            prop_assert_eq!(stored.as_slice(), name.stored());
            prop_assert_eq!(name.reason().is_none(), name.stored() == name.written());
            prop_assert!(rules::broken(name.written(), &abilities, true)
                .is_none_or(|broken| name.reason().is_none() && broken.reason == RenameReason::ShortName));
        }
        // The order of the names given does not matter.
        let mut sorted = slices.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let mut reversed = sorted.clone();
        reversed.reverse();
        let mut backwards = map_names(&reversed, &abilities);
        backwards.reverse();
        prop_assert_eq!(map_names(&sorted, &abilities), backwards);
    }
}
