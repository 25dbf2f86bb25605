use lumivault_format::{Counts, Scope, SnapshotTime, TreeDigest};

use super::*;
use crate::testing::repository;

#[test]
fn a_record_that_reads_back_as_another_snapshot_is_not_committed() {
    let (repository, _) = repository("snapshots: read-back");
    let snapshot = |phone: &str| Snapshot {
        time: SnapshotTime::instant(1_778_760_000, 0, 7_200).unwrap(),
        phone: phone.into(),
        host: "desk".into(),
        tool: "test".into(),
        sources: Vec::new(),
        scope: Scope::default(),
        tags: Vec::new(),
        predecessors: Vec::new(),
        root: vec![0, 0],
        root_stat: Vec::new(),
        counts: Counts::default(),
        warnings: Vec::new(),
        warnings_total: 0,
        config_generation: 1,
        config: repository.config_name(),
        digest: TreeDigest::from_bytes([1; 32]),
        written_unix_seconds: 1_778_760_000,
    };
    let (meant, other) = (snapshot("Lumia 950"), snapshot("Lumia 650"));
    let record = other.encode_salted([3; 16]);
    let refused = repository.commit_record(&meant, &record);
    assert!(matches!(refused, Err(Error::Snapshot(_))), "{refused:?}");
    assert!(repository.snapshots().unwrap().found.is_empty());
    repository.commit_record(&other, &record).unwrap();
    assert_eq!(repository.snapshots().unwrap().found[0].snapshot, other);
}
