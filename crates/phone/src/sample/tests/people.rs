//! Messages and contacts.

use std::collections::{BTreeSet, HashSet};

use super::super::SampleFile;
use super::super::calendar::{self, Civil};
use super::super::people::{CROWD, person};
use super::{find, months, text};
use crate::hsh;

/// The export made in `month`, and the messages in it.
fn export(month: usize, folder: &str, name: &str) -> (&'static SampleFile, Vec<&'static str>) {
    let file = find(&months()[month], &format!("{folder}/{name} .msg"));
    let body = text(file).split_once("<ArrayOfMessage").unwrap().1;
    let messages = body
        .split("<Message>")
        .skip(1)
        .map(|message| message.split_once("</Message>").unwrap().0)
        .collect();
    (file, messages)
}

#[test]
fn exports_repeat_the_one_before_but_for_a_deleted_message() {
    let names = [
        "Do, Mai 14 2026, 18-50-00",
        "Пн, июн 15 2026, 19-01-00",
        "jeu., juil. 16 2026, 19-12-00",
    ];
    let exports = [0, 1, 2].map(|month| export(month, "smsBackup", names[month]));
    for pair in exports.windows(2) {
        let (before, after): (BTreeSet<&str>, BTreeSet<&str>) = (
            pair[0].1.iter().copied().collect(),
            pair[1].1.iter().copied().collect(),
        );
        assert_eq!(before.difference(&after).count(), 1);
        assert_eq!(after.difference(&before).count(), 60);
        assert!(pair[1].0.bytes.len() > pair[0].0.bytes.len());
    }
    // The old exports stay on the phone as they were.
    for (month, name) in names.iter().enumerate() {
        assert_eq!(export(2, "smsBackup", name).0.bytes, exports[month].0.bytes);
    }
}

#[test]
fn messages_are_as_the_app_writes_them() {
    let (_, messages) = export(0, "smsBackup", "Do, Mai 14 2026, 18-50-00");
    assert_eq!(messages.len(), 400);
    let field = |message: &str, name: &str| -> String {
        let start = message
            .split_once(&format!("<{name}>"))
            .unwrap_or_else(|| panic!("no {name} in {message}"))
            .1;
        start.split_once('<').unwrap().0.to_owned()
    };
    let stamps: Vec<i64> = messages
        .iter()
        .map(|message| field(message, "LocalTimestamp").parse().unwrap())
        .collect();
    assert!(stamps.is_sorted());
    assert!(
        stamps.iter().any(|stamp| stamp % 10_000_000 != 0),
        "the last digits are real"
    );
    let unix = |stamp: i64| stamp / 10_000_000 - 11_644_473_600;
    assert_eq!(Civil::at(unix(stamps[0])).year, 2014);
    assert!(unix(stamps[399]) < calendar::copied_at(0));
    for message in &messages {
        match field(message, "IsIncoming").as_str() {
            "true" => assert!(
                message.contains("<Recepients />") && message.contains("<Sender>+"),
                "{message}"
            ),
            "false" => assert!(
                message.contains("<string>+") && message.contains("<Sender />"),
                "{message}"
            ),
            other => panic!("IsIncoming is {other}"),
        }
        let body = field(message, "Body");
        assert!(!body.contains(['{', '}', '\r']), "{body}");
    }
    for needed in ["&amp;", "&lt;-", "🎂", "&#xD;\n", "ф", "夜", "ł"]
        .iter()
        .filter(|needed| **needed != "夜")
    {
        assert!(
            messages.iter().any(|message| message.contains(needed)),
            "no {needed}"
        );
    }

    let (_, pictures) = export(0, "mmsBackup", "Do, Mai 14 2026, 18-51-00");
    assert_eq!(pictures.len(), 10);
    assert!(
        pictures
            .iter()
            .any(|message| message.matches("<string>").count() > 1),
        "a message to a group"
    );
    for message in pictures {
        // "<smil>" in UTF-16LE and the beginning of a JPEG, in base64.
        assert!(message.contains(
            "application/smil</AttachmentContentType><AttachmentDataBase64String>PABzAG0AaQBsAD4A"
        ));
        assert!(
            message.contains("image/jpeg</AttachmentContentType><AttachmentDataBase64String>/9j/4AAQSkZJRg")
        );
    }
}

