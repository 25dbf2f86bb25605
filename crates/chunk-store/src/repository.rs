//! A repository: an archive's objects in one place, opened with its keys.

use std::fmt;
use std::sync::Arc;

use lumivault_format::tree::ContentRecord;
use lumivault_format::{
    Annotation, ArchiveId, ChunkId, ChunkKind, Config, ContentId, Header, ObjectId, ObjectKind, ObjectName,
    ObjectType, ReplicaId, Snapshot, SnapshotId, TreeDigest, limits,
};
use zeroize::Zeroizing;

use crate::backend::{Backend, BackendError};
use crate::keys::{
    DerivedKeys, Keyring, LoadedSlots, NewSlot, OpenSlot, SlotSecret, SlotSummary, create_slot, keyed_hash,
    open_epochs, rewrap_slot, seal_epoch,
};
use crate::seal::{load_object, open_object, seal_object, store_object};
use crate::{Environment, Error, Event};

/// The keyring and everything derived from it.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) keyring: Keyring,
    pub(crate) derived: DerivedKeys,
}

impl Secrets {
    fn new(keyring: Keyring) -> Self {
        Self {
            derived: DerivedKeys::new(&keyring),
            keyring,
        }
    }

    pub(crate) fn chunk_key(&self, kind: ChunkKind) -> &[u8; 32] {
        match kind {
            ChunkKind::Data => &self.derived.data_id,
            ChunkKind::Tree => &self.derived.tree_id,
        }
    }
}

/// What a new repository needs.
#[derive(Debug)]
pub struct InitOptions {
    /// Its key slots: at least one.
    pub slots: Vec<NewSlot>,
    /// Chunker set and parameters, docs/format.md §11.
    pub chunker: Vec<u8>,
}

/// How to open a repository.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// The most memory a key slot may demand, KiB.
    pub kdf_memory_kib_max: u32,
    /// The slot that worked last, tried first.
    pub first_slot: Option<lumivault_format::SlotId>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            kdf_memory_kib_max: lumivault_format::KdfParams::MEMORY_KIB_MAX,
            first_slot: None,
        }
    }
}

/// An open repository.
pub struct Repository {
    backend: Arc<dyn Backend>,
    secrets: Arc<Secrets>,
    slot: OpenSlot,
    archive: ArchiveId,
    config: Config,
    config_name: ObjectName,
    env: Environment,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("location", &self.backend.location())
            .finish_non_exhaustive()
    }
}

/// A snapshot as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The object that holds it.
    pub object: ObjectName,
    /// What it says.
    pub snapshot: Snapshot,
    /// Its tags, later annotations applied.
    pub tags: Vec<String>,
}

/// What became of a list of objects: those that could be read, and why the others could not.
#[derive(Debug)]
pub struct Loaded<T> {
    /// Read and verified.
    pub found: Vec<T>,
    /// Set aside.
    pub unreadable: Vec<Error>,
}

impl Repository {
    /// Makes a new archive in an empty place: key slots first, the config last, as its presence is what makes a
    /// repository.
    pub fn init(backend: Arc<dyn Backend>, options: &InitOptions, env: Environment) -> Result<Self, Error> {
        if !backend.list(ObjectKind::Config)?.is_empty() {
            return Err(Error::RepositoryExists(backend.location()));
        }
        if !backend.list(ObjectKind::KeySlot)?.is_empty() {
            return Err(Error::KeySlots(
                "an interrupted `init` left key slots without a config here; remove the folder `keys` and try again",
            ));
        }
        let (first, others) = options
            .slots
            .split_first()
            .ok_or(Error::KeySlots("a repository needs a key slot"))?;
        if others.len() >= limits::KEY_SLOTS_MAX {
            return Err(Error::KeySlots("a repository has at most 16 key slots"));
        }
        let archive = ArchiveId::from_bytes(env.random_array()?);
        let keyring = Keyring::generate(&env)?;
        create_slot(backend.as_ref(), &archive, &keyring, first, &env)?;
        for slot in others {
            create_slot(backend.as_ref(), &archive, &keyring, slot, &env)?;
        }
        let config = Config {
            archive,
            generation: 1,
            created_unix_seconds: env.clock.now().0,
            chunker: options.chunker.clone(),
            replica: ReplicaId::from_bytes(env.random_array()?),
            parity_percent: 0,
        };
        let object = seal_object(&keyring, &archive, ObjectType::Config, &config.encode(), &env)?;
        store_object(backend.as_ref(), ObjectType::Config, &object)?;
        Self::open(
            backend,
            &first.secret,
            OpenOptions {
                kdf_memory_kib_max: u32::MAX,
                first_slot: None,
            },
            env,
        )
    }

