//! Archives made by an enemy who holds the key: nothing is written outside of the target, nothing is restored that
//! was not meant, and what is sound comes back.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, Compression, CompressionHint, Repository, Silent, StoredSnapshot, WriterOptions,
};
use lumivault_format::tree::{
    Category, ContentRecord, ContentState, EntryKind, Extent, Extra, ExtraKind, FolderHead, FolderRef,
    NameRecord, NameState, StatRecord, StatState, Stream, StreamRecords,
};
use lumivault_format::{ChunkId, ChunkKind};
use lumivault_restore::error::Cause;
use lumivault_restore::target::TargetError;
use lumivault_restore::{Outcome, OverwriteWhen, RestoreSummary};

use super::support::{Scene, tree};

/// A folder written by hand; nothing is checked.
#[derive(Default)]
struct Forged {
    entries: Vec<(Vec<u8>, EntryKind, StatRecord)>,
    contents: Vec<ContentRecord>,
    folders: Vec<FolderRef>,
}

impl Forged {
    fn file(mut self, name: &[u8], extents: Vec<Extent>) -> Self {
        let content = self.contents.len() as u64;
        self.contents.push(ContentRecord {
            classifier: 1,
            chunker: 1,
            extents,
        });
        self.entries
            .push((name.to_vec(), EntryKind::File { content }, StatRecord::default()));
        self
    }

    fn folder(mut self, name: &[u8], inner: &Self) -> Self {
        self.folders.push(inner.reference());
        self.entries
            .push((name.to_vec(), EntryKind::Folder, StatRecord::default()));
        self
    }

    #[cfg(unix)]
    fn link(mut self, name: &[u8], target: &[u8]) -> Self {
        let target = target.to_vec();
        self.entries.push((
            name.to_vec(),
            EntryKind::Symlink { target },
            StatRecord::default(),
        ));
        self
    }

    /// Changes the metadata of the entry added last.
    fn with(mut self, change: impl FnOnce(&mut StatRecord)) -> Self {
        change(&mut self.entries.last_mut().unwrap().2);
        self
    }

    fn reference(&self) -> FolderRef {
        let stream = |records: usize, bytes: Vec<u8>| StreamRecords {
            records: records as u64,
            stream: Stream::Inline(bytes),
        };
        let (mut contents, mut state) = (Vec::new(), ContentState::default());
        self.contents
            .iter()
            .for_each(|content| content.encode(&mut state, &mut contents));
        let (mut names, mut state) = (Vec::new(), NameState::default());
        for (name, kind, _) in &self.entries {
            NameRecord {
                name: name.clone(),
                category: Category::None,
                kind: kind.clone(),
            }
            .encode(&mut state, &mut names);
        }
        let (mut stats, mut state) = (Vec::new(), StatState::default());
        self.entries
            .iter()
            .for_each(|(.., stat)| stat.encode(&mut state, &mut stats));
        let mut folders = Vec::new();
        self.folders.iter().for_each(|folder| folder.encode(&mut folders));
        let head = FolderHead {
            entries: self.entries.len() as u64,
            streams: [
                stream(self.contents.len(), contents),
                stream(self.entries.len(), names),
                stream(self.entries.len(), stats),
                stream(self.folders.len(), folders),
            ],
        };
        FolderRef::Inline(head.encode())
    }
}

/// A repository with a chunk of good bytes, a folder beside the target that nothing may touch, and snapshots to order.
struct Den {
    scene: Scene,
    honest: StoredSnapshot,
    chunk: Extent,
}

const GOOD: &[u8] = b"good bytes that come back";
const CANARY: &[u8] = b"untouched";

