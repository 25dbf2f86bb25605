//! What the threads of a run share: which chunks are claimed, which packs await the index, and whether it failed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Receiver;
use lumivault_format::{ArchiveId, ChunkId, ChunkKind, Index, IndexedPack, ObjectType};

use super::dealer::Dealer;
use super::open_pack::{OpenPack, PackContext};
use super::run::Failure;
use super::writer::WriterOptions;
use crate::backend::Backend;
use crate::index::ChunkIndex;
use crate::parity::{self, Storing};
use crate::repository::Secrets;
use crate::seal::seal_object;
use crate::{Environment, Error};

/// Index objects are written after this many chunks, so that an interrupted run leaves little to adopt, memory stays
/// bounded, and an index object stays far below its limit.
const FLUSH_ENTRIES: usize = 100_000;
/// Packs between two index objects at most: about 2 GiB.
const FLUSH_PACKS: usize = 64;
/// Shards of the claimed chunks, so that threads seldom wait for one another.
pub(super) const SHARDS: usize = 16;

/// Everything the worker threads and the publishing thread share.
pub(super) struct Shared {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) archive: ArchiveId,
    pub(super) env: Environment,
    pub(super) index: Arc<ChunkIndex>,
    /// Parity of each pack in percent of its size; 0: none.
    pub(super) parity_percent: u8,
    pub(super) options: WriterOptions,
    pub(super) dealers: [Dealer; 2],
    /// Chunks of this run that the index does not list yet.
    pub(super) claimed: Vec<Mutex<HashSet<ChunkId>>>,
    /// Chunks that this run took over from other packs.
    pub(super) copied: Mutex<HashSet<ChunkId>>,
    pub(super) unindexed: Mutex<Vec<IndexedPack>>,
    pub(super) failure: Failure,
    pub(super) totals: Totals,
}

#[derive(Default)]
pub(super) struct Totals {
    pub(super) chunks: AtomicU64,
    pub(super) data_chunks: AtomicU64,
    pub(super) plain: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) packs: AtomicU64,
    pub(super) file: AtomicU64,
}

impl Totals {
    pub(super) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn context(&self) -> PackContext<'_> {
        PackContext {
            backend: self.backend.as_ref(),
            secrets: &self.secrets,
            archive: self.archive,
            env: &self.env,
        }
    }

    pub(super) fn dealer(&self, kind: ChunkKind) -> &Dealer {
        let [data, tree] = &self.dealers;
        match kind {
            ChunkKind::Data => data,
            ChunkKind::Tree => tree,
        }
    }

    fn shard(&self, id: &ChunkId) -> &Mutex<HashSet<ChunkId>> {
        &self.claimed[usize::from(id.as_bytes()[0]) % SHARDS]
    }

    /// Whether a chunk is claimed or listed. In this order: chunks move from the claimed ones to the index.
    pub(super) fn is_known(&self, id: &ChunkId) -> bool {
        lock(self.shard(id)).contains(id) || self.index.share(id)
    }

    /// Claims a chunk for this run; `false` if it is known already. A chunk may have moved from the claimed ones to the
    /// index since the caller looked there, so this looks again.
    pub(super) fn claim(&self, id: ChunkId) -> bool {
        let claimed = lock(self.shard(&id)).insert(id);
        if claimed && self.index.share(&id) {
            lock(self.shard(&id)).remove(&id);
            return false;
        }
        claimed
    }

    /// Claims a chunk that is stored elsewhere for this run; `false` if this run has it already.
    pub(super) fn claim_copy(&self, id: ChunkId) -> bool {
        lock(&self.copied).insert(id)
    }

    /// Runs on a publishing thread until the channel closes. After a failure packs are only taken and dropped, so that
    /// nobody waits for room in the channel.
    pub(super) fn publish_all(&self, receive: &Receiver<OpenPack>) {
        for pack in receive {
            if self.failure.is_set() {
                continue;
            }
            if let Err(error) = self.publish_one(pack) {
                self.failure.note(error);
            }
        }
    }

    fn publish_one(&self, pack: OpenPack) -> Result<(), Error> {
        let pack = pack.publish(self.context())?;
        Totals::add(&self.totals.packs, 1);
        Totals::add(&self.totals.file, pack.size.into());
        if self.parity_percent > 0 {
            let (backend, percent) = (self.backend.as_ref(), self.parity_percent);
            let bytes = parity::store_parity(backend, &self.archive, pack.name, pack.size, percent)?;
            Totals::add(&self.totals.file, bytes);
        }
        self.list_in_index(pack)
    }

    /// Notes a durable pack for the next index object, and writes that once it is large enough.
    pub(super) fn list_in_index(&self, pack: IndexedPack) -> Result<(), Error> {
        let due = {
            let mut unindexed = lock(&self.unindexed);
            unindexed.push(pack);
            unindexed.len() >= FLUSH_PACKS
                || unindexed.iter().map(|p| p.entries.len()).sum::<usize>() >= FLUSH_ENTRIES
        };
        if due { self.flush_index() } else { Ok(()) }
    }

    /// Writes an index object for the packs that none lists yet, and moves their chunks from memory to the index.
    pub(super) fn flush_index(&self) -> Result<(), Error> {
        let packs = std::mem::take(&mut *lock(&self.unindexed));
        if packs.is_empty() {
            return Ok(());
        }
        let index = Index {
            packs,
            replaces: Vec::new(),
        };
        let object = seal_object(
            &self.secrets.keyring,
            &self.archive,
            ObjectType::Index,
            &index.encode(),
            &self.env,
        )?;
        let storing = Storing {
            backend: self.backend.as_ref(),
            copied: self.parity_percent > 0,
        };
        let name = storing.store(ObjectType::Index, &object)?;
        Totals::add(&self.totals.file, u64::try_from(object.len()).unwrap_or(0));
        self.index.add(name, &index)?;
        for entry in index.packs.iter().flat_map(|pack| &pack.entries) {
            lock(self.shard(&entry.id)).remove(&entry.id);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
