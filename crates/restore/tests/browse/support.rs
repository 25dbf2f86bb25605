//! A repository in memory that counts what is read and can be damaged, filled by backups or by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use lumivault_chunk_store::backend::{Backend, BackendError, Memory, ObjectInfo, Spool};
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, Compression, CompressionHint, InitOptions, OpenOptions, Repository,
    StoredSnapshot, TreeReader, WriterOptions,
};
use lumivault_format::tree::{
    Category, ContentRecord, ContentState, EntryKind, Extent, FolderHead, FolderRef, NameRecord, NameState,
    Piece, StatRecord, StatState, Stream, StreamRecords, StreamTag,
};
use lumivault_format::{
    ChunkId, ChunkKind, CivilPeriod, KdfParams, ObjectId, ObjectKind, ObjectName, Snapshot, SnapshotTime,
    TreeDigest,
};
use lumivault_ingest::backup::{BackupRequest, Input, backup};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};
use lumivault_restore::browse::{Browser, Node};
use lumivault_restore::target::StoredPath;
use lumivault_testkit::World;

/// Counts reads of packs, damages what it is told to, and can hold reads back until two are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    inner: Memory,
    watch: Arc<Watch>,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    reads: AtomicUsize,
    damaged: Mutex<Vec<(ObjectName, u64)>>,
    held: Mutex<Vec<ObjectName>>,
    under_way: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Watch {
    /// Reads of packs since the last call.
    pub(super) fn take_reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// From now on a read of these packs waits until there are two at once, for some seconds at most.
    pub(super) fn hold_reads(&self, packs: Vec<ObjectName>) {
        *self.held.lock().unwrap() = packs;
    }

    /// The most reads that were under way at once.
    pub(super) fn most_at_once(&self) -> usize {
        self.under_way.lock().unwrap().1
    }

    fn pass(&self, pack: &ObjectName) {
        let mut state = self.under_way.lock().unwrap();
        state.0 += 1;
        state.1 = state.1.max(state.0);
        self.changed.notify_all();
        if self.held.lock().unwrap().contains(pack) {
            let alone = |state: &mut (usize, usize)| state.1 < 2;
            state = self
                .changed
                .wait_timeout_while(state, Duration::from_secs(5), alone)
                .unwrap()
                .0;
        }
        state.0 -= 1;
    }
}

impl Backend for Place {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        self.inner.list(kind)
    }
    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.inner.size(id)
    }
    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        if id.kind == ObjectKind::Pack {
            self.watch.reads.fetch_add(1, Ordering::SeqCst);
            self.watch.pass(&id.name);
        }
        self.inner.read_at(id, offset, buffer)?;
        for (name, at) in self.watch.damaged.lock().unwrap().iter() {
            if *name == id.name && (offset..offset + buffer.len() as u64).contains(at) {
                buffer[usize::try_from(at - offset).unwrap()] ^= 1;
            }
        }
        Ok(())
    }
    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.create(id, bytes)
    }
    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.heal(id, bytes)
    }
    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        self.inner.spool()
    }
    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.inner.remove(id)
    }
    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.inner.set_aside(id)
    }
}

/// A repository and its world.
pub(super) struct Vault {
    pub(super) world: World,
    pub(super) watch: Arc<Watch>,
    pub(super) repository: Repository,
}

impl Vault {
    pub(super) fn new(seed: &str) -> Self {
        let (world, place) = (World::new(seed), Place::default());
        let secret = || SlotSecret::Raw(RecoveryCode::from_key([7; 32]));
        let slot = NewSlot {
            secret: secret(),
            label: "test".into(),
            kdf: KdfParams::DEFAULT,
        };
        let options = InitOptions::new(vec![slot], lumivault_ingest::chunking::parameters());
        Repository::init(Arc::new(place.clone()), &options, world.environment()).unwrap();
        let watch = Arc::clone(&place.watch);
        let repository = Repository::open(
            Arc::new(place),
            &secret(),
            OpenOptions::default(),
            world.environment(),
        )
        .unwrap();
        Self {
            world,
            watch,
            repository,
        }
    }

