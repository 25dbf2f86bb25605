//! What becomes of each file, link and special file.

use std::sync::{Arc, Mutex, PoisonError};

use lumivault_format::tree::{ContentRecord, EntryKind, ExtraKind};

use super::listing::stored_path;
use super::{Action, Comparer, Group, Item, Listing, OverwriteWhen, Planner, Spot, tape::Matched};
use crate::RestoreError;
use crate::execute::{parallel, place_of};
use crate::target::{Existing, ExistingKind, Folder, TargetError, There};

/// What is known of an entry before contents are compared.
enum Draft {
    Done(Action),
    /// A file that is there, and whose content may be the same in part.
    Compare(Existing),
}

/// What a comparison found; `None` if the file could not be read.
type Compared = Option<(Existing, Matched)>;

impl Planner<'_, '_> {
    /// Plans everything in a folder but its subfolders. Tells whether any of it is wanted.
    pub(super) fn entries(
        &mut self,
        (spot, here): (&Spot, Option<&Folder>),
        listing: &Listing,
        (number, first): (usize, usize),
    ) -> Result<bool, RestoreError> {
        let drafts: Vec<Draft> = listing
            .items
            .iter()
            .map(|item| self.draft(spot, here, item))
            .collect();
        let compared = self.compare(here, listing, &drafts)?;
        let mut compared = compared.into_iter();
        let mut wanted = false;
        for ((item, draft), position) in listing.items.iter().zip(drafts).zip(first..) {
            let (mut action, mut matched) = match draft {
                Draft::Done(action) => (action, None),
                Draft::Compare(_) => self.judge(item, listing.content(item), compared.next().flatten()),
            };
            if item.entry.name.kind == EntryKind::Folder || action == Action::Leave {
                continue;
            }
            wanted = true;
            if let Some(content) = listing.content(item) {
                let linked = self.link(item, content, action, position);
                if linked == Action::Link {
                    matched = None;
                }
                action = linked;
                self.totals.files.add(action);
                if action.restores() {
                    self.totals.file_bytes += content.len();
                }
                if action.writes_content() {
                    self.count(content, matched.as_ref());
                }
            } else {
                self.totals.others.add(action);
            }
            let late = match item.entry.name.kind {
                EntryKind::File { .. } => action == Action::Link,
                _ => action.writes_content(),
            };
            if late {
                self.tape.set_late(number);
            }
            if let Some(matched) = matched.filter(|_| action == Action::Update) {
                self.tape.set_matched(position, matched);
            }
            self.totals.renamed += u64::from(item.name.reason().is_some());
            self.tape.set(position, action);
        }
        Ok(wanted)
    }

    fn draft(&self, spot: &Spot, here: Option<&Folder>, item: &Item) -> Draft {
        let kind = &item.entry.name.kind;
        if *kind == EntryKind::Folder || !item.verdict.selected {
            return Draft::Done(Action::Leave);
        }
        let path = || spot.path_of(&item.entry.name.name);
        if self.refuses(item, &path()) {
            return Draft::Done(Action::Refuse);
        }
        match kind {
            EntryKind::Symlink { .. } if !self.abilities.symlinks => {
                return Draft::Done(Action::NotSupported);
            }
            EntryKind::File { .. } | EntryKind::Symlink { .. } | EntryKind::Folder => {}
            _ if !self.request.special.special_files => return Draft::Done(Action::NotAsked),
            _ => {}
        }
        let there = here.map(|folder| folder.existing(&item.name)).transpose();
        match there {
            Ok(None | Some(None)) => Draft::Done(Action::Create),
            Ok(Some(Some(found))) => self.draft_over((item, &path()), here, found),
            Err(error) => {
                self.problem(&stored_path(&path()), error);
                Draft::Done(Action::Blocked)
            }
        }
    }

    /// Whether an entry has an extra field that must be understood and is not.
    pub(super) fn refuses(&self, item: &Item, path: &[u8]) -> bool {
        let unknown = item.entry.stat.extras.iter().find_map(|extra| match extra.kind {
            ExtraKind::Unknown(number) if extra.critical => Some(number),
            _ => None,
        });
        if let Some(number) = unknown {
            let path = stored_path(path);
            self.problem(&path.clone(), TargetError::UnknownCritical { path, number });
        }
        unknown.is_some()
    }

    fn draft_over(&self, (item, path): (&Item, &[u8]), here: Option<&Folder>, found: Existing) -> Draft {
        if let Some(keep) = self.keeps(item, &found) {
            return Draft::Done(keep);
        }
        let same_time = same_time(item, &found);
        let trust = self.mode == OverwriteWhen::IfChanged && same_time;
        match (&item.entry.name.kind, found.kind) {
            (_, ExistingKind::Folder) => {
                if here.is_some_and(|folder| is_empty(folder, item)) {
                    return Draft::Done(Action::Replace);
                }
                let path = stored_path(path);
                let there = There::Folder;
                self.problem(&path.clone(), TargetError::InTheWay { path, there });
                Draft::Done(Action::Blocked)
            }
            (EntryKind::File { .. }, ExistingKind::File) => Draft::Compare(found),
            (EntryKind::Symlink { .. }, ExistingKind::Symlink) if trust => Draft::Done(Action::Unchanged),
            _ => Draft::Done(Action::Replace),
        }
    }