    /// Opens the repository with a password or a raw key.
    pub fn open(
        backend: Arc<dyn Backend>,
        secret: &SlotSecret,
        options: OpenOptions,
        env: Environment,
    ) -> Result<Self, Error> {
        env.monitor.event(Event::Phase("opening the repository"));
        let configs = match backend.list(ObjectKind::Config) {
            Ok(configs) if !configs.is_empty() => configs,
            Ok(_) | Err(BackendError::NoSuchPlace { .. }) => {
                return Err(Error::NoRepository(backend.location()));
            }
            Err(error) => return Err(error.into()),
        };
        let slots = LoadedSlots::load(backend.as_ref())?;
        let warn = |error: &Error| {
            env.monitor
                .event(Event::Warning(&format!("{error}; it was set aside")))
        };
        slots.unreadable.iter().for_each(warn);
        let (slot, mut keyring, archive) =
            slots.open(secret, options.first_slot, options.kdf_memory_kib_max)?;
        open_epochs(backend.as_ref(), &mut keyring, &slot, &archive)?
            .iter()
            .for_each(warn);
        let (config, config_name) = newest_config(backend.as_ref(), &keyring, &archive, &configs, &warn)?;
        Ok(Self {
            backend,
            secrets: Arc::new(Secrets::new(keyring)),
            slot,
            archive,
            config,
            config_name,
            env,
        })
    }

    /// Where it is.
    pub fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    pub(crate) fn backend_arc(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    pub(crate) fn secrets_arc(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets)
    }

    /// Randomness, clock and monitor.
    pub fn environment(&self) -> &Environment {
        &self.env
    }

    /// The archive, shared by all its copies.
    pub fn archive(&self) -> ArchiveId {
        self.archive
    }

    /// This one place.
    pub fn replica(&self) -> ReplicaId {
        self.config.replica
    }

    /// The config in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The slot that opened it, to be tried first the next time.
    pub fn opened_slot(&self) -> lumivault_format::SlotId {
        self.slot.id
    }

