//! The first pass: folders and files.

use std::collections::HashMap;
use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_format::tree::{ContentRecord, EntryKind};

use super::Restore;
use super::file::FileWork;
use super::places::Places;
use super::wave::Wave;
use crate::RestoreError;
use crate::error::{About, Cause, stops_writing};
use crate::plan::{Action, Item, Opened, Pass, Spot, Subfolder, Visit, group_of, stored_path};
use crate::target::{Folder, MappedName, Outcome, Overwrite, TargetError};

/// Where the first files of hard-link groups are.
pub(super) type Masters = HashMap<[u8; 8], (Folder, MappedName, usize)>;

pub(super) struct FilesPass<'f, 'e, 'r> {
    restore: &'f Restore<'e, 'r>,
    places: &'f mut Places,
    /// Whether an interrupted restore may have left temporary files.
    interrupted: bool,
    wave: Wave,
    masters: Masters,
}

impl<'f, 'e, 'r> FilesPass<'f, 'e, 'r> {
    pub(super) fn new(restore: &'f Restore<'e, 'r>, places: &'f mut Places, interrupted: bool) -> Self {
        Self {
            restore,
            places,
            interrupted,
            wave: Wave::default(),
            masters: Masters::new(),
        }
    }

    pub(super) fn finish(mut self) -> Result<Masters, RestoreError> {
        self.wave.run(&self.restore.engine)?;
        Ok(self.masters)
    }

    fn item(
        &mut self,
        (spot, here): (&Spot, &Folder),
        item: &Item,
        content: Option<&Arc<ContentRecord>>,
        (action, position): (Action, usize),
    ) -> Result<(), RestoreError> {
        let report = &self.restore.engine.report;
        let path = || stored_path(&spot.path_of(&item.entry.name.name));
        report.renamed(path, &item.name);
        match action {
            Action::NotAsked => report.notice(path(), About::NotAsked),
            Action::NotSupported => report.notice(path(), About::NotSupported),
            Action::Keep | Action::KeepNewer => self.restore.engine.tally.kept(),
            _ => {}
        }
        let Some(content) = content else {
            return Ok(());
        };
        if action.restores() && action != Action::Link {
            self.note_master(here, item, position);
        }
        match action {
            Action::Unchanged => self.restore.engine.tally.restored(action, 0),
            Action::Metadata => self.metadata(here, item, content, position)?,
            _ if action.writes_content() => self.write(here, item, content, (action, position))?,
            _ => {}
        }
        Ok(())
    }

    fn write(
        &mut self,
        here: &Folder,
        item: &Item,
        content: &Arc<ContentRecord>,
        (action, position): (Action, usize),
    ) -> Result<(), RestoreError> {
        let restore = self.restore;
        let file = FileWork::new(
            (here, &item.name),
            item.entry.stat.clone(),
            Arc::clone(content),
            (action, position),
            restore.overwrite(action),
        );
        let matched = restore.plan.tape.matched(position);
        self.wave.add(&restore.engine, file, matched.map(|m| &**m))
    }

    fn metadata(
        &mut self,
        here: &Folder,
        item: &Item,
        content: &Arc<ContentRecord>,
        position: usize,
    ) -> Result<(), RestoreError> {
        let path = || here.stored_path_of(item.name.stored());
        let engine = &self.restore.engine;
        let fixed = match here.open_existing(&item.name) {
            Ok(Some(file)) => file.fix_metadata(&item.entry.stat).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match fixed {
            Ok(Some(finished)) if finished.outcome == Outcome::Written => {
                engine.tally.restored(Action::Metadata, 0);
                engine.report.warnings(path, finished.warnings);
                Ok(())
            }
            // Gone, or linked to, since the plan was made.
            Ok(_) => self.write(here, item, content, (Action::Replace, position)),
            Err(error) => {
                engine.set_absent(position);
                self.problem(path(), error)
            }
        }
    }

    fn note_master(&mut self, here: &Folder, item: &Item, position: usize) {
        let Some(group) = group_of(item) else { return };
        let first = self.restore.plan.groups.get(&group);
        if first.is_some_and(|first| first.shared && first.position == position) {
            self.masters
                .insert(group, (here.clone(), item.name.clone(), position));
        }
    }

    fn problem(&self, path: crate::target::StoredPath, error: TargetError) -> Result<(), RestoreError> {
        if stops_writing(&error) {
            return Err(error.into());
        }
        self.restore
            .engine
            .report
            .problem(path, Cause::Target(error.into()));
        Ok(())
    }
}

impl Pass for FilesPass<'_, '_, '_> {
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError> {
        let Some(parent) = parent else {
            return Ok(Opened::Skip);
        };
        let overwrite = match folder.action {
            Action::Replace => Overwrite::Always,
            _ => Overwrite::Never,
        };
        let opened = parent.create_folder(&folder.name, overwrite).and_then(|place| {
            if self.interrupted && !place.is_new() {
                place.clean_leftovers()?;
            }
            Ok(place)
        });
        match opened {
            Ok(place) => {
                self.places.keep(folder, &place);
                Ok(Opened::Into(Some(place)))
            }
            Err(error) => {
                self.problem(parent.stored_path_of(folder.name.stored()), error)?;
                self.places.set_failed(folder);
                Ok(Opened::Skip)
            }
        }
    }

    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        let Some(here) = visit.here else { return Ok(()) };
        for ((item, action), position) in visit.listing.items.iter().zip(visit.actions).zip(visit.first..) {
            if *action != Action::Leave {
                let content = visit.listing.content(item);
                self.item((visit.spot, here), item, content, (*action, position))?;
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

/// Whether an entry is a regular file.
pub(crate) fn is_file(item: &Item) -> bool {
    matches!(item.entry.name.kind, EntryKind::File { .. })
}
