//! Repositories in a temporary folder, opened with a raw key: no key derivation to wait for.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(unreachable_pub, reason = "shared by all test binaries")]
#![allow(clippy::unwrap_used, reason = "helpers of tests panic where tests do")]

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::backend::{Backend, LocalDisk};
use lumivault_chunk_store::check::{CheckOptions, ReadData, check};
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{
    CacheDir, ChunkIndex, Compression, Environment, Event, InitOptions, Monitor, OpenOptions, Repository,
    Silent, StoredSnapshot, TreeReader,
};
use lumivault_format::tree::{ContentRecord, EntryKind, Extent, FolderRef, StatRecord};
use lumivault_format::{KdfParams, Precision, SnapshotTime};
use lumivault_ingest::IngestError;
use lumivault_ingest::backup::{BackupRequest, BackupSummary, Input, backup};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};
use lumivault_testkit::FixedClock;

pub struct Vault {
    pub folder: tempfile::TempDir,
}

fn secret() -> SlotSecret {
    SlotSecret::Raw(RecoveryCode::from_key([7; 32]))
}

/// Makes a repository in an empty place.
pub fn init(backend: Arc<dyn Backend>, environment: Environment) -> Repository {
    let slot = NewSlot {
        secret: secret(),
        label: "test".into(),
        kdf: KdfParams::DEFAULT,
    };
    let options = InitOptions::new(vec![slot], lumivault_ingest::chunking::parameters());
    Repository::init(backend, &options, environment).unwrap()
}

pub fn open(backend: Arc<dyn Backend>, environment: Environment) -> Repository {
    Repository::open(backend, &secret(), OpenOptions::default(), environment).unwrap()
}

/// Backs up into an open repository.
pub fn run(
    repository: &Repository,
    specs: Vec<SourceSpec>,
    change: impl FnOnce(&mut BackupRequest<'_>),
) -> Result<BackupSummary, IngestError> {
    let mut request = request(specs);
    change(&mut request);
    let writing = if request.dry_run {
        Writing::dry(repository, None)?
    } else {
        Writing::begin(repository, &holder(), None)?
    };
    let made = backup(&writing, &writing.snapshots().found, request)?;
    writing.close()?;
    Ok(made)
}

/// Who the tests are, for others at work on the same repository.
pub fn holder() -> Holder {
    Holder {
        host: "desk".into(),
        process: std::process::id(),
    }
}

/// The contents of a folder as the root.
pub fn root(folder: &Path) -> Vec<SourceSpec> {
    SourceSpec::place(&[folder.to_owned()], &[]).unwrap()
}

/// A source below a path in the snapshot.
pub fn placed(path: &Path, at: &str) -> SourceSpec {
    SourceSpec {
        path: path.to_owned(),
        at: at.split('/').map(|name| name.as_bytes().to_vec()).collect(),
    }
}

/// Fails the test if anything is wrong with the repository; every byte is read.
pub fn assert_sound(repository: &Repository) {
    let index = ChunkIndex::load(repository, None).unwrap();
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: NonZeroUsize::MIN,
    };
    let report = check(repository, &index, &options).unwrap();
    assert!(!report.is_damaged(), "{report:?}");
}

/// The present, later by so many seconds: files written by a test have settled then.
pub fn later(monitor: Arc<dyn Monitor>, seconds: i64) -> Environment {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    Environment {
        clock: Arc::new(FixedClock::new(i64::try_from(now).unwrap() + seconds)),
        ..Environment::system(monitor)
    }
}

impl Vault {
    pub fn new() -> Self {
        let vault = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let disk = LocalDisk::create(&vault.repository_path()).unwrap();
        init(Arc::new(disk), Environment::system(Arc::new(Silent)));
        vault
    }

    pub fn repository_path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn disk(&self) -> LocalDisk {
        LocalDisk::open(&self.repository_path()).unwrap()
    }

