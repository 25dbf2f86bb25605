//! An entry of a snapshot as `ls`, `find` and `diff` show it.

use lumivault_format::SnapshotTime;
use lumivault_restore::browse::{Listed, ListedKind};
use serde::Serialize;

use super::answer::{ArchivePath, hex, shown_path};
use super::looking::category_name;
use crate::output::printable::printable_bytes;
use crate::output::size;

/// What is known of an entry besides its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Facts {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NodeAnswer {
    #[serde(flatten)]
    path: ArchivePath,
    name: String,
    #[serde(flatten)]
    facts: Facts,
}

/// Something that could not be read and is missing from what is shown.
#[derive(Debug, Serialize)]
pub(crate) struct UnreadableAnswer {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    path: ArchivePath,
    text: String,
}

impl UnreadableAnswer {
    pub(crate) fn new(path: &[u8], text: String) -> Self {
        Self {
            kind: "unreadable",
            path: ArchivePath::new(path),
            text,
        }
    }
}

impl Facts {
    /// Times are told by the clock of the snapshot.
    pub(crate) fn new(listed: &Listed, clock: &SnapshotTime) -> Self {
        let is_file = listed.kind == ListedKind::File;
        Self {
            kind: kind(listed.kind),
            size: is_file.then_some(listed.size),
            category: category_name(listed.category),
            modified: modified(listed, clock).map(|time| time.rfc3339()),
            mode: listed.mode.map(|mode| format!("{mode:04o}")),
            owner: listed.owner,
            group: listed.group,
            target: listed
                .target
                .as_deref()
                .map(|target| String::from_utf8_lossy(target).into_owned()),
            content: listed.content.map(|id| hex(id.as_bytes())),
        }
    }
}

impl NodeAnswer {
    pub(crate) fn new(listed: &Listed, clock: &SnapshotTime) -> Self {
        Self {
            path: ArchivePath::new(&listed.path),
            name: String::from_utf8_lossy(listed.name()).into_owned(),
            facts: Facts::new(listed, clock),
        }
    }
}

fn kind(kind: ListedKind) -> &'static str {
    match kind {
        ListedKind::File => "file",
        ListedKind::Folder => "folder",
        ListedKind::Symlink => "symlink",
        ListedKind::Fifo => "fifo",
        ListedKind::Socket => "socket",
        ListedKind::CharDevice => "character-device",
        ListedKind::BlockDevice => "block-device",
    }
}

/// None outside of the calendar.
fn modified(listed: &Listed, clock: &SnapshotTime) -> Option<SnapshotTime> {
    let (seconds, nanoseconds) = listed.mtime;
    SnapshotTime::instant(seconds, nanoseconds, clock.utc_offset_seconds).ok()
}

/// The path for people; that of a folder ends in a slash.
pub(crate) fn shown(listed: &Listed) -> String {
    let path = shown_path(&listed.path);
    match &listed.kind {
        ListedKind::Folder if !listed.path.is_empty() => path + "/",
        _ => path,
    }
}

/// `-rw-r--r--    1.5 MiB  2026-05-14 18:30  media      /Pictures/a.jpg`.
pub(crate) fn long_line(listed: &Listed, clock: &SnapshotTime) -> String {
    let size = match listed.kind {
        ListedKind::File => size(listed.size),
        _ => String::new(),
    };
    let time = modified(listed, clock).map_or_else(|| "-".to_owned(), |time| minutes(&time));
    let category = category_name(listed.category).unwrap_or_default();
    let target = listed.target.as_deref().map(printable_bytes);
    let target = target.map(|target| format!(" -> {target}"));
    format!(
        "{}  {size:>10}  {time:<16}  {category:<9}  {}{}",
        permissions(listed),
        shown(listed),
        target.unwrap_or_default()
    )
}

