//! The Windows half of [`super`]: attributes instead of permissions; access lists stay behind, as phones have none.

use std::fs::Metadata;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;

use lumivault_format::tree::{Extra, ExtraKind, StatRecord};

use super::{FileIdentity, Found, FoundKind};

/// Read-only, hidden, system, archive: what a user can set and a restore can bring back.
const KEPT_ATTRIBUTES: u32 = 0x1 | 0x2 | 0x4 | 0x20;
/// The archive bit alone is on nearly every file and tells nothing.
const PLAIN: u32 = 0x20;

pub(super) fn describe(path: &Path, metadata: &Metadata) -> io::Result<Found> {
    let file_type = metadata.file_type();
    let kind = if file_type.is_symlink() {
        FoundKind::Symlink {
            target: super::name_bytes(path.read_link()?.as_os_str()),
        }
    } else if file_type.is_dir() {
        FoundKind::Folder
    } else {
        FoundKind::File { size: metadata.len() }
    };
    let (mtime_seconds, mtime_nanoseconds) = super::mtime(metadata);
    let attributes = metadata.file_attributes() & KEPT_ATTRIBUTES;
    let mut extras = Vec::new();
    if attributes & !PLAIN != 0 {
        let value = attributes.to_le_bytes().to_vec();
        extras.push(Extra {
            kind: ExtraKind::WindowsAttributes,
            critical: false,
            value,
        });
    }
    let changed = metadata.created().map(super::split_time).unwrap_or_default();
    Ok(Found {
        kind,
        stat: StatRecord {
            mtime_seconds,
            mtime_nanoseconds,
            extras,
            ..StatRecord::default()
        },
        identity: FileIdentity {
            device: 0,
            inode: 0,
            changed: (changed.0, changed.1.into()),
            modified: (mtime_seconds, mtime_nanoseconds),
        },
        device: 0,
        hard_link: None,
        doubt: None,
    })
}

/// The standard library does not tell volumes apart yet, so all of them count as one.
pub(super) fn device(_metadata: &Metadata) -> u64 {
    0
}
