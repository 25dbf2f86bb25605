//! Storing chunks: known ones are recognised, new ones are encoded, dealt to packs, verified, published and indexed.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use lumivault_format::{ChunkId, ChunkKind, PackEntry, limits};

use super::FULL_BYTES_MIN;
use super::dealer::Dealer;
use super::open_pack::OpenPack;
use super::run::Failure;
use super::shared::{SHARDS, Shared, Totals};
use crate::codec::{self, Compression, CompressionHint};
use crate::index::ChunkIndex;
use crate::keys::keyed_hash;
use crate::{Error, Repository};

/// How chunks are stored.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// How hard to compress.
    pub compression: Compression,
    /// Worker threads that will call [`ChunkWriter::store`].
    pub threads: usize,
    /// Store nothing, only find out what would be new.
    pub dry_run: bool,
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: ChunkId,
    /// Whether it was not in the repository before.
    pub new: bool,
}

/// What a run added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// New chunks.
    pub chunks: u64,
    /// Those of them that are data.
    pub data_chunks: u64,
    /// Their plaintext bytes.
    pub plain_bytes: u64,
    /// Their stored bytes, before padding.
    pub stored_bytes: u64,
    /// Packs published.
    pub packs: u64,
    /// Bytes of packs and index objects published.
    pub file_bytes: u64,
}

impl WriteSummary {
    /// What two runs added together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            chunks: self.chunks + other.chunks,
            data_chunks: self.data_chunks + other.data_chunks,
            plain_bytes: self.plain_bytes + other.plain_bytes,
            stored_bytes: self.stored_bytes + other.stored_bytes,
            packs: self.packs + other.packs,
            file_bytes: self.file_bytes + other.file_bytes,
        }
    }
}

/// Stores chunks. [`ChunkWriter::store`] may be called from many threads; [`ChunkWriter::finish`] makes everything
/// durable and listed. Dropping the writer instead discards what was not published.
///
/// The first error ends the run: every later call fails too, whichever thread was told of the first.
pub struct ChunkWriter {
    shared: Arc<Shared>,
    publish: Option<Sender<OpenPack>>,
    publishers: Vec<JoinHandle<()>>,
}

/// Publishing alternates between the processor (reading back) and the disk (syncing); two threads keep both busy.
const PUBLISHERS: usize = 2;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
/// Buffers larger than this are given back after use: most chunks are small.
const KEPT_BUFFER_BYTES: usize = 2 * 1024 * 1024;

impl ChunkWriter {
    /// Prepares a run: finishes an interrupted change of keys, so that every key slot can read what is written; adopts
    /// packs that an interrupted run left without an index.
    pub fn new(
        repository: &Repository,
        index: Arc<ChunkIndex>,
        options: WriterOptions,
    ) -> Result<Self, Error> {
        let writer = Self::start(repository, index, options)?;
        if !options.dry_run {
            repository.complete_epochs()?;
        }
        writer.shared.survey_packs()?;
        Ok(writer)
    }

    /// Prepares a run that moves stored chunks into new packs, see [`Self::copy`].
    pub(crate) fn for_copying(repository: &Repository, index: Arc<ChunkIndex>) -> Result<Self, Error> {
        let options = WriterOptions {
            compression: Compression::Off,
            threads: 1,
            dry_run: false,
        };
        repository.complete_epochs()?;
        Self::start(repository, index, options)
    }

