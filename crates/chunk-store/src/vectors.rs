//! The frozen test vectors of docs/format.md §15: an archive whose every random draw is known, its keys, and its
//! objects byte by byte. They may be added to, never changed: a difference is a break of the format.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lumivault_format::tree::{
    ContentRecord, Extent, FolderHead, FolderRef, StatRecord, Stream, StreamRecords,
};
use lumivault_format::{
    Annotation, AnnotationKind, CategoryCount, ChunkKind, Codec, Counts, Index, KdfParams, ObjectId,
    ObjectKind, ObjectType, Precision, Scope, Snapshot, SnapshotTime, Source, TreeDigest, Warning, padme,
};
use serde_json::{Map, Value, json};

use crate::backend::{Backend, Memory};
use crate::keys::{Keyring, NewSlot, RecoveryCode, SlotKeys, SlotSecret};
use crate::{
    ChunkIndex, ChunkWriter, Clock, Compression, CompressionHint, Environment, Error, InitOptions, Random,
    Repository, Silent, WriterOptions, codec,
};

const FROZEN: &str = include_str!("../../../fixtures/vectors.json");

/// Draw number n is n, as often as bytes are asked for; only the choice among open packs is always the first.
#[derive(Debug, Default)]
struct Counting(Mutex<Vec<usize>>);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        if buffer.len() == 8 {
            buffer.fill(0);
            return Ok(());
        }
        let mut draws = self.0.lock().unwrap();
        draws.push(buffer.len());
        buffer.fill(u8::try_from(draws.len()).unwrap());
        Ok(())
    }
}

