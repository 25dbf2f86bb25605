//! Which snapshot and which path a reference means.

use jiff::civil::{Date, date};
use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::SnapshotId;
use lumivault_restore::browse::{
    DateRange, Reference, ReferenceError, ResolveRequest, Resolved, SnapshotName, in_range, resolve,
};
use lumivault_restore::when::When;

use super::support::Vault;

const TODAY: Date = date(2026, 5, 14);

fn parse(text: &str) -> (String, String) {
    let reference = Reference::parse(text.as_bytes()).unwrap();
    let snapshot = match reference.snapshot {
        SnapshotName::Unnamed => "-".to_owned(),
        SnapshotName::Id(letters) => format!("id {letters}"),
        SnapshotName::When(when) => when.to_string(),
    };
    let names: Vec<_> = reference
        .path
        .components()
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    (snapshot, names.join("/"))
}

#[test]
fn the_longest_beginning_that_names_a_snapshot_is_it() {
    for (text, snapshot, path) in [
        ("", "-", ""),
        (":", "-", ""),
        (":Pictures/a:b", "-", "Pictures/a:b"),
        ("latest", "latest", ""),
        ("latest:", "latest", ""),
        (
            "latest:/Pictures//Camera Roll/./x/",
            "latest",
            "Pictures/Camera Roll/x",
        ),
        ("latest:2026-05-14", "latest", "2026-05-14"),
        ("2026-05:a", "2026-05", "a"),
        ("2026-05-14T18:00", "2026-05-14T18:00:00", ""),
        ("2026-05-14T18:00:30", "2026-05-14T18:00:30", ""),
        ("2026-05-14T18:00:/30", "2026-05-14T18:00:00", "30"),
        ("2026-05-14T18:00:99", "2026-05-14T18:00:00", "99"),
        ("2026-05-14T18:00:00+02:00", "2026-05-14T18:00:00+02:00", ""),
        (
            "2026-05-14T18:00:00+02:00:Pictures",
            "2026-05-14T18:00:00+02:00",
            "Pictures",
        ),
        (
            "2026-05-14T18:00:00Z:Pictures:x",
            "2026-05-14T18:00:00+00:00",
            "Pictures:x",
        ),
        ("2026-05-14 18:00:00 +02:00:a", "2026-05-14T18:00:00+02:00", "a"),
        ("3m-ago:C:/x", "3m-ago", "C:/x"),
        ("kzkz", "id kzkz", ""),
        ("KZKZ:a", "id kzkz", "a"),
        ("nptq:kzkz:a", "id nptq", "kzkz:a"),
        ("yesterday:x", "yesterday", "x"),
    ] {
        assert_eq!(parse(text), (snapshot.to_owned(), path.to_owned()), "{text}");
    }
    let long = format!("latest:{}", "x:/".repeat(50_000));
    assert_eq!(parse(&long).0, "latest");
}

#[test]
fn bytes_that_are_no_text_may_be_in_the_path() {
    let reference = Reference::parse(b"latest:a\xff/b").unwrap();
    assert_eq!(reference.path.components(), [b"a\xff".to_vec(), b"b".to_vec()]);
}

#[cfg(windows)]
#[test]
fn on_windows_backslashes_part_names() {
    assert_eq!(parse("latest:Pictures\\Camera Roll").1, "Pictures/Camera Roll");
}

#[cfg(not(windows))]
#[test]
fn elsewhere_a_backslash_is_part_of_a_name() {
    let reference = Reference::parse(b"latest:a\\b").unwrap();
    assert_eq!(reference.path.components(), [b"a\\b".to_vec()]);
}

#[test]
fn what_names_no_snapshot_says_what_to_type() {
    for (text, said) in [
        ("C:\\Users\\x", "put a snapshot and a colon in front"),
        ("k:/x", "put a snapshot and a colon in front"),
        ("Pictures/Camera Roll", "put a snapshot and a colon in front"),
        ("kzk", "give at least 4 letters"),
        ("kzk:a", "give at least 4 letters"),
        ("Pictures", "\"Pictures\" names no snapshot"),
        ("3f2a9c1d", "names no snapshot"),
        ("2026-13:a", "\"2026-13\" is a day or time that does not exist"),
        (
            "2026-05-14T25:00:a",
            "\"2026-05-14T25:00\" is a day or time that does not exist",
        ),
        ("9999y-ago", "goes back further"),
        ("latest:a/../b", "it goes up"),
        ("latest:a\0b", "zero byte"),
        ("\u{1b}[2J", "\\u{1b}[2J"),
    ] {
        let error = Reference::parse(text.as_bytes()).unwrap_err();
        assert!(
            error.is_usage() && error.to_string().contains(said),
            "{text:?}: {error}"
        );
    }
    let long = format!("latest:{}", "x".repeat(1025));
    let error = Reference::parse(long.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("over 1024 bytes") && error.len() < 200, "{error}");
}

fn snapshots() -> Vec<StoredSnapshot> {
    let vault = Vault::new("references");
    for (phone, period) in [
        ("Lumia 950", "2025-04"),
        ("Lumia 950", "2025-06"),
        ("Lumia 640", "2025-05-20"),
    ] {
        vault.commit(phone, period, Vec::new());
    }
    vault.snapshots()
}

