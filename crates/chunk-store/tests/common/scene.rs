//! An archive on a storage whose listings show every change a minute later, and what somebody does there at a chosen second.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lumivault_chunk_store::backend::{Backend as _, Memory};
use lumivault_chunk_store::forget::forget;
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions, PruneReport, prune};
use lumivault_chunk_store::repair::{self, SnapshotsOptions, SnapshotsReport};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{CacheDir, ChunkIndex, ChunkWriter, Error, Repository, TreeReader};
use lumivault_format::tree::FolderRef;
use lumivault_format::{ChunkKind, ObjectKind, SnapshotId};
use lumivault_testkit::FixedClock;
use lumivault_testkit::lagging::Lagging;

use super::archive::{assert_holds, backup, range, tree};
use super::tree::commit_stored;
use super::{Fixture, OPTIONS, id};

pub const DELAY_SECONDS: u32 = 60;
/// Marks and forgotten snapshots wait for nobody, so that only waiting for listings keeps anything.
pub const AT_ONCE: PruneOptions = PruneOptions {
    max_unused: MaxUnused::Bytes(0),
    max_repack: None,
    grace_seconds: 0,
    now: false,
    dry_run: false,
};

pub fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

pub fn machine(name: &str) -> Holder {
    Holder {
        host: name.into(),
        process: std::process::id(),
    }
}

/// An archive with a forgotten snapshot of the files 0 to 3. Everybody sees all of it.
pub struct Scene {
    pub f: Fixture,
    pub storage: Lagging<Memory>,
    pub forgotten: SnapshotId,
}

impl Scene {
    pub fn new(seed: &str) -> Self {
        Self::on(Fixture::new(seed), |f, clock| {
            Lagging::new(f.memory.clone(), clock, seconds(DELAY_SECONDS))
        })
    }

    /// What was made later may show before what was made earlier.
    pub fn out_of_order(seed: &str) -> Self {
        Self::on(Fixture::new(seed), |f, clock| {
            let delay = seconds(DELAY_SECONDS);
            Lagging::drawn(f.memory.clone(), clock, delay, Duration::ZERO, seed)
        })
    }

    fn on(mut f: Fixture, storage: impl FnOnce(&Fixture, Arc<FixedClock>) -> Lagging<Memory>) -> Self {
        f.listing_delay_seconds = DELAY_SECONDS;
        let storage = storage(&f, Arc::clone(&f.world.clock));
        let repository = f.open_on(Arc::new(storage.clone())).unwrap();
        let forgotten = backup(&repository, 1, &range(0, 4)).unwrap();
        f.world.clock.pass(seconds(2 * DELAY_SECONDS));
        forget(&repository, &[forgotten], "desk").unwrap();
        let scene = Self {
            f,
            storage,
            forgotten,
        };
        scene.pass(2 * DELAY_SECONDS);
        scene
    }

    /// Second by second, so that what is planned happens in its time.
    pub fn pass(&self, number: u32) {
        for _ in 0..number {
            self.f.world.clock.pass(seconds(1));
        }
    }

