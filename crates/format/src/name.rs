//! Object names: the place of every stored object follows from its kind and the hash of its bytes.
//! See docs/format.md §2.

use std::fmt;

/// What an object is; decides its folder. See docs/format.md §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// The archive's authenticated parameters, one object per generation.
    Config,
    /// A way in: the keyring wrapped under a passphrase or a raw key.
    KeySlot,
    /// A newer epoch key, wrapped to one key slot's public key.
    Epoch,
    /// Chunks in bulk, of data or of trees.
    Pack,
    /// Where chunks lie in packs.
    Index,
    /// One dated state of a phone; writing it is the commit.
    Snapshot,
    /// A later fact about a snapshot: tag, pin, tombstone.
    Annotation,
    /// A running backup (reserved for concurrent pruning).
    Session,
    /// Packs about to be removed (reserved).
    Mark,
    /// A session that is no longer waited for (reserved).
    Revocation,
    /// Parity of one pack, or a copy of one small object.
    Parity,
}

impl ObjectKind {
    /// Every kind, in the order of their numbers in the format.
    pub const ALL: [Self; 11] = [
        Self::Config,
        Self::KeySlot,
        Self::Epoch,
        Self::Pack,
        Self::Index,
        Self::Snapshot,
        Self::Annotation,
        Self::Session,
        Self::Mark,
        Self::Revocation,
        Self::Parity,
    ];

    /// The folder below the repository's root that holds objects of this kind.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::KeySlot => "keys",
            Self::Epoch => "epochs",
            Self::Pack => "packs",
            Self::Index => "index",
            Self::Snapshot => "snapshots",
            Self::Annotation => "notes",
            Self::Session => "sessions",
            Self::Mark => "marks",
            Self::Revocation => "revoked",
            Self::Parity => "parity",
        }
    }

    /// Whether objects lie one folder deeper, named by the first two digits of the name. FAT32 holds about
    /// 10,000 such names in one folder, and only packs and their parity can become that many.
    pub const fn fan_out(self) -> bool {
        matches!(self, Self::Pack | Self::Parity)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::KeySlot => "key slot",
            Self::Epoch => "epoch",
            Self::Pack => "pack",
            Self::Index => "index",
            Self::Snapshot => "snapshot",
            Self::Annotation => "annotation",
            Self::Session => "session",
            Self::Mark => "mark",
            Self::Revocation => "revocation",
            Self::Parity => "parity",
        })
    }
}

/// The name of a stored object: unkeyed BLAKE3-256 of all its bytes as stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName([u8; 32]);

impl ObjectName {
    /// Takes the hash of an object's bytes as its name.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the name.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads exactly 64 lowercase hexadecimal digits; anything else is no name.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let [high, low] = *pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(bytes))
    }

    /// The file name: 64 lowercase hexadecimal digits.
    pub fn to_hex(self) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or('?');
        self.0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}

fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => c.checked_sub(b'0'),
        b'a'..=b'f' => c.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One stored object: its kind and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// What it is.
    pub kind: ObjectKind,
    /// The hash of its bytes.
    pub name: ObjectName,
}

impl ObjectId {
    /// The path below the repository's root, with `/` between components.
    pub fn path(&self) -> String {
        let hex = self.name.to_hex();
        if self.kind.fan_out() {
            let prefix = hex.get(..2).unwrap_or_default();
            format!("{}/{prefix}/{hex}", self.kind.folder())
        } else {
            format!("{}/{hex}", self.kind.folder())
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_reject_everything_else() {
        let name = ObjectName::from_bytes(std::array::from_fn(|i| (i * 7) as u8));
        assert_eq!(ObjectName::from_hex(&name.to_hex()), Some(name));
        let upper = name.to_hex().to_uppercase();
        for bad in [
            "",
            "00",
            &upper,
            &name.to_hex()[1..],
            &format!("{name}0"),
            &"g".repeat(64),
        ] {
            assert_eq!(ObjectName::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn packs_fan_out() {
        let name = ObjectName::from_bytes([0xab; 32]);
        assert_eq!(
            ObjectId {
                kind: ObjectKind::Pack,
                name
            }
            .path(),
            format!("packs/ab/{}", "ab".repeat(32))
        );
        assert_eq!(
            ObjectId {
                kind: ObjectKind::Index,
                name
            }
            .path(),
            format!("index/{}", "ab".repeat(32))
        );
    }
}
