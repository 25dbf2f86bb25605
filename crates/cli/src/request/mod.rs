//! What is to be done, validated and free of the command line: a request that exists can be carried out as far as its
//! own words go.

mod choice;
mod excludes;
#[cfg(test)]
mod hostile;
mod kdf;
mod keep;
mod limits;
mod location;
mod percent;
mod repair;
mod selection;
mod subset;
mod text;
mod time;
mod verbs;

pub(crate) use choice::{Category, Choice};
pub(crate) use excludes::{Excludes, Marker, Pattern, paths_of, patterns_of};
pub(crate) use kdf::{KDF_MEMORY_MAX, KDF_MEMORY_MIN, parse_kdf_memory};
pub(crate) use keep::{TagList, parse_group_by, parse_keep};
pub(crate) use limits::{parse_grace, parse_listing_delay, parse_max_unused};
pub(crate) use location::RepoLocation;
pub(crate) use percent::parity_percent;
pub(crate) use repair::{OtherCopy, Repair};
pub(crate) use selection::{Filter, Selection, Selector, SnapshotPath};
pub(crate) use subset::Subset;
pub(crate) use text::{component, name, phone, tag, threads};
pub(crate) use time::parse_snapshot_time;
pub(crate) use verbs::{
    ArchiveFormat, Backup, Cat, Check, Completions, Compression, DateFrom, Demo, Diff, Dump, Find,
    FindWithin, Forget, Forgetting, Import, Init, Key, Ls, Man, NewSlot, ObjectKind, Overwrite, Parity,
    Prune, ReadData, RecoveryCode, Restore, Shell, Snapshots, Source, Sources, Stats, Tag, TagChange,
};

use std::path::PathBuf;

use crate::output::Format;
use crate::password::Unlock;

/// A whole run.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) settings: Settings,
    pub(crate) request: Request,
}

/// What holds for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    /// 0..=2: nothing more, every file, everything.
    pub(crate) verbosity: u8,
    /// None: as many as there are processors.
    pub(crate) threads: Option<usize>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Request {
    Completions(Completions),
    Man(Man),
    Demo(Demo),
    /// Something with a repository.
    Archive(Box<Access>, Box<Verb>),
}

/// How to reach a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) repo: RepoLocation,
    pub(crate) unlock: Unlock,
    /// Where to keep the local cache; None: nowhere.
    pub(crate) cache: Option<PathBuf>,
    /// Where is remembered what was seen of repositories; None: this system names no place.
    pub(crate) state: Option<PathBuf>,
    /// The user says that what looks rolled back is as it should be.
    pub(crate) accept_rollback: bool,
    /// Bytes a key slot may ask for.
    pub(crate) kdf_memory_max: u64,
    /// Seconds by which the storage's listings lag, if that is more than the archive says.
    pub(crate) listing_delay_seconds: u32,
}

/// Something with a repository.
#[derive(Debug)]
pub(crate) enum Verb {
    Init(Init),
    Backup(Backup),
    Import(Import),
    Snapshots(Snapshots),
    Ls(Ls),
    Find(Find),
    Diff(Diff),
    Dump(Dump),
    Cat(Cat),
    Restore(Restore),
    Check(Check),
    Forget(Forget),
    Prune(Prune),
    Repair(Repair),
    Parity(Parity),
    Key(Key),
    Tag(Tag),
    Stats(Stats),
}
