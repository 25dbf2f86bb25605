//! The 32 bytes that every object begins with. See docs/format.md §3.

use crate::wire::Reader;
use crate::{ArchiveId, DecodeError, ObjectKind};

/// Length of the common header in bytes.
pub const HEADER_BYTES: usize = 32;
const MAGIC: [u8; 8] = *b"LUMIVLT\0";
const VERSION: u16 = 1;

/// The object types; packs of data and of trees share a folder but not a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ObjectType {
    /// Parameters of the archive.
    Config = 1,
    /// A wrapped keyring.
    KeySlot = 2,
    /// A wrapped newer epoch key.
    Epoch = 3,
    /// Chunks of file contents.
    DataPack = 4,
    /// Chunks of trees.
    TreePack = 5,
    /// Where chunks lie.
    Index = 6,
    /// One dated state.
    Snapshot = 7,
    /// A later fact about a snapshot.
    Annotation = 8,
    /// Reserved.
    Session = 9,
    /// Reserved.
    Mark = 10,
    /// Reserved.
    Revocation = 11,
    /// Parity of a pack, or a copy of a small object.
    Parity = 12,
}

impl ObjectType {
    const ALL: [Self; 12] = [
        Self::Config,
        Self::KeySlot,
        Self::Epoch,
        Self::DataPack,
        Self::TreePack,
        Self::Index,
        Self::Snapshot,
        Self::Annotation,
        Self::Session,
        Self::Mark,
        Self::Revocation,
        Self::Parity,
    ];

    /// The number in the format.
    #[expect(clippy::as_conversions, reason = "the discriminants are the numbers")]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The type with this number, if there is one.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.number() == number)
    }

    /// The kind of object, which decides the folder.
    pub const fn kind(self) -> ObjectKind {
        match self {
            Self::Config => ObjectKind::Config,
            Self::KeySlot => ObjectKind::KeySlot,
            Self::Epoch => ObjectKind::Epoch,
            Self::DataPack | Self::TreePack => ObjectKind::Pack,
            Self::Index => ObjectKind::Index,
            Self::Snapshot => ObjectKind::Snapshot,
            Self::Annotation => ObjectKind::Annotation,
            Self::Session => ObjectKind::Session,
            Self::Mark => ObjectKind::Mark,
            Self::Revocation => ObjectKind::Revocation,
            Self::Parity => ObjectKind::Parity,
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::KeySlot => "key slot",
            Self::Epoch => "epoch object",
            Self::DataPack => "data pack",
            Self::TreePack => "tree pack",
            Self::Index => "index",
            Self::Snapshot => "snapshot",
            Self::Annotation => "annotation",
            Self::Session => "session",
            Self::Mark => "mark",
            Self::Revocation => "revocation",
            Self::Parity => "parity",
        }
    }
}

/// The common header of an object with key method 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the object is.
    pub object_type: ObjectType,
    /// The epoch whose key seals it; 0 in key slots.
    pub epoch: u32,
    /// The archive it belongs to.
    pub archive: ArchiveId,
}

impl Header {
    /// The 32 bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0u8; HEADER_BYTES];
        let fields = MAGIC
            .into_iter()
            .chain(VERSION.to_le_bytes())
            .chain([self.object_type.number(), 0])
            .chain(self.epoch.to_le_bytes())
            .chain(*self.archive.as_bytes());
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        out
    }

    /// Reads and checks a header of any type.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(bytes, "object")
    }

    /// Reads a header and checks that it has the expected type and archive.
    pub fn decode_as(bytes: &[u8], expected: ObjectType, archive: &ArchiveId) -> Result<Self, DecodeError> {
        let what = expected.what();
        let header = Self::read(bytes, what)?;
        if header.object_type != expected {
            return Err(DecodeError::WrongType {
                what,
                found: header.object_type.number(),
            });
        }
        if header.archive != *archive {
            return Err(DecodeError::ForeignArchive(what));
        }
        Ok(header)
    }

    fn read(bytes: &[u8], what: &'static str) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, what);
        if r.array::<8>()? != MAGIC {
            return Err(DecodeError::NotLumivault(what));
        }
        let version = r.u16()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { what, version });
        }
        let number = r.u8()?;
        let object_type =
            ObjectType::from_number(number).ok_or(DecodeError::WrongType { what, found: number })?;
        let method = r.u8()?;
        if method != 0 {
            return Err(DecodeError::UnsupportedFeature {
                what,
                feature: format!("key-method-{method}"),
            });
        }
        Ok(Self {
            object_type,
            epoch: r.u32()?,
            archive: ArchiveId::from_bytes(r.array()?),
        })
    }
}
