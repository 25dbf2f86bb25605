//! Folders of one path that are read as one.

use lumivault_chunk_store::Error;
use lumivault_format::tree::{FolderRef, StatRecord};

use crate::browse::set::Set;
use crate::browse::streams::{Content, Cursor, NameAt, Names, Opened, PieceSource, malformed};

/// Folders that differ in nothing that is searched, or in their subfolders' references only.
pub(super) struct Class {
    pub(super) names: Names,
    pub(super) contents: Cursor<Content>,
    /// Of its newest folder.
    pub(super) stats: Cursor<StatRecord>,
    pub(super) set: Set,
    pub(super) members: Vec<Member>,
    pub(super) next: Option<NameAt>,
}

/// Folders of a class with the same references.
pub(super) struct Member {
    pub(super) folders: Cursor<FolderRef>,
    pub(super) set: Set,
}

impl Class {
    /// A class of one folder.
    pub(super) fn new(folder: Opened, set: Set) -> Self {
        Self {
            names: folder.names,
            contents: folder.contents,
            stats: folder.stats,
            set: set.clone(),
            members: vec![Member {
                folders: folder.folders,
                set,
            }],
            next: None,
        }
    }

    /// Tells folders of different classes.
    pub(super) fn key(folder: &Opened, with_times: bool) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        folder.names.identify(&mut hasher);
        folder.contents.identify(&mut hasher);
        if with_times {
            folder.stats.identify(&mut hasher);
        }
        *hasher.finalize().as_bytes()
    }

    /// Adds a folder, older than those before.
    pub(super) fn add(&mut self, folders: Cursor<FolderRef>, set: Set) {
        self.set.add(&set);
        match self
            .members
            .iter_mut()
            .find(|member| member.folders.same_as(&folders))
        {
            Some(member) => member.set.add(&set),
            None => self.members.push(Member { folders, set }),
        }
    }

    pub(super) fn advance(&mut self, source: PieceSource<'_, '_>) -> Result<bool, Error> {
        self.next = self.names.next(source)?;
        let whole = |member: &Member| member.folders.records() == self.names.folders();
        if self.next.is_none() && !self.members.iter().all(whole) {
            return Err(malformed("its names do not fit its other streams"));
        }
        Ok(self.next.is_some())
    }

    /// Lets go of what was read while something else is. The name at hand stays: it holds its piece.
    pub(super) fn park(&mut self) {
        self.names.park();
        self.contents.park();
        self.stats.park();
        for member in &mut self.members {
            member.folders.park();
        }
    }
}
