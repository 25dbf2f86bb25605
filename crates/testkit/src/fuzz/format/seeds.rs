//! Values that valid encodings are made of.

use lumivault_format::{ArchiveId, ChunkId, Header, ObjectName, ObjectType, SnapshotId};

pub(super) const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xA7; 16]);

pub(super) fn name(seed: u8) -> ObjectName {
    ObjectName::from_bytes([seed; 32])
}

pub(super) fn snapshot_id(seed: u8) -> SnapshotId {
    SnapshotId::from_bytes([seed; 32])
}

pub(super) fn chunk_id(seed: u8) -> ChunkId {
    ChunkId::from_bytes([seed; 32])
}

pub(super) fn header(object_type: ObjectType) -> [u8; 32] {
    Header {
        object_type,
        epoch: 3,
        archive: ARCHIVE,
    }
    .encode()
}
