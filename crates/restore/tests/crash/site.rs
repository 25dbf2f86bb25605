//! One simulated machine: a disk with the repository on it, the machine's own cache, and a way to go on working there.

use std::cell::RefCell;
use std::error::Error;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::backend::{Backend, BackendError, LocalDisk};
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions, prune};
use lumivault_chunk_store::repair::{self, PacksOptions, SnapshotsOptions};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{
    CacheDir, ChunkIndex, Compression, InitOptions, OpenOptions, Repository, parity,
};
use lumivault_format::tree::Category;
use lumivault_format::{KdfParams, Precision, SnapshotId, SnapshotTime};
use lumivault_ingest::backup::{BackupRequest, Input, backup};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};
use lumivault_testkit::crash::Tree;
use lumivault_testkit::{FaultBackend, FaultControl, World};
use tempfile::TempDir;

use super::expect::Key;

/// The result of something that must not fail, whatever was lost.
pub(super) type Try<T> = Result<T, String>;

/// Names what failed, with all causes.
pub(super) fn failed<E: Error>(what: &str) -> impl Fn(E) -> String + '_ {
    move |error| {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// A folder in memory where there is one, so that thousands of states cost no disk.
pub(super) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.unwrap()
}

/// Dropping it removes everything.
#[derive(Debug)]
pub(super) struct Site {
    folder: TempDir,
    world: World,
    /// What makes operations of the backend fail.
    faults: RefCell<Option<FaultControl>>,
}

impl Site {
    /// An empty disk and an empty cache. The name seeds all randomness, so it is used once in a process.
    pub(super) fn new(name: &str) -> Self {
        let folder = scratch();
        for name in ["disk", "cache"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let world = World::new(name);
        Self {
            folder,
            world,
            faults: RefCell::default(),
        }
    }

    /// Lets the backend of every repository that is opened from now on obey this, or nothing.
    pub(super) fn obey(&self, faults: Option<FaultControl>) {
        *self.faults.borrow_mut() = faults;
    }

    fn backend(&self, disk: &Arc<LocalDisk>) -> Result<Arc<dyn Backend>, BackendError> {
        Ok(match &*self.faults.borrow() {
            Some(control) => {
                let disk = LocalDisk::open(&self.repository())?;
                Arc::new(FaultBackend::with_control(disk, control.clone()))
            }
            None => disk.clone(),
        })
    }

    /// A machine whose disk and cache hold this, at a time more than a day after the cut: whoever was at work is long gone.
    pub(super) fn after_cut(name: &str, disk: &Tree, cache: &Tree, time: i64) -> Self {
        let site = Self::new(name);
        site.advance(time - site.now());
        disk.write(&site.disk()).unwrap();
        cache.write(&site.cache()).unwrap();
        site
    }

    /// What power cuts act on.
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn repository(&self) -> PathBuf {
        self.disk().join("backups/archive")
    }

    /// What stays as it is when only the disk of the repository loses its power.
    pub(super) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        lumivault_chunk_store::Clock::now(&*self.world.clock).0
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.world.clock.advance(seconds);
    }

    /// As the program does it.
    pub(super) fn init(&self, slots: &[Key]) -> Try<()> {
        let disk = Arc::new(LocalDisk::create(&self.repository()).map_err(failed("making the folder"))?);
        let options = InitOptions::new(
            slots.iter().copied().map(slot).collect(),
            lumivault_ingest::chunking::parameters(),
        );
        let backend = self.backend(&disk).map_err(failed("opening the folder"))?;
        Repository::init(backend, &options, self.world.environment()).map_err(failed("init"))?;
        disk.write_readme("An archive.").map_err(failed("README"))
    }