    /// Compares what is to be compared, several files at once, in the order of the listing.
    fn compare(
        &self,
        here: Option<&Folder>,
        listing: &Listing,
        drafts: &[Draft],
    ) -> Result<Vec<Compared>, RestoreError> {
        let jobs: Vec<(&Item, &ContentRecord, Existing)> = listing
            .items
            .iter()
            .zip(drafts)
            .filter_map(|(item, draft)| match draft {
                Draft::Compare(found) => Some((item, &**listing.content(item)?, *found)),
                Draft::Done(_) => None,
            })
            .collect();
        let results: Vec<Mutex<Compared>> = jobs.iter().map(|_| Mutex::new(None)).collect();
        let (Some(folder), false) = (here, jobs.is_empty()) else {
            return Ok(Vec::new());
        };
        let comparer = || Comparer::new(self.reader.repository(), &self.budget);
        parallel::for_each(self.request.threads, jobs.len(), comparer, |comparer, number| {
            let (Some((item, content, found)), Some(result)) = (jobs.get(number), results.get(number)) else {
                return Ok(());
            };
            let compared = self.compare_one(comparer, folder, (item, content), found)?;
            *result.lock().unwrap_or_else(PoisonError::into_inner) = compared;
            Ok(())
        })?;
        let results = results.into_iter();
        Ok(results
            .map(|one| one.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect())
    }

    fn compare_one(
        &self,
        comparer: &mut Comparer<'_>,
        folder: &Folder,
        (item, content): (&Item, &ContentRecord),
        found: &Existing,
    ) -> Result<Compared, RestoreError> {
        let unchanged = self.mode == OverwriteWhen::IfChanged && same_time(item, found);
        if unchanged && found.size == content.len() {
            return Ok(Some((*found, vec![true; content.extents.len()].into())));
        }
        let matched = folder
            .open_existing(&item.name)
            .map_err(RestoreError::from)
            .and_then(|file| {
                let Some(file) = file else { return Ok(None) };
                let found = file.info();
                Ok(Some((found, comparer.matched(&file, content)?)))
            });
        match matched {
            // What cannot be read is replaced, if that is possible.
            Err(RestoreError::Target(_)) => Ok(None),
            other => other,
        }
    }

    /// What becomes of a file that was compared.
    fn judge(
        &self,
        item: &Item,
        content: Option<&Arc<ContentRecord>>,
        compared: Compared,
    ) -> (Action, Option<Matched>) {
        let (Some(content), Some((found, matched))) = (content, compared) else {
            return (Action::Replace, None);
        };
        if found.size == content.len() && matched.iter().all(|m| *m) {
            return match (self.same_metadata(item, &found), found.links) {
                (true, _) => (Action::Unchanged, None),
                (false, 0 | 1) => (Action::Metadata, None),
                // Another name of it may lie outside of the target.
                (false, _) => (Action::Update, Some(matched)),
            };
        }
        let mut extents = content.extents.iter().zip(&matched);
        if extents.any(|(extent, matched)| *matched && extent.chunk().is_some()) {
            (Action::Update, Some(matched))
        } else {
            (Action::Replace, None)
        }
    }

    /// Whether a file has its metadata already, as far as a look can tell.
    fn same_metadata(&self, item: &Item, found: &Existing) -> bool {
        let stat = &item.entry.stat;
        let same_mode = stat.mode.is_none_or(|mode| mode & 0o777 == found.mode & 0o777);
        let hidden = stat.extras.iter().any(|extra| extra.kind == ExtraKind::Xattr);
        same_time(item, found)
            && (same_mode || !self.abilities.modes)
            && (!hidden || self.mode == OverwriteWhen::IfChanged)
    }

    /// Whether a file becomes another name of one before it instead.
    fn link(&mut self, item: &Item, content: &ContentRecord, action: Action, position: usize) -> Action {
        let Some(group) = group_of(item).filter(|_| self.abilities.hard_links && action.restores()) else {
            return action;
        };
        let content = self.reader.repository().content_id(content);
        match self.groups.get_mut(&group) {
            Some(first) if first.content == content => {
                if action.writes_content() || first.written {
                    first.shared = true;
                    return Action::Link;
                }
            }
            // Not the same content, so not the same file, whatever the group says.
            Some(_) => {}
            None => {
                let first = Group {
                    position,
                    content,
                    written: action.writes_content(),
                    shared: false,
                };
                self.groups.insert(group, first);
            }
        }
        action
    }

    /// Counts what a file needs.
    fn count(&mut self, content: &ContentRecord, matched: Option<&Matched>) {
        self.totals.write_bytes += content.len();
        let index = self.reader.index();
        let places: Result<Vec<_>, _> = content.extents.iter().map(|e| place_of(index, e)).collect();
        let Ok(places) = places else {
            self.totals.missing_files += 1;
            return;
        };
        self.census.add_file();
        for (number, (extent, place)) in content.extents.iter().zip(places).enumerate() {
            let Some(place) = place else { continue };
            let is_there = matched.and_then(|m| m.get(number)).copied().unwrap_or(false);
            if is_there {
                self.totals.reuse_bytes += extent.len();
                self.census.add_copy();
            } else {
                self.census.add_chunk(&place, &mut self.totals);
            }
        }
    }
}

/// The hard-link group of an entry.
pub(crate) fn group_of(item: &Item) -> Option<[u8; 8]> {
    let mut extras = item.entry.stat.extras.iter();
    let extra = extras.find(|extra| extra.kind == ExtraKind::HardLink)?;
    extra.value.as_slice().try_into().ok()
}

fn same_time(item: &Item, found: &Existing) -> bool {
    let stat = &item.entry.stat;
    (found.mtime_seconds, found.mtime_nanoseconds) == (stat.mtime_seconds, stat.mtime_nanoseconds)
}

fn is_empty(folder: &Folder, item: &Item) -> bool {
    let inner = folder.open_folder(&item.name).ok().flatten();
    inner.is_some_and(|inner| inner.children().is_ok_and(|children| children.is_empty()))
}
