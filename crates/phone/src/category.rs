//! What a file is to its owner, by where it lies and what it is called. See docs/format.md §8.3 for the list.
//!
//! Names only, as a snapshot must not depend on reading every file; a file that cannot be told is [`Category::Other`].

use lumivault_format::tree::Category;

const MEDIA: [&str; 24] = [
    "jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "heic", "webp", "dng", "nar", "thumb", "thm", "tnl",
    "mp4", "m4v", "mov", "3gp", "3g2", "avi", "wmv", "mpg", "mkv", "webm",
];
const DOCUMENTS: [&str; 16] = [
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "txt", "md", "one",
    "epub", "xps",
];

/// The category of a file at a place in a snapshot, `/` between folders.
pub fn category(place: &[u8]) -> Category {
    let place = String::from_utf8_lossy(place).to_lowercase();
    let (folders, name) = place.rsplit_once('/').unwrap_or(("", &place));
    let extension = name
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension.trim_end());
    let lies_in = |wanted: &[&str]| folders.split('/').any(|folder| wanted.contains(&folder));
    match extension {
        "xap" | "appx" | "appxbundle" | "msix" => return Category::Packages,
        "vcf" | "contact" => return Category::Contacts,
        "msg" | "hsh" => return Category::Messages,
        _ => {}
    }
    if lies_in(&["smsbackup", "mmsbackup", "messages", "sms", "mms"]) {
        return Category::Messages;
    }
    if extension == "csv" && (name.contains("contact") || lies_in(&["contacts", "people"])) {
        return Category::Contacts;
    }
    if lies_in(&["whatsapp", "appdata", "app data", "wpsystem"]) {
        return Category::AppData;
    }
    if MEDIA.contains(&extension) {
        return Category::Media;
    }
    if DOCUMENTS.contains(&extension) || lies_in(&["documents", "downloads"]) {
        return Category::Documents;
    }
    Category::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_hold_is_told_apart() {
        let cases = [
            (
                "Pictures/Camera Roll/WP_20150111_16_25_30_Pro__highres.dng",
                Category::Media,
            ),
            ("Pictures/x.nar", Category::Media),
            ("Videos/WP_20140714_15_25_11.MP4", Category::Media),
            ("Contacts/contacts.vcf", Category::Contacts),
            ("Documents/Outlook contacts.CSV", Category::Contacts),
            ("smsBackup/Сб, июл 29 2017, 18-49-28 .msg", Category::Messages),
            ("smsBackup/index.xml", Category::Messages),
            ("Documents/table.csv", Category::Documents),
            ("Downloads/setup.bin", Category::Documents),
            ("WhatsApp/Media/image.jpg", Category::AppData),
            ("Lumia-Apps/App1.xap", Category::Packages),
            ("Music/Artist/song.mp3", Category::Other),
            ("Music/Artist/OMD", Category::Other),
            ("", Category::Other),
        ];
        for (place, expected) in cases {
            assert_eq!(category(place.as_bytes()), expected, "{place}");
        }
        assert_eq!(category(b"\xff\xfe/\xff.jpg"), Category::Media);
    }
}
