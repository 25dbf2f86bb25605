//! Ids are types: the id of a chunk cannot be taken for that of a snapshot. See docs/format.md §6, §8.2, §9.

use std::fmt;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Wraps the bytes of an id.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }
    };
}

id_type! {
    /// Names an archive; all its copies share it.
    ArchiveId, 16
}
id_type! {
    /// Names one place that holds a copy of an archive.
    ReplicaId, 16
}
id_type! {
    /// Names a key slot over all its generations.
    SlotId, 16
}
id_type! {
    /// Names a session over all its objects.
    SessionId, 16
}
id_type! {
    /// Keyed BLAKE3-256 of a chunk's plaintext, under the data or the tree key.
    ChunkId, 32
}
id_type! {
    /// Names a file's content whatever chunks or bundles it lies in.
    ContentId, 32
}
id_type! {
    /// Tells equal folders whatever their times.
    TreeDigest, 32
}
id_type! {
    /// Keyed hash of a snapshot's plaintext.
    SnapshotId, 32
}

impl ContentId {
    /// The content of no bytes.
    pub const EMPTY: Self = Self([0; 32]);
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The letters for the digits 0 to f; see docs/format.md §9.
const LETTERS: [char; 16] = [
    'z', 'y', 'x', 'w', 'v', 'u', 't', 's', 'r', 'q', 'p', 'o', 'n', 'm', 'l', 'k',
];

impl SnapshotId {
    /// All 64 letters.
    pub fn to_letters(self) -> String {
        let letter = |digit: u8| LETTERS.get(usize::from(digit)).copied().unwrap_or('?');
        self.0
            .iter()
            .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
            .collect()
    }

    /// Whether the id's letters begin with `prefix`.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.to_letters().starts_with(prefix)
    }
}

/// The first eight letters, which is what people see; as many as `{:.N}` asks for otherwise.
impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = f.precision().unwrap_or(8);
        self.to_letters()
            .chars()
            .take(count)
            .try_for_each(|letter| write!(f, "{letter}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshot_ids_look_like_no_date() {
        let id = SnapshotId::from_bytes(std::array::from_fn(|i| if i == 0 { 0x0f } else { 0x2a }));
        assert_eq!(id.to_string(), "zkxpxpxp");
        assert_eq!(format!("{id:.3}"), "zkx");
        assert!(id.has_prefix("zkxp") && !id.has_prefix("k"));
        assert_eq!(id.to_letters().len(), 64);
    }
}