    pub fn open(&self, monitor: Arc<dyn Monitor>) -> Repository {
        self.open_in(Environment::system(monitor))
    }

    pub fn open_in(&self, environment: Environment) -> Repository {
        open(Arc::new(self.disk()), environment)
    }

    pub fn cache(&self, repository: &Repository) -> CacheDir {
        CacheDir::open(&self.folder.path().join("cache"), repository).unwrap()
    }

    pub fn backup(&self, source: &Path) -> BackupSummary {
        self.backup_with(source, |_| ())
    }

    pub fn backup_with(&self, source: &Path, change: impl FnOnce(&mut BackupRequest<'_>)) -> BackupSummary {
        self.try_backup(source, Arc::new(Silent), change).unwrap()
    }

    pub fn try_backup(
        &self,
        source: &Path,
        monitor: Arc<dyn Monitor>,
        change: impl FnOnce(&mut BackupRequest<'_>),
    ) -> Result<BackupSummary, IngestError> {
        run(&self.open(monitor), root(source), change)
    }

    /// Backs up with this machine's cache, an hour later, so that files may be trusted.
    pub fn backup_cached(&self, source: &Path, change: impl FnOnce(&mut BackupRequest<'_>)) -> BackupSummary {
        let repository = self.open_in(later(Arc::new(Silent), 3600));
        let cache = self.cache(&repository);
        run(&repository, root(source), |request| {
            request.cache = Some(cache);
            change(request);
        })
        .unwrap()
    }

    /// Bytes of all objects.
    pub fn size(&self) -> u64 {
        files_below(&self.repository_path())
            .iter()
            .map(|path| path.metadata().unwrap().len())
            .sum()
    }

    pub fn snapshots(&self) -> Vec<StoredSnapshot> {
        self.open(Arc::new(Silent)).snapshots().unwrap().found
    }

    /// The snapshot with this id.
    pub fn snapshot(&self, summary: &BackupSummary) -> StoredSnapshot {
        let id = summary.snapshot.unwrap();
        self.snapshots().into_iter().find(|s| s.id == id).unwrap()
    }

    pub fn check(&self) {
        assert_sound(&self.open(Arc::new(Silent)));
    }

    /// Everything in a snapshot: path to content (files), or a word for other kinds, and the stat record.
    pub fn read(&self, snapshot: &StoredSnapshot) -> BTreeMap<String, (Vec<u8>, StatRecord)> {
        self.entries(snapshot)
            .into_iter()
            .map(|(path, entry)| {
                (
                    String::from_utf8_lossy(&path).into_owned(),
                    (entry.bytes, entry.stat),
                )
            })
            .collect()
    }

    /// Everything in a snapshot, by path.
    pub fn entries(&self, snapshot: &StoredSnapshot) -> BTreeMap<Vec<u8>, Stored> {
        entries(&self.open(Arc::new(Silent)), snapshot)
    }

    /// The entries of the snapshot that a backup made.
    pub fn made(&self, summary: &BackupSummary) -> BTreeMap<Vec<u8>, Stored> {
        self.entries(&self.snapshot(summary))
    }

    /// The paths in the snapshot that a backup made.
    pub fn paths(&self, summary: &BackupSummary) -> Vec<String> {
        self.made(summary)
            .into_keys()
            .map(|path| String::from_utf8(path).unwrap())
            .collect()
    }
}

/// An entry of a snapshot.
#[derive(Debug)]
pub struct Stored {
    pub kind: EntryKind,
    /// Of a file, where its content is.
    pub record: Option<ContentRecord>,
    /// Of a file, its content; of another kind, a word.
    pub bytes: Vec<u8>,
    pub stat: StatRecord,
}

pub fn entries(repository: &Repository, snapshot: &StoredSnapshot) -> BTreeMap<Vec<u8>, Stored> {
    let index = ChunkIndex::load(repository, None).unwrap();
    let reader = TreeReader::new(repository, &index);
    let root = FolderRef::decode_whole(&snapshot.snapshot.root).unwrap();
    let mut out = BTreeMap::new();
    // An own stack: trees may be deep.
    let mut waiting = vec![(root, Vec::new())];
    while let Some((reference, place)) = waiting.pop() {
        let folder = reader.folder(&reference).unwrap();
        for (entry, child) in folder.with_folders() {
            let path = [place.as_slice(), &entry.name.name].concat();
            let record = folder.content(entry).cloned();
            let bytes = match &entry.name.kind {
                EntryKind::File { .. } => content(&reader, record.as_ref().unwrap()),
                EntryKind::Symlink { target } => [b"-> ".as_slice(), target].concat(),
                other => format!("<{}>", other.number()).into_bytes(),
            };
            if let Some(child) = child {
                waiting.push((child.clone(), [path.as_slice(), b"/"].concat()));
            }
            let stored = Stored {
                kind: entry.name.kind.clone(),
                record,
                bytes,
                stat: entry.stat.clone(),
            };
            assert!(out.insert(path, stored).is_none());
        }
    }
    out
}

fn content(reader: &TreeReader<'_>, record: &ContentRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    for extent in &record.extents {
        match extent {
            Extent::Chunk { id, .. } => bytes.extend(reader.chunk(id).unwrap()),
            Extent::Hole { len } => bytes.resize(bytes.len() + usize::try_from(*len).unwrap(), 0),
            Extent::Slice {
                bundle, offset, len, ..
            } => {
                let start = *offset as usize;
                bytes.extend(&reader.chunk(bundle).unwrap()[start..start + *len as usize]);
            }
        }
    }
    bytes
}

pub fn request(specs: Vec<SourceSpec>) -> BackupRequest<'static> {
    BackupRequest {
        input: Input::Sources(specs),
        phone: "Lumia 950".into(),
        host: "test".into(),
        tool: "test".into(),
        time: SnapshotTime {
            unix_seconds: 1_780_000_000,
            nanoseconds: 0,
            utc_offset_seconds: 0,
            precision: Precision::Instant,
        },
        tags: Vec::new(),
        categorise: |_| lumivault_format::tree::Category::None,
        excludes: ExcludeRules::default(),
        one_file_system: false,
        compression: Compression::default(),
        threads: 2,
        dry_run: false,
        skip_if_unchanged: false,
        skip_digests: Vec::new(),
        trust_metadata: true,
        cache: None,
    }
}

/// A monitor that does something at certain events, in the middle of the work.
pub struct Hook(pub Box<dyn Fn(&Event<'_>) + Send + Sync>);

impl Hook {
    pub fn new(act: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self(Box::new(act)))
    }

    /// Does it once, when the first bytes of a file were read.
    pub fn at_first_bytes(act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let act = std::sync::Mutex::new(Some(act));
        Self::new(move |event| {
            if matches!(event, Event::Done { bytes: 1.., .. })
                && let Some(act) = act.lock().unwrap().take()
            {
                act();
            }
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Monitor for Hook {
    fn event(&self, event: Event<'_>) {
        (self.0)(&event);
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// All files below a folder; none where there is no folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            out.extend(files_below(&path));
        } else {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// Bytes that do not compress, the same for a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut out);
    out
}

/// Text that compresses, the same for a seed.
pub fn prose(seed: u64, length: usize) -> Vec<u8> {
    let words = [
        "photo", "message", "contact", "backup", "Lumia", "card", "month", "lost", "found", "again",
    ];
    let mut out = Vec::with_capacity(length + 16);
    for byte in noise(seed, length / 3 + 1) {
        out.extend_from_slice(words[usize::from(byte) % words.len()].as_bytes());
        out.push(if byte > 250 { b'\n' } else { b' ' });
        if out.len() >= length {
            break;
        }
    }
    out.resize(length, b'.');
    out
}

pub fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
