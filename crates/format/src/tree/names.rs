//! The names stream: the entries of a folder. See docs/format.md §8.3.

use crate::DecodeError;
use crate::limits::{NAME_BYTES_MAX, TARGET_BYTES_MAX};
use crate::wire::{Reader, put_bytes, put_length, put_zigzag};

const WHAT: &str = "folder's names stream";

/// What a file is to its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Not recorded.
    #[default]
    None,
    /// Photos, videos.
    Media,
    /// Contacts.
    Contacts,
    /// Text messages.
    Messages,
    /// Documents and downloads.
    Documents,
    /// Data of apps.
    AppData,
    /// App packages.
    Packages,
    /// Music and the rest.
    Other,
}

impl Category {
    const ALL: [Self; 8] = [
        Self::None,
        Self::Media,
        Self::Contacts,
        Self::Messages,
        Self::Documents,
        Self::AppData,
        Self::Packages,
        Self::Other,
    ];

    /// The number in the format.
    pub fn number(self) -> u8 {
        let position = Self::ALL.iter().position(|c| *c == self).unwrap_or(0);
        u8::try_from(position).unwrap_or(0)
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file.
    File {
        /// Index of its content in the contents stream.
        content: u64,
    },
    /// A folder, described by the next record of the folders stream.
    Folder,
    /// A symbolic link.
    Symlink {
        /// Where it points, as stored by the system it came from.
        target: Vec<u8>,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl EntryKind {
    /// The number in the format.
    pub const fn number(&self) -> u8 {
        match self {
            Self::File { .. } => 1,
            Self::Folder => 2,
            Self::Symlink { .. } => 3,
            Self::Fifo => 4,
            Self::Socket => 5,
            Self::CharDevice => 6,
            Self::BlockDevice => 7,
        }
    }
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameRecord {
    /// Its name, a single component.
    pub name: Vec<u8>,
    /// What it is to its owner.
    pub category: Category,
    /// What it is.
    pub kind: EntryKind,
}

/// What a record refers back to.
#[derive(Clone, Debug, Default)]
pub struct NameState {
    name: Vec<u8>,
    /// Index after that of the last file's content.
    next_content: u64,
    any: bool,
    fresh_piece: bool,
}

impl NameState {
    /// Forgets what does not carry over from one piece to the next.
    pub fn next_piece(&mut self) {
        self.fresh_piece = true;
    }

    fn base(&self) -> &[u8] {
        if self.fresh_piece { &[] } else { &self.name }
    }
}

/// Refuses a name that is no single component of 1..=1024 bytes.
pub fn check_name(name: &[u8]) -> Result<(), DecodeError> {
    let problem = match name {
        [] => "a name is empty",
        [b'.'] | [b'.', b'.'] => "a name is `.` or `..`",
        _ if name.len() > NAME_BYTES_MAX => "a name has over 1024 bytes",
        _ if name.iter().any(|b| matches!(b, 0 | b'/')) => "a name contains a slash or a zero byte",
        _ => return Ok(()),
    };
    Err(DecodeError::Invalid(WHAT, problem))
}

impl NameRecord {
    /// Appends the record.
    pub fn encode(&self, state: &mut NameState, out: &mut Vec<u8>) {
        let shared = state
            .base()
            .iter()
            .zip(&self.name)
            .take_while(|(a, b)| a == b)
            .count();
        put_length(out, shared);
        put_bytes(out, self.name.get(shared..).unwrap_or_default());
        out.push(self.kind.number() | self.category.number() << 4);
        match &self.kind {
            EntryKind::File { content } => {
                put_zigzag(out, content.wrapping_sub(state.next_content).cast_signed());
                state.next_content = content.wrapping_add(1);
            }
            EntryKind::Symlink { target } => put_bytes(out, target),
            _ => {}
        }
        state.advance(&self.name);
    }

    /// Reads one record; checks the name and that it follows the one before.
    pub fn decode(r: &mut Reader<'_>, state: &mut NameState) -> Result<Self, DecodeError> {
        let base = state.base();
        let shared = r.length(NAME_BYTES_MAX)?;
        let prefix = base
            .get(..shared)
            .ok_or(DecodeError::Invalid(WHAT, "a name shares more than there is"))?;
        let name = [prefix, r.bytes(NAME_BYTES_MAX)?].concat();
        check_name(&name)?;
        if state.any && name <= state.name {
            return Err(DecodeError::Invalid(
                WHAT,
                "names are not in ascending order, or one occurs twice",
            ));
        }
        let byte = r.u8()?;
        let category =
            Category::from_number(byte >> 4).ok_or(DecodeError::Invalid(WHAT, "an unknown category"))?;
        let kind = match byte & 15 {
            1 => {
                let content = state.next_content.wrapping_add_signed(r.zigzag()?);
                state.next_content = content.wrapping_add(1);
                EntryKind::File { content }
            }
            2 => EntryKind::Folder,
            3 => {
                let target = r.bytes(TARGET_BYTES_MAX)?.to_vec();
                if target.is_empty() || target.contains(&0) {
                    return Err(DecodeError::Invalid(
                        WHAT,
                        "a symbolic link's target is empty or has a zero byte",
                    ));
                }
                EntryKind::Symlink { target }
            }
            4 => EntryKind::Fifo,
            5 => EntryKind::Socket,
            6 => EntryKind::CharDevice,
            7 => EntryKind::BlockDevice,
            _ => return Err(DecodeError::Invalid(WHAT, "an entry is of an unknown kind")),
        };
        state.advance(&name);
        Ok(Self { name, category, kind })
    }
}

impl NameState {
    fn advance(&mut self, name: &[u8]) {
        self.name.clear();
        self.name.extend_from_slice(name);
        self.any = true;
        self.fresh_piece = false;
    }
}