#[derive(Debug)]
struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> (i64, u32) {
        (1_463_220_000, 0)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

const RAW_KEY: [u8; 32] = *b"a raw key of exactly 32 bytes !!";
const CHUNKS: [&[u8]; 2] = [b"BEGIN:VCARD", b"a photo"];
const ROOT: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

struct Archive {
    repository: Repository,
    memory: Memory,
    random: Arc<Counting>,
}

fn archive() -> Archive {
    let random = Arc::new(Counting::default());
    let env = Environment {
        random: random.clone(),
        clock: Arc::new(Frozen),
        monitor: Arc::new(Silent),
    };
    let memory = Memory::new();
    let options = InitOptions::new(
        vec![NewSlot {
            secret: SlotSecret::Raw(RecoveryCode::from_key(RAW_KEY)),
            label: "recovery code".into(),
            kdf: KdfParams::DEFAULT,
        }],
        vec![1, 0, 64, 0, 0],
    );
    let repository = Repository::init(Arc::new(memory.clone()), &options, env).unwrap();
    for (kind, chunks) in [(ChunkKind::Data, &CHUNKS[..]), (ChunkKind::Tree, &[ROOT])] {
        let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
        let options = WriterOptions {
            compression: Compression::Off,
            threads: 1,
            dry_run: false,
        };
        let writer = ChunkWriter::new(&repository, index, options).unwrap();
        for chunk in chunks {
            writer.store(kind, chunk, CompressionHint::Store).unwrap();
        }
        writer.finish().unwrap();
    }
    Archive {
        repository,
        memory,
        random,
    }
}

impl Archive {
    fn objects(&self, kind: ObjectKind) -> Vec<Vec<u8>> {
        let mut listed = self.memory.list(kind).unwrap();
        listed.sort_unstable();
        let read = |name| {
            let id = ObjectId { kind, name };
            let mut bytes = vec![0; usize::try_from(self.memory.size(&id).unwrap()).unwrap()];
            self.memory.read_at(&id, 0, &mut bytes).unwrap();
            bytes
        };
        listed.into_iter().map(|info| read(info.name)).collect()
    }

    fn only(&self, kind: ObjectKind) -> Vec<u8> {
        let mut objects = self.objects(kind);
        assert_eq!(objects.len(), 1, "{kind}");
        objects.remove(0)
    }

    fn keyring(&self) -> &Keyring {
        &self.repository.secrets().keyring
    }
}

/// A record with every field in use.
fn snapshot(archive: &Archive) -> Snapshot {
    let head = FolderHead::decode(ROOT).unwrap();
    let empty = StreamRecords {
        records: 0,
        stream: Stream::Inline(Vec::new()),
    };
    assert_eq!(head.streams, [empty.clone(), empty.clone(), empty.clone(), empty]);
    let mut root = Vec::new();
    FolderRef::Chunk {
        id: archive.repository.chunk_id(ChunkKind::Tree, ROOT),
        plain_len: u32::try_from(ROOT.len()).unwrap(),
    }
    .encode(&mut root);
    let stat = StatRecord {
        mtime_seconds: 1_463_220_000,
        mode: Some(0o755),
        ..StatRecord::default()
    };
    Snapshot {
        time: SnapshotTime {
            unix_seconds: 1_464_731_999,
            nanoseconds: 0,
            utc_offset_seconds: 7200,
            precision: Precision::Month,
        },
        phone: "Lumia 950 XL".into(),
        host: "desk".into(),
        tool: "lumivault 0.1.0".into(),
        sources: vec![Source {
            label: Vec::new(),
            path: b"/media/Lumia-Backup-2016-05".to_vec(),
        }],
        scope: Scope {
            excludes: vec!["*.tmp".into()],
            categories: vec![6],
            incomplete: true,
        },
        tags: vec!["monthly".into()],
        predecessors: vec![lumivault_format::SnapshotId::from_bytes([0xaa; 32])],
        root,
        root_stat: stat.encode_alone(),
        counts: Counts {
            files: 2,
            folders: 0,
            others: 0,
            bytes: 18,
            new_bytes: 18,
            stored_bytes: 18,
            categories: vec![CategoryCount {
                category: 1,
                files: 1,
                bytes: 7,
            }],
        },
        warnings: vec![Warning {
            path: b"Pictures/broken.jpg".to_vec(),
            code: "unreadable".into(),
            message: "it could not be read".into(),
        }],
        warnings_total: 1,
        config_generation: 1,
        config: archive.repository.config_name(),
        digest: TreeDigest::from_bytes([0xbb; 32]),
        written_unix_seconds: 1_463_220_000,
    }
}

fn keys(archive: &Archive) -> Value {
    let keyring = archive.keyring();
    let contexts = [
        "data chunk id",
        "tree chunk id",
        "content id",
        "tree digest",
        "snapshot id",
        "snapshot mac",
        "chunker",
        "tree streams",
        "epoch mac",
        "slot info",
        "local cache",
    ];
    let derived: BTreeMap<_, _> = contexts
        .iter()
        .map(|context| format!("lumivault v1 {context}"))
        .map(|context| (context.clone(), hex(&*keyring.derive(&context))))
        .collect();
    let object_keys: BTreeMap<_, _> = [1, 6, 7, 8]
        .into_iter()
        .map(|number| {
            let object_type = ObjectType::from_number(number).unwrap();
            (
                number.to_string(),
                hex(&*keyring.object_key(object_type, 1).unwrap()),
            )
        })
        .collect();
    json!({
        "keyring plaintext": hex(&keyring.encode()),
        "derived from the master key": derived,
        "object keys by type, epoch 1": object_keys,
    })
}

fn slots(archive: &Archive) -> Value {
    let object = archive.only(ObjectKind::KeySlot);
    let salt: [u8; 32] = object[68..100].try_into().unwrap();
    let raw = SlotKeys::from_raw(&RAW_KEY, &salt, &archive.repository.archive());
    let private = blake3::derive_key("lumivault v1 slot private key", &*raw.kek);
    let password = "\u{feff}Cafe\u{301} 950 XL\r\n";
    let typed = SlotKeys::from_password(password, &[0x5a; 32], KdfParams::DEFAULT).unwrap();
    json!({
        "raw key slot": {
            "raw key": hex(&RAW_KEY),
            "recovery code": RecoveryCode::from_key(RAW_KEY).to_text().as_str(),
            "kek": hex(&*raw.kek),
            "commitment key": hex(&*raw.commitment),
            "x25519 private key": hex(&private),
            "object": hex(&object),
        },
        "passphrase": {
            "as typed, UTF-8": hex(password.as_bytes()),
            "salt": hex(&[0x5a; 32]),
            "memory KiB, passes, lanes": [65_536, 3, 4],
            "kek": hex(&*typed.kek),
            "commitment key": hex(&*typed.commitment),
        },
    })
}

/// The parts of a pack without its padding, which is the BLAKE3 output of no bytes under a random key.
fn pack(archive: &Archive, kind: ChunkKind, chunks: &[&[u8]]) -> Value {
    let of_kind = |bytes: &Vec<u8>| bytes[10] == kind.pack_type().number();
    let bytes = archive
        .objects(ObjectKind::Pack)
        .into_iter()
        .find(of_kind)
        .unwrap();
    let salt: [u8; 32] = bytes[32..64].try_into().unwrap();
    let key = archive.keyring().pack_key(kind.pack_type(), 1, &salt).unwrap();
    let entries = 80 + chunks.iter().map(|chunk| chunk.len() + 16).sum::<usize>();
    let directory = bytes.len() - 32 - 16 - 41 * chunks.len();
    let ids: Vec<_> = chunks
        .iter()
        .map(|chunk| hex(archive.repository.chunk_id(kind, chunk).as_bytes()))
        .collect();
    // Draws are constant, so the padding's key is found by its number: one after the salt's.
    let padding_key = [salt[0] + 1; 32];
    let mut padding = vec![0; directory - entries];
    blake3::Hasher::new_keyed(&padding_key)
        .finalize_xof()
        .fill(&mut padding);
    assert_eq!(bytes[entries..directory], padding);
    json!({
        "chunks": chunks.iter().map(|chunk| hex(chunk)).collect::<Vec<_>>(),
        "chunk ids": ids,
        "pack key": hex(&*key),
        "beginning and entries": hex(&bytes[..entries]),
        "padding key": hex(&padding_key),
        "padding bytes": padding.len(),
        "directory and trailer": hex(&bytes[directory..]),
        "name": hex(blake3::hash(&bytes).as_bytes()),
    })
}

fn records(archive: &Archive) -> Value {
    let snapshot = snapshot(archive);
    let id = archive
        .repository
        .commit_record(&snapshot, &snapshot.encode())
        .unwrap()
        .id;
    let mac = crate::keys::keyed_hash(
        &archive.repository.secrets().derived.snapshot_mac,
        &snapshot.encode(),
    );
    let annotation = Annotation {
        kind: AnnotationKind::TagAdded,
        snapshot: id,
        text: "keep".into(),
        unix_seconds: 1_463_220_001,
        nanoseconds: 5,
        host: "desk".into(),
        predecessors: Vec::new(),
    };
    archive.repository.annotate(&annotation).unwrap();
    let index: Vec<_> = archive
        .objects(ObjectKind::Index)
        .iter()
        .map(|object| hex(object))
        .collect();
    let replacing = Index {
        packs: Vec::new(),
        replaces: vec![lumivault_format::ObjectName::from_bytes([0xcc; 32])],
    };
    json!({
        "config": {
            "body": hex(&archive.repository.config().encode()),
            "object": hex(&archive.only(ObjectKind::Config)),
        },
        "index objects, ascending by name": index,
        "index body that only replaces": hex(&replacing.encode()),
        "snapshot": {
            "record": hex(&snapshot.encode()),
            "mac": hex(&mac),
            "id": hex(id.as_bytes()),
            "id in letters": id.to_letters(),
            "object": hex(&archive.only(ObjectKind::Snapshot)),
        },
        "annotation": {
            "body": hex(&annotation.encode()),
            "object": hex(&archive.only(ObjectKind::Annotation)),
        },
    })
}

/// Bodies alone: their sealing is that of every other object.
fn forgetting() -> Value {
    let id = |byte| lumivault_format::SnapshotId::from_bytes([byte; 32]);
    let body = |kind, predecessors: Vec<_>| {
        let annotation = Annotation {
            kind,
            snapshot: id(0xab),
            text: String::new(),
            unix_seconds: 1_463_220_002,
            nanoseconds: 999_999_999,
            host: "desk".into(),
            predecessors,
        };
        hex(&annotation.encode())
    };
    json!({
        "tombstone of a snapshot with two predecessors": body(AnnotationKind::Tombstone, vec![id(1), id(2)]),
        "tombstone of the first snapshot": body(AnnotationKind::Tombstone, Vec::new()),
        "revival": body(AnnotationKind::Revival, Vec::new()),
        "removal": body(AnnotationKind::Removal, Vec::new()),
    })
}

fn contents(archive: &Archive) -> Value {
    let [first, second] = CHUNKS.map(|chunk| archive.repository.chunk_id(ChunkKind::Data, chunk));
    let extent = |id, len| Extent::Chunk { id, len };
    let content = ContentRecord {
        classifier: 0,
        chunker: 0,
        extents: vec![
            extent(first, 11),
            Extent::Hole { len: 1 << 33 },
            extent(second, 7),
        ],
    };
    let digest = b"\x05a.vcf\x01";
    let material = [
        digest.as_slice(),
        archive.repository.content_id(&content).as_bytes(),
    ]
    .concat();
    json!({
        "content of chunk, hole of 2^33, chunk": {
            "hashed": hex(&content.id_material()),
            "content id": hex(archive.repository.content_id(&content).as_bytes()),
        },
        "digest of a folder with that file as a.vcf": hex(archive.repository.tree_digest(&material).as_bytes()),
    })
}

fn epoch(archive: &Archive) -> Value {
    let before = archive.random.0.lock().unwrap().len();
    let number = archive.repository.rotate_epoch().unwrap();
    let draw = |n: usize| vec![u8::try_from(before + n).unwrap(); 32];
    json!({
        "number": number,
        "epoch key": hex(&draw(2)),
        "ephemeral private key": hex(&draw(3)),
        "object": hex(&archive.only(ObjectKind::Epoch)),
    })
}

fn computed() -> Value {
    let archive = archive();
    let lengths = [
        0,
        1,
        2,
        3,
        9,
        100,
        1000,
        1025,
        65_537,
        1_000_000,
        16_777_215,
        16_777_217,
        5_000_000_000,
    ];
    let padded: Vec<_> = lengths.iter().map(|length| [*length, padme(*length)]).collect();
    let mut all = Map::new();
    all.insert(
        "about".into(),
        "docs/format.md §15. Byte strings are hexadecimal. Random draw n of this archive is the byte n repeated: archive id 1, \
         master key 2, epoch key 3, slot id 4, slot salt 5, keyring nonce 6, information nonce 7, replica id 8, config \
         nonce 9, then per pack salt and padding key, and the nonces of sealed objects in the order they were written."
            .into(),
    );
    all.insert("padme".into(), json!(padded));
    // 40 times `lumivault `, by libzstd 1.5.7 at level 3.
    let frame = "28b52ffd6090008d0000506c756d697661756c7420010083550b12";
    all.insert("zstd frame".into(), frame.into());
    all.insert("keys".into(), keys(&archive));
    all.insert("key slots".into(), slots(&archive));
    all.insert("data pack".into(), pack(&archive, ChunkKind::Data, &CHUNKS));
    all.insert("tree pack".into(), pack(&archive, ChunkKind::Tree, &[ROOT]));
    all.insert("contents".into(), contents(&archive));
    all.insert("sealed objects".into(), records(&archive));
    all.insert("epoch object".into(), epoch(&archive));
    all.insert("annotation bodies".into(), forgetting());
    Value::Object(all)
}

#[test]
fn the_vectors_are_what_they_were() {
    let computed = computed();
    let frozen: Value = serde_json::from_str(FROZEN).unwrap();
    for (name, value) in computed.as_object().unwrap() {
        assert_eq!(
            frozen.get(name),
            Some(value),
            "`{name}` differs; all computed: {computed:#}"
        );
    }
    // Nothing is frozen that no test reads.
    assert_eq!(
        frozen.as_object().unwrap().len(),
        computed.as_object().unwrap().len()
    );
}

/// Encoders may change with zstd; what one wrote once must decode for ever.
#[test]
fn a_frozen_zstd_frame_decodes_to_its_length_and_to_no_other() {
    let frozen: Value = serde_json::from_str(FROZEN).unwrap();
    let frame = unhex(frozen["zstd frame"].as_str().unwrap());
    let mut plain = Vec::new();
    let mut decode = |length| codec::decode(Codec::Zstd, &frame, length, &mut plain).map(|()| plain.clone());
    assert_eq!(decode(400).unwrap(), b"lumivault ".repeat(40));
    assert!(decode(399).is_err() && decode(401).is_err());
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
