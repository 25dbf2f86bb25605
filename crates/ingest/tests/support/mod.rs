//! Repositories in a temporary folder, opened with a raw key: no key derivation to wait for.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::backend::LocalDisk;
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::{
    ChunkIndex, Compression, Environment, InitOptions, Monitor, OpenOptions, Repository, Silent,
    StoredSnapshot, TreeReader,
};
use lumivault_format::tree::{EntryKind, Extent, FolderRef, StatRecord};
use lumivault_format::{KdfParams, Precision, SnapshotTime};
use lumivault_ingest::backup::{BackupRequest, BackupSummary, Input, backup};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};

pub struct Vault {
    pub folder: tempfile::TempDir,
}

fn secret() -> SlotSecret {
    SlotSecret::Raw(RecoveryCode::from_key([7; 32]))
}

impl Vault {
    pub fn new() -> Self {
        let vault = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let slot = NewSlot {
            secret: secret(),
            label: "test".into(),
            kdf: KdfParams::DEFAULT,
        };
        let options = InitOptions {
            slots: vec![slot],
            chunker: lumivault_ingest::chunking::parameters(),
        };
        let disk = LocalDisk::create(&vault.repository_path()).unwrap();
        Repository::init(Arc::new(disk), &options, Environment::system(Arc::new(Silent))).unwrap();
        vault
    }

    pub fn repository_path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn open(&self, monitor: Arc<dyn Monitor>) -> Repository {
        let disk = LocalDisk::open(&self.repository_path()).unwrap();
        Repository::open(
            Arc::new(disk),
            &secret(),
            OpenOptions::default(),
            Environment::system(monitor),
        )
        .unwrap()
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
    ) -> Result<BackupSummary, lumivault_ingest::IngestError> {
        let repository = self.open(monitor);
        let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
        let snapshots = repository.snapshots().unwrap().found;
        let specs = SourceSpec::place(&[source.to_owned()], &[]).unwrap();
        let mut request = request(specs);
        change(&mut request);
        backup(&repository, &index, &snapshots, request)
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

    /// Everything in a snapshot: path to content (files), or a word for other kinds, and the stat record.
    pub fn read(&self, snapshot: &StoredSnapshot) -> BTreeMap<String, (Vec<u8>, StatRecord)> {
        let repository = self.open(Arc::new(Silent));
        let index = ChunkIndex::load(&repository, None).unwrap();
        let reader = TreeReader::new(&repository, &index);
        let mut out = BTreeMap::new();
        let root = FolderRef::decode_whole(&snapshot.snapshot.root).unwrap();
        read_folder(&reader, &root, "", &mut out);
        out
    }
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

fn read_folder(
    reader: &TreeReader<'_>,
    reference: &FolderRef,
    place: &str,
    out: &mut BTreeMap<String, (Vec<u8>, StatRecord)>,
) {
    let folder = reader.folder(reference).unwrap();
    for (entry, child) in folder.with_folders() {
        let path = format!("{place}{}", String::from_utf8_lossy(&entry.name.name));
        let bytes = match &entry.name.kind {
            EntryKind::File { .. } => {
                let mut bytes = Vec::new();
                for extent in &folder.content(entry).unwrap().extents {
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
            EntryKind::Symlink { target } => [b"-> ".as_slice(), target].concat(),
            other => format!("<{}>", other.number()).into_bytes(),
        };
        out.insert(path.clone(), (bytes, entry.stat.clone()));
        if let Some(child) = child {
            read_folder(reader, child, &format!("{path}/"), out);
        }
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
