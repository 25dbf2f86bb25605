//! A repository in memory for unit tests. Integration tests use the richer one of the testkit, which cannot be used
//! here: it is built against another instance of this crate.

use std::sync::{Arc, Mutex};

use lumivault_format::{Counts, KdfParams, ObjectName, Scope, Snapshot, SnapshotTime, TreeDigest};

use crate::backend::Memory;
use crate::keys::{NewSlot, RecoveryCode, SlotSecret};
use crate::{Clock, Environment, Error, InitOptions, OpenOptions, Random, Repository, Silent};

struct Seeded(Mutex<blake3::OutputReader>);

impl std::fmt::Debug for Seeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seeded")
    }
}

impl Random for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        self.0.lock().unwrap().fill(buffer);
        Ok(())
    }
}

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> (i64, u32) {
        (1_778_760_000, 0)
    }
}

/// The same randomness for the same seed, and a clock that stands still.
pub(crate) fn environment(seed: &str) -> Environment {
    let hasher = blake3::Hasher::new_derive_key("lumivault unit test randomness");
    let stream = hasher.clone().update(seed.as_bytes()).finalize_xof();
    Environment {
        random: Arc::new(Seeded(Mutex::new(stream))),
        clock: Arc::new(Noon),
        monitor: Arc::new(Silent),
    }
}

const KEY: [u8; 32] = [7; 32];

/// A new repository; every test has its own seed.
pub(crate) fn repository(seed: &str) -> (Repository, Memory) {
    let memory = Memory::new();
    let slot = NewSlot {
        secret: SlotSecret::Raw(RecoveryCode::from_key(KEY)),
        label: String::new(),
        kdf: KdfParams::DEFAULT,
    };
    let options = InitOptions::new(vec![slot], vec![1]);
    let repository = Repository::init(Arc::new(memory.clone()), &options, environment(seed)).unwrap();
    (repository, memory)
}

/// Opens it again.
pub(crate) fn reopen(memory: &Memory, seed: &str) -> Repository {
    reopen_in(memory, environment(seed))
}

/// The same with a clock or a monitor of one's own.
pub(crate) fn reopen_in(memory: &Memory, env: Environment) -> Repository {
    let secret = SlotSecret::Raw(RecoveryCode::from_key(KEY));
    Repository::open(Arc::new(memory.clone()), &secret, OpenOptions::default(), env).unwrap()
}

/// A snapshot of nothing, from a phone; its digest is of this number.
pub(crate) fn snapshot(number: u8, config: ObjectName) -> Snapshot {
    Snapshot {
        time: SnapshotTime::instant(1_778_760_000, 0, 7_200).unwrap(),
        phone: "Lumia 950".into(),
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
        config,
        digest: TreeDigest::from_bytes([number; 32]),
        written_unix_seconds: 1_778_760_000,
    }
}