    fn start(repository: &Repository, index: Arc<ChunkIndex>, options: WriterOptions) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            backend: repository.backend_arc(),
            secrets: repository.secrets_arc(),
            archive: repository.archive(),
            env: repository.environment().clone(),
            index,
            parity_percent: repository.config().parity_percent,
            options,
            dealers: [
                Dealer::new(ChunkKind::Data, options.threads),
                Dealer::new(ChunkKind::Tree, 4),
            ],
            claimed: (0..SHARDS).map(|_| Mutex::default()).collect(),
            copied: Mutex::default(),
            unindexed: Mutex::default(),
            failure: Failure::default(),
            totals: Totals::default(),
        });
        let (publish, receive) = bounded(1);
        let mut writer = Self {
            shared,
            publish: Some(publish),
            publishers: Vec::new(),
        };
        for _ in 0..PUBLISHERS {
            let (worker, receive) = (Arc::clone(&writer.shared), receive.clone());
            let publisher = std::thread::Builder::new()
                .name("publish".into())
                .spawn(move || worker.publish_all(&receive))
                .map_err(|source| Error::Unsupported(format!("no thread can be started: {source}")))?;
            writer.publishers.push(publisher);
        }
        Ok(writer)
    }

    /// Whether a chunk is stored already, or about to be by this run.
    pub fn contains(&self, id: &ChunkId) -> bool {
        self.shared.is_known(id)
    }

    /// Stores a chunk unless it is known. `plain` has 1 byte to 16 MiB.
    pub fn store(&self, kind: ChunkKind, plain: &[u8], hint: CompressionHint) -> Result<Stored, Error> {
        let id = ChunkId::from_bytes(keyed_hash(self.shared.secrets.chunk_key(kind), plain));
        self.store_as(kind, id, plain, hint)
    }

    /// Stores a chunk whose id the caller has computed with [`Repository::chunk_id`]; the id is checked again before
    /// the pack is published.
    pub fn store_as(
        &self,
        kind: ChunkKind,
        id: ChunkId,
        plain: &[u8],
        hint: CompressionHint,
    ) -> Result<Stored, Error> {
        let shared = &self.shared;
        shared.failure.check()?;
        let plain_len = u32::try_from(plain.len())
            .ok()
            .filter(|n| (1..=limits::CHUNK_BYTES_MAX).contains(n))
            .ok_or_else(|| {
                Error::Unsupported(format!("a chunk of {} bytes cannot be stored", plain.len()))
            })?;
        if shared.index.share(&id) || !shared.claim(id) {
            return Ok(Stored { id, new: false });
        }
        Totals::add(&shared.totals.chunks, 1);
        Totals::add(&shared.totals.data_chunks, u64::from(kind == ChunkKind::Data));
        Totals::add(&shared.totals.plain, plain_len.into());
        if shared.options.dry_run {
            return Ok(Stored { id, new: true });
        }
        let mut buffer = BUFFER.take();
        let codec = codec::encode(plain, shared.options.compression, hint, &mut buffer);
        let stored_len = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        Totals::add(&shared.totals.stored, stored_len.into());
        let entry = PackEntry {
            id,
            codec,
            stored_len,
            plain_len,
        };
        let result = shared
            .dealer(kind)
            .add(shared.context(), entry, &mut buffer, &|pack| self.close(pack));
        if buffer.capacity() <= KEPT_BUFFER_BYTES {
            BUFFER.set(buffer);
        }
        match result {
            Ok(()) => Ok(Stored { id, new: true }),
            Err(error) => Err(shared.failure.told(error)),
        }
    }

    /// Stores a chunk as it was stored before, in a new pack, once in this run. `stored` was opened and checked; it is sealed in
    /// place.
    pub(crate) fn copy(&self, kind: ChunkKind, entry: PackEntry, stored: &mut Vec<u8>) -> Result<(), Error> {
        let shared = &self.shared;
        shared.failure.check()?;
        if !shared.claim_copy(entry.id) {
            return Ok(());
        }
        Totals::add(&shared.totals.chunks, 1);
        Totals::add(&shared.totals.data_chunks, u64::from(kind == ChunkKind::Data));
        Totals::add(&shared.totals.plain, entry.plain_len.into());
        Totals::add(&shared.totals.stored, entry.stored_len.into());
        let dealer = shared.dealer(kind);
        let added = dealer.add(shared.context(), entry, stored, &|pack| self.close(pack));
        added.map_err(|error| shared.failure.told(error))
    }

    /// What was added so far.
    pub fn summary(&self) -> WriteSummary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let totals = &self.shared.totals;
        WriteSummary {
            chunks: get(&totals.chunks),
            data_chunks: get(&totals.data_chunks),
            plain_bytes: get(&totals.plain),
            stored_bytes: get(&totals.stored),
            packs: get(&totals.packs),
            file_bytes: get(&totals.file),
        }
    }

    /// Whether nothing of this run is published yet, so that dropping the writer leaves no trace.
    pub fn is_unpublished(&self) -> bool {
        self.shared.totals.packs.load(Ordering::Relaxed) == 0
    }

    /// Closes and publishes every pack, then writes the index. After this every stored chunk is durable and listed.
    pub fn finish(mut self) -> Result<WriteSummary, Error> {
        self.shared.failure.check()?;
        if !self.shared.options.dry_run {
            for dealer in &self.shared.dealers {
                self.finish_dealer(dealer)?;
            }
        }
        drop(self.publish.take());
        for publisher in std::mem::take(&mut self.publishers) {
            if publisher.join().is_err() {
                return Err(Error::ReadBack("the publishing thread failed"));
            }
        }
        self.shared.failure.check()?;
        self.shared.flush_index()?;
        Ok(self.summary())
    }

    /// Closes the full packs as they are and merges the small ones into new packs under new salts.
    fn finish_dealer(&self, dealer: &Dealer) -> Result<(), Error> {
        let (full, mut small): (Vec<_>, Vec<_>) = dealer
            .drain()
            .into_iter()
            .partition(|pack| pack.size_with(None) >= FULL_BYTES_MIN);
        for pack in full {
            self.close(pack)?;
        }
        if small.len() > 1 {
            small = self.merge(&small)?;
        }
        for mut pack in small {
            pack.seal_end(true, &self.shared.env)?;
            self.send(pack)?;
        }
        Ok(())
    }

    /// Moves the chunks of small packs into new ones; returns the last, still open. Large chunks go first, small ones fill what they
    /// leave, so that full packs waste little and the last one is small: its padding is a share of its size.
    fn merge(&self, small: &[OpenPack]) -> Result<Vec<OpenPack>, Error> {
        let Some(kind) = small.first().map(OpenPack::kind) else {
            return Ok(Vec::new());
        };
        let mut chunks: Vec<(usize, u32, PackEntry)> = Vec::new();
        for (number, pack) in small.iter().enumerate() {
            chunks.extend(pack.places().map(|(offset, entry)| (number, offset, entry)));
        }
        chunks.sort_by_key(|(_, _, entry)| Reverse(entry.stored_len));
        let mut last = None;
        let mut stored = Vec::new();
        while !chunks.is_empty() {
            let mut target = OpenPack::begin(kind, self.shared.context())?;
            let mut rest = Vec::new();
            for (number, offset, entry) in chunks {
                let Some(source) = small.get(number).filter(|_| target.fits(entry.stored_len)) else {
                    rest.push((number, offset, entry));
                    continue;
                };
                source.read_entry(offset, &entry, &mut stored)?;
                target.add(entry, &mut stored)?;
            }
            chunks = rest;
            if chunks.is_empty() {
                last = Some(target);
            } else {
                self.close(target)?;
            }
        }
        Ok(last.into_iter().collect())
    }

    fn close(&self, mut pack: OpenPack) -> Result<(), Error> {
        pack.seal_end(false, &self.shared.env)?;
        self.send(pack)
    }

    fn send(&self, pack: OpenPack) -> Result<(), Error> {
        let sent = self
            .publish
            .as_ref()
            .is_some_and(|publish| publish.send(pack).is_ok());
        if !sent {
            self.shared
                .failure
                .note(Error::ReadBack("the publishing threads failed"));
        }
        self.shared.failure.check()
    }
}

impl Drop for ChunkWriter {
    fn drop(&mut self) {
        drop(self.publish.take());
        for publisher in std::mem::take(&mut self.publishers) {
            // A panic there was already reported by the panic hook; nothing was committed.
            let _ = publisher.join();
        }
    }
}

#[cfg(test)]
mod tests;
