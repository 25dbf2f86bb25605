//! A repository in memory with raw key slots, so that no test waits for a key derivation.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test binary uses another part of this, and a test fails by panicking"
)]

pub mod archive;
pub mod scene;
pub mod steered;
pub mod tree;

use std::sync::Arc;

use lumivault_chunk_store::backend::{Backend, Memory};
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, Compression, CompressionHint, Environment, Error, InitOptions, OpenOptions,
    Repository, TreeReader, WriteSummary, WriterOptions, nonce_ledger_totals,
};
use lumivault_format::{ChunkId, ChunkKind, KdfParams, ObjectId, ObjectKind, ObjectName};
use lumivault_testkit::World;

/// A repository and its world. Dropping it checks the ledger: the last test of a binary sees the pairs of all.
pub struct Fixture {
    pub world: World,
    pub memory: Memory,
    pub key: [u8; 32],
    /// By how much whoever opens it takes listings to lag.
    pub listing_delay_seconds: u32,
}

impl Fixture {
    /// A new repository; `seed` must be the test's own.
    pub fn new(seed: &str) -> Self {
        let world = World::new(seed);
        let key = world.random.array();
        let fixture = Self {
            world,
            memory: Memory::new(),
            key,
            listing_delay_seconds: 0,
        };
        fixture.init(Arc::new(fixture.memory.clone())).unwrap();
        fixture
    }

    /// A place without a repository yet.
    pub fn empty(seed: &str) -> Self {
        let world = World::new(seed);
        let key = world.random.array();
        Self {
            world,
            memory: Memory::new(),
            key,
            listing_delay_seconds: 0,
        }
    }

    pub fn env(&self) -> Environment {
        self.world.environment()
    }

    pub fn init(&self, backend: Arc<dyn Backend>) -> Result<Repository, Error> {
        let options = InitOptions::new(vec![raw_slot(self.key, "first")], vec![1]);
        Repository::init(backend, &options, self.env())
    }

    pub fn open(&self) -> Repository {
        self.open_on(Arc::new(self.memory.clone())).unwrap()
    }

    pub fn open_on(&self, backend: Arc<dyn Backend>) -> Result<Repository, Error> {
        let options = OpenOptions {
            listing_delay_seconds: self.listing_delay_seconds,
            ..OpenOptions::default()
        };
        Repository::open(backend, &raw(self.key), options, self.env())
    }

    pub fn open_with(&self, secret: &SlotSecret) -> Result<Repository, Error> {
        Repository::open(
            Arc::new(self.memory.clone()),
            secret,
            OpenOptions::default(),
            self.env(),
        )
    }

    pub fn list(&self, kind: ObjectKind) -> Vec<ObjectName> {
        let mut names: Vec<_> = self
            .memory
            .list(kind)
            .unwrap()
            .into_iter()
            .map(|info| info.name)
            .collect();
        names.sort_unstable();
        names
    }

    pub fn bytes(&self, id: &ObjectId) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.memory.size(id).unwrap()).unwrap()];
        self.memory.read_at(id, 0, &mut bytes).unwrap();
        bytes
    }

    /// Puts other bytes under an object's name.
    pub fn overwrite(&self, id: &ObjectId, bytes: &[u8]) {
        self.memory.remove(id).unwrap();
        self.memory.create(id, bytes).unwrap();
    }

    /// Stores bytes under the name they hash to, as a hostile storage can.
    pub fn plant(&self, kind: ObjectKind, bytes: &[u8]) -> ObjectName {
        let name = ObjectName::from_bytes(*blake3::hash(bytes).as_bytes());
        self.memory.create(&ObjectId { kind, name }, bytes).unwrap();
        name
    }

    /// A copy of the storage as it is now, in the same world.
    pub fn copy(&self) -> Self {
        let memory = Memory::new();
        for kind in ObjectKind::ALL {
            for name in self.list(kind) {
                let id = ObjectId { kind, name };
                memory.create(&id, &self.bytes(&id)).unwrap();
            }
        }
        Self {
            world: self.world.clone(),
            memory,
            key: self.key,
            listing_delay_seconds: self.listing_delay_seconds,
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let (pairs, repeats) = nonce_ledger_totals();
            assert!(pairs > 0, "the ledger is off");
            assert_eq!(repeats, 0, "a (key, nonce) pair was used twice");
        }
    }
}

pub fn raw(key: [u8; 32]) -> SlotSecret {
    SlotSecret::Raw(RecoveryCode::from_key(key))
}

pub fn raw_slot(key: [u8; 32], label: &str) -> NewSlot {
    NewSlot {
        secret: raw(key),
        label: label.into(),
        kdf: KdfParams::DEFAULT,
    }
}

pub fn id(kind: ObjectKind, name: ObjectName) -> ObjectId {
    ObjectId { kind, name }
}

pub const OPTIONS: WriterOptions = WriterOptions {
    compression: Compression::Level(3),
    threads: 2,
    dry_run: false,
};

/// Loads the index without a cache and begins a run.
pub fn begin(repository: &Repository) -> Result<(Arc<ChunkIndex>, ChunkWriter), Error> {
    let index = Arc::new(ChunkIndex::load(repository, None)?);
    let writer = ChunkWriter::new(repository, Arc::clone(&index), OPTIONS)?;
    Ok((index, writer))
}

/// Stores chunks in a run of their own.
pub fn store(
    repository: &Repository,
    kind: ChunkKind,
    chunks: &[Vec<u8>],
) -> Result<(Vec<ChunkId>, WriteSummary), Error> {
    let (_, writer) = begin(repository)?;
    let mut ids = Vec::new();
    for chunk in chunks {
        ids.push(writer.store(kind, chunk, CompressionHint::Compress)?.id);
    }
    Ok((ids, writer.finish()?))
}

/// Reads chunks through a freshly loaded index.
pub fn read_all(repository: &Repository, ids: &[ChunkId]) -> Result<Vec<Vec<u8>>, Error> {
    let index = ChunkIndex::load(repository, None)?;
    let reader = TreeReader::new(repository, &index);
    ids.iter().map(|id| reader.chunk(id)).collect()
}

/// Every cause of an error, down to the last.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
