//! A repository in a temporary folder, sources beside it, and a way to say what a folder holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use lumivault_chunk_store::backend::LocalDisk;
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{
    ChunkIndex, Compression, Environment, InitOptions, Monitor, OpenOptions, Repository, Silent,
    StoredSnapshot, TreeReader,
};
use lumivault_format::tree::Category;
use lumivault_format::{KdfParams, Precision, SnapshotTime};
use lumivault_ingest::backup::{BackupRequest, Input, backup};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};
use lumivault_restore::{
    RestoreError, RestorePlan, RestoreRequest, RestoreSummary, execute, open_target, plan,
};
use lumivault_testkit::SeededRandom;
use tempfile::TempDir;

/// What the tests take a file for.
fn category(path: &[u8]) -> Category {
    if path.ends_with(b".msg") {
        Category::Messages
    } else if path.ends_with(b".jpg") {
        Category::Media
    } else {
        Category::Other
    }
}

/// A repository, and room for sources and targets.
pub(super) struct Scene {
    folder: TempDir,
}

fn secret() -> SlotSecret {
    SlotSecret::Raw(RecoveryCode::from_key([7; 32]))
}

impl Scene {
    pub(super) fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let slot = NewSlot {
            secret: secret(),
            label: "test".into(),
            kdf: KdfParams::DEFAULT,
        };
        let options = InitOptions::new(vec![slot], lumivault_ingest::chunking::parameters());
        let disk = LocalDisk::create(&scene.repository()).unwrap();
        Repository::init(Arc::new(disk), &options, Environment::system(Arc::new(Silent))).unwrap();
        fs::create_dir(scene.source()).unwrap();
        scene
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    pub(super) fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.path("target")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in the source, with the folders above it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.source().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn open(&self, monitor: Arc<dyn Monitor>) -> Repository {
        let disk = LocalDisk::open(&self.repository()).unwrap();
        let env = Environment::system(monitor);
        Repository::open(Arc::new(disk), &secret(), OpenOptions::default(), env).unwrap()
    }

    /// Backs the source up and returns the snapshot.
    pub(super) fn backup(&self) -> StoredSnapshot {
        self.backup_of("Lumia 950", &self.source())
    }

