//! ZIP files as package tools write them: sizes known beforehand, one fixed time, no extra fields.

use super::deflate::{crc32, deflate};
use super::put::{Put, len16, len32};

/// 2014-01-01 00:00 as a DOS date and time.
const DOS_DATE: u16 = (2014 - 1980) << 9 | 1 << 5 | 1;
const DOS_TIME: u16 = 0;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const VERSION: u16 = 20;

/// A ZIP in the making.
#[derive(Default)]
pub(super) struct Archive {
    file: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Archive {
    /// Adds an entry that is worth deflating.
    pub(super) fn packed(&mut self, name: &str, content: &[u8]) {
        self.entry(name, content, 8, &deflate(content));
    }

    /// Adds an entry as it is.
    pub(super) fn stored(&mut self, name: &str, content: &[u8]) {
        self.entry(name, content, 0, content);
    }

    fn entry(&mut self, name: &str, content: &[u8], method: u16, body: &[u8]) {
        let mut common = Vec::with_capacity(26);
        for field in [VERSION, FLAGS, method, DOS_TIME, DOS_DATE] {
            common.le16(field);
        }
        common.le32(crc32(&[content]));
        common.le32(len32(body.len()));
        common.le32(len32(content.len()));
        common.le16(len16(name.len()));
        common.le16(0); // extra field

        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.le16(VERSION);
        self.directory.extend_from_slice(&common);
        self.directory.extend_from_slice(&[0; 10]); // comment, disk, attributes
        self.directory.le32(len32(self.file.len()));
        self.directory.extend_from_slice(name.as_bytes());

        self.file.extend_from_slice(b"PK\x03\x04");
        self.file.extend_from_slice(&common);
        self.file.extend_from_slice(name.as_bytes());
        self.file.extend_from_slice(body);
        self.entries = self.entries.saturating_add(1);
    }

    /// The finished file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let directory_at = len32(self.file.len());
        self.file.extend_from_slice(&self.directory);
        self.file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.file.le16(self.entries);
        self.file.le16(self.entries);
        self.file.le32(len32(self.directory.len()));
        self.file.le32(directory_at);
        self.file.le16(0); // comment
        self.file
    }
}
