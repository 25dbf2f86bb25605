//! The bytes of a lumivault repository.
//!
//! Everything here encodes and decodes; nothing here does I/O, holds keys or reads the clock. Decoders never
//! panic and never allocate more than the limits in [`limits`] allow. The normative description of the bytes is
//! `docs/format.md`; comments point to its sections.

#![cfg_attr(test, allow(clippy::cast_possible_truncation, clippy::cast_sign_loss))]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

mod annotation;
mod cbor;
mod coordination;
mod error;
mod header;
mod id;
mod index;
mod keyslot;
pub mod limits;
mod name;
mod pack;
mod parity;
mod sealed;
mod time;
pub mod tree;
pub mod wire;

pub use annotation::{Annotation, AnnotationKind};
pub use cbor::{CategoryCount, Config, Counts, Scope, SlotInfo, Snapshot, Source, Warning};
pub use coordination::{Mark, Revocation, SessionKind, SessionRecord};
pub use error::DecodeError;
pub use header::{HEADER_BYTES, Header, ObjectType};
pub use id::{ArchiveId, ChunkId, ContentId, ReplicaId, SessionId, SlotId, SnapshotId, TreeDigest};
pub use index::{ChunkKind, Index, IndexedPack};
pub use keyslot::{EpochBox, KdfParams, KeySlot, KeyringTable, SlotKind, decode_keyring, encode_keyring};
pub use name::{ObjectId, ObjectKind, ObjectName};
pub use pack::{
    Codec, DIRECTORY_ENTRY_BYTES, DIRECTORY_SLOT, PACK_PREFIX_BYTES, PACK_TRAILER_BYTES, PackEntry,
    PackTrailer, TAG_BYTES, TRAILER_SLOT, decode_directory, decode_pack_salt, encode_directory,
    encode_pack_prefix, pack_box_ad, pack_entry_ad,
};
pub use parity::{
    COPY_PREFIX_BYTES, CopyHead, PARITY_FIELDS_BYTES, PARITY_HEAD_BYTES, PARITY_SHARD_BYTES,
    PARITY_TABLE_OFFSET, PackParity, ParityHead, ParityTable, SHARD_HASH_BYTES, parity_header,
};
pub use sealed::{SEALED_PREFIX_BYTES, pad_body, padme, unpad_body};
pub use time::{CivilDate, CivilPeriod, CivilTime, Precision, SnapshotTime, TimeError};