    pub(super) fn backup_of(&self, phone: &str, source: &Path) -> StoredSnapshot {
        let repository = self.open(Arc::new(Silent));
        let specs = SourceSpec::place(&[source.to_owned()], &[]).unwrap();
        let request = BackupRequest {
            input: Input::Sources(specs),
            phone: phone.into(),
            host: "test".into(),
            tool: "test".into(),
            time: SnapshotTime {
                unix_seconds: 1_780_000_000,
                nanoseconds: 0,
                utc_offset_seconds: 0,
                precision: Precision::Instant,
            },
            tags: Vec::new(),
            categorise: category,
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
        let writing = Writing::begin(&repository, &holder, None).unwrap();
        let id = backup(&writing, &writing.snapshots().found, request)
            .unwrap()
            .snapshot
            .unwrap();
        let found = repository.snapshots().unwrap().found;
        found.into_iter().find(|snapshot| snapshot.id == id).unwrap()
    }

    /// Plans and carries out.
    pub(super) fn restore(
        &self,
        snapshot: &StoredSnapshot,
        change: impl FnOnce(&mut RestoreRequest<'_>),
    ) -> RestoreSummary {
        self.try_restore(snapshot, Arc::new(Silent), change).unwrap()
    }

    pub(super) fn try_restore(
        &self,
        snapshot: &StoredSnapshot,
        monitor: Arc<dyn Monitor>,
        change: impl FnOnce(&mut RestoreRequest<'_>),
    ) -> Result<RestoreSummary, RestoreError> {
        let repository = self.open(monitor);
        let index = ChunkIndex::load(&repository, None).unwrap();
        let reader = TreeReader::new(&repository, &index);
        let mut request = RestoreRequest::new(snapshot);
        request.threads = 2;
        change(&mut request);
        let target = open_target(&self.target(), &request)?;
        let plan = plan(&reader, request, Some(&target))?;
        execute(&plan, &reader, &target)
    }

    /// Plans, lets something happen, and carries out.
    pub(super) fn restore_after(
        &self,
        snapshot: &StoredSnapshot,
        change: impl FnOnce(&mut RestoreRequest<'_>),
        meanwhile: impl FnOnce(),
    ) -> RestoreSummary {
        let repository = self.open(Arc::new(Silent));
        let index = ChunkIndex::load(&repository, None).unwrap();
        let reader = TreeReader::new(&repository, &index);
        let mut request = RestoreRequest::new(snapshot);
        request.threads = 2;
        change(&mut request);
        let target = open_target(&self.target(), &request).unwrap();
        let plan = plan(&reader, request, Some(&target)).unwrap();
        meanwhile();
        execute(&plan, &reader, &target).unwrap()
    }

    /// Plans only, for the target as it is, and hands the plan to `look`.
    pub(super) fn plan<T>(
        &self,
        snapshot: &StoredSnapshot,
        change: impl FnOnce(&mut RestoreRequest<'_>),
        look: impl FnOnce(&RestorePlan<'_>, &TreeReader<'_>) -> T,
    ) -> T {
        let repository = self.open(Arc::new(Silent));
        let index = ChunkIndex::load(&repository, None).unwrap();
        let reader = TreeReader::new(&repository, &index);
        let mut request = RestoreRequest::new(snapshot);
        request.threads = 2;
        change(&mut request);
        let target = lumivault_restore::inspect_target(&self.target(), &request).unwrap();
        let plan = plan(&reader, request, target.as_ref()).unwrap();
        look(&plan, &reader)
    }

    /// The packs' files.
    pub(super) fn packs(&self) -> Vec<PathBuf> {
        let mut packs = Vec::new();
        for folder in fs::read_dir(self.repository().join("packs")).unwrap() {
            let folder = folder.unwrap().path();
            packs.extend(fs::read_dir(folder).unwrap().map(|pack| pack.unwrap().path()));
        }
        packs.sort();
        packs
    }
}

/// What is under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: &'static str,
    /// Of a file: hash and length. Of a link: its target.
    pub(super) content: (Vec<u8>, u64),
    pub(super) modified: SystemTime,
    pub(super) mode: u32,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) names: u64,
}

/// Everything beneath a folder, and the folder itself as the empty path.
pub(super) fn tree(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut out = BTreeMap::new();
    look(root, Path::new(""), &mut out);
    out
}

fn look(root: &Path, below: &Path, out: &mut BTreeMap<PathBuf, Node>) {
    let path = root.join(below);
    let metadata = path.symlink_metadata().unwrap();
    let kind = if metadata.is_dir() {
        "folder"
    } else if metadata.is_file() {
        "file"
    } else if metadata.is_symlink() {
        "link"
    } else {
        "special"
    };
    let content = match kind {
        "file" => {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs::File::open(&path).unwrap()).unwrap();
            (hasher.finalize().as_bytes().to_vec(), metadata.len())
        }
        "link" => {
            let target = path.read_link().unwrap();
            (target.as_os_str().as_encoded_bytes().to_vec(), 0)
        }
        _ => (Vec::new(), 0),
    };
    let node = Node {
        kind,
        content,
        modified: metadata.modified().unwrap(),
        mode: mode(&metadata),
        xattrs: xattrs(&path),
        names: names(&metadata),
    };
    out.insert(below.to_owned(), node);
    if kind == "folder" {
        for entry in fs::read_dir(&path).unwrap() {
            look(root, &below.join(entry.unwrap().file_name()), out);
        }
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o7777
}

#[cfg(unix)]
fn names(metadata: &fs::Metadata) -> u64 {
    if metadata.is_dir() {
        1
    } else {
        std::os::unix::fs::MetadataExt::nlink(metadata)
    }
}

#[cfg(unix)]
fn xattrs(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut list = vec![0; 4096];
    let Ok(length) = rustix::fs::llistxattr(path, list.as_mut_slice()) else {
        return Vec::new();
    };
    list.truncate(length);
    let names = list
        .split(|byte| *byte == 0)
        .filter(|name| name.starts_with(b"user."));
    let mut found: Vec<_> = names
        .map(|name| {
            let mut value = vec![0; 4096];
            let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).unwrap();
            value.truncate(length);
            (name.to_vec(), value)
        })
        .collect();
    found.sort();
    found
}

#[cfg(not(unix))]
fn mode(_metadata: &fs::Metadata) -> u32 {
    0
}

#[cfg(not(unix))]
fn names(_metadata: &fs::Metadata) -> u64 {
    1
}

#[cfg(not(unix))]
fn xattrs(_path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    Vec::new()
}

/// Asserts that two folders are the same, and says what differs.
#[track_caller]
pub(super) fn assert_same(source: &Path, target: &Path) {
    assert_equal(&tree(source), &tree(target));
}

/// Asserts that two folders hold the same. In place the target itself keeps its metadata.
#[track_caller]
pub(super) fn assert_same_inside(source: &Path, target: &Path) {
    let (mut source, mut target) = (tree(source), tree(target));
    for tree in [&mut source, &mut target] {
        tree.remove(Path::new(""));
    }
    assert_equal(&source, &target);
}

#[track_caller]
fn assert_equal(expected: &BTreeMap<PathBuf, Node>, found: &BTreeMap<PathBuf, Node>) {
    for (path, node) in expected {
        assert_eq!(Some(node), found.get(path), "{}", path.display());
    }
    let more: Vec<_> = found
        .keys()
        .filter(|path| !expected.contains_key(*path))
        .collect();
    assert!(more.is_empty(), "only in the target: {more:?}");
}

/// Sets the time of modification.
pub(super) fn set_time(path: &Path, seconds: i64, nanoseconds: u32) {
    let time = if seconds >= 0 {
        SystemTime::UNIX_EPOCH + std::time::Duration::new(seconds.unsigned_abs(), nanoseconds)
    } else {
        SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(seconds.unsigned_abs())
            + std::time::Duration::new(0, nanoseconds)
    };
    let file = writable(path);
    file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
}

/// A handle to set times with. The source may not be one's to write.
#[cfg(unix)]
pub(super) fn writable(path: &Path) -> fs::File {
    fs::File::open(path).unwrap()
}

#[cfg(windows)]
pub(super) fn writable(path: &Path) -> fs::File {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    fs::OpenOptions::new()
        .access_mode(FILE_WRITE_ATTRIBUTES)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)
        .unwrap()
}

/// Files as a phone has them: tiny ones that share bundles, texts, photos in several chunks, copies.
pub(super) fn plant_phone(scene: &Scene, seed: &str) {
    let random = SeededRandom::new(seed);
    for number in 0..120_u64 {
        let length = usize::try_from(random.below(4000)).unwrap();
        scene.write(
            &format!("Messages/{:02}/{number}.msg", number % 7),
            &random.bytes(length),
        );
    }
    for number in 0..6 {
        let text = format!("line {number} of a long text\n").repeat(20_000);
        scene.write(&format!("Documents/{number}.txt"), text.as_bytes());
    }
    let photo = random.bytes(3_000_000);
    scene.write("Pictures/Camera Roll/WP_1.jpg", &photo);
    scene.write("Pictures/Saved Pictures/copy.jpg", &photo);
    scene.write("Pictures/Camera Roll/WP_2.jpg", &random.bytes(2_500_000));
    scene.write("Music/long.bin", &random.bytes(5_000_000));
    scene.write("empty.txt", b"");
    fs::create_dir_all(scene.source().join("Ringtones/none")).unwrap();
    for (number, path) in tree(&scene.source()).keys().enumerate() {
        let seconds = 1_400_000_000 + i64::try_from(number).unwrap() * 1000;
        set_time(&scene.source().join(path), seconds, 123_456_700);
    }
}