    pub(super) fn snapshots(&self) -> Vec<StoredSnapshot> {
        let loaded = self.repository.snapshots().unwrap();
        assert!(loaded.unreadable.is_empty());
        loaded.found
    }

    pub(super) fn index(&self) -> Arc<ChunkIndex> {
        Arc::new(ChunkIndex::load(&self.repository, None).unwrap())
    }

    /// The packs with files' bytes.
    pub(super) fn data_packs(&self) -> Vec<ObjectName> {
        let packs = self.index().packs();
        packs
            .iter()
            .filter(|pack| pack.kind == ChunkKind::Data)
            .map(|pack| pack.name)
            .collect()
    }

    /// Looks into it.
    pub(super) fn browse<R>(&self, work: impl FnOnce(&Browser<'_, '_>, &[StoredSnapshot]) -> R) -> R {
        let index = self.index();
        let reader = TreeReader::new(&self.repository, &index);
        self.watch.take_reads();
        work(&Browser::new(&reader), &self.snapshots())
    }

    /// A backup of a folder of this machine.
    pub(super) fn backup(&self, folder: &Path, month: &str) -> StoredSnapshot {
        let request = BackupRequest {
            input: Input::Sources(SourceSpec::place(&[folder.to_owned()], &[]).unwrap()),
            phone: "Lumia 950".into(),
            host: "test".into(),
            tool: "test".into(),
            time: end_of(month),
            tags: Vec::new(),
            categorise: |_| Category::None,
            excludes: ExcludeRules::default(),
            one_file_system: false,
            compression: Compression::default(),
            threads: 2,
            dry_run: false,
            skip_if_unchanged: false,
            skip_digests: Vec::new(),
            trust_metadata: false,
            cache: None,
        };
        let holder = Holder {
            host: "test".into(),
            process: std::process::id(),
        };
        let writing = Writing::begin(&self.repository, &holder, None).unwrap();
        let summary = backup(&writing, &writing.snapshots().found, request).unwrap();
        writing.close().unwrap();
        let id = summary.snapshot.unwrap();
        self.snapshots().into_iter().find(|one| one.id == id).unwrap()
    }

    /// From now on a byte of this chunk reads wrong.
    pub(super) fn damage(&self, id: &ChunkId) {
        let index = self.index();
        let place = index.find(id).unwrap();
        let pack = index.pack(place.pack).unwrap().name;
        let at = u64::from(place.place.offset);
        self.watch.damaged.lock().unwrap().push((pack, at));
    }