    /// For ever, so that what is planned can hold it.
    pub fn open(&self) -> &'static Repository {
        let repository = self.f.open_on(Arc::new(self.storage.clone())).unwrap();
        Box::leak(Box::new(repository))
    }

    /// The same for somebody who does not know that listings lag, and does not wait either.
    pub fn open_unaware(&self) -> &'static Repository {
        let mut f = self.f.copy();
        f.listing_delay_seconds = 0;
        Box::leak(Box::new(f.open_on(Arc::new(self.storage.clone())).unwrap()))
    }

    pub fn prune(&self) -> Result<PruneReport, Error> {
        prune(self.open(), &machine("pruning"), None, &AT_ONCE)
    }

    /// In so many seconds from now; what it returns is there when it was done.
    pub fn plan<T: Send + 'static>(
        &self,
        after: u32,
        deed: impl FnOnce() -> T + Send + 'static,
    ) -> Arc<Mutex<Option<T>>> {
        let done = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&done);
        self.f.world.clock.plan(seconds(after), move || {
            *slot.lock().unwrap() = Some(deed());
        });
        done
    }

    /// At each of so many seconds somebody looks whether all is well.
    pub fn looks(&self, number: u32, look: impl Fn() -> bool + Clone + Send + 'static) -> Looks {
        (1..=number)
            .map(|second| self.plan(second, look.clone()))
            .collect()
    }

    /// In so many seconds from now objects of a kind come anew: they do not show for as long as listings lag.
    pub fn plan_anew(&self, after: u32, kind: ObjectKind) {
        let (storage, memory) = (self.storage.clone(), self.f.copy());
        self.plan(after, move || {
            for name in memory.list(kind) {
                let id = id(kind, name);
                storage.remove(&id).unwrap();
                storage.create(&id, &memory.bytes(&id)).unwrap();
            }
        });
    }

    /// Loses all files, and takes note of it.
    pub fn lose_files(&self) {
        let index = ChunkIndex::load(&self.f.open(), None).unwrap();
        let packs = index.packs().into_iter();
        for pack in packs.filter(|pack| pack.kind == ChunkKind::Data) {
            let id = id(ObjectKind::Pack, pack.name);
            self.f.memory.remove(&id).unwrap();
        }
        let report = repair::index(self.open(), &machine("repairing"), false).unwrap();
        assert!(report.missing_chunks > 0);
        self.pass(2 * DELAY_SECONDS);
    }

    pub fn drop_lost(&self) -> SnapshotsReport {
        let options = SnapshotsOptions {
            from: None,
            drop_lost: true,
            dry_run: false,
        };
        repair::snapshots(self.open(), &machine("repairing"), None, &options).unwrap()
    }

    /// When all is over, it can be relied on.
    pub fn assert_holds(&self, snapshot: SnapshotId) {
        self.pass(10 * DELAY_SECONDS);
        assert_holds(&self.f.open(), &[(snapshot, &range(0, 4))]);
    }
}

pub type Looks = Vec<Arc<Mutex<Option<bool>>>>;

pub fn assert_always(looks: &Looks) {
    for (second, look) in (1..).zip(looks) {
        assert!(result(look), "after {second} seconds");
    }
}

/// A backup of the same files that has stored everything, sharing all it can, and looked again; it needs only to commit.
pub struct Backup {
    pub writing: Writing<'static>,
    pub root: FolderRef,
}

impl Backup {
    pub fn begin(repository: &'static Repository, cache: Option<CacheDir>) -> Self {
        let writing = Writing::begin(repository, &machine("writing"), cache).unwrap();
        let writer = ChunkWriter::new(repository, Arc::clone(writing.index()), OPTIONS).unwrap();
        let root = tree(&writer, &range(0, 4));
        let stored = writer.finish().unwrap();
        assert_eq!(stored.packs, 0, "it shares everything");
        assert!(writing.look_again().unwrap().is_none());
        Self { writing, root }
    }

    pub fn commit(self) -> Result<SnapshotId, Error> {
        let stored = commit_stored(self.writing.repository(), 2, &self.root)?;
        self.writing.confirm(&stored)?;
        self.writing.close()?;
        Ok(stored.id)
    }
}

pub fn result<T>(done: &Arc<Mutex<Option<T>>>) -> T {
    done.lock().unwrap().take().expect("it was done meanwhile")
}

/// Whether every file of a snapshot is found, without reading it.
pub fn reads(repository: &Repository, id: SnapshotId) -> bool {
    let Ok(found) = repository.snapshots() else {
        return false;
    };
    let index = ChunkIndex::load(repository, None).unwrap();
    let reader = TreeReader::new(repository, &index);
    let Some(stored) = found.found.iter().find(|stored| stored.id == id) else {
        return false;
    };
    let root = FolderRef::decode_whole(&stored.snapshot.root).unwrap();
    reader.folder(&root).is_ok_and(|folder| {
        let mut extents = folder.contents.iter().flat_map(|content| &content.extents);
        extents.all(|extent| extent.chunk().is_none_or(|chunk| reader.chunk(&chunk).is_ok()))
    })
}
