//! What is to be restored, and how.

use lumivault_chunk_store::{StoredSnapshot, TreeReader};
use lumivault_format::tree::{FolderRef, StatRecord};

use crate::RestoreError;
use crate::filter::{Filter, FilterRules, Located, locate};
use crate::target::{SpecialPolicy, StoredPath};

/// What becomes of a file that is in the target already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverwriteWhen {
    /// It becomes what the snapshot has; its content is compared, and only what differs is fetched.
    Always,
    /// The same, but a file of the same size and time of modification is taken to be the same.
    IfChanged,
    /// As [`Self::Always`] if the snapshot's is newer; otherwise it stays.
    IfNewer,
    /// It stays.
    Never,
}

/// A restore to be planned.
#[derive(Clone, Debug)]
pub struct RestoreRequest<'s> {
    /// The snapshot.
    pub snapshot: &'s StoredSnapshot,
    /// The folder whose contents are restored, or the single entry. No components: everything.
    pub path: StoredPath,
    /// What of it.
    pub filter: FilterRules,
    /// What becomes of files that are there; `None`: nothing may be there, except what an interrupted restore of the
    /// same left.
    pub overwrite: Option<OverwriteWhen>,
    /// Whether to remove what the target has and the snapshot has not, as far as the filter selects it.
    pub delete: bool,
    /// Whether to read everything back afterwards.
    pub verify: bool,
    /// What comes only on request.
    pub special: SpecialPolicy,
    /// Threads, at least 1.
    pub threads: usize,
}

impl<'s> RestoreRequest<'s> {
    /// All of a snapshot, into an empty folder.
    pub fn new(snapshot: &'s StoredSnapshot) -> Self {
        Self {
            snapshot,
            path: StoredPath::default(),
            filter: FilterRules::default(),
            overwrite: None,
            delete: false,
            verify: false,
            special: SpecialPolicy::default(),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// What tells an interrupted restore of the same from that of another.
    pub(crate) fn token(&self, state: TokenState) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_derive_key("lumivault 2026 token of a restore");
        let mut put = |bytes: &[u8]| {
            hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(bytes);
        };
        put(self.snapshot.id.as_bytes());
        for component in self.path.components() {
            put(component);
        }
        for (list, tag) in [
            (&self.filter.include, b"include"),
            (&self.filter.exclude, b"exclude"),
        ] {
            put(tag);
            for pattern in list {
                put(if pattern.ignore_case {
                    b"any case"
                } else {
                    b"exact"
                });
                put(pattern.text.as_bytes());
            }
        }
        put(b"categories");
        for category in &self.filter.categories {
            put(&[category.number()]);
        }
        let mut token = hasher.finalize().to_hex().to_string().into_bytes();
        token.extend_from_slice(match state {
            TokenState::Running => b" running\n",
            TokenState::Stopped => b" stopped\n",
        });
        token
    }
}

/// How the restore that left a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenState {
    /// It did not: whatever a crash leaves of files may be there.
    Running,
    /// It was called off, and what it had finished was made durable.
    Stopped,
}

/// The part of a snapshot that is restored.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) root: FolderRef,
    /// Metadata of the folder that becomes the target; `None` if only an entry of it is restored.
    pub(crate) stat: Option<StatRecord>,
    /// The only entry of the root that is meant.
    pub(crate) only: Option<Vec<u8>>,
    pub(crate) filter: Filter,
    /// Whether the filter lets everything through.
    pub(crate) everything: bool,
}

impl Scope {
    pub(crate) fn of(reader: &TreeReader<'_>, request: &RestoreRequest<'_>) -> Result<Self, RestoreError> {
        let filter = Filter::new(&request.filter)?;
        let everything = request.filter.is_empty();
        Ok(match locate(reader, &request.snapshot.snapshot, &request.path)? {
            Located::Folder { reference, stat } => Self {
                root: reference,
                stat: Some(stat),
                only: None,
                filter,
                everything,
            },
            Located::Entry { parent, entry, .. } => Self {
                root: parent,
                stat: None,
                only: Some(entry.name.name),
                filter,
                everything,
            },
        })
    }
}
