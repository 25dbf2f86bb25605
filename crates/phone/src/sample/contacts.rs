//! Address books: vCard 3.0 as mail services write it, vCard 2.1 as desktop Outlook does, the CSV of Outlook.com,
//! and one old card in Windows-1252 that does not say so.

use base64ct::{Base64, Encoding as _};

use super::jpeg;
use super::people::{CROWD, Person, person};
use super::picture::Picture;
use super::rng::Rng;
use super::{Planned, Scale};

/// The columns of Outlook.com's export, in its order.
#[rustfmt::skip]
const COLUMNS: [&str; 61] = [
    "First Name", "Middle Name", "Last Name", "Title", "Suffix", "Nickname", "Given Yomi", "Surname Yomi",
    "E-mail Address", "E-mail 2 Address", "E-mail 3 Address", "Home Phone", "Home Phone 2", "Business Phone",
    "Business Phone 2", "Mobile Phone", "Car Phone", "Other Phone", "Primary Phone", "Pager", "Business Fax",
    "Home Fax", "Other Fax", "Company Main Phone", "Callback", "Radio Phone", "Telex", "TTY/TDD Phone", "IMAddress",
    "Job Title", "Department", "Company", "Office Location", "Manager's Name", "Assistant's Name",
    "Assistant's Phone", "Company Yomi", "Business Street", "Business City", "Business State",
    "Business Postal Code", "Business Country/Region", "Home Street", "Home City", "Home State", "Home Postal Code",
    "Home Country/Region", "Other Street", "Other City", "Other State", "Other Postal Code", "Other Country/Region",
    "Personal Web Page", "Spouse", "Schools", "Hobby", "Location", "Web Page", "Birthday", "Anniversary", "Notes",
];

/// So many contacts have a portrait.
const PORTRAITS: u32 = 3;

/// The address books in `month`.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    let list = move || entries(scale, month);
    files.push(Planned::new("Contacts/contacts.vcf", move || {
        list()
            .iter()
            .map(|entry| card_3(seed, entry))
            .collect::<String>()
            .into_bytes()
    }));
    files.push(Planned::new("Contacts/Outlook-Kontakte.vcf", move || {
        list()
            .iter()
            .take(8)
            .map(|entry| card_2(seed, entry))
            .collect::<String>()
            .into_bytes()
    }));
    files.push(Planned::new("Contacts/OutlookContacts.csv", move || {
        csv(&list()).into_bytes()
    }));
    files.push(Planned::new("Contacts/Jürgen.vcf", || old_card(&person(1))));
}

/// A person as the address book has them this month.
struct Entry {
    person: Person,
    mobile: String,
}

/// Every month brings one more contact and a new number for another; in the third month one is lost.
fn entries(scale: &Scale, month: u32) -> Vec<Entry> {
    let count = scale.contacts.saturating_add(month).min(CROWD);
    (0..count)
        .filter(|&number| month < 2 || number != 4)
        .map(|number| {
            let person = person(number);
            let changed = (1..=month).contains(&(number / 2)) && number % 2 == 1;
            Entry {
                mobile: person.mobile(changed),
                person,
            }
        })
        .collect()
}

/// A portrait, of a landscape for want of a face.
fn portrait(seed: u64, person: &Person) -> Option<String> {
    (person.number < PORTRAITS).then(|| {
        let mut rng = Rng::new(seed, "portrait", u64::from(person.number));
        Base64::encode_string(&jpeg::encode(&Picture::landscape(&mut rng, 96, 96), 80, None))
    })
}

/// RFC 2426.
fn card_3(seed: u64, entry: &Entry) -> String {
    let person = &entry.person;
    let escaped = |text: &str| text.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
    let mut lines = vec![
        "BEGIN:VCARD".to_owned(),
        "VERSION:3.0".to_owned(),
        format!("UID:5a6d70{:02x}-0950-4c75-8d69-6c756d697661", person.number),
        format!("N:{};{};;;", escaped(person.family), escaped(person.given)),
        format!("FN:{} {}", escaped(person.given), escaped(person.family)),
        format!("ORG:{}", escaped(person.firm)),
        format!("TEL;TYPE=CELL:{}", entry.mobile),
        format!("EMAIL;TYPE=INTERNET:{}", person.mail()),
        format!(
            "ADR;TYPE=HOME:;;{};{};;{};{}",
            escaped(&person.street),
            escaped(person.town),
            person.postcode,
            person.country
        ),
        format!("BDAY:{}", person.birthday),
    ];
    if let Some(picture) = portrait(seed, person) {
        lines.push(format!("PHOTO;ENCODING=b;TYPE=JPEG:{picture}"));
    }
    lines.push("END:VCARD".to_owned());
    lines.iter().map(|line| folded(line)).collect()
}