impl Den {
    fn new() -> Self {
        let scene = Scene::new();
        scene.write("honest", b"honest");
        let honest = scene.backup();
        let outside = scene.path("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("canary"), CANARY).unwrap();
        let repository = scene.open(Arc::new(Silent));
        let chunk = store(&repository, GOOD);
        let chunk = Extent::Chunk {
            id: chunk,
            len: u32::try_from(GOOD.len()).unwrap(),
        };
        Self { scene, honest, chunk }
    }

    fn good(&self) -> Vec<Extent> {
        vec![self.chunk]
    }

    fn commit(&self, root: &FolderRef) -> StoredSnapshot {
        let repository = self.scene.open(Arc::new(Silent));
        let mut snapshot = self.honest.snapshot.clone();
        snapshot.root.clear();
        root.encode(&mut snapshot.root);
        let id = repository.commit_snapshot(&snapshot).unwrap().id;
        let found = repository.snapshots().unwrap().found;
        found.into_iter().find(|one| one.id == id).unwrap()
    }

    /// Restores a forged root and checks what is beside the target.
    fn restore(&self, root: &Forged) -> Result<RestoreSummary, lumivault_restore::RestoreError> {
        let snapshot = self.commit(&root.reference());
        let summary = self.scene.try_restore(&snapshot, Arc::new(Silent), |request| {
            request.overwrite = Some(OverwriteWhen::Always);
            request.delete = true;
        });
        self.check_outside();
        summary
    }

    fn check_outside(&self) {
        let outside = self.scene.path("outside");
        assert_eq!(tree(&outside).len(), 2);
        assert_eq!(fs::read(outside.join("canary")).unwrap(), CANARY);
        let mut beside: Vec<PathBuf> = fs::read_dir(outside.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                !["outside", "repository", "source", "target"]
                    .iter()
                    .any(|n| path.ends_with(n))
            })
            .collect();
        beside.sort();
        assert_eq!(beside, Vec::<PathBuf>::new());
    }
}

