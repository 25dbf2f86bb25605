//! An entry of a snapshot as it is shown: everything known of it, and nothing of where its bytes lie.

use lumivault_format::ContentId;
use lumivault_format::tree::{Category, EntryKind, Extra, ExtraKind, NameRecord, StatRecord};

use super::streams::Content;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListedKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl ListedKind {
    /// One word for it, as in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "dir",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharDevice => "chardev",
            Self::BlockDevice => "dev",
        }
    }
}

impl From<&EntryKind> for ListedKind {
    fn from(kind: &EntryKind) -> Self {
        match kind {
            EntryKind::File { .. } => Self::File,
            EntryKind::Folder => Self::Folder,
            EntryKind::Symlink { .. } => Self::Symlink,
            EntryKind::Fifo => Self::Fifo,
            EntryKind::Socket => Self::Socket,
            EntryKind::CharDevice => Self::CharDevice,
            EntryKind::BlockDevice => Self::BlockDevice,
        }
    }
}

/// An entry of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the snapshot's root, joined by slashes, without one in front: raw bytes from Unix, WTF-8 from
    /// Windows. Empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: ListedKind,
    /// Bytes of a file; 0 for anything else.
    pub size: u64,
    /// Modification time: seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// Unix permission bits, if recorded.
    pub mode: Option<u32>,
    /// Owner, if recorded.
    pub owner: Option<u32>,
    /// Group, if recorded.
    pub group: Option<u32>,
    /// What it is to its owner.
    pub category: Category,
    /// Of a file: tells equal contents.
    pub content: Option<ContentId>,
    /// Of a symbolic link: where it points.
    pub target: Option<Vec<u8>>,
    /// Typed extra fields.
    pub extras: Vec<Extra>,
}

impl Listed {
    pub(super) fn new(
        path: Vec<u8>,
        name: &NameRecord,
        stat: &StatRecord,
        content: Option<&Content>,
    ) -> Self {
        Self {
            target: match &name.kind {
                EntryKind::Symlink { target } => Some(target.clone()),
                _ => None,
            },
            size: content.map_or(0, |content| content.len),
            content: content.map(|content| content.id),
            category: name.category,
            ..Self::bare(path, (&name.kind).into(), stat)
        }
    }

    pub(super) fn bare(path: Vec<u8>, kind: ListedKind, stat: &StatRecord) -> Self {
        Self {
            path,
            kind,
            size: 0,
            mtime: (stat.mtime_seconds, stat.mtime_nanoseconds),
            mode: stat.mode,
            owner: stat.owner,
            group: stat.group,
            category: Category::None,
            content: None,
            target: None,
            extras: stat.extras.clone(),
        }
    }

    /// The last component of its path.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The number of an extra field that nobody may leave out and this program does not know. Such an entry is
    /// listed, but its bytes are not given out as if they were all of it.
    pub fn refused(&self) -> Option<u64> {
        self.extras.iter().find_map(|extra| match extra.kind {
            ExtraKind::Unknown(number) if extra.critical => Some(number),
            _ => None,
        })
    }

    /// The group of files that are one file.
    pub fn hard_link(&self) -> Option<[u8; 8]> {
        let extra = self
            .extras
            .iter()
            .find(|extra| extra.kind == ExtraKind::HardLink)?;
        extra.value.as_slice().try_into().ok()
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> Option<(u64, u64)> {
        self.extras.iter().find_map(Extra::as_device)
    }

    /// When it came into being, if recorded: seconds since 1970 and nanoseconds.
    pub fn birth_time(&self) -> Option<(i64, u32)> {
        let extra = self
            .extras
            .iter()
            .find(|extra| extra.kind == ExtraKind::BirthTime)?;
        let (seconds, rest) = extra.value.split_first_chunk::<8>()?;
        let nanoseconds = u32::from_le_bytes(rest.try_into().ok()?);
        (nanoseconds < 1_000_000_000).then_some((i64::from_le_bytes(*seconds), nanoseconds))
    }

    /// Whether times, permissions, owners, category or extra fields differ.
    pub(super) fn metadata_differs(&self, other: &Self) -> bool {
        self.mtime != other.mtime
            || self.mode != other.mode
            || self.owner != other.owner
            || self.group != other.group
            || self.category != other.category
            || self.extras != other.extras
    }

    /// About what it takes in memory.
    pub(super) fn weight(&self) -> usize {
        let extras: usize = self.extras.iter().map(|extra| extra.value.len() + 64).sum();
        size_of::<Self>() + self.path.len() + self.target.as_ref().map_or(0, Vec::len) + extras
    }
}
