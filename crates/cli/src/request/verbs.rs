//! One request for each command.

use std::path::PathBuf;

use lumivault_chunk_store::forget::policy::{GroupBy, KeepRules};
use lumivault_chunk_store::prune::PruneOptions;
use lumivault_format::SnapshotTime;

use super::choice::Choice;
use super::{Category, Excludes, Filter, Pattern, Selection, Selector, Subset};
use crate::password::PasswordSource;

/// `init`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) recovery: RecoveryCode,
    /// Bytes for deriving the key of the passphrase; whole KiB.
    pub(crate) kdf_memory: u64,
    /// 1..=50.
    pub(crate) parity_percent: Option<u8>,
}

/// What becomes of a recovery code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecoveryCode {
    /// Shown once on the terminal, and part of it typed back.
    Show,
    /// Written to a new file.
    Write(PathBuf),
    /// There is none.
    None,
}

/// `backup`
#[allow(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backup {
    pub(crate) sources: Sources,
    pub(crate) phone: Option<String>,
    pub(crate) host: String,
    /// None: now.
    pub(crate) time: Option<SnapshotTime>,
    pub(crate) tags: Vec<String>,
    pub(crate) excludes: Excludes,
    pub(crate) one_file_system: bool,
    pub(crate) compression: Compression,
    pub(crate) skip_if_unchanged: bool,
    /// Whether an unchanged size, time and inode mean unchanged content.
    pub(crate) trust_mtime: bool,
    pub(crate) dry_run: bool,
}

/// What a snapshot is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// At least one; places differ, and only a lone source may be the root.
    Folders(Vec<Source>),
    /// One file of this name, read from standard input.
    Stdin { file_name: String },
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The stored names it appears under, the last being its own. Empty: its content is the root.
    pub(crate) at: Vec<Vec<u8>>,
}

/// How hard to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// What the library thinks best.
    Default,
    /// Not at all.
    Off,
    /// A zstd level, 1..=22.
    Level(u8),
}

/// `import`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) date_from: DateFrom,
    pub(crate) phone: Option<String>,
    pub(crate) host: String,
    pub(crate) excludes: Excludes,
    pub(crate) dry_run: bool,
}

/// What tells the date of an existing folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateFrom {
    Name,
    Exif,
    Mtime,
}

impl Choice for DateFrom {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        (
            "name",
            Self::Name,
            "The folder's name, such as Lumia-Backup-2026-05",
        ),
        ("exif", Self::Exif, "The newest photo's date"),
        ("mtime", Self::Mtime, "The newest file's time of change"),
    ];
}

/// `snapshots`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshots {
    /// Empty: all that pass the filter.
    pub(crate) only: Vec<Selector>,
    pub(crate) filter: Filter,
    /// The newest so many of each phone.
    pub(crate) latest: Option<u32>,
    /// Those that are forgotten, instead of those that are not.
    pub(crate) forgotten: bool,
}

/// `ls`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ls {
    pub(crate) selection: Selection,
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) recursive: bool,
    pub(crate) long: bool,
    /// Empty: of any category.
    pub(crate) only: Vec<Category>,
}

/// `find`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Find {
    /// At least one.
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) within: FindWithin,
    pub(crate) long: bool,
    /// Empty: of any category.
    pub(crate) only: Vec<Category>,
}

/// Where `find` looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FindWithin {
    /// Each of these.
    Selected(Vec<Selection>),
    /// All that pass the filter.
    Filtered(Filter),
}

/// `diff`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diff {
    pub(crate) from: Selection,
    pub(crate) from_path: Vec<Vec<u8>>,
    pub(crate) to: Selection,
    pub(crate) to_path: Vec<Vec<u8>>,
    /// Also tell of changes of times and permissions alone.
    pub(crate) metadata: bool,
}

/// `dump`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) selection: Selection,
    pub(crate) path: Vec<Vec<u8>>,
    /// None: the content of a single file.
    pub(crate) archive: Option<ArchiveFormat>,
    /// None: standard output.
    pub(crate) output: Option<PathBuf>,
}

/// What a folder is packed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArchiveFormat {
    Tar,
    Zip,
}

impl Choice for ArchiveFormat {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("tar", Self::Tar, "A tar archive"),
        ("zip", Self::Zip, "A ZIP archive"),
    ];
}

/// `cat`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cat {
    pub(crate) kind: ObjectKind,
    /// As typed; None only for the config.
    pub(crate) id: Option<String>,
}

