//! A repository: an archive's objects in one place, opened with its keys.

use std::fmt;
use std::sync::Arc;

use lumivault_format::tree::ContentRecord;
use lumivault_format::{
    ArchiveId, ChunkId, ChunkKind, Config, ContentId, Header, ObjectId, ObjectKind, ObjectName, ObjectType,
    ReplicaId, SlotId, TreeDigest, limits,
};
use zeroize::Zeroizing;

use crate::backend::{Backend, BackendError};
use crate::keys::{
    DerivedKeys, Keyring, LoadedSlots, NewSlot, OpenSlot, SlotSecret, create_slot, keyed_hash, open_epochs,
};
use crate::parity::{Copies, Storing};
use crate::seal::{open_object, seal_object, store_object};
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
    /// Parity of so many percent, from the first moment: where making it is interrupted, there is either no archive, or one that gets
    /// its parity. What there is by then has none yet; [`crate::parity::add`] makes it. 0: none.
    pub parity_percent: u8,
    /// The storage's listings show what was created or removed so many seconds later at the latest; 0: at once. At most
    /// [`limits::LISTING_DELAY_SECONDS_MAX`].
    pub listing_delay_seconds: u32,
}

impl InitOptions {
    /// Without parity, for a storage whose listings show everything at once.
    pub fn new(slots: Vec<NewSlot>, chunker: Vec<u8>) -> Self {
        Self {
            slots,
            chunker,
            parity_percent: 0,
            listing_delay_seconds: 0,
        }
    }
}