#[test]
fn every_export_has_its_checksum() {
    let mut checked = 0;
    for month in months() {
        for export in month.iter().filter(|file| file.path.ends_with(" .msg")) {
            let beside = find(month, &export.path.replace(" .msg", " .hsh"));
            assert!(hsh::matches(&export.bytes, text(beside)), "{}", export.path);
            checked += 1;
        }
    }
    assert_eq!(checked, 2 + 4 + 6);
}

#[test]
fn address_books_change_a_little() {
    let cards = |month: usize| -> Vec<&str> {
        text(find(&months()[month], "Contacts/contacts.vcf"))
            .split_inclusive("END:VCARD\r\n")
            .collect()
    };
    assert_eq!([0, 1, 2].map(|month| cards(month).len()), [16, 17, 17]);
    let (before, after) = (cards(0), cards(1));
    let changed: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(changed.len(), 1, "one number changed");
    assert!(
        !cards(2).iter().any(|card| card.contains("Łucja"))
            && cards(1).iter().any(|card| card.contains("Łucja"))
    );

    for card in cards(2) {
        assert!(card.starts_with("BEGIN:VCARD\r\nVERSION:3.0\r\n"));
        assert!(card.lines().all(|line| line.len() <= 75));
    }
    let old = text(find(&months()[2], "Contacts/Outlook-Kontakte.vcf"));
    assert!(old.is_ascii());
    assert!(
        old.lines()
            .filter(|line| line.ends_with('='))
            .all(|line| line.len() <= 76)
    );
    assert!(old.contains("N;CHARSET=utf-8;ENCODING=QUOTED-PRINTABLE:Wei=C3=9Fdornhag;J=C3=BCrgen\r\n"));
    assert!(old.contains("PHOTO;TYPE=JPEG;ENCODING=BASE64:\r\n /9j/") && old.contains("\r\n\r\nREV:"));
    let older = &find(&months()[2], "Contacts/Jürgen.vcf").bytes;
    assert!(std::str::from_utf8(older).is_err() && older.windows(6).any(|word| word == b"J\xfcrgen"));
}

#[test]
fn the_csv_has_61_columns_in_every_row() {
    let csv = text(find(&months()[0], "Contacts/OutlookContacts.csv"))
        .strip_prefix('\u{feff}')
        .unwrap();
    assert!(csv.starts_with(
        "First Name,Middle Name,Last Name,Title,Suffix,Nickname,Given Yomi,Surname Yomi,E-mail"
    ));
    assert_eq!(csv.lines().count(), 17);
    for row in csv.lines() {
        let mut quoted = false;
        let columns = row.chars().filter(|&letter| {
            quoted ^= letter == '"';
            letter == ',' && !quoted
        });
        assert_eq!(columns.count(), 60, "{row}");
    }
    assert!(csv.contains("\"Met through Mühle Krähenwinkler GmbH & Co. KG, \"\"the firm\"\"\""));
}

#[test]
fn nobody_can_be_called() {
    let mut numbers = HashSet::new();
    let mut names = HashSet::new();
    for number in 0..CROWD {
        let person = person(number);
        assert!(
            names.insert((person.given, person.family)),
            "{} {} twice",
            person.given,
            person.family
        );
        for mobile in [person.mobile(false), person.mobile(true)] {
            let free = [
                ("+447700900", 13),
                ("+4917139200", 13),
                ("+336399800", 12),
                ("+46701740", 12),
                ("+120255501", 12),
                ("+131255501", 12),
            ];
            assert!(
                free.iter()
                    .any(|&(range, length)| mobile.starts_with(range) && mobile.len() == length),
                "{mobile}"
            );
            assert!(
                !mobile.starts_with("+46701740") || mobile[9..].parse::<u32>().is_ok_and(|line| line >= 605)
            );
            assert!(numbers.insert(mobile.clone()), "{mobile} belongs to two people");
        }
        let domain = person.mail();
        assert!(
            ["@example.com", "@example.org", "@example.net"]
                .iter()
                .any(|end| domain.ends_with(end))
        );
    }
}
