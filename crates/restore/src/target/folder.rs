//! Folders of the target. A [`Folder`] is reached from the root one component at a time, and never through a link.

use super::abilities::{self, Abilities};
use super::error::There;
use super::names::{MappedName, RenameReason, map_names};
use super::stat::{self, NoMode, Parts, Warning};
use super::sys::{Dir, Found, Identity, Kind, Object};
use super::{Overwrite, Shared, StoredPath, TargetError, place, sys};
use lumivault_format::limits::TREE_DEPTH_MAX;
use lumivault_format::tree::StatRecord;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

/// How often a name is tried anew that other processes keep changing.
const ATTEMPTS: usize = 4;

/// A folder of the target. Cheap to keep and to clone: it holds no open handle of its own.
#[derive(Clone, Debug)]
pub struct Folder {
    pub(super) node: Arc<Node>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) shared: Arc<Shared>,
    place: Place,
    abilities: Arc<Abilities>,
    id: u64,
    depth: usize,
    /// Permission bits to give back if none are recorded.
    mode: u32,
    created: bool,
}

/// Windows removes no folder that is open, so none stays open that nobody holds any more.
impl Drop for Node {
    fn drop(&mut self) {
        self.shared.folders.take(self.id);
    }
}

#[derive(Debug)]
enum Place {
    Root(Arc<Dir>),
    Below {
        parent: Folder,
        stored: Vec<u8>,
        written: OsString,
        identity: Identity,
    },
}

/// A stored entry that is written under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Where it is in the archive.
    pub stored: StoredPath,
    /// Its name in the target, in the same folder.
    pub written_as: Vec<u8>,
    /// Why.
    pub reason: RenameReason,
}

impl Folder {
    pub(super) fn root(shared: Arc<Shared>, dir: Dir, mode: u32, created: bool) -> Self {
        let abilities = Arc::new(shared.abilities.clone());
        let id = shared.next_id();
        let place = Place::Root(Arc::new(dir));
        Self {
            node: Arc::new(Node {
                shared,
                place,
                abilities,
                id,
                depth: 0,
                mode,
                created,
            }),
        }
    }

    /// Where it is in the archive.
    pub fn stored_path(&self) -> StoredPath {
        let mut components = Vec::with_capacity(self.node.depth + 1);
        let mut at = self;
        while let Place::Below { parent, stored, .. } = &at.node.place {
            components.push(stored.clone());
            at = parent;
        }
        components.reverse();
        StoredPath::new(components)
    }

    /// Where an entry of it is in the archive.
    pub fn stored_path_of(&self, name: &[u8]) -> StoredPath {
        let mut components = self.stored_path().components().to_vec();
        components.push(name.to_vec());
        StoredPath::new(components)
    }

    /// What can be in it.
    pub fn abilities(&self) -> &Abilities {
        &self.node.abilities
    }

    /// Whether this restore made it.
    pub fn is_new(&self) -> bool {
        self.node.created
    }

    /// Maps the stored names of this folder, all of them, and tells which change.
    pub fn map_names(&self, names: &[&[u8]]) -> (Vec<MappedName>, Vec<Renamed>) {
        let mapped = map_names(names, self.abilities());
        let renamed = mapped
            .iter()
            .filter_map(|name| {
                Some(Renamed {
                    stored: self.stored_path_of(name.stored()),
                    written_as: name.written().to_vec(),
                    reason: name.reason()?.clone(),
                })
            })
            .collect();
        (mapped, renamed)
    }

    /// Its handle, opened anew if it was closed meanwhile. Fails if another folder or a link took its place.
    pub(super) fn dir(&self) -> Result<Arc<Dir>, TargetError> {
        let node = &*self.node;
        let (parent, written, identity) = match &node.place {
            Place::Root(dir) => return Ok(Arc::clone(dir)),
            Place::Below {
                parent,
                written,
                identity,
                ..
            } => (parent, written, identity),
        };
        if let Some(dir) = node.shared.folders.get(node.id) {
            return Ok(dir);
        }
        let outer = parent.dir()?;
        let dir = match outer.open_dir(written) {
            Ok(dir) => dir,
            Err(cause) => return Err(self.not_a_folder_any_more(&outer, written, cause)),
        };
        let found = dir.found().map_err(|cause| self.failed("opening", cause))?;
        if found.identity != *identity {
            return Err(self.changed());
        }
        let dir = Arc::new(dir);
        node.shared.folders.put(node.id, Arc::clone(&dir));
        Ok(dir)
    }

    fn not_a_folder_any_more(&self, outer: &Dir, written: &OsStr, cause: io::Error) -> TargetError {
        match outer.find(written) {
            Ok(Some(found)) if found.kind == Kind::Folder => self.failed("opening", cause),
            Ok(_) => self.changed(),
            Err(_) => self.failed("opening", cause),
        }
    }

    fn changed(&self) -> TargetError {
        let path = self.stored_path();
        TargetError::Changed { path }
    }

    pub(super) fn failed(&self, action: &'static str, cause: io::Error) -> TargetError {
        TargetError::of(action, self.stored_path(), cause)
    }

    pub(super) fn failed_at(&self, action: &'static str, name: &MappedName, cause: io::Error) -> TargetError {
        TargetError::of(action, self.stored_path_of(name.stored()), cause)
    }

    pub(super) fn in_the_way(&self, name: &MappedName, kind: Kind) -> TargetError {
        let path = self.stored_path_of(name.stored());
        let there = match kind {
            Kind::File => There::File,
            Kind::Folder => There::Folder,
            Kind::Symlink => There::Symlink,
            Kind::Other => There::Other,
        };
        TargetError::InTheWay { path, there }
    }