    /// Stores trees made by hand; each of `make`'s roots becomes a snapshot.
    pub(super) fn forge(&self, make: impl FnOnce(&Forge<'_>) -> Vec<(String, String, FolderRef)>) {
        let options = WriterOptions {
            compression: Compression::default(),
            threads: 1,
            dry_run: false,
        };
        let writer = ChunkWriter::new(&self.repository, self.index(), options).unwrap();
        let forge = Forge {
            repository: &self.repository,
            writer: &writer,
        };
        let roots = make(&forge);
        writer.finish().unwrap();
        for (phone, period, root) in roots {
            let mut bytes = Vec::new();
            root.encode(&mut bytes);
            self.commit(&phone, &period, bytes);
        }
    }

    pub(super) fn commit(&self, phone: &str, period: &str, root: Vec<u8>) {
        let snapshot = Snapshot {
            time: end_of(period),
            phone: phone.into(),
            host: "test".into(),
            tool: "test".into(),
            sources: Vec::new(),
            scope: lumivault_format::Scope::default(),
            tags: Vec::new(),
            predecessors: Vec::new(),
            root,
            root_stat: StatRecord::default().encode_alone(),
            counts: lumivault_format::Counts::default(),
            warnings: Vec::new(),
            warnings_total: 0,
            config_generation: 1,
            config: self.repository.config_name(),
            digest: TreeDigest::from_bytes([0; 32]),
            written_unix_seconds: 0,
        };
        self.repository.commit_snapshot(&snapshot).unwrap();
    }
}

/// The end of `2026-05` or `2026-05-14`.
pub(super) fn end_of(period: &str) -> SnapshotTime {
    let parts: Vec<i16> = period.split('-').map(|part| part.parse().unwrap()).collect();
    let small = |part: i16| u8::try_from(part).unwrap();
    let period = match parts.as_slice() {
        [year, month] => CivilPeriod::month(*year, small(*month)),
        [year, month, day] => CivilPeriod::day(*year, small(*month), small(*day)),
        _ => None,
    };
    SnapshotTime::end_of(period.unwrap(), 7200).unwrap()
}

/// What an entry made by hand is.
#[derive(Clone)]
pub(super) enum Item {
    /// A file with this content, in one chunk.
    File(Vec<u8>),
    /// A file of these extents.
    Extents(Vec<Extent>),
    /// A folder.
    Folder(Vec<(Vec<u8>, Item, StatRecord)>),
    /// A folder that is stored already.
    Stored(FolderRef),
    /// Anything else.
    Kind(EntryKind),
}

/// An entry without times.
pub(super) fn entry(name: impl AsRef<[u8]>, item: Item) -> (Vec<u8>, Item, StatRecord) {
    dated(name, item, 0)
}

/// An entry of a time.
pub(super) fn dated(name: impl AsRef<[u8]>, item: Item, mtime: i64) -> (Vec<u8>, Item, StatRecord) {
    let stat = StatRecord {
        mtime_seconds: mtime,
        ..StatRecord::default()
    };
    (name.as_ref().to_vec(), item, stat)
}

/// A file by hand.
pub(super) fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> (Vec<u8>, Item, StatRecord) {
    entry(name, Item::File(content.as_ref().to_vec()))
}

/// A folder by hand.
pub(super) fn folder(
    name: impl AsRef<[u8]>,
    entries: Vec<(Vec<u8>, Item, StatRecord)>,
) -> (Vec<u8>, Item, StatRecord) {
    entry(name, Item::Folder(entries))
}

/// Makes trees by hand, in pieces of three records, so that nothing works by luck of being in one.
pub(super) struct Forge<'w> {
    repository: &'w Repository,
    writer: &'w ChunkWriter,
}

const PER_PIECE: usize = 3;

