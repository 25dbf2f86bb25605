//! Removing what a snapshot does not have, and what an interrupted restore left. Links are removed, never followed.

use super::file::ExistingKind;
use super::folder::make_writable;
use super::names::{MappedName, fold};
use super::path::escape;
use super::sys::{self, Dir, Kind};
use super::{Folder, TargetError, own, place};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::ControlFlow;

/// Folders open at once while a tree is removed. What is deeper is moved up first, so no depth exhausts the handles.
const OPEN_MAX: usize = 32;

/// Something in a folder of the target.
#[derive(Clone, Debug)]
pub struct Child {
    name: OsString,
    kind: Kind,
}

impl Child {
    /// Its name: bytes on Unix, WTF-8 on Windows.
    pub fn name(&self) -> Vec<u8> {
        sys::name_to_bytes(&self.name)
    }

    /// Its name as it may be shown.
    pub fn display_name(&self) -> String {
        escape(&self.name())
    }

    /// What it is.
    pub fn kind(&self) -> ExistingKind {
        self.kind.into()
    }
}

impl Folder {
    /// What is in this folder, apart from what restores themselves need there, in byte order of the names.
    pub fn children(&self) -> Result<Vec<Child>, TargetError> {
        let mut children = self.all_children()?;
        children.retain(|child| {
            let name = child.name();
            name != own::MARKER.as_bytes() && !own::is_temp(&name)
        });
        children.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(children)
    }

    /// What is in this folder and is none of `keep`, the mapped names of everything that belongs there. Names that
    /// the target takes for one are one here too.
    pub fn extraneous(&self, keep: &[MappedName]) -> Result<Vec<Child>, TargetError> {
        let kept: HashSet<Vec<u8>> = keep
            .iter()
            .map(|name| fold(name.written(), self.abilities()))
            .collect();
        let mut children = self.children()?;
        children.retain(|child| !kept.contains(&fold(&child.name(), self.abilities())));
        Ok(children)
    }

    /// Removes a child with everything in it. Gone already is as good.
    pub fn remove(&self, child: &Child) -> Result<(), TargetError> {
        let dir = self.dir()?;
        let mut name_temp = || self.node.shared.temps.next();
        remove_entry(&dir, &child.name, child.kind, &mut name_temp)
            .map_err(|cause| TargetError::of("removing", self.stored_path_of(&child.name()), cause))
    }

    /// Removes the temporary entries that interrupted restores left in this folder, those of this process excepted.
    /// Returns how many there were.
    pub fn clean_leftovers(&self) -> Result<u64, TargetError> {
        let mut removed = 0;
        for child in self.all_children()? {
            let name = child.name();
            if own::is_temp(&name) && !self.node.shared.temps.is_mine(&name) {
                self.remove(&child)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn all_children(&self) -> Result<Vec<Child>, TargetError> {
        list(&*self.dir()?).map_err(|cause| self.failed("listing", cause))
    }
}

fn list(dir: &Dir) -> io::Result<Vec<Child>> {
    let mut children = Vec::new();
    dir.entries(&mut |name, kind| {
        children.push(Child { name, kind });
        ControlFlow::Continue(())
    })?;
    Ok(children)
}

fn remove_entry(
    dir: &Dir,
    name: &OsStr,
    kind: Kind,
    name_temp: &mut dyn FnMut() -> OsString,
) -> io::Result<()> {
    if kind == Kind::Folder {
        remove_folder(dir, name, name_temp)
    } else {
        place::remove_if_there(dir, name)
    }
}

/// A folder that is being emptied.
struct Level {
    dir: Dir,
    name: OsString,
    folders: Vec<OsString>,
}

impl Level {
    /// Opens a folder and removes everything in it but folders.
    fn open(outer: &Dir, name: OsString) -> io::Result<Self> {
        let dir = outer.open_dir(&name)?;
        make_writable(&dir, &dir.found()?);
        let mut folders = Vec::new();
        for child in list(&dir)? {
            if child.kind == Kind::Folder {
                folders.push(child.name);
            } else {
                place::remove_if_there(&dir, &child.name)?;
            }
        }
        Ok(Self { dir, name, folders })
    }
}

fn remove_folder(top: &Dir, name: &OsStr, name_temp: &mut dyn FnMut() -> OsString) -> io::Result<()> {
    let mut pending = vec![name.to_owned()];
    while let Some(name) = pending.pop() {
        let mut levels = vec![Level::open(top, name)?];
        loop {
            let depth = levels.len();
            let Some(level) = levels.last_mut() else { break };
            if let Some(inner) = level.folders.pop() {
                if depth < OPEN_MAX {
                    let opened = Level::open(&level.dir, inner)?;
                    levels.push(opened);
                } else {
                    let temp = name_temp();
                    level.dir.move_to(&inner, top, &temp)?;
                    pending.push(temp);
                }
            } else if let Some(Level { dir, name, .. }) = levels.pop() {
                // Windows removes no folder that is open.
                drop(dir);
                levels.last().map_or(top, |level| &level.dir).remove_dir(&name)?;
            }
        }
    }
    Ok(())
}