/// Kinds of objects in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Config,
    Snapshot,
    Index,
    Pack,
    Chunk,
    Tree,
    Key,
}

impl Choice for ObjectKind {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("config", Self::Config, "The configuration in force"),
        ("snapshot", Self::Snapshot, "A snapshot's record"),
        ("index", Self::Index, "The entries of an index"),
        ("pack", Self::Pack, "The directory of a pack"),
        ("chunk", Self::Chunk, "The content of a chunk"),
        ("tree", Self::Tree, "A folder's record"),
        ("key", Self::Key, "A key slot, without its secrets"),
    ];
}

/// `restore`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restore {
    pub(crate) selection: Selection,
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) target: PathBuf,
    pub(crate) include: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
    /// Empty: of any category.
    pub(crate) only: Vec<Category>,
    /// None: the user said nothing, so the target must be empty or absent.
    pub(crate) overwrite: Option<Overwrite>,
    pub(crate) delete: bool,
    pub(crate) verify: bool,
    pub(crate) dry_run: bool,
}

/// What becomes of a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Always,
    IfChanged,
    IfNewer,
    Never,
}

impl Choice for Overwrite {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("always", Self::Always, "Write every file"),
        (
            "if-changed",
            Self::IfChanged,
            "Write files whose size or time differs",
        ),
        (
            "if-newer",
            Self::IfNewer,
            "Write files that are newer in the snapshot",
        ),
        ("never", Self::Never, "Keep every file that is there"),
    ];
}

/// `check`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) read_data: ReadData,
}

/// How much of the data `check` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadData {
    None,
    Some(Subset),
    All,
}

/// `forget`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forget {
    pub(crate) what: Forgetting,
    pub(crate) filter: Filter,
    /// Prune afterwards.
    pub(crate) prune: bool,
    pub(crate) dry_run: bool,
}

/// What `forget` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forgetting {
    /// These; at least one.
    Named(Vec<Selector>),
    /// Everything but what these keep. At least one rule is in force.
    Rules { keep: KeepRules, by: GroupBy },
    /// These are to be brought back, by the beginnings of their ids; at least one.
    Undo(Vec<String>),
}

/// `parity`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parity {
    Add {
        /// 1..=50.
        percent: u8,
        dry_run: bool,
    },
    Remove {
        dry_run: bool,
    },
    Scrub {
        dry_run: bool,
    },
}

/// `prune`
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prune {
    pub(crate) options: PruneOptions,
}

/// `key`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    List,
    Add {
        slot: NewSlot,
        label: Option<String>,
    },
    /// Changes the password of the slot that was opened.
    Passwd {
        password: PasswordSource,
        kdf_memory: u64,
    },
    Remove {
        id: String,
    },
    Rotate,
}

/// What a new key slot opens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NewSlot {
    Password {
        password: PasswordSource,
        kdf_memory: u64,
    },
    /// Never [`RecoveryCode::None`].
    Recovery(RecoveryCode),
    /// A random key, written to a new file.
    KeyFile(PathBuf),
}

/// `tag`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Empty: all that pass the filter, which then is not empty.
    pub(crate) snapshots: Vec<Selector>,
    pub(crate) filter: Filter,
    pub(crate) change: TagChange,
    /// Whether they are to be kept from being forgotten, or no more; None: as before.
    pub(crate) pin: Option<bool>,
    pub(crate) dry_run: bool,
}

/// What happens to tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TagChange {
    /// Exactly these from now on; empty: none.
    Set(Vec<String>),
    /// Some more, some less; both empty only where it is about pins.
    Edit { add: Vec<String>, remove: Vec<String> },
}

/// `stats`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Empty: all that pass the filter.
    pub(crate) only: Vec<Selector>,
    pub(crate) filter: Filter,
}

/// `completions`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completions {
    pub(crate) shell: Shell,
}

/// Shells that can complete our command line.
#[allow(clippy::enum_variant_names, reason = "PowerShell is called so")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    PowerShell,
    Zsh,
}

impl Choice for Shell {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("bash", Self::Bash, "Bash"),
        ("elvish", Self::Elvish, "Elvish"),
        ("fish", Self::Fish, "fish"),
        ("powershell", Self::PowerShell, "PowerShell"),
        ("zsh", Self::Zsh, "Z shell"),
    ];
}

/// `man`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Man {
    /// All pages into this folder; None: the main page to standard output.
    pub(crate) out: Option<PathBuf>,
}

/// `demo`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demo {
    /// Where the made-up phone and its repository stay; None: they are removed afterwards.
    pub(crate) keep: Option<PathBuf>,
}
