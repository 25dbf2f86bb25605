use super::*;
use crate::testing::{self, repository};

/// A snapshot of nothing, the same whenever it was written but for its tree.
fn snapshot(repository: &Repository, number: u8, written: i64, predecessors: &[SnapshotId]) -> Snapshot {
    let nothing = testing::snapshot(number, repository.config_name());
    Snapshot {
        predecessors: predecessors.to_vec(),
        written_unix_seconds: nothing.written_unix_seconds + written,
        ..nothing
    }
}

#[test]
fn a_record_that_reads_back_as_another_snapshot_is_not_committed() {
    let (repository, _) = repository("snapshots: read-back");
    let [meant, other] = [1, 2].map(|number| snapshot(&repository, number, 0, &[]));
    let record = other.encode_salted([3; 16]);
    let refused = repository.commit_record(&meant, &record);
    assert!(matches!(refused, Err(Error::Snapshot(_))), "{refused:?}");
    assert!(repository.snapshots().unwrap().found.is_empty());
    repository.commit_record(&other, &record).unwrap();
    assert_eq!(repository.snapshots().unwrap().found[0].snapshot, other);
}

#[test]
fn snapshots_of_one_time_come_in_the_order_in_which_they_were_written() {
    let (repository, _) = repository("snapshots: order");
    let commit = |number, written, predecessors: &[SnapshotId]| {
        let snapshot = snapshot(&repository, number, written, predecessors);
        repository.commit_snapshot(&snapshot).unwrap().id
    };
    let mut expected = vec![commit(0, 5, &[])];
    for number in 1..6 {
        // Within one second who names another comes after it; ids are as good as random.
        expected.push(commit(number, 5, &expected[expected.len() - 1..]));
    }
    expected.push(commit(6, 6, &[]));
    expected.insert(0, commit(7, 4, &[]));
    let found = repository.snapshots().unwrap().found;
    let ids: Vec<_> = found.iter().map(|stored| stored.id).collect();
    assert_eq!(ids, expected);
    assert!(found.is_sorted_by(|one, next| one.rank < next.rank));
}
