//! The exports of the app "contacts+message backup": every run is a whole new file that repeats the one before.

use base64ct::{Base64, Encoding as _};

use super::calendar::{Civil, STORY_BEGINS, copied_at, file_time, spread};
use super::jpeg;
use super::people::{Person, person};
use super::picture::Picture;
use super::rng::Rng;
use super::{Planned, Scale};
use crate::hsh;

/// The phone keeps the exports of this many last months.
const EXPORTS_KEPT: u32 = 3;
/// One in so many messages carries a picture.
const TEXTS_PER_PICTURE: u32 = 40;

/// Short names of weekdays (from Sunday) and months, as phones set to these languages abbreviate them.
const LOCALES: [([&str; 7], [&str; 12]); 4] = [
    (
        ["So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"],
        [
            "Jan", "Feb", "Mrz", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez",
        ],
    ),
    (
        ["Вс", "Пн", "Вт", "Ср", "Чт", "Пт", "Сб"],
        [
            "янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек",
        ],
    ),
    (
        ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."],
        [
            "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
        ],
    ),
    (
        ["sön", "mån", "tis", "ons", "tor", "fre", "lör"],
        [
            "jan", "feb", "mar", "apr", "maj", "jun", "jul", "aug", "sep", "okt", "nov", "dec",
        ],
    ),
];

/// The exports on the phone in `month`, each with its checksum.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    for export in month.saturating_sub(EXPORTS_KEPT - 1)..=month {
        let texts = move || short_messages(seed, scale, export).into_bytes();
        let pictures = move || picture_messages(seed, scale, export).into_bytes();
        for (folder, lead) in [("smsBackup", 600), ("mmsBackup", 540)] {
            let name = file_name(export, copied_at(export) - lead);
            let make = move || {
                if folder == "smsBackup" {
                    texts()
                } else {
                    pictures()
                }
            };
            files.push(Planned::new(format!("{folder}/{name} .msg"), make));
            files.push(Planned::new(format!("{folder}/{name} .hsh"), move || {
                hsh::checksum(&make()).into_bytes()
            }));
        }
    }
}

/// `Сб, июл 29 2017, 18-49-28`: the date as the phone's language writes it. The owner changes that language.
fn file_name(export: u32, seconds: i64) -> String {
    let (weekdays, months) = &LOCALES[(export % 4) as usize];
    let civil = Civil::at(seconds);
    let month = months[(civil.month - 1) as usize];
    format!(
        "{}, {month} {} {}, {}",
        weekdays[civil.weekday],
        civil.day,
        civil.year,
        civil.time("-")
    )
}

/// Number and time of every message up to `export`.
fn timeline(seed: u64, first: u32, per_month: u32, export: u32) -> impl Iterator<Item = (u32, i64)> {
    (0..=export).flat_map(move |month| {
        let (from, until, count, before) = if month == 0 {
            (STORY_BEGINS, copied_at(0) - 3600, first, 0)
        } else {
            (
                copied_at(month - 1) + 3600,
                copied_at(month) - 3600,
                per_month,
                first + per_month * (month - 1),
            )
        };
        (0..count).map(move |place| {
            let jitter = Rng::new(seed, "message time", u64::from(before + place)).below(u32::MAX);
            (before + place, spread(from, until, place, count, jitter))
        })
    })
}

/// Every month the owner deletes one old message for good.
fn deleted(number: u32, export: u32) -> bool {
    number % 5 == 1 && (1..=export).contains(&(number / 5))
}

/// The export of the short messages: one long line, as the app writes it.
fn short_messages(seed: u64, scale: &Scale, export: u32) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><ArrayOfMessage \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">",
    );
    for (number, seconds) in timeline(seed, scale.messages_first, scale.messages_per_month, export) {
        if deleted(number, export) {
            continue;
        }
        let mut rng = Rng::new(seed, "message", u64::from(number));
        // Most of the talk is with a few people.
        let friends = if rng.below(4) == 0 {
            scale.contacts
        } else {
            scale.contacts.min(5)
        };
        let friend = person(rng.below(friends));
        let incoming = rng.below(5) < 3;
        let party = friend.mobile(false);
        let body = talk(&mut rng, &friend);
        let (to, from) = if incoming {
            (None, party.as_str())
        } else {
            (Some(party.as_str()), "")
        };
        xml.push_str("<Message>");
        recipients(&mut xml, to.into_iter());
        element(&mut xml, "Body", &body);
        element(&mut xml, "IsIncoming", if incoming { "true" } else { "false" });
        element(
            &mut xml,
            "IsRead",
            if incoming && rng.below(50) == 0 {
                "false"
            } else {
                "true"
            },
        );
        element(&mut xml, "Attachments", "");
        element(
            &mut xml,
            "LocalTimestamp",
            &file_time(seconds, rng.below(10_000_000)).to_string(),
        );
        element(&mut xml, "Sender", from);
        xml.push_str("</Message>");
    }
    xml.push_str("</ArrayOfMessage>");
    xml
}