fn store(repository: &Repository, bytes: &[u8]) -> ChunkId {
    let index = Arc::new(ChunkIndex::load(repository, None).unwrap());
    let options = WriterOptions {
        compression: Compression::default(),
        threads: 1,
        dry_run: false,
    };
    let writer = ChunkWriter::new(repository, index, options).unwrap();
    let stored = writer
        .store(ChunkKind::Data, bytes, CompressionHint::Store)
        .unwrap();
    writer.finish().unwrap();
    stored.id
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_the_rest_comes_back() {
    let long = [b'x'; 1025];
    let attacks: [&[&[u8]]; 10] = [
        &[b".."],
        &[b"."],
        &[b""],
        &[b"../outside/canary"],
        &[b"/tmp/lumivault-forged-absolute"],
        &[b"a/b"],
        &[b"a\0b"],
        &[&long],
        // One name twice, and names out of order.
        &[b"twice", b"twice"],
        &[b"b", b"a"],
    ];
    for names in attacks {
        let den = Den::new();
        let bad = names
            .iter()
            .fold(Forged::default(), |folder, name| folder.file(name, den.good()));
        // As the root nothing can be restored at all.
        let error = den.restore(&bad).unwrap_err();
        assert!(error.is_damage(), "{names:?}: {error}");
        assert_eq!(tree(&den.scene.target()).len(), 1, "{names:?}");
        // Beneath, only that folder is lost.
        let root = Forged::default().folder(b"bad", &bad).file(b"good", den.good());
        let summary = den.restore(&root).unwrap();
        assert_eq!((summary.created, summary.problems_total), (1, 1), "{names:?}");
        assert_eq!(summary.outcome(), Outcome::Damaged);
        assert_eq!(summary.problems[0].path.to_string(), "bad");
        assert!(matches!(summary.problems[0].cause, Cause::Folder(_)));
        assert_eq!(fs::read(den.scene.target().join("good")).unwrap(), GOOD);
        assert!(!den.scene.target().join("bad").exists());
    }
    assert!(!std::path::Path::new("/tmp/lumivault-forged-absolute").exists());
}

#[cfg(unix)]
#[test]
fn a_link_and_then_what_is_beneath_it() {
    let den = Den::new();
    let outside = den.scene.path("outside");
    let to_outside = outside.as_os_str().as_encoded_bytes().to_vec();
    // In one folder it would be one name twice.
    let inner = Forged::default().file(b"canary", den.good());
    let both = Forged::default().link(b"d", &to_outside).folder(b"d", &inner);
    assert!(den.restore(&both).unwrap_err().is_damage());
    // First a snapshot with the link, then one with a folder of its name, and the other way round.
    let link = Forged::default()
        .link(b"d", &to_outside)
        .link(b"file", b"../outside/canary");
    let folder = Forged::default().folder(b"d", &inner).file(b"file", den.good());
    for root in [&link, &folder, &link, &folder] {
        let _ = den.restore(root).unwrap();
    }
    assert_eq!(fs::read(den.scene.target().join("d/canary")).unwrap(), GOOD);
    assert!(!den.scene.target().join("d").is_symlink());
    // A link into the target itself is as harmless.
    let loops = Forged::default()
        .link(b"a", b".")
        .link(b"b", b"a/a/a")
        .folder(b"c", &Forged::default().link(b"up", b"..").file(b"x", den.good()));
    let summary = den.restore(&loops).unwrap();
    assert_eq!(summary.others, 3);
    assert_eq!(fs::read(den.scene.target().join("c/x")).unwrap(), GOOD);
}

#[test]
fn too_deep_is_cut_off_and_named() {
    let den = Den::new();
    let mut deep = Forged::default().file(b"bottom", den.good());
    for _ in 0..300 {
        deep = Forged::default().folder(b"d", &deep).file(b"good", den.good());
    }
    let summary = den.restore(&deep).unwrap();
    assert_eq!(summary.problems_total, 1);
    let [problem] = summary.problems.as_slice() else {
        panic!("{:?}", summary.problems);
    };
    match &problem.cause {
        Cause::Target(error) => assert!(matches!(**error, TargetError::TooDeep { .. }), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(summary.created, 257, "the target and 256 folders beneath it");
}

#[test]
fn contents_that_do_not_fit_their_chunks() {
    let den = Den::new();
    let Extent::Chunk { id, len } = den.chunk else {
        unreachable!()
    };
    let unknown = ChunkId::from_bytes([9; 32]);
    let slice = |bundle_len, offset, length| Extent::Slice {
        bundle: id,
        bundle_len,
        offset,
        len: length,
        id: unknown,
    };
    let root = Forged::default()
        .file(b"a longer", vec![Extent::Chunk { id, len: len + 1 }])
        .file(b"b shorter", vec![Extent::Chunk { id, len: len - 1 }])
        .file(b"c unknown", vec![Extent::Chunk { id: unknown, len: 5 }])
        .file(b"d bundle", vec![slice(len + 10, len + 2, 3)])
        .file(b"e good slice", vec![slice(len, 5, 5)])
        .file(b"f twice", vec![den.chunk, Extent::Hole { len: 10 }, den.chunk])
        .file(b"g hole", vec![Extent::Hole { len: 5000 }])
        .file(b"h empty", Vec::new());
    let summary = den.restore(&root).unwrap();
    assert_eq!(summary.outcome(), Outcome::Damaged);
    let named: Vec<String> = summary.problems.iter().map(|p| p.path.to_string()).collect();
    assert_eq!(named, ["a longer", "b shorter", "c unknown", "d bundle"]);
    assert!(matches!(summary.problems[0].cause, Cause::Disagreement { .. }));
    assert!(matches!(summary.problems[2].cause, Cause::Chunk { .. }));
    let read = |name: &str| fs::read(den.scene.target().join(name)).unwrap();
    assert_eq!(read("e good slice"), &GOOD[5..10]);
    assert_eq!(read("f twice"), [GOOD, &[0; 10], GOOD].concat());
    assert_eq!(read("g hole"), [0; 5000]);
    assert!(read("h empty").is_empty());
    assert_eq!(
        tree(&den.scene.target()).len(),
        5,
        "no other name, and no leftovers"
    );
}

#[test]
fn a_hole_of_exabytes_fills_nothing() {
    let den = Den::new();
    let root = Forged::default()
        .file(b"exabytes", vec![Extent::Hole { len: 1 << 62 }])
        .file(b"good", den.good());
    let snapshot = den.commit(&root.reference());
    let summary = den.scene.restore(&snapshot, |_| ());
    // Some file systems have such holes, others refuse.
    assert_eq!(summary.created + summary.problems_total, 2);
    assert_eq!(fs::read(den.scene.target().join("good")).unwrap(), GOOD);
}

#[test]
fn counts_that_lie_are_refused() {
    let den = Den::new();
    let FolderRef::Inline(good) = Forged::default().file(b"a", den.good()).reference() else {
        unreachable!()
    };
    let head = FolderHead::decode(&good).unwrap();
    let mut many = head.clone();
    many.entries = u64::MAX;
    for at in [1, 2] {
        many.streams[at].records = u64::MAX;
    }
    let mut dangling = Forged::default().file(b"a", den.good());
    dangling.entries[0].1 = EntryKind::File { content: 77 };
    let mut orphan = Forged::default().file(b"a", den.good());
    orphan.entries[0].1 = EntryKind::Folder;
    for reference in [
        FolderRef::Inline(many.encode()),
        dangling.reference(),
        orphan.reference(),
        FolderRef::Inline(good[..good.len() - 1].to_vec()),
        FolderRef::Inline([&good[..], b"x"].concat()),
        // A data chunk is no folder.
        FolderRef::Chunk {
            id: den.chunk.chunk().unwrap(),
            plain_len: 25,
        },
    ] {
        let snapshot = den.commit(&reference);
        let error = den
            .scene
            .try_restore(&snapshot, Arc::new(Silent), |_| ())
            .unwrap_err();
        assert!(error.is_damage(), "{error}");
        assert_eq!(tree(&den.scene.target()).len(), 1);
    }
}

#[cfg(unix)]
#[test]
fn special_bits_and_devices_come_only_on_request() {
    use std::os::unix::fs::MetadataExt;

    let den = Den::new();
    let mut root = Forged::default()
        .file(b"a set-user", den.good())
        .with(|stat| stat.mode = Some(0o6755))
        .file(b"b owned", den.good())
        .with(|stat| (stat.owner, stat.group) = (Some(12345), Some(12345)));
    root.entries
        .push((b"c device".to_vec(), EntryKind::CharDevice, StatRecord::default()));
    root = root.with(|stat| stat.extras.push(Extra::device(1, 3)));
    let summary = den.restore(&root).unwrap();
    let look = |name: &str| den.scene.target().join(name).metadata().unwrap();
    assert_eq!(look("a set-user").mode() & 0o7777, 0o755);
    assert_ne!(look("b owned").uid(), 12345);
    assert!(!den.scene.target().join("c device").exists());
    assert_eq!(summary.skipped.special_bits, 1);
    assert_eq!(
        summary.outcome(),
        Outcome::Complete,
        "left out as the request says"
    );
}

#[test]
fn what_must_be_understood_and_is_not_is_refused_by_name() {
    let den = Den::new();
    let unknown = |critical| Extra {
        kind: ExtraKind::Unknown(99),
        critical,
        value: b"?".to_vec(),
    };
    let root = Forged::default()
        .file(b"critical", den.good())
        .with(|stat| stat.extras.push(unknown(true)))
        .file(b"harmless", den.good())
        .with(|stat| stat.extras.push(unknown(false)));
    let summary = den.restore(&root).unwrap();
    assert_eq!((summary.created, summary.problems_total), (1, 1));
    let text = summary.problems[0].to_string();
    assert!(
        text.starts_with("critical needs a newer lumivault") && text.contains("99"),
        "{text}"
    );
    assert!(den.scene.target().join("harmless").exists());
    assert!(!den.scene.target().join("critical").exists());
}

#[test]
fn names_that_the_restore_uses_itself_are_written_under_others() {
    let den = Den::new();
    let root = Forged::default()
        .file(b".lumivault-0123456789abcdef-0.part", den.good())
        .file(b".lumivault-restore", den.good());
    let summary = den.restore(&root).unwrap();
    assert_eq!(
        (summary.created, summary.notices_total),
        (2, 2),
        "{:?}",
        summary.notices
    );
    let names: Vec<String> = tree(&den.scene.target())
        .into_keys()
        .map(|path| path.to_str().unwrap().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names.len(), 2);
    for name in names {
        assert!(name.contains('~'), "{name}");
        assert_eq!(fs::read(den.scene.target().join(name)).unwrap(), GOOD);
    }
}

#[test]
fn files_of_one_group_and_of_different_content_stay_different() {
    let den = Den::new();
    let repository = den.scene.open(Arc::new(Silent));
    let other = b"other bytes".as_slice();
    let other = Extent::Chunk {
        id: store(&repository, other),
        len: u32::try_from(other.len()).unwrap(),
    };
    let group = |stat: &mut StatRecord| {
        stat.extras.push(Extra {
            kind: ExtraKind::HardLink,
            critical: false,
            value: vec![1; 8],
        });
    };
    let root = Forged::default()
        .file(b"a", den.good())
        .with(group)
        .file(b"b", vec![other])
        .with(group)
        .file(b"c", den.good())
        .with(group);
    let summary = den.restore(&root).unwrap();
    assert_eq!((summary.created, summary.hard_links), (2, 1));
    let read = |name: &str| fs::read(den.scene.target().join(name)).unwrap();
    assert_eq!(
        (read("a"), read("b"), read("c")),
        (GOOD.to_vec(), b"other bytes".to_vec(), GOOD.to_vec())
    );
}

#[test]
fn a_chunk_in_two_packs_survives_damage_to_either() {
    let den = Den::new();
    let before: Vec<PathBuf> = den.scene.packs();
    let bytes = b"stored by two machines at once".repeat(100);
    // Neither writer knows of the other's chunk.
    let repository = den.scene.open(Arc::new(Silent));
    let writers = [0, 1].map(|_| {
        let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
        let options = WriterOptions {
            compression: Compression::default(),
            threads: 1,
            dry_run: false,
        };
        ChunkWriter::new(&repository, index, options).unwrap()
    });
    let mut id = None;
    for writer in writers {
        let stored = writer
            .store(ChunkKind::Data, &bytes, CompressionHint::Store)
            .unwrap();
        writer.finish().unwrap();
        id = Some(stored.id);
    }
    let extent = Extent::Chunk {
        id: id.unwrap(),
        len: u32::try_from(bytes.len()).unwrap(),
    };
    let snapshot = den.commit(&Forged::default().file(b"file", vec![extent]).reference());
    let packs: Vec<PathBuf> = den
        .scene
        .packs()
        .into_iter()
        .filter(|p| !before.contains(p))
        .collect();
    assert_eq!(packs.len(), 2, "each writer stored it");
    for pack in &packs {
        let original = fs::read(pack).unwrap();
        let mut damaged = original.clone();
        damaged[100] ^= 1;
        fs::write(pack, &damaged).unwrap();
        let _ = fs::remove_dir_all(den.scene.target());
        let summary = den.scene.restore(&snapshot, |_| ());
        assert_eq!(summary.outcome(), Outcome::Complete, "{:?}", summary.problems);
        assert_eq!(fs::read(den.scene.target().join("file")).unwrap(), bytes);
        fs::remove_file(pack).unwrap();
        let _ = fs::remove_dir_all(den.scene.target());
        let summary = den.scene.restore(&snapshot, |_| ());
        assert_eq!(summary.outcome(), Outcome::Complete, "{:?}", summary.problems);
        fs::write(pack, &original).unwrap();
    }
}