    /// The secret that the chunker's gear table is derived from.
    pub fn chunker_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secrets.derived.chunker)
    }

    /// The id of a chunk.
    pub fn chunk_id(&self, kind: ChunkKind, plain: &[u8]) -> ChunkId {
        ChunkId::from_bytes(keyed_hash(self.secrets.chunk_key(kind), plain))
    }

    /// The id of a content, docs/format.md §8.2.
    pub fn content_id(&self, content: &ContentRecord) -> ContentId {
        content.simple_id().unwrap_or_else(|| {
            ContentId::from_bytes(keyed_hash(
                &self.secrets.derived.content_id,
                &content.id_material(),
            ))
        })
    }

    /// The digest of a folder, from the bytes that docs/format.md §9 lists.
    pub fn tree_digest(&self, material: &[u8]) -> TreeDigest {
        TreeDigest::from_bytes(keyed_hash(&self.secrets.derived.tree_digest, material))
    }

    /// Whether a tree stream should be cut behind a record, docs/format.md §8.5.
    pub fn stream_cut_hash(&self, material: &[u8]) -> u32 {
        let hash = keyed_hash(&self.secrets.derived.tree_streams, material);
        u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// A fingerprint for this machine's own cache.
    pub fn cache_fingerprint(&self, material: &[u8]) -> [u8; 16] {
        let hash = keyed_hash(&self.secrets.derived.local_cache, material);
        let mut out = [0u8; 16];
        out.copy_from_slice(&hash[..16]);
        out
    }

    /// All snapshots, oldest first, with what could not be read.
    pub fn snapshots(&self) -> Result<Loaded<StoredSnapshot>, Error> {
        let mut loaded = Loaded {
            found: Vec::new(),
            unreadable: Vec::new(),
        };
        for info in self.backend.list(ObjectKind::Snapshot)? {
            match self.load_snapshot(info.name) {
                Ok(snapshot) => loaded.found.push(snapshot),
                Err(error) if error.is_damage() => loaded.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        let annotations = self.annotations()?;
        loaded.unreadable.extend(annotations.unreadable);
        for stored in &mut loaded.found {
            apply_tags(stored, &annotations.found);
        }
        loaded
            .found
            .sort_by_key(|s| (s.snapshot.time.unix_seconds, s.snapshot.time.nanoseconds, s.id));
        Ok(loaded)
    }

    fn load_snapshot(&self, name: ObjectName) -> Result<StoredSnapshot, Error> {
        let id = ObjectId {
            kind: ObjectKind::Snapshot,
            name,
        };
        let object = load_object(self.backend(), &id, limits::SEALED_BYTES_MAX)?;
        let body = open_object(
            &self.secrets.keyring,
            &self.archive,
            ObjectType::Snapshot,
            &id,
            &object,
        )?;
        let (mac, record) = body.split_first_chunk::<32>().ok_or(Error::Damaged {
            object: id,
            problem: "it is shorter than its MAC",
        })?;
        let expected = keyed_hash(&self.secrets.derived.snapshot_mac, record);
        if blake3::Hash::from_bytes(*mac) != blake3::Hash::from_bytes(expected) {
            return Err(Error::Damaged {
                object: id,
                problem: "its MAC does not fit",
            });
        }
        let snapshot = Snapshot::decode(record).map_err(|source| Error::Decode { object: id, source })?;
        let tags = snapshot.tags.clone();
        let snapshot_id = SnapshotId::from_bytes(keyed_hash(&self.secrets.derived.snapshot_id, record));
        Ok(StoredSnapshot {
            id: snapshot_id,
            object: name,
            snapshot,
            tags,
        })
    }

    /// Commits a snapshot. Everything it refers to must be durable and listed already.
    pub fn commit_snapshot(&self, snapshot: &Snapshot) -> Result<SnapshotId, Error> {
        let record = snapshot.encode();
        let mac = keyed_hash(&self.secrets.derived.snapshot_mac, &record);
        let body = [mac.as_slice(), &record].concat();
        let object = seal_object(
            &self.secrets.keyring,
            &self.archive,
            ObjectType::Snapshot,
            &body,
            &self.env,
        )?;
        store_object(self.backend(), ObjectType::Snapshot, &object)?;
        Ok(SnapshotId::from_bytes(keyed_hash(
            &self.secrets.derived.snapshot_id,
            &record,
        )))
    }

    /// Name of the config in force, for snapshots.
    pub fn config_name(&self) -> ObjectName {
        self.config_name
    }

    /// Adds a later fact about a snapshot.
    pub fn annotate(&self, annotation: &Annotation) -> Result<(), Error> {
        let object = seal_object(
            &self.secrets.keyring,
            &self.archive,
            ObjectType::Annotation,
            &annotation.encode(),
            &self.env,
        )?;
        store_object(self.backend(), ObjectType::Annotation, &object).map(drop)
    }

    /// All annotations in the order in which they count.
    pub fn annotations(&self) -> Result<Loaded<Annotation>, Error> {
        let mut loaded = Loaded {
            found: Vec::new(),
            unreadable: Vec::new(),
        };
        let mut named = Vec::new();
        for info in self.backend.list(ObjectKind::Annotation)? {
            let id = ObjectId {
                kind: ObjectKind::Annotation,
                name: info.name,
            };
            let read = load_object(self.backend(), &id, limits::SEALED_BYTES_MAX).and_then(|object| {
                let body = open_object(
                    &self.secrets.keyring,
                    &self.archive,
                    ObjectType::Annotation,
                    &id,
                    &object,
                )?;
                Annotation::decode(&body).map_err(|source| Error::Decode { object: id, source })
            });
            match read {
                Ok(annotation) => named.push((info.name, annotation)),
                Err(error) if error.is_damage() => loaded.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        named.sort_by_key(|(name, a)| (a.unix_seconds, a.nanoseconds, *name));
        loaded
            .found
            .extend(named.into_iter().map(|(_, annotation)| annotation));
        Ok(loaded)
    }

    /// Decrypts any sealed object for inspection; returns its type and body.
    pub fn inspect(&self, id: &ObjectId) -> Result<(ObjectType, Vec<u8>), Error> {
        let object = load_object(self.backend(), id, limits::SEALED_BYTES_MAX)?;
        let header = Header::decode(&object).map_err(|source| Error::Decode { object: *id, source })?;
        let body = open_object(
            &self.secrets.keyring,
            &self.archive,
            header.object_type,
            id,
            &object,
        )?;
        Ok((header.object_type, body))
    }

    /// The key slots, in the order of their ages.
    pub fn key_slots(&self) -> Result<Loaded<SlotSummary>, Error> {
        let slots = LoadedSlots::load(self.backend())?;
        let mut loaded = Loaded {
            found: Vec::new(),
            unreadable: slots.unreadable,
        };
        for slot in &slots.slots {
            match slot.info(&self.secrets.keyring) {
                Ok(info) => loaded.found.push(SlotSummary {
                    id: slot.slot.id,
                    kind: slot.slot.kind,
                    generation: slot.slot.generation,
                    info,
                    opened: slot.slot.id == self.slot.id,
                }),
                Err(error) => loaded.unreadable.push(error),
            }
        }
        loaded
            .found
            .sort_by_key(|slot| (slot.info.created_unix_seconds, slot.id));
        Ok(loaded)
    }

    /// Adds a way in.
    pub fn add_key_slot(&self, new: &NewSlot) -> Result<lumivault_format::SlotId, Error> {
        if LoadedSlots::load(self.backend())?.slots.len() >= limits::KEY_SLOTS_MAX {
            return Err(Error::KeySlots("all 16 key slots are in use; remove one first"));
        }
        create_slot(
            self.backend(),
            &self.archive,
            &self.secrets.keyring,
            new,
            &self.env,
        )
    }

    /// Wraps the keyring of a slot anew under another secret, then removes the old generation. A copy of the old slot
    /// object still opens the archive.
    pub fn rewrap_key_slot(&self, id: lumivault_format::SlotId, new: &NewSlot) -> Result<(), Error> {
        let slots = LoadedSlots::load(self.backend())?;
        let old = slots.slots.iter().find(|s| s.slot.id == id).ok_or(NO_SUCH_SLOT)?;
        rewrap_slot(self.backend(), &self.secrets.keyring, old, new, &self.env)?;
        for name in slots.outdated.iter().chain([&old.name]) {
            self.backend.remove(&ObjectId {
                kind: ObjectKind::KeySlot,
                name: *name,
            })?;
        }
        Ok(())
    }

    /// Removes a way in, but never the last one.
    pub fn remove_key_slot(&self, id: lumivault_format::SlotId) -> Result<(), Error> {
        let slots = LoadedSlots::load(self.backend())?;
        let doomed = slots.slots.iter().find(|s| s.slot.id == id).ok_or(NO_SUCH_SLOT)?;
        if slots.slots.len() == 1 {
            return Err(Error::KeySlots(
                "this is the only key slot; without it nobody could open the repository",
            ));
        }
        // Older generations first, so that none of them comes back in force.
        for info in self.backend.list(ObjectKind::KeySlot)? {
            let object = ObjectId {
                kind: ObjectKind::KeySlot,
                name: info.name,
            };
            let older = slots.outdated.contains(&info.name)
                && load_object(self.backend(), &object, limits::KEY_OBJECT_BYTES_MAX)
                    .ok()
                    .and_then(|bytes| lumivault_format::KeySlot::decode(&bytes).ok())
                    .is_some_and(|(slot, _)| slot.id == id);
            if older {
                self.backend.remove(&object)?;
            }
        }
        self.backend.remove(&ObjectId {
            kind: ObjectKind::KeySlot,
            name: doomed.name,
        })?;
        Ok(())
    }

    /// Starts a new epoch: what is sealed from the next opening on needs a key that old copies of slots do not hold.
    /// Returns its number.
    pub fn rotate_epoch(&self) -> Result<u32, Error> {
        let number = self.secrets.keyring.newest_epoch().saturating_add(1);
        let key = Zeroizing::new(self.env.random_array::<32>()?);
        let slots = LoadedSlots::load(self.backend())?;
        if let Some(error) = slots.unreadable.into_iter().next() {
            return Err(error);
        }
        for slot in &slots.slots {
            // A slot whose information does not authenticate was not made by a holder of the keyring.
            slot.info(&self.secrets.keyring)?;
            seal_epoch(
                self.backend(),
                &self.secrets.keyring,
                slot,
                number,
                &key,
                &self.env,
            )?;
        }
        Ok(number)
    }
}

const NO_SUCH_SLOT: Error = Error::KeySlots("there is no such key slot; `lumivault key list` shows them");

fn newest_config(
    backend: &dyn Backend,
    keyring: &Keyring,
    archive: &ArchiveId,
    configs: &[crate::backend::ObjectInfo],
    warn: &dyn Fn(&Error),
) -> Result<(Config, ObjectName), Error> {
    let mut newest: Option<(Config, ObjectName)> = None;
    let mut failure = None;
    for info in configs {
        let id = ObjectId {
            kind: ObjectKind::Config,
            name: info.name,
        };
        let read = load_object(backend, &id, limits::SEALED_BYTES_MAX).and_then(|object| {
            let body = open_object(keyring, archive, ObjectType::Config, &id, &object)?;
            Config::decode(&body).map_err(|source| Error::Decode { object: id, source })
        });
        match read {
            Ok(config) => {
                if newest
                    .as_ref()
                    .is_none_or(|(n, _)| n.generation < config.generation)
                {
                    newest = Some((config, info.name));
                }
            }
            Err(error) if error.is_damage() => {
                warn(&error);
                failure = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    newest.ok_or_else(|| failure.unwrap_or_else(|| Error::NoRepository(backend.location())))
}

fn apply_tags(stored: &mut StoredSnapshot, annotations: &[Annotation]) {
    for annotation in annotations.iter().filter(|a| a.snapshot == stored.id) {
        match annotation.kind {
            lumivault_format::AnnotationKind::TagAdded => {
                if !stored.tags.contains(&annotation.text) {
                    stored.tags.push(annotation.text.clone());
                }
            }
            lumivault_format::AnnotationKind::TagRemoved => stored.tags.retain(|tag| *tag != annotation.text),
            _ => {}
        }
    }
    stored.tags.sort();
}
