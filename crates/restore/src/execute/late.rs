//! The second pass: further names of files, special files, and symbolic links, when every file and folder is there.

use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_format::tree::{ContentRecord, EntryKind};

use super::Restore;
use super::file::FileWork;
use super::files::Masters;
use super::places::Places;
use super::wave::Wave;
use crate::RestoreError;
use crate::error::{About, Cause, stops_writing};
use crate::plan::{Action, Item, Opened, Pass, Spot, Subfolder, Visit, group_of};
use crate::target::{Folder, Outcome, SpecialKind, TargetError};

pub(super) struct LatePass<'f, 'e, 'r> {
    restore: &'f Restore<'e, 'r>,
    places: &'f mut Places,
    masters: Masters,
    /// Files that cannot be linked and are written on their own.
    wave: Wave,
}

impl<'f, 'e, 'r> LatePass<'f, 'e, 'r> {
    pub(super) fn new(restore: &'f Restore<'e, 'r>, places: &'f mut Places, masters: Masters) -> Self {
        Self {
            restore,
            places,
            masters,
            wave: Wave::default(),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), RestoreError> {
        self.wave.run(&self.restore.engine)
    }

    fn link(
        &mut self,
        here: &Folder,
        item: &Item,
        content: &Arc<ContentRecord>,
        position: usize,
    ) -> Result<(), RestoreError> {
        let engine = &self.restore.engine;
        let path = || here.stored_path_of(item.name.stored());
        let master = group_of(item).and_then(|group| self.masters.get(&group));
        let linked = match master.filter(|(.., position)| !engine.is_absent(*position)) {
            Some((folder, name, _)) => {
                here.hard_link(&item.name, (folder, name), self.restore.overwrite(Action::Link))
            }
            None => return self.copy(here, item, content, position),
        };
        match linked.map(|finished| self.restore.count(path, finished)) {
            Ok(Outcome::Written) => engine.tally.linked(),
            Ok(Outcome::NotSupported) => {
                engine.report.notice(path(), About::LinkCopied);
                return self.copy(here, item, content, position);
            }
            Ok(_) => engine.set_absent(position),
            Err(TargetError::NotRegular { .. }) => return self.copy(here, item, content, position),
            Err(error) if stops_writing(&error) => return Err(error.into()),
            Err(error) => {
                engine.set_absent(position);
                engine.report.problem(path(), Cause::Target(error.into()));
            }
        }
        Ok(())
    }

    /// The file gets a content of its own.
    fn copy(
        &mut self,
        here: &Folder,
        item: &Item,
        content: &Arc<ContentRecord>,
        position: usize,
    ) -> Result<(), RestoreError> {
        let file = FileWork::new(
            (here, &item.name),
            item.entry.stat.clone(),
            Arc::clone(content),
            (Action::Create, position),
            self.restore.overwrite(Action::Link),
        );
        self.wave.add(&self.restore.engine, file, None)
    }

    fn other(&mut self, here: &Folder, item: &Item, action: Action) -> Result<(), RestoreError> {
        let engine = &self.restore.engine;
        let path = || here.stored_path_of(item.name.stored());
        let (stat, overwrite) = (&item.entry.stat, self.restore.overwrite(action));
        let special = |kind| here.create_special(&item.name, kind, stat, overwrite);
        let made = match &item.entry.name.kind {
            EntryKind::Symlink { target } => here.create_symlink(&item.name, target, stat, overwrite),
            EntryKind::Fifo => special(SpecialKind::Fifo),
            EntryKind::Socket => special(SpecialKind::Socket),
            EntryKind::CharDevice => special(SpecialKind::CharDevice),
            EntryKind::BlockDevice => special(SpecialKind::BlockDevice),
            EntryKind::File { .. } | EntryKind::Folder => return Ok(()),
        };
        match made.map(|finished| self.restore.count(path, finished)) {
            Ok(Outcome::Written) => engine.tally.other(),
            Ok(_) => {}
            Err(error) if stops_writing(&error) => return Err(error.into()),
            Err(error) => engine.report.problem(path(), Cause::Target(error.into())),
        }
        Ok(())
    }
}

impl Pass for LatePass<'_, '_, '_> {
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError> {
        if !folder.mark.late {
            return Ok(Opened::Skip);
        }
        self.places.reopen(self.restore, parent, folder)
    }

    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        let Some(here) = visit.here else { return Ok(()) };
        for ((item, action), position) in visit.listing.items.iter().zip(visit.actions).zip(visit.first..) {
            self.restore.engine.check_cancelled()?;
            match visit.listing.content(item) {
                Some(content) if *action == Action::Link => self.link(here, item, content, position)?,
                None if action.writes_content() => self.other(here, item, *action)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn leave(&mut self, _here: Option<Folder>, _folder: &Subfolder) -> Result<(), RestoreError> {
        Ok(())
    }

    fn unreadable(&mut self, spot: &Spot, error: Error) {
        self.restore.engine.unreadable(&spot.path, error);
    }
}
