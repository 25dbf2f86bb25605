//! Snapshots without what is lost, in the place of those that lack it. The new one is there before the damaged one goes.

use std::sync::Arc;

use lumivault_format::tree::FolderRef;
use lumivault_format::{AnnotationKind, ObjectId, ObjectKind, Snapshot, SnapshotId, Warning, limits};

use super::super::rewrite::{Rewritten, rewrite};
use super::super::{set_aside, tick};
use super::{ReplacedSnapshot, Work};
use crate::forget::Facts;
use crate::session::Session;
use crate::{ChunkIndex, ChunkWriter, Compression, Error, StoredSnapshot, TreeReader, WriterOptions};

const OPTIONS: WriterOptions = WriterOptions {
    compression: Compression::Level(3),
    threads: 1,
    dry_run: false,
};
/// The program, as snapshots record it.
const TOOL: &str = concat!("lumivault ", env!("CARGO_PKG_VERSION"));

impl Work<'_> {
    pub(super) fn replace(&mut self, index: &Arc<ChunkIndex>) -> Result<(), Error> {
        self.phase("writing snapshots without what is lost");
        let affected = &self.report.affected_snapshots;
        let mut damaged = self.repository.snapshots()?.found;
        damaged.retain(|stored| affected.contains(&stored.id));
        let rewritten = self.rewrite(&damaged, index)?;
        for (stored, tree) in damaged.iter().zip(rewritten) {
            tick(self.repository, self.session)?;
            // The storage failed for a moment when it was checked.
            if !tree.changed {
                continue;
            }
            let by = match self.session {
                Some(session) => Some(self.replace_one(session, stored, &tree)?),
                None => None,
            };
            self.report.replaced.push(ReplacedSnapshot {
                damaged: stored.id,
                by,
                lost: tree.lost_total,
            });
        }
        Ok(())
    }

    /// The trees, durable and listed.
    fn rewrite(&self, damaged: &[StoredSnapshot], index: &Arc<ChunkIndex>) -> Result<Vec<Rewritten>, Error> {
        let reader = TreeReader::new(self.repository, index);
        let writer = match self.session {
            Some(_) => Some(ChunkWriter::new(self.repository, Arc::clone(index), OPTIONS)?),
            None => None,
        };
        let trees = damaged.iter().map(|stored| {
            let root = &stored.snapshot.root;
            rewrite(self.repository, self.session, &reader, writer.as_ref(), root)
        });
        let trees = trees.collect::<Result<Vec<_>, _>>()?;
        if let Some(writer) = writer {
            writer.finish()?;
        }
        Ok(trees)
    }

    fn replace_one(
        &self,
        session: &Session<'_>,
        damaged: &StoredSnapshot,
        tree: &Rewritten,
    ) -> Result<SnapshotId, Error> {
        let snapshot = self.without_lost(damaged, tree);
        let all = self.repository.snapshots()?.found;
        // An interrupted run may have come as far as this.
        let earlier = all.iter().find(|stored| {
            let is = &stored.snapshot;
            is.predecessors == snapshot.predecessors && is.root == snapshot.root && is.scope.incomplete
        });
        let new = match earlier {
            Some(stored) => stored.clone(),
            None => self.repository.commit_snapshot(&snapshot)?,
        };
        let id = new.id;
        let mut facts = Facts::read(self.repository, &self.holder.host)?.complete()?;
        // Committed while somebody took this session for dead, it may rely on what was removed meanwhile.
        if let Err(error) = session.check() {
            facts.add(&new, AnnotationKind::Tombstone, "never completed")?;
            return Err(error);
        }
        let state = facts.state(&damaged.id);
        if state.pinned && !facts.state(&id).pinned {
            facts.add(&new, AnnotationKind::Pin, "")?;
        }
        if state.forgotten.is_some() && !state.removal_begun && facts.state(&id).forgotten.is_none() {
            facts.add(&new, AnnotationKind::Tombstone, "")?;
        }
        self.remove(damaged, facts)?;
        Ok(id)
    }

    /// Removes the damaged snapshot by the rules, except that its record is kept aside.
    fn remove(&self, damaged: &StoredSnapshot, mut facts: Facts<'_>) -> Result<(), Error> {
        let state = facts.state(&damaged.id);
        if state.pinned {
            facts.add(damaged, AnnotationKind::Unpin, "")?;
        }
        if state.forgotten.is_none() {
            facts.add(damaged, AnnotationKind::Tombstone, "something in it is lost")?;
        }
        if !state.removal_begun {
            facts.add(damaged, AnnotationKind::Removal, "something in it is lost")?;
        }
        // As prune does: whoever revives it sees the removal, or is seen here.
        self.repository.settle_twice()?;
        let facts = Facts::read(self.repository, &self.holder.host)?.complete()?;
        // Brought back at this moment; whoever did that is told that it came too late, and the next run removes it.
        if facts.state(&damaged.id).forgotten.is_none() {
            return Ok(());
        }
        let id = ObjectId {
            kind: ObjectKind::Snapshot,
            name: damaged.object,
        };
        set_aside(self.repository, &id)
    }

    fn without_lost(&self, damaged: &StoredSnapshot, tree: &Rewritten) -> Snapshot {
        let old = &damaged.snapshot;
        let mut warnings: Vec<Warning> = tree.lost.clone();
        warnings.extend(old.warnings.iter().cloned());
        warnings.truncate(usize::try_from(limits::WARNINGS_MAX).unwrap_or(usize::MAX));
        let mut scope = old.scope.clone();
        scope.incomplete = true;
        Snapshot {
            tool: TOOL.into(),
            scope,
            tags: damaged.tags.clone(),
            predecessors: vec![damaged.id],
            root: encoded(&tree.root),
            counts: tree.counts.clone(),
            warnings,
            warnings_total: old.warnings_total.saturating_add(tree.lost_total),
            config_generation: self.repository.config().generation,
            config: self.repository.config_name(),
            digest: tree.digest,
            written_unix_seconds: self.repository.environment().clock.now().0,
            ..old.clone()
        }
    }
}

fn encoded(reference: &FolderRef) -> Vec<u8> {
    let mut out = Vec::new();
    reference.encode(&mut out);
    out
}