/// One to three phrases, now and then on several lines.
fn talk(rng: &mut Rng, friend: &Person) -> String {
    let mut body = String::new();
    for sentence in 0..=rng.below(6) / 2 {
        if sentence > 0 {
            body.push_str(if rng.below(5) == 0 { "\r\n" } else { ". " });
        }
        let (phrase, number, minutes) = (rng.below(8), 2 + rng.below(90), rng.below(24 * 60));
        body.push_str(&friend.says(phrase, number, minutes));
    }
    body
}

/// The export of the picture messages: some to one friend, some to a group.
fn picture_messages(seed: u64, scale: &Scale, export: u32) -> String {
    let first = (scale.messages_first / TEXTS_PER_PICTURE).max(2);
    let per_month = (scale.messages_per_month / TEXTS_PER_PICTURE).max(1);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><ArrayOfMessage>");
    for (number, seconds) in timeline(seed ^ 1, first, per_month, export) {
        let mut rng = Rng::new(seed, "picture message", u64::from(number));
        let friend = person(rng.below(scale.contacts.min(12)));
        let others = [person(0), person(1), person(3)];
        let incoming = rng.below(2) == 0;
        let group = rng.below(3) == 0;
        let mut listed: Vec<String> = Vec::new();
        if group {
            listed.extend(
                others
                    .iter()
                    .filter(|other| other.number != friend.number)
                    .map(|other| other.mobile(false)),
            );
        }
        if !incoming {
            listed.push(friend.mobile(false));
        }
        xml.push_str("<Message>");
        recipients(&mut xml, listed.iter().map(String::as_str));
        element(&mut xml, "Body", "");
        element(&mut xml, "IsIncoming", if incoming { "true" } else { "false" });
        element(&mut xml, "IsRead", "true");
        xml.push_str("<Attachments>");
        let picture = Picture::landscape(&mut rng, 240, 160);
        attachment(&mut xml, "application/smil", &utf16(SMIL));
        attachment(&mut xml, "text/plain", &utf16(&talk(&mut rng, &friend)));
        attachment(&mut xml, "image/jpeg", &jpeg::encode(&picture, 75, None));
        xml.push_str("</Attachments>");
        element(
            &mut xml,
            "LocalTimestamp",
            &file_time(seconds, rng.below(10_000_000)).to_string(),
        );
        element(
            &mut xml,
            "Sender",
            &if incoming {
                friend.mobile(false)
            } else {
                String::new()
            },
        );
        xml.push_str("</Message>");
    }
    xml.push_str("</ArrayOfMessage>");
    xml
}

const SMIL: &str = "<smil><head><layout><region id=\"Image\" top=\"0\" left=\"0\" height=\"50%\" width=\"100%\"/>\
    <region id=\"Text\" top=\"50%\" left=\"0\" height=\"50%\" width=\"100%\"/></layout></head><body><par dur=\"5s\">\
    <img src=\"image000.jpg\" region=\"Image\"/><text src=\"text_0.txt\" region=\"Text\"/></par></body></smil>";

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn recipients<'a>(xml: &mut String, numbers: impl Iterator<Item = &'a str>) {
    let start = xml.len();
    xml.push_str("<Recepients>");
    let empty = xml.len();
    numbers.for_each(|number| element(xml, "string", number));
    if xml.len() == empty {
        xml.truncate(start);
        xml.push_str("<Recepients />");
    } else {
        xml.push_str("</Recepients>");
    }
}

fn attachment(xml: &mut String, kind: &str, content: &[u8]) {
    xml.push_str("<MessageAttachment>");
    element(xml, "AttachmentContentType", kind);
    element(xml, "AttachmentDataBase64String", &Base64::encode_string(content));
    xml.push_str("</MessageAttachment>");
}

fn element(xml: &mut String, name: &str, content: &str) {
    xml.push('<');
    xml.push_str(name);
    if content.is_empty() {
        xml.push_str(" />");
        return;
    }
    xml.push('>');
    for letter in content.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("&#xD;"),
            other => xml.push(other),
        }
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}