    /// The name for the system. Mapping under other abilities than the target's could yield one that is a path here.
    pub(super) fn component(&self, name: &MappedName) -> Result<OsString, TargetError> {
        sys::name_from_bytes(name.written())
            .filter(|_| sys::single_component(name.written()))
            .ok_or_else(|| TargetError::NotAName {
                path: self.stored_path_of(name.stored()),
            })
    }

    /// Opens or makes a folder in this one, for its owner alone until [`finish`](Self::finish). What is there and no
    /// folder is replaced if `overwrite` allows; a link is never followed.
    pub fn create_folder(&self, name: &MappedName, overwrite: Overwrite) -> Result<Self, TargetError> {
        let written = self.component(name)?;
        if self.node.depth >= TREE_DEPTH_MAX {
            let path = self.stored_path_of(name.stored());
            return Err(TargetError::TooDeep { path });
        }
        let outer = self.dir()?;
        let failed = |cause| self.failed_at("making the folder", name, cause);
        for _ in 0..ATTEMPTS {
            let created = match outer.create_dir(&written, 0o700) {
                Ok(()) => true,
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => false,
                Err(cause) => return Err(failed(cause)),
            };
            match outer.find(&written).map_err(failed)? {
                Some(found) if found.kind == Kind::Folder => {
                    return self.open_below(&outer, name, written, created);
                }
                Some(found) if overwrite == Overwrite::Never => return Err(self.in_the_way(name, found.kind)),
                Some(_) => place::remove_if_there(&outer, &written).map_err(failed)?,
                None => {}
            }
        }
        let path = self.stored_path_of(name.stored());
        Err(TargetError::Changed { path })
    }

    /// Opens a folder that is there, to look into it: nothing is made, replaced or made writable. `None` if nothing or
    /// something else has the name. What it can hold is taken to be what this folder can.
    pub fn open_folder(&self, name: &MappedName) -> Result<Option<Self>, TargetError> {
        let written = self.component(name)?;
        let failed = |cause| self.failed_at("opening the folder", name, cause);
        if self.node.depth >= TREE_DEPTH_MAX {
            let path = self.stored_path_of(name.stored());
            return Err(TargetError::TooDeep { path });
        }
        let outer = self.dir()?;
        match outer.find(&written).map_err(failed)? {
            Some(found) if found.kind == Kind::Folder => {}
            _ => return Ok(None),
        }
        let dir = outer.open_dir(&written).map_err(failed)?;
        let found = dir.found().map_err(failed)?;
        let abilities = Arc::clone(&self.node.abilities);
        Ok(Some(self.below(name, written, (dir, found), abilities, false)))
    }

    fn open_below(
        &self,
        outer: &Dir,
        name: &MappedName,
        written: OsString,
        created: bool,
    ) -> Result<Self, TargetError> {
        let failed = |cause| self.failed_at("opening the folder", name, cause);
        let dir = outer.open_dir(&written).map_err(failed)?;
        let found = dir.found().map_err(failed)?;
        let abilities = if created {
            Arc::clone(&self.node.abilities)
        } else {
            make_writable(&dir, &found);
            self.abilities_of(outer, &dir, &found).map_err(failed)?
        };
        Ok(self.below(name, written, (dir, found), abilities, created))
    }

    fn below(
        &self,
        name: &MappedName,
        written: OsString,
        (dir, found): (Dir, Found),
        abilities: Arc<Abilities>,
        created: bool,
    ) -> Self {
        let shared = Arc::clone(&self.node.shared);
        let id = shared.next_id();
        shared.folders.put(id, Arc::new(dir));
        Self {
            node: Arc::new(Node {
                mode: if created { shared.folder_mode } else { found.mode },
                shared,
                place: Place::Below {
                    parent: self.clone(),
                    stored: name.stored().to_vec(),
                    written,
                    identity: found.identity,
                },
                abilities,
                id,
                depth: self.node.depth + 1,
                created,
            }),
        }
    }

    /// A folder that was there may be another file system's, or ignore case where its parent does not.
    fn abilities_of(&self, outer: &Dir, dir: &Dir, found: &Found) -> io::Result<Arc<Abilities>> {
        let same_system = outer.found()?.identity.device == found.identity.device;
        if same_system && !(self.abilities().case_sensitive && dir.folds_case()) {
            return Ok(Arc::clone(&self.node.abilities));
        }
        let probed = abilities::probe(dir, &self.node.shared.temps.next())?;
        Ok(Arc::new(probed.abilities))
    }

    /// Gives the folder its final metadata, when nothing is written beneath it any more: deepest folders first.
    /// Without a record a new folder gets the system's default permissions, and an old one those it had.
    pub fn finish(&self, stat: Option<&StatRecord>) -> Result<Vec<Warning>, TargetError> {
        let node = &*self.node;
        let dir = self.dir()?;
        let warnings = if let Some(stat) = stat {
            stat::check_critical(stat, || self.stored_path())?;
            stat::apply(
                &node.shared,
                Object::Folder(&dir),
                stat,
                Parts::All,
                NoMode::Set(node.mode),
            )
        } else if let Err(cause) = sys::set_mode(Object::Folder(&dir), node.mode) {
            vec![Warning::Mode(cause)]
        } else {
            Vec::new()
        };
        node.shared.folders.take(node.id);
        Ok(warnings)
    }
}

/// Lets the owner write to a folder that was there. If that fails, so will the first write, and say so.
pub(super) fn make_writable(dir: &Dir, found: &Found) {
    if found.mode & 0o700 != 0o700 {
        let _ = sys::set_mode(Object::Folder(dir), found.mode | 0o700);
    }
}
