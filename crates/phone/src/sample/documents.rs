//! Papers: a diary that grows, a word-processor file that is reworked, a ticket, a note, and what Windows leaves
//! lying about.

use super::archive::Archive;
use super::calendar::{Civil, copied_at};
use super::people::person;
use super::put::{Put, len32};
use super::rng::Rng;
use super::{Planned, Scale};

/// 2026-01-02 08:00, when the diary begins.
const DIARY_BEGINS: i64 = 1_767_340_800;
const DAY: i64 = 86_400;

const WEATHER: [&str; 8] = [
    "Nebel über dem See, erst gegen Mittag klar.",
    "Frost. Die Pfützen knacken unter den Schuhen.",
    "Regen den ganzen Tag, also Ordnung im Arbeitszimmer gemacht.",
    "Sonne! Zum ersten Mal wieder draußen gefrühstückt.",
    "Stürmisch, zwei Äste der alten Lärche liegen im Hof.",
    "Warm und still, die Mauersegler sind zurück.",
    "Gewitter am Abend, sehr schöne Blitze, kein einziges Foto.",
    "Leichter Schnee, der nicht liegen bleibt.",
];
const EVENTS: [&str; 12] = [
    "Mit {who} an der Mühle gewesen und lange über früher gesprochen.",
    "Brief von {who} bekommen, handgeschrieben, vier Seiten.",
    "{n} Fotos vom Telefon geholt und beschriftet.",
    "Das Fahrrad geputzt, die Kette gewechselt, {n} km gefahren.",
    "{who} hat angerufen; wir treffen uns nächste Woche.",
    "Im Antiquariat {n} Minuten gesucht und dann doch nichts gekauft.",
    "Pflaumenkuchen nach Omas Rezept, {n} Stück, keines übrig.",
    "Die Monatssicherung gemacht und probeweise ein Bild zurückgeholt.",
    "Den ganzen Abend gelesen, {n} Seiten.",
    "{who} die Aufnahmen vom letzten Sommer gezeigt.",
    "Neue Glühbirnen, neuer Dichtungsring, alter Ärger.",
    "Auf dem Markt {n} Äpfel und ein Glas Honig gekauft.",
];

/// The papers in `month`.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    files.push(Planned::new("Documents/Tagebuch.txt", move || {
        diary(seed, scale, month).into_bytes()
    }));
    files.push(Planned::new("Documents/Chronik der Mühle.docx", move || {
        chronicle(seed, month)
    }));
    files.push(Planned::new("Documents/Notizen.txt", || {
        "\u{feff}Passwort: im Kopf!\r\nSchuhgröße Mia: 34\r\nКод от калитки — у Златы\r\n鍵は植木鉢の下\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect()
    }));
    files.push(Planned::new("Downloads/Fahrkarte.pdf", ticket));
    for folder in ["Pictures", "Music", "Documents"] {
        files.push(Planned::new(format!("{folder}/desktop.ini"), move || {
            desktop_ini(folder)
        }));
    }
    files.push(Planned::new("Pictures/Camera Roll/Thumbs.db", thumbs_db));
}

/// One entry of the diary or one paragraph of the chronicle.
fn paragraph(rng: &mut Rng, friends: u32) -> String {
    let mut text = (*rng.pick(&WEATHER)).to_owned();
    for _ in 0..=rng.below(3) {
        let event = *rng.pick(&EVENTS);
        let friend = person(rng.below(friends));
        text.push(' ');
        text.push_str(
            &event
                .replace("{who}", friend.given)
                .replace("{n}", &(2 + rng.below(60)).to_string()),
        );
    }
    text
}

/// An entry every other day or so, up to the day of the copy: later months only add at the end.
fn diary(seed: u64, scale: &Scale, month: u32) -> String {
    let mut text = String::from("\u{feff}Tagebuch\r\n========\r\n");
    let until = copied_at(month);
    let mut at = DIARY_BEGINS;
    for entry in 0u64.. {
        let mut rng = Rng::new(seed, "diary", entry);
        at += DAY * i64::from(rng.between(1, 3));
        if at > until {
            break;
        }
        let body = paragraph(&mut rng, scale.contacts.min(9));
        text.push_str(&format!("\r\n{}\r\n{body}\r\n", Civil::at(at).date("-")));
    }
    text
}

/// A docx (ECMA-376) with the least of parts; every month two more paragraphs, and the first one reworded.
fn chronicle(seed: u64, month: u32) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    let mut body = format!(
        "<w:p><w:r><w:t>Chronik der Mühle, {}. Fassung</w:t></w:r></w:p>",
        month + 1
    );
    for number in 0..24 + 2 * u64::from(month) {
        let text = paragraph(&mut Rng::new(seed, "chronicle", number), 7);
        body.push_str(&format!(
            "<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>"
        ));
    }
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";
    let document =
        format!("{head}<w:document xmlns:w=\"{MAIN}\"><w:body>{body}<w:sectPr/></w:body></w:document>");
    let types = format!(
        "{head}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\
         \"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>"
    );
    let relations = format!(
        "{head}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
         <Relationship Id=\"rId1\" Type=\
         \"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
         Target=\"word/document.xml\"/></Relationships>"
    );
    let mut archive = Archive::default();
    archive.packed("[Content_Types].xml", types.as_bytes());
    archive.packed("_rels/.rels", relations.as_bytes());
    archive.packed("word/document.xml", document.as_bytes());
    archive.finish()
}

/// A one-page PDF 1.4 with a built-in font.
fn ticket() -> Vec<u8> {
    let page = "BT /F1 22 Tf 60 760 Td (Fahrkarte Gro\\337 Tresorow - Kistvalla) Tj 0 -40 Td \
                (2. Klasse, Wagen 9, Platz 50) Tj 0 -40 Td (G\\374ltig am 14.05.2026) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, count) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    ));
    file.push_str(&format!("startxref\n{start}\n%%EOF\n"));
    file.into_bytes()
}

fn desktop_ini(folder: &str) -> Vec<u8> {
    let text = format!(
        "\u{feff}[.ShellClassInfo]\r\nLocalizedResourceName=@%SystemRoot%\\system32\\windows.storage.dll,-21779\r\n\
         InfoTip={folder}\r\n"
    );
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// An empty compound file (MS-CFB, version 3): header, allocation table, directory.
fn thumbs_db() -> Vec<u8> {
    const END: u32 = 0xffff_fffe;
    const TABLE: u32 = 0xffff_fffd;
    let mut file = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    file.resize(24, 0);
    for field in [0x3e, 3, 0xfffe, 9, 6, 0, 0, 0] {
        file.le16(field);
    }
    for field in [0, 1, 1, 0, 4096, END, 0, END, 0, 0] {
        file.le32(field);
    }
    file.resize(512, 0xff);
    file.le32(TABLE);
    file.le32(END);
    file.resize(1024, 0xff);
    let name: Vec<u8> = "Root Entry\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    file.extend_from_slice(&name);
    file.resize(1024 + 64, 0);
    file.le16(u16::try_from(len32(name.len())).unwrap_or(0));
    file.extend_from_slice(&[5, 1]);
    file.extend_from_slice(&[0xff; 12]);
    file.resize(1024 + 116, 0);
    file.le32(END);
    file.resize(1024 + 128, 0);
    // Three unused entries.
    for _ in 0..3 {
        let start = file.len();
        file.resize(start + 68, 0);
        file.extend_from_slice(&[0xff; 12]);
        file.resize(start + 128, 0);
    }
    file
}
