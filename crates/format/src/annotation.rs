//! Later facts about snapshots, which themselves never change. See docs/format.md §10.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::cbor::{bounded, decode, encode};
use crate::limits::PREDECESSORS_MAX;
use crate::{DecodeError, SnapshotId};

/// What an annotation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKind {
    /// The snapshot has this tag.
    TagAdded,
    /// The snapshot has this tag no more.
    TagRemoved,
    /// It must not be forgotten.
    Pin,
    /// It may be forgotten again.
    Unpin,
    /// It was forgotten.
    Tombstone,
    /// Another one took its place.
    Superseded,
    /// A remark.
    Note,
    /// It is forgotten no more.
    Revival,
    /// It was removed for good.
    Removal,
}

impl AnnotationKind {
    const ALL: [Self; 9] = [
        Self::TagAdded,
        Self::TagRemoved,
        Self::Pin,
        Self::Unpin,
        Self::Tombstone,
        Self::Superseded,
        Self::Note,
        Self::Revival,
        Self::Removal,
    ];

    fn number(self) -> u8 {
        let position = Self::ALL.iter().position(|k| *k == self).unwrap_or(0);
        u8::try_from(position).unwrap_or(0).saturating_add(1)
    }
}

/// A later fact about a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// What it says.
    pub kind: AnnotationKind,
    /// Of which snapshot.
    pub snapshot: SnapshotId,
    /// The tag or remark.
    pub text: String,
    /// When it was said, seconds since 1970.
    pub unix_seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: u32,
    /// By which machine.
    pub host: String,
    /// Of a tombstone: the predecessors of the snapshot, which keep the chain walkable. Of others nothing is kept.
    pub predecessors: Vec<SnapshotId>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct AnnotationRecord {
    #[n(0)]
    kind: u8,
    #[n(1)]
    snapshot: ByteArray<32>,
    #[n(2)]
    text: String,
    #[n(3)]
    unix_seconds: i64,
    #[n(4)]
    nanoseconds: u32,
    #[n(5)]
    host: String,
    #[n(6)]
    predecessors: Option<Vec<ByteArray<32>>>,
}

impl Annotation {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        let array = |id: &SnapshotId| ByteArray::from(*id.as_bytes());
        let predecessors = || self.predecessors.iter().map(array).collect();
        encode(&AnnotationRecord {
            kind: self.kind.number(),
            snapshot: (*self.snapshot.as_bytes()).into(),
            text: self.text.clone(),
            unix_seconds: self.unix_seconds,
            nanoseconds: self.nanoseconds,
            host: self.host.clone(),
            predecessors: (self.kind == AnnotationKind::Tombstone).then(predecessors),
        })
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let r: AnnotationRecord = decode(bytes, "annotation")?;
        let kind = AnnotationKind::ALL
            .into_iter()
            .find(|kind| kind.number() == r.kind)
            .ok_or(DecodeError::Invalid("annotation", "it is of an unknown kind"))?;
        // Old tombstones have none; other kinds have none by §10.
        let predecessors = match kind {
            AnnotationKind::Tombstone => r.predecessors.unwrap_or_default(),
            _ => Vec::new(),
        };
        bounded("annotation", predecessors.len(), PREDECESSORS_MAX)?;
        let id = |bytes: ByteArray<32>| SnapshotId::from_bytes(*bytes);
        Ok(Self {
            kind,
            snapshot: SnapshotId::from_bytes(*r.snapshot),
            text: r.text,
            unix_seconds: r.unix_seconds,
            nanoseconds: r.nanoseconds,
            host: r.host,
            predecessors: predecessors.into_iter().map(id).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(kind: AnnotationKind, predecessors: usize) -> Annotation {
        let id = |number: usize| SnapshotId::from_bytes([u8::try_from(number % 256).unwrap(); 32]);
        Annotation {
            kind,
            snapshot: id(255),
            text: "text".into(),
            unix_seconds: -1,
            nanoseconds: 5,
            host: "desk".into(),
            predecessors: (0..predecessors).map(id).collect(),
        }
    }

    #[test]
    fn kinds_have_the_numbers_of_the_document() {
        let numbers: Vec<u8> = AnnotationKind::ALL.iter().map(|kind| kind.number()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(AnnotationKind::Tombstone.number(), 5);
        assert_eq!(AnnotationKind::Note.number(), 7);
        assert_eq!(AnnotationKind::Revival.number(), 8);
        assert_eq!(AnnotationKind::Removal.number(), 9);
    }

    #[test]
    fn tombstones_alone_keep_predecessors() {
        for kind in AnnotationKind::ALL {
            let written = annotation(kind, 3);
            let mut expected = written.clone();
            if kind != AnnotationKind::Tombstone {
                expected.predecessors.clear();
            }
            let encoded = written.encode();
            assert_eq!(Annotation::decode(&encoded).unwrap(), expected);
            // A map of six pairs, or of seven.
            let pairs = if kind == AnnotationKind::Tombstone {
                0xa7
            } else {
                0xa6
            };
            assert_eq!(encoded[0], pairs, "{kind:?}");
        }
    }

    #[test]
    fn predecessors_are_bounded_and_may_be_absent() {
        let first = annotation(AnnotationKind::Tombstone, 0);
        assert_eq!(Annotation::decode(&first.encode()).unwrap(), first);
        let most = annotation(AnnotationKind::Tombstone, 64);
        assert_eq!(Annotation::decode(&most.encode()).unwrap(), most);
        let decoded = Annotation::decode(&annotation(AnnotationKind::Tombstone, 65).encode());
        assert!(matches!(decoded, Err(DecodeError::TooLarge { value: 65, .. })));
        // As a program wrote it that did not know key 6: the same bytes as of another kind.
        let mut old = annotation(AnnotationKind::Pin, 0).encode();
        let kind = old
            .iter()
            .position(|byte| *byte == AnnotationKind::Pin.number())
            .unwrap();
        old[kind] = AnnotationKind::Tombstone.number();
        assert_eq!(Annotation::decode(&old).unwrap(), first);
    }

    #[test]
    fn unknown_kinds_are_refused() {
        let mut bytes = annotation(AnnotationKind::Removal, 0).encode();
        assert_eq!(bytes[2], 9);
        bytes[2] = 10;
        assert!(matches!(
            Annotation::decode(&bytes),
            Err(DecodeError::Invalid(..))
        ));
    }
}
