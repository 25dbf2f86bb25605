//! Config, key slots, index objects and packs as documents; the fields are those of docs/format.md.

use lumivault_chunk_store::{Error, PackReader, Repository};
use lumivault_format::{
    ChunkKind, Codec, Index, IndexedPack, KdfParams, KeySlot, ObjectId, ObjectKind, ObjectName,
    PACK_PREFIX_BYTES, PackEntry, SlotKind, limits,
};
use serde::Serialize;

use super::one;
use crate::commands::answer::{hex, utc};
use crate::commands::pack_size::padding;
use crate::commands::repo::Opened;
use crate::failure::Failure;

#[derive(Serialize)]
pub(super) struct ConfigDocument {
    object: String,
    archive: String,
    replica: String,
    generation: u32,
    created: String,
    chunker: Chunker,
    parity_percent: u8,
    listing_delay_seconds: u32,
}

/// Chunker parameters, docs/format.md §11; sizes in bytes.
#[derive(Serialize)]
struct Chunker {
    bytes: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    small: Option<[u32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    large: Option<[u32; 3]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalisation: Option<u32>,
}

impl Chunker {
    /// Of a set that is not known here only the bytes are shown.
    fn new(bytes: &[u8]) -> Self {
        let mut known = Self {
            bytes: hex(bytes),
            set: None,
            small: None,
            large: None,
            normalisation: None,
        };
        if let (Some(1), 29) = (bytes.first(), bytes.len()) {
            let number = |at: usize| {
                let field = bytes.get(1 + at * 4..).and_then(|rest| rest.first_chunk::<4>());
                field.map_or(0, |field| u32::from_le_bytes(*field))
            };
            known.set = Some(1);
            known.small = Some([number(0), number(1), number(2)]);
            known.large = Some([number(3), number(4), number(5)]);
            known.normalisation = Some(number(6));
        }
        known
    }
}

pub(super) fn config(repository: &Repository) -> ConfigDocument {
    let config = repository.config();
    ConfigDocument {
        object: repository.config_name().to_hex(),
        archive: hex(config.archive.as_bytes()),
        replica: hex(config.replica.as_bytes()),
        generation: config.generation,
        created: utc(config.created_unix_seconds),
        chunker: Chunker::new(&config.chunker),
        parity_percent: config.parity_percent,
        listing_delay_seconds: config.listing_delay_seconds,
    }
}

#[derive(Serialize)]
pub(super) struct KeyDocument {
    object: String,
    id: String,
    kind: &'static str,
    generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    kdf: Option<Kdf>,
    salt: String,
    public_key: String,
    label: String,
    created: String,
}

#[derive(Serialize)]
struct Kdf {
    name: &'static str,
    memory_bytes: u64,
    passes: u32,
    lanes: u32,
}

/// A key slot: how it is opened, and nothing of what is in it.
pub(super) fn key(opened: &Opened, prefix: &str) -> Result<KeyDocument, Failure> {
    let repository = &opened.repository;
    let slots = repository.key_slots()?.found;
    let id = |slot: &lumivault_chunk_store::keys::SlotSummary| hex(slot.id.as_bytes());
    let slot = one(prefix, "key", slots.into_iter(), id)?;
    opened.progress.finish();
    for info in repository.backend().list(ObjectKind::KeySlot)? {
        let object = ObjectId {
            kind: ObjectKind::KeySlot,
            name: info.name,
        };
        let Some(found) = read_slot(repository, &object, info.size)? else {
            continue;
        };
        if (found.id, found.generation) == (slot.id, slot.generation) {
            return Ok(KeyDocument {
                object: info.name.to_hex(),
                id: hex(found.id.as_bytes()),
                kind: match found.kind {
                    SlotKind::Passphrase(_) => "passphrase",
                    SlotKind::Raw => "raw",
                },
                generation: found.generation,
                kdf: kdf(found.kind),
                salt: hex(&found.salt),
                public_key: hex(&found.public_key),
                label: slot.info.label,
                created: utc(slot.info.created_unix_seconds),
            });
        }
    }
    Err(Failure::failed("the key slot was removed in this moment"))
}

/// None for a file that is no key slot: it is not the one that is looked for.
fn read_slot(repository: &Repository, object: &ObjectId, size: u64) -> Result<Option<KeySlot>, Error> {
    let Some(size) = usize::try_from(size)
        .ok()
        .filter(|_| size <= limits::KEY_OBJECT_BYTES_MAX)
    else {
        return Ok(None);
    };
    let mut bytes = vec![0; size];
    repository.backend().read_at(object, 0, &mut bytes)?;
    Ok(KeySlot::decode(&bytes).ok().map(|(slot, _)| slot))
}

fn kdf(kind: SlotKind) -> Option<Kdf> {
    match kind {
        SlotKind::Raw => None,
        SlotKind::Passphrase(KdfParams {
            memory_kib,
            passes,
            lanes,
        }) => Some(Kdf {
            name: "argon2id",
            memory_bytes: u64::from(memory_kib) * 1024,
            passes,
            lanes,
        }),
    }
}

#[derive(Serialize)]
pub(super) struct IndexDocument {
    object: String,
    packs: Vec<PackDocument>,
    replaces: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct PackDocument {
    object: String,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u32,
    /// Bytes that are neither entries nor directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<u64>,
    entries: Vec<EntryDocument>,
}

#[derive(Serialize)]
struct EntryDocument {
    id: String,
    offset: u32,
    codec: &'static str,
    stored_length: u32,
    plain_length: u32,
}

fn kind_name(kind: ChunkKind) -> &'static str {
    match kind {
        ChunkKind::Data => "data",
        ChunkKind::Tree => "tree",
    }
}

/// Entries with their offsets: each begins where the one before ends.
fn entries(entries: &[PackEntry]) -> Vec<EntryDocument> {
    let mut offset = u32::try_from(PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
    let mut documents = Vec::with_capacity(entries.len());
    for entry in entries {
        documents.push(EntryDocument {
            id: entry.id.to_string(),
            offset,
            codec: match entry.codec {
                Codec::None => "none",
                Codec::Zstd => "zstd",
            },
            stored_length: entry.stored_len,
            plain_length: entry.plain_len,
        });
        offset = offset.saturating_add(entry.sealed_len());
    }
    documents
}

pub(super) fn index(repository: &Repository, name: ObjectName) -> Result<IndexDocument, Failure> {
    let object = ObjectId {
        kind: ObjectKind::Index,
        name,
    };
    let (_, body) = repository.inspect(&object)?;
    let index = Index::decode(&body).map_err(|source| Error::Decode { object, source })?;
    let pack = |pack: &IndexedPack| PackDocument {
        object: pack.name.to_hex(),
        kind: kind_name(pack.kind),
        size: pack.size,
        padding: None,
        entries: entries(&pack.entries),
    };
    Ok(IndexDocument {
        object: name.to_hex(),
        packs: index.packs.iter().map(pack).collect(),
        replaces: index.replaces.iter().map(|name| name.to_hex()).collect(),
    })
}

/// What the pack's own directory says.
pub(super) fn pack(repository: &Repository, name: ObjectName) -> Result<PackDocument, Failure> {
    let reader = PackReader::open_any(repository, name)?;
    let (size, listed) = reader.directory()?;
    let sealed = listed.iter().map(|entry| u64::from(entry.sealed_len())).sum();
    Ok(PackDocument {
        object: name.to_hex(),
        kind: kind_name(reader.kind()),
        size,
        padding: Some(padding(size.into(), sealed, 1, listed.len() as u64)),
        entries: entries(&listed),
    })
}

#[cfg(test)]
mod tests {
    use super::Chunker;

    #[test]
    fn chunker_parameters_are_told_by_name() {
        let numbers: [u32; 7] = [16, 64, 256, 512, 1024, 4096, 2];
        let mut bytes = vec![1];
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let chunker = Chunker::new(&bytes);
        assert_eq!(
            (chunker.small, chunker.large),
            (Some([16, 64, 256]), Some([512, 1024, 4096]))
        );
        assert_eq!(chunker.normalisation, Some(2));
        bytes[0] = 9;
        assert_eq!(Chunker::new(&bytes).set, None);
        assert_eq!(Chunker::new(&[]).set, None);
    }
}