/// How to open a repository.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// The most memory a key slot may demand, KiB.
    pub kdf_memory_kib_max: u32,
    /// The slot that worked last, tried first.
    pub first_slot: Option<SlotId>,
    /// Listings lag by so many seconds, or as many as the config says if that is more.
    pub listing_delay_seconds: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            kdf_memory_kib_max: lumivault_format::KdfParams::MEMORY_KIB_MAX,
            first_slot: None,
            listing_delay_seconds: 0,
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
    listing_delay_seconds: u32,
    copies: Copies,
    env: Environment,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("location", &self.backend.location())
            .finish_non_exhaustive()
    }
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
        if options.parity_percent > limits::PARITY_PERCENT_MAX {
            return Err(Error::no_such_parity(options.parity_percent));
        }
        let listing_delay_seconds = options.listing_delay_seconds;
        if listing_delay_seconds > limits::LISTING_DELAY_SECONDS_MAX {
            return Err(Error::Unsupported(format!(
                "listings that lag by more than {} seconds",
                limits::LISTING_DELAY_SECONDS_MAX
            )));
        }
        // Copies are what may be left of a repository that lost its config.
        if !backend.list(ObjectKind::Config)?.is_empty() || !backend.list(ObjectKind::Parity)?.is_empty() {
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
        let storing = Storing {
            backend: backend.as_ref(),
            copied: false,
        };
        create_slot(storing, &archive, &keyring, first, &env)?;
        for slot in others {
            create_slot(storing, &archive, &keyring, slot, &env)?;
        }
        // Before the config: whatever fails until then, or calls it off, leaves no archive.
        env.settle(listing_delay_seconds)?;
        let config = Config {
            archive,
            generation: 1,
            created_unix_seconds: env.clock.now().0,
            chunker: options.chunker.clone(),
            replica: ReplicaId::from_bytes(env.random_array()?),
            parity_percent: options.parity_percent,
            listing_delay_seconds,
        };
        let object = seal_object(&keyring, &archive, ObjectType::Config, &config.encode(), &env)?;
        let config = store_object(backend.as_ref(), ObjectType::Config, &object)?;
        let options = OpenOptions {
            kdf_memory_kib_max: u32::MAX,
            ..OpenOptions::default()
        };
        let copies = Copies::new(Arc::clone(&backend), env.clone());
        // Which a listing may not show yet.
        Self::open_with(backend, copies, &[config], &first.secret, options, env)
    }

    /// Opens the repository with a password or a raw key.
    pub fn open(
        backend: Arc<dyn Backend>,
        secret: &SlotSecret,
        options: OpenOptions,
        env: Environment,
    ) -> Result<Self, Error> {
        env.monitor.event(Event::Phase("opening the repository"));
        let copies = Copies::new(Arc::clone(&backend), env.clone());
        let configs = match copies.list(ObjectKind::Config) {
            Ok(configs) if !configs.is_empty() => configs,
            Ok(_) | Err(Error::Backend(BackendError::NoSuchPlace { .. })) => {
                return Err(Error::NoRepository(backend.location()));
            }
            Err(error) => return Err(error),
        };
        Self::open_with(backend, copies, &configs, secret, options, env)
    }

    fn open_with(
        backend: Arc<dyn Backend>,
        copies: Copies,
        configs: &[ObjectName],
        secret: &SlotSecret,
        options: OpenOptions,
        env: Environment,
    ) -> Result<Self, Error> {
        let slots = LoadedSlots::load(&copies)?;
        let warn = |error: &Error| {
            env.monitor.event(Event::Warning(&format!(
                "{}; it was set aside",
                error.with_causes()
            )));
        };
        slots.unreadable.iter().for_each(&warn);
        let (slot, mut keyring, archive) =
            slots.open(secret, options.first_slot, options.kdf_memory_kib_max)?;
        open_epochs(&copies, &mut keyring, &slot, &archive)?
            .iter()
            .for_each(&warn);
        let (config, config_name) = newest_config(&copies, &keyring, &archive, configs, &warn)?;
        Ok(Self {
            backend,
            secrets: Arc::new(Secrets::new(keyring)),
            slot,
            archive,
            listing_delay_seconds: options.listing_delay_seconds.max(config.listing_delay_seconds),
            config,
            config_name,
            copies,
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
    pub fn opened_slot(&self) -> SlotId {
        self.slot.id
    }

    /// Waits until listings show whatever had been created or removed when this was called; not at all where they show it at once.
    pub fn settle(&self) -> Result<(), Error> {
        self.env.settle(self.listing_delay_seconds)
    }

    /// Waits until whatever others do who did not see yet what had been done when this was called shows in listings.
    pub(crate) fn settle_twice(&self) -> Result<(), Error> {
        self.settle()?;
        self.settle()
    }

    /// Whether listings may show what was there some time ago.
    pub fn listings_lag(&self) -> bool {
        self.listing_delay_seconds > 0
    }

    pub(crate) fn open_slot(&self) -> &OpenSlot {
        &self.slot
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

    /// Name of the config in force, for snapshots.
    pub fn config_name(&self) -> ObjectName {
        self.config_name
    }

    /// Decrypts any sealed object for inspection; returns its type and body.
    pub fn inspect(&self, id: &ObjectId) -> Result<(ObjectType, Vec<u8>), Error> {
        let object = self.copies.load(id, limits::SEALED_BYTES_MAX)?;
        let header = Header::decode(&object).map_err(|source| Error::Decode { object: *id, source })?;
        let keyring = &self.secrets.keyring;
        let body = open_object(keyring, &self.archive, header.object_type, id, &object)?;
        Ok((header.object_type, body))
    }

    /// Small objects, and their copies where they must be read.
    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    /// The objects of one kind, those included of which only copies are there.
    pub(crate) fn list_small(&self, kind: ObjectKind) -> Result<Vec<ObjectName>, Error> {
        self.copies.list(kind)
    }

    /// What to say of objects that were listed and then not found. Those that a later listing does not show had been removed by then,
    /// and there is nothing to say.
    pub(crate) fn still_listed(
        &self,
        kind: ObjectKind,
        not_found: &[ObjectName],
    ) -> Result<Vec<Error>, Error> {
        if not_found.is_empty() {
            return Ok(Vec::new());
        }
        self.settle()?;
        // Or those of which copies were there when these were read last would still be listed.
        self.copies.forget();
        let listed = self.list_small(kind)?;
        let missing = not_found.iter().filter(|name| listed.contains(name));
        let location = self.backend.location();
        let missing = missing.map(|name| BackendError::NotFound {
            object: ObjectId { kind, name: *name },
            location: location.clone(),
        });
        Ok(missing.map(Error::from).collect())
    }

    /// Where small objects are stored, with copies if the config says so.
    pub(crate) fn storing(&self) -> Storing<'_> {
        Storing {
            backend: self.backend(),
            copied: self.config.parity_percent > 0,
        }
    }

    /// Stores a config of a higher generation than that in force, which it then is.
    pub(crate) fn store_config(&mut self, config: Config) -> Result<(), Error> {
        let keyring = &self.secrets.keyring;
        let object = seal_object(
            keyring,
            &self.archive,
            ObjectType::Config,
            &config.encode(),
            &self.env,
        )?;
        let storing = Storing {
            backend: self.backend(),
            copied: config.parity_percent > 0,
        };
        self.config_name = storing.store(ObjectType::Config, &object)?;
        self.config = config;
        Ok(())
    }

    /// Reads and opens a sealed object.
    pub(crate) fn load_sealed(&self, object_type: ObjectType, id: &ObjectId) -> Result<Vec<u8>, Error> {
        let object = self.copies.load(id, limits::SEALED_BYTES_MAX)?;
        open_object(&self.secrets.keyring, &self.archive, object_type, id, &object)
    }

    /// Seals a body and stores it.
    pub(crate) fn store_sealed(&self, object_type: ObjectType, body: &[u8]) -> Result<ObjectName, Error> {
        let object = seal_object(&self.secrets.keyring, &self.archive, object_type, body, &self.env)?;
        self.storing().store(object_type, &object)
    }
}

/// The config in force. Where two have the highest generation, all machines take the same one.
fn newest_config(
    objects: &Copies,
    keyring: &Keyring,
    archive: &ArchiveId,
    configs: &[ObjectName],
    warn: &dyn Fn(&Error),
) -> Result<(Config, ObjectName), Error> {
    let mut newest: Option<(Config, ObjectName)> = None;
    let mut failure = None;
    for name in configs {
        let id = ObjectId {
            kind: ObjectKind::Config,
            name: *name,
        };
        match read_config(objects, keyring, archive, &id) {
            Ok(config) => {
                let rank = (config.generation, *name);
                if newest
                    .as_ref()
                    .is_none_or(|(n, known)| (n.generation, *known) < rank)
                {
                    newest = Some((config, *name));
                }
            }
            Err(error) if error.spares_the_rest() => {
                warn(&error);
                failure = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    newest.ok_or_else(|| failure.unwrap_or_else(|| Error::NoRepository(objects.backend().location())))
}

/// Reads one config object.
pub(crate) fn read_config(
    objects: &Copies,
    keyring: &Keyring,
    archive: &ArchiveId,
    id: &ObjectId,
) -> Result<Config, Error> {
    let object = objects.load(id, limits::SEALED_BYTES_MAX)?;
    let body = open_object(keyring, archive, ObjectType::Config, id, &object)?;
    let config = Config::decode(&body).map_err(|source| Error::Decode { object: *id, source })?;
    if config.archive == *archive {
        Ok(config)
    } else {
        Err(Error::Damaged {
            object: *id,
            problem: "it describes another archive",
        })
    }
}