impl Forge<'_> {
    pub(super) fn chunk(&self, bytes: &[u8]) -> Extent {
        let stored = self
            .writer
            .store(ChunkKind::Data, bytes, CompressionHint::Compress)
            .unwrap();
        Extent::Chunk {
            id: stored.id,
            len: u32::try_from(bytes.len()).unwrap(),
        }
    }

    /// Contents bundled in one chunk.
    pub(super) fn bundle(&self, contents: &[&[u8]]) -> Vec<Extent> {
        let whole = contents.concat();
        let Extent::Chunk { id, len } = self.chunk(&whole) else {
            unreachable!()
        };
        let mut offset = 0;
        let slice = |content: &&[u8]| {
            let extent = Extent::Slice {
                bundle: id,
                bundle_len: len,
                offset,
                len: u32::try_from(content.len()).unwrap(),
                id: self.repository.chunk_id(ChunkKind::Data, content),
            };
            offset += u32::try_from(content.len()).unwrap();
            extent
        };
        contents.iter().map(slice).collect()
    }

    fn tree_chunk(&self, bytes: &[u8]) -> ChunkId {
        self.writer
            .store(ChunkKind::Tree, bytes, CompressionHint::Compress)
            .unwrap()
            .id
    }

    pub(super) fn folder(&self, mut entries: Vec<(Vec<u8>, Item, StatRecord)>) -> FolderRef {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let mut contents: Vec<ContentRecord> = Vec::new();
        let (mut names, mut stats, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        for (name, item, stat) in entries {
            let extents = match &item {
                Item::File(bytes) if bytes.is_empty() => Some(Vec::new()),
                Item::File(bytes) => Some(vec![self.chunk(bytes)]),
                Item::Extents(extents) => Some(extents.clone()),
                _ => None,
            };
            let kind = match (extents, item) {
                (Some(extents), _) => {
                    // Backwards, so that content numbers jump.
                    let record = ContentRecord {
                        classifier: 12,
                        chunker: 1,
                        extents,
                    };
                    contents.retain(|known| *known != record);
                    contents.insert(0, record.clone());
                    NameKind::File(record)
                }
                (None, Item::Folder(inner)) => {
                    folders.push(self.folder(inner));
                    NameKind::Other(EntryKind::Folder)
                }
                (None, Item::Stored(reference)) => {
                    folders.push(reference);
                    NameKind::Other(EntryKind::Folder)
                }
                (None, Item::Kind(kind)) => NameKind::Other(kind),
                (None, _) => unreachable!(),
            };
            names.push((name, kind));
            stats.push(stat);
        }
        let number = |record: &ContentRecord| contents.iter().position(|one| one == record).unwrap() as u64;
        let names: Vec<NameRecord> = names
            .into_iter()
            .map(|(name, kind)| NameRecord {
                name,
                category: Category::None,
                kind: match kind {
                    NameKind::File(record) => EntryKind::File {
                        content: number(&record),
                    },
                    NameKind::Other(kind) => kind,
                },
            })
            .collect();
        let mut state = NameState::default();
        let head = FolderHead {
            entries: names.len() as u64,
            streams: [
                self.stream(StreamTag::Contents, &contents, |group, out| {
                    let mut state = ContentState::default();
                    group.iter().for_each(|record| record.encode(&mut state, out));
                }),
                self.stream(StreamTag::Names, &names, |group, out| {
                    state.next_piece();
                    group.iter().for_each(|record| record.encode(&mut state, out));
                }),
                self.stream(StreamTag::Stats, &stats, |group, out| {
                    let mut state = StatState::default();
                    group.iter().for_each(|record| record.encode(&mut state, out));
                }),
                self.stream(StreamTag::Folders, &folders, |group, out| {
                    group.iter().for_each(|record| record.encode(out));
                }),
            ],
        };
        let bytes = head.encode();
        if names.len() <= 1 {
            return FolderRef::Inline(bytes);
        }
        FolderRef::Chunk {
            id: self.tree_chunk(&bytes),
            plain_len: u32::try_from(bytes.len()).unwrap(),
        }
    }

    fn stream<T>(
        &self,
        tag: StreamTag,
        records: &[T],
        mut encode: impl FnMut(&[T], &mut Vec<u8>),
    ) -> StreamRecords {
        let mut pieces = Vec::new();
        for group in records.chunks(PER_PIECE) {
            let mut bytes = vec![tag.number()];
            encode(group, &mut bytes);
            pieces.push(Piece {
                id: self.tree_chunk(&bytes),
                plain_len: u32::try_from(bytes.len()).unwrap(),
                records: group.len() as u64,
            });
        }
        let stream = if pieces.is_empty() {
            Stream::Inline(Vec::new())
        } else {
            Stream::Pieces(pieces)
        };
        StreamRecords {
            records: records.len() as u64,
            stream,
        }
    }
}

enum NameKind {
    File(ContentRecord),
    Other(EntryKind),
}

/// A path from text.
pub(super) fn path(text: &str) -> StoredPath {
    let names = text.split('/').filter(|name| !name.is_empty());
    StoredPath::new(names.map(|name| name.as_bytes().to_vec()).collect())
}

pub(super) fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// A file's bytes.
pub(super) fn bytes_of(browser: &Browser<'_, '_>, node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    let written = browser.write_file(node, None, &mut out).unwrap();
    assert_eq!(written, out.len() as u64);
    out
}

/// Writes files of this machine: path to content.
pub(super) fn write_files(root: &Path, files: &BTreeMap<&str, Vec<u8>>) {
    for (name, content) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