/// A line broken after at most 75 bytes, never inside a letter.
fn folded(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / 30);
    let mut width = 0;
    for letter in line.chars() {
        if width + letter.len_utf8() > 75 {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(letter);
        width += letter.len_utf8();
    }
    out.push_str("\r\n");
    out
}

/// vCard 2.1 with quoted-printable wherever a line is not plain ASCII.
fn card_2(seed: u64, entry: &Entry) -> String {
    let person = &entry.person;
    let mut card = String::from("BEGIN:VCARD\r\nVERSION:2.1\r\n");
    printable(&mut card, "N", &format!("{};{}", person.family, person.given));
    printable(&mut card, "FN", &format!("{} {}", person.given, person.family));
    printable(&mut card, "ORG", person.firm);
    printable(&mut card, "TEL;CELL;VOICE", &entry.mobile);
    let address = [&person.street, person.town, "", person.postcode, person.country].join(";");
    printable(&mut card, "ADR;HOME", &format!(";;{address}"));
    let label = format!(
        "{}\r\n{} {}\r\n{}",
        person.street, person.postcode, person.town, person.country
    );
    printable(&mut card, "LABEL;HOME", &label);
    card.push_str(&format!(
        "X-MS-OL-DEFAULT-POSTAL-ADDRESS:1\r\nEMAIL;PREF;INTERNET:{}\r\n",
        person.mail()
    ));
    card.push_str(&format!("BDAY:{}\r\n", person.birthday.replace('-', "")));
    if let Some(picture) = portrait(seed, person) {
        card.push_str("PHOTO;TYPE=JPEG;ENCODING=BASE64:\r\n");
        let mut rest = picture.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(72));
            card.push_str(&format!(" {line}\r\n"));
            rest = after;
        }
        card.push_str("\r\n");
    }
    card.push_str("REV:20260101T120000Z\r\nEND:VCARD\r\n");
    card
}

/// A property of a vCard 2.1, its value in quoted-printable with soft line breaks where it needs that.
fn printable(card: &mut String, name: &str, value: &str) {
    if value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        card.push_str(&format!("{name}:{value}\r\n"));
        return;
    }
    let head = format!("{name};CHARSET=utf-8;ENCODING=QUOTED-PRINTABLE:");
    let mut width = head.len();
    card.push_str(&head);
    for byte in value.bytes() {
        let plain = (byte.is_ascii_graphic() || byte == b' ') && byte != b'=';
        let length = if plain { 1 } else { 3 };
        if width + length > 75 {
            card.push_str("=\r\n");
            width = 0;
        }
        if plain {
            card.push(char::from(byte));
        } else {
            card.push_str(&format!("={byte:02X}"));
        }
        width += length;
    }
    card.push_str("\r\n");
}

/// A card from long ago: Windows-1252, and no word about it.
fn old_card(person: &Person) -> Vec<u8> {
    let text = format!(
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN:{};{}\r\nFN:{1} {0}\r\nTEL;CELL:{}\r\nADR;HOME:;;{};{};;{};\r\nEND:VCARD\r\n",
        person.family,
        person.given,
        person.mobile(false),
        person.street,
        person.town,
        person.postcode
    );
    // Below U+0100 Windows-1252 has the code points of Unicode for every letter used here.
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
        .collect()
}

/// UTF-8 with a byte order mark; fields quoted only where they must be.
fn csv(entries: &[Entry]) -> String {
    let mut csv = format!("\u{feff}{}\r\n", COLUMNS.join(","));
    for entry in entries {
        let person = &entry.person;
        let mail = person.mail();
        let notes = format!("Met through {}, \"the firm\"", person.firm);
        let row = COLUMNS.map(|column| match column {
            "First Name" => person.given,
            "Last Name" => person.family,
            "E-mail Address" => &mail,
            "Mobile Phone" => &entry.mobile,
            "Company" => person.firm,
            "Home Street" => &person.street,
            "Home City" => person.town,
            "Home Postal Code" => person.postcode,
            "Home Country/Region" => person.country,
            "Birthday" => &person.birthday,
            "Notes" if person.number % 4 == 1 => &notes,
            _ => "",
        });
        let quoted = row.map(|field| {
            if field.contains([',', '"']) {
                format!("\"{}\"", field.replace('"', "\"\""))
            } else {
                field.to_owned()
            }
        });
        csv.push_str(&quoted.join(","));
        csv.push_str("\r\n");
    }
    csv
}