fn ask<'s>(
    all: &'s [StoredSnapshot],
    text: &str,
    at: Option<&str>,
    phone: Option<&str>,
    strict: bool,
) -> Result<Resolved<'s>, ReferenceError> {
    let at: Option<When> = at.map(|at| at.parse().unwrap());
    let request = ResolveRequest {
        text: Some(text.as_bytes()),
        at: at.as_ref(),
        phone,
        strict,
        today: TODAY,
    };
    resolve(all, &request)
}

#[test]
fn a_date_takes_the_newest_before_its_end_and_says_so() {
    let all = snapshots();
    let period = |resolved: &Resolved<'_>| resolved.snapshot.snapshot.time.to_string();
    let phone = Some("lumia 950");
    let found = ask(&all, "2025-05:Music/x", None, phone, false).unwrap();
    assert_eq!(period(&found), "2025-04");
    assert_eq!(found.path.components().len(), 2);
    let said = found.selection.unwrap();
    assert!(
        said.starts_with("took 2025-04 (Lumia 950), 1 day before 2025-05;"),
        "{said}"
    );
    for (text, at, period_taken) in [
        ("", None, "2025-06"),
        ("latest:x", None, "2025-06"),
        ("latest:x", Some("2025-05"), "2025-04"),
        (":x", Some("2025-05"), "2025-04"),
        ("", Some("2025"), "2025-06"),
    ] {
        assert_eq!(
            period(&ask(&all, text, at, phone, false).unwrap()),
            period_taken,
            "{text} {at:?}"
        );
    }
    let error = ask(&all, "2025-04", Some("2025-05"), phone, false).unwrap_err();
    assert!(
        error.is_usage() && matches!(error, ReferenceError::Twice(_)),
        "{error}"
    );
    let error = ask(&all, "2025-05", None, phone, true).unwrap_err();
    assert!(!error.is_usage(), "{error}");
    let error = ask(&all, "2025-05", None, None, false).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("Lumia 640, Lumia 950"),
        "{error}"
    );
    let nothing = ask(&[], "latest", None, None, false).unwrap_err();
    assert!(!nothing.is_usage());
}

#[test]
fn an_id_needs_no_phone_but_must_be_the_only_one() {
    let mut all = snapshots();
    let base = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc];
    for (at, one) in all.iter_mut().enumerate() {
        let mut bytes = [0; 32];
        bytes[..6].copy_from_slice(&base);
        bytes[6] = u8::try_from(at).unwrap() << 4;
        if at == 2 {
            bytes[0] = 0xff;
        }
        one.id = SnapshotId::from_bytes(bytes);
    }
    let own = &all[2].id.to_letters()[..4];
    let found = ask(&all, &format!("{own}:a"), None, None, true).unwrap();
    assert_eq!((found.snapshot.id, found.selection), (all[2].id, None));
    assert_eq!(
        ask(&all, &all[1].id.to_letters(), None, None, false)
            .unwrap()
            .snapshot
            .id,
        all[1].id
    );

    let shared = &all[0].id.to_letters()[..8];
    let error = ask(&all, shared, None, None, false).unwrap_err();
    let said = error.to_string();
    assert!(error.is_usage());
    // Twelve letters are the same; the thirteenth tells them apart.
    for one in &all[..2] {
        assert!(said.contains(&format!("{:.13} (", one.id)), "{said}");
    }
    assert!(
        said.contains("fits 2 snapshots") && said.contains("2025-04, Lumia 950"),
        "{said}"
    );

    let error = ask(&all, "kkkkkk", None, None, false).unwrap_err();
    assert!(
        !error.is_usage() && error.to_string().contains("kkkkkk"),
        "{error}"
    );
    let other = all[2]
        .snapshot
        .phone
        .replace("640", "950")
        .replace("Lumia 950", "Lumia 1");
    let error = ask(&all, own, None, Some(&other), false).unwrap_err();
    assert!(
        error.is_usage() && matches!(error, ReferenceError::OtherPhone { .. }),
        "{error}"
    );
    assert!(ask(&all, own, Some("2025"), None, false).unwrap_err().is_usage());
}

#[test]
fn ranges_hold_what_begins_and_ends_in_them() {
    let all = snapshots();
    let held = |phone: Option<&str>, from: Option<&str>, to: Option<&str>| {
        let from: Option<When> = from.map(|text| text.parse().unwrap());
        let to: Option<When> = to.map(|text| text.parse().unwrap());
        let range = DateRange {
            phone,
            from: from.as_ref(),
            to: to.as_ref(),
        };
        let found = in_range(&all, &range, TODAY);
        found
            .iter()
            .map(|one| one.snapshot.time.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(held(None, None, None), "2025-04 2025-05-20 2025-06");
    assert_eq!(held(Some("LUMIA 950"), None, None), "2025-04 2025-06");
    assert_eq!(held(None, Some("2025-05"), None), "2025-05-20 2025-06");
    assert_eq!(held(None, None, Some("2025-05")), "2025-04 2025-05-20");
    assert_eq!(
        held(None, Some("2025-05-20T23:59:59"), Some("2025-06-15")),
        "2025-05-20"
    );
    // 23:59:59 at +02:00.
    assert_eq!(
        held(None, Some("2025-05-20T21:59:59Z"), Some("2025-05-20T21:59:59Z")),
        "2025-05-20"
    );
    assert_eq!(held(None, Some("2025-05-20T22:00:00Z"), None), "2025-06");
    assert_eq!(held(Some("Lumia"), None, None), "");
}
