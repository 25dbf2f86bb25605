//! The bodies of sealed objects: CBOR records.

use lumivault_format::{
    Annotation, AnnotationKind, CategoryCount, Config, Counts, Mark, Precision, ReplicaId, Revocation, Scope,
    SessionId, SessionKind, SessionRecord, Snapshot, SnapshotTime, Source, TreeDigest, Warning,
};

use super::seeds::{ARCHIVE, name, snapshot_id};
use crate::fuzz::{Target, round_trip, times};

pub(super) const CONFIG: Target = Target {
    name: "config",
    seeds: || {
        let config = Config {
            archive: ARCHIVE,
            generation: 3,
            created_unix_seconds: 1_778_760_000,
            chunker: vec![1; 29],
            replica: ReplicaId::from_bytes([9; 16]),
            parity_percent: 5,
            listing_delay_seconds: 60,
        };
        let mut indefinite = config.encode();
        indefinite[0] = 0xbf;
        indefinite.push(0xff);
        vec![config.encode(), indefinite]
    },
    check: |bytes| round_trip(bytes, times(bytes, 2), Config::decode, Config::encode),
};

fn snapshot() -> Snapshot {
    Snapshot {
        time: SnapshotTime {
            unix_seconds: 1_778_760_000,
            nanoseconds: 5,
            utc_offset_seconds: 7200,
            precision: Precision::Instant,
        },
        phone: "Lumia 950".into(),
        host: "desk".into(),
        tool: "lumivault 0.1.0".into(),
        sources: vec![Source {
            label: b"phone".to_vec(),
            path: b"/mnt/phone".to_vec(),
        }],
        scope: Scope {
            excludes: vec!["*.tmp".into()],
            categories: vec![1, 6],
            incomplete: true,
        },
        tags: vec!["monthly".into(), "x".into()],
        predecessors: vec![snapshot_id(1), snapshot_id(2)],
        root: vec![0, 0],
        root_stat: vec![0, 0],
        counts: Counts {
            files: 3,
            folders: 2,
            others: 1,
            bytes: 70_000,
            new_bytes: 60_000,
            stored_bytes: 50_000,
            categories: vec![CategoryCount {
                category: 1,
                files: 3,
                bytes: 70_000,
            }],
        },
        warnings: vec![Warning {
            path: b"a/b".to_vec(),
            code: "unreadable".into(),
            message: "it cannot be read".into(),
        }],
        warnings_total: 1,
        config_generation: 3,
        config: name(3),
        digest: TreeDigest::from_bytes([4; 32]),
        written_unix_seconds: 1_778_760_001,
    }
}

/// Lists are bounded in number, and their items are small: a few MB for the longest, whatever follows.
const LISTS_BYTES: usize = 4 << 20;

pub(super) const SNAPSHOT: Target = Target {
    name: "snapshot",
    seeds: || {
        let many = 150_000;
        let tags = Snapshot {
            tags: vec![String::new(); many],
            ..snapshot()
        };
        let mut excludes = snapshot();
        excludes.scope.excludes = vec![String::new(); many];
        let mut sources = snapshot();
        sources.sources = vec![
            Source {
                label: Vec::new(),
                path: Vec::new()
            };
            many / 4
        ];
        let mut categories = snapshot();
        let none = CategoryCount {
            category: 0,
            files: 0,
            bytes: 0,
        };
        categories.counts.categories = vec![none; many / 4];
        let mut warnings = snapshot();
        let empty = Warning {
            path: Vec::new(),
            code: String::new(),
            message: String::new(),
        };
        warnings.warnings = vec![empty; many / 8];
        // A key that nobody knows, with something deep behind it.
        let mut unknown = snapshot().encode();
        unknown[0] += 1;
        unknown.extend([0x18, 99]);
        unknown.extend([0x82, 0x9f].repeat(40_000));
        [snapshot(), tags, excludes, sources, categories, warnings]
            .iter()
            .map(Snapshot::encode)
            .chain([unknown])
            .collect()
    },
    check: |bytes| {
        let bound = times(bytes, 80).min(times(bytes, 4) + LISTS_BYTES);
        round_trip(bytes, bound, Snapshot::decode, Snapshot::encode);
        if let Ok(snapshot) = Snapshot::decode(bytes) {
            let time = snapshot.time;
            let _ = (
                time.to_string(),
                time.rfc3339(),
                time.period().to_string(),
                time.validate(),
            );
        }
    },
};

pub(super) const ANNOTATION: Target = Target {
    name: "annotation",
    seeds: || {
        let annotation = |kind, predecessors: u8| Annotation {
            kind,
            snapshot: snapshot_id(9),
            text: "a remark".into(),
            unix_seconds: 1_778_760_000,
            nanoseconds: 7,
            host: "desk".into(),
            predecessors: (0..predecessors).map(snapshot_id).collect(),
        };
        vec![
            annotation(AnnotationKind::Note, 0).encode(),
            annotation(AnnotationKind::Tombstone, 64).encode(),
        ]
    },
    check: |bytes| round_trip(bytes, times(bytes, 8), Annotation::decode, Annotation::encode),
};

pub(super) const SESSION: Target = Target {
    name: "session",
    seeds: || {
        let session = |kind| SessionRecord {
            id: SessionId::from_bytes([7; 16]),
            kind,
            host: "attic".into(),
            process: 4711,
            began_unix_seconds: -5,
            refreshed_unix_seconds: i64::MAX,
            sequence: 3,
            has_read: true,
            marks_seen: vec![name(1)],
            indexes_seen: (2..40).map(name).collect(),
        };
        vec![
            session(SessionKind::Writer).encode(),
            session(SessionKind::Exclusive).encode(),
        ]
    },
    check: |bytes| {
        round_trip(
            bytes,
            times(bytes, 4),
            SessionRecord::decode,
            SessionRecord::encode,
        );
    },
};

pub(super) const MARK: Target = Target {
    name: "mark",
    seeds: || {
        let mark = Mark {
            unix_seconds: 1,
            nanoseconds: 2,
            host: "attic".into(),
            packs: (4..90).map(name).collect(),
        };
        vec![mark.encode()]
    },
    check: |bytes| round_trip(bytes, times(bytes, 4), Mark::decode, Mark::encode),
};

pub(super) const REVOCATION: Target = Target {
    name: "revocation",
    seeds: || {
        let revocation = Revocation {
            session: SessionId::from_bytes([9; 16]),
            unix_seconds: 3,
            host: "attic".into(),
        };
        vec![revocation.encode()]
    },
    check: |bytes| round_trip(bytes, times(bytes, 2), Revocation::decode, Revocation::encode),
};