/// `2026-05-14 18:30`.
fn minutes(time: &SnapshotTime) -> String {
    let text = time.rfc3339();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// As `ls -l` has them; question marks where none were recorded.
fn permissions(listed: &Listed) -> String {
    let letter = match listed.kind {
        ListedKind::File => '-',
        ListedKind::Folder => 'd',
        ListedKind::Symlink => 'l',
        ListedKind::Fifo => 'p',
        ListedKind::Socket => 's',
        ListedKind::CharDevice => 'c',
        ListedKind::BlockDevice => 'b',
    };
    let mut text = String::from(letter);
    let Some(mode) = listed.mode else {
        text.push_str("?????????");
        return text;
    };
    for (place, special, letters) in [(6, 0o4000, "sS"), (3, 0o2000, "sS"), (0, 0o1000, "tT")] {
        let bits = mode >> place;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        let runs = bits & 1 != 0;
        text.push_str(match (mode & special != 0, runs) {
            (false, false) => "-",
            (false, true) => "x",
            (true, true) => &letters[..1],
            (true, false) => &letters[1..],
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use lumivault_format::tree::Category;
    use lumivault_format::{CivilPeriod, ContentId, SnapshotTime};
    use lumivault_restore::browse::{Listed, ListedKind};

    use super::{NodeAnswer, long_line, permissions, shown};

    fn listed() -> Listed {
        Listed {
            path: b"Pictures/a\x1b.jpg".to_vec(),
            kind: ListedKind::File,
            size: 1536,
            mtime: (1_778_776_205, 0),
            mode: Some(0o644),
            owner: Some(1000),
            group: None,
            category: Category::Media,
            content: Some(ContentId::from_bytes([0xab; 32])),
            target: None,
            extras: Vec::new(),
        }
    }

    fn clock() -> SnapshotTime {
        SnapshotTime::end_of(CivilPeriod::month(2026, 5).unwrap(), 7200).unwrap()
    }

    #[test]
    fn lines_for_people() {
        assert_eq!(
            long_line(&listed(), &clock()),
            "-rw-r--r--     1.5 KiB  2026-05-14 18:30  media      /Pictures/a\\x1b.jpg"
        );
        let link = Listed {
            kind: ListedKind::Symlink,
            mode: None,
            mtime: (i64::MAX, 0),
            category: Category::None,
            target: Some(b"../\xff".to_vec()),
            ..listed()
        };
        assert_eq!(
            long_line(&link, &clock()),
            format!(
                "l?????????  {:10}  {:<16}  {:9}  /Pictures/a\\x1b.jpg -> ../\\xff",
                "", "-", ""
            )
        );
        let folder = Listed {
            kind: ListedKind::Folder,
            ..listed()
        };
        assert!(shown(&folder).ends_with('/'));
        let root = Listed {
            path: Vec::new(),
            ..folder
        };
        assert_eq!(shown(&root), "/");
    }

    #[test]
    fn permissions_as_ls_has_them() {
        let text = |mode| {
            permissions(&Listed {
                mode: Some(mode),
                ..listed()
            })
        };
        assert_eq!(text(0o7777), "-rwsrwsrwt");
        assert_eq!(text(0o7666), "-rwSrwSrwT");
        assert_eq!(text(0o755), "-rwxr-xr-x");
    }

    #[test]
    fn fields_that_do_not_apply_are_absent() {
        let json = serde_json::to_value(NodeAnswer::new(&listed(), &clock())).unwrap();
        assert_eq!(json["modified"], "2026-05-14T18:30:05+02:00");
        assert_eq!((&json["mode"], &json["size"]), (&"0644".into(), &1536.into()));
        assert_eq!(json["content"].as_str().unwrap().len(), 64);
        assert!(json.get("group").is_none() && json.get("target").is_none());
        let folder = Listed {
            kind: ListedKind::Folder,
            mtime: (i64::MIN, 0),
            content: None,
            ..listed()
        };
        let json = serde_json::to_value(NodeAnswer::new(&folder, &clock())).unwrap();
        assert!(json.get("size").is_none() && json["modified"].is_null());
    }
}