    /// `None`: there is no repository.
    pub(super) fn try_open(&self, key: Key) -> Result<Option<Repository>, lumivault_chunk_store::Error> {
        let disk = match LocalDisk::open(&self.repository()) {
            Ok(disk) => Arc::new(disk),
            Err(_) if !self.repository().exists() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let environment = self.world.environment();
        match Repository::open(
            self.backend(&disk)?,
            &secret(key),
            OpenOptions::default(),
            environment,
        ) {
            Err(lumivault_chunk_store::Error::NoRepository(_)) => Ok(None),
            result => result.map(Some),
        }
    }

    pub(super) fn open(&self, key: Key) -> Try<Repository> {
        let opened = self.try_open(key).map_err(failed("opening"))?;
        opened.ok_or_else(|| "there is no repository".into())
    }

    /// Removes all that nobody needs: marks it, or at once.
    pub(super) fn prune(&self, key: Key, now: bool) -> Try<()> {
        let repository = self.open(key)?;
        let cache = CacheDir::open(&self.cache(), &repository).map_err(failed("the cache"))?;
        let options = PruneOptions {
            max_unused: MaxUnused::Bytes(0),
            now,
            ..PruneOptions::default()
        };
        let pruned = prune(&repository, &holder(), Some(&cache), &options).map_err(failed("prune"))?;
        match pruned.held_up.first() {
            Some(reason) => Err(format!("prune was held up: {reason}")),
            None => Ok(()),
        }
    }

    /// Mends everything that can be mended, parity last.
    pub(super) fn repair(&self, key: Key) -> Try<()> {
        let repository = self.open(key)?;
        let lost = |what: &str| Err(format!("{what} found something lost"));
        let index = repair::index(&repository, &holder(), false).map_err(failed("repair index"))?;
        if index.is_damaged() {
            return lost("repair index");
        }
        let options = PacksOptions {
            from: None,
            threads: NonZeroUsize::MIN,
            dry_run: false,
        };
        let packs = repair::packs(&repository, &holder(), None, &options).map_err(failed("repair packs"))?;
        if packs.is_damaged() {
            return lost("repair packs");
        }
        let options = SnapshotsOptions {
            from: None,
            drop_lost: false,
            dry_run: false,
        };
        let snapshots = repair::snapshots(&repository, &holder(), None, &options);
        if snapshots.map_err(failed("repair snapshots"))?.is_damaged() {
            return lost("repair snapshots");
        }
        // As it reads now: a repair may have mended the config.
        let repository = self.open(key)?;
        if repository.config().parity_percent > 0 {
            let index = ChunkIndex::load(&repository, None).map_err(failed("reading the index"))?;
            let report = parity::scrub(&repository, &index, false).map_err(failed("scrub"))?;
            if report.damaged_total > 0 {
                return lost("scrub");
            }
        }
        Ok(())
    }

    /// Backs a folder up with this machine's cache, a minute after what was last done here.
    pub(super) fn backup(&self, key: Key, source: &Path) -> Try<SnapshotId> {
        self.advance(60);
        let repository = self.open(key)?;
        let cache = || CacheDir::open(&self.cache(), &repository).map_err(failed("the cache"));
        let writing = Writing::begin(&repository, &holder(), Some(cache()?)).map_err(failed("beginning"))?;
        let specs = SourceSpec::place(&[source.to_owned()], &[])?;
        let request = BackupRequest {
            input: Input::Sources(specs),
            phone: "Lumia 950".into(),
            host: "test".into(),
            tool: "test".into(),
            time: SnapshotTime {
                unix_seconds: self.now(),
                nanoseconds: 0,
                utc_offset_seconds: 0,
                precision: Precision::Instant,
            },
            tags: Vec::new(),
            categorise: |_| Category::Other,
            excludes: ExcludeRules::default(),
            one_file_system: false,
            compression: Compression::default(),
            threads: 1,
            dry_run: false,
            skip_if_unchanged: false,
            skip_digests: Vec::new(),
            trust_metadata: false,
            cache: Some(cache()?),
        };
        let made = backup(&writing, &writing.snapshots().found, request).map_err(failed("backup"))?;
        writing.close().map_err(failed("ending the session"))?;
        made.snapshot.ok_or_else(|| "backup made no snapshot".into())
    }
}

/// Whoever writes. The process lives as long as the test, so nobody takes it for dead before its time.
pub(super) fn holder() -> Holder {
    Holder {
        host: "test".into(),
        process: std::process::id(),
    }
}

pub(super) fn secret(key: Key) -> SlotSecret {
    SlotSecret::Raw(RecoveryCode::from_key(key))
}

pub(super) fn slot(key: Key) -> NewSlot {
    NewSlot {
        secret: secret(key),
        label: "test".into(),
        kdf: KdfParams::DEFAULT,
    }
}
