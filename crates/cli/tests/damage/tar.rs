//! As much of tar as is needed to look into the archives of `dump`.

use super::base::Files;

fn number(field: &[u8]) -> usize {
    let digits = field.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum, digit| sum * 8 + usize::from(digit - b'0'))
}

/// The regular files of an archive.
pub(super) fn files(archive: &[u8]) -> Files {
    let mut found = Files::new();
    let (mut at, mut long_name) = (0, None);
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let size = number(&header[124..136]);
        let content = &archive[at + 512..at + 512 + size];
        let short = header[..100].split(|byte| *byte == 0).next().unwrap();
        match header[156] {
            b'x' => long_name = path(content).or(long_name),
            b'0' => {
                let name = long_name.take().unwrap_or_else(|| short.to_vec());
                found.insert(String::from_utf8(name).unwrap(), content.to_vec());
            }
            _ => long_name = None,
        }
        at += 512 + size.next_multiple_of(512);
    }
    found
}

/// The path in an extended header: records of `length key=value\n`.
fn path(mut records: &[u8]) -> Option<Vec<u8>> {
    while !records.is_empty() {
        let blank = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
        let record = &records[blank + 1..length - 1];
        if let Some(path) = record.strip_prefix(b"path=") {
            return Some(path.to_vec());
        }
        records = &records[length..];
    }
    None
}
