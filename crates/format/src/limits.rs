//! Upper bounds of everything that is decoded, with the reasons in docs/format.md §14.

/// Plaintext bytes of a chunk.
pub const CHUNK_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Bytes of a pack file.
pub const PACK_BYTES_MAX: u32 = 128 * 1024 * 1024;
/// Entries of one pack.
pub const PACK_ENTRIES_MAX: u32 = 262_144;
/// Bytes of a sealed object (config, index, snapshot, …) as stored.
pub const SEALED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Chunk entries of one index object.
pub const INDEX_ENTRIES_MAX: u32 = 1_500_000;
/// Nested folders.
pub const TREE_DEPTH_MAX: usize = 256;
/// Bytes of one file name.
pub const NAME_BYTES_MAX: usize = 1024;
/// Bytes of a symbolic link's target.
pub const TARGET_BYTES_MAX: usize = 65_536;
/// Typed extra fields of one entry.
pub const EXTRAS_MAX: u64 = 1024;
/// Bytes of all extra fields of one entry.
pub const EXTRAS_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a content: file offsets are signed.
pub const CONTENT_BYTES_MAX: u64 = i64::MAX.cast_unsigned();
/// Extents of a content: no tree chunk holds as many unless holes follow holes, which would be one hole.
pub const EXTENTS_MAX: u64 = 1_048_576;
/// Key slots of a repository.
pub const KEY_SLOTS_MAX: usize = 16;
/// Epochs of a keyring.
pub const EPOCHS_MAX: u16 = 1024;
/// Bytes of a key slot or epoch object.
pub const KEY_OBJECT_BYTES_MAX: u64 = 65_536;
/// Predecessors of a snapshot.
pub const PREDECESSORS_MAX: u64 = 64;
/// Warnings kept in a snapshot.
pub const WARNINGS_MAX: u64 = 1000;
/// Required features of one object, and bytes of a feature's name.
pub const FEATURES_MAX: u8 = 16;
/// Bytes of a feature's name.
pub const FEATURE_NAME_BYTES_MAX: u8 = 64;
/// Strings in a snapshot's lists (sources, excludes, tags), each.
pub const LIST_MAX: u64 = 10_000;
/// Parity shards of a pack: as many as the largest pack has shards.
pub const PARITY_SHARDS_MAX: u16 = 8192;
/// Bytes of a parity object: 8,192 shards, and two tables of hashes of twice as many.
pub const PARITY_BYTES_MAX: u64 = 129 * 1024 * 1024;
/// Parity of a pack in percent of its size, as it can be asked for.
pub const PARITY_PERCENT_MAX: u8 = 50;
/// By how much listings may lag at the most: whoever deletes waits for several times as long.
pub const LISTING_DELAY_SECONDS_MAX: u32 = 3600;
