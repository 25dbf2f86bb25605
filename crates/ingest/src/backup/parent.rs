//! Where a new snapshot stands among those there are: what it is compared with, and what it follows.

use std::collections::HashSet;

use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::{SnapshotId, limits};

use super::{BackupRequest, Input, sources};

/// What stands for the path of a stream.
pub(super) const STREAM_PATH: &[u8] = b"-";

/// The snapshot to compare with: not a forgotten one, whose content is about to go; of the same phone (of any, if it has
/// none yet); of the same sources if possible, as only there files may be found unchanged; an end of the chain, as
/// snapshots of one second have no other order; the one written last.
pub(super) fn parent_of<'s>(
    snapshots: &'s [StoredSnapshot],
    request: &BackupRequest<'_>,
) -> Option<&'s StoredSnapshot> {
    let paths = source_paths(&request.input);
    let live = || snapshots.iter().filter(|s| s.is_live());
    let heads: HashSet<SnapshotId> = heads(live()).into_iter().collect();
    let same_phone = live().any(|s| s.snapshot.phone == request.phone);
    live()
        .filter(|s| !same_phone || s.snapshot.phone == request.phone)
        .max_by_key(|s| {
            let same = s
                .snapshot
                .sources
                .iter()
                .map(|source| &source.path)
                .eq(paths.iter());
            (
                same,
                heads.contains(&s.id),
                s.snapshot.written_unix_seconds,
                s.snapshot.time.unix_seconds,
                s.id,
            )
        })
}

fn source_paths(input: &Input<'_>) -> Vec<Vec<u8>> {
    match input {
        Input::Sources(specs) => specs.iter().map(|spec| sources::full_path(&spec.path)).collect(),
        Input::Stream { .. } => vec![STREAM_PATH.to_vec()],
    }
}

/// What this machine's cache files the fingerprints under.
pub(super) fn cache_name(request: &BackupRequest<'_>) -> Vec<u8> {
    let mut name = request.phone.clone().into_bytes();
    for path in source_paths(&request.input) {
        name.push(0);
        name.extend_from_slice(&path);
    }
    name
}

/// Snapshots that no other names as its predecessor: the ends of the chain. Forgotten ones belong to it as long as they
/// are there.
pub(super) fn heads<'s>(snapshots: impl IntoIterator<Item = &'s StoredSnapshot>) -> Vec<SnapshotId> {
    let snapshots: Vec<&StoredSnapshot> = snapshots.into_iter().collect();
    let named: HashSet<&SnapshotId> = snapshots.iter().flat_map(|s| &s.snapshot.predecessors).collect();
    let mut heads = snapshots.clone();
    heads.retain(|s| !named.contains(&s.id));
    heads.sort_by_key(|s| std::cmp::Reverse((s.snapshot.written_unix_seconds, s.id)));
    heads.truncate(usize::try_from(limits::PREDECESSORS_MAX).unwrap_or(64));
    heads.into_iter().map(|s| s.id).collect()
}
